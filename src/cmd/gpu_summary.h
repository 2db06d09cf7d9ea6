/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/view.h"

/* What the commands about GPUs say of one. */
struct gpu_summary {
	char model[64];
	uint32_t framebuffer_mib; /* 0: not known */
	uint32_t used_mib, n_vgpus, wanted_vfs;
	bool used_more; /* than used_mib: the framebuffer of a vGPU is not known */
	const char *sriov_state; /* "off", "partial", "on", "unsupported", "excluded" */
};

/* Works it out for HOST->gpus[GPU]. NAMES may be NULL. */
struct pci_names;
void gpu_summarise(const struct view *view, const struct usage *usage, size_t gpu,
		   struct pci_names *names, struct gpu_summary *ret);

/* How many VFs are wanted of the GPU: asked for, or implied by a vGPU saved on one. */
uint32_t gpu_wanted_vfs(const struct saved *saved, const struct gpu *gpu);

/* "24576/49152": used of all, "8192+?" where more is used than is known. */
const char *gpu_memory_text(const struct gpu_summary *summary, char buf[32]);

const char *gpu_sriov_state(const struct host *host, const struct gpu *gpu);

/* The objects of `gpus` and of `sriov`. */
json_t *gpu_json(const struct view *view, size_t gpu, const struct gpu_summary *summary);
json_t *gpu_sriov_json(const struct gpu *gpu, uint32_t wanted, const char *state);
