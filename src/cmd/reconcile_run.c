/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/move.h"
#include "cmd/reconcile.h"
#include "cmd/repair.h"
#include "cmd/sriov.h"
#include "sysfs/sysfs.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock.h"

/* A udev rule makes these when a parent of vGPUs, and a GPU, has appeared. Each is one
 * command's to take away. */
#define LATE_FILE "run/vgpumgr/late"
#define LATE_GPU_FILE "run/vgpumgr/late-gpu"

#define QUIET_MS                                                                         \
	1000 /* after this long without another, all that came at once is there */
#define LONGEST_MS 5000
#define LOOK_MS 100
#define LOOKS_AGAIN 3 /* for what others were at work on */

static void unlock_all(struct reconcile *rc)
{
	size_t i;

	for (i = 0; rc->items && i < rc->view.saved->n_vgpus; i++)
		work_unlock(&rc->items[i].work);
}

static void drop_pass(struct reconcile *rc)
{
	unlock_all(rc);
	free(rc->items);
	rc->items = NULL;
	saved_free(rc->view.saved);
	rc->view.saved = NULL;
}

void reconcile_end(struct reconcile *rc)
{
	size_t i;

	drop_pass(rc);
	for (i = 0; i < rc->n_tasks; i++)
		close_fd(rc->tasks[i].lock_fd);
	free(rc->tasks);
	close_fd(rc->lock_fd);
	jobs_free(rc->jobs);
	store_close(rc->store);
	view_close(&rc->view);
}

/* A second reconcile waits for the first and then finds nothing to do. One that has only
 * part of the record in view goes beside it: each vGPU has a lock of its own. */
static int take_turn(struct context *ctx, struct reconcile *rc, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + (int64_t)context_timeout(ctx) * 1000;
	int r;

	if (ctx->dry_run)
		return 0;
	rc->lock_fd = host_open_lock(ctx, err);
	if (rc->lock_fd < 0)
		return rc->lock_fd;
	if (rc->is_chosen || !(rc->what & DO_VGPUS))
		return 0;
	r = lock_take(rc->lock_fd, LOCK_RECONCILE, deadline, err);
	if (r == -ETIMEDOUT)
		error_hint(
			err,
			"'systemctl status vgpumgr-reconcile' tells what it waits for");
	return r < 0 ? error_context(err, "wait for another reconcile") : 0;
}

static int open_record(struct context *ctx, struct reconcile *rc, struct error *err)
{
	bool writes = !ctx->dry_run && rc->what & DO_VGPUS;
	int r = rc->store ? 0
			  : repair_open(ctx, writes ? STORE_WRITE : STORE_READ,
					&rc->store, err);

	if (r < 0)
		return r;
	/* What was restored is published, whatever else there is to do. */
	rc->changed = rc->changed || ctx->troubled;
	return take_turn(ctx, rc, err);
}

/* Was another process at work on this one, now or when its turn came? */
static bool is_contended(const struct reconcile *rc, size_t i)
{
	const struct item *item = &rc->items[i];

	if (item->left_out || item->verdict.state == STATE_STUCK)
		return false;
	return item->contended ||
	       (!item->work.done && item->verdict.reason == REASON_IN_PROGRESS);
}

/* Waits until nobody else is at work on what the call is about. True where somebody was,
 * so that it is to be looked at again. */
static bool wait_for_others(const struct reconcile *rc, int64_t deadline)
{
	bool any = false;
	size_t i;

	for (i = 0; rc->what & DO_VGPUS && i < rc->view.saved->n_vgpus; i++) {
		if (!is_contended(rc, i))
			continue;
		any = true;
		while (lock_is_held(rc->lock_fd, rc->view.saved->vgpus[i].row) &&
		       clock_monotonic_ms() < deadline)
			clock_sleep_ms(LOOK_MS);
	}
	return any && clock_monotonic_ms() < deadline;
}

/* Has something appeared that no look so far need have seen?  Takes the file away. */
static bool has_appeared(const struct context *ctx, const struct reconcile *rc)
{
	return !ctx->dry_run && rc->boot &&
	       unlinkat(ctx->root_fd, rc->what & DO_VGPUS ? LATE_FILE : LATE_GPU_FILE,
			0) == 0;
}

