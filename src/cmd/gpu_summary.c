/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/gpu_summary.h"

#include <string.h>

#include "out/json.h"
#include "pci/names.h"
#include "util/text.h"

/* The largest framebuffer x max_instance of its types: what vGPUs can have of the GPU. */
static uint32_t vgpu_framebuffer(const struct gpu *gpu)
{
	uint32_t best = 0;
	size_t i;

	for (i = 0; gpu->catalog && i < gpu->catalog->n_types; i++) {
		const struct vgpu_type *t = &gpu->catalog->types[i];
		uint64_t total = (uint64_t)t->framebuffer_mib * t->max_instances;

		if (total > best && total <= UINT32_MAX)
			best = (uint32_t)total;
	}
	return best;
}

/* By pci.ids, else as recorded, else the board that its types are named after; that one
 * also where pci.ids has two names for one id, "A2 / A16". */
static void find_model(const struct view *view, const struct gpu *gpu,
		       struct pci_names *names, char *buf, size_t size)
{
	const struct saved_gpu *saved = saved_find_gpu(view->saved, &gpu->bdf);
	struct profile profile;

	(void)pci_names_model(names, gpu->vendor, gpu->device, buf, size);
	if (!buf[0] && saved)
		(void)text_copy(buf, size, saved->model);
	if ((!buf[0] || strstr(buf, " / ")) && gpu->catalog && gpu->catalog->n_types &&
	    profile_parse(gpu->catalog->types[0].name, &profile))
		(void)snprintf(buf, size, "NVIDIA %.48s", profile.board);
}

uint32_t gpu_wanted_vfs(const struct saved *saved, const struct gpu *gpu)
{
	const struct saved_gpu *wish = saved_find_gpu(saved, &gpu->bdf);
	size_t i;

	if (wish && wish->wanted_vfs)
		return wish->wanted_vfs;
	for (i = 0; i < saved->n_vgpus; i++)
		if (bdf_equal(&saved->vgpus[i].gpu, &gpu->bdf) &&
		    !bdf_equal(&saved->vgpus[i].vf, &gpu->bdf))
			return gpu->total_vfs;
	return 0;
}

const char *gpu_memory_text(const struct gpu_summary *s, char buf[32])
{
	int len = snprintf(buf, 32, "%u%s/", s->used_mib, s->used_more ? "+?" : "");

	if (s->framebuffer_mib)
		(void)snprintf(buf + len, 32 - (size_t)len, "%u", s->framebuffer_mib);
	else
		(void)snprintf(buf + len, 32 - (size_t)len, "?");
	return buf;
}

const char *gpu_sriov_state(const struct host *host, const struct gpu *gpu)
{
	if (gpu->excluded)
		return "excluded";
	if (!gpu->total_vfs)
		return "unsupported";
	if (!gpu_vfs(gpu))
		return "off";
	return gpu_vfs(gpu) == gpu->total_vfs && gpu_ready_vfs(host, gpu) == gpu_vfs(gpu)
		       ? "on"
		       : "partial";
}

void gpu_summarise(const struct view *view, const struct usage *usage, size_t index,
		   struct pci_names *names, struct gpu_summary *ret)
{
	const struct gpu *gpu = &view->host->gpus[index];

	*ret = (struct gpu_summary){
		.framebuffer_mib = vgpu_framebuffer(gpu),
		.used_mib = usage->gpus[index].used_mib,
		.used_more = usage->gpus[index].n_unsized > 0,
		.n_vgpus = usage->gpus[index].n_vgpus,
		.wanted_vfs = gpu_wanted_vfs(view->saved, gpu),
		.sriov_state = gpu_sriov_state(view->host, gpu),
	};
	find_model(view, gpu, names, ret->model, sizeof(ret->model));
}

json_t *gpu_sriov_json(const struct gpu *gpu, uint32_t wanted, const char *state)
{
	return json_pack("{s:I, s:I, s:I, s:s}", "total_vfs", (json_int_t)gpu->total_vfs,
			 "num_vfs", (json_int_t)gpu_vfs(gpu), "wanted",
			 (json_int_t)wanted, "state", state);
}

json_t *gpu_json(const struct view *view, size_t index, const struct gpu_summary *s)
{
	const struct gpu *gpu = &view->host->gpus[index];
	char id[16] = "";

	if (gpu->device)
		(void)snprintf(id, sizeof(id), "%04x:%04x", gpu->vendor, gpu->device);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:I}",
			 "address", json_bdf(&gpu->bdf), "model", json_text(s->model),
			 "device_id", json_text(id), "numa_node",
			 gpu->numa_node < 0 ? json_null() : json_integer(gpu->numa_node),
			 "driver", json_text(gpu->driver), "framework",
			 json_text(framework_name(gpu_framework(view->host, gpu))),
			 "mode", json_text(gpu_mode_name(gpu_mode(gpu))), "cordoned",
			 gpu->cordoned, "sriov",
			 gpu_sriov_json(gpu, s->wanted_vfs, s->sriov_state),
			 "framebuffer_mib", json_known(s->framebuffer_mib), "used_mib",
			 s->used_more ? json_null() : json_integer(s->used_mib), "vgpus",
			 (json_int_t)s->n_vgpus);
}
