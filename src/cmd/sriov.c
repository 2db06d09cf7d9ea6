/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/gpu_summary.h"
#include "cmd/learn.h"
#include "cmd/sriov.h"
#include "cmd/sriov_call.h"
#include "cmd/work.h"
#include "out/json.h"
#include "out/table.h"
#include "pci/names.h"
#include "run/pf_stub.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/text.h"

DEFINE_CLEANUP(struct table *, table_free)
DEFINE_CLEANUP(struct pci_names *, pci_names_close)

static error_t parse_verb(struct argp_state *state, struct sriov_args *a, const char *arg)
{
	static const char *const verbs[] = { "", "status", "enable", "disable",
					     "restore" };
	unsigned i;

	for (i = VERB_STATUS; i <= VERB_RESTORE; i++)
		if (!strcmp(arg, verbs[i]))
			a->verb = (enum verb)i;
	if (!a->verb)
		return usage_error(state,
				   "'%s' is not status, enable, disable or restore", arg);
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct sriov_args *a = p->args;
	struct bdf ignored;
	error_t r;

	switch (key) {
	case ARGP_KEY_ARG:
		if (!a->verb)
			return parse_verb(state, a, arg);
		if (!strcmp(arg, "all")) {
			a->all = true;
			return 0;
		}
		r = parse_bdf_option(state, arg, &ignored);
		if (r)
			return r;
		a->gpus[a->n_gpus++] = arg;
		return 0;
	case ARGP_KEY_END:
		if (p->help)
			return 0;
		if (!a->verb)
			return usage_error(state,
					   "say status, enable, disable or restore");
		if (a->verb == VERB_RESTORE && (a->all || a->n_gpus))
			return usage_error(state, "restore is about all that is wanted");
		if ((a->verb == VERB_ENABLE || a->verb == VERB_DISABLE) &&
		    !a->all == !a->n_gpus)
			return usage_error(state, "name GPUs by address, or say 'all'");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void sriov_end(struct sriov *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		close_fd(s->targets[i].lock_fd);
	free(s->targets);
	jobs_free(s->jobs);
	store_close(s->store);
	view_close(&s->view);
	free(s->args.gpus);
}

static int choose(struct sriov *s, struct error *err)
{
	struct host *host = s->view.host;
	size_t i;

	s->targets = calloc(host->n_gpus + s->args.n_gpus + 1, sizeof(*s->targets));
	if (!s->targets)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "sriov");
	for (i = 0; i < s->args.n_gpus; i++) {
		struct gpu *gpu = NULL;
		struct bdf bdf;
		int r = bdf_parse(s->args.gpus[i], &bdf)
				? view_find_gpu(host, &bdf, &gpu, err)
				: -EINVAL;
		size_t j;

		if (r < 0)
			return r;
		for (j = 0; j < s->n && s->targets[j].gpu != gpu; j++)
			;
		if (j == s->n)
			s->targets[s->n++] = (struct target){ .gpu = gpu, .lock_fd = -1 };
	}
	for (i = 0; !s->args.n_gpus && i < host->n_gpus; i++)
		s->targets[s->n++] =
			(struct target){ .gpu = &host->gpus[i], .lock_fd = -1 };
	if (s->n || s->args.verb == VERB_STATUS)
		return 0;
	(void)error_set(err, ERROR_NOT_FOUND, 0, "no NVIDIA GPU was found on this host");
	return -ENOENT;
}

/* Why the GPU must be left alone; NULL if it need not be. */
static const char *untouchable(int root_fd, const struct gpu *gpu, char *buf, size_t size)
{
	char text[4 * DRIVER_NAME_SIZE];

	if (gpu->excluded)
		return "is excluded by the config";
	if (!gpu->total_vfs)
		return "has no SR-IOV: vGPUs are made on the GPU itself, if at all";
	if (pf_stub_is_left(root_fd, gpu))
		return NULL;
	if (!gpu->driver[0])
		return "is bound to no driver; bind it to nvidia first";
	if (strcmp(gpu->driver, "nvidia")) {
		(void)snprintf(buf, size, "is bound to the driver %s, not nvidia",
			       text_escape(text, sizeof(text), gpu->driver));
		return buf;
	}
	if (!gpu->driver_override[0])
		return NULL;
	(void)snprintf(buf, size, "has driver_override %s",
		       text_escape(text, sizeof(text), gpu->driver_override));
	return buf;
}

/* The first vGPU on the GPU that would die, NULL if there is none. */
static const struct live_vgpu *vgpu_on(const struct host *host, const struct gpu *gpu)
{
	size_t i;

	for (i = 0; i < host->n_live; i++)
		if (host->live[i].gpu == gpu - host->gpus)
			return &host->live[i];
	return NULL;
}

static int refuse_saved(const struct sriov *s, const struct gpu *gpu, struct error *err)
{
	char name[BDF_SIZE], vm[4 * VM_NAME_SIZE];
	size_t i;

	for (i = 0; i < s->view.saved->n_vgpus; i++) {
		const struct saved_vgpu *v = &s->view.saved->vgpus[i];

		if (!bdf_equal(&v->gpu, &gpu->bdf))
			continue;
		(void)error_set(err, ERROR_CONFLICT, 0, "%s still has %s of %s on record",
				bdf_format(&gpu->bdf, name), v->uuid,
				text_escape(vm, sizeof(vm), v->vm));
		error_hint(err, "'vgpumgr list --gpu %s' shows all; remove them first",
			   name);
		return -EBUSY;
	}
	return 0;
}

static int check_target(int root_fd, const struct sriov *s, struct target *t,
			struct error *err)
{
	const struct live_vgpu *live = vgpu_on(s->view.host, t->gpu);
	char name[BDF_SIZE], buf[512];
	const char *why = untouchable(root_fd, t->gpu, buf, sizeof(buf));
	bool partial = s->args.verb == VERB_ENABLE && gpu_vfs(t->gpu) &&
		       gpu_vfs(t->gpu) != t->gpu->total_vfs;

	(void)bdf_format(&t->gpu->bdf, name);
	if (why) {
		(void)error_set(err, ERROR_CONFLICT, 0, "%s %s; it is left alone", name,
				why);
		return -EPERM;
	}
	if (s->args.verb == VERB_DISABLE && refuse_saved(s, t->gpu, err) < 0)
		return -EBUSY;
	if (live && (partial || (s->args.verb == VERB_DISABLE && gpu_vfs(t->gpu)))) {
		(void)error_set(err, ERROR_CONFLICT, 0, "%s has a vGPU on it, %s on %s",
				name,
				live->uuid[0] ? live->uuid : "of the vfio framework",
				live->parent_name);
		error_hint(err, "'vgpumgr list --gpu %s' shows what is on it", name);
		return -EBUSY;
	}
	if (s->args.verb == VERB_DISABLE && gpu_vfs(t->gpu)) {
		int r = sriov_refuse_held(root_fd, s->view.host, t->gpu, err);

		if (r < 0)
			return error_context(err, "%s", name);
	}
	if (partial) {
		(void)error_set(err, ERROR_CONFLICT, 0,
				"%s has %zu of %u VFs enabled; the "
				"number can only change from 0",
				name, gpu_vfs(t->gpu), t->gpu->total_vfs);
		error_hint(err, "vgpumgr sriov disable %s, then enable it again", name);
		return -EBUSY;
	}
	return 0;
}

/* Refused GPUs: named and passed over for "all", a failure where they were named. */
static void check_targets(struct context *ctx, struct sriov *s)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		struct target *t = &s->targets[i];
		struct error err;
		char buf[512];

		if (check_target(ctx->root_fd, s, t, &err) == 0)
			continue;
		t->skipped = true;
		if (s->args.all && untouchable(ctx->root_fd, t->gpu, buf, sizeof(buf))) {
			note(ctx, "%s", err.message);
			continue;
		}
		t->done = true;
		t->r = -EBUSY;
		t->err = err;
	}
}

