/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/scan.h"

#include <stdlib.h>

/* Appends SOURCE's GPUs, but for those SKIP says, with their parents to HOST. */
static void append_gpus(struct host *host, struct host *source, const struct bdf *skip)
{
	size_t i, j;

	for (i = 0; i < source->n_gpus; i++) {
		struct gpu *gpu = &host->gpus[host->n_gpus];

		if (skip && bdf_equal(&source->gpus[i].bdf, skip))
			continue;
		*gpu = source->gpus[i];
		gpu->first_parent = host->n_parents;
		source->gpus[i].catalog = NULL; /* moved */
		source->gpus[i].available = NULL;
		for (j = 0; j < gpu->n_parents; j++)
			host->parents[host->n_parents++] =
				source->parents[source->gpus[i].first_parent + j];
		host->n_gpus++;
	}
}

static int compare_gpus(const void *a, const void *b)
{
	return bdf_compare(&((const struct gpu *)a)->bdf, &((const struct gpu *)b)->bdf);
}

/* Appends what is live in SOURCE, but for what is on the GPU at SKIP. */
static void append_live(struct host *host, const struct host *source,
			const struct bdf *skip)
{
	size_t i;

	for (i = 0; i < source->n_live; i++) {
		const struct live_vgpu *live = &source->live[i];

		if (!skip || live->gpu < 0 ||
		    !bdf_equal(&source->gpus[live->gpu].bdf, skip))
			host->live[host->n_live++] = *live;
	}
}

/* Indices are those of another host: finds them by address. */
static void locate(struct host *host)
{
	size_t i, j;

	for (i = 0; i < host->n_gpus; i++)
		for (j = 0; j < host->gpus[i].n_parents; j++)
			host->parents[host->gpus[i].first_parent + j].gpu = (uint32_t)i;
	for (i = 0; i < host->n_parents; i++)
		host->parents_by_bdf[i] = (uint32_t)i;
	host_sort(host);
	for (i = 0; i < host->n_live; i++) {
		struct live_vgpu *live = &host->live[i];
		const struct parent *parent;
		const struct gpu *gpu;

		if (live->gpu < 0)
			continue;
		parent = host_find_parent(host, &live->parent);
		gpu = parent ? &host->gpus[parent->gpu]
			     : host_find_gpu(host, &live->parent);
		live->at = parent ? (int)(parent - host->parents) : -1;
		live->gpu = gpu ? (int)(gpu - host->gpus) : -1;
	}
}

bool host_replace_gpu(struct host *host, struct host *fresh, const struct bdf *bdf)
{
	struct host merged = *host;

	merged.n_gpus = merged.n_parents = merged.n_live = 0;
	merged.gpus = calloc(host->n_gpus + fresh->n_gpus + 1, sizeof(*merged.gpus));
	merged.parents =
		calloc(host->n_parents + fresh->n_parents + 1, sizeof(*merged.parents));
	merged.parents_by_bdf = calloc(host->n_parents + fresh->n_parents + 1,
				       sizeof(*merged.parents_by_bdf));
	merged.live = calloc(host->n_live + fresh->n_live + 1, sizeof(*merged.live));
	if (!merged.gpus || !merged.parents || !merged.parents_by_bdf || !merged.live) {
		host_clear(&merged);
		return false;
	}
	append_live(&merged, host, bdf);
	append_live(&merged, fresh, NULL);
	append_gpus(&merged, host, bdf);
	append_gpus(&merged, fresh, NULL);
	qsort(merged.gpus, merged.n_gpus, sizeof(*merged.gpus), compare_gpus);
	locate(&merged);
	host_clear(host); /* with the catalogs that were not moved */
	*host = merged;
	host_free(fresh);
	return true;
}
