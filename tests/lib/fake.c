/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake.h"

#include <stdlib.h>

#include "check.h"

#define LIVE_ROOM 256

static const struct vgpu_type a40[] = {
	{ 556, "NVIDIA A40-2B", "A40-2B", 2048, 24, 16, 4, "5120x2880", "", 'B' },
	{ 557, "NVIDIA A40-1Q", "A40-1Q", 1024, 32, 30, 4, "5120x2880", "", 'Q' },
	{ 560, "NVIDIA A40-4Q", "A40-4Q", 4096, 12, 8, 4, "7680x4320", "", 'Q' },
	{ 565, "NVIDIA A40-48Q", "A40-48Q", 49152, 1, 1, 4, "7680x4320", "", 'Q' },
	{ 569, "NVIDIA A40-4A", "A40-4A", 4096, 12, 8, 1, "1280x1024", "", 'A' },
	{ 574, "NVIDIA A40-24A", "A40-24A", 24576, 2, 2, 1, "1280x1024", "", 'A' },
};

static void *need(void *ptr)
{
	if (!ptr)
		fail_msg("out of memory");
	return ptr;
}

static struct catalog *make_catalog(void)
{
	struct catalog *catalog = need(calloc(1, sizeof(*catalog)));

	catalog->types = need(malloc(sizeof(a40)));
	memcpy(catalog->types, a40, sizeof(a40));
	catalog->n_types = ARRAY_SIZE_OF(a40);
	catalog->refs = 1;
	return catalog;
}

struct bdf fake_bdf(size_t gpu, int vf)
{
	unsigned at = vf < 0 ? 0 : 4 + (unsigned)vf;

	return (struct bdf){ 0, (uint8_t)((gpu + 1) * 0x10), (uint8_t)(at / 8),
			     (uint8_t)(at % 8) };
}

const char *fake_uuid(uint32_t n, char ret[UUID_SIZE])
{
	(void)snprintf(ret, UUID_SIZE, "00000000-0000-0000-0000-%012x", n);
	return ret;
}

struct host *fake_host(size_t n_gpus, size_t n_vfs)
{
	struct host *host = need(calloc(1, sizeof(*host)));
	struct catalog *catalog = make_catalog();
	size_t i, j;

	host->gpus = need(calloc(n_gpus + 1, sizeof(*host->gpus)));
	host->parents = need(calloc(n_gpus * n_vfs + 1, sizeof(*host->parents)));
	host->parents_by_bdf =
		need(calloc(n_gpus * n_vfs + 1, sizeof(*host->parents_by_bdf)));
	host->live = need(calloc(LIVE_ROOM, sizeof(*host->live)));
	host->n_gpus = n_gpus;
	for (i = 0; i < n_gpus; i++) {
		struct gpu *gpu = &host->gpus[i];

		*gpu = (struct gpu){ .bdf = fake_bdf(i, -1),
				     .vendor = 0x10de,
				     .device = 0x2235,
				     .driver = "nvidia",
				     .numa_node = (int)(i % 2),
				     .total_vfs = 32,
				     .first_parent = host->n_parents,
				     .n_parents = n_vfs,
				     .catalog = catalog_ref(catalog) };
		for (j = 0; j < n_vfs; j++)
			host->parents[host->n_parents++] =
				(struct parent){ .bdf = fake_bdf(i, (int)j),
						 .index = (uint32_t)j,
						 .gpu = (uint32_t)i,
						 .framework = FRAMEWORK_MDEV };
	}
	catalog_unref(catalog);
	host_sort(host);
	return host;
}

const struct vgpu_type *fake_type(const char *profile)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE_OF(a40); i++)
		if (!strcmp(a40[i].profile, profile))
			return &a40[i];
	fail_msg("no fake of '%s'", profile);
	return NULL;
}

struct live_vgpu *fake_live(struct host *host, uint32_t n, size_t gpu, int vf,
			    const char *profile)
{
	const struct vgpu_type *type = fake_type(profile);
	struct live_vgpu *live = &host->live[host->n_live];

	if (host->n_live == LIVE_ROOM)
		fail_msg("too many fakes");
	*live = (struct live_vgpu){ .parent = fake_bdf(gpu, vf),
				    .framework = FRAMEWORK_MDEV,
				    .type_id = type->id,
				    .framebuffer_mib = type->framebuffer_mib };
	(void)fake_uuid(n, live->uuid);
	(void)bdf_format(&live->parent, live->parent_name);
	(void)snprintf(live->type_dir, sizeof(live->type_dir), "nvidia-%u", type->id);
	(void)snprintf(live->type_name, sizeof(live->type_name), "%s", type->name);
	host->n_live++;
	return live;
}

void fake_ready(struct host *host)
{
	size_t i;

	host_sort(host);
	for (i = 0; i < host->n_live; i++) {
		struct live_vgpu *live = &host->live[i];
		const struct parent *vf = host_find_parent(host, &live->parent);
		const struct gpu *gpu =
			vf ? &host->gpus[vf->gpu] : host_find_gpu(host, &live->parent);

		live->at = vf ? (int)(vf - host->parents) : -1;
		live->gpu = gpu ? (int)(gpu - host->gpus) : -1;
	}
}

struct saved_vgpu fake_saved(uint32_t n, size_t gpu, int vf, const char *profile,
			     enum saved_state state)
{
	const struct vgpu_type *type = fake_type(profile);
	struct saved_vgpu saved = { .row = (int64_t)n + 1,
				    .type_id = type->id,
				    .framebuffer_mib = type->framebuffer_mib,
				    .framework = FRAMEWORK_MDEV,
				    .gpu = fake_bdf(gpu, -1),
				    .vf = fake_bdf(gpu, vf),
				    .vf_index = vf < 0 ? 0 : (uint32_t)vf,
				    .state = state };

	(void)fake_uuid(n, saved.uuid);
	(void)snprintf(saved.vm, sizeof(saved.vm), "vm-%u", n);
	(void)snprintf(saved.profile, sizeof(saved.profile), "%s", type->profile);
	(void)snprintf(saved.type_name, sizeof(saved.type_name), "%s", type->name);
	return saved;
}
