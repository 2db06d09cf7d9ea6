/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/reconcile.h"
#include "cmd/sriov.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/text.h"

DEFINE_CLEANUP(struct saved *, saved_free)

#define LOOK_MS 250
#define THOROUGH (SCAN_NAMES | SCAN_OTHERS | SCAN_GPUS | SCAN_STUCK)
/* As planned. Only, somebody wanted to be rid of a vGPU whose removal was cut short: who
 * asks for it by name does not get it, nor an end of its removal. */
static void set_verdict(struct reconcile *rc, size_t i)
{
	const struct saved_vgpu *v = &rc->view.saved->vgpus[i];
	struct item *item = &rc->items[i];

	item->verdict = rc->view.plan.verdicts[i];
	item->refused =
		rc->is_chosen && !item->left_out &&
		(item->verdict.action == ACTION_FORGET ||
		 (v->state == SAVED_REMOVING && !v->in_progress && !v->is_moving));
	if (!item->refused || item->verdict.state == STATE_STUCK)
		return;
	item->verdict.state = STATE_REMOVING;
	item->verdict.action = ACTION_REPORT;
	item->verdict.reason = REASON_REMOVAL_CUT_SHORT;
}

/* What is to be done, as the host was last seen; what is under way is left as it is. */
static int plan(struct reconcile *rc, struct error *err)
{
	const struct saved *saved = rc->view.saved;
	size_t i;
	int r = plan_make(rc->view.host, saved, &rc->view.plan, err);

	for (i = 0; r == 0 && i < saved->n_vgpus; i++)
		if (!rc->items[i].work.queued)
			set_verdict(rc, i);
	return r;
}

static int look(struct context *ctx, struct reconcile *rc, unsigned what,
		struct error *err)
{
	struct host *host;
	int r;

	reconcile_before_look(rc, NULL);
	r = context_scan(ctx, what, &host, err);
	if (r < 0)
		return r;
	host_free(rc->view.host);
	rc->view.host = host;
	r = context_match(ctx, host, rc->view.saved, err);
	if (r == 0)
		r = plan(rc, err);
	return r == 0 ? reconcile_look_at_gpus(ctx, rc, err) : r;
}

static int look_at_gpu(struct context *ctx, struct reconcile *rc, const struct bdf *gpu,
		       struct error *err)
{
	int r;

	reconcile_before_look(rc, gpu);
	r = context_rescan_gpu(ctx, rc->view.host, gpu, err);
	if (r == 0)
		r = plan(rc, err);
	return r == 0 ? reconcile_look_at_gpus(ctx, rc, err) : r;
}

/* Are virtual functions off that are wanted for their own sake, or is their GPU without
 * its driver? */
static bool wants_vfs(const struct reconcile *rc)
{
	const struct saved *saved = rc->view.saved;
	size_t i;

	for (i = 0; rc->what & DO_VFS && i < saved->n_gpus; i++) {
		const struct gpu *gpu = host_find_gpu(rc->view.host, &saved->gpus[i].bdf);

		if (saved->gpus[i].wanted_vfs &&
		    (!gpu || !gpu_vfs(gpu) ||
		     ready_step(rc->view.host, &gpu->bdf, false) == READY_DRIVER) &&
		    reconcile_covers(rc, &saved->gpus[i].bdf))
			return true;
	}
	return false;
}

/* Is nothing to be done?  Answered by the cheap look, so total VFs are not known here,
 * and a vGPU that is stopped, or was until now, may still hang in its removal. */
static bool all_is_well(const struct reconcile *rc)
{
	const struct saved *saved = rc->view.saved;
	size_t i;

	if (rc->is_chosen)
		return false;
	for (i = 0; i < saved->n_vgpus; i++)
		if (!rc->items[i].left_out &&
		    (rc->items[i].verdict.action != ACTION_NONE ||
		     rc->items[i].verdict.reason ||
		     rc->items[i].verdict.state == STATE_STOPPED))
			return false;
	return !wants_vfs(rc);
}

/* Is all that is to be done to make vGPUs on their own VFs, as after a boot?  Then the
 * thorough look has nothing to add: whoever makes one sees whether it hangs. */
