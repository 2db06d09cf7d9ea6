/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/reconcile.h"
#include "cmd/select.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock.h"
#include "util/text.h"

static const struct argp_option options[] = {
	SELECT_OPTION_VM,
	SELECT_OPTION_GPU,
	SELECT_OPTION_ALL,
	SELECT_OPTION_IF_EXISTS,
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;

	return select_parse(key, arg, state, p->args);
}

/* A call of start under way. */
struct start {
	struct select_args args;
	struct view view; /* when it began */
	struct saved_vgpu **chosen;
	size_t n;
};

static void start_end(struct start *s)
{
	free(s->chosen);
	view_close(&s->view);
}

static bool is_chosen(const void *arg, const struct saved_vgpu *vgpu)
{
	const struct start *s = arg;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (!strcmp(s->chosen[i]->uuid, vgpu->uuid))
			return true;
	return false;
}

/* It is wanted again. That it is active on record is the intent, as it is at a boot. */
static int want_one(struct context *ctx, struct store *store, struct saved_vgpu *v,
		    struct error *err)
{
	_cleanup_(closep) int fd = store_open_lock(&ctx->place, err);
	struct saved_vgpu wanted = *v;
	char detail[WHAT_SIZE];
	int r = fd < 0 ? fd : lock_take(fd, v->row, clock_monotonic_ms(), err);

	if (r < 0)
		return r;
	wanted.state = SAVED_ACTIVE;
	r = store_set_state(store, &wanted, SAVED_STOPPED, err);
	return r == 0 ? store_event(store, "start", EVENT_DONE, v, work_what(v, detail),
				    err)
		      : r;
}

/* All of them, or none where one cannot be. */
static int want_all(struct context *ctx, struct start *s, struct store *store,
		    struct error *err)
{
	size_t i;
	int r = store_begin(store, err);

	for (i = 0; i < s->n && r == 0; i++)
		if (s->chosen[i]->state == SAVED_STOPPED)
			r = want_one(ctx, store, s->chosen[i], err);
	if (r == 0)
		return store_commit(store, err);
	store_rollback(store);
	return r;
}

static size_t count_stopped(const struct start *s)
{
	size_t i, n = 0;

	for (i = 0; i < s->n; i++)
		n += s->chosen[i]->state == SAVED_STOPPED;
	return n;
}

static int choose(struct context *ctx, struct start *s, struct error *err)
{
	size_t i;
	int r = view_open(ctx, SCAN_NAMES | SCAN_OTHERS | SCAN_STUCK, &s->view, err);

	if (r == 0)
		r = select_choose(&s->args, &s->view, &s->chosen, &s->n, err);
	for (i = 0; i < s->n && r == 0 && !ctx->dry_run; i++)
		if (s->chosen[i]->in_progress) {
			r = wait_until_idle(ctx, s->chosen[i], err);
			r = r < 0 ? r : -ESTALE;
		}
	return r;
}

/* A record that another process was at work on is read again when that is done. */
static int choose_and_mark(struct context *ctx, struct start *s, struct reconcile *rc,
			   struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + (int64_t)context_timeout(ctx) * 1000;
	int r;

	do {
		start_end(s);
		s->chosen = NULL;
		s->n = 0;
		s->view = (struct view){ .host = NULL };
		r = choose(ctx, s, err);
		if (r < 0 || ctx->dry_run || !count_stopped(s))
			continue;
		if (!rc->store)
			r = context_open_store(ctx, STORE_WRITE, &rc->store, err);
		if (r < 0)
			return r;
		r = want_all(ctx, s, rc->store, err);
		rc->changed = r == 0;
	} while ((r == -ESTALE || r == -ETIMEDOUT) && look_again_until(deadline));
	if (r == -ESTALE)
		return error_set(err, ERROR_TIMEOUT, ETIMEDOUT,
				 "other processes keep changing what is to be started");
	return r;
}

/* The status that the failure of this one would be for it alone, 0 where it is none. */
static int failure_of(const struct reconcile *rc, size_t i)
{
	const struct item *item = &rc->items[i];
	const struct verdict *v = &item->verdict;
	const struct gpu_task *task =
		reconcile_find_task(rc, &rc->view.saved->vgpus[i].gpu);

	if (item->left_out || item->vanished ||
	    (!rc->jobs && v->action != ACTION_REPORT)) /* a dry run would do it */
		return 0;
	if (item->work.done)
		return item->work.r < 0 ? (int)item->work.err.kind : 0;
	switch (v->reason) {
	case REASON_NONE:
		return 0;
	case REASON_VF_TAKEN: /* else it moves */
		return v->action == ACTION_REPORT ? ERROR_CONFLICT : 0;
	case REASON_VF_GONE:
		return v->action == ACTION_REPORT ? ERROR_CAPACITY : 0;
	case REASON_IN_PROGRESS:
		return ERROR_TIMEOUT;
	case REASON_NOT_OFFERED:
		return ERROR_NOT_FOUND;
	case REASON_SRIOV_OFF:
	case REASON_NO_TYPES:
		if (task && task->tried && task->r < 0)
			return (int)task->err.kind;
		return ERROR_CAPACITY;
	default:
		return v->reason <= REASON_NO_FREE_VF ? ERROR_CAPACITY : ERROR_CONFLICT;
	}
}

static int first_failure(const struct reconcile *rc)
{
	size_t i;
	int status = 0;

	for (i = 0; i < rc->view.saved->n_vgpus && !status; i++)
		status = failure_of(rc, i);
	return status ? status : ERROR_DRIFT;
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = { options,
				   parse,
				   "UUID...|--vm NAME|--gpu BDF|--all",
				   "Make vGPUs live that were stopped, on their VFs.",
				   NULL,
				   NULL,
				   NULL };
	_cleanup_(reconcile_end) struct reconcile rc = RECONCILE_NONE;
	_cleanup_(start_end) struct start s = {
		.args = { .ways = SELECT_UUIDS | SELECT_VM | SELECT_GPU | SELECT_ALL,
			  .verb = "start" },
	};
	int r = command_parse(ctx, &argp, argc, argv, &s.args, err);

	if (r)
		return r < 0 ? r : 0;
	rc.what = DO_VFS | DO_VGPUS;
	rc.is_chosen = is_chosen;
	rc.arg = &s;
	ctx->changes = !ctx->dry_run;
	r = ctx->dry_run ? 0 : context_start_jobs(ctx, &rc.jobs, err);
	if (r == 0)
		r = choose_and_mark(ctx, &s, &rc, err);
	if (r < 0)
		return r;
	if (!s.n)
		note(ctx, "there is nothing to start");
	r = reconcile_run(ctx, &rc, err);
	if (r == -ENOENT && !rc.store)
		return reconcile_report_nothing(ctx, err);
	if (r < 0 && rc.changed)
		context_publish(ctx, rc.store, s.view.host->machine_id);
	if (r < 0)
		return r;
	r = reconcile_report(ctx, &rc, err);
	return r == ERROR_DRIFT ? first_failure(&rc) : r;
}

const struct command cmd_start = { "start", "make vGPUs live that were stopped", run };