/* A driver that is loaded registers all its functions within moments: what comes with the
 * first of them is waited for, so that one run does for all. */
static void let_appear(const struct context *ctx, const struct reconcile *rc)
{
	int64_t now = clock_monotonic_ms(), latest = now + LONGEST_MS, quiet_at;

	if (!has_appeared(ctx, rc))
		return;
	for (quiet_at = now + QUIET_MS; now < quiet_at && now < latest;
	     now = clock_monotonic_ms()) {
		clock_sleep_ms(LOOK_MS);
		if (has_appeared(ctx, rc))
			quiet_at = now + QUIET_MS;
	}
}

/* Must it all be looked at again? */
static bool wants_another_pass(const struct context *ctx, const struct reconcile *rc,
			       int64_t deadline, int *again)
{
	if (has_appeared(ctx, rc)) {
		clock_sleep_ms(LOOK_MS);
		return true;
	}
	return (*again)++ < LOOKS_AGAIN && wait_for_others(rc, deadline);
}

/* What it did counts also when another pass follows. */
static void count_pass(struct reconcile *rc)
{
	size_t i;

	for (i = 0; i < rc->view.saved->n_vgpus; i++) {
		const struct item *item = &rc->items[i];
		bool made = item->work.done && item->work.r == 0;

		rc->before.created += made && !item->moved && !item->work.is_live;
		rc->before.moved += item->moved && (made || !item->work.queued);
	}
}

/* What a dry run is to show: those that are stopped, as if they were wanted. */
static void pretend_wanted(struct reconcile *rc)
{
	size_t i;

	for (i = 0; rc->is_chosen && i < rc->view.saved->n_vgpus; i++) {
		struct saved_vgpu *v = &rc->view.saved->vgpus[i];

		if (v->state == SAVED_STOPPED && rc->is_chosen(rc->arg, v))
			v->state = SAVED_ACTIVE;
	}
}

/* Moves that were cut short after the device was away: from here on they are vGPUs that
 * are to be made at their new place. */
static int finish_moves(struct context *ctx, struct reconcile *rc, struct error *err)
{
	bool changed = false;
	struct error inner;

	if (ctx->dry_run || !(rc->what & DO_VGPUS) || !store_is_writable(rc->store))
		return 0;
	if (moves_finish(ctx, rc->store, rc->view.saved, rc->is_chosen, rc->arg, &changed,
			 &inner) < 0)
		warning("a move that was cut short cannot be ended: %s", inner.message);
	if (!changed)
		return 0;
	rc->changed = true;
	saved_free(rc->view.saved);
	rc->view.saved = NULL;
	return store_load(rc->store, &rc->view.saved, err);
}

static int do_pass(struct context *ctx, struct reconcile *rc, struct error *err)
{
	struct error inner;
	bool must;
	int r = store_load(rc->store, &rc->view.saved, err);

	if (r == 0)
		r = finish_moves(ctx, rc, err);
	if (r == 0 && ctx->dry_run)
		pretend_wanted(rc);
	if (r == 0)
		r = reconcile_do(ctx, rc, err);
	if (r < 0 || ctx->dry_run)
		return r;
	if (reconcile_settle(rc, &must, &inner) < 0) {
		warning("what was done could not be written down: %s", inner.message);
		rc->must_be_written = rc->must_be_written || must;
	}
	/* Two that wait for each other must not hold what the other waits for. */
	unlock_all(rc);
	return 0;
}

int reconcile_run(struct context *ctx, struct reconcile *rc, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + (int64_t)context_timeout(ctx) * 1000;
	int r, again = 0;

	rc->began = clock_monotonic_ms();
	(void)clock_now(rc->view.as_of, sizeof(rc->view.as_of));
	let_appear(ctx, rc);
	r = open_record(ctx, rc, err);
	while (r == 0) {
		r = do_pass(ctx, rc, err);
		if (r < 0 || ctx->dry_run)
			return r;
		if (!wants_another_pass(ctx, rc, deadline, &again))
			return 0;
		count_pass(rc);
		drop_pass(rc);
		if (rc->boot)
			reconcile_try_again(ctx, rc);
	}
	return r;
}
