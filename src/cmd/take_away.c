/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/take_away.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/words.h"
#include "host/holders.h"
#include "host/vgpu.h"
#include "out/json.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/text.h"

DEFINE_CLEANUP(struct saved *, saved_free)

static void forget_choice(struct take_away *t)
{
	works_free(t->works, t->n);
	free(t->items);
	t->works = NULL;
	t->items = NULL;
	t->n = 0;
}

void take_away_end(struct take_away *t)
{
	forget_choice(t);
	jobs_free(t->jobs);
	store_close(t->store);
	view_close(&t->view);
}

/* The live device of a record, NULL if there is none. */
static struct live_vgpu *device_of(const struct take_away *t, const struct work *w)
{
	return host_find_live(t->view.host, w->vgpu->uuid);
}

static bool is_to_do(const struct take_away *t, size_t i)
{
	return t->items[i].step == AWAY_RECORD || t->items[i].step == AWAY_DEVICE;
}

static bool anything_to_do(const struct take_away *t)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (is_to_do(t, i))
			return true;
	return false;
}

/* A run that made it again in another way may not have got to write that down. */
static void follow_device(struct saved_vgpu *v, const struct live_vgpu *live)
{
	v->framework = live->framework;
	if (live->type_id)
		v->type_id = live->type_id;
}

static int choose(struct take_away *t, struct error *err)
{
	_cleanup_(freep) struct saved_vgpu **chosen = NULL;
	size_t i, n;
	int r = select_choose(&t->args, &t->view, &chosen, &n, err);

	if (r < 0)
		return r;
	t->works = calloc(n + 1, sizeof(*t->works));
	t->items = calloc(n + 1, sizeof(*t->items));
	if (!t->works || !t->items)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "%s", t->kind->verb);
	for (i = 0; i < n; i++) {
		const struct verdict *v =
			&t->view.plan.verdicts[chosen[i] - t->view.saved->vgpus];

		t->works[i] = WORK_NONE;
		t->works[i].vgpu = chosen[i];
		t->items[i] = (struct away_item){
			.step = away_decide(t->kind->goal, chosen[i], v,
					    device_of(t, &t->works[i]) != NULL),
			.was = chosen[i]->state,
			.shown = v->state,
		};
		if (t->items[i].step == AWAY_DEVICE)
			follow_device(chosen[i], device_of(t, &t->works[i]));
	}
	t->n = n;
	return 0;
}

/* May it go, as far as record and kernel tell? */
static int check_one(struct context *ctx, struct take_away *t, size_t i,
		     struct error *err)
{
	const struct saved_vgpu *v = t->works[i].vgpu;
	enum plan_reason reason = t->view.plan.verdicts[v - t->view.saved->vgpus].reason;
	char why[256];

	if (v->in_progress) {
		int r = wait_until_idle(ctx, v, err);

		return r < 0 ? r : -ESTALE;
	}
	if (t->items[i].step == AWAY_RECORD) {
		struct vgpu_id id = vgpu_id_of(v);
		int r = vgpu_is_still_away(ctx->root_fd, t->view.host, &id, err);

		return r < 0 ? error_context(err, "find out whether %s is live", v->uuid)
			     : 0;
	}
	if (t->items[i].step != AWAY_REFUSE)
		return 0;
	(void)error_set(err, ERROR_CONFLICT, 0, "%s: %s", v->uuid,
			reason_sentence(v, reason, why, sizeof(why)));
	error_hint(err, "'vgpumgr show %.8s' tells about it", v->uuid);
	return -EBUSY;
}

