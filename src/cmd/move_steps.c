/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/move.h"
#include "host/vgpu.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock.h"
#include "util/text.h"

/* The steps of a move. The record says what is intended before the kernel is touched:
 * first that the device goes, and where to; once it is away, that it is to be made there.
 * Whoever finds either after a crash can go on from there, or back. */

DEFINE_CLEANUP(struct saved *, saved_free)

static void set_place(struct saved_vgpu *v, const struct move_place *place)
{
	v->gpu = place->gpu;
	v->vf = place->vf;
	v->vf_index = place->vf_index;
	v->framework = place->framework;
}

static const char *way_text(const struct move_place *from, const struct move_place *to,
			    char buf[64])
{
	char a[BDF_SIZE], b[BDF_SIZE];

	(void)snprintf(buf, 64, "from %s to %s", bdf_format(&from->vf, a),
		       bdf_format(&to->vf, b));
	return buf;
}

static bool is_to_do(const struct move_item *item)
{
	return item->step == MOVE_RECORD || item->step == MOVE_DEVICE ||
	       item->step == MOVE_MAKE;
}

static int close_transaction(struct store *store, int r, struct error *err)
{
	if (r == 0)
		return store_commit(store, err);
	store_rollback(store);
	return r;
}

/* Do record and kernel still say what was checked, now that the lock is ours? */
static bool is_unchanged(struct context *ctx, const struct move *m,
			 const struct saved *now, const struct work *w)
{
	const struct saved_vgpu *was = w->vgpu, *v = saved_find(now, was->uuid);
	struct vgpu_id id = vgpu_id_of(was);

	return v && v->row == was->row && v->state == was->state &&
	       v->is_moving == was->is_moving && v->slot == was->slot &&
	       !strcmp(v->vm, was->vm) && bdf_equal(&v->vf, &was->vf) &&
	       (host_find_live(m->view.host, was->uuid) ||
		vgpu_is_still_away(ctx->root_fd, m->view.host, &id, NULL) == 1);
}

/* Its record names the place that it is to be made at. */
static int record_next(struct move *m, struct saved_vgpu *v, const struct move_item *item,
		       struct error *err)
{
	enum saved_state from = v->state;
	char detail[64];
	int r;

	set_place(v, &item->next);
	r = store_set_place(m->store, v, err);
	if (r == 0 && from == SAVED_REMOVING) {
		v->state = SAVED_CREATING;
		v->is_moving = false;
		(void)text_copy(v->boot_id, sizeof(v->boot_id), m->view.host->boot_id);
		r = store_set_state(m->store, v, from, err);
	}
	if (r < 0 || item->step != MOVE_RECORD)
		return r;
	return store_event(m->store, "move", EVENT_DONE, v,
			   way_text(&item->old, &item->next, detail), err);
}

/* Its device goes, and the record says where to. */
static int record_target(struct move *m, struct saved_vgpu *v,
			 const struct move_item *item, struct error *err)
{
	enum saved_state from = v->state;
	char detail[64];
	int r;

	v->state = SAVED_REMOVING;
	v->is_moving = true;
	v->to_gpu = item->next.gpu;
	v->to_vf = item->next.vf;
	v->to_vf_index = item->next.vf_index;
	r = store_set_state(m->store, v, from, err);
	if (r == 0)
		r = store_set_target(m->store, v, err);
	if (r == 0)
		r = store_event(m->store, "move", EVENT_BEGUN, v,
				way_text(&item->old, &item->next, detail), err);
	v->vf = item->old.vf; /* where it lives, also if the record says otherwise */
	return r;
}

static int mark_one(struct context *ctx, struct move *m, const struct saved *now,
		    size_t i, struct error *err)
{
	struct move_item *item = &m->items[i];
	struct work *w = &m->works[i];
	int r;

	if (!is_to_do(item))
		return 0;
	r = work_lock(ctx, w, err);
	if (r == 0)
		r = work_share_gpu(w, &item->next.gpu, err);
	if (r < 0)
		return r;
	if (!is_unchanged(ctx, m, now, w))
		return -ESTALE;
	return item->step == MOVE_DEVICE ? record_target(m, w->vgpu, item, err)
					 : record_next(m, w->vgpu, item, err);
}

