/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

#include "util/text.h"

void host_clear(struct host *host)
{
	size_t i;

	for (i = 0; i < host->n_gpus; i++) {
		catalog_unref(host->gpus[i].catalog);
		free(host->gpus[i].available);
	}
	free(host->gpus);
	free(host->vfs);
	free(host->vfs_by_bdf);
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

struct vf *host_find_vf(const struct host *host, const struct bdf *bdf)
{
	size_t low = 0, high = host->n_vfs;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		struct vf *vf = &host->vfs[host->vfs_by_bdf[mid]];
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
	const struct vf *all = vfs;

	return bdf_compare(&all[*(const uint32_t *)a].bdf,
			   &all[*(const uint32_t *)b].bdf);
}

void host_sort(struct host *host)
{
	size_t i;

	for (i = 0; i < host->n_vfs; i++)
		host->vfs_by_bdf[i] = (uint32_t)i;
	if (host->n_vfs)
		qsort_r(host->vfs_by_bdf, host->n_vfs, sizeof(*host->vfs_by_bdf),
			compare_vf_index, host->vfs);
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

enum gpu_mode gpu_mode(const struct gpu *gpu)
{
	static const char *const stubs[] = { "vfio-pci", "pci-stub", "pciback" };
	size_t i;

	for (i = 0; i < sizeof(stubs) / sizeof(stubs[0]); i++)
		if (!strcmp(gpu->driver, stubs[i]))
			return MODE_PASSTHROUGH;
	if (gpu->n_vfs || gpu->is_parent)
		return MODE_VGPU;
	if (!gpu->driver[0])
		return MODE_UNKNOWN;
	return !strcmp(gpu->driver, "nvidia") && gpu->total_vfs ? MODE_VGPU : MODE_HOST;
}

enum framework gpu_framework(const struct host *host, const struct gpu *gpu)
{
	size_t i;

	if (gpu->is_parent)
		return FRAMEWORK_MDEV;
	for (i = 0; i < gpu->n_vfs; i++)
		if (host->vfs[gpu->first_vf + i].framework)
			return host->vfs[gpu->first_vf + i].framework;
	return FRAMEWORK_NONE;
}

size_t gpu_ready_vfs(const struct host *host, const struct gpu *gpu)
{
	size_t i, n = 0;

	for (i = 0; i < gpu->n_vfs; i++)
		n += host->vfs[gpu->first_vf + i].framework != FRAMEWORK_NONE;
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
