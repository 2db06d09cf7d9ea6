/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/capacity.h"
#include "core/make_room.h"
#include "host/holders.h"
#include "host/vgpu.h"
#include "out/json.h"
#include "out/table.h"
#include "util/cleanup.h"
#include "util/text.h"

DEFINE_CLEANUP(struct table *, table_free)

/* What may be moved, and what keeps its place. */
struct inventory {
	struct room_vgpu *vgpus;
	size_t n;
};

/* As saved, and not in anybody's hands. Whether a VM has it open is another question. */
static bool is_in_order(const struct saved_vgpu *v, const struct verdict *verdict)
{
	if (v->in_progress)
		return false;
	return (verdict->state == STATE_ACTIVE && verdict->action == ACTION_NONE) ||
	       (verdict->state == STATE_STOPPED && verdict->action == ACTION_NONE) ||
	       (verdict->state == STATE_MISSING && verdict->action == ACTION_CREATE);
}

static void add_saved(const struct view *view, size_t i, bool in_use,
		      struct inventory *ret)
{
	const struct saved_vgpu *v = &view->saved->vgpus[i];
	const struct live_vgpu *live = host_find_live(view->host, v->uuid);
	const struct gpu *gpu = host_find_gpu(view->host, &v->gpu);
	const struct parent *vf = host_find_parent(view->host, &v->vf);
	long at = live ? live->gpu : gpu ? gpu - view->host->gpus : -1;
	struct room_vgpu *room = &ret->vgpus[ret->n];

	if (at < 0)
		return;
	*room = (struct room_vgpu){
		.gpu = (size_t)at,
		.size_mib = v->framebuffer_mib,
		.framework = v->framework,
		.movable = is_in_order(v, &view->plan.verdicts[i]) && !in_use,
		.has_vf =
			vf && vf->framework &&
			!parent_is_shared(view->host, (size_t)(vf - view->host->parents)),
		.from = i,
	};
	(void)text_copy(room->profile, sizeof(room->profile), v->profile);
	ret->n++;
}

static void add_foreign(const struct live_vgpu *live, struct inventory *ret)
{
	struct room_vgpu *room = &ret->vgpus[ret->n];

	if (live->gpu < 0)
		return;
	*room = (struct room_vgpu){ .gpu = (size_t)live->gpu,
				    .size_mib = live->framebuffer_mib,
				    .framework = live->framework };
	(void)text_copy(room->profile, sizeof(room->profile),
			profile_short_name(live->type_name));
	ret->n++;
}

static int take_inventory(struct context *ctx, const struct view *view,
			  struct inventory *ret, struct error *err)
{
	size_t i, n = view->saved->n_vgpus, room = n + view->host->n_live + 1;
	_cleanup_(freep) struct held_device *devices = calloc(n + 1, sizeof(*devices));
	_cleanup_(freep) struct holder *holders = calloc(n + 1, sizeof(*holders));
	int r;

	ret->vgpus = calloc(room, sizeof(*ret->vgpus));
	if (!devices || !holders || !ret->vgpus)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "look for room");
	for (i = 0; i < n; i++) {
		struct vgpu_id id = vgpu_id_of(&view->saved->vgpus[i]);

		devices[i] = held_device_of(&id);
	}
	r = n ? holders_find(ctx->root_fd, devices, n, holders, err) : 0;
	if (r < 0)
		return error_context(err, "find out which vGPUs are in use");
	for (i = 0; i < n; i++)
		add_saved(view, i, holders[i].in_use, ret);
	for (i = 0; i < view->host->n_live; i++)
		if (!view->plan.ours[i])
			add_foreign(&view->host->live[i], ret);
	return 0;
}

static bool moves(const struct room_vgpu *v)
{
	return v->to != v->gpu;
}

static json_t *moves_json(const struct view *view, const struct inventory *all)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < all->n; i++) {
		const struct room_vgpu *v = &all->vgpus[i];
		const struct saved_vgpu *saved = &view->saved->vgpus[v->from];

		if (!moves(v))
			continue;
		(void)json_array_append_new(
			array, json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:b}", "uuid",
					 saved->uuid, "profile", saved->profile, "vm",
					 saved->vm, "slot", (json_int_t)saved->slot,
					 "from", json_bdf(&view->host->gpus[v->gpu].bdf),
					 "to", json_bdf(&view->host->gpus[v->to].bdf),
					 "vm_config_changes",
					 saved->framework == FRAMEWORK_VFIO));
	}
	return array;
}