static int mark(struct context *ctx, struct move *m, struct error *err)
{
	_cleanup_(saved_freep) struct saved *now = NULL;
	const struct saved_vgpu *busy = NULL;
	size_t i;
	int r = store_begin(m->store, err);

	if (r < 0)
		return r;
	r = store_load(m->store, &now, err);
	for (i = 0; i < m->n && r == 0; i++) {
		r = mark_one(ctx, m, now, i, err);
		if (r == -ETIMEDOUT)
			busy = m->works[i].vgpu;
	}
	if (r < 0)
		for (i = 0; i < m->n; i++)
			work_unlock(&m->works[i]);
	r = close_transaction(m->store, r, err);
	if (busy) {
		r = wait_until_idle(ctx, busy, err);
		return r < 0 ? r : -ESTALE;
	}
	return r;
}

/* It could not be taken away. What is as it was is active again; what hangs keeps its
 * mark until its fate is known. */
static int record_stays(struct context *ctx, struct move *m, size_t i, struct error *err)
{
	struct work *w = &m->works[i];
	struct vgpu_id id = vgpu_id_of(w->vgpu);
	int r;

	m->items[i].r = w->r;
	m->items[i].err = w->err;
	w->done = false;
	if (w->hanging || !vgpu_is_whole(ctx->root_fd, &id))
		return 0;
	w->vgpu->state = SAVED_ACTIVE;
	w->vgpu->is_moving = false;
	r = store_set_state(m->store, w->vgpu, SAVED_REMOVING, err);
	return r == 0 ? store_event(m->store, "move", EVENT_FAILED, w->vgpu,
				    w->err.message, err)
		      : r;
}

/* Takes the devices away; the records of those that went name the new place. */
static int take_away(struct context *ctx, struct move *m, struct error *err)
{
	size_t i, n = 0;
	int r = 0;

	for (i = 0; i < m->n && r == 0; i++) {
		if (m->items[i].step != MOVE_DEVICE)
			continue;
		r = work_queue_remove(ctx, m->jobs, &m->works[i], i, err);
		n++;
	}
	if (r == 0 && n)
		r = works_wait(m->jobs, m->works, m->n, err);
	if (r < 0 || !n)
		return r;
	r = store_begin(m->store, err);
	for (i = 0; i < m->n && r == 0; i++) {
		struct work *w = &m->works[i];

		if (!w->done)
			continue;
		r = w->r < 0 ? record_stays(ctx, m, i, err)
			     : record_next(m, w->vgpu, &m->items[i], err);
	}
	return close_transaction(m->store, r, err);
}

static bool is_to_make(const struct move_item *item)
{
	return (item->step == MOVE_DEVICE || item->step == MOVE_MAKE) &&
	       (item->back || item->r == 0);
}

/* Makes all that are away, or only those that go back. */
static int make(struct context *ctx, struct move *m, bool back, struct error *err)
{
	size_t i, n = 0;
	int r = 0;

	for (i = 0; i < m->n; i++)
		m->works[i].done = false;
	for (i = 0; i < m->n && r == 0; i++) {
		if (!is_to_make(&m->items[i]) || m->items[i].back != back)
			continue;
		r = work_queue_make(ctx, m->jobs, &m->works[i], i, !back, err);
		n++;
	}
	return r == 0 && n ? works_wait(m->jobs, m->works, m->n, err) : r;
}

/* It cannot be made there: what surely is not there goes back to where it was. */
static int go_back(struct move *m, size_t i, struct error *err)
{
	struct move_item *item = &m->items[i];
	struct work *w = &m->works[i];

	item->r = w->r;
	item->err = w->err;
	item->back = item->step == MOVE_DEVICE && w->made.absent && !w->hanging;
	if (!item->back)
		return store_event(m->store, "move", EVENT_FAILED, w->vgpu,
				   w->err.message, err);
	set_place(w->vgpu, &item->old);
	return store_set_place(m->store, w->vgpu, err);
}

static int settle_one(struct move *m, size_t i, struct error *err)
{
	struct move_item *item = &m->items[i];
	struct work *w = &m->works[i];

	if (w->r < 0 && !item->back)
		return go_back(m, i, err);
	if (item->back) {
		int r = w->r == 0 ? work_settle(m->store, m->view.host, w, "restore", err)
				  : 0;

		return r == 0 ? store_event(m->store, "move", EVENT_FAILED, w->vgpu,
					    item->err.message, err)
			      : r;
	}
	return work_settle(m->store, m->view.host, w, "move", err);
}

