/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/model.h"
#include "model/saved.h"

/* Hosts made of thin air, for the core, which sees nothing but plain structs. GPU number
 * G sits at 0000:10:00.0, 0000:20:00.0, … on NUMA node G % 2, bound to nvidia; its VFs
 * start at function 4, show mdev types, and all GPUs share the catalog of an A40. */
struct host *fake_host(size_t n_gpus, size_t n_vfs);

/* The A40's profiles that fakes use: "A40-1Q" (1024 MiB, 32), "A40-2B" (2048, 24),
 * "A40-4Q", "A40-4A" (4096, 12), "A40-24A" (24576, 2), "A40-48Q" (49152, 1). */
const struct vgpu_type *fake_type(const char *profile);

/* The address of VF number VF on GPU number GPU; of the GPU itself where VF is -1. */
struct bdf fake_bdf(size_t gpu, int vf);

/* "00000000-0000-0000-0000-00000000000N" */
const char *fake_uuid(uint32_t n, char ret[UUID_SIZE]);

/* Makes vGPU N live on a VF. Call fake_ready() after the last one. */
struct live_vgpu *fake_live(struct host *host, uint32_t n, size_t gpu, int vf,
			    const char *profile);

/* Sorts HOST and lets each `vf` and `gpu` index of the live ones be true. */
void fake_ready(struct host *host);

/* The record of vGPU N, which belongs to a VM of its own. */
struct saved_vgpu fake_saved(uint32_t n, size_t gpu, int vf, const char *profile,
			     enum saved_state state);
