/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/learn.h"
#include "cmd/reconcile.h"
#include "cmd/sriov.h"
#include "run/sriov_mark.h"
#include "sysfs/pci.h"
#include "sysfs/sysfs.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock.h"

/* The GPUs of a run: how far each is on its way, what it is waited for, and who switches
 * its virtual functions. */

bool reconcile_covers(const struct reconcile *rc, const struct bdf *gpu)
{
	size_t i;

	if (rc->have_gpu && !bdf_equal(&rc->gpu, gpu))
		return false;
	for (i = 0; rc->is_chosen && i < rc->view.saved->n_vgpus; i++)
		if (!rc->items[i].left_out &&
		    bdf_equal(&rc->view.saved->vgpus[i].gpu, gpu))
			return true;
	return !rc->is_chosen;
}

struct gpu_task *reconcile_find_task(const struct reconcile *rc, const struct bdf *gpu)
{
	size_t i;

	for (i = 0; i < rc->n_tasks; i++)
		if (bdf_equal(&rc->tasks[i].ready.gpu, gpu))
			return &rc->tasks[i];
	return NULL;
}

/* Whoever holds the GPU's byte alone is switching its virtual functions. */
static bool is_busy(const struct reconcile *rc, const struct bdf *gpu)
{
	return rc->lock_fd >= 0 &&
	       lock_is_exclusive(rc->lock_fd, LOCK_GPUS + (int64_t)bdf_number(gpu));
}

/* While somebody switches virtual functions, here or in another process, those of the
 * other GPUs wait for their turn. A run of sriov-manage has a deadline of its own. */
static bool is_halted(const struct reconcile *rc, const struct ready *ready)
{
	return ready->step <= READY_VFS && rc->lock_fd >= 0 &&
	       lock_is_held(rc->lock_fd, LOCK_SRIOV);
}

static int need(struct context *ctx, struct reconcile *rc, const struct bdf *gpu,
		struct error *err)
{
	char stand[READY_STAND_SIZE];
	struct gpu_task *grown, *task = reconcile_find_task(rc, gpu);

	if (!task) {
		grown = reallocarray(rc->tasks, rc->n_tasks + 1, sizeof(*grown));
		if (!grown)
			return error_set(err, ERROR_SYSTEM, ENOMEM, "reconcile");
		rc->tasks = grown;
		task = &grown[rc->n_tasks++];
		*task = (struct gpu_task){ .lock_fd = -1 };
		task->was_busy = task->switched = is_busy(rc, gpu);
		task->ready = ready_start(rc->view.host, gpu, task->was_busy,
					  clock_monotonic_ms());
		task->given_up =
			rc->boot && sriov_is_given_up(ctx->root_fd, gpu,
						      ready_stand(&task->ready, stand));
	}
	task->needed = true;
	return 0;
}

/* Can time bring what this one lacks? */
static bool may_come(const struct verdict *v)
{
	switch (v->reason) {
	case REASON_GPU_ABSENT:
	case REASON_NO_DRIVER:
	case REASON_OTHER_DRIVER:
	case REASON_SRIOV_OFF:
	case REASON_NO_TYPES:
	case REASON_NO_FREE_VF:
		return true;
	default:
		return v->action == ACTION_CREATE || v->action == ACTION_MOVE ||
		       v->action == ACTION_ROLL_FORWARD;
	}
}

/* Are virtual functions wanted on the GPU of this record, for what is saved on it? */
static bool implies_vfs(const struct saved_vgpu *v)
{
	return v->state != SAVED_STOPPED && !bdf_equal(&v->vf, &v->gpu);
}

static int need_all(struct context *ctx, struct reconcile *rc, struct error *err)
{
	const struct saved *saved = rc->view.saved;
	size_t i;
	int r = 0;

	for (i = 0; i < saved->n_vgpus && r == 0; i++) {
		const struct item *item = &rc->items[i];

		if (!item->left_out && !item->work.queued &&
		    (rc->what & DO_VGPUS ? may_come(&item->verdict)
					 : implies_vfs(&saved->vgpus[i])))
			r = need(ctx, rc, &saved->vgpus[i].gpu, err);
	}
	for (i = 0; rc->what & DO_VFS && i < saved->n_gpus && r == 0; i++)
		if (saved->gpus[i].wanted_vfs &&
		    reconcile_covers(rc, &saved->gpus[i].bdf))
			r = need(ctx, rc, &saved->gpus[i].bdf, err);
	return r;
}

