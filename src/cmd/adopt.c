/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/adopt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/rows.h"
#include "cmd/work.h"
#include "host/others.h"
#include "host/vfio_mark.h"
#include "out/json.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/text.h"

#define LOOK (SCAN_NAMES | SCAN_OTHERS | SCAN_STUCK | SCAN_GPUS)

enum { OPT_VM = 0x200, OPT_SLOT, OPT_ALL };

static const struct argp_option options[] = {
	{ "all", OPT_ALL, NULL, 0, "All that are live and not on record", 0 },
	{ "vm", OPT_VM, "NAME", 0,
	  "The VM that owns them (default: the one that the driver names)", 0 },
	{ "slot", OPT_SLOT, "N", 0,
	  "Which of the VM's vGPUs it becomes (default: the next that is free)", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static error_t check_args(struct argp_state *state, const struct adopt_args *a)
{
	if (!a->n_uuids == !a->all)
		return usage_error(state, "name either UUIDs or --all%s",
				   a->all ? ", not both" : "");
	if (a->have_slot && (!a->vm || a->n_uuids != 1))
		return usage_error(state, "--slot goes with one UUID and --vm");
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct adopt_args *a = p->args;

	switch (key) {
	case OPT_VM:
		return parse_vm_option(state, arg, &a->vm);
	case OPT_SLOT:
		a->have_slot = true;
		return parse_number_option(state, "slot", arg, INT32_MAX, &a->slot);
	case OPT_ALL:
		a->all = true;
		return 0;
	case ARGP_KEY_ARGS:
		a->uuids = state->argv + state->next;
		a->n_uuids = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_END:
		return p->help ? 0 : check_args(state, a);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* A store is made only once it is sure that there is something to record. */
static int open_store(struct context *ctx, struct adopt *a, enum store_mode mode,
		      struct error *err)
{
	int r = context_open_store(ctx, mode, &a->store, err);

	return r == -ENOENT && mode != STORE_CREATE ? 0 : r;
}

static int look(struct context *ctx, struct adopt *a, struct error *err)
{
	int r;

	host_free(a->view.host);
	a->view.host = NULL;
	(void)clock_now(a->view.as_of, sizeof(a->view.as_of));
	r = context_scan(ctx, LOOK, &a->view.host, err);
	return r == 0 ? adopt_read_names(ctx, a, err) : r;
}

/* The record as it is now, of a transaction if one is open. */
static int load(struct context *ctx, struct adopt *a, struct error *err)
{
	struct view *view = &a->view;
	int r = 0;

	saved_free(view->saved);
	view->saved = NULL;
	if (a->store)
		r = store_load(a->store, &view->saved, err);
	else if (!(view->saved = calloc(1, sizeof(*view->saved))))
		r = error_set(err, ERROR_SYSTEM, ENOMEM, "adopt");
	if (r == 0)
		r = context_match(ctx, view->host, view->saved, err);
	if (r == 0 && a->store) /* which name what the kernel knows by number */
		r = view_remember_catalogs(a->store, view->host, view->saved, err);
	return r == 0 ? plan_make(view->host, view->saved, &view->plan, err) : r;
}

/* What its model is, so that the next create need not read it. */
static int record_gpu(struct adopt *a, const struct bdf *bdf, struct error *err)
{
	const struct gpu *gpu = host_find_gpu(a->view.host, bdf);
	struct saved_gpu record;

	if (!gpu || !gpu->device || saved_find_gpu(a->view.saved, bdf))
		return 0;
	record = (struct saved_gpu){ .bdf = gpu->bdf,
				     .vendor = gpu->vendor,
				     .device = gpu->device };
	return store_put_gpu(a->store, &record, err);
}

static int record_all(struct adopt *a, struct error *err)
{
	size_t i;
	int r = 0;

	for (i = 0; i < a->n && r == 0; i++) {
		struct adopt_item *item = &a->items[i];
		char detail[WHAT_SIZE];

		if (item->known || item->refused)
			continue;
		r = record_gpu(a, &item->vgpu.gpu, err);
		if (r == 0)
			r = item->reclaimed ? store_set_state(a->store, &item->vgpu,
							      item->was, err)
					    : store_insert(a->store, &item->vgpu, err);
		if (r == 0)
			r = store_event(a->store, "adopt", EVENT_DONE, &item->vgpu,
					work_what(&item->vgpu, detail), err);
	}
	return r;
}

/* Where the kernel knows no UUIDs, what they were set for before counts no more. */
static void note_owners(struct context *ctx, const struct adopt *a)
{
	size_t i;

	for (i = 0; i < a->n; i++) {
		const struct saved_vgpu *v = &a->items[i].vgpu;

		if (!a->items[i].known && !a->items[i].refused &&
		    v->framework == FRAMEWORK_VFIO)
			vfio_mark_set(ctx->root_fd, &v->vf, v->uuid, v->type_id);
	}
}

/* Checks and records in one transaction. No device is touched, so that nobody need be
 * kept from it: the transaction is all the lock there is. -ESTALE: look again. */
static int attempt(struct context *ctx, struct adopt *a, struct error *err)
{
	const struct saved_vgpu *busy = NULL;
	bool writes = a->store && !ctx->dry_run;
	int r = writes ? store_begin(a->store, err) : 0;

	if (r < 0)
		return r;
	r = load(ctx, a, err);
	if (r == 0)
		r = adopt_choose(a, &busy, err);
	if (r == 0 && writes)
		r = record_all(a, err);
	if (r == 0 && writes) {
		r = store_commit(a->store, err);
		if (r == 0)
			note_owners(ctx, a);
		return r;
	}
	if (writes)
		store_rollback(a->store);
	if (!busy)
		return r;
	r = wait_until_idle(ctx, busy, err);
	return r < 0 ? r : -ESTALE;
}

static int adopt_do(struct context *ctx, struct adopt *a, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + (int64_t)context_timeout(ctx) * 1000;
	int r = open_store(ctx, a, ctx->dry_run ? STORE_READ : STORE_WRITE, err);

	if (r < 0)
		return r;
	do {
		r = look(ctx, a, err);
		if (r == 0)
			r = attempt(ctx, a, err);
		if (r == 0 && !a->store && !ctx->dry_run && adopt_count_new(a)) {
			r = open_store(ctx, a, STORE_CREATE, err);
			if (r == 0)
				r = attempt(ctx, a, err);
		}
	} while (r == -ESTALE && look_again_until(deadline));
	if (r == -ESTALE)
		return error_set(err, ERROR_TIMEOUT, ETIMEDOUT,
				 "other processes keep changing what is to be adopted");
	if (r == 0 && !ctx->dry_run && adopt_count_new(a))
		context_publish(ctx, a->store, a->view.host->machine_id);
	return r;
}

/* How it came by its owner, and who else makes it. */
static void tell(struct context *ctx, const struct adopt_item *item)
{
	const struct saved_vgpu *v = &item->vgpu;
	const char *would = ctx->dry_run ? "would be recorded" : "is recorded";
	char path[512];

	if (item->naming == NAMED_BY_DRIVER)
		note(ctx, "%s %s for %s slot %u, the VM that its driver names", v->uuid,
		     would, v->vm, v->slot);
	else if (item->naming == NAMED_BY_UUID)
		note(ctx,
		     "%s %s for %s, as its driver names no VM; 'vgpumgr assign %.8s "
		     "--vm NAME' gives it to its own",
		     v->uuid, would, v->vm, v->uuid);
	if (others_mdevctl_starts(ctx->root_fd, v->uuid, path, sizeof(path)))
		warning("mdevctl starts %s as well (%s): at boot, both would make it; "
			"'mdevctl undefine -u %s' leaves it to vgpumgr",
			v->uuid, path, v->uuid);
}

static void tell_all(struct context *ctx, const struct adopt *a)
{
	size_t i;

	for (i = 0; i < a->n; i++) {
		const struct adopt_item *item = &a->items[i];

		if (!item->known && !item->refused)
			tell(ctx, item);
		else if (item->known)
			note(ctx, "%s is on record already, for %s slot %u (%s)",
			     item->vgpu.uuid, item->vgpu.vm, item->vgpu.slot,
			     vgpu_state_name(item->state));
	}
	if (a->n_others)
		note(ctx, "%zu on parents that are no GPUs left alone", a->n_others);
	if (!a->n)
		note(ctx, "there is nothing to adopt");
}

/* Names those that were not adopted. Returns the first one's exit status, 0 if all were.
 */
static int complain_of_refused(const struct adopt *a)
{
	char vf[BDF_SIZE];
	size_t i;
	int status = 0;

	for (i = 0; i < a->n; i++) {
		const struct adopt_item *item = &a->items[i];

		if (!item->refused)
			continue;
		status = status ? status : (int)item->err.kind;
		complain("%s on %s is not adopted: %s",
			 item->vgpu.uuid[0] ? item->vgpu.uuid : "the vGPU",
			 bdf_format(&item->vgpu.vf, vf), item->err.message);
	}
	return status;
}

static int print_json(const struct context *ctx, const struct adopt *a, struct error *err)
{
	json_t *document = json_document("adopt", a->view.as_of, a->view.host);
	json_t *adopted = json_array(), *refused = json_array();
	size_t i;

	for (i = 0; i < a->n; i++) {
		const struct adopt_item *item = &a->items[i];
		const struct live_vgpu *live =
			host_find_live(a->view.host, item->vgpu.uuid);
		struct row row = { &item->vgpu,
				   live,
				   { STATE_ACTIVE, ACTION_NONE, REASON_NONE, -1 },
				   -1 };

		if (item->known)
			row.verdict.state = item->state;
		else if (ctx->dry_run)
			row.verdict.state = STATE_FOREIGN;
		if (item->refused)
			(void)json_array_append_new(
				refused, json_pack("{s:o, s:o, s:o}", "uuid",
						   json_text(item->vgpu.uuid), "vf",
						   json_bdf(&item->vgpu.vf), "error",
						   json_text(item->err.message)));
		else
			(void)json_array_append_new(adopted, row_json(&a->view, &row));
	}
	(void)json_object_set_new(document, "vgpus", adopted);
	(void)json_object_set_new(document, "refused", refused);
	return context_print(ctx, document, err);
}

static int print(const struct context *ctx, const struct adopt *a, struct error *err)
{
	char vm[4 * VM_NAME_SIZE], vf[BDF_SIZE];
	size_t i;

	if (ctx->json)
		return print_json(ctx, a, err);
	for (i = 0; i < a->n; i++) {
		const struct saved_vgpu *v = &a->items[i].vgpu;

		if (a->items[i].refused)
			continue;
		if (!ctx->dry_run)
			printf("%s\n", v->uuid);
		else
			printf("%s %s (%s on %s) for %s slot %u\n",
			       a->items[i].known ? "keep" : "adopt", v->uuid, v->profile,
			       bdf_format(&v->vf, vf), text_escape(vm, sizeof(vm), v->vm),
			       v->slot);
	}
	return 0;
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = {
		options,
		parse,
		"UUID|VF...|--all",
		"Take vGPUs that others have made into the record, as they are. No "
		"device "
		"is touched. All that are named are checked first; of --all, those that "
		"can be are adopted.",
		NULL,
		NULL,
		NULL
	};
	_cleanup_(adopt_end) struct adopt a = { .n = 0 };
	int r = command_parse(ctx, &argp, argc, argv, &a.args, err);

	if (r)
		return r < 0 ? r : 0;
	r = adopt_do(ctx, &a, err);
	if (r < 0)
		return r;
	tell_all(ctx, &a);
	r = print(ctx, &a, err);
	return r < 0 ? r : complain_of_refused(&a);
}

const struct command cmd_adopt = { "adopt", "record vGPUs that others have made", run };
