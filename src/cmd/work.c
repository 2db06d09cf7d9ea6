/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock.h"
#include "util/text.h"

#define PAUSE_MS 10

/* Keeps the GPU's virtual functions as they are. */
static int share_gpu(int lock_fd, const struct bdf *gpu, struct error *err)
{
	int64_t byte = LOCK_GPUS + (int64_t)bdf_number(gpu);
	char name[BDF_SIZE];
	int r = lock_share(lock_fd, byte, clock_monotonic_ms(), err);

	if (r != -ETIMEDOUT)
		return r;
	(void)error_set(err, ERROR_TIMEOUT, EBUSY,
			"the virtual functions of its GPU %s are being switched",
			bdf_format(gpu, name));
	error_hint(err, "a sriov-manage that does not end shows in 'ps -ef'");
	return -EBUSY;
}

/* Beside the lock, which a child that hangs in the kernel goes on holding: this process
 * lets go when it dies or no longer waits. Without it, what is under way can look as if
 * it hung. */
static void attend(struct context *ctx, struct work *work)
{
	if (ctx->attend_fd < 0)
		ctx->attend_fd = store_open_lock(&ctx->place, NULL);
	if (ctx->attend_fd >= 0 &&
	    lock_share(ctx->attend_fd, LOCK_ATTENDED + work->vgpu->row,
		       clock_monotonic_ms(), NULL) == 0)
		work->attend_fd = ctx->attend_fd;
}

static void stop_attending(struct work *work)
{
	if (work->attend_fd >= 0)
		lock_release(work->attend_fd, LOCK_ATTENDED + work->vgpu->row);
	work->attend_fd = -1;
}

int work_lock(struct context *ctx, struct work *work, struct error *err)
{
	_cleanup_(closep) int fd = store_open_lock(&ctx->place, err);
	int r;

	if (fd < 0)
		return fd;
	r = lock_take(fd, work->vgpu->row, clock_monotonic_ms(), err);
	if (r == 0)
		r = share_gpu(fd, &work->vgpu->gpu, err);
	if (r == 0)
		work->lock_fd = TAKE_FD(fd);
	if (r == 0)
		attend(ctx, work);
	return r;
}

int work_share_gpu(struct work *work, const struct bdf *gpu, struct error *err)
{
	return share_gpu(work->lock_fd, gpu, err);
}

void work_unlock(struct work *work)
{
	stop_attending(work);
	close_fd(TAKE_FD(work->lock_fd));
}

void works_free(struct work *works, size_t n)
{
	size_t i;

	for (i = 0; works && i < n; i++)
		work_unlock(&works[i]);
	free(works);
}

/* Each GPU has a lane of its own, or as many as the config says. By its address: indices
 * change when a GPU comes late. */
static int find_lane(const struct context *ctx, struct jobs *jobs,
		     const struct saved_vgpu *vgpu, uint64_t tag, uint32_t *ret,
		     struct error *err)
{
	uint64_t key = bdf_number(&vgpu->gpu) << 8 | tag % ctx->settings.creates_per_gpu;

	return jobs_lane(jobs, key, ret, err);
}

int work_queue_make(struct context *ctx, struct jobs *jobs, struct work *work,
		    uint64_t tag, bool ask_driver, struct error *err)
{
	struct job job;
	int r;

	memset(&job, 0, sizeof(job)); /* it is sent as a whole */
	job.kind = work->is_live ? JOB_PARAMS : JOB_MAKE;
	r = find_lane(ctx, jobs, work->vgpu, tag, &job.lane, err);
	if (r < 0)
		return r;
	job.tag = tag;
	job.timeout_s = context_timeout(ctx);
	job.make.id = vgpu_id_of(work->vgpu);
	job.make.ask_driver = ask_driver;
	job.make.framebuffer_mib = work->vgpu->framebuffer_mib;
	(void)text_copy(job.make.type_name, sizeof(job.make.type_name),
			work->vgpu->type_name);
	(void)text_copy(job.make.params, sizeof(job.make.params), work->vgpu->params);
	r = jobs_add(jobs, &job, work->lock_fd, err);
	work->queued = r == 0;
	work->done = false;
	return r;
}

