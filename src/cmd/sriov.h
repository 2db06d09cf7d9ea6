/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/view.h"

/* How often sriov-manage is run for one GPU before it is given up. */
#define SRIOV_TRIES 3

struct sriov_request {
	struct bdf gpu;
	uint32_t n_vfs; /* 0: off */
	uint32_t tries;
	bool bind_only;
};

/* Queues the switching of a GPU's virtual functions in a lane of its own, in which one
 * GPU's turn comes after another's, and notes down in run/vgpumgr that it was tried
 * under this load of the driver. *RET_LOCK_FD is a lock file the job holds: close it when
 * the result is there. */
int sriov_queue(struct context *ctx, struct jobs *jobs,
		const struct sriov_request *request, uint64_t tag, int *ret_lock_fd,
		struct error *err);

/* Notes down that the switching has come to an end, well or not. */
void sriov_finished(struct context *ctx, const struct bdf *gpu);

/* Was GPU being switched by vgpumgr, under this load of the driver, when that was cut
 * short?  Then it is vgpumgr's to bind it again, if it has no driver. */
bool sriov_was_cut_short(struct context *ctx, const struct bdf *gpu);

/* May a run that nobody asked for by hand switch GPU's virtual functions?  Once for each
 * load of the driver, or its own rebinding, which fires the events that start such runs,
 * would make a loop; and after a reload only while nvidia-vgpu-mgr is there. *RET_TRIES
 * is 1 then, else SRIOV_TRIES. -EALREADY or -ESRCH where it may not. */
int sriov_may_restore(struct context *ctx, const struct bdf *gpu, uint32_t *ret_tries,
		      struct error *err);

/* `sriov restore`: what is wanted or implied by what is saved, each GPU as it comes,
 * within the settings' deadlines. 0 or ERROR_DRIFT with all said, or negative. */
int sriov_restore(struct context *ctx, struct error *err);

/* A lock file's descriptor of its own open file description, for what happens once at a
 * time on a host: beside the store, or in run/vgpumgr where that is on a file system that
 * went read-only. The caller closes it. */
int host_open_lock(struct context *ctx, struct error *err);
