/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/model.h"
#include "sysfs/sysfs.h"

/* NVIDIA's sriov-manage has the kernel bind a GPU to pci-pf-stub, by its device id, since
 * only that driver can switch virtual functions. The kernel then binds every other
 * function of that id that has no driver at the moment, too: GPUs that the nvidia driver
 * has not come to yet. */

/* Names the physical functions of GPU's ids that have no driver, GPU aside. */
int pf_stub_list_unbound(int root_fd, const struct bdf *gpu, struct names *ret,
			 struct error *err);

/* Takes pci-pf-stub from those of NAMES that have it now. */
void pf_stub_release(int root_fd, const struct names *names);

/* Takes GPU's id back from pci-pf-stub, where a run of ours on a GPU of this id has begun
 * and not ended: as long as it is there, every further sriov-manage fails for all of
 * them. Who calls holds LOCK_SRIOV. Not while another GPU of this id is with pci-pf-stub,
 * or at work on, by anybody else. */
void pf_stub_take_id(int root_fd, const struct bdf *gpu, int lock_fd);

/* Has GPU, as it was looked at, no driver or pci-pf-stub, and by a run of ours? */
bool pf_stub_is_left(int root_fd, const struct gpu *gpu);

/* Binds GPU to nvidia, if it has no driver or is left with pci-pf-stub. Has it another
 * driver than that now? */
bool pf_stub_rebind(int root_fd, const struct bdf *gpu);
