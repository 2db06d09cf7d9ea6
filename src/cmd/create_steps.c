/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/create.h"
#include "cmd/learn.h"
#include "host/catalog.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/text.h"

DEFINE_CLEANUP(struct catalog *, catalog_unref)

#define THOROUGH                                                                         \
	(SCAN_NAMES | SCAN_OTHERS | SCAN_GPUS | SCAN_TYPES | SCAN_AVAILABLE | SCAN_STUCK)

void create_end(struct create *c)
{
	size_t i;

	works_free(c->works, c->n_slots);
	jobs_free(c->jobs);
	store_close(c->store);
	usage_free(&c->usage);
	view_close(&c->view);
	free(c->slots);
	free(c->refused);
	free(c->learnt);
	for (i = 0; i < c->n_mine; i++)
		close_fd(c->mine[i].lock_fd);
	free(c->mine);
}

/* A store is made only once it is sure that there is something to record. */
static int open_store(struct context *ctx, struct create *c, enum store_mode mode,
		      struct error *err)
{
	int r = context_open_store(ctx, mode, &c->store, err);

	if (r == -ENOENT && mode != STORE_CREATE)
		r = 0;
	c->rehearsal = ctx->dry_run || !c->store;
	return r;
}

static int load(struct create *c, struct error *err)
{
	saved_free(c->view.saved);
	c->view.saved = NULL;
	if (c->store)
		return store_load(c->store, &c->view.saved, err);
	c->view.saved = calloc(1, sizeof(*c->view.saved));
	return c->view.saved ? 0 : error_set(err, ERROR_SYSTEM, ENOMEM, "create");
}

/* Asks GPU. True where it names what was not remembered of its model. */
static bool learn_more(struct context *ctx, struct host *host, struct gpu *gpu)
{
	_cleanup_(catalog_unrefp) struct catalog *known = catalog_ref(gpu->catalog);

	return learn_gpu(ctx, host, gpu, SCAN_TYPES | SCAN_AVAILABLE) &&
	       !catalog_same(gpu->catalog, known);
}

/* Reads the catalog of each GPU model that the record does not know, once per model: what
 * is then made is verified on the device anyway. Where the driver lists what can be made
 * at the moment, each GPU is asked: its word counts for the placement. */
static void learn_catalogs(struct context *ctx, struct create *c)
{
	struct host *host = c->view.host;
	size_t i, j;

	for (i = 0; i < host->n_gpus; i++) {
		struct gpu *gpu = &host->gpus[i];

		if (!gpu->n_parents)
			continue;
		if (gpu_framework(host, gpu) == FRAMEWORK_VFIO) {
			c->learnt[i] = learn_more(ctx, host, gpu);
			continue;
		}
		if (gpu->catalog || !learn_model(ctx, gpu))
			continue;
		for (j = 0; j < i && !gpu->catalog; j++)
			if (host->gpus[j].device == gpu->device &&
			    gpu_framework(host, &host->gpus[j]) != FRAMEWORK_VFIO)
				gpu->catalog = catalog_ref(host->gpus[j].catalog);
		if (!gpu->catalog)
			c->learnt[i] = learn_gpu(ctx, host, gpu, SCAN_TYPES);
	}
}

/* Looks at the host: just enough to place a vGPU, or, if WIDE, at everything that could
 * explain why none can be. */
static int look(struct context *ctx, struct create *c, bool wide, struct error *err)
{
	unsigned what = wide ? THOROUGH : c->args.numa_node >= 0 ? SCAN_GPUS : 0;
	int r;

	host_free(c->view.host);
	c->view.host = NULL;
	c->wide = wide;
	r = context_scan(ctx, what, &c->view.host, err);
	if (r < 0)
		return r;
	free(c->learnt);
	c->learnt = calloc(c->view.host->n_gpus + 1, sizeof(*c->learnt));
	if (!c->learnt)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "create");
	r = load(c, err);
	if (r == 0 && c->store)
		r = view_remember_catalogs(c->store, c->view.host, c->view.saved, err);
	if (r < 0)
		return r;
	learn_catalogs(ctx, c);
	if (!wide)
		host_name_live(c->view.host);
	return 0;
}

