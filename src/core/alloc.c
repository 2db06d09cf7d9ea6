/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/alloc.h"

#include <string.h>

#include "util/text.h"

/* After this many of a GPU's free VFs were refused, the GPU is taken to be full. One that
 * is its own parent is so at once. */
#define REFUSALS_MEAN_FULL 2

static const char *const limit_names[] = {
	[LIMIT_MAX_INSTANCE] = "max-instance",
	[LIMIT_OTHER_SIZE] = "other-size",
	[LIMIT_NO_FREE_VF] = "no-free-vf",
	[LIMIT_SRIOV_OFF] = "sriov-off",
	[LIMIT_EXCLUDED] = "excluded",
	[LIMIT_NOT_OFFERED] = "not-offered",
	[LIMIT_MODE] = "mode",
	[LIMIT_MIG] = "mig",
	[LIMIT_DRIVER] = "driver",
	[LIMIT_UNKNOWN] = "unknown",
};
static const char *const policy_names[] = { "breadth", "depth", "fit" };

const char *limit_name(enum limit limit)
{
	return limit_names[limit];
}

bool policy_parse(const char *name, enum policy *ret)
{
	int i = text_index(policy_names, sizeof(policy_names) / sizeof(policy_names[0]),
			   name);

	if (i >= 0)
		*ret = (enum policy)i;
	return i >= 0;
}

/* The limits that hold whatever is on the GPU; true where one does. */
static bool closed(const struct host *host, const struct gpu *gpu, const char *profile,
		   enum limit *ret)
{
	const struct vgpu_type *type = catalog_find(gpu->catalog, profile);

	if (gpu->excluded || gpu->cordoned)
		*ret = LIMIT_EXCLUDED;
	else if (strcmp(gpu->driver, "nvidia"))
		*ret = LIMIT_MODE;
	else if (!type && !gpu_may_offer(host, gpu, profile))
		*ret = LIMIT_NOT_OFFERED;
	else if (gpu->total_vfs && !gpu->n_parents)
		*ret = LIMIT_SRIOV_OFF;
	else if (gpu->n_parents && gpu_framework(host, gpu) == FRAMEWORK_NONE)
		*ret = LIMIT_NO_FREE_VF;
	else if (!type)
		*ret = gpu->n_parents ? LIMIT_UNKNOWN : LIMIT_NOT_OFFERED;
	else if (!type->framebuffer_mib || !type->max_instances)
		*ret = LIMIT_UNKNOWN;
	else
		return false;
	return true;
}

/* What the driver says of TYPE, AVAILABLE_UNKNOWN where it was not asked. */
static uint32_t available(const struct gpu *gpu, const struct vgpu_type *type)
{
	return gpu->available ? gpu->available[type - gpu->catalog->types]
			      : AVAILABLE_UNKNOWN;
}

static bool driver_says_no(const struct gpu *gpu, const struct gpu_usage *u,
			   const struct vgpu_type *type)
{
	if (u->n_refused >= (gpu->is_parent ? 1 : REFUSALS_MEAN_FULL))
		return true;
	return available(gpu, type) == 0;
}

/* How many parents there are for vGPUs of TYPE: VFs that nobody has, or what a PF says
 * that it takes; but it does not know of all that is promised. */
static uint32_t places(const struct gpu *gpu, const struct gpu_usage *u,
		       const struct vgpu_type *type, enum limit *ret_limit)
{
	uint32_t n = available(gpu, type);

	*ret_limit = gpu->is_parent ? LIMIT_DRIVER : LIMIT_NO_FREE_VF;
	if (!gpu->is_parent)
		return u->n_free;
	if (n == AVAILABLE_UNKNOWN)
		return n;
	return n > u->n_promised ? n - u->n_promised : 0;
}

