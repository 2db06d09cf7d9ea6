/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/make_room.h"

#include <string.h>

#include "util/text.h"

/* Steps of the search before it gives up. */
#define MAX_NODES 20000
#define MAX_MOVES 256 /* likewise: each is a level of the search */
#define NEVER UINT32_MAX
#define MAX_SIZES 16 /* of framebuffers on one GPU */

struct search {
	const struct host *host;
	const struct usage *usage;
	const char *profile; /* that room is made for, on GPU */
	size_t gpu;
	struct room_vgpu *vgpus;
	size_t n;
	unsigned nodes;
	bool gave_up;
	bool cut; /* more moves might have led on somewhere */
};

/* The moves so far, the last one first. */
struct move {
	const struct room_vgpu *vgpu;
	const struct move *before; /* NULL: none */
};

/* What there is of one framebuffer size on a GPU. */
struct size_count {
	uint32_t size_mib, n;
	uint32_t n_fixed; /* of them, that cannot move, or not any more */
	uint32_t max;	  /* how many the GPU takes, of those that are new to it */
};

/* May PROFILE be on GPU if only there is room?  RET gets how many places there are now
 * for it, VFs or the driver's word. */
static bool offers(const struct search *s, size_t gpu, const char *profile, uint32_t *ret)
{
	enum limit limit;
	uint32_t room = alloc_room(s->host, s->usage, gpu, profile, &limit);
	bool is_parent = s->host->gpus[gpu].is_parent;

	*ret = s->usage->gpus[gpu].n_free;
	if (is_parent)
		*ret = limit == LIMIT_DRIVER ? room : NEVER;
	if (room)
		return true;
	return limit == LIMIT_MAX_INSTANCE || limit == LIMIT_OTHER_SIZE ||
	       (limit == LIMIT_NO_FREE_VF &&
		gpu_framework(s->host, &s->host->gpus[gpu]) != FRAMEWORK_NONE);
}

static bool has_moved(const struct room_vgpu *v)
{
	return v->to != v->gpu;
}

/* Adds one of PROFILE (NULL: not new here) to the sizes; false where there are too many
 * of them. */
static bool add_size(const struct gpu *gpu, struct size_count *sizes, size_t *n,
		     uint32_t size_mib, const char *profile, bool fixed)
{
	const struct vgpu_type *type;
	size_t i;

	for (i = 0; i < *n && sizes[i].size_mib != size_mib;)
		i++;
	if (i == MAX_SIZES)
		return false;
	if (i == *n)
		sizes[(*n)++] = (struct size_count){ size_mib, 0, 0, NEVER };
	sizes[i].n++;
	sizes[i].n_fixed += fixed;
	type = profile ? catalog_find(gpu->catalog, profile) : NULL;
	if (type && type->max_instances < sizes[i].max)
		sizes[i].max = type->max_instances;
	return true;
}

/* How many must leave so that all that is left is of SIZES[KEEP], NEVER where one that is
 * to leave cannot. What has no known size counts as one of any. */
static uint32_t to_leave(const struct size_count *sizes, size_t n, size_t keep)
{
	uint32_t leave = 0, stay = sizes[keep].n, fixed = sizes[keep].n_fixed;
	size_t i;

	for (i = 0; i < n; i++) {
		if (i == keep)
			continue;
		if (!sizes[i].size_mib) {
			stay += sizes[i].n;
			fixed += sizes[i].n_fixed;
			continue;
		}
		if (sizes[i].n_fixed)
			return NEVER;
		leave += sizes[i].n;
	}
	if (fixed > sizes[keep].max)
		return NEVER;
	return leave + (stay > sizes[keep].max ? stay - sizes[keep].max : 0);
}

/* How many vGPUs must at least leave GPU before what has come to it can be there; NEVER
 * where it cannot. */
static uint32_t excess(const struct search *s, size_t index)
{
	const struct gpu *gpu = &s->host->gpus[index];
	struct size_count sizes[MAX_SIZES] = { { 0, 0, 0, 0 } };
	uint32_t places = NEVER, here, n_new = 0, n_gone = 0, least = NEVER, leave;
	size_t i, n = 0;
	bool fine = true;

	if (index == s->gpu) {
		const struct vgpu_type *type = catalog_find(gpu->catalog, s->profile);

		fine = offers(s, index, s->profile, &places) &&
		       add_size(gpu, sizes, &n, type->framebuffer_mib, s->profile, true);
		n_new++;
	}
	for (i = 0; i < s->n && fine; i++) {
		const struct room_vgpu *v = &s->vgpus[i];

		if (v->gpu == index && has_moved(v))
			n_gone += v->has_vf || gpu->is_parent;
		if (v->to != index)
			continue;
		if (has_moved(v)) {
			n_new++;
			fine = offers(s, index, v->profile, &here);
			places = here < places ? here : places;
		}
		fine = fine && add_size(gpu, sizes, &n, v->size_mib,
					has_moved(v) ? v->profile : NULL,
					has_moved(v) || !v->movable);
	}
	if (!fine)
		return NEVER;
	if (!n_new)
		return 0;
	for (i = 0; i < n; i++) {
		leave = sizes[i].size_mib ? to_leave(sizes, n, i) : NEVER;
		least = leave < least ? leave : least;
	}
	if (least == NEVER || n_new <= n_gone || n_new - n_gone <= places)
		return least;
	leave = n_new - n_gone - places; /* for their VFs */
	return leave > least ? leave : least;
}