void reconcile_before_look(struct reconcile *rc, const struct bdf *gpu)
{
	size_t i;

	for (i = 0; i < rc->n_tasks; i++) {
		struct gpu_task *task = &rc->tasks[i];

		if (!gpu || bdf_equal(gpu, &task->ready.gpu))
			task->was_busy = is_busy(rc, &task->ready.gpu);
	}
}

/* Virtual functions that came since the last look, and not by this run, may not be all:
 * they can have been switched in the midst of the look. */
static bool has_grown(const struct reconcile *rc, const struct gpu_task *task)
{
	const struct gpu *gpu = host_find_gpu(rc->view.host, &task->ready.gpu);

	return !task->tried && gpu && gpu_vfs(gpu) > task->ready.n_vfs;
}

/* A look at one GPU; what it waits for then is told when it is something new. */
static void look_at(const struct context *ctx, const struct reconcile *rc,
		    struct gpu_task *task)
{
	const char *before = ready_words(&task->ready);
	char name[BDF_SIZE], stood[READY_STAND_SIZE], stands[READY_STAND_SIZE];

	(void)ready_stand(&task->ready, stood);
	/* Until it is looked at again, what was seen while they were switched is what
	 * is known of it. */
	task->was_busy =
		task->was_busy || is_busy(rc, &task->ready.gpu) || has_grown(rc, task);
	task->switched = task->switched || (task->was_busy && !task->tried);
	ready_look(&task->ready, rc->view.host, task->was_busy,
		   is_halted(rc, &task->ready), clock_monotonic_ms());
	if (task->given_up && strcmp(stood, ready_stand(&task->ready, stands)) != 0) {
		task->given_up = false;
		task->ready.since = clock_monotonic_ms();
	}
	if (rc->boot && task->ready.step != READY_DONE &&
	    strcmp(before, ready_words(&task->ready)) != 0)
		note(ctx, "GPU %s: waits for %s now", bdf_format(&task->ready.gpu, name),
		     ready_words(&task->ready));
}

int reconcile_look_at_gpus(struct context *ctx, struct reconcile *rc, struct error *err)
{
	size_t i;

	for (i = 0; i < rc->n_tasks; i++) {
		look_at(ctx, rc, &rc->tasks[i]);
		rc->tasks[i].needed = false;
	}
	return need_all(ctx, rc, err);
}

/* How long the GPU may take for the step it is at, in ms. */
static int64_t limit_of(const struct context *ctx, const struct reconcile *rc,
			const struct gpu_task *task)
{
	const struct settings *s = &ctx->settings;
	uint32_t seconds = rc->wait_s;

	/* What this run has switched itself, or has seen being switched, is awaited in
	 * any case, and so is whoever is about to switch. At a boot, others do it, and
	 * the config says for how long they are waited for. */
	if ((task->ready.step == READY_TYPES &&
	     ((task->switched && !rc->boot) || (task->tried && task->r == 0))) ||
	    task->ready.busy)
		return (int64_t)context_sriov_timeout(ctx) * 1000;
	if (rc->boot)
		seconds = s->wait_s[task->ready.step];
	if (rc->boot && task->ready.step == READY_DRIVER &&
	    !sysfs_exists(ctx->root_fd, "sys/module/nvidia") &&
	    s->wait_no_driver_s < seconds)
		seconds = s->wait_no_driver_s;
	return (int64_t)seconds * 1000;
}

static bool is_awaited(struct context *ctx, const struct reconcile *rc,
		       const struct gpu_task *task)
{
	int64_t limits[READY_STEPS] = { 0 };

	/* Nobody else will bring virtual functions that this run could not. */
	if (task->tried && (!task->done || task->r < 0) && task->ready.step <= READY_VFS)
		return !task->done;
	if (!(rc->what & DO_VGPUS) && task->ready.step > READY_VFS)
		return false;
	if (task->given_up && !task->ready.busy)
		return false;
	limits[task->ready.step] = limit_of(ctx, rc, task);
	return ready_is_awaited(&task->ready, limits, clock_monotonic_ms());
}

bool reconcile_is_settled(struct context *ctx, const struct reconcile *rc,
			  const struct bdf *gpu)
{
	const struct gpu_task *task = reconcile_find_task(rc, gpu);

	if (!task)
		return true;
	if (task->tried && !task->done)
		return false;
	return !is_awaited(ctx, rc, task);
}

/* Is the driver still at its first look at the host?  GPUs that it has not come to would
 * be taken by the driver that sriov-manage has the kernel bind. */