static const char *operation_of(const struct sriov *s)
{
	return s->args.verb == VERB_ENABLE ? "sriov-enable" : "sriov-disable";
}

/* The wish goes on record before the kernel is touched. */
static int record_wishes(struct sriov *s, bool *ret_changed, struct error *err)
{
	_cleanup_(pci_names_closep) struct pci_names *names = pci_names_open();
	bool enable = s->args.verb == VERB_ENABLE;
	size_t i;
	int r = store_begin(s->store, err);

	for (i = 0; i < s->n && r == 0; i++) {
		const struct gpu *gpu = s->targets[i].gpu;
		const struct saved_gpu *old = saved_find_gpu(s->view.saved, &gpu->bdf);
		struct saved_gpu wish = { .bdf = gpu->bdf,
					  .vendor = gpu->vendor,
					  .device = gpu->device,
					  .wanted_vfs = enable ? gpu->total_vfs : 0 };
		char name[BDF_SIZE], detail[64];

		if (s->targets[i].skipped ||
		    (old && old->wanted_vfs == wish.wanted_vfs) || (!old && !enable))
			continue;
		(void)pci_names_model(names, gpu->vendor, gpu->device, wish.model,
				      sizeof(wish.model));
		*ret_changed = true;
		r = store_put_gpu(s->store, &wish, err);
		(void)snprintf(detail, sizeof(detail), "%s, %u VFs wanted",
			       bdf_format(&gpu->bdf, name), wish.wanted_vfs);
		if (r == 0)
			r = store_event(s->store, operation_of(s),
					sriov_needs_switch(s, gpu) ? EVENT_BEGUN
								   : EVENT_DONE,
					NULL, detail, err);
	}
	if (r == 0)
		return store_commit(s->store, err);
	store_rollback(s->store);
	return r;
}

