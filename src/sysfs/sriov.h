/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/model.h"
#include "sysfs/sysfs.h"

/* Virtual functions of one PF. GPU_FD is that of its device directory. `sriov_numvfs` is
 * never read: that can hang in the kernel for as long as a VF's user does not let go, so
 * VFs are counted by their links. Source: drivers/pci/iov.c. */

/* 0 where the function has no SR-IOV. */
int sriov_total(int gpu_fd, uint32_t *ret, struct error *err);

/* Appends the PF's VFs, sorted by index, to VFS, an array of *N with room for *ROOM that
 * may be moved; sets only bdf, index and gpu. A link that does not name a PCI address is
 * left out and reported by the return value -EPROTO, after the others were added. */
int sriov_list_vfs(int gpu_fd, uint32_t gpu, struct parent **vfs, size_t *n, size_t *room,
		   struct error *err);

/* Writes sriov_numvfs; ENOENT where the bound driver cannot do it, as NVIDIA's cannot. */
int sriov_set(int gpu_fd, uint32_t n_vfs, struct error *err);
