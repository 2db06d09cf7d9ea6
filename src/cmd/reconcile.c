/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/reconcile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/sriov.h"
#include "cmd/words.h"
#include "out/publish.h"
#include "sysfs/sysfs.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock.h"
#include "util/text.h"

DEFINE_CLEANUP(struct saved *, saved_free)

enum { OPT_WAIT = 0x200, OPT_GPU };

static const struct argp_option options[] = {
	{ "wait", OPT_WAIT, "SEC", 0,
	  "How long to wait for GPUs and types that are absent "
	  "(default 0)",
	  0 },
	{ "gpu", OPT_GPU, "BDF", 0, "Only what is saved on this GPU", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct reconcile *rc = p ? p->args : NULL;

	switch (key) {
	case OPT_WAIT:
		return parse_number_option(state, "wait", arg, 86400, &rc->wait_s);
	case OPT_GPU:
		rc->have_gpu = true;
		return parse_bdf_option(state, arg, &rc->gpu);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void reconcile_end(struct reconcile *rc)
{
	size_t i;

	for (i = 0; rc->items && i < rc->view.saved->n_vgpus; i++)
		close_fd(rc->items[i].work.lock_fd);
	for (i = 0; i < rc->n_tries; i++)
		close_fd(rc->tries[i].lock_fd);
	free(rc->items);
	free(rc->tries);
	close_fd(rc->lock_fd);
	jobs_free(rc->jobs);
	store_close(rc->store);
	view_close(&rc->view);
}

/* Its own reason, and where that is a GPU's virtual functions, what became of those. */
static void explain(struct reconcile *rc, const struct saved_vgpu *v,
		    const struct item *item, const struct verdict *verdict, char *buf,
		    size_t size)
{
	const struct sriov_try *try = reconcile_find_try(rc, &v->gpu);

	if (verdict->reason == REASON_NOT_OFFERED)
		(void)reason_sentence(v, verdict->reason, buf, size);
	else if (item->work.done && item->work.r < 0)
		(void)text_copy(buf, size, item->work.err.message);
	else if (try && try->r < 0 && !item->work.done)
		(void)text_copy(buf, size, try->err.message);
	else
		(void)reason_sentence(v, item->verdict.reason, buf, size);
}

/* A dry run counts what would be done. */
static bool count_planned(const struct verdict *v, struct outcome_summary *s)
{
	s->created += v->action == ACTION_CREATE || v->action == ACTION_ROLL_FORWARD;
	s->moved += v->action == ACTION_MOVE || v->action == ACTION_ADOPT_VF;
	return v->action != ACTION_NONE && v->action != ACTION_REPORT;
}

/* How the vGPU stands after the run. */
static void judge(struct reconcile *rc, struct outcome *o, struct outcome_summary *s)
{
	const struct saved_vgpu *v = o->row.saved;
	const struct item *item = v ? &rc->items[v - rc->view.saved->vgpus] : NULL;
	bool made;

	o->error[0] = '\0';
	if (!v) {
		s->foreign++;
		return;
	}
	o->row.verdict = item->verdict;
	if (!rc->jobs && count_planned(&item->verdict, s)) {
		explain(rc, v, item, &o->row.verdict, o->error, sizeof(o->error));
		return;
	}
	made = item->work.done && item->work.r == 0;
	if (item->work.done && item->work.r == -ENOENT &&
	    item->work.err.kind == ERROR_NOT_FOUND) /* the types were looked through */
		o->row.verdict = (struct verdict){ STATE_CONFLICT, ACTION_REPORT,
						   REASON_NOT_OFFERED, item->verdict.vf };
	if (!made || item->verdict.reason == REASON_VF_TAKEN ||
	    item->verdict.reason == REASON_VF_GONE)
		explain(rc, v, item, &o->row.verdict, o->error, sizeof(o->error));
	if (made || item->verdict.action == ACTION_ADOPT_VF ||
	    (item->verdict.action == ACTION_ROLL_FORWARD && !item->work.queued) ||
	    item->verdict.reason == REASON_REMOVAL_CUT_SHORT)
		o->row.verdict.state = STATE_ACTIVE;
	if (o->row.verdict.state != STATE_ACTIVE && o->row.verdict.vf < 0 &&
	    item->verdict.action != ACTION_FORGET &&
	    item->verdict.action != ACTION_NONE && rc->jobs)
		o->row.verdict.action = ACTION_REPORT; /* its VF never came */
	s->created += made && !item->moved;
	s->moved += item->moved && o->row.verdict.state == STATE_ACTIVE;
	if (item->verdict.action == ACTION_FORGET || item->verdict.state == STATE_STOPPED)
		return;
	if (o->row.verdict.state == STATE_ACTIVE)
		s->as_saved++;
	else
		s->failed++;
}

/* A GPU whose virtual functions are wanted for their own sake. */
static unsigned report_tries(struct reconcile *rc)
{
	unsigned failed = 0;
	size_t i;

	for (i = 0; i < rc->n_tries; i++) {
		if (rc->tries[i].r == 0)
			continue;
		warning("%s", rc->tries[i].err.message);
		failed++;
	}
	return failed;
}

static void publish_outcome(struct context *ctx, struct reconcile *rc, const char *text)
{
	struct error err;

	if (rc->changed || !sysfs_exists(ctx->root_fd, "run/vgpumgr/inventory.json"))
		context_publish(ctx, rc->store, rc->view.host->machine_id);
	if (text && publish_run_file(ctx->root_fd, "last-reconcile.json", text, &err) < 0)
		warning("%s", err.message);
}

/* What a dry run would do about the virtual functions. */
static void print_sriov_plan(struct context *ctx, const struct reconcile *rc)
{
	const struct saved *saved = rc->view.saved;
	char name[BDF_SIZE];
	size_t i;

	for (i = 0; i < rc->view.host->n_gpus; i++) {
		const struct gpu *gpu = &rc->view.host->gpus[i];

		if (!reconcile_skips(rc, &gpu->bdf) &&
		    plan_wants_sriov(gpu, saved->vgpus, saved->n_vgpus, saved->gpus,
				     saved->n_gpus))
			note(ctx,
			     "would enable the virtual functions of %s, then make what "
			     "is "
			     "saved on it",
			     bdf_format(&gpu->bdf, name));
	}
}

/* Left out by --gpu, or removed by another process while this one was at work. */
static bool is_left_out(const struct reconcile *rc, const struct saved_vgpu *v)
{
	return v && (rc->items[v - rc->view.saved->vgpus].vanished ||
		     reconcile_skips(rc, &v->gpu));
}

/* What others have recorded since this run read the record is not foreign. */
static void drop_recorded(struct reconcile *rc)
{
	_cleanup_(saved_freep) struct saved *now = NULL;
	struct error ignored; /* then it is shown as this run knows it */
	size_t i;

	if (store_load(rc->store, &now, &ignored) < 0)
		return;
	for (i = 0; i < rc->view.host->n_live; i++)
		if (!rc->view.plan.ours[i] &&
		    saved_find(now, rc->view.host->live[i].uuid))
			rc->view.plan.ours[i] = true;
}

static int report(struct context *ctx, struct reconcile *rc, struct error *err)
{
	_cleanup_(freep) struct outcome *outcomes = NULL;
	_cleanup_(freep) struct row *rows = NULL;
	_cleanup_(freep) char *text = NULL;
	struct outcome_summary summary = { 0 };
	ssize_t i, n = rows_make(&rc->view, &rows, err);
	unsigned failed_tries;
	size_t kept = 0;
	int r;

	if (n < 0)
		return (int)n;
	outcomes = calloc((size_t)n + 1, sizeof(*outcomes));
	if (!outcomes)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "reconcile");
	for (i = 0; i < n; i++) {
		if (is_left_out(rc, rows[i].saved))
			continue;
		outcomes[kept].row = rows[i];
		judge(rc, &outcomes[kept++], &summary);
	}
	failed_tries = report_tries(rc);
	r = outcomes_print(ctx, &rc->view, outcomes, kept, &summary, &text, err);
	if (ctx->dry_run)
		print_sriov_plan(ctx, rc);
	else
		publish_outcome(ctx, rc, text);
	if (r < 0)
		return r;
	return summary.failed || failed_tries ? ERROR_DRIFT : 0;
}

/* After the work, the rows show what the record says now. */
static int settle_and_report(struct context *ctx, struct reconcile *rc, struct error *err)
{
	struct error inner;
	bool must = false;
	int r = ctx->dry_run ? 0 : reconcile_settle(rc, &must, &inner);

	if (r < 0)
		warning("what was done could not be written down: %s", inner.message);
	must = must && r < 0;
	drop_recorded(rc);
	r = report(ctx, rc, err);
	return r == 0 && must ? ERROR_DRIFT : r;
}

/* A second reconcile waits for the first and then finds nothing to do. */
static int take_turn(struct context *ctx, struct reconcile *rc, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + (int64_t)context_timeout(ctx) * 1000;
	int r;

	if (ctx->dry_run)
		return 0;
	rc->lock_fd = host_open_lock(ctx, err);
	if (rc->lock_fd < 0)
		return rc->lock_fd;
	r = lock_take(rc->lock_fd, LOCK_RECONCILE, deadline, err);
	return r < 0 ? error_context(err, "wait for another reconcile") : 0;
}

static int load(struct context *ctx, struct reconcile *rc, struct error *err)
{
	int r = store_open(&ctx->place, ctx->dry_run ? STORE_READ : STORE_WRITE,
			   context_timeout(ctx) * 1000, &rc->store, err);

	if (r < 0)
		return r;
	store_set_actor(rc->store, ctx->actor);
	r = take_turn(ctx, rc, err);
	if (r == 0)
		r = store_quick_check(rc->store, err);
	return r == 0 ? store_load(rc->store, &rc->view.saved, err) : r;
}

/* A GPU that is gone can still be asked for, if something is saved on it. */
static bool is_known_gpu(const struct reconcile *rc)
{
	size_t i;

	for (i = 0; i < rc->view.saved->n_vgpus; i++)
		if (bdf_equal(&rc->view.saved->vgpus[i].gpu, &rc->gpu))
			return true;
	return saved_find_gpu(rc->view.saved, &rc->gpu) != NULL;
}

/* No store: nothing is saved, which is soon told. */
static int report_nothing(struct context *ctx, struct error *err)
{
	struct view view = { .host = NULL };
	struct outcome_summary summary = { 0 };

	note(ctx, "nothing is saved");
	(void)clock_now(view.as_of, sizeof(view.as_of));
	return ctx->json ? outcomes_print(ctx, &view, NULL, 0, &summary, NULL, err) : 0;
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = {
		options,
		parse,
		NULL,
		"Make live what is saved: enable virtual functions, make the "
		"vGPUs that are missing. Never removes a device. Exit status "
		"7: not everything is as saved.",
		NULL,
		NULL,
		NULL
	};
	_cleanup_(reconcile_end) struct reconcile rc = { .lock_fd = -1 };
	int r = command_parse(ctx, &argp, argc, argv, &rc, err);

	if (r)
		return r < 0 ? r : 0;
	(void)clock_now(rc.view.as_of, sizeof(rc.view.as_of));
	r = ctx->dry_run ? 0 : context_start_jobs(ctx, &rc.jobs, err);
	if (r == 0)
		r = load(ctx, &rc, err);
	if (r == -ENOENT)
		return report_nothing(ctx, err);
	if (r == 0)
		r = reconcile_do(ctx, &rc, err);
	if (r == 0 && rc.have_gpu && !is_known_gpu(&rc)) {
		struct gpu *gpu;

		r = view_find_gpu(rc.view.host, &rc.gpu, &gpu, err);
	}
	return r == 0 ? settle_and_report(ctx, &rc, err) : r;
}

const struct command cmd_reconcile = { "reconcile", "make live what is saved", run };