static int settle(struct move *m, bool back, bool *ret_any_back, struct error *err)
{
	size_t i;
	int r = store_begin(m->store, err);

	for (i = 0; i < m->n && r == 0; i++) {
		if (!m->works[i].done || m->items[i].back != back)
			continue;
		r = settle_one(m, i, err);
		*ret_any_back = *ret_any_back || m->items[i].back;
	}
	return close_transaction(m->store, r, err);
}

static int first_failure(const struct move *m, struct error *err)
{
	char uuid[UUID_SIZE];
	size_t i;

	for (i = 0; i < m->n; i++) {
		const struct move_item *item = &m->items[i];

		if (item->r == 0)
			continue;
		*err = item->err;
		(void)text_copy(uuid, sizeof(uuid), m->works[i].vgpu->uuid);
		(void)error_context(err, "%s", uuid);
		error_hint(err, "'vgpumgr show %.8s' shows what became of it", uuid);
		return item->r;
	}
	return 0;
}

/* Those of which the last transaction was the last step. */
static void note_done(struct move *m, bool made)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (made ? is_to_make(&m->items[i]) && !m->items[i].back
			 : m->items[i].step == MOVE_RECORD)
			m->items[i].done = true;
}

int move_carry_out(struct context *ctx, struct move *m, struct error *err)
{
	bool back = false, ignored = false;
	int r = mark(ctx, m, err);

	if (r < 0)
		return r;
	note_done(m, false);
	r = take_away(ctx, m, err);
	if (r == 0)
		r = make(ctx, m, false, err);
	if (r == 0)
		r = settle(m, false, &back, err);
	if (r == 0)
		note_done(m, true);
	if (r == 0 && back)
		r = make(ctx, m, true, err);
	if (r == 0 && back)
		r = settle(m, true, &ignored, err);
	context_publish(ctx, m->store, m->view.host->machine_id);
	return r < 0 ? r : first_failure(m, err);
}

/* In a transaction, with its lock: its record names the new place. */
static int finish_one(struct store *store, const char *uuid, bool *ret_changed,
		      struct error *err)
{
	_cleanup_(saved_freep) struct saved *now = NULL;
	struct move_place old, next;
	struct saved_vgpu *v;
	char detail[64];
	int r = store_load(store, &now, err);

	v = r < 0 ? NULL : saved_find(now, uuid);
	if (!v || !v->is_moving)
		return r;
	old = (struct move_place){ v->gpu, v->vf, v->vf_index, v->framework };
	next = (struct move_place){ v->to_gpu, v->to_vf, v->to_vf_index, v->framework };
	set_place(v, &next);
	r = store_set_place(store, v, err);
	v->state = SAVED_CREATING;
	v->boot_id[0] = '\0'; /* nothing of it is there */
	if (r == 0)
		r = store_set_state(store, v, SAVED_REMOVING, err);
	*ret_changed = true;
	return r == 0 ? store_event(store, "move", EVENT_DONE, v,
				    way_text(&old, &next, detail), err)
		      : r;
}

int moves_finish(struct context *ctx, struct store *store, const struct saved *saved,
		 bool (*is_chosen)(const void *arg, const struct saved_vgpu *vgpu),
		 const void *arg, bool *ret_changed, struct error *err)
{
	size_t i;
	int r = 0;

	for (i = 0; i < saved->n_vgpus && r == 0; i++) {
		const struct saved_vgpu *v = &saved->vgpus[i];
		_cleanup_(closep) int fd = -1;
		struct vgpu_id id;

		if (!v->is_moving || (is_chosen && !is_chosen(arg, v)))
			continue;
		id = vgpu_id_of(v);
		fd = store_open_lock(&ctx->place, err);
		if (fd < 0)
			return fd;
		if (lock_take(fd, v->row, clock_monotonic_ms(), NULL) < 0 ||
		    move_rest(v, vgpu_is_gone(ctx->root_fd, &id)) != MOVE_REST_FINISH)
			continue;
		r = store_begin(store, err);
		if (r == 0)
			r = close_transaction(
				store, finish_one(store, v->uuid, ret_changed, err), err);
	}
	return r;
}
