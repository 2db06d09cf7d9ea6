/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/outcome.h"
#include "cmd/work.h"

/* One saved vGPU in a run of reconcile. */
struct item {
	struct work work;
	struct verdict verdict; /* as last planned; final once it is queued */
	bool settled;		/* what the record must say is written already */
	bool moved;		/* its record names another VF since this run */
	bool vanished;		/* its record was removed meanwhile */
};

/* The enabling of one GPU's virtual functions. */
struct sriov_try {
	struct bdf gpu;
	int lock_fd;
	bool done;
	int r;
	struct error err;
};

struct reconcile {
	uint32_t wait_s;
	bool have_gpu;
	struct bdf gpu;
	struct view view; /* the record as loaded; the host as last looked at */
	struct store *store;
	struct jobs *jobs;
	struct item *items; /* one per saved vGPU, in its order */
	struct sriov_try *tries;
	size_t n_tries;
	int64_t wait_until;
	int lock_fd;  /* one reconcile at a time */
	bool changed; /* the store was */
};

/* Makes live what is saved, as far as it can be: GPUs in parallel, each as it becomes
 * ready. What could not be done is in the items; a failure here is one of this process.
 */
int reconcile_do(struct context *ctx, struct reconcile *rc, struct error *err);

/* Writes down what was done, in one transaction, or none where nothing changed. RET_MUST
 * says whether the record is wrong without it. */
int reconcile_settle(struct reconcile *rc, bool *ret_must, struct error *err);

/* Is this vGPU left out by --gpu? */
bool reconcile_skips(const struct reconcile *rc, const struct bdf *gpu);

/* The try of GPU, NULL if its virtual functions were not touched. */
struct sriov_try *reconcile_find_try(struct reconcile *rc, const struct bdf *gpu);
