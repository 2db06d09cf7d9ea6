/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/rows.h"
#include "cmd/work.h"
#include "cmd/words.h"
#include "host/holders.h"
#include "out/json.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/text.h"

#define SHORTEST_PREFIX 8

DEFINE_CLEANUP(struct saved *, saved_free)

enum { OPT_VM = 0x200, OPT_SLOT, OPT_IF_EXISTS };

static const struct argp_option options[] = {
	{ "vm", OPT_VM, "NAME", 0, "The vGPUs of this VM", 0 },
	{ "slot", OPT_SLOT, "N", 0, "Of the VM, only this one", 0 },
	{ "if-exists", OPT_IF_EXISTS, NULL, 0, "What is not there is no failure", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

struct remove_args {
	const char *vm;
	bool have_slot, if_exists;
	uint32_t slot;
	char **uuids;
	size_t n_uuids;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct remove_args *a = p ? p->args : NULL;

	switch (key) {
	case OPT_VM:
		return parse_vm_option(state, arg, &a->vm);
	case OPT_SLOT:
		a->have_slot = true;
		return parse_number_option(state, "slot", arg, INT32_MAX, &a->slot);
	case OPT_IF_EXISTS:
		a->if_exists = true;
		return 0;
	case ARGP_KEY_ARGS:
		a->uuids = state->argv + state->next;
		a->n_uuids = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_END:
		if (p->help)
			return 0;
		if (!a->vm == !a->n_uuids)
			return usage_error(state, "name either UUIDs or --vm NAME");
		if (a->have_slot && !a->vm)
			return usage_error(state, "--slot goes with --vm");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* A call of remove under way. */
struct removal {
	struct remove_args args;
	struct view view;
	struct store *store;
	struct jobs *jobs;
	struct work *works; /* what is to go */
	size_t n;
};

static void removal_end(struct removal *m)
{
	works_free(m->works, m->n);
	jobs_free(m->jobs);
	store_close(m->store);
	view_close(&m->view);
}

static bool is_chosen(const struct removal *m, const struct saved_vgpu *v)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (m->works[i].vgpu == v)
			return true;
	return false;
}

static void choose(struct removal *m, struct saved_vgpu *v)
{
	if (is_chosen(m, v))
		return;
	m->works[m->n] = WORK_NONE;
	m->works[m->n++].vgpu = v;
}

static int choose_uuid(struct removal *m, const char *text, struct error *err)
{
	struct saved_vgpu *v = NULL;
	struct live_vgpu *live = NULL;
	int r = view_find_vgpu(&m->view, text, SHORTEST_PREFIX, &v, &live, err);

	if (r == -ENOENT && m->args.if_exists)
		return 0;
	if (r < 0)
		return r;
	if (!v) {
		(void)error_set(
			err, ERROR_CONFLICT, 0,
			"%s is foreign: vgpumgr did not make it and leaves it alone",
			live->uuid);
		error_hint(err, "whoever made it can remove it");
		return -EEXIST;
	}
	choose(m, v);
	return 0;
}

static int choose_all(struct removal *m, struct error *err)
{
	const struct remove_args *a = &m->args;
	char vm[4 * VM_NAME_SIZE];
	size_t i;
	int r = 0;

	m->works = calloc(m->view.saved->n_vgpus + 1, sizeof(*m->works));
	if (!m->works)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "remove");
	for (i = 0; i < a->n_uuids && r == 0; i++)
		r = choose_uuid(m, a->uuids[i], err);
	for (i = 0; a->vm && i < m->view.saved->n_vgpus; i++) {
		struct saved_vgpu *v = &m->view.saved->vgpus[i];

		if (!strcmp(v->vm, a->vm) && (!a->have_slot || v->slot == a->slot))
			choose(m, v);
	}
	if (r == 0 && !m->n && !a->if_exists) {
		(void)error_set(err, ERROR_NOT_FOUND, 0, "%s has no vGPU%s on record",
				text_escape(vm, sizeof(vm), a->vm),
				a->have_slot ? " in that slot" : "");
		error_hint(err, "'vgpumgr list' shows the vGPUs of this host");
		return -ENOENT;
	}
	return r;
}

/* The live device of a record, NULL if there is none. */
static struct live_vgpu *device_of(const struct removal *m, const struct work *w)
{
	return host_find_live(m->view.host, w->vgpu->uuid);
}

/* May it go, as far as record and kernel tell? */
static int check_one(struct context *ctx, struct removal *m, struct work *w,
		     struct error *err)
{
	const struct verdict *v = &m->view.plan.verdicts[w->vgpu - m->view.saved->vgpus];
	char why[256];

	if (w->vgpu->in_progress) {
		int r = wait_until_idle(ctx, w->vgpu, err);

		return r < 0 ? r : -ESTALE;
	}
	/* What is not live can go, however it is in conflict. */
	if (v->state == STATE_STUCK || (v->state == STATE_CONFLICT && device_of(m, w))) {
		(void)error_set(err, ERROR_CONFLICT, 0, "%s: %s", w->vgpu->uuid,
				reason_sentence(w->vgpu, v->reason, why, sizeof(why)));
		error_hint(err, "'vgpumgr show %.8s' tells about it", w->vgpu->uuid);
		return -EBUSY;
	}
	return 0;
}

static int check_holders(struct context *ctx, struct removal *m, struct error *err)
{
	_cleanup_(freep) struct held_device *devices = calloc(m->n + 1, sizeof(*devices));
	_cleanup_(freep) struct holder *holders = calloc(m->n + 1, sizeof(*holders));
	char who[512], vm[4 * VM_NAME_SIZE];
	size_t i;
	int r;

	if (!devices || !holders)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "remove");
	for (i = 0; i < m->n; i++)
		(void)text_copy(devices[i].uuid, sizeof(devices[i].uuid),
				m->works[i].vgpu->uuid);
	r = holders_find(ctx->root_fd, devices, m->n, holders, err);
	if (r < 0)
		return error_context(err, "find out whether it is in use");
	for (i = 0; i < m->n; i++) {
		if (!holders[i].in_use)
			continue;
		(void)error_set(err, ERROR_IN_USE, EBUSY, "%s of %s is held by %s",
				m->works[i].vgpu->uuid,
				text_escape(vm, sizeof(vm), m->works[i].vgpu->vm),
				holder_describe(&holders[i], who, sizeof(who)));
		error_hint(err, "shut that VM down first; nothing was removed");
		return -EBUSY;
	}
	return 0;
}

/* Everything is checked before anything is changed. */
static int check_all(struct context *ctx, struct removal *m, struct error *err)
{
	size_t i;
	int r = 0;

	for (i = 0; i < m->n && r == 0; i++)
		r = check_one(ctx, m, &m->works[i], err);
	return r == 0 && m->n ? check_holders(ctx, m, err) : r;
}

static int record_removed(struct removal *m, struct work *w, struct error *err)
{
	char detail[VM_NAME_SIZE + PROFILE_SIZE + 64], vf[BDF_SIZE];
	int r = store_delete(m->store, w->vgpu, err);

	(void)snprintf(detail, sizeof(detail), "%s on %s of %s/%u", w->vgpu->profile,
		       bdf_format(&w->vgpu->vf, vf), w->vgpu->vm, w->vgpu->slot);
	return r == 0 ? store_event(m->store, "remove", w->vgpu->uuid, detail, err) : r;
}

static int close_transaction(struct store *store, int r, struct error *err)
{
	if (r == 0)
		return store_commit(store, err);
	store_rollback(store);
	return r;
}

/* Do record and kernel still say what was checked, now that the lock is ours? */
static bool is_unchanged(struct context *ctx, const struct removal *m,
			 const struct saved *now, const struct work *w)
{
	const struct saved_vgpu *v = saved_find(now, w->vgpu->uuid);
	const struct live_vgpu *live = device_of(m, w);

	return v && v->row == w->vgpu->row && v->state == w->vgpu->state &&
	       v->slot == w->vgpu->slot && !strcmp(v->vm, w->vgpu->vm) &&
	       bdf_equal(&v->vf, &w->vgpu->vf) &&
	       (live || vgpu_is_gone(ctx->root_fd, v->uuid, &v->vf));
}

static int mark_one(struct context *ctx, struct removal *m, const struct saved *now,
		    struct work *w, struct error *err)
{
	enum saved_state from = w->vgpu->state;
	const struct live_vgpu *live = device_of(m, w);
	int r = work_lock(ctx, w, err);

	if (r < 0)
		return r;
	if (!is_unchanged(ctx, m, now, w))
		return -ESTALE;
	if (!live)
		return record_removed(m, w, err);
	w->vgpu->vf = live->parent;
	w->vgpu->state = SAVED_REMOVING;
	r = store_set_state(m->store, w->vgpu, from, err);
	return r == 0 ? store_event(m->store, "remove-intent", w->vgpu->uuid, "", err)
		      : r;
}

/* Records of devices that are gone go; the others are marked before the kernel is
 * touched. -ESTALE: somebody was at work on one of them meanwhile, everything must be
 * looked at again. */
static int mark(struct context *ctx, struct removal *m, struct error *err)
{
	_cleanup_(saved_freep) struct saved *now = NULL;
	const struct saved_vgpu *busy = NULL;
	size_t i;
	int r = store_begin(m->store, err);

	if (r < 0)
		return r;
	r = store_load(m->store, &now, err);
	for (i = 0; i < m->n && r == 0; i++) {
		r = mark_one(ctx, m, now, &m->works[i], err);
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

/* Tells the first failure after everything that could be done was. */
static int settle(struct removal *m, struct error *err)
{
	struct error first = { .kind = 0 };
	size_t i;
	int failed = 0, r = store_begin(m->store, err);

	for (i = 0; i < m->n && r == 0; i++) {
		struct work *w = &m->works[i];

		if (!w->done)
			continue;
		if (w->r == 0) {
			r = record_removed(m, w, err);
			continue;
		}
		if (!failed)
			first = w->err;
		failed = failed ? failed : w->r;
		if (w->hanging)
			continue; /* stays "removing" until its fate is known */
		w->vgpu->state = SAVED_ACTIVE;
		r = store_set_state(m->store, w->vgpu, SAVED_REMOVING, err);
		if (r == 0)
			r = store_event(m->store, "remove-failed", w->vgpu->uuid,
					w->err.message, err);
	}
	r = close_transaction(m->store, r, err);
	if (r == 0 && failed) {
		*err = first;
		error_hint(err, "'vgpumgr check' shows what became of it");
		return failed;
	}
	return r;
}

static int remove_devices(struct context *ctx, struct removal *m, struct error *err)
{
	size_t i, n_live = 0;
	int r = 0;

	for (i = 0; i < m->n && r == 0; i++) {
		if (m->works[i].vgpu->state != SAVED_REMOVING ||
		    !device_of(m, &m->works[i]))
			continue;
		r = work_queue_remove(ctx, m->jobs, &m->works[i], i, err);
		n_live++;
	}
	if (r == 0)
		r = works_wait(m->jobs, m->works, m->n, err);
	return r == 0 && n_live ? settle(m, err) : r;
}

static int print(struct context *ctx, struct removal *m, struct error *err)
{
	json_t *document, *array = json_array();
	char vm[4 * VM_NAME_SIZE], vf[BDF_SIZE];
	size_t i;

	for (i = 0; i < m->n; i++) {
		const struct saved_vgpu *v = m->works[i].vgpu;

		if (ctx->dry_run && !ctx->json)
			printf("remove %s (%s on %s of %s slot %u)\n", v->uuid,
			       v->profile, bdf_format(&v->vf, vf),
			       text_escape(vm, sizeof(vm), v->vm), v->slot);
		else if (!ctx->json)
			note(ctx, "removed %s (%s on %s of %s slot %u)", v->uuid,
			     v->profile, bdf_format(&v->vf, vf), v->vm, v->slot);
		(void)json_array_append_new(
			array,
			json_pack("{s:s, s:s, s:o, s:I, s:o, s:o}", "uuid", v->uuid,
				  "profile", v->profile, "vm", json_text(v->vm), "slot",
				  (json_int_t)v->slot, "gpu", json_bdf(&v->gpu), "vf",
				  json_bdf(&v->vf)));
	}
	if (!ctx->json) {
		json_decref(array);
		return 0;
	}
	document = json_document("remove", m->view.as_of, m->view.host);
	(void)json_object_set_new(document, "vgpus", array);
	return json_print(document, err);
}

/* A record of nothing, where there is no store: then nothing can be removed either. */
static int load(struct context *ctx, struct removal *m, struct error *err)
{
	int r;

	view_close(&m->view);
	(void)clock_now(m->view.as_of, sizeof(m->view.as_of));
	r = context_scan(ctx, SCAN_NAMES | SCAN_OTHERS | SCAN_STUCK, &m->view.host, err);
	if (r == 0 && m->store)
		r = store_load(m->store, &m->view.saved, err);
	else if (r == 0 && !(m->view.saved = calloc(1, sizeof(*m->view.saved))))
		r = error_set(err, ERROR_SYSTEM, ENOMEM, "remove");
	if (r == 0)
		r = context_drop_vanished(ctx, m->view.host, m->view.saved, err);
	return r == 0 ? plan_make(m->view.host, m->view.saved, &m->view.plan, err) : r;
}

static int remove_all(struct context *ctx, struct removal *m, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + (int64_t)context_timeout(ctx) * 1000;
	int r;

	do {
		works_free(m->works, m->n);
		m->works = NULL;
		m->n = 0;
		r = load(ctx, m, err);
		if (r == 0)
			r = choose_all(m, err);
		if (r == 0)
			r = check_all(ctx, m, err);
		if (r == 0 && (ctx->dry_run || !m->n))
			return 0;
		if (r == 0)
			r = mark(ctx, m, err);
	} while (r == -ESTALE && look_again_until(deadline));
	if (r == -ESTALE)
		return error_set(err, ERROR_TIMEOUT, ETIMEDOUT,
				 "other processes keep changing what is to be removed");
	if (r < 0)
		return r;
	r = remove_devices(ctx, m, err);
	context_publish(ctx, m->store, m->view.host->machine_id);
	return r;
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = {
		options,
		parse,
		"UUID...|--vm NAME",
		"Remove vGPUs and their records. All are checked first: none "
		"is removed if one is in use.",
		NULL,
		NULL,
		NULL
	};
	_cleanup_(removal_end) struct removal m = { .n = 0 };
	int r = command_parse(ctx, &argp, argc, argv, &m.args, err);

	if (r)
		return r < 0 ? r : 0;
	r = ctx->dry_run ? 0 : context_start_jobs(ctx, &m.jobs, err);
	if (r == 0)
		r = store_open(&ctx->place, ctx->dry_run ? STORE_READ : STORE_WRITE,
			       context_timeout(ctx) * 1000, &m.store, err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (m.store)
		store_set_actor(m.store, ctx->actor);
	r = remove_all(ctx, &m, err);
	return r == 0 ? print(ctx, &m, err) : r;
}

const struct command cmd_remove = { "remove", "remove vGPUs and their records", run };
