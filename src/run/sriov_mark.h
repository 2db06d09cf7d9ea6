/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/bdf.h"
#include "util/error.h"

/* Under which load of the driver sriov-manage was last used on a GPU, and whether that
 * came to an end: the file run/vgpumgr/sriov-BDF, which does not outlive a boot. */

/* How often sriov-manage is run for one GPU before it is given up. */
#define SRIOV_TRIES 3

/* Notes down that the switching begins, or that it has come to an END, well or not.
 * Without the file it may be tried once too often: what goes wrong is not told. */
void sriov_mark(int root_fd, const struct bdf *gpu, bool end);

/* Notes down, of a GPU whose virtual functions are on, that there is nothing to switch
 * under this load of the driver: if somebody switches them off, that is meant. */
void sriov_mark_on(int root_fd, const struct bdf *gpu);

/* A GPU that has been waited for in vain is not waited for again as long as it STANDS as
 * it did then, under the same load of the driver: the file run/vgpumgr/given-up-BDF. */
void sriov_give_up(int root_fd, const struct bdf *gpu, const char *stands);
bool sriov_is_given_up(int root_fd, const struct bdf *gpu, const char *stands);

/* Has switching GPU begun in this boot, and not come to an end?  It may still be under
 * way. */
bool sriov_has_begun(int root_fd, const struct bdf *gpu);

/* Likewise, under this load of the driver: unless it is under way, that was cut short,
 * and it is vgpumgr's to bind the GPU again, if it has no driver or pci-pf-stub. */
bool sriov_was_cut_short(int root_fd, const struct bdf *gpu);

/* May a run that nobody asked for by hand switch GPU's virtual functions?  Once for each
 * load of the driver, or its own rebinding, which fires the events that start such runs,
 * would make a loop; and after a reload only while nvidia-vgpu-mgr is there. *RET_TRIES
 * is 1 then, else SRIOV_TRIES. -EALREADY or -ESRCH where it may not. */
int sriov_may_restore(int root_fd, uint32_t *ret_tries, const struct bdf *gpu,
		      struct error *err);