uint32_t alloc_room(const struct host *host, const struct usage *usage, size_t index,
		    const char *profile, enum limit *ret_limit)
{
	const struct gpu *gpu = &host->gpus[index];
	const struct gpu_usage *u = &usage->gpus[index];
	const struct vgpu_type *type = catalog_find(gpu->catalog, profile);
	enum limit limit;
	uint32_t left, n;

	if (closed(host, gpu, profile, ret_limit))
		return 0;
	if (u->mixed || (u->size_mib && u->size_mib != type->framebuffer_mib)) {
		*ret_limit = LIMIT_OTHER_SIZE;
		return 0;
	}
	*ret_limit = LIMIT_MAX_INSTANCE;
	if (u->n_vgpus >= type->max_instances)
		return 0;
	left = type->max_instances - u->n_vgpus;
	n = places(gpu, u, type, &limit);
	if (n < left) {
		*ret_limit = limit;
		left = n;
	}
	if (left && driver_says_no(gpu, u, type)) {
		*ret_limit = LIMIT_DRIVER;
		return 0;
	}
	return left;
}

bool alloc_admits(const struct host *host, const struct alloc_request *request,
		  size_t index)
{
	const struct gpu *gpu = &host->gpus[index];
	const struct parent *parent;

	if (request->gpu && !bdf_equal(request->gpu, &gpu->bdf))
		return false;
	if (request->numa_node >= 0 && request->numa_node != gpu->numa_node)
		return false;
	if (!request->vf)
		return true;
	parent = host_find_parent(host, request->vf);
	return parent && parent->gpu == index;
}

/* The first parent of GPU that is free, or the one asked for; false where it is not. */
static bool free_parent(const struct host *host, const struct usage *usage,
			const struct alloc_request *request, const struct gpu *gpu,
			size_t *ret)
{
	size_t i;

	for (i = gpu->first_parent; i < gpu->first_parent + gpu->n_parents; i++) {
		if (usage->taken[i] || host->parents[i].framework == FRAMEWORK_NONE)
			continue;
		if (request->vf && !bdf_equal(request->vf, &host->parents[i].bdf))
			continue;
		*ret = i;
		return true;
	}
	return false;
}

/* The largest framebuffer of those types that fit on a GPU now. */
static uint32_t largest(const struct host *host, const struct usage *usage, size_t gpu)
{
	const struct catalog *catalog = host->gpus[gpu].catalog;
	uint32_t size_mib = 0;
	enum limit limit;
	size_t i;

	for (i = 0; catalog && i < catalog->n_types; i++) {
		const struct vgpu_type *type = &catalog->types[i];

		if (type->framebuffer_mib > size_mib &&
		    alloc_room(host, usage, gpu, type->profile, &limit))
			size_mib = type->framebuffer_mib;
	}
	return size_mib;
}

/* Is GPU A a better choice than B?  Both have room, and B's address is the lower one. */
static bool better(const struct host *host, const struct usage *usage, enum policy policy,
		   size_t a, size_t b)
{
	uint32_t n_a = usage->gpus[a].n_vgpus, n_b = usage->gpus[b].n_vgpus;

	if (policy == POLICY_BREADTH)
		return n_a < n_b;
	/* of empty ones, that which large profiles miss least */
	if (policy == POLICY_FIT && !n_a && !n_b)
		return largest(host, usage, a) < largest(host, usage, b);
	return n_a > n_b;
}

bool alloc_place(const struct host *host, const struct usage *usage,
		 const struct alloc_request *request, struct placement *ret)
{
	bool found = false;
	enum limit limit;
	size_t i, parent;

	for (i = 0; i < host->n_gpus; i++) {
		const struct gpu *gpu = &host->gpus[i];

		if (!alloc_admits(host, request, i) ||
		    !alloc_room(host, usage, i, request->profile, &limit) ||
		    !free_parent(host, usage, request, gpu, &parent))
			continue;
		if (found && !better(host, usage, request->policy, i, ret->gpu))
			continue;
		*ret = (struct placement){ i, parent,
					   catalog_find(gpu->catalog, request->profile) };
		found = true;
	}
	return found;
}

void alloc_take(const struct host *host, struct usage *usage,
		const struct placement *placement)
{
	usage_add(usage, placement->gpu, placement->type->framebuffer_mib);
	usage->gpus[placement->gpu].n_promised++;
	usage_take(host, usage, placement->at);
}
