/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/outcome.h"
#include "cmd/select.h"
#include "core/await.h"
#include "out/publish.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/text.h"

#define LOOK_MS 250
#define THOROUGH (SCAN_NAMES | SCAN_OTHERS | SCAN_STUCK)

static const struct argp_option options[] = {
	SELECT_OPTION_VM,
	SELECT_OPTION_ALL,
	SELECT_OPTION_IF_EXISTS,
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;

	return select_parse(key, arg, state, p->args);
}

/* A call of wait under way. */
struct waiting {
	struct select_args args;
	struct view view;    /* as last looked at */
	struct store *store; /* NULL: there is none, or it cannot be opened */
	bool published;	     /* the record is what root published of it */
	bool *chosen;	     /* one per saved vGPU */
	size_t n_chosen;
};

static void waiting_end(struct waiting *w)
{
	free(w->chosen);
	store_close(w->store);
	view_close(&w->view);
}

static int open_record(struct context *ctx, struct waiting *w, struct error *err)
{
	int r = context_open_store(ctx, STORE_READ, &w->store, err);

	if (r == -ENOENT) {
		w->view.saved = calloc(1, sizeof(*w->view.saved));
		return w->view.saved ? 0 : error_set(err, ERROR_SYSTEM, ENOMEM, "wait");
	}
	if (r == -EACCES && err->kind == ERROR_PERMISSION) {
		w->published = true;
		return view_read_published(ctx, &w->view, err);
	}
	return r == 0 ? store_load(w->store, &w->view.saved, err) : r;
}

/* Does what was read of the record still hold?  That somebody is at work on one is told
 * by a lock, not by the generation. */
static bool is_current(struct waiting *w)
{
	const struct saved *saved = w->view.saved;
	uint64_t generation;
	size_t i;

	for (i = 0; i < saved->n_vgpus; i++)
		if (saved->vgpus[i].in_progress)
			return false;
	return store_generation(w->store, &generation, NULL) == 0 &&
	       generation == saved->generation;
}

static int read_record(struct context *ctx, struct waiting *w, bool thorough,
		       struct error *err)
{
	struct saved *saved = NULL;
	int r;

	if (w->published)
		r = publish_read(ctx->root_fd, &saved, NULL, err);
	else if (!w->store || (!thorough && is_current(w)))
		return 0;
	else
		r = store_load(w->store, &saved, err);
	if (r < 0)
		return r;
	saved_free(w->view.saved);
	w->view.saved = saved;
	return 0;
}

/* Warnings are for the look that the answer is from, or they would come again and again.
 */
static int scan(struct context *ctx, struct waiting *w, bool thorough, struct error *err)
{
	struct scan_options cheap = { .what = SCAN_NAMES };
	struct host *host;
	int r = thorough ? context_scan(ctx, THOROUGH, &host, err)
			 : scan_host(ctx->root_fd, &cheap, &host, err);

	if (r < 0)
		return r;
	host_free(w->view.host);
	w->view.host = host;
	return 0;
}

/* Which of the saved vGPUs are waited for. Of all, those that are stopped are none. */
static int choose(struct waiting *w, struct error *err)
{
	const struct saved *saved = w->view.saved;
	_cleanup_(freep) struct saved_vgpu **chosen = NULL;
	size_t i, n;
	int r = select_choose(&w->args, &w->view, &chosen, &n, err);

	if (r < 0)
		return r;
	free(w->chosen);
	w->n_chosen = 0;
	w->chosen = calloc(saved->n_vgpus + 1, sizeof(*w->chosen));
	if (!w->chosen)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "wait");
	for (i = 0; i < n; i++) {
		if (w->args.by.all && chosen[i]->state == SAVED_STOPPED)
			continue;
		w->chosen[chosen[i] - saved->vgpus] = true;
		w->n_chosen++;
	}
	return 0;
}

/* The cheap look tells what has come, not what hangs or why something does not come. */
static int look(struct context *ctx, struct waiting *w, bool thorough, struct error *err)
{
	struct view *view = &w->view;
	int r = scan(ctx, w, thorough, err);

	if (r == 0)
		r = read_record(ctx, w, thorough, err);
	if (r == 0)
		r = plan_make(view->host, view->saved, &view->plan, err);
	if (r == 0 && thorough)
		r = view_check_types(ctx, view, err);
	if (r == 0 && thorough && w->published)
		(void)text_copy(view->as_of, sizeof(view->as_of), view->saved->as_of);
	else if (r == 0 && thorough)
		(void)clock_now(view->as_of, sizeof(view->as_of));
	return r == 0 ? choose(w, err) : r;
}