int work_queue_remove(struct context *ctx, struct jobs *jobs, struct work *work,
		      uint64_t tag, struct error *err)
{
	struct job job;
	int r;

	memset(&job, 0, sizeof(job));
	job.kind = JOB_REMOVE;
	r = find_lane(ctx, jobs, work->vgpu, tag, &job.lane, err);
	if (r < 0)
		return r;
	job.tag = tag;
	job.timeout_s = context_timeout(ctx);
	job.remove = vgpu_id_of(work->vgpu);
	r = jobs_add(jobs, &job, work->lock_fd, err);
	work->queued = r == 0;
	work->done = false;
	return r;
}

void work_finish(struct work *work, const struct job_result *result)
{
	work->done = true;
	work->r = result->r;
	work->hanging = result->hanging;
	if (work->hanging)
		stop_attending(work);
	work->made = result->made;
	work->err = result->err;
}

int works_wait(struct jobs *jobs, struct work *works, size_t n, struct error *err)
{
	struct job_result result;
	int r;

	while ((r = jobs_next(jobs, -1, &result, err)) > 0)
		if (result.tag < n)
			work_finish(&works[result.tag], &result);
	return r;
}

const char *work_what(const struct saved_vgpu *vgpu, char buf[WHAT_SIZE])
{
	char vf[BDF_SIZE];

	if (vgpu->slot)
		(void)snprintf(buf, WHAT_SIZE, "%s on %s, slot %u", vgpu->profile,
			       bdf_format(&vgpu->vf, vf), vgpu->slot);
	else
		(void)snprintf(buf, WHAT_SIZE, "%s on %s", vgpu->profile,
			       bdf_format(&vgpu->vf, vf));
	return buf;
}

int work_settle(struct store *store, const struct host *host, struct work *work,
		const char *operation, struct error *err)
{
	enum saved_state from = work->vgpu->state;
	bool was_moving = work->vgpu->is_moving;
	char detail[WHAT_SIZE];
	int r;

	work->vgpu->state = SAVED_ACTIVE;
	work->vgpu->is_moving = false;
	(void)text_copy(work->vgpu->boot_id, sizeof(work->vgpu->boot_id), host->boot_id);
	if (!work->is_live)
		(void)text_copy(work->vgpu->driver_version,
				sizeof(work->vgpu->driver_version), host->driver_version);
	if (work->made.type_id)
		work->vgpu->type_id = work->made.type_id;
	r = store_set_state(store, work->vgpu, from, err);
	if (r < 0)
		return r;
	if (from == SAVED_REMOVING)
		return store_event(store, was_moving ? "move" : "remove", EVENT_UNDONE,
				   work->vgpu, "it was cut short and is live", err);
	return store_event(store, operation, EVENT_DONE, work->vgpu,
			   work_what(work->vgpu, detail), err);
}

bool look_again_until(int64_t deadline)
{
	if (clock_monotonic_ms() >= deadline)
		return false;
	clock_sleep_ms(PAUSE_MS);
	return true;
}

void work_make_uuid(char ret[UUID_SIZE])
{
	uuid_t uuid;

	uuid_generate_random(uuid);
	uuid_unparse_lower(uuid, ret);
}

int wait_until_idle(struct context *ctx, const struct saved_vgpu *vgpu, struct error *err)
{
	_cleanup_(closep) int fd = store_open_lock(&ctx->place, err);
	int64_t deadline = clock_monotonic_ms() + (int64_t)context_timeout(ctx) * 1000;
	int r;

	if (fd < 0)
		return fd;
	r = lock_take(fd, vgpu->row, deadline, err);
	if (r < 0) {
		(void)error_context(err, "wait for %s", vgpu->uuid);
		error_hint(err, "'vgpumgr check' shows whether it hangs in the kernel");
	}
	return r;
}
