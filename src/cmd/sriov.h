/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/view.h"

struct sriov_request {
	struct bdf gpu;
	uint32_t n_vfs;		 /* 0: off */
	bool bind_only, restore; /* as of struct sriov_job */
};

/* Queues the switching of a GPU's virtual functions in a lane of its own, in which one
 * GPU's turn comes after another's. *RET_LOCK_FD is a lock file the job holds: close it
 * when the result is there. */
int sriov_queue(struct context *ctx, struct jobs *jobs,
		const struct sriov_request *request, uint64_t tag, int *ret_lock_fd,
		struct error *err);

/* `sriov restore`: what is wanted or implied by what is saved, each GPU as it comes,
 * within the settings' deadlines. 0 or ERROR_DRIFT with all said, or negative. */
int sriov_restore(struct context *ctx, struct error *err);

/* A lock file's descriptor of its own open file description, for what happens once at a
 * time on a host: beside the store, or in run/vgpumgr where that is on a file system that
 * went read-only. The caller closes it. */
int host_open_lock(struct context *ctx, struct error *err);