static bool is_plain(const struct reconcile *rc)
{
	const struct saved *saved = rc->view.saved;
	size_t i;

	if (rc->is_chosen) /* those that were asked for by name may hang */
		return false;
	for (i = 0; i < saved->n_vgpus; i++) {
		const struct verdict *v = &rc->items[i].verdict;

		if (v->reason || saved->vgpus[i].state != SAVED_ACTIVE ||
		    (v->action != ACTION_NONE &&
		     (v->action != ACTION_CREATE || v->at < 0)))
			return false;
	}
	return !wants_vfs(rc);
}

/* Is this one's turn now: to be made, on a GPU that is as ready as it gets? */
static bool is_due_now(struct context *ctx, const struct reconcile *rc, size_t i)
{
	const struct item *item = &rc->items[i];
	const struct saved_vgpu *v = &rc->view.saved->vgpus[i];
	const struct gpu *gpu = host_find_gpu(rc->view.host, &v->gpu);

	return (rc->what & DO_VGPUS) && !item->work.queued && !item->left_out && gpu &&
	       item->verdict.at >= 0 && reconcile_is_settled(ctx, rc, &v->gpu) &&
	       (item->verdict.action == ACTION_CREATE ||
		item->verdict.action == ACTION_MOVE ||
		(item->verdict.action == ACTION_ROLL_FORWARD &&
		 (item->verdict.reason == REASON_PARAMS ||
		  !host_find_live(rc->view.host, v->uuid))));
}

static bool changes_vf(const struct reconcile *rc, size_t i)
{
	return !bdf_equal(&rc->view.host->parents[rc->items[i].verdict.at].bdf,
			  &rc->view.saved->vgpus[i].vf);
}

/* The device is there, by our doing or somebody else's: what must the record say? */
static int settle_live(struct reconcile *rc, struct saved_vgpu *v, struct item *item,
		       const struct live_vgpu *live, struct error *err)
{
	char detail[128], place[BDF_SIZE];
	int r;

	if (item->verdict.action == ACTION_ADOPT_VF) {
		const struct parent *vf = &rc->view.host->parents[live->at];

		v->vf = vf->bdf;
		v->vf_index = vf->index;
		item->moved = true;
		r = store_set_place(rc->store, v, err);
		(void)snprintf(detail, sizeof(detail), "found on %s",
			       bdf_format(&v->vf, place));
		return r == 0 ? store_event(rc->store, "adopt-vf", EVENT_DONE, v, detail,
					    err)
			      : r;
	}
	item->work.vgpu = v;
	return work_settle(rc->store, rc->view.host, &item->work, "roll-forward", err);
}

static int settle_item(struct reconcile *rc, size_t i, struct error *err)
{
	struct saved_vgpu *v = &rc->view.saved->vgpus[i];
	struct item *item = &rc->items[i];
	const struct live_vgpu *live = host_find_live(rc->view.host, v->uuid);
	int r;

	if (item->work.done)
		return item->work.r < 0 ? 0
					: work_settle(rc->store, rc->view.host,
						      &item->work, "restore", err);
	if (item->verdict.action == ACTION_FORGET) {
		r = store_delete(rc->store, v, err);
		return r == 0 ? store_event(rc->store, "remove", EVENT_DONE, v,
					    "its device was gone already", err)
			      : r;
	}
	return live ? settle_live(rc, v, item, live, err) : 0;
}

static int record_move(struct reconcile *rc, size_t i, struct error *err)
{
	const struct parent *vf = &rc->view.host->parents[rc->items[i].verdict.at];
	struct saved_vgpu moved = rc->view.saved->vgpus[i];
	char from[BDF_SIZE], to[BDF_SIZE], detail[64];
	int r;

	(void)snprintf(detail, sizeof(detail), "from %s to %s",
		       bdf_format(&moved.vf, from), bdf_format(&vf->bdf, to));
	moved.vf = vf->bdf;
	moved.vf_index = vf->index;
	r = store_set_place(rc->store, &moved, err);
	return r == 0 ? store_event(rc->store, "move", EVENT_DONE, &moved, detail, err)
		      : r;
}

/* It is not made; R and ERR say why. */
static void give_up(struct item *item, int r, const struct error *err)
{
	item->due = false;
	item->contended = r == -ESTALE || r == -ETIMEDOUT;
	item->work.queued = item->work.done = true;
	item->work.r = r;
	item->work.err = *err;
	work_unlock(&item->work);
}

/* Does its record give a VF free that one of the moves may be to?  Whether the call is
 * about it or not. */
