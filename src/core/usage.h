/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/model.h"
#include "model/saved.h"

/* What is taken on one GPU, by vGPUs that are live (ours, foreign and stuck ones) and by
 * saved ones that are not live but still own their place. */
struct gpu_usage {
	uint32_t n_vgpus;
	uint32_t n_unsized; /* of them, those whose framebuffer is not known */
	uint32_t size_mib; /* the framebuffer size the GPU is committed to, 0: none yet */
	bool mixed;	   /* vGPUs of more than one size are on it */
	uint32_t used_mib; /* by those whose framebuffer is known */
	uint32_t n_free;   /* VFs that show types and that nobody has */
	uint32_t n_promised; /* of N_VGPUS, those that the driver does not know of yet */
	uint32_t n_refused;  /* free VFs on which the driver said no just now */
};

/* One entry per GPU and one per parent of the host; the caller gives the arrays. A PF
 * that is a parent holds several vGPUs and is never taken. */
struct usage {
	struct gpu_usage *gpus;
	bool *taken;
};

/* Fills RET->gpus[HOST->n_gpus] and RET->taken[HOST->n_parents]. A saved vGPU that is
 * live elsewhere counts where it is live; the VF its record names stays taken as well. */
void usage_fill(const struct host *host, const struct saved_vgpu *saved, size_t n_saved,
		struct usage *ret);

/* Counts one vGPU more, of SIZE_MIB (0: not known), on HOST->gpus[GPU]. */
void usage_add(struct usage *usage, size_t gpu, uint32_t size_mib);

/* Takes HOST->parents[PARENT], which was free. */
void usage_take(const struct host *host, struct usage *usage, size_t parent);