static int check_holders(struct context *ctx, struct take_away *t, struct error *err)
{
	_cleanup_(freep) struct held_device *devices = calloc(t->n + 1, sizeof(*devices));
	_cleanup_(freep) struct holder *holders = calloc(t->n + 1, sizeof(*holders));
	char who[512], vm[4 * VM_NAME_SIZE];
	size_t i;
	int r;

	if (!devices || !holders)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "%s", t->kind->verb);
	for (i = 0; i < t->n; i++) {
		struct vgpu_id id = vgpu_id_of(t->works[i].vgpu);

		devices[i] = held_device_of(&id);
	}
	r = holders_find(ctx->root_fd, devices, t->n, holders, err);
	if (r < 0)
		return error_context(err, "find out whether it is in use");
	for (i = 0; i < t->n; i++) {
		if (!holders[i].in_use)
			continue;
		(void)error_set(err, ERROR_IN_USE, EBUSY, "%s of %s is held by %s",
				t->works[i].vgpu->uuid,
				text_escape(vm, sizeof(vm), t->works[i].vgpu->vm),
				holder_describe(&holders[i], who, sizeof(who)));
		error_hint(err, "shut that VM down first; nothing was %s", t->kind->past);
		return -EBUSY;
	}
	return 0;
}

/* Everything is checked before anything is changed. */
static int check_all(struct context *ctx, struct take_away *t, struct error *err)
{
	size_t i;
	int r = 0;

	for (i = 0; i < t->n && r == 0; i++)
		r = check_one(ctx, t, i, err);
	return r == 0 && anything_to_do(t) ? check_holders(ctx, t, err) : r;
}

/* The device is away: the record goes with it, or stays as it was marked. */
static int record_done(struct take_away *t, struct work *w, struct error *err)
{
	char detail[WHAT_SIZE];
	int r;

	w->vgpu->boot_id[0] = '\0'; /* nothing of it is there any more */
	r = t->kind->goal == AWAY_REMOVE
		    ? store_delete(t->store, w->vgpu, err)
		    : store_set_state(t->store, w->vgpu, t->kind->mark, err);
	return r == 0 ? store_event(t->store, t->kind->verb, EVENT_DONE, w->vgpu,
				    work_what(w->vgpu, detail), err)
		      : r;
}

static int close_transaction(struct store *store, int r, struct error *err)
{
	if (r == 0)
		return store_commit(store, err);
	store_rollback(store);
	return r;
}

/* Do record and kernel still say what was checked, now that the lock is ours? */
static bool is_unchanged(struct context *ctx, const struct take_away *t,
			 const struct saved *now, const struct work *w)
{
	const struct saved_vgpu *v = saved_find(now, w->vgpu->uuid);
	const struct live_vgpu *live = device_of(t, w);
	struct vgpu_id id = vgpu_id_of(w->vgpu);

	return v && v->row == w->vgpu->row && v->state == w->vgpu->state &&
	       v->slot == w->vgpu->slot && !strcmp(v->vm, w->vgpu->vm) &&
	       bdf_equal(&v->vf, &w->vgpu->vf) &&
	       (live || vgpu_is_still_away(ctx->root_fd, t->view.host, &id, NULL) == 1);
}

static int set_mark(struct take_away *t, struct work *w, struct error *err)
{
	enum saved_state from = w->vgpu->state;

	w->vgpu->state = t->kind->mark;
	w->vgpu->is_moving = false;
	return store_set_state(t->store, w->vgpu, from, err);
}

static int mark_one(struct context *ctx, struct take_away *t, const struct saved *now,
		    size_t i, struct error *err)
{
	struct work *w = &t->works[i];
	const struct live_vgpu *live = device_of(t, w);
	char detail[WHAT_SIZE];
	int r;

	if (!is_to_do(t, i))
		return 0;
	r = work_lock(ctx, w, err);
	if (r < 0)
		return r;
	if (!is_unchanged(ctx, t, now, w))
		return -ESTALE;
	if (t->items[i].step == AWAY_RECORD) {
		r = t->kind->goal == AWAY_STOP ? set_mark(t, w, err) : 0;
		return r == 0 ? record_done(t, w, err) : r;
	}
	w->vgpu->vf = live->parent;
	if (w->vgpu->state == t->kind->mark && !w->vgpu->is_moving)
		return 0; /* the intent of one that was cut short still stands */
	r = set_mark(t, w, err);
	return r == 0 ? store_event(t->store, t->kind->verb, EVENT_BEGUN, w->vgpu,
				    work_what(w->vgpu, detail), err)
		      : r;
}

