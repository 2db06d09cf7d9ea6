/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/learn.h"
#include "cmd/reconcile.h"
#include "cmd/vm_config.h"
#include "cmd/words.h"
#include "out/publish.h"
#include "run/sriov_mark.h"
#include "sysfs/sysfs.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/journal.h"
#include "util/text.h"

/* What a run says: while it is at work, and at its end. */

DEFINE_CLEANUP(struct saved *, saved_free)

void reconcile_tell(const struct context *ctx, const struct reconcile *rc, size_t item)
{
	const struct saved_vgpu *v = &rc->view.saved->vgpus[item];
	char vf[BDF_SIZE];

	if (rc->boot && rc->items[item].work.r == 0)
		note(ctx, "%s is live on %s: %s of %s slot %u", v->uuid,
		     bdf_format(&v->vf, vf), v->profile, v->vm, v->slot);
}

/* The GPU that is waited for longest, NULL if none is. */
static const struct gpu_task *awaited(struct context *ctx, const struct reconcile *rc)
{
	const struct gpu_task *best = NULL;
	size_t i;

	for (i = 0; i < rc->n_tasks; i++) {
		const struct gpu_task *task = &rc->tasks[i];

		if (task->needed && task->ready.step != READY_DONE &&
		    !reconcile_is_settled(ctx, rc, &task->ready.gpu) &&
		    (!best || task->ready.since < best->ready.since))
			best = task;
	}
	return best;
}

static bool is_to_come(const struct verdict *v)
{
	return v->action == ACTION_CREATE || v->action == ACTION_MOVE ||
	       v->action == ACTION_ROLL_FORWARD;
}

void reconcile_show_progress(struct context *ctx, const struct reconcile *rc)
{
	const struct gpu_task *task = awaited(ctx, rc);
	size_t i, n = 0, made = 0;
	char name[BDF_SIZE];

	if (ctx->quiet || ctx->dry_run || !isatty(STDERR_FILENO))
		return;
	for (i = 0; i < rc->view.saved->n_vgpus; i++) {
		const struct item *item = &rc->items[i];

		n += item->work.queued || (!item->left_out && is_to_come(&item->verdict));
		made += item->work.done && item->work.r == 0;
	}
	(void)fprintf(stderr, "\r\033[K%zu of %zu vGPUs made", made, n);
	if (task)
		(void)fprintf(
			stderr, "; GPU %s: waiting for %s (%lld s)",
			bdf_format(&task->ready.gpu, name), ready_words(&task->ready),
			(long long)(clock_monotonic_ms() - task->ready.since) / 1000);
	(void)fflush(stderr);
}

static void end_progress(const struct context *ctx)
{
	if (!ctx->quiet && !ctx->dry_run && isatty(STDERR_FILENO))
		(void)fputs("\r\033[K", stderr);
}

/* What its GPU offers instead: the profiles that are called nearly so. */
static void name_near(struct context *ctx, struct reconcile *rc,
		      const struct saved_vgpu *v, char *buf, size_t size)
{
	struct gpu *gpu = host_find_gpu(rc->view.host, &v->gpu);
	struct host alone = { .gpus = gpu, .n_gpus = gpu ? 1 : 0 };
	const char *near[3];
	size_t i, n;

	if (gpu && !gpu->catalog)
		(void)learn_gpu(ctx, rc->view.host, gpu, SCAN_TYPES);
	n = resolve_near(&alone, v->profile, 3, near);
	for (i = 0; i < n; i++) {
		size_t len = strlen(buf);

		(void)snprintf(buf + len, size - len, "%s%s",
			       i ? ", " : "; nearest to it: ", near[i]);
	}
}

