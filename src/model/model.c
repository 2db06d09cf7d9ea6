/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

#include "model/type_table.h"
#include "util/text.h"

void host_clear(struct host *host)
{
	size_t i;

	for (i = 0; i < host->n_gpus; i++) {
		catalog_unref(host->gpus[i].catalog);
		free(host->gpus[i].available);
	}
	free(host->gpus);
	free(host->parents);
	free(host->parents_by_bdf);
	free(host->live);
}

void host_free(struct host *host)
{
	if (!host)
		return;
	host_clear(host);
	free(host);
}

static int compare_gpu(const void *key, const void *item)
{
	return bdf_compare(key, &((const struct gpu *)item)->bdf);
}

struct gpu *host_find_gpu(const struct host *host, const struct bdf *bdf)
{
	if (!host->n_gpus)
		return NULL;
	return bsearch(bdf, host->gpus, host->n_gpus, sizeof(*host->gpus), compare_gpu);
}

struct parent *host_find_parent(const struct host *host, const struct bdf *bdf)
{
	size_t low = 0, high = host->n_parents;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		struct parent *vf = &host->parents[host->parents_by_bdf[mid]];
		int order = bdf_compare(bdf, &vf->bdf);

		if (!order)
			return vf;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static int compare_uuid(const void *key, const void *item)
{
	return strcmp(key, ((const struct live_vgpu *)item)->uuid);
}

struct live_vgpu *host_find_live(const struct host *host, const char *uuid)
{
	if (!host->n_live || !*uuid)
		return NULL;
	return bsearch(uuid, host->live, host->n_live, sizeof(*host->live), compare_uuid);
}

static int compare_live(const void *a, const void *b)
{
	const struct live_vgpu *x = a, *y = b;
	int order = strcmp(x->uuid, y->uuid);

	return order ? order : bdf_compare(&x->parent, &y->parent);
}

static int compare_vf_index(const void *a, const void *b, void *vfs)
{
	const struct parent *all = vfs;

	return bdf_compare(&all[*(const uint32_t *)a].bdf,
			   &all[*(const uint32_t *)b].bdf);
}

void host_sort(struct host *host)
{
	size_t i;

	for (i = 0; i < host->n_parents; i++)
		host->parents_by_bdf[i] = (uint32_t)i;
	if (host->n_parents)
		qsort_r(host->parents_by_bdf, host->n_parents,
			sizeof(*host->parents_by_bdf), compare_vf_index, host->parents);
	if (host->n_live)
		qsort(host->live, host->n_live, sizeof(*host->live), compare_live);
}

struct catalog *catalog_ref(struct catalog *catalog)
{
	if (catalog)
		catalog->refs++;
	return catalog;
}

void catalog_unref(struct catalog *catalog)
{
	if (!catalog || --catalog->refs)
		return;
	free(catalog->types);
	free(catalog);
}

const struct vgpu_type *catalog_find(const struct catalog *catalog, const char *name)
{
	size_t i;

	name = profile_short_name(name);
	for (i = 0; catalog && i < catalog->n_types; i++)
		if (text_equal_nocase(catalog->types[i].profile, name))
			return &catalog->types[i];
	return NULL;
}

static int compare_type_id(const void *a, const void *b)
{
	const struct vgpu_type *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

const struct vgpu_type *catalog_find_id(const struct catalog *catalog, uint32_t id)
{
	const struct vgpu_type key = { .id = id };

	if (!catalog || !catalog->n_types)
		return NULL;
	return bsearch(&key, catalog->types, catalog->n_types, sizeof(*catalog->types),
		       compare_type_id);
}

void catalog_sort(struct catalog *catalog)
{
	if (catalog->n_types)
		qsort(catalog->types, catalog->n_types, sizeof(*catalog->types),
		      compare_type_id);
}

static bool is_empty(const struct host *host, const struct gpu *gpu)
{
	size_t i;

	for (i = 0; i < host->n_live; i++)
		if (host->live[i].gpu == gpu - host->gpus)
			return false;
	return true;
}

bool gpu_may_offer(const struct host *host, const struct gpu *gpu, const char *profile)
{
	const struct catalog *catalog = gpu->catalog;
	struct profile wanted, listed;
	size_t i;

	if (!catalog)
		return true;
	if (!catalog->partial || (catalog->n_types && is_empty(host, gpu)))
		return false;
	if (!catalog->n_types || !profile_parse_nocase(profile, &wanted))
		return true;
	for (i = 0; i < catalog->n_types; i++) {
		const char *name = catalog->types[i].name;

		if (profile_parse_nocase(name, &listed) &&
		    !strcmp(listed.board, wanted.board) &&
		    (type_table_find(profile) || !type_table_find(name)))
			return true; /* the table knows the board, or nobody does */
	}
	return false;
}

bool catalog_lacks(const struct catalog *catalog, const char *profile,
		   uint32_t framebuffer_mib)
{
	bool others = false;
	size_t i;

	profile = profile_short_name(profile);
	for (i = 0; catalog && framebuffer_mib && i < catalog->n_types; i++) {
		const struct vgpu_type *type = &catalog->types[i];

		if (text_equal_nocase(type->profile, profile))
			return false;
		others = others || type->framebuffer_mib == framebuffer_mib;
	}
	return others;
}

void host_name_live(struct host *host)
{
	size_t i;

	for (i = 0; i < host->n_live; i++) {
		struct live_vgpu *live = &host->live[i];
		const struct vgpu_type *type =
			live->gpu < 0 || live->type_name[0]
				? NULL
				: catalog_find_id(host->gpus[live->gpu].catalog,
						  live->type_id);

		if (!type)
			continue;
		(void)text_copy(live->type_name, sizeof(live->type_name), type->name);
		live->framebuffer_mib = type->framebuffer_mib;
	}
}

enum gpu_mode gpu_mode(const struct gpu *gpu)
{
	static const char *const stubs[] = { "vfio-pci", "pci-stub", "pciback" };
	size_t i;

	for (i = 0; i < sizeof(stubs) / sizeof(stubs[0]); i++)
		if (!strcmp(gpu->driver, stubs[i]))
			return MODE_PASSTHROUGH;
	if (gpu->n_parents)
		return MODE_VGPU;
	if (!gpu->driver[0])
		return MODE_UNKNOWN;
	return !strcmp(gpu->driver, "nvidia") && gpu->total_vfs ? MODE_VGPU : MODE_HOST;
}

enum framework gpu_framework(const struct host *host, const struct gpu *gpu)
{
	size_t i;

	for (i = 0; i < gpu->n_parents; i++)
		if (host->parents[gpu->first_parent + i].framework)
			return host->parents[gpu->first_parent + i].framework;
	return FRAMEWORK_NONE;
}

bool parent_is_shared(const struct host *host, size_t parent)
{
	return host->gpus[host->parents[parent].gpu].is_parent;
}

size_t gpu_vfs(const struct gpu *gpu)
{
	return gpu->is_parent ? 0 : gpu->n_parents;
}

size_t gpu_ready_vfs(const struct host *host, const struct gpu *gpu)
{
	size_t i, n = 0;

	for (i = 0; i < gpu_vfs(gpu); i++)
		n += host->parents[gpu->first_parent + i].framework != FRAMEWORK_NONE;
	return n;
}

static const char *const framework_names[] = { NULL, "mdev", "vfio" };

const char *framework_name(enum framework framework)
{
	return framework_names[framework];
}

bool framework_parse(const char *name, enum framework *ret)
{
	int i = text_index(framework_names + 1, 2, name);

	if (i >= 0)
		*ret = (enum framework)(i + 1);
	return i >= 0;
}

const char *gpu_mode_name(enum gpu_mode mode)
{
	static const char *const names[] = { NULL, "vgpu", "passthrough", "host" };

	return names[mode];
}