/* Records of devices that are gone are done with; the others are marked before the kernel
 * is touched. -ESTALE: somebody was at work on one of them meanwhile, everything must be
 * looked at again. */
static int mark(struct context *ctx, struct take_away *t, struct error *err)
{
	_cleanup_(saved_freep) struct saved *now = NULL;
	const struct saved_vgpu *busy = NULL;
	size_t i;
	int r = store_begin(t->store, err);

	if (r < 0)
		return r;
	r = store_load(t->store, &now, err);
	for (i = 0; i < t->n && r == 0; i++) {
		r = mark_one(ctx, t, now, i, err);
		if (r == -ETIMEDOUT)
			busy = t->works[i].vgpu;
	}
	if (r < 0)
		for (i = 0; i < t->n; i++)
			work_unlock(&t->works[i]);
	r = close_transaction(t->store, r, err);
	if (busy) {
		r = wait_until_idle(ctx, busy, err);
		return r < 0 ? r : -ESTALE;
	}
	return r;
}

/* Its removal failed. A device that is as it was is active again; one that hangs keeps
 * its mark until its fate is known. */
static int record_failed(struct context *ctx, struct take_away *t, struct work *w,
			 struct error *err)
{
	struct vgpu_id id = vgpu_id_of(w->vgpu);
	int r;

	if (w->hanging || !vgpu_is_whole(ctx->root_fd, &id))
		return 0;
	w->vgpu->state = SAVED_ACTIVE;
	r = store_set_state(t->store, w->vgpu, t->kind->mark, err);
	return r == 0 ? store_event(t->store, t->kind->verb, EVENT_FAILED, w->vgpu,
				    w->err.message, err)
		      : r;
}

/* Tells the first failure after everything that could be done was. */
static int settle(struct context *ctx, struct take_away *t, struct error *err)
{
	struct error first = { .kind = 0 };
	size_t i;
	int failed = 0, r = store_begin(t->store, err);

	for (i = 0; i < t->n && r == 0; i++) {
		struct work *w = &t->works[i];

		if (!w->done)
			continue;
		if (w->r == 0) {
			r = record_done(t, w, err);
			continue;
		}
		if (!failed)
			first = w->err;
		failed = failed ? failed : w->r;
		r = record_failed(ctx, t, w, err);
	}
	r = close_transaction(t->store, r, err);
	if (r == 0 && failed) {
		*err = first;
		error_hint(err, "'vgpumgr check' shows what became of it");
		return failed;
	}
	return r;
}

static int take_devices(struct context *ctx, struct take_away *t, struct error *err)
{
	size_t i, n_live = 0;
	int r = 0;

	for (i = 0; i < t->n && r == 0; i++) {
		if (t->items[i].step != AWAY_DEVICE)
			continue;
		r = work_queue_remove(ctx, t->jobs, &t->works[i], i, err);
		n_live++;
	}
	if (r == 0)
		r = works_wait(t->jobs, t->works, t->n, err);
	return r == 0 && n_live ? settle(ctx, t, err) : r;
}

/* A record of nothing, where there is no store: then nothing can be taken away either. */
static int load(struct context *ctx, struct take_away *t, struct error *err)
{
	int r;

	view_close(&t->view);
	(void)clock_now(t->view.as_of, sizeof(t->view.as_of));
	r = context_scan(ctx, SCAN_NAMES | SCAN_OTHERS | SCAN_STUCK, &t->view.host, err);
	if (r == 0 && t->store)
		r = store_load(t->store, &t->view.saved, err);
	else if (r == 0 && !(t->view.saved = calloc(1, sizeof(*t->view.saved))))
		r = error_set(err, ERROR_SYSTEM, ENOMEM, "%s", t->kind->verb);
	if (r == 0)
		r = context_match(ctx, t->view.host, t->view.saved, err);
	return r == 0 ? plan_make(t->view.host, t->view.saved, &t->view.plan, err) : r;
}

