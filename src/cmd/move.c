/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/move.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/words.h"
#include "host/holders.h"
#include "host/vgpu.h"
#include "model/hostdev.h"
#include "out/json.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/text.h"

#define SHORTEST_PREFIX 8
#define LOOK                                                                             \
	(SCAN_NAMES | SCAN_OTHERS | SCAN_GPUS | SCAN_TYPES | SCAN_AVAILABLE | SCAN_STUCK)

enum { OPT_GPU = 0x200, OPT_VF, OPT_FROM, OPT_TO };

static const struct argp_option options[] = {
	{ "gpu", OPT_GPU, "BDF", 0, "To a free VF of this GPU", 0 },
	{ "vf", OPT_VF, "BDF", 0, "To this VF", 0 },
	{ "from", OPT_FROM, "GPU", 0,
	  "All that are on record for this GPU, be it there or not", 0 },
	{ "to", OPT_TO, "GPU", 0, "Where to", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static error_t check_args(struct argp_state *state, const struct move_args *a)
{
	bool one =
		a->text && a->have_gpu + a->have_vf == 1 && !a->have_from && !a->have_to;
	bool all = !a->text && a->have_from && a->have_to && !a->have_gpu && !a->have_vf;

	if (!one && !all)
		return usage_error(state, "say: move UUID --gpu BDF, move UUID --vf BDF, "
					  "or move --from GPU --to GPU");
	if (all && bdf_equal(&a->from, &a->to))
		return usage_error(state, "--from and --to are the same GPU");
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct move_args *a = p->args;

	switch (key) {
	case OPT_GPU:
		a->have_gpu = true;
		return parse_bdf_option(state, arg, &a->gpu);
	case OPT_VF:
		a->have_vf = true;
		return parse_bdf_option(state, arg, &a->vf);
	case OPT_FROM:
		a->have_from = true;
		return parse_bdf_option(state, arg, &a->from);
	case OPT_TO:
		a->have_to = true;
		return parse_bdf_option(state, arg, &a->to);
	case ARGP_KEY_ARG:
		if (a->text)
			return usage_error(state, "more than one UUID: '%s'", arg);
		a->text = arg;
		return 0;
	case ARGP_KEY_END:
		return p->help ? 0 : check_args(state, a);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void move_forget(struct move *m)
{
	works_free(m->works, m->n);
	free(m->items);
	m->works = NULL;
	m->items = NULL;
	m->n = 0;
	usage_free(&m->usage);
	m->usage = (struct usage){ NULL, NULL };
	view_close(&m->view);
}

static void move_end(struct move *m)
{
	move_forget(m);
	jobs_free(m->jobs);
	store_close(m->store);
}

static int load(struct context *ctx, struct move *m, struct error *err)
{
	struct view *view = &m->view;
	int r = context_scan(ctx, LOOK, &view->host, err);

	(void)clock_now(view->as_of, sizeof(view->as_of));
	if (r == 0)
		r = store_load(m->store, &view->saved, err);
	if (r == 0)
		r = view_remember_catalogs(m->store, view->host, view->saved, err);
	if (r == 0)
		r = context_match(ctx, view->host, view->saved, err);
	if (r == 0)
		r = plan_make(view->host, view->saved, &view->plan, err);
	return r == 0 ? usage_make(view->host, view->saved, &m->usage, err) : r;
}

static void add(struct move *m, struct saved_vgpu *v)
{
	m->works[m->n] = WORK_NONE;
	m->works[m->n++].vgpu = v;
}

static int add_one(struct move *m, struct error *err)
{
	struct saved_vgpu *v;
	struct live_vgpu *live;
	int r = view_find_vgpu(&m->view, m->args.text, SHORTEST_PREFIX, &v, &live, err);

	if (r < 0)
		return r;
	if (!v)
		return error_set(err, ERROR_CONFLICT, EPERM,
				 "%s is foreign: vgpumgr did not make it and leaves it "
				 "alone",
				 live->uuid);
	add(m, v);
	return 0;
}

static int choose(struct move *m, struct error *err)
{
	struct saved *saved = m->view.saved;
	struct gpu *gpu;
	size_t i;

	m->works = calloc(saved->n_vgpus + 1, sizeof(*m->works));
	m->items = calloc(saved->n_vgpus + 1, sizeof(*m->items));
	if (!m->works || !m->items)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "move");
	if (m->args.text)
		return add_one(m, err);
	for (i = 0; i < saved->n_vgpus; i++)
		if (bdf_equal(&saved->vgpus[i].gpu, &m->args.from))
			add(m, &saved->vgpus[i]);
	/* one that is gone, and was empty, is as good as any */
	return m->n || saved_find_gpu(saved, &m->args.from)
		       ? 0
		       : view_find_gpu(m->view.host, &m->args.from, &gpu, err);
}

/* The GPU that it is to be on, and the VF, NULL for any. */
static int find_target(const struct move *m, size_t *ret_gpu, const struct bdf **ret_vf,
		       struct error *err)
{
	const struct move_args *a = &m->args;
	const struct host *host = m->view.host;
	const struct parent *parent = a->have_vf ? host_find_parent(host, &a->vf) : NULL;
	struct gpu *gpu;
	char name[BDF_SIZE];
	int r;

	*ret_vf = a->have_vf ? &a->vf : NULL;
	if (parent) {
		*ret_gpu = parent->gpu;
		return 0;
	}
	if (a->have_vf) {
		(void)error_set(err, ERROR_NOT_FOUND, 0, "no virtual function at %s",
				bdf_format(&a->vf, name));
		error_hint(err,
			   "'vgpumgr sriov status' shows which GPUs have theirs enabled");
		return -ENOENT;
	}
	r = view_find_gpu(host, a->have_to ? &a->to : &a->gpu, &gpu, err);
	if (r == 0)
		*ret_gpu = (size_t)(gpu - host->gpus);
	return r;
}

/* Where it is: where it lives, else where its record says. */
static void find_old(const struct move *m, const struct saved_vgpu *v,
		     const struct live_vgpu *live, struct move_place *ret)
{
	*ret = (struct move_place){ v->gpu, v->vf, v->vf_index, v->framework };
	if (live && live->at >= 0) {
		ret->vf = live->parent;
		ret->vf_index = m->view.host->parents[live->at].index;
	}
}

static int refuse(const struct move *m, const struct saved_vgpu *v, struct error *err)
{
	const struct verdict *verdict = &m->view.plan.verdicts[v - m->view.saved->vgpus];
	char why[256];

	(void)error_set(err, ERROR_CONFLICT, 0, "%s: %s", v->uuid,
			verdict->reason
				? reason_sentence(v, verdict->reason, why, sizeof(why))
				: "its removal was cut short; run remove again");
	error_hint(err, "'vgpumgr show %.8s' tells about it", v->uuid);
	return -EBUSY;
}

static int no_room(const struct move *m, const struct saved_vgpu *v, size_t gpu,
		   enum limit limit, struct error *err)
{
	const struct host *host = m->view.host;
	char name[BDF_SIZE], why[256], hint[200];

	(void)bdf_format(m->args.have_vf ? &m->args.vf : &host->gpus[gpu].bdf, name);
	if (m->args.have_vf && limit == LIMIT_NO_FREE_VF)
		(void)error_set(err, ERROR_CAPACITY, 0, "%s: %s is not free", v->uuid,
				name);
	else
		(void)error_set(err, ERROR_CAPACITY, 0, "%s: no room for %s on %s: %s",
				v->uuid, v->profile, name,
				limit_sentence(host, &m->usage, gpu, v->profile, limit,
					       why, sizeof(why)));
	error_hint(err, "%s", limit_hint(host, gpu, limit, hint, sizeof(hint)));
	return -ENOSPC;
}

static int check_one(struct context *ctx, struct move *m, size_t i, struct error *err)
{
	struct saved_vgpu *v = m->works[i].vgpu;
	const struct verdict *verdict = &m->view.plan.verdicts[v - m->view.saved->vgpus];
	const struct live_vgpu *live = host_find_live(m->view.host, v->uuid);
	struct move_item *item = &m->items[i];
	struct placement place;
	const struct bdf *vf;
	enum limit limit;
	size_t gpu;
	bool there;
	int r = find_target(m, &gpu, &vf, err);

	if (r < 0)
		return r;
	if (v->in_progress) {
		r = ctx->dry_run ? 0 : wait_until_idle(ctx, v, err);
		return r < 0 ? r : ctx->dry_run ? refuse(m, v, err) : -ESTALE;
	}
	find_old(m, v, live, &item->old);
	there = vf ? bdf_equal(vf, &item->old.vf)
		   : bdf_equal(&m->view.host->gpus[gpu].bdf, &item->old.gpu);
	item->step = move_decide(v, verdict, live, there);
	if (item->step == MOVE_REFUSE)
		return refuse(m, v, err);
	item->next = item->old;
	if (item->step == MOVE_NOTHING)
		return 0;
	if (item->step == MOVE_MAKE &&
	    (vf ? bdf_equal(vf, &v->to_vf)
		: bdf_equal(&m->view.host->gpus[gpu].bdf, &v->to_gpu)))
		place = (struct placement){ .gpu = gpu }; /* it is kept for it */
	else if (!move_place(m->view.host, &m->usage, v, gpu, vf, &place, &limit))
		return no_room(m, v, gpu, limit, err);
	else
		alloc_take(m->view.host, &m->usage, &place);
	item->next.gpu = m->view.host->gpus[gpu].bdf;
	if (!place.type) {
		const struct parent *kept = host_find_parent(m->view.host, &v->to_vf);

		item->next.vf = v->to_vf;
		item->next.vf_index = v->to_vf_index;
		item->next.framework = kept ? kept->framework : v->framework;
		return 0;
	}
	item->next.vf = m->view.host->parents[place.at].bdf;
	item->next.vf_index = m->view.host->parents[place.at].index;
	item->next.framework = m->view.host->parents[place.at].framework;
	return 0;
}

/* Those that are taken away must not be in use. */
static int check_holders(struct context *ctx, struct move *m, struct error *err)
{
	_cleanup_(freep) struct held_device *devices = calloc(m->n + 1, sizeof(*devices));
	_cleanup_(freep) struct holder *holders = calloc(m->n + 1, sizeof(*holders));
	char who[512], vm[4 * VM_NAME_SIZE];
	bool any = false;
	size_t i;
	int r;

	if (!devices || !holders)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "move");
	for (i = 0; i < m->n; i++) {
		struct vgpu_id id = vgpu_id_of(m->works[i].vgpu);

		id.parent = m->items[i].old.vf;
		devices[i] = held_device_of(&id);
		any = any || m->items[i].step == MOVE_DEVICE;
	}
	r = any ? holders_find(ctx->root_fd, devices, m->n, holders, err) : 0;
	if (r < 0)
		return error_context(err, "find out whether it is in use");
	for (i = 0; i < m->n; i++) {
		if (m->items[i].step != MOVE_DEVICE || !holders[i].in_use)
			continue;
		(void)error_set(err, ERROR_IN_USE, EBUSY, "%s of %s is held by %s",
				m->works[i].vgpu->uuid,
				text_escape(vm, sizeof(vm), m->works[i].vgpu->vm),
				holder_describe(&holders[i], who, sizeof(who)));
		error_hint(err, "shut that VM down first; nothing was moved");
		return -EBUSY;
	}
	return 0;
}

int move_prepare(struct context *ctx, struct move *m, struct error *err)
{
	const struct bdf *vf;
	size_t i, gpu;
	int r;

	move_forget(m);
	r = load(ctx, m, err);
	if (r == 0)
		r = choose(m, err);
	if (r == 0)
		r = find_target(m, &gpu, &vf, err);
	for (i = 0; i < m->n && r == 0; i++)
		r = check_one(ctx, m, i, err);
	return r == 0 ? check_holders(ctx, m, err) : r;
}

static bool anything_to_do(const struct move *m)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (m->items[i].step != MOVE_NOTHING)
			return true;
	return false;
}

static int do_moves(struct context *ctx, struct move *m, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + (int64_t)context_timeout(ctx) * 1000;
	int r;

	do {
		r = move_prepare(ctx, m, err);
		if (r == 0 && ctx->dry_run)
			return 0;
		if (r == 0 && !anything_to_do(m)) {
			context_publish_late(ctx, m->store, m->view.host->machine_id);
			return 0;
		}
		if (r == 0)
			r = move_carry_out(ctx, m, err);
	} while (r == -ESTALE && look_again_until(deadline));
	if (r == -ESTALE)
		return error_set(err, ERROR_TIMEOUT, ETIMEDOUT,
				 "other processes keep changing what is to be moved");
	return r;
}

/* What its VM's config must say from now on; NULL where that is what it says already. */
static const char *element_of(const struct saved_vgpu *v, const struct move_item *item,
			      char buf[HOSTDEV_SIZE])
{
	enum framework framework = item->next.framework;

	if (item->step == MOVE_NOTHING || item->r < 0 ||
	    (framework != FRAMEWORK_VFIO && framework == item->old.framework))
		return NULL;
	return hostdev_element(framework, v->uuid, &item->next.vf, buf);
}

static void print_steps(const struct saved_vgpu *v, const struct move_item *item)
{
	char vm[4 * VM_NAME_SIZE], vf[BDF_SIZE], gpu[BDF_SIZE];

	if (item->step == MOVE_DEVICE)
		printf("remove %s (%s of %s slot %u) from %s\n", v->uuid, v->profile,
		       text_escape(vm, sizeof(vm), v->vm), v->slot,
		       bdf_format(&item->old.vf, vf));
	printf("record %s on %s of %s\n", v->uuid, bdf_format(&item->next.vf, vf),
	       bdf_format(&item->next.gpu, gpu));
	if (item->step != MOVE_RECORD)
		printf("make %s on %s\n", v->uuid, vf);
}

static void tell(struct context *ctx, const struct saved_vgpu *v,
		 const struct move_item *item)
{
	char buf[HOSTDEV_SIZE], from[BDF_SIZE], to[BDF_SIZE], gpu[BDF_SIZE];
	const char *element = element_of(v, item, buf);

	if (item->step == MOVE_NOTHING)
		note(ctx, "%s is there already", v->uuid);
	else if (ctx->dry_run)
		print_steps(v, item);
	else if (item->done)
		note(ctx, "moved %s (%s of %s slot %u) from %s to %s of %s%s", v->uuid,
		     v->profile, v->vm, v->slot, bdf_format(&item->old.vf, from),
		     bdf_format(&item->next.vf, to), bdf_format(&item->next.gpu, gpu),
		     item->step != MOVE_RECORD	 ? ""
		     : v->state == SAVED_STOPPED ? "; it is stopped"
						 : "; it is not live: 'vgpumgr "
						   "reconcile' makes it");
	if (!element)
		return;
	note(ctx, "the config of its VM %s must now say:", v->vm);
	(void)fputs(element, stdout);
}

static json_t *item_json(const struct saved_vgpu *v, const struct move_item *item)
{
	static const char *const names[] = {
		[MOVE_NOTHING] = "none", [MOVE_RECORD] = "record", [MOVE_DEVICE] = "move",
		[MOVE_MAKE] = "move",	 [MOVE_REFUSE] = "none",
	};
	char buf[HOSTDEV_SIZE];

	return json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:s, s:o}", "uuid",
			 v->uuid, "profile", v->profile, "vm", v->vm, "slot",
			 (json_int_t)v->slot, "from_gpu", json_bdf(&item->old.gpu),
			 "from_vf", json_bdf(&item->old.vf), "gpu",
			 json_bdf(&item->next.gpu), "vf", json_bdf(&item->next.vf),
			 "action", names[item->step], "element",
			 json_text(element_of(v, item, buf)));
}

