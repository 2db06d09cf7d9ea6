/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "sysfs/sysfs.h"

/* NVIDIA's vendor-specific VFIO framework, VF/nvidia/…: as much as is needed to leave
 * what lives there alone. */

/* Does the function offer vGPUs in this way?  If so, RET gets nvidia/current_vgpu_type,
 * the id of what is made on it, 0 for nothing. 1 yes, 0 no, negative where it cannot be
 * told. */
int vfio_current_type(int devices_fd, const char *name, uint32_t *ret, struct error *err);