/* What the kernel was made to do, and whether it did. */
static int record_switches(struct sriov *s, bool *ret_changed, struct error *err)
{
	char detail[sizeof(err->message)], name[BDF_SIZE];
	size_t i;
	int r = store_begin(s->store, err);

	for (i = 0; i < s->n && r == 0; i++) {
		const struct target *t = &s->targets[i];

		if (t->skipped || !t->done)
			continue;
		(void)bdf_format(&t->gpu->bdf, name);
		if (t->r < 0)
			(void)snprintf(detail, sizeof(detail), "%s: %.900s", name,
				       t->err.message);
		else
			(void)snprintf(detail, sizeof(detail), "%s", name);
		*ret_changed = true;
		r = store_event(s->store, operation_of(s),
				t->r < 0 ? EVENT_FAILED : EVENT_DONE, NULL, detail, err);
	}
	if (r == 0)
		return store_commit(s->store, err);
	store_rollback(s->store);
	return r;
}

static int print_plan(const struct sriov *s)
{
	char name[BDF_SIZE];
	size_t i;

	for (i = 0; i < s->n; i++) {
		const struct target *t = &s->targets[i];

		if (!t->skipped && sriov_needs_switch(s, t->gpu))
			printf("%s the virtual functions of %s\n",
			       s->args.verb == VERB_ENABLE ? "enable" : "disable",
			       bdf_format(&t->gpu->bdf, name));
	}
	return 0;
}

static const char *state_of(const struct sriov *s, const struct target *t,
			    const struct gpu *gpu)
{
	if (t->done && t->r == -ETIMEDOUT)
		return "timeout";
	return gpu_sriov_state(s->view.host, gpu);
}

static json_t *target_json(const struct sriov *s, const struct target *t,
			   const struct gpu *gpu, uint32_t wanted)
{
	json_t *object = json_pack("{s:o}", "address", json_bdf(&gpu->bdf));
	json_t *sriov = gpu_sriov_json(gpu, wanted, state_of(s, t, gpu));

	(void)json_object_update(object, sriov);
	json_decref(sriov);
	return object;
}

static int add_line(struct table *table, const struct sriov *s, const struct target *t,
		    const struct gpu *gpu, uint32_t wanted, struct error *err)
{
	char name[BDF_SIZE], total[16], n[24], want[16];

	(void)snprintf(total, sizeof(total), "%u", gpu->total_vfs);
	(void)snprintf(n, sizeof(n), "%zu", gpu_vfs(gpu));
	(void)snprintf(want, sizeof(want), "%u", wanted);
	return table_add(table,
			 (const char *[]){ bdf_format(&gpu->bdf, name), total, n, want,
					   state_of(s, t, gpu) },
			 err);
}