/* Looks until there is an answer, which is always that of a thorough look. */
static int wait_until_live(struct context *ctx, struct waiting *w, enum await *ret,
			   struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + (int64_t)context_timeout(ctx) * 1000;
	bool thorough = true;

	for (;;) {
		int64_t left;
		int r = look(ctx, w, thorough, err);

		if (r < 0)
			return r;
		*ret = await_decide(w->view.saved->vgpus, w->view.plan.verdicts,
				    w->chosen, w->view.saved->n_vgpus);
		left = deadline - clock_monotonic_ms();
		if (thorough && (*ret != AWAIT_MORE || left <= 0))
			return 0;
		thorough = *ret != AWAIT_MORE || left <= 0;
		if (!thorough)
			clock_sleep_ms(left < LOOK_MS ? left : LOOK_MS);
	}
}

/* A vGPU that is live is as it shall be, even if its record has yet to follow it. */
static void judge(struct outcome *o, struct outcome_summary *s)
{
	struct outcome_summary ignored = { 0 };

	o->error[0] = '\0';
	if (o->row.verdict.state == STATE_ACTIVE) {
		s->as_saved++;
		return;
	}
	s->failed++;
	outcome_judge(o, &ignored);
	if (!o->error[0])
		(void)snprintf(o->error, sizeof(o->error),
			       "not made until it is started");
}

/* One line for each that is not live. */
static void describe(struct context *ctx, const struct outcome *outcomes, size_t n)
{
	char vm[4 * VM_NAME_SIZE], why[4 * sizeof(outcomes->error)];
	size_t i, size;
	FILE *f;

	free(ctx->details);
	ctx->details = NULL;
	f = open_memstream(&ctx->details, &size);
	for (i = 0; f && i < n; i++) {
		const struct outcome *o = &outcomes[i];
		const struct saved_vgpu *v = o->row.saved;

		if (o->row.verdict.state != STATE_ACTIVE)
			(void)fprintf(f, "  %s of %s slot %u is %s: %s\n", v->uuid,
				      text_escape(vm, sizeof(vm), v->vm), v->slot,
				      vgpu_state_name(o->row.verdict.state),
				      text_escape(why, sizeof(why), o->error));
	}
	if (f)
		(void)fclose(f);
}

static int refuse(struct context *ctx, const struct outcome *outcomes, size_t n,
		  unsigned missing, enum await await, struct error *err)
{
	const char *are = missing == 1 ? "is" : "are";

	describe(ctx, outcomes, n);
	if (await == AWAIT_NOBODY) {
		(void)error_set(err, ERROR_DRIFT, 0, "%u of %zu vGPUs %s stopped",
				missing, n, are);
		error_hint(err, "'vgpumgr start' brings back what is stopped");
	} else {
		(void)error_set(err, ERROR_DRIFT, 0,
				"%u of %zu vGPUs %s not live after %u s", missing, n, are,
				context_timeout(ctx));
		error_hint(err, "'vgpumgr reconcile' makes live what is saved");
	}
	return -EIO;
}

static int report(struct context *ctx, struct waiting *w, enum await await,
		  struct error *err)
{
	_cleanup_(freep) struct outcome *outcomes =
		calloc(w->n_chosen + 1, sizeof(*outcomes));
	_cleanup_(freep) struct row *rows = NULL;
	struct outcome_summary summary = { 0 };
	ssize_t i, n_rows = rows_make(&w->view, &rows, err);
	size_t n = 0;
	int r;

	if (n_rows < 0)
		return (int)n_rows;
	if (!outcomes)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "wait");
	for (i = 0; i < n_rows; i++) {
		if (!rows[i].saved || !w->chosen[rows[i].saved - w->view.saved->vgpus])
			continue;
		outcomes[n].row = rows[i];
		judge(&outcomes[n++], &summary);
	}
	if (!ctx->json)
		return await == AWAIT_NOTHING
			       ? 0
			       : refuse(ctx, outcomes, n, summary.failed, await, err);
	r = outcomes_print(ctx, &w->view, outcomes, n, &summary, NULL, err);
	return r == 0 && await != AWAIT_NOTHING ? (int)ERROR_DRIFT : r;
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = {
		options,
		parse,
		"--vm NAME|--all",
		"Wait until saved vGPUs are live, up to --timeout. Changes nothing. "
		"Exit status 7: they are not, or they are stopped. With --all, stopped "
		"ones do not count.",
		NULL,
		NULL,
		NULL
	};
	_cleanup_(waiting_end) struct waiting w = {
		.args = { .ways = SELECT_VM | SELECT_ALL, .verb = "wait for" },
	};
	enum await await = AWAIT_MORE;
	int r = command_parse(ctx, &argp, argc, argv, &w.args, err);

	if (r)
		return r < 0 ? r : 0;
	r = open_record(ctx, &w, err);
	if (r == 0)
		r = wait_until_live(ctx, &w, &await, err);
	return r == 0 ? report(ctx, &w, await, err) : r;
}

const struct command cmd_wait = { "wait", "wait until saved vGPUs are live", run };