static bool leaves_now(const struct reconcile *rc, size_t i)
{
	return plan_leaves_vf(&rc->items[i].verdict) && !rc->items[i].settled;
}

/* The record names the new VF before the kernel does; all moves that are due, at once,
 * since they may be one another's. */
static int record_moves(struct reconcile *rc, const bool *due, struct error *err)
{
	size_t i, n = rc->view.saved->n_vgpus;
	int r = store_begin(rc->store, err);

	if (r < 0)
		return r;
	for (i = 0; i < n && r == 0; i++)
		if (due[i] || leaves_now(rc, i))
			r = store_park(rc->store, &rc->view.saved->vgpus[i], err);
	for (i = 0; i < n && r == 0; i++)
		if (leaves_now(rc, i))
			r = settle_item(rc, i, err);
	for (i = 0; i < n && r == 0; i++)
		if (due[i])
			r = record_move(rc, i, err);
	if (r == 0)
		r = store_commit(rc->store, err);
	else
		store_rollback(rc->store);
	return r;
}

static void apply_moves(struct reconcile *rc, const bool *due, int r,
			const struct error *err)
{
	size_t i;

	for (i = 0; i < rc->view.saved->n_vgpus; i++) {
		struct saved_vgpu *v = &rc->view.saved->vgpus[i];
		struct item *item = &rc->items[i];

		if (r == 0 && leaves_now(rc, i))
			item->settled = rc->changed = true;
		if (!due[i])
			continue;
		if (r == 0) {
			const struct parent *vf =
				&rc->view.host->parents[item->verdict.at];

			v->vf = vf->bdf;
			v->vf_index = vf->index;
			item->moved = rc->changed = true;
			continue;
		}
		/* Without the record the kernel is not touched. */
		give_up(item, r, err);
	}
}

static int move_due(struct reconcile *rc, struct error *err)
{
	_cleanup_(freep) bool *due = calloc(rc->view.saved->n_vgpus + 1, sizeof(*due));
	struct error inner;
	bool any = false;
	size_t i;

	if (!due)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "reconcile");
	for (i = 0; i < rc->view.saved->n_vgpus; i++) {
		due[i] = rc->items[i].due && changes_vf(rc, i);
		any = any || due[i];
	}
	if (any)
		apply_moves(rc, due, record_moves(rc, due, &inner), &inner);
	return 0;
}

/* Its virtual functions are being switched after all: it is as if no look had said
 * otherwise. */
static void not_ready_yet(struct context *ctx, struct reconcile *rc, size_t i,
			  const struct error *err)
{
	struct gpu_task *task = reconcile_find_task(rc, &rc->view.saved->vgpus[i].gpu);

	if (task && task->ready.step == READY_DONE)
		task->ready.step = READY_TYPES;
	rc->items[i].due = false;
	if (is_due_now(ctx, rc, i)) /* and has been for too long */
		give_up(&rc->items[i], -EBUSY, err);
}

/* Takes the locks of all whose turn it is. One that somebody else holds is not ours to
 * make. */
static bool lock_due(struct context *ctx, struct reconcile *rc)
{
	struct saved *saved = rc->view.saved;
	bool any = false;
	size_t i;

	for (i = 0; i < saved->n_vgpus; i++) {
		struct work *w = &rc->items[i].work;
		struct error err;
		int r;

		if (!rc->items[i].due || w->lock_fd >= 0)
			continue;
		w->vgpu = &saved->vgpus[i];
		r = work_lock(ctx, w, &err);
		if (r == -EBUSY)
			not_ready_yet(ctx, rc, i, &err);
		else if (r < 0 && r != -EROFS) /* what nobody can change needs no lock */
			give_up(&rc->items[i], r, &err);
		else
			any = true;
	}
	return any;
}

