/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/model.h"

/* Who set the type on a VF, which the kernel does not tell: the file
 * run/vgpumgr/vgpu-BDF, written before the type is and gone with it. It does not outlive
 * a boot, as the type does not. */

/* Notes down that UUID's type TYPE_ID is about to be set. Who cannot write it does
 * without: the record tells as well, once it says that the vGPU was made in this boot. */
void vfio_mark_set(int root_fd, const struct bdf *vf, const char *uuid, uint32_t type_id);
void vfio_mark_clear(int root_fd, const struct bdf *vf);

/* The UUID whose type TYPE_ID was set on VF in this boot, "" where nobody noted any. */
void vfio_mark_read(int root_fd, const struct bdf *vf, uint32_t type_id,
		    char ret[UUID_SIZE]);
