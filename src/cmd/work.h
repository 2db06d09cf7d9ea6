/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/cmd.h"
#include "core/plan.h"

/* One vGPU that a changing command is at work on: its record, the lock that says so, and
 * what came of it. */
struct work {
	struct saved_vgpu *vgpu; /* borrowed */
	int lock_fd;		 /* -1: no intent was needed */
	int attend_fd;		 /* the context's, -1: not attended */
	bool fresh;		 /* recorded by this very call */
	bool is_live;		 /* it is made, and lacks its parameters */
	bool queued, done;
	int r;
	bool hanging; /* its deadline passed while the kernel was at it */
	struct vgpu_made made;
	struct error err;
};

#define WORK_NONE ((struct work){ .lock_fd = -1, .attend_fd = -1 })

void works_free(struct work *works, size_t n);

/* Takes the lock of the record's row: from here on others see it as in progress. Nobody
 * touches a device without it, and what the record says must be read after it is taken.
 * -ETIMEDOUT at once where another process has it, -EBUSY where the virtual functions of
 * its GPU are being switched. */
int work_lock(struct context *ctx, struct work *work, struct error *err);
/* Likewise keeps the virtual functions of GPU, which it is on its way to, as they are. */
int work_share_gpu(struct work *work, const struct bdf *gpu, struct error *err);
void work_unlock(struct work *work);

/* Hands the making of WORK->vgpu, on the VF its record names, with its parameters, to the
 * children; of one that is live, the parameters alone. TAG comes
 * back with the result. ASK_DRIVER: read available_instances first. */
int work_queue_make(struct context *ctx, struct jobs *jobs, struct work *work,
		    uint64_t tag, bool ask_driver, struct error *err);
int work_queue_remove(struct context *ctx, struct jobs *jobs, struct work *work,
		      uint64_t tag, struct error *err);

/* Waits for every job that is queued; tags are indices into WORKS. */
int works_wait(struct jobs *jobs, struct work *works, size_t n, struct error *err);

/* Takes over one result. */
void work_finish(struct work *work, const struct job_result *result);

/* In a transaction: the device is there, so its record becomes active, from the state it
 * is in. OPERATION is what history calls it; of a removal that was cut short, it tells
 * that. */
int work_settle(struct store *store, const struct host *host, struct work *work,
		const char *operation, struct error *err);

/* What it is and where, for history: "A40-24A on 0000:e8:00.4, slot 1". Returns BUF. */
#define WHAT_SIZE (PROFILE_SIZE + 64)
const char *work_what(const struct saved_vgpu *vgpu, char buf[WHAT_SIZE]);

/* After somebody else has changed what was looked at: a short pause, then true until
 * DEADLINE (clock_monotonic_ms()). */
bool look_again_until(int64_t deadline);

/* A new UUID for a new record. */
void work_make_uuid(char ret[UUID_SIZE]);

/* Waits until nobody else is at work on the record of ROW, for as long as the command
 * may. */
int wait_until_idle(struct context *ctx, const struct saved_vgpu *vgpu,
		    struct error *err);
