/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/outcome.h"
#include "cmd/work.h"
#include "core/ready.h"

/* The engine that makes live what is saved. Several commands run it: reconcile, start,
 * and sriov restore, each with its own part of the record. */

/* One saved vGPU in a run. */
struct item {
	struct work work;
	struct verdict verdict; /* as last planned; final once it is queued */
	bool left_out;		/* the call is not about it */
	bool refused;		/* it is, but its removal has to be ended first */
	bool due;		/* it is to be made now, its GPU being ready */
	bool settled;		/* what the record must say is written already */
	bool moved;		/* its record names another VF since this run */
	bool contended;		/* another process was at work on it */
	bool vanished;		/* its record was removed meanwhile */
};

/* One GPU in a run: what it waits for, and the switching of its virtual functions. */
struct gpu_task {
	struct ready ready;
	bool needed;   /* something is still to be done on it */
	bool given_up; /* an earlier run has waited for it in vain, and it has not moved
			*/
	bool bound;    /* its driver was put back, see sriov_was_cut_short() */
	bool was_busy; /* its virtual functions were being switched as it was looked at */
	bool switched; /* somebody else has switched them during this run */
	bool tried, done;
	bool learnt;   /* what it offers was read in this run */
	uint64_t load; /* of the driver, when it was tried */
	int lock_fd;
	int r;
	struct error err;
};

enum { DO_VFS = 1 << 0, DO_VGPUS = 1 << 1 };

struct reconcile {
	/* what is asked for */
	unsigned what;
	bool boot;	 /* as the units do: deadlines by the settings, output for the
			    journal, one sriov-manage per load of the driver */
	uint32_t wait_s; /* without BOOT: for each step of what is absent */
	bool have_wait, have_gpu;
	struct bdf gpu;
	/* which vGPUs it is about, NULL: all */
	bool (*is_chosen)(const void *arg, const struct saved_vgpu *vgpu);
	const void *arg;

	struct view view; /* the record as loaded; the host as last looked at */
	struct store *store;
	struct jobs *jobs;
	struct item *items; /* one per saved vGPU, in its order */
	struct gpu_task *tasks;
	size_t n_tasks;
	int lock_fd;		       /* for looking at locks */
	int64_t began;		       /* clock_monotonic_ms() */
	bool changed;		       /* the store was */
	bool must_be_written;	       /* the record is wrong, since that failed */
	struct outcome_summary before; /* what earlier passes of this run did */
};

#define RECONCILE_NONE ((struct reconcile){ .lock_fd = -1 })

/* Ends what the run holds. */
void reconcile_end(struct reconcile *rc);

/* Makes live what is saved, as far as it can be: GPUs in parallel, each as it becomes
 * ready. What could not be done is in the items; a failure here is one of this process.
 */
int reconcile_do(struct context *ctx, struct reconcile *rc, struct error *err);

/* Writes down what was done, in one transaction, or none where nothing changed. RET_MUST
 * says whether the record is wrong without it. */
int reconcile_settle(struct reconcile *rc, bool *ret_must, struct error *err);

/* Opens the record, does passes until nobody else is at work on what it is about, and
 * nothing has appeared meanwhile. RECONCILE_NONE with the first part filled in; the jobs
 * must have been started, the record may be open already. -ENOENT: there is no record.
 * For a dry run, one pass. */
int reconcile_run(struct context *ctx, struct reconcile *rc, struct error *err);

/* After it: prints how it stands, publishes, and returns the exit status. */
int reconcile_report(struct context *ctx, struct reconcile *rc, struct error *err);

/* Likewise for a run about virtual functions alone. */
int reconcile_report_gpus(struct context *ctx, const struct reconcile *rc);

/* No record: nothing is saved, which is soon told. */
int reconcile_report_nothing(struct context *ctx, struct error *err);

/* --- between its files */

/* Is the call about this GPU? */
bool reconcile_covers(const struct reconcile *rc, const struct bdf *gpu);

/* The task of GPU, NULL where nothing is done about it. */
struct gpu_task *reconcile_find_task(const struct reconcile *rc, const struct bdf *gpu);

/* Before each look at GPU, NULL: at the host: whether virtual functions are being
 * switched, so that only some of them may be seen. */
void reconcile_before_look(struct reconcile *rc, const struct bdf *gpu);

/* After each look at the host: which GPUs something is to be done on, and how far they
 * are. */
int reconcile_look_at_gpus(struct context *ctx, struct reconcile *rc, struct error *err);

/* Before anything is made on the GPUs of the run: remembers what they offer. */
void reconcile_learn(struct context *ctx, struct reconcile *rc);

/* Queues the switching of virtual functions where they are wanted and off. */
int reconcile_queue_sriov(struct context *ctx, struct reconcile *rc, struct error *err);

/* Before another pass: those may be tried again that were tried under another load of the
 * driver, or that might not be tried then. */
void reconcile_try_again(struct context *ctx, struct reconcile *rc);

/* Takes over what became of it. */
void reconcile_take_switched(struct gpu_task *task, const struct job_result *result);

/* Is the GPU as ready as it gets within its deadlines? */
bool reconcile_is_settled(struct context *ctx, const struct reconcile *rc,
			  const struct bdf *gpu);

/* Is there a GPU that is worth waiting for? */
bool reconcile_is_waiting(struct context *ctx, const struct reconcile *rc);

/* One that this run has made, for the journal. */
void reconcile_tell(const struct context *ctx, const struct reconcile *rc, size_t item);

/* A line on a terminal that says how far it is, and what it waits for. */
void reconcile_show_progress(struct context *ctx, const struct reconcile *rc);

/* Tags of jobs: from here on, of tasks, by index; below, of items. */
#define SRIOV_TAG ((uint64_t)1 << 32)