static int print(struct context *ctx, const struct move *m, struct error *err)
{
	json_t *document, *array;
	size_t i;

	if (!m->n)
		note(ctx, "there is nothing to move");
	for (i = 0; i < m->n && !ctx->json; i++)
		tell(ctx, m->works[i].vgpu, &m->items[i]);
	if (!ctx->json)
		return 0;
	document = json_document("move", m->view.as_of, m->view.host);
	array = json_array();
	for (i = 0; i < m->n; i++)
		(void)json_array_append_new(array,
					    item_json(m->works[i].vgpu, &m->items[i]));
	(void)json_object_set_new(document, "vgpus", array);
	return context_print(ctx, document, err);
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = {
		options,
		parse,
		"UUID --gpu BDF|--vf BDF\n--from GPU --to GPU",
		"Move vGPUs to another parent, with their UUIDs. All are checked first: "
		"none is moved if one is in use, or has no room there. What is not live "
		"moves on record alone.",
		NULL,
		NULL,
		NULL
	};
	_cleanup_(move_end) struct move m = { .n = 0 };
	int r = command_parse(ctx, &argp, argc, argv, &m.args, err);
	size_t i;

	if (r)
		return r < 0 ? r : 0;
	ctx->subject = m.args.text;
	ctx->changes = !ctx->dry_run;
	r = ctx->dry_run ? 0 : context_start_jobs(ctx, &m.jobs, err);
	if (r == 0)
		r = context_open_store(ctx, ctx->dry_run ? STORE_READ : STORE_WRITE,
				       &m.store, err);
	if (r == -ENOENT) {
		(void)error_set(err, ERROR_NOT_FOUND, 0,
				"nothing is recorded on this host");
		return r;
	}
	if (r == 0)
		r = do_moves(ctx, &m, err);
	/* what was moved is told, whatever became of the others */
	for (i = 0; r < 0 && i < m.n && !ctx->json; i++)
		if (m.items[i].done)
			tell(ctx, m.works[i].vgpu, &m.items[i]);
	return r < 0 ? r : print(ctx, &m, err);
}

const struct command cmd_move = { "move", "move vGPUs to another VF or GPU", run };
