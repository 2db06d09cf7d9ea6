/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/catalog.h"

#include <stdlib.h>

struct catalog *catalog_new(size_t n)
{
	struct catalog *catalog = calloc(1, sizeof(*catalog));

	if (!catalog)
		return NULL;
	catalog->refs = 1;
	catalog->types = n ? calloc(n, sizeof(*catalog->types)) : NULL;
	if (!n || catalog->types)
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

bool gpu_add_types(struct gpu *gpu, const struct catalog *more)
{
	const struct catalog *own = gpu->catalog;
	struct catalog *all = catalog_new(own->n_types + more->n_types);
	uint32_t *available;
	size_t i;

	if (!all)
		return false;
	all->partial = own->partial;
	for (i = 0; i < own->n_types; i++)
		all->types[all->n_types++] = own->types[i];
	for (i = 0; i < more->n_types; i++)
		if (!catalog_find_id(own, more->types[i].id))
			all->types[all->n_types++] = more->types[i];
	catalog_sort(all);
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
