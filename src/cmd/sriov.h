/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/view.h"

/* Queues the switching of GPU's virtual functions to N_VFS (0: off) in a lane of its own,
 * in which one GPU's turn comes after another's. *RET_LOCK_FD is a lock file the job
 * holds: close it when the result is there. */
int sriov_queue(struct context *ctx, struct jobs *jobs, const struct gpu *gpu,
		uint32_t n_vfs, uint64_t tag, int *ret_lock_fd, struct error *err);

/* A lock file's descriptor of its own open file description, for what happens once at a
 * time on a host: beside the store, or in run/vgpumgr where that is on a file system that
 * went read-only. The caller closes it. */
int host_open_lock(struct context *ctx, struct error *err);

/* Its bytes. Those between are of records. */
#define LOCK_SRIOV 0
#define LOCK_RECONCILE ((int64_t)1 << 62)
#define LOCK_PUBLISH   (LOCK_RECONCILE + 1)
