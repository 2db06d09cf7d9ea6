/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GPU instances. Their numbers and places are those that the MIG user guide's examples
 * show: a tree of halves, filled from its end. */
#include <string.h>

#include "sim.h"

static bool has_media(const struct gi_profile *profile)
{
	return strstr(profile->name, "+me");
}

/* Nothing is in SIZE memory slices from START on. */
static bool slices_free(const struct gpu *gpu, unsigned start, unsigned size)
{
	size_t i;

	for (i = 0; i < GIS_MAX; i++) {
		const struct gi *gi = &gpu->gis[i];

		if (gi->profile && start < gi->start + gi->profile->size &&
		    gi->start < start + size)
			return false;
	}
	return true;
}

static bool media_taken(const struct gpu *gpu)
{
	size_t i;

	for (i = 0; i < GIS_MAX; i++) {
		if (gpu->gis[i].profile && has_media(gpu->gis[i].profile))
			return true;
	}
	return false;
}

unsigned gi_room(const struct gpu *gpu, const struct gi_profile *profile)
{
	unsigned i, n = 0;

	if (has_media(profile) && media_taken(gpu))
		return 0;
	for (i = 0; i < profile->n_starts; i++)
		n += slices_free(gpu, profile->starts[i], profile->size);
	return n && has_media(profile) ? 1 : n;
}

/* One node of a tree: 0 is the whole GPU, 1 and 2 are its halves, and so on. */
static unsigned instance_id(const struct gpu *gpu, unsigned start, unsigned size)
{
	unsigned first = 0, width = 0;
	size_t i;

	for (i = 0; i < gpu->mig->n; i++) {
		if (gpu->mig->profiles[i].size > width)
			width = gpu->mig->profiles[i].size;
	}
	while (width > size) {
		first = first * 2 + 1;
		width /= 2;
	}
	return first + start / width;
}

struct gi *gi_create(struct gpu *gpu, const struct gi_profile *profile)
{
	unsigned i;
	size_t slot = 0;

	if (!gi_room(gpu, profile))
		return NULL;
	for (i = profile->n_starts - 1;
	     !slices_free(gpu, profile->starts[i], profile->size);)
		i--;
	while (gpu->gis[slot].profile)
		slot++;
	gpu->gis[slot] = (struct gi){
		.profile = profile,
		.start = profile->starts[i],
		.id = instance_id(gpu, profile->starts[i], profile->size),
	};
	return &gpu->gis[slot];
}

static bool is_idle(const struct gi *gi, const char *profile)
{
	return gi->profile && !gi->user && !strcmp(gi->profile->name, profile);
}

struct gi *gi_idle(struct gpu *gpu, const char *profile)
{
	size_t i;

	for (i = 0; i < GIS_MAX; i++) {
		if (is_idle(&gpu->gis[i], profile))
			return &gpu->gis[i];
	}
	return NULL;
}

unsigned gi_count_idle(const struct gpu *gpu, const char *profile)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < GIS_MAX; i++)
		n += is_idle(&gpu->gis[i], profile);
	return n;
}

void gpu_modes_lost(struct gpu *gpu)
{
	gpu->mixed = false;
	memset(gpu->gis, 0, sizeof(gpu->gis));
}