/* Profile and places as typed become what the allocator works on. */
static int resolve(struct context *ctx, struct create *c, struct error *err)
{
	const struct host *host = c->view.host;
	const struct parent *vf;
	char name[BDF_SIZE];
	struct gpu *gpu;
	int r = view_resolve(host, c->args.profile, c->profile, err);

	if (r < 0)
		return r;
	c->request = (struct alloc_request){
		.profile = c->profile,
		.gpu = c->args.have_gpu ? &c->args.gpu : NULL,
		.vf = c->args.have_vf ? &c->args.vf : NULL,
		.numa_node = c->args.numa_node,
		.policy = c->args.have_policy ? c->args.policy : ctx->settings.policy,
	};
	if (c->args.have_gpu) {
		r = view_find_gpu(host, &c->args.gpu, &gpu, err);
		if (r < 0)
			return r;
	}
	vf = c->args.have_vf ? host_find_parent(host, &c->args.vf) : NULL;
	if (c->args.have_vf && !vf) {
		(void)error_set(err, ERROR_NOT_FOUND, 0, "no virtual function at %s",
				bdf_format(&c->args.vf, name));
		error_hint(err,
			   "'vgpumgr sriov status' shows which GPUs have theirs enabled");
		return -ENOENT;
	}
	return 0;
}

static int prepare(struct context *ctx, struct create *c, bool wide, struct error *err)
{
	int r = look(ctx, c, wide, err);

	return r == 0 ? resolve(ctx, c, err) : r;
}

/* Makes what is not live; the results are in C->works. */
static int make(struct context *ctx, struct create *c, struct error *err)
{
	size_t i;
	int r = 0;

	for (i = 0; i < c->n_slots && r == 0; i++)
		if (!c->slots[i].live && !c->works[i].done)
			r = work_queue_make(ctx, c->jobs, &c->works[i], i,
					    c->slots[i].fresh, err);
	return r == 0 ? works_wait(c->jobs, c->works, c->n_slots, err) : r;
}

/* Is this a refusal after which another VF or GPU may still have room?  -EBUSY: somebody
 * else has taken it meanwhile. */
static bool was_refused(const struct create *c, size_t i)
{
	const struct work *w = &c->works[i];

	return c->slots[i].fresh && w->done && w->r < 0 && w->made.absent &&
	       (w->err.kind == ERROR_CAPACITY || w->r == -EBUSY);
}

static int note_refusals(struct create *c, struct error *err)
{
	struct bdf *grown =
		reallocarray(c->refused, c->n_refused + c->n_slots, sizeof(*grown));
	size_t i;

	if (!grown)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "create");
	c->refused = grown;
	for (i = 0; i < c->n_slots; i++)
		if (was_refused(c, i))
			c->refused[c->n_refused++] = c->slots[i].vgpu.vf;
	return 0;
}

/* The first failure, as it shall be told. */
static int first_failure(const struct create *c, struct error *err)
{
	char vf[BDF_SIZE];
	size_t i;

	for (i = 0; i < c->n_slots; i++) {
		const struct work *w = &c->works[i];

		if (!w->done || w->r == 0)
			continue;
		*err = w->err;
		if (w->hanging)
			error_hint(err,
				   "it stays recorded as creating; repeat the command to "
				   "go on waiting for it");
		(void)error_context(err, "on %s", bdf_format(&c->slots[i].vgpu.vf, vf));
		return w->r;
	}
	return 0;
}

static bool any(const struct create *c, bool (*test)(const struct create *, size_t))
{
	size_t i;

	for (i = 0; i < c->n_slots; i++)
		if (test(c, i))
			return true;
	return false;
}

static bool is_hanging(const struct create *c, size_t i)
{
	return c->works[i].hanging;
}

/* Where the device made shows another type id than the catalog promised, the catalog is
 * of another driver than it claims: it is read anew. */
static void check_catalogs(struct context *ctx, struct create *c)
{
	struct scan_options options = { .what = SCAN_TYPES };
	size_t i;

	for (i = 0; i < c->n_slots; i++) {
		struct gpu *gpu = host_find_gpu(c->view.host, &c->slots[i].vgpu.gpu);
		const struct work *w = &c->works[i];
		struct error ignored; /* the next create will come by here again */

		if (!w->done || !gpu || !gpu->catalog || !gpu->catalog->remembered ||
		    !w->made.type_id || w->made.type_id == c->slots[i].vgpu.type_id)
			continue;
		if (scan_types(ctx->root_fd, c->view.host, gpu, &options, &ignored) == 0)
			c->learnt[gpu - c->view.host->gpus] = true;
	}
}

/* All that were to be made are: the records say so from now on. */
static int settle(struct context *ctx, struct create *c, struct error *err)
{
	size_t i;
	int r;

	check_catalogs(ctx, c);
	r = store_begin(c->store, err);
	if (r == 0)
		r = create_remember(c, err);
	for (i = 0; i < c->n_slots && r == 0; i++)
		if (c->works[i].done)
			r = work_settle(c->store, c->view.host, &c->works[i],
					c->slots[i].fresh ? "create" : "restore", err);
	if (r == 0)
		return store_commit(c->store, err);
	store_rollback(c->store);
	return error_context(err,
			     "the device is there, but its record could not be finished");
}

/* 0: all is live; CREATE_AGAIN: place again what the driver refused; else failed and
 * undone.
 */
