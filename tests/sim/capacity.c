/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What fits on a GPU: equal-size and mixed-size mode, and MIG. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define MIB_PER_UNIT 1024

bool type_offered(const struct sim *sim, const struct type_table *table, unsigned index)
{
	size_t i;

	if (index >= table->n)
		return false;
	for (i = 0; i < sim->n_dropped; i++) {
		if (!strcmp(sim->dropped[i], table->types[index].name))
			return false;
	}
	return true;
}

/* --- placements --- */

bool mixed_known(const struct gpu *gpu)
{
	size_t i;

	for (i = 0; i < gpu->table->n; i++) {
		if (gpu->table->types[i].max_mixed)
			return gpu->framework != FRAMEWORK_PF;
	}
	return false;
}

unsigned placement_size(const struct vgpu_type *type)
{
	return (type->framebuffer_mib + MIB_PER_UNIT - 1) / MIB_PER_UNIT;
}

/* Units of the whole GPU: as many as its types can fill. */
static unsigned units(const struct gpu *gpu)
{
	unsigned most = 0;
	size_t i;

	for (i = 0; i < gpu->table->n; i++) {
		const struct vgpu_type *t = &gpu->table->types[i];
		unsigned mib = t->framebuffer_mib * t->max_instance;

		if (!t->mig_profile[0] && mib > most)
			most = mib;
	}
	return (most + MIB_PER_UNIT - 1) / MIB_PER_UNIT;
}

unsigned placement_id(const struct gpu *gpu, const struct vgpu_type *type, unsigned i)
{
	return i * units(gpu) / type->max_mixed;
}

bool placement_free(const struct gpu *gpu, unsigned id, unsigned size,
		    const struct claim *claim)
{
	const struct claim *c;

	for (c = gpu->claims; c; c = c->next) {
		unsigned from = (unsigned)c->placement;

		if (c == claim || c->placement < 0)
			continue;
		if (id < from + placement_size(&gpu->table->types[c->type]) &&
		    from < id + size)
			return false;
	}
	return true;
}

static unsigned count_free(const struct gpu *gpu, const struct vgpu_type *type,
			   int *ret_first)
{
	unsigned i, n = 0;

	for (i = 0; i < type->max_mixed; i++) {
		unsigned id = placement_id(gpu, type, i);

		if (!placement_free(gpu, id, placement_size(type), NULL))
			continue;
		if (!n++)
			*ret_first = (int)id;
	}
	return n;
}

/* The number of vgpu-placement-id in PARAMS. False where it is not there. */
static bool wanted_placement(const char *params, uint64_t *ret)
{
	static const char name[] = "vgpu-placement-id=";
	bool found = false;

	while (params) {
		char value[32];

		params += strspn(params, ", ");
		if (!strncmp(params, name, sizeof(name) - 1)) {
			params += sizeof(name) - 1;
			put(value, sizeof(value), "%.*s", (int)strcspn(params, ", "),
			    params);
			if (!number_parse(value, 10, ret))
				*ret = UINT64_MAX;
			found = true;
		}
		params = strchr(params, ',');
	}
	return found;
}

void claim_params(const struct gpu *gpu, struct claim *claim, const char *params)
{
	const struct vgpu_type *type = &gpu->table->types[claim->type];
	uint64_t wanted;
	unsigned i;

	claim->misplaced = false;
	if (!claim->held || claim->placement < 0 || !wanted_placement(params, &wanted))
		return;
	for (i = 0; i < type->max_mixed; i++) {
		if (placement_id(gpu, type, i) == wanted &&
		    placement_free(gpu, (unsigned)wanted, placement_size(type), claim)) {
			claim->placement = (int)wanted;
			return;
		}
	}
	claim->misplaced = true;
}

/* --- room --- */

bool vf_occupied(const struct device *dev)
{
	const struct mdev *m;

	for (m = dev->mdevs; m; m = m->sibling) {
		if (m->claim.held)
			return true;
	}
	return dev->claim.held;
}

/* How many more of that type the GPU itself has room for. */
static unsigned gpu_room(const struct gpu *gpu, const struct vgpu_type *type)
{
	int first;

	if (type->mig_profile[0])
		return gpu->mig_on ? gi_count_idle(gpu, type->mig_profile) : 0;
	if (gpu->mig_on)
		return 0;
	if (gpu->mixed)
		return count_free(gpu, type, &first);
	if (gpu->n_used >= type->max_instance)
		return 0;
	if (gpu->n_used && gpu->used_mib != type->framebuffer_mib)
		return 0;
	return type->max_instance - gpu->n_used;
}

unsigned type_room(const struct device *dev, unsigned index)
{
	unsigned room = gpu_room(dev->gpu, &dev->gpu->table->types[index]);

	if (dev->role == ROLE_PF)
		return room;
	return room && !vf_occupied(dev);
}

unsigned type_available(const struct device *dev, unsigned index)
{
	if (dev->gpu->lie >= 0)
		return (unsigned)dev->gpu->lie;
	return type_room(dev, index);
}

int gpu_full_errno(const struct sim *sim, const struct gpu *gpu)
{
	if (sim->full_errno)
		return sim->full_errno;
	return gpu->framework == FRAMEWORK_VFIO || gpu->mig_on ? EIO : ENOSPC;
}

void claim_take(struct gpu *gpu, struct claim *claim, unsigned type)
{
	const struct vgpu_type *t = &gpu->table->types[type];

	*claim = (struct claim){ .held = true, .type = type, .placement = -1 };
	if (t->mig_profile[0]) {
		claim->gi = gi_idle(gpu, t->mig_profile);
		claim->gi->user = claim;
	} else if (gpu->mixed) {
		count_free(gpu, t, &claim->placement);
	}
	if (!gpu->n_used++)
		gpu->used_mib = t->framebuffer_mib;
	claim->next = gpu->claims;
	gpu->claims = claim;
}

void claim_give(struct gpu *gpu, struct claim *claim)
{
	struct claim **p = &gpu->claims;

	if (!claim->held)
		return;
	while (*p != claim)
		p = &(*p)->next;
	*p = claim->next;
	if (claim->gi)
		claim->gi->user = NULL;
	claim->held = false;
	if (!--gpu->n_used)
		gpu->used_mib = 0;
}