/* Is nothing on GPU, nor to be? */
static bool is_empty(const struct search *s, size_t gpu)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->vgpus[i].gpu == gpu || s->vgpus[i].to == gpu)
			return false;
	return gpu != s->gpu;
}

/* Does an empty GPU before TO do as well as TO, which is empty, too? */
static bool has_like(const struct search *s, const struct room_vgpu *v, size_t to)
{
	const struct gpu *gpus = s->host->gpus;
	uint32_t places, like_places;
	size_t i;

	if (!is_empty(s, to) || !offers(s, to, v->profile, &places))
		return false;
	for (i = 0; i < to; i++)
		if (is_empty(s, i) && gpus[i].catalog == gpus[to].catalog &&
		    gpu_framework(s->host, &gpus[i]) == v->framework &&
		    gpus[i].is_parent == gpus[to].is_parent && !gpus[i].available &&
		    !gpus[to].available && offers(s, i, v->profile, &like_places) &&
		    like_places == places)
			return true;
	return false;
}

static bool may_move(const struct search *s, const struct room_vgpu *v, size_t to)
{
	uint32_t places;

	return to != v->gpu &&
	       gpu_framework(s->host, &s->host->gpus[to]) == v->framework &&
	       offers(s, to, v->profile, &places) && !has_like(s, v, to);
}

static bool are_alike(const struct room_vgpu *a, const struct room_vgpu *b)
{
	return a->gpu == b->gpu && a->size_mib == b->size_mib &&
	       a->framework == b->framework && a->has_vf == b->has_vf &&
	       text_equal_nocase(a->profile, b->profile);
}

/* Has one like V, which can move as well, been tried before it? */
static bool was_tried(const struct search *s, const struct room_vgpu *v)
{
	const struct room_vgpu *before;

	for (before = s->vgpus; before < v; before++)
		if (before->movable && !has_moved(before) && are_alike(before, v))
			return true;
	return false;
}

static bool resolve(struct search *s, uint32_t moves, const struct move *last);

/* Something must leave GPU: tries what, and where to. Those that are alike go to GPUs in
 * the order of these, so that no two ways differ by who is who. */
static bool move_one(struct search *s, size_t gpu, uint32_t moves,
		     const struct move *last)
{
	size_t i, to;

	for (i = 0; i < s->n; i++) {
		struct room_vgpu *v = &s->vgpus[i];
		const struct move move = { v, last };

		if (v->gpu != gpu || !v->movable || has_moved(v) || was_tried(s, v))
			continue;
		to = last && are_alike(last->vgpu, v) ? last->vgpu->to : 0;
		for (; to < s->host->n_gpus; to++) {
			if (!may_move(s, v, to))
				continue;
			v->to = to;
			if (resolve(s, moves - 1, &move))
				return true;
			v->to = v->gpu;
			if (s->gave_up)
				return false;
		}
	}
	return false;
}

/* Has an earlier one of the moves the same target as LAST? */
static bool is_again(const struct move *last)
{
	const struct move *m;

	for (m = last->before; m; m = m->before)
		if (m->vgpu->to == last->vgpu->to)
			return true;
	return false;
}

/* Can everything be in order after at most so many MOVES?  Only GPUs that something has
 * come to can be out of it. */
static bool resolve(struct search *s, uint32_t moves, const struct move *last)
{
	uint32_t sum = excess(s, s->gpu), n;
	size_t gpu = s->gpu;
	const struct move *m;

	if (sum > moves) {
		s->cut = s->cut || sum != NEVER;
		return false;
	}
	if (++s->nodes > MAX_NODES) {
		s->gave_up = true;
		return false;
	}
	for (m = last; m; m = m->before) {
		if (m->vgpu->to == s->gpu || is_again(m))
			continue;
		n = excess(s, m->vgpu->to);
		if (n == NEVER)
			return false;
		if (sum + n > moves) {
			s->cut = true;
			return false;
		}
		if (!sum)
			gpu = m->vgpu->to;
		sum += n;
	}
	return !sum || move_one(s, gpu, moves, last);
}

void make_room(const struct host *host, const struct usage *usage, const char *profile,
	       struct room_vgpu *vgpus, size_t n, struct room_result *ret)
{
	struct search s = { .host = host,
			    .usage = usage,
			    .profile = profile,
			    .vgpus = vgpus,
			    .n = n,
			    .cut = true };
	uint32_t moves;
	size_t i;

	*ret = (struct room_result){ .found = false };
	for (i = 0; i < n; i++)
		vgpus[i].to = vgpus[i].gpu;
	for (moves = 0; s.cut && !s.gave_up; moves++) {
		s.gave_up = moves > MAX_MOVES;
		s.cut = false;
		for (s.gpu = 0; s.gpu < host->n_gpus && !s.gave_up; s.gpu++)
			if (resolve(&s, moves, NULL)) {
				*ret = (struct room_result){ true, false, s.gpu, moves };
				return;
			}
	}
	ret->gave_up = s.gave_up;
}