static int take_all(struct context *ctx, struct take_away *t, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + (int64_t)context_timeout(ctx) * 1000;
	int r;

	do {
		forget_choice(t);
		r = load(ctx, t, err);
		if (r == 0)
			r = choose(t, err);
		if (r == 0)
			r = check_all(ctx, t, err);
		if (r == 0 && ctx->dry_run)
			return 0;
		if (r == 0 && !anything_to_do(t)) {
			if (t->store)
				context_publish_late(ctx, t->store,
						     t->view.host->machine_id);
			return 0;
		}
		if (r == 0)
			r = mark(ctx, t, err);
	} while (r == -ESTALE && look_again_until(deadline));
	if (r == -ESTALE)
		return error_set(err, ERROR_TIMEOUT, ETIMEDOUT,
				 "other processes keep changing what is to be %s",
				 t->kind->past);
	if (r < 0)
		return r;
	r = take_devices(ctx, t, err);
	context_publish(ctx, t->store, t->view.host->machine_id);
	return r;
}

int take_away_do(struct context *ctx, struct take_away *t, struct error *err)
{
	int r = ctx->dry_run ? 0 : context_start_jobs(ctx, &t->jobs, err);

	if (r == 0)
		r = context_open_store(ctx, ctx->dry_run ? STORE_READ : STORE_WRITE,
				       &t->store, err);
	if (r < 0 && r != -ENOENT)
		return r;
	return take_all(ctx, t, err);
}

/* Of a stopped one, the document says how it stands: in a dry run, how it is now. */
static const char *state_of(const struct context *ctx, const struct take_away *t,
			    size_t i)
{
	if (ctx->dry_run || !is_to_do(t, i))
		return vgpu_state_name(t->items[i].shown);
	return vgpu_state_name(STATE_STOPPED);
}

static json_t *item_json(const struct context *ctx, const struct take_away *t, size_t i)
{
	const struct saved_vgpu *v = t->works[i].vgpu;
	json_t *item =
		json_pack("{s:s, s:s, s:o, s:I, s:o, s:o}", "uuid", v->uuid, "profile",
			  v->profile, "vm", json_text(v->vm), "slot", (json_int_t)v->slot,
			  "gpu", json_bdf(&v->gpu), "vf", json_bdf(&v->vf));

	if (t->kind->goal == AWAY_STOP)
		(void)json_object_set_new(item, "state",
					  json_string(state_of(ctx, t, i)));
	return item;
}

int take_away_print(struct context *ctx, const struct take_away *t, struct error *err)
{
	json_t *document, *array;
	char vm[4 * VM_NAME_SIZE], vf[BDF_SIZE];
	size_t i;

	for (i = 0; i < t->n && !ctx->json; i++) {
		const struct saved_vgpu *v = t->works[i].vgpu;

		if (ctx->dry_run && is_to_do(t, i))
			printf("%s %s (%s on %s of %s slot %u)\n", t->kind->verb, v->uuid,
			       v->profile, bdf_format(&v->vf, vf),
			       text_escape(vm, sizeof(vm), v->vm), v->slot);
		else if (is_to_do(t, i))
			note(ctx, "%s %s (%s on %s of %s slot %u)", t->kind->past,
			     v->uuid, v->profile, bdf_format(&v->vf, vf), v->vm, v->slot);
	}
	if (!ctx->json)
		return 0;
	document = json_document(ctx->command, t->view.as_of, t->view.host);
	array = json_array();
	for (i = 0; i < t->n; i++)
		(void)json_array_append_new(array, item_json(ctx, t, i));
	(void)json_object_set_new(document, "vgpus", array);
	return context_print(ctx, document, err);
}