/* Now that they are locked: are the records still what was planned for? */
static int verify_due(struct reconcile *rc, struct error *err)
{
	_cleanup_(saved_freep) struct saved *now = NULL;
	struct saved *saved = rc->view.saved;
	uint64_t generation;
	size_t i;
	int r = store_generation(rc->store, &generation, err);

	if (r < 0 || generation == saved->generation)
		return r;
	r = store_load(rc->store, &now, err);
	for (i = 0; i < saved->n_vgpus && r == 0; i++) {
		const struct saved_vgpu *v = &saved->vgpus[i];
		const struct saved_vgpu *is =
			rc->items[i].due ? saved_find(now, v->uuid) : v;
		struct error changed;

		if (is && is->state == v->state && bdf_equal(&is->vf, &v->vf))
			continue;
		rc->items[i].vanished = !is;
		(void)error_set(&changed, ERROR_CONFLICT, ESTALE,
				"its record was changed by another process");
		give_up(&rc->items[i], -ESTALE, &changed);
	}
	/* The generation of the first load stays what is compared with: others than these
	 * may have changed, too. */
	return r;
}

/* It is made in the way that its parent offers now, whatever it was before. */
static void follow_framework(struct reconcile *rc, size_t i)
{
	rc->view.saved->vgpus[i].framework =
		rc->view.host->parents[rc->items[i].verdict.at].framework;
}

/* Everything that can be started now is. */
static int start_due(struct context *ctx, struct reconcile *rc, struct error *err)
{
	struct saved *saved = rc->view.saved;
	size_t i;
	int r = reconcile_queue_sriov(ctx, rc, err);

	reconcile_learn(ctx, rc);
	for (i = 0; i < saved->n_vgpus; i++)
		rc->items[i].due = is_due_now(ctx, rc, i);

	if (r == 0 && lock_due(ctx, rc))
		r = verify_due(rc, err);
	if (r == 0)
		r = move_due(rc, err);
	for (i = 0; i < saved->n_vgpus && r == 0; i++) {
		if (!rc->items[i].due)
			continue;
		follow_framework(rc, i);
		rc->items[i].work.is_live = rc->items[i].verdict.reason == REASON_PARAMS;
		r = work_queue_make(ctx, rc->jobs, &rc->items[i].work, i, false, err);
	}
	return r;
}

/* Takes over one result. Returns the GPU whose virtual functions it is about, or NULL. */
static const struct bdf *take_result(struct context *ctx, struct reconcile *rc,
				     const struct job_result *result)
{
	struct gpu_task *task;

	if (result->tag < SRIOV_TAG) {
		work_finish(&rc->items[result->tag].work, result);
		reconcile_tell(ctx, rc, (size_t)result->tag);
		return NULL;
	}
	task = &rc->tasks[result->tag - SRIOV_TAG];
	reconcile_take_switched(task, result);
	return &task->ready.gpu;
}

/* Waits for one result, or, if WAITING, for a moment. *RET_LOOKED: the host was looked at
 * again, so that more may be due. */
static int take_step(struct context *ctx, struct reconcile *rc, bool waiting,
		     bool *ret_looked, struct error *err)
{
	struct job_result result;
	const struct bdf *gpu;
	int r = jobs_next(rc->jobs, waiting ? LOOK_MS : -1, &result, err);

	*ret_looked = true;
	if (r < 0)
		return r;
	if (r == 0)
		return look(ctx, rc, THOROUGH, err);
	gpu = take_result(ctx, rc, &result);
	*ret_looked = gpu != NULL;
	return gpu ? look_at_gpu(ctx, rc, gpu, err) : 0;
}

static int work_until_done(struct context *ctx, struct reconcile *rc, struct error *err)
{
	bool looked = true, waited = false;
	int r = 0;

	while (r == 0) {
		bool waiting;

		r = looked ? start_due(ctx, rc, err) : 0;
		if (r < 0)
			return r;
		reconcile_show_progress(ctx, rc);
		waiting = reconcile_is_waiting(ctx, rc);
		if (!waiting && waited) {
			looked = true; /* what has come as far as it will is due now */
			waited = false;
			continue;
		}
		if (!waiting && !jobs_pending(rc->jobs))
			return 0;
		waited = waiting;
		r = take_step(ctx, rc, waiting, &looked, err);
	}
	return r;
}

static bool has_failed(const struct item *item)
{
	return item->work.done && item->work.r < 0 && !item->work.hanging &&
	       !item->contended;
}

/* Where one could not be made that was planned without the thorough look: what does that
 * say?  It may hang in the kernel, or somebody else's may hang on its VF. */
