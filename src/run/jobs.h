/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "host/vgpu.h"
#include "run/sriov_job.h"

/* Writes that may hang are done by child processes. Each lane is one child that does its
 * jobs in turn; lanes work in parallel. The children are forked, when their lane is first
 * used, from a process that jobs_start() forked: start it before the store is opened,
 * since SQLite must not be carried across a fork. */

/* JOB_PARAMS: gives the vGPU of `make`, which is live, its parameters. */
enum job_kind { JOB_MAKE, JOB_PARAMS, JOB_REMOVE, JOB_SRIOV };

struct job {
	enum job_kind kind;
	uint32_t lane;
	uint64_t tag;	    /* the caller's, comes back with the result */
	uint64_t serial;    /* set by jobs_add() */
	uint32_t timeout_s; /* from when its turn comes */
	union {
		struct vgpu_make make;
		struct vgpu_id remove;
		struct sriov_job sriov;
	};
};

struct job_result {
	uint64_t tag, serial;
	int r;		       /* 0 or -errno */
	bool hanging;	       /* its deadline passed; whether it will be done is open */
	struct vgpu_made made; /* JOB_MAKE: what the kernel shows */
	struct error err;
};

struct jobs;

/* Forks the process that will fork the lanes. ROOT_FD is what they work below; TOOL is
 * for JOB_SRIOV. */
int jobs_start(int root_fd, const struct sriov_tool *tool, struct jobs **ret,
	       struct error *err);

/* Lets the children end once they are done; one that hangs is left to itself. */
void jobs_free(struct jobs *jobs);

/* The number of the lane that KEY stands for, a new one for a new key. */
int jobs_lane(struct jobs *jobs, uint64_t key, uint32_t *ret, struct error *err);

/* Queues JOB. The child holds HOLD_FD (-1: none), a lock, from when its turn comes until
 * it is done, even if this process dies; the descriptor stays the caller's and must stay
 * open until the result is there. */
int jobs_add(struct jobs *jobs, const struct job *job, int hold_fd, struct error *err);

/* How many have been added whose result has not been given out. */
size_t jobs_pending(const struct jobs *jobs);

/* Waits up to TIMEOUT_MS (-1: as long as it takes, which every job's deadline bounds) for
 * one result. 1: RET is filled, 0: none yet or none pending, negative: the children are
 * lost. A job whose deadline passes gives a result with -ETIMEDOUT, and so does, untried,
 * each later job of its lane. One whose
 * process was killed gives -ECHILD: by then the kernel is done with it, in whatever way.
 */
int jobs_next(struct jobs *jobs, int timeout_ms, struct job_result *ret,
	      struct error *err);
