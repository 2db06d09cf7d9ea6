/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/usage.h"

/* What stops the next vGPU of a profile on a GPU. */
enum limit {
	LIMIT_MAX_INSTANCE, /* as many of this framebuffer size as the GPU takes */
	LIMIT_OTHER_SIZE,   /* the GPU is committed to another framebuffer size */
	LIMIT_NO_FREE_VF,
	LIMIT_SRIOV_OFF,
	LIMIT_EXCLUDED, /* by the config, or cordoned by the record */
	LIMIT_NOT_OFFERED,
	LIMIT_MODE, /* the GPU is bound to another driver than nvidia, or to none */
	LIMIT_MIG,
	LIMIT_DRIVER,  /* the driver says no where arithmetic says yes */
	LIMIT_UNKNOWN, /* the driver does not say what would be needed to tell */
};

enum policy {
	POLICY_BREADTH, /* the GPU with the fewest vGPUs */
	POLICY_DEPTH,	/* the one with the most */
	POLICY_FIT,	/* an empty one only where no other has room, so that the largest
			   profiles still find one */
};

/* "max-instance", "other-size", … */
const char *limit_name(enum limit limit);
bool policy_parse(const char *name, enum policy *ret);

/* How many more vGPUs of PROFILE fit on HOST->gpus[GPU] in equal-size mode, and what
 * stops the one after them. Exact as far as the scan and USAGE are. */
uint32_t alloc_room(const struct host *host, const struct usage *usage, size_t gpu,
		    const char *profile, enum limit *ret_limit);

struct alloc_request {
	const char *profile;
	const struct bdf *gpu, *vf; /* the PF and the parent; NULL: any */
	int numa_node;		    /* -1: any */
	enum policy policy;
};

struct placement {
	size_t gpu, at;		      /* indices into host->gpus and host->parents */
	const struct vgpu_type *type; /* borrows from the GPU's catalog */
};

/* Is GPU among those REQUEST allows? */
bool alloc_admits(const struct host *host, const struct alloc_request *request,
		  size_t gpu);

/* Picks GPU and parent; false where nothing fits. Ties break by address. */
bool alloc_place(const struct host *host, const struct usage *usage,
		 const struct alloc_request *request, struct placement *ret);

/* Counts PLACEMENT as taken, for the next of several. */
void alloc_take(const struct host *host, struct usage *usage,
		const struct placement *placement);
