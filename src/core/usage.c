/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/usage.h"

#include <string.h>

void usage_add(struct usage *usage, size_t gpu, uint32_t size_mib)
{
	struct gpu_usage *u = &usage->gpus[gpu];

	u->n_vgpus++;
	u->used_mib += size_mib;
	if (!size_mib)
		u->n_unsized++;
	else if (!u->size_mib)
		u->size_mib = size_mib;
	else if (u->size_mib != size_mib)
		u->mixed = true;
}

void usage_take(const struct host *host, struct usage *usage, size_t parent)
{
	if (parent_is_shared(host, parent))
		return;
	if (!usage->taken[parent] && host->parents[parent].framework)
		usage->gpus[host->parents[parent].gpu].n_free--;
	usage->taken[parent] = true;
}

static void add_live(const struct host *host, const struct live_vgpu *live,
		     struct usage *usage)
{
	if (live->gpu >= 0)
		usage_add(usage, (size_t)live->gpu, live->framebuffer_mib);
	if (live->at >= 0)
		usage_take(host, usage, (size_t)live->at);
}

/* One that is on its way has its next place, too. */
static void add_target(const struct host *host, const struct saved_vgpu *saved,
		       struct usage *usage)
{
	const struct gpu *gpu = host_find_gpu(host, &saved->to_gpu);
	const struct parent *parent = host_find_parent(host, &saved->to_vf);

	if (parent)
		usage_take(host, usage, (size_t)(parent - host->parents));
	if (gpu && !bdf_equal(&saved->to_gpu, &saved->gpu))
		usage_add(usage, (size_t)(gpu - host->gpus), saved->framebuffer_mib);
}

static void add_saved(const struct host *host, const struct saved_vgpu *saved,
		      struct usage *usage)
{
	const struct gpu *gpu = host_find_gpu(host, &saved->gpu);
	const struct parent *parent = host_find_parent(host, &saved->vf);
	const struct live_vgpu *live = host_find_live(host, saved->uuid);

	if (saved->is_moving)
		add_target(host, saved, usage);
	if (parent)
		usage_take(host, usage, (size_t)(parent - host->parents));
	if (!live && gpu) {
		usage_add(usage, (size_t)(gpu - host->gpus), saved->framebuffer_mib);
		usage->gpus[gpu - host->gpus].n_promised++;
	}
	/* A stuck device no longer shows its type: the record tells its size. */
	if (live && live->gpu >= 0 && !live->framebuffer_mib && saved->framebuffer_mib) {
		usage->gpus[live->gpu].n_vgpus--;
		usage->gpus[live->gpu].n_unsized--;
		usage_add(usage, (size_t)live->gpu, saved->framebuffer_mib);
	}
}

void usage_fill(const struct host *host, const struct saved_vgpu *saved, size_t n_saved,
		struct usage *ret)
{
	size_t i;

	memset(ret->gpus, 0, host->n_gpus * sizeof(*ret->gpus));
	memset(ret->taken, 0, host->n_parents * sizeof(*ret->taken));
	for (i = 0; i < host->n_parents; i++)
		ret->gpus[host->parents[i].gpu].n_free +=
			host->parents[i].framework && !parent_is_shared(host, i);
	for (i = 0; i < host->n_live; i++)
		add_live(host, &host->live[i], ret);
	for (i = 0; i < n_saved; i++)
		add_saved(host, &saved[i], ret);
}
