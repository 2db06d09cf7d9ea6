/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/alloc.h"

#include <string.h>

#include "util/text.h"

/* After this many of a GPU's free VFs were refused, the GPU is taken to be full. */
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
static const char *const policy_names[] = { "breadth", "depth" };

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

	if (gpu->excluded)
		*ret = LIMIT_EXCLUDED;
	else if (strcmp(gpu->driver, "nvidia"))
		*ret = LIMIT_MODE;
	else if (gpu->catalog && !type)
		*ret = LIMIT_NOT_OFFERED;
	else if (gpu->total_vfs && !gpu->n_vfs)
		*ret = LIMIT_SRIOV_OFF;
	else if (gpu_framework(host, gpu) == FRAMEWORK_VFIO || gpu->is_parent)
		*ret = LIMIT_UNKNOWN;
	else if (gpu->n_vfs && !gpu_ready_vfs(host, gpu))
		*ret = LIMIT_NO_FREE_VF;
	else if (!type)
		*ret = gpu->n_vfs ? LIMIT_UNKNOWN : LIMIT_NOT_OFFERED;
	else if (!type->framebuffer_mib || !type->max_instances)
		*ret = LIMIT_UNKNOWN;
	else
		return false;
	return true;
}

static bool driver_says_no(const struct gpu *gpu, const struct gpu_usage *u,
			   const struct vgpu_type *type)
{
	if (u->n_refused >= REFUSALS_MEAN_FULL)
		return true;
	return gpu->available && gpu->available[type - gpu->catalog->types] == 0;
}

uint32_t alloc_room(const struct host *host, const struct usage *usage, size_t index,
		    const char *profile, enum limit *ret_limit)
{
	const struct gpu *gpu = &host->gpus[index];
	const struct gpu_usage *u = &usage->gpus[index];
	const struct vgpu_type *type = catalog_find(gpu->catalog, profile);
	uint32_t left;

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
	if (u->n_free_vfs < left) {
		*ret_limit = LIMIT_NO_FREE_VF;
		left = u->n_free_vfs;
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
	const struct vf *vf;

	if (request->gpu && !bdf_equal(request->gpu, &gpu->bdf))
		return false;
	if (request->numa_node >= 0 && request->numa_node != gpu->numa_node)
		return false;
	if (!request->vf)
		return true;
	vf = host_find_vf(host, request->vf);
	return vf && vf->gpu == index;
}

/* The first VF of GPU that is free, or the one asked for; false where it is not free. */
static bool free_vf(const struct host *host, const struct usage *usage,
		    const struct alloc_request *request, const struct gpu *gpu,
		    size_t *ret)
{
	size_t i;

	for (i = gpu->first_vf; i < gpu->first_vf + gpu->n_vfs; i++) {
		if (usage->vf_taken[i] || host->vfs[i].framework != FRAMEWORK_MDEV)
			continue;
		if (request->vf && !bdf_equal(request->vf, &host->vfs[i].bdf))
			continue;
		*ret = i;
		return true;
	}
	return false;
}

/* Is a GPU that holds A vGPUs a better choice than one that holds B? */
static bool better(enum policy policy, uint32_t a, uint32_t b)
{
	return policy == POLICY_DEPTH ? a > b : a < b;
}

bool alloc_place(const struct host *host, const struct usage *usage,
		 const struct alloc_request *request, struct placement *ret)
{
	bool found = false;
	enum limit limit;
	size_t i, vf;

	for (i = 0; i < host->n_gpus; i++) {
		const struct gpu *gpu = &host->gpus[i];

		if (!alloc_admits(host, request, i) ||
		    !alloc_room(host, usage, i, request->profile, &limit) ||
		    !free_vf(host, usage, request, gpu, &vf))
			continue;
		if (found && !better(request->policy, usage->gpus[i].n_vgpus,
				     usage->gpus[ret->gpu].n_vgpus))
			continue;
		*ret = (struct placement){ i, vf,
					   catalog_find(gpu->catalog, request->profile) };
		found = true;
	}
	return found;
}

void alloc_take(const struct host *host, struct usage *usage,
		const struct placement *placement)
{
	usage_add(usage, placement->gpu, placement->type->framebuffer_mib);
	usage_take_vf(host, usage, placement->vf);
}