/* Its own reason, and where that is a GPU's virtual functions, what became of those. */
static void explain(struct context *ctx, struct reconcile *rc, const struct saved_vgpu *v,
		    const struct item *item, const struct verdict *verdict, char *buf,
		    size_t size)
{
	const struct gpu_task *task = reconcile_find_task(rc, &v->gpu);
	char name[BDF_SIZE];

	if (verdict->reason == REASON_NOT_OFFERED) {
		(void)snprintf(buf, size, "its GPU %s does not offer its profile %s",
			       bdf_format(&v->gpu, name), v->profile);
		name_near(ctx, rc, v, buf, size);
	} else if (item->work.done && item->work.r < 0)
		(void)text_copy(buf, size, item->work.err.message);
	else if (task && task->tried && task->r < 0 && !item->work.done)
		(void)text_copy(buf, size, task->err.message);
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
static void judge(struct context *ctx, struct reconcile *rc, struct outcome *o,
		  struct outcome_summary *s)
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
	if (item->refused) {
		explain(ctx, rc, v, item, &o->row.verdict, o->error, sizeof(o->error));
		s->failed++;
		return;
	}
	if (!rc->jobs && count_planned(&item->verdict, s)) {
		explain(ctx, rc, v, item, &o->row.verdict, o->error, sizeof(o->error));
		return;
	}
	made = item->work.done && item->work.r == 0;
	if (item->work.done && item->work.r == -ENOENT &&
	    item->work.err.kind == ERROR_NOT_FOUND) /* the types were looked through */
		o->row.verdict = (struct verdict){ STATE_CONFLICT, ACTION_REPORT,
						   REASON_NOT_OFFERED, item->verdict.at };
	if (!made || item->verdict.reason == REASON_VF_TAKEN ||
	    item->verdict.reason == REASON_VF_GONE)
		explain(ctx, rc, v, item, &o->row.verdict, o->error, sizeof(o->error));
	if (made || item->verdict.action == ACTION_ADOPT_VF ||
	    (item->verdict.action == ACTION_ROLL_FORWARD && !item->work.queued) ||
	    item->verdict.reason == REASON_MOVE_UNDONE ||
	    item->verdict.reason == REASON_REMOVAL_CUT_SHORT)
		o->row.verdict.state = STATE_ACTIVE;
	if (o->row.verdict.state != STATE_ACTIVE && o->row.verdict.at < 0 &&
	    item->verdict.action != ACTION_FORGET &&
	    item->verdict.action != ACTION_NONE && rc->jobs)
		o->row.verdict.action = ACTION_REPORT; /* its VF never came */
	s->created += made && !item->moved && !item->work.is_live;
	s->moved += item->moved && o->row.verdict.state == STATE_ACTIVE;
	if (item->verdict.action == ACTION_FORGET ||
	    (item->verdict.state == STATE_STOPPED && !item->verdict.reason))
		return;
	if (o->row.verdict.state == STATE_ACTIVE && (made || !item->work.done))
		s->as_saved++;
	else
		s->failed++;
}

/* Is this GPU wanted for the sake of a vGPU that the outcome tells of? */
static bool is_told(const struct reconcile *rc, const struct bdf *gpu)
{
	size_t i;

	for (i = 0; (rc->what & DO_VGPUS) && i < rc->view.saved->n_vgpus; i++)
		if (!rc->items[i].left_out &&
		    bdf_equal(&rc->view.saved->vgpus[i].gpu, gpu))
			return true;
	return false;
}

/* Says what a GPU lacks on which something was to be done. True for a failure that no
 * vGPU stands for. */
static bool report_gpu(struct context *ctx, const struct reconcile *rc,
		       const struct gpu_task *task)
{
	bool late = task->needed && task->ready.step < READY_TYPES;
	char name[BDF_SIZE], stand[READY_STAND_SIZE];

	if (task->tried && task->r < 0) {
		complain("%s", task->err.message);
		if (task->err.hint[0])
			note(ctx, "hint: %s", task->err.hint);
		return true;
	}
	if (!task->needed || task->ready.step == READY_DONE ||
	    (!(rc->what & DO_VGPUS) && !late) ||
	    (!rc->boot && is_told(rc, &task->ready.gpu)))
		return false;
	complain("GPU %s: %s did not come", bdf_format(&task->ready.gpu, name),
		 ready_words(&task->ready));
	if (rc->boot)
		sriov_give_up(ctx->root_fd, &task->ready.gpu,
			      ready_stand(&task->ready, stand));
	return late;
}

static unsigned report_tasks(struct context *ctx, const struct reconcile *rc)
{
	unsigned failed = 0;
	size_t i;

	for (i = 0; !ctx->dry_run && i < rc->n_tasks; i++)
		failed += report_gpu(ctx, rc, &rc->tasks[i]);
	return failed;
}