static int make_and_judge(struct context *ctx, struct create *c, struct error *err)
{
	struct error undo_err;
	int r = make(ctx, c, err);

	if (r < 0)
		return r;
	r = first_failure(c, err);
	if (r == 0)
		return 0;
	if (any(c, is_hanging))
		return r;
	if (any(c, was_refused) && note_refusals(c, err) == 0) {
		r = create_undo(ctx, c, true, err);
		return r < 0 ? r : CREATE_AGAIN;
	}
	if (create_undo(ctx, c, false, &undo_err) < 0)
		warning("%s", undo_err.message);
	return r;
}

static void forget_slots(struct create *c)
{
	create_release(c);
	works_free(c->works, c->n_slots);
	free(c->slots);
	c->works = NULL;
	c->slots = NULL;
	c->n_slots = 0;
}

/* There is no room for all: what earlier attempts of this call have made goes again. */
static int abandon(struct context *ctx, struct create *c, struct error *err)
{
	size_t i, n = 0;
	int r;

	forget_slots(c);
	c->slots = calloc(c->n_mine + 1, sizeof(*c->slots));
	c->works = calloc(c->n_mine + 1, sizeof(*c->works));
	if (!c->slots || !c->works)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "create");
	r = load(c, err);
	for (i = 0; i < c->n_mine && r == 0; i++) {
		const struct saved_vgpu *v = saved_find(c->view.saved, c->mine[i].uuid);
		struct create_slot *slot = &c->slots[n];
		struct vgpu_id id;

		if (!v)
			continue; /* taken back before */
		slot->vgpu = *v;
		slot->fresh = true;
		c->works[n] = WORK_NONE;
		c->works[n].vgpu = &slot->vgpu;
		c->works[n].lock_fd = TAKE_FD(c->mine[i].lock_fd);
		c->works[n].done = true;
		id = vgpu_id_of(v);
		c->works[n].made.absent = vgpu_is_gone(ctx->root_fd, &id);
		c->works[n].made.present = !c->works[n].made.absent;
		n++;
	}
	c->n_slots = n;
	return r == 0 && n ? create_undo(ctx, c, false, err) : r;
}

/* Says why there is no room, and leaves nothing behind. */
static int refuse(struct context *ctx, struct create *c, struct error *err)
{
	struct error undo_err;
	int r = create_count(ctx, c, err); /* without what was placed tentatively */

	if (r < 0)
		return r;
	r = create_refuse(ctx, c, err);

	if (!c->n_mine)
		return r;
	if (abandon(ctx, c, &undo_err) < 0)
		warning("%s", undo_err.message);
	context_publish(ctx, c->store, c->view.host->machine_id);
	return r;
}

static bool nothing_changed(const struct create *c)
{
	size_t i;

	for (i = 0; i < c->n_slots; i++)
		if (!c->slots[i].live || c->works[i].done)
			return false;
	return true;
}

int create_do(struct context *ctx, struct create *c, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + (int64_t)context_timeout(ctx) * 1000;
	int r = ctx->dry_run ? 0 : context_start_jobs(ctx, &c->jobs, err);

	(void)clock_now(c->view.as_of, sizeof(c->view.as_of));
	if (r == 0)
		r = open_store(ctx, c, ctx->dry_run ? STORE_READ : STORE_WRITE, err);
	if (r == 0)
		r = prepare(ctx, c, false, err);
	if (r < 0 && err->kind == ERROR_NOT_FOUND && !c->wide)
		r = prepare(ctx, c, true, err); /* some GPUs were not looked at */
	while (r == 0) {
		r = create_reserve(ctx, c, err);
		if (r == CREATE_NO_ROOM && !c->wide)
			r = prepare(ctx, c, true, err);
		else if (r == CREATE_NO_ROOM)
			return refuse(ctx, c, err);
		else if (r == CREATE_AGAIN && look_again_until(deadline))
			r = prepare(ctx, c, c->wide, err);
		else if (r == CREATE_AGAIN)
			return error_set(err, ERROR_TIMEOUT, ETIMEDOUT,
					 "other processes keep changing this VM's vGPUs");
		else if (r < 0 || ctx->dry_run)
			return r;
		else if (c->rehearsal)
			r = open_store(ctx, c, STORE_CREATE, err);
		else if (nothing_changed(c)) {
			context_publish_late(ctx, c->store, c->view.host->machine_id);
			return 0;
		} else {
			r = make_and_judge(ctx, c, err);
			if (r == 0)
				r = settle(ctx, c, err);
			if (r != CREATE_AGAIN) {
				context_publish(ctx, c->store, c->view.host->machine_id);
				return r;
			}
			forget_slots(c);
			r = prepare(ctx, c, true, err);
		}
	}
	return r;
}
