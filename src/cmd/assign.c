/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/rows.h"
#include "cmd/work.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/text.h"

#define SHORTEST_PREFIX 8

DEFINE_CLEANUP(struct store *, store_close)

enum { OPT_VM = 0x200, OPT_VM_UUID, OPT_SLOT };

static const struct argp_option options[] = {
	{ "vm", OPT_VM, "NAME", 0, "The new owner (required)", 0 },
	{ "vm-uuid", OPT_VM_UUID, "UUID", 0, "That VM's UUID", 0 },
	{ "slot", OPT_SLOT, "N", 0, "Which of the VM's vGPUs it becomes (default 0)", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

struct assign_args {
	const char *text, *vm;
	char vm_uuid[UUID_SIZE];
	uint32_t slot;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct assign_args *a = p->args;

	switch (key) {
	case OPT_VM:
		return parse_vm_option(state, arg, &a->vm);
	case OPT_VM_UUID:
		if (!uuid_normalise(arg, a->vm_uuid))
			return usage_error(state, "--vm-uuid: '%s' is not a UUID", arg);
		return 0;
	case OPT_SLOT:
		return parse_number_option(state, "slot", arg, INT32_MAX, &a->slot);
	case ARGP_KEY_ARG:
		if (a->text)
			return usage_error(state, "more than one UUID: '%s'", arg);
		a->text = arg;
		return 0;
	case ARGP_KEY_END:
		if (p->help)
			return 0;
		if (!a->text || !a->vm)
			return usage_error(state, "name a UUID and --vm NAME");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Checks the new owner and fills *V; 1 where nothing is to be changed. */
static int change(const struct assign_args *a, const struct saved *saved,
		  struct saved_vgpu *v, struct error *err)
{
	const struct saved_vgpu *other = saved_find_vm(saved, a->vm, a->slot);
	bool same_vm = !strcmp(v->vm, a->vm);
	char vm[4 * VM_NAME_SIZE];

	if (other && other != v)
		return error_set(err, ERROR_CONFLICT, EEXIST, "%s slot %u has %s already",
				 text_escape(vm, sizeof(vm), a->vm), a->slot,
				 other->uuid);
	if (v->state == SAVED_REMOVING) {
		(void)error_set(err, ERROR_CONFLICT, EBUSY, "%s is %s", v->uuid,
				saved_state_name(v->state));
		return -EBUSY;
	}
	if (same_vm && v->slot == a->slot && v->attached == v->framework &&
	    (!a->vm_uuid[0] || !strcmp(v->vm_uuid, a->vm_uuid)))
		return 1;
	(void)text_copy(v->vm, sizeof(v->vm), a->vm);
	if (!same_vm || a->vm_uuid[0])
		(void)text_copy(v->vm_uuid, sizeof(v->vm_uuid), a->vm_uuid);
	v->slot = a->slot;
	return 0;
}

/* Finds the record in VIEW, within the transaction, and gives it the new owner. */
static int assign(struct context *ctx, const struct assign_args *a, struct view *view,
		  struct store *store, struct saved_vgpu **ret, struct error *err)
{
	char detail[2 * VM_NAME_SIZE + 64], old[VM_NAME_SIZE];
	struct live_vgpu *live;
	struct saved_vgpu *v;
	uint32_t old_slot;
	int r = view_find_vgpu(view, a->text, SHORTEST_PREFIX, &v, &live, err);

	if (r < 0)
		return r;
	if (!v)
		return error_set(err, ERROR_CONFLICT, EPERM,
				 "%s is foreign: there is no record to change",
				 live->uuid);
	*ret = v;
	(void)text_copy(old, sizeof(old), v->vm);
	old_slot = v->slot;
	r = change(a, view->saved, v, err);
	if (r || ctx->dry_run)
		return r;
	r = store_set_owner(store, v, err);
	if (r == 0 &&
	    v->attached != v->framework) { /* whose config is right from now on */
		v->attached = v->framework;
		r = store_set_attached(store, v, err);
	}
	(void)snprintf(detail, sizeof(detail), "from %s/%u to %s/%u", old, old_slot,
		       v->vm, v->slot);
	return r == 0 ? store_event(store, "assign", EVENT_DONE, v, detail, err) : r;
}

static int open_view(struct context *ctx, struct view *view, struct store *store,
		     struct error *err)
{
	int r = context_scan(ctx, SCAN_NAMES, &view->host, err);

	(void)clock_now(view->as_of, sizeof(view->as_of));

	if (r == 0)
		r = store_load(store, &view->saved, err);
	if (r == 0)
		r = context_match(ctx, view->host, view->saved, err);
	return r == 0 ? plan_make(view->host, view->saved, &view->plan, err) : r;
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = {
		options,
		parse,
		"UUID --vm NAME",
		"Give a vGPU to another VM. The device is not touched.",
		NULL,
		NULL,
		NULL
	};
	_cleanup_(store_closep) struct store *store = NULL;
	_cleanup_(view_close) struct view view = { .host = NULL };
	struct assign_args a = { .vm = NULL };
	struct saved_vgpu *v = NULL;
	char vm[4 * VM_NAME_SIZE];
	int r = command_parse(ctx, &argp, argc, argv, &a, err);

	if (r)
		return r < 0 ? r : 0;
	ctx->subject = a.text;
	r = context_open_store(ctx, ctx->dry_run ? STORE_READ : STORE_WRITE, &store, err);
	if (r == -ENOENT) {
		(void)error_set(err, ERROR_NOT_FOUND, 0,
				"nothing is recorded on this host");
		return r;
	}
	if (r == 0 && !ctx->dry_run)
		r = store_begin(store, err);
	if (r == 0)
		r = open_view(ctx, &view, store, err);
	if (r == 0)
		r = assign(ctx, &a, &view, store, &v, err);
	if (r == 0 && !ctx->dry_run) {
		r = store_commit(store, err);
		if (r == 0)
			context_publish(ctx, store, view.host->machine_id);
	}
	if (r < 0)
		return r;
	if (ctx->json)
		return rows_print_one(ctx, &view, v, err);
	if (ctx->dry_run)
		printf("assign %s to %s slot %u\n", v->uuid,
		       text_escape(vm, sizeof(vm), a.vm), a.slot);
	return 0;
}

const struct command cmd_assign = { "assign", "give a vGPU to another VM", run };