static void publish_outcome(struct context *ctx, struct reconcile *rc, const char *text)
{
	struct error err;

	if (rc->changed)
		context_publish(ctx, rc->store, rc->view.host->machine_id);
	else
		context_publish_late(ctx, rc->store, rc->view.host->machine_id);
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

		if ((rc->what & DO_VFS) && reconcile_covers(rc, &gpu->bdf) &&
		    plan_wants_sriov(gpu, saved->vgpus, saved->n_vgpus, saved->gpus,
				     saved->n_gpus))
			note(ctx,
			     "would enable the virtual functions of %s, then make what "
			     "is "
			     "saved on it",
			     bdf_format(&gpu->bdf, name));
	}
}

/* Not what the call is about, or removed by another process while this one was at work.
 */
static bool is_left_out(const struct reconcile *rc, const struct saved_vgpu *v)
{
	const struct item *item = v ? &rc->items[v - rc->view.saved->vgpus] : NULL;

	/* What is foreign concerns those who ask for everything. */
	return item ? item->left_out || item->vanished : rc->is_chosen != NULL;
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

static void add(struct outcome_summary *to, const struct outcome_summary *s)
{
	to->created += s->created;
	to->moved += s->moved;
}

int reconcile_report(struct context *ctx, struct reconcile *rc, struct error *err)
{
	_cleanup_(freep) struct outcome *outcomes = NULL;
	_cleanup_(freep) struct row *rows = NULL;
	_cleanup_(freep) char *text = NULL;
	_cleanup_(json_decrefp) json_t *warnings = json_array();
	struct outcome_summary summary = { 0 };
	unsigned failed_gpus;
	size_t kept = 0;
	ssize_t i, n;
	int r;

	end_progress(ctx);
	drop_recorded(rc);
	n = rows_make(&rc->view, &rows, err);
	if (n < 0)
		return (int)n;
	outcomes = calloc((size_t)n + 1, sizeof(*outcomes));
	if (!outcomes)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "reconcile");
	for (i = 0; i < n; i++) {
		if (is_left_out(rc, rows[i].saved))
			continue;
		outcomes[kept].row = rows[i];
		judge(ctx, rc, &outcomes[kept++], &summary);
	}
	add(&summary, &rc->before);
	failed_gpus = report_tasks(ctx, rc);
	vm_config_tell(ctx, &rc->view, warnings);
	if (json_array_size(warnings))
		summary.warnings = warnings;
	r = outcomes_print(ctx, &rc->view, outcomes, kept, &summary, &text, err);
	if (ctx->dry_run)
		print_sriov_plan(ctx, rc);
	else
		publish_outcome(ctx, rc, rc->is_chosen ? NULL : text);
	if (r < 0)
		return r;
	return summary.failed || failed_gpus || rc->must_be_written ? ERROR_DRIFT : 0;
}

int reconcile_report_gpus(struct context *ctx, const struct reconcile *rc)
{
	size_t i, n = 0;
	unsigned failed;

	end_progress(ctx);
	failed = report_tasks(ctx, rc);
	if (ctx->dry_run)
		print_sriov_plan(ctx, rc);
	for (i = 0; i < rc->n_tasks; i++)
		n += rc->tasks[i].tried && rc->tasks[i].r == 0;
	for (i = 0; !ctx->dry_run && i < rc->view.host->n_gpus; i++)
		if (gpu_vfs(&rc->view.host->gpus[i]))
			sriov_mark_on(ctx->root_fd, &rc->view.host->gpus[i].bdf);
	if (n + failed)
		note(ctx, "virtual functions were enabled on %zu GPU%s, %u failed", n,
		     n == 1 ? "" : "s", failed);
	else
		note(ctx, "no virtual functions are wanted that are off");
	return failed ? ERROR_DRIFT : 0;
}

int reconcile_report_nothing(struct context *ctx, struct error *err)
{
	struct view view = { .host = NULL };
	struct outcome_summary summary = { 0 };

	note(ctx, "nothing is saved");
	(void)clock_now(view.as_of, sizeof(view.as_of));
	return ctx->json ? outcomes_print(ctx, &view, NULL, 0, &summary, NULL, err) : 0;
}