/* The view was opened anew after the switching, so GPUs are looked up by address. */
static int print_status(struct context *ctx, struct sriov *s, struct error *err)
{
	static const struct column columns[] = {
		{ "ADDRESS", false }, { "TOTAL", true },  { "VFS", true },
		{ "WANTED", true },   { "STATE", false },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	json_t *document, *array = ctx->json ? json_array() : NULL;
	size_t i;
	int r = ctx->json ? 0 : table_new(columns, ARRAY_SIZE(columns), &table, err);

	for (i = 0; i < s->n && r == 0; i++) {
		const struct gpu *gpu = s->targets[i].gpu;
		uint32_t wanted = gpu_wanted_vfs(s->view.saved, gpu);

		if (ctx->json)
			(void)json_array_append_new(
				array, target_json(s, &s->targets[i], gpu, wanted));
		else
			r = add_line(table, s, &s->targets[i], gpu, wanted, err);
	}
	if (!ctx->json)
		return r == 0 ? table_print(table, err) : r;
	document = json_document("sriov", s->view.as_of, s->view.host);
	(void)json_object_set_new(document, "gpus", array);
	return context_print(ctx, document, err);
}

/* All that could be done was; the first failure is told last, the others as they are. R
 * is that of those that were told before. */
static int first_failure(struct sriov *s, int r, struct error *err)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		struct target *t = &s->targets[i];

		if (!t->done || t->r == 0 || t->told)
			continue;
		t->told = true;
		if (r == 0)
			*err = t->err;
		else
			warning("%s", t->err.message);
		r = r ? r : t->r;
	}
	return r;
}

/* While next to nothing is made on them: what those GPUs offer. */
static bool learn(struct context *ctx, struct sriov *s)
{
	bool changed = false;
	size_t i;

	for (i = 0; i < s->n && s->args.verb == VERB_ENABLE; i++)
		if (!s->targets[i].skipped)
			learn_early(ctx, s->store, s->view.host, &s->targets[i].gpu->bdf,
				    &changed);
	return changed;
}

static int change(struct context *ctx, struct sriov *s, struct error *err)
{
	enum store_mode mode = s->args.verb == VERB_ENABLE ? STORE_CREATE : STORE_WRITE;
	bool changed = false;
	struct error inner;
	int r, failed;

	check_targets(ctx, s);
	if (ctx->dry_run) {
		r = first_failure(s, 0, err);
		return r < 0 ? r : print_plan(s);
	}
	r = context_open_store(ctx, mode, &s->store, err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (s->store) {
		r = record_wishes(s, &changed, err);
		if (r < 0)
			return r;
	}
	r = sriov_switch_all(ctx, s, err);
	if (s->store && record_switches(s, &changed, &inner) < 0)
		warning("what was switched could not be written down: %s", inner.message);
	if (changed)
		context_publish(ctx, s->store, s->view.host->machine_id);
	else if (s->store)
		context_publish_late(ctx, s->store, s->view.host->machine_id);
	if (r < 0)
		return r;
	failed = first_failure(s, 0, err);
	r = sriov_await_types(ctx, s, &inner);
	if (r == 0 && learn(ctx, s))
		context_publish(ctx, s->store, s->view.host->machine_id);
	failed = first_failure(s, failed, err);
	if (r < 0 && !failed)
		*err = inner;
	if (r < 0 || failed)
		return failed ? failed : r;
	return ctx->json ? print_status(ctx, s, err) : 0;
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = {
		NULL,
		parse,
		"status [GPU...]\nenable GPU...|all\n"
		"disable GPU...|all\nrestore",
		"Show or switch the virtual functions of GPUs, now and at "
		"every boot. restore is what vgpumgr-sriov.service runs: those that are "
		"wanted are enabled, each GPU as it comes, at most once for each load "
		"of the driver.",
		NULL,
		NULL,
		NULL
	};
	_cleanup_(sriov_end) struct sriov s = { .n = 0 };
	int r;

	s.args.gpus = calloc((size_t)argc + 1, sizeof(*s.args.gpus));
	if (!s.args.gpus)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "sriov");
	r = command_parse(ctx, &argp, argc, argv, &s.args, err);
	if (r)
		return r < 0 ? r : 0;
	ctx->recorded_as = s.args.verb == VERB_ENABLE ? "sriov enable" : "sriov disable";
	if (s.args.verb == VERB_RESTORE)
		return sriov_restore(ctx, err);
	ctx->changes = s.args.verb != VERB_STATUS && !ctx->dry_run;
	if (ctx->changes)
		r = context_start_jobs(ctx, &s.jobs, err);
	if (r == 0)
		r = view_open(ctx, SRIOV_LOOK, &s.view, err);
	if (r == 0)
		r = choose(&s, err);
	if (r < 0)
		return r;
	if (s.args.verb == VERB_STATUS)
		return print_status(ctx, &s, err);
	return change(ctx, &s, err);
}

const struct command cmd_sriov = { "sriov", "show or switch virtual functions", run };