static bool is_loading(const struct context *ctx, const struct reconcile *rc)
{
	int64_t limit_ms = (int64_t)ctx->settings.wait_s[READY_DRIVER] * 1000;
	char state[32];

	return rc->boot && clock_monotonic_ms() - rc->began < limit_ms &&
	       sysfs_read(ctx->root_fd, "sys/module/nvidia/initstate", state,
			  sizeof(state), NULL) == 0 &&
	       !strcmp(state, "coming");
}

bool reconcile_is_waiting(struct context *ctx, const struct reconcile *rc)
{
	size_t i;

	if (rc->what & DO_VFS && rc->n_tasks && is_loading(ctx, rc))
		return true;
	for (i = 0; i < rc->n_tasks; i++) {
		const struct gpu_task *task = &rc->tasks[i];

		if (task->needed && !(task->tried && !task->done) &&
		    is_awaited(ctx, rc, task))
			return true;
	}
	return false;
}

static void try_gpu(struct context *ctx, struct reconcile *rc,
		    const struct sriov_request *request)
{
	struct gpu_task *task = reconcile_find_task(rc, &request->gpu);

	task->tried = true;
	task->load = pci_driver_load(ctx->root_fd, "nvidia");
	task->r = sriov_queue(ctx, rc->jobs, request,
			      SRIOV_TAG + (uint64_t)(task - rc->tasks), &task->lock_fd,
			      &task->err);
	task->done = task->r < 0;
}

void reconcile_try_again(struct context *ctx, struct reconcile *rc)
{
	uint64_t load = pci_driver_load(ctx->root_fd, "nvidia");
	size_t i;

	for (i = 0; i < rc->n_tasks; i++) {
		struct gpu_task *task = &rc->tasks[i];

		if (task->done && task->r < 0 &&
		    (task->load != load || task->r == -EALREADY || task->r == -ESRCH))
			task->tried = task->done = false;
	}
}

void reconcile_take_switched(struct gpu_task *task, const struct job_result *result)
{
	close_fd(TAKE_FD(task->lock_fd));
	task->done = true;
	task->r = result->r;
	task->err = result->err;
	if (task->bound && task->ready.step == READY_DRIVER)
		task->tried = false; /* it has its driver, and can be switched */
}

/* A sriov-manage that was left running, or whose vgpumgr died, may have left the GPU
 * without a driver since. */
static void bind_again(struct context *ctx, struct reconcile *rc)
{
	size_t i;

	for (i = 0; i < rc->n_tasks; i++) {
		struct gpu_task *task = &rc->tasks[i];
		struct sriov_request request = { .gpu = task->ready.gpu,
						 .bind_only = true };

		if (!task->needed || task->tried || task->bound ||
		    task->ready.step != READY_DRIVER || task->ready.busy ||
		    !sriov_was_cut_short(ctx->root_fd, &task->ready.gpu))
			continue;
		task->bound = true;
		try_gpu(ctx, rc, &request);
	}
}

int reconcile_queue_sriov(struct context *ctx, struct reconcile *rc, struct error *err)
{
	const struct host *host = rc->view.host;
	const struct saved *saved = rc->view.saved;
	struct sriov_request request;
	size_t i;
	int r = 0;

	if (!(rc->what & DO_VFS) || is_loading(ctx, rc))
		return 0;
	for (i = 0; i < host->n_gpus && r == 0; i++) {
		const struct gpu *gpu = &host->gpus[i];
		const struct gpu_task *task = reconcile_find_task(rc, &gpu->bdf);

		if (!reconcile_covers(rc, &gpu->bdf) || (task && task->tried) ||
		    !plan_wants_sriov(gpu, saved->vgpus, saved->n_vgpus, saved->gpus,
				      saved->n_gpus))
			continue;
		r = need(ctx, rc, &gpu->bdf, err);
		request = (struct sriov_request){ .gpu = gpu->bdf,
						  .n_vfs = gpu->total_vfs,
						  .restore = rc->boot };
		if (r == 0)
			try_gpu(ctx, rc, &request);
	}
	if (r == 0)
		bind_again(ctx, rc);
	return r;
}

void reconcile_learn(struct context *ctx, struct reconcile *rc)
{
	size_t i;

	for (i = 0; rc->what & DO_VGPUS && i < rc->n_tasks; i++) {
		struct gpu_task *task = &rc->tasks[i];

		if (task->learnt || task->ready.step != READY_DONE)
			continue;
		task->learnt = true;
		learn_early(ctx, rc->store, rc->view.host, &task->ready.gpu,
			    &rc->changed);
	}
}
