/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "cmd/create.h"
#include "cmd/rows.h"
#include "cmd/words.h"
#include "out/json.h"
#include "util/cleanup.h"
#include "util/text.h"

#define MAX_COUNT 4096

enum {
	OPT_VM = 0x200,
	OPT_VM_UUID,
	OPT_SLOT,
	OPT_COUNT,
	OPT_UUID,
	OPT_GPU,
	OPT_VF,
	OPT_NUMA,
	OPT_POLICY,
	OPT_PARAMS
};

static const struct argp_option options[] = {
	{ "vm", OPT_VM, "NAME", 0, "The VM that will own it (required)", 0 },
	{ "vm-uuid", OPT_VM_UUID, "UUID", 0, "That VM's UUID, kept beside its name", 0 },
	{ "slot", OPT_SLOT, "N", 0, "Which of the VM's vGPUs this is (default 0)", 0 },
	{ "count", OPT_COUNT, "N", 0, "Slots 0 to N-1; what exists of them is kept", 0 },
	{ "uuid", OPT_UUID, "UUID", 0, "The vGPU's UUID (default: a new one)", 0 },
	{ "gpu", OPT_GPU, "BDF", 0, "On this GPU", 0 },
	{ "vf", OPT_VF, "BDF", 0, "On this virtual function", 0 },
	{ "numa", OPT_NUMA, "N", 0, "On a GPU of this NUMA node", 0 },
	{ "policy", OPT_POLICY, "POLICY", 0,
	  "breadth: the GPU with the fewest vGPUs; depth: the fullest that takes it; "
	  "fit: an empty one only where no other takes it",
	  0 },
	{ "params", OPT_PARAMS, "NAME=VALUE,...", 0,
	  "Its parameters, such as frame_rate_limiter=0,disable_vnc=1", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static error_t parse_uuid(struct argp_state *state, const char *name, const char *arg,
			  char ret[UUID_SIZE])
{
	if (!uuid_normalise(arg, ret))
		return usage_error(state, "--%s: '%s' is not a UUID", name, arg);
	return 0;
}

static error_t unknown_param(struct argp_state *state, const char *bad)
{
	const char *near = params_near(bad), *name;
	char names[256] = "";
	size_t i, used = 0;

	for (i = 0; (name = params_name(i)) && used < sizeof(names); i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
					 i ? ", " : "", name);
	if (near)
		return usage_error(state,
				   "--params: no parameter '%s'; did you mean %s? There "
				   "are %s",
				   bad, near, names);
	return usage_error(state, "--params: no parameter '%s'; there are %s", bad,
			   names);
}

static error_t parse_params(struct argp_state *state, const char *arg,
			    char ret[PARAMS_SIZE])
{
	char bad[PARAMS_BAD_SIZE];

	switch (params_normalise(arg, ret, bad)) {
	case PARAMS_FINE:
		return 0;
	case PARAMS_EMPTY:
		return usage_error(state, "--params is empty");
	case PARAMS_TOO_LONG:
		return usage_error(state, "--params: longer than %d bytes",
				   PARAMS_SIZE - 1);
	case PARAMS_MALFORMED:
		return usage_error(state, "--params: '%s' is no NAME=VALUE", bad);
	case PARAMS_UNKNOWN:
		return unknown_param(state, bad);
	case PARAMS_RANGE:
		return usage_error(state, "--params: '%s': its value is %s", bad,
				   params_range(bad));
	case PARAMS_TWICE:
		return usage_error(state, "--params: '%s': it is there twice", bad);
	}
	return EINVAL;
}

static error_t check_args(struct argp_state *state, const struct create_args *a)
{
	if (!a->profile)
		return usage_error(state,
				   "which profile? For example: vgpumgr create A40-24A "
				   "--vm NAME");
	if (!a->vm)
		return usage_error(state, "--vm NAME is required");
	if (a->have_slot && a->have_count)
		return usage_error(state, "--slot and --count exclude each other");
	if (a->count > 1 && strstr(a->params, "vgpu-placement-id"))
		return usage_error(state,
				   "a vgpu-placement-id is for one vGPU, --count asks "
				   "for %u",
				   a->count);
	if (a->count > 1 && (a->uuid[0] || a->have_vf))
		return usage_error(state,
				   "--uuid and --vf name one vGPU, --count asks for %u",
				   a->count);
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct create_args *a = p->args;
	uint32_t numa;
	error_t r;

	switch (key) {
	case OPT_VM:
		return parse_vm_option(state, arg, &a->vm);
	case OPT_VM_UUID:
		return parse_uuid(state, "vm-uuid", arg, a->vm_uuid);
	case OPT_SLOT:
		a->have_slot = true;
		return parse_number_option(state, "slot", arg, INT32_MAX, &a->slot);
	case OPT_COUNT:
		a->have_count = true;
		r = parse_number_option(state, "count", arg, MAX_COUNT, &a->count);
		return r || a->count ? r
				     : usage_error(state, "--count 0 asks for nothing");
	case OPT_UUID:
		return parse_uuid(state, "uuid", arg, a->uuid);
	case OPT_GPU:
		a->have_gpu = true;
		return parse_bdf_option(state, arg, &a->gpu);
	case OPT_VF:
		a->have_vf = true;
		return parse_bdf_option(state, arg, &a->vf);
	case OPT_NUMA:
		r = parse_number_option(state, "numa", arg, 1023, &numa);
		a->numa_node = (int)numa;
		return r;
	case OPT_POLICY:
		a->have_policy = true;
		if (!policy_parse(arg, &a->policy))
			return usage_error(state,
					   "--policy: '%s' is not breadth, depth or fit",
					   arg);
		return 0;
	case OPT_PARAMS:
		return parse_params(state, arg, a->params);
	case ARGP_KEY_ARG:
		if (a->profile)
			return usage_error(state, "more than one profile: '%s'", arg);
		a->profile = arg;
		return 0;
	case ARGP_KEY_END:
		return p->help ? 0 : check_args(state, a);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* What one GPU has room for, and what stops the next one. */
static void explain_gpu(const struct create *c, size_t i, FILE *lines, json_t *per_gpu,
			struct error *err)
{
	const struct host *host = c->view.host;
	char name[BDF_SIZE], why[256], hint[200];
	enum limit limit;
	uint32_t room = alloc_room(host, &c->usage, i, c->profile, &limit);

	(void)bdf_format(&host->gpus[i].bdf, name);
	if (!alloc_admits(host, &c->request, i)) {
		(void)fprintf(lines, "  %s: not asked for\n", name);
		return;
	}
	if (room && c->args.have_vf) {
		(void)fprintf(lines, "  %s no-free-vf: the VF asked for is not free\n",
			      name);
		room = 0;
		limit = LIMIT_NO_FREE_VF;
	} else if (room) {
		(void)fprintf(lines, "  %s: room for %u\n", name, room);
	} else {
		(void)fprintf(lines, "  %s %s: %s\n", name, limit_name(limit),
			      limit_sentence(host, &c->usage, i, c->profile, limit, why,
					     sizeof(why)));
		error_hint(err, "%s", limit_hint(host, i, limit, hint, sizeof(hint)));
	}
	(void)json_array_append_new(per_gpu, json_pack("{s:s, s:I, s:s}", "gpu", name,
						       "free", (json_int_t)room, "limit",
						       limit_name(limit)));
}

int create_refuse(struct context *ctx, const struct create *c, struct error *err)
{
	json_t *per_gpu = json_array();
	uint32_t room = 0;
	enum limit limit;
	size_t i, size;
	FILE *f;

	for (i = 0; i < c->view.host->n_gpus; i++)
		if (alloc_admits(c->view.host, &c->request, i))
			room += alloc_room(c->view.host, &c->usage, i, c->profile,
					   &limit);
	if (c->args.have_count && room)
		(void)error_set(err, ERROR_CAPACITY, 0,
				"not all of the %u fit: there is room for %u more",
				c->args.count, room);
	else
		(void)error_set(err, ERROR_CAPACITY, 0, "no GPU has room for it");
	free(ctx->details);
	ctx->details = NULL;
	f = open_memstream(&ctx->details, &size);
	for (i = 0; f && i < c->view.host->n_gpus; i++)
		explain_gpu(c, i, f, per_gpu, err);
	if (f)
		(void)fclose(f);
	json_decref(ctx->error_extra);
	ctx->error_extra = json_pack("{s:o}", "per_gpu", per_gpu);
	return -ENOSPC;
}

static int print_results(struct context *ctx, struct create *c, struct error *err)
{
	json_t *document, *array;
	size_t i;

	if (!ctx->json) {
		for (i = 0; i < c->n_slots; i++)
			printf("%s\n", c->slots[i].vgpu.uuid);
		return 0;
	}
	document = json_document("create", c->view.as_of, c->view.host);
	array = json_array();
	for (i = 0; i < c->n_slots; i++) {
		struct row row = { &c->slots[i].vgpu,
				   NULL,
				   { STATE_ACTIVE, ACTION_NONE, REASON_NONE, -1 },
				   -1 };

		if (c->slots[i].vgpu.state != SAVED_ACTIVE)
			row.verdict.state = STATE_MISSING; /* --dry-run */
		(void)json_array_append_new(array, row_json(&c->view, &row));
	}
	(void)json_object_set_new(document, "vgpus", array);
	return context_print(ctx, document, err);
}

/* Which GPUs were committed to a size by this. */
static void note_commitments(struct context *ctx, const struct create *c)
{
	const struct host *host = c->view.host;
	char name[BDF_SIZE];
	size_t i, j, empty = 0;

	for (i = 0; i < host->n_gpus; i++)
		empty += !c->usage.gpus[i].n_vgpus && host->gpus[i].n_parents;
	for (i = 0; i < c->n_slots; i++) {
		const struct gpu *gpu = host_find_gpu(host, &c->slots[i].vgpu.gpu);
		size_t here = 0;

		if (!c->slots[i].fresh || !gpu)
			continue;
		for (j = 0; j < c->n_slots; j++)
			here += c->slots[j].fresh &&
				bdf_equal(&c->slots[j].vgpu.gpu, &gpu->bdf);
		for (j = 0; j < i; j++)
			if (c->slots[j].fresh &&
			    bdf_equal(&c->slots[j].vgpu.gpu, &gpu->bdf))
				break;
		if (j == i && c->usage.gpus[gpu - host->gpus].n_vgpus == here)
			note(ctx,
			     "%s was empty and now takes vGPUs of %u MiB only; "
			     "empty GPUs left: %zu",
			     bdf_format(&gpu->bdf, name),
			     c->slots[i].vgpu.framebuffer_mib, empty);
	}
}

static int print_plan(struct context *ctx, struct create *c, struct error *err)
{
	char gpu[BDF_SIZE], vf[BDF_SIZE];
	size_t i;

	if (ctx->json)
		return print_results(ctx, c, err);
	for (i = 0; i < c->n_slots; i++) {
		const struct saved_vgpu *v = &c->slots[i].vgpu;

		printf("%s %s on %s of %s for %s slot %u\n",
		       c->slots[i].fresh  ? "create"
		       : c->slots[i].live ? "keep"
					  : "make again",
		       v->profile, bdf_format(&v->vf, vf), bdf_format(&v->gpu, gpu),
		       v->vm, v->slot);
	}
	return 0;
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = {
		options,
		parse,
		"PROFILE --vm NAME",
		"Make a vGPU of PROFILE for a VM, record it, and print its "
		"UUID. Again, for the same VM, slot and profile: prints the "
		"same UUID.",
		NULL,
		NULL,
		NULL
	};
	_cleanup_(
		create_end) struct create c = { .args = { .numa_node = -1, .count = 1 } };
	int r = command_parse(ctx, &argp, argc, argv, &c.args, err);

	if (r)
		return r < 0 ? r : 0;
	ctx->subject = c.args.profile;
	r = create_do(ctx, &c, err);
	if (r < 0)
		return r;
	if (ctx->dry_run)
		return print_plan(ctx, &c, err);
	note_commitments(ctx, &c);
	return print_results(ctx, &c, err);
}

const struct command cmd_create = { "create", "make a vGPU for a VM", run };
