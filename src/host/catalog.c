/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/catalog.h"

#include <stdlib.h>
#include <string.h>

struct catalog *catalog_new(size_t n)
{
	struct catalog *catalog = calloc(1, sizeof(*catalog));

	if (!catalog)
		return NULL;
	catalog->refs = 1;
	catalog->types = calloc(n + 1, sizeof(*catalog->types));
	if (catalog->types)
		return catalog;
	free(catalog);
	return NULL;
}

/* What GPU->available says of its type in CATALOG, which may list more than its own. */
static uint32_t *map_available(const struct gpu *gpu, const struct catalog *catalog)
{
	uint32_t *available = calloc(catalog->n_types + 1, sizeof(*available));
	size_t i;

	for (i = 0; available && i < gpu->catalog->n_types; i++)
		available[catalog_find_id(catalog, gpu->catalog->types[i].id) -
			  catalog->types] = gpu->available[i];
	return available;
}

static size_t count(const struct catalog *catalog)
{
	return catalog ? catalog->n_types : 0;
}

struct catalog *catalog_join(const struct catalog *own, const struct catalog *more)
{
	struct catalog *all = catalog_new(count(own) + count(more));
	size_t i;

	if (!all)
		return NULL;
	all->partial = own && own->partial;
	for (i = 0; i < count(own); i++)
		all->types[all->n_types++] = own->types[i];
	for (i = 0; i < count(more); i++)
		if (!catalog_find_id(own, more->types[i].id) &&
		    !catalog_find(own, more->types[i].profile))
			all->types[all->n_types++] = more->types[i];
	catalog_sort(all);
	return all;
}

static bool same_type(const struct vgpu_type *a, const struct vgpu_type *b)
{
	return a->id == b->id && !strcmp(a->name, b->name) &&
	       a->framebuffer_mib == b->framebuffer_mib &&
	       a->max_instances == b->max_instances && a->num_heads == b->num_heads &&
	       !strcmp(a->max_resolution, b->max_resolution);
}

bool catalog_same(const struct catalog *a, const struct catalog *b)
{
	size_t i;

	if (count(a) != count(b))
		return false;
	for (i = 0; i < count(a); i++)
		if (!same_type(&a->types[i], &b->types[i]))
			return false;
	return true;
}

bool gpu_add_types(struct gpu *gpu, const struct catalog *more)
{
	struct catalog *all = catalog_join(gpu->catalog, more);
	uint32_t *available;

	if (!all)
		return false;
	available = gpu->available ? map_available(gpu, all) : NULL;
	if (gpu->available && !available) {
		catalog_unref(all);
		return false;
	}
	free(gpu->available);
	gpu->available = available;
	catalog_unref(gpu->catalog);
	gpu->catalog = all;
	return true;
}