static int print_json(const struct context *ctx, const struct view *view,
		      const struct usage *usage, char (*profiles)[PROFILE_SIZE],
		      const struct inventory *all, const struct room_result *result,
		      struct error *err)
{
	json_t *document = capacity_document(view, usage, profiles, 1);
	json_t *gpu = result->found ? json_bdf(&view->host->gpus[result->gpu].bdf)
				    : json_null();

	(void)json_object_set_new(document, "make_room",
				  json_pack("{s:b, s:b, s:o, s:o}", "possible",
					    result->found, "gave_up", result->gave_up,
					    "gpu", gpu, "moves", moves_json(view, all)));
	return context_print(ctx, document, err);
}

static int print_table(const struct context *ctx, const struct view *view,
		       const struct inventory *all, struct error *err)
{
	static const struct column columns[] = {
		{ "UUID", false }, { "PROFILE", false }, { "VM", false },
		{ "SLOT", true },  { "FROM", false },	 { "TO", false },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	char from[BDF_SIZE], to[BDF_SIZE], slot[16];
	bool config = false;
	size_t i;
	int r = table_new(columns, ARRAY_SIZE(columns), &table, err);

	for (i = 0; i < all->n && r == 0; i++) {
		const struct room_vgpu *v = &all->vgpus[i];
		const struct saved_vgpu *saved = &view->saved->vgpus[v->from];

		if (!moves(v))
			continue;
		config = config || saved->framework == FRAMEWORK_VFIO;
		(void)snprintf(slot, sizeof(slot), "%u", saved->slot);
		r = table_add(
			table,
			(const char *[]){ saved->uuid, saved->profile, saved->vm, slot,
					  bdf_format(&view->host->gpus[v->gpu].bdf, from),
					  bdf_format(&view->host->gpus[v->to].bdf, to) },
			err);
	}
	if (r == 0)
		r = table_print(table, err);
	if (r == 0 && config)
		note(ctx,
		     "the configs of these VMs name virtual functions (vendor VFIO): "
		     "they must follow");
	return r;
}

int capacity_make_room(struct context *ctx, const struct view *view,
		       const struct usage *usage, char (*profiles)[PROFILE_SIZE],
		       struct error *err)
{
	_cleanup_(freep) struct room_vgpu *vgpus = NULL;
	uint32_t room = capacity_total(view, usage, profiles[0]);
	struct room_result result = { .found = false };
	struct inventory all = { NULL, 0 };
	char gpu[BDF_SIZE];
	size_t i;
	int r = 0;

	if (!room)
		r = take_inventory(ctx, view, &all, err);
	vgpus = all.vgpus;
	if (r < 0)
		return r;
	if (!room)
		make_room(view->host, usage, profiles[0], vgpus, all.n, &result);
	for (i = 0; room && i < view->host->n_gpus && !result.found; i++) {
		enum limit limit;

		result.found = alloc_room(view->host, usage, i, profiles[0], &limit) > 0;
		result.gpu = i;
	}
	if (ctx->json)
		return print_json(ctx, view, usage, profiles, &all, &result, err);
	if (ctx->quiet) {
		if (result.found)
			printf("%zu\n", result.n_moves);
		return 0;
	}
	if (!result.found) {
		note(ctx,
		     result.gave_up
			     ? "no moves were found that make room for %s, but not "
			       "all were tried"
			     : "no moves of vGPUs that nobody uses make room for %s",
		     profiles[0]);
		return 0;
	}
	(void)bdf_format(&view->host->gpus[result.gpu].bdf, gpu);
	if (room) {
		note(ctx, "there is room for %u already, one of them on %s", room, gpu);
		return 0;
	}
	note(ctx, "%zu %s room for one on %s; nothing was done", result.n_moves,
	     result.n_moves == 1 ? "move makes" : "moves make", gpu);
	return print_table(ctx, view, &all, err);
}
