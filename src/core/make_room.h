/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/alloc.h"

/* One vGPU that is on a GPU, or on record for it. */
struct room_vgpu {
	size_t gpu; /* index into host->gpus */
	char profile[PROFILE_SIZE];
	uint32_t size_mib; /* 0 where not known */
	enum framework framework;
	bool movable; /* ours, in order, and nobody uses it */
	bool has_vf;  /* that is free once it has moved */
	size_t from;  /* the caller's: which record it is */
	size_t to;    /* result: the GPU where it is then */
};

struct room_result {
	bool found;
	bool gave_up; /* the search took too long: that there is a way is not ruled out */
	size_t gpu;   /* which then has room for one */
	size_t n_moves;
};

/* Finds the smallest number of moves to other GPUs after which HOST, whose VGPUS are all
 * that USAGE counts, has room for one more of PROFILE in equal-size mode. A vGPU moves
 * only to a GPU of the same framework that offers its profile, and at most once; all of
 * them may be away before the first is made anew. The driver's word is heeded where it is
 * about things as they are; of what it will say afterwards arithmetic stands in. */
void make_room(const struct host *host, const struct usage *usage, const char *profile,
	       struct room_vgpu *vgpus, size_t n, struct room_result *ret);