static int look_into_failures(struct context *ctx, struct reconcile *rc,
			      bool *ret_changed, struct error *err)
{
	size_t i, n = rc->view.saved->n_vgpus;
	int r;

	*ret_changed = false;
	for (i = 0; i < n && !has_failed(&rc->items[i]); i++)
		;
	if (i == n)
		return 0;
	r = look(ctx, rc, THOROUGH, err);
	for (i = 0; i < n && r == 0; i++) {
		const struct verdict *v = &rc->view.plan.verdicts[i];
		struct item *item = &rc->items[i];

		if (!has_failed(item) || (v->action == ACTION_CREATE && !v->reason))
			continue;
		work_unlock(&item->work);
		item->work = WORK_NONE;
		item->verdict = *v;
		*ret_changed = true;
	}
	return r;
}

static int make_items(struct reconcile *rc, struct error *err)
{
	const struct saved *saved = rc->view.saved;
	size_t i;

	rc->items = calloc(saved->n_vgpus + 1, sizeof(*rc->items));
	if (!rc->items)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "reconcile");
	for (i = 0; i < saved->n_vgpus; i++) {
		const struct saved_vgpu *v = &saved->vgpus[i];

		rc->items[i].work = WORK_NONE;
		rc->items[i].left_out = (rc->have_gpu && !bdf_equal(&rc->gpu, &v->gpu)) ||
					(rc->is_chosen && !rc->is_chosen(rc->arg, v));
	}
	return 0;
}

int reconcile_do(struct context *ctx, struct reconcile *rc, struct error *err)
{
	bool changed;
	size_t i;
	int r = make_items(rc, err);

	if (r == 0)
		r = look(ctx, rc, SCAN_NAMES | SCAN_OTHERS, err);
	if (r < 0 || all_is_well(rc))
		return r;
	if (!ctx->dry_run && is_plain(rc)) {
		r = work_until_done(ctx, rc, err);
		if (r == 0)
			r = look_into_failures(ctx, rc, &changed, err);
		return r == 0 && changed ? work_until_done(ctx, rc, err) : r;
	}
	r = look(ctx, rc, THOROUGH, err);
	if (r < 0)
		return r;
	if (!ctx->dry_run)
		return work_until_done(ctx, rc, err);
	r = view_check_types(ctx, &rc->view, err);
	for (i = 0; r == 0 && i < rc->view.saved->n_vgpus; i++)
		set_verdict(rc, i);
	return r;
}

/* Does the record have to change for this one? */
static bool is_news(const struct reconcile *rc, size_t i)
{
	const struct item *item = &rc->items[i];

	if (item->settled || item->left_out || item->refused || !(rc->what & DO_VGPUS))
		return false;
	if (item->work.queued)
		return item->work.done && item->work.r == 0;
	return item->verdict.action == ACTION_FORGET ||
	       item->verdict.action == ACTION_ADOPT_VF ||
	       item->verdict.action == ACTION_ROLL_FORWARD ||
	       item->verdict.reason == REASON_MOVE_UNDONE ||
	       item->verdict.reason == REASON_REMOVAL_CUT_SHORT;
}

/* A committed active record is the intent already: that it was made again in this boot
 * need not be written down. */
static bool must_be_written(const struct reconcile *rc, size_t i)
{
	return is_news(rc, i) && (rc->view.saved->vgpus[i].state != SAVED_ACTIVE ||
				  rc->items[i].verdict.action == ACTION_ADOPT_VF);
}

int reconcile_settle(struct reconcile *rc, bool *ret_must, struct error *err)
{
	size_t i, n = rc->view.saved->n_vgpus;
	bool any = false;
	int r;

	*ret_must = false;
	for (i = 0; i < n; i++) {
		any = any || is_news(rc, i);
		*ret_must = *ret_must || must_be_written(rc, i);
	}
	if (!any || (!*ret_must && !store_is_writable(rc->store)))
		return 0;
	r = store_begin(rc->store, err);
	for (i = 0; i < n && r == 0; i++)
		if (is_news(rc, i) && rc->items[i].verdict.action == ACTION_ADOPT_VF)
			r = store_park(rc->store, &rc->view.saved->vgpus[i], err);
	for (i = 0; i < n && r == 0; i++)
		if (is_news(rc, i)) {
			r = settle_item(rc, i, err);
			if (r < 0 && err->kind == ERROR_CONFLICT)
				r = 0; /* somebody else has brought it up to date */
		}
	if (r == 0) {
		rc->changed = true;
		return store_commit(rc->store, err);
	}
	store_rollback(rc->store);
	return r;
}
