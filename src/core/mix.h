/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/alloc.h"

#define MIX_MAX_ITEMS 16

/* So many vGPUs of a profile, as one part of what is asked for. */
struct mix_item {
	const char *profile; /* as the driver spells it; no two items name the same */
	uint32_t count;
};

/* What one GPU has to do with a mix: scratch space and result, one per GPU of the host.
 */
struct mix_gpu {
	uint32_t room[MIX_MAX_ITEMS];  /* of each item alone */
	uint32_t given[MIX_MAX_ITEMS]; /* result: how many of each item go here */
	uint32_t use[MIX_MAX_ITEMS];   /* of a kind's first: how many per class */
	size_t kind;   /* index of the first GPU that has the same room for each item */
	size_t order;  /* result of a sort: not about this one */
	size_t class;  /* the first item of the size it is used for */
	uint32_t left; /* of a kind's first: how many are in no class yet */
};

struct mix_result {
	bool fits;	/* all of it */
	bool gave_up;	/* the search took too long: that it fits is not ruled out */
	size_t unfit;	/* the first item that does not fit beside those before it */
	uint32_t taken; /* how many of it do */
};

/* Finds out whether all N (at most MIX_MAX_ITEMS) ITEMS fit on HOST at once, whatever is
 * on it by USAGE, and says in GPUS[HOST->n_gpus] where each goes: all of the items before
 * RET->unfit, and RET->taken of that one. Exact as far as alloc_room() is, for equal-size
 * mode, where a GPU takes vGPUs of one size. */
void mix_fit(const struct host *host, const struct usage *usage,
	     const struct mix_item *items, size_t n, struct mix_gpu *gpus,
	     struct mix_result *ret);

/* Counts what GPUS were given as taken, item by item as alloc_place() does. False where
 * one of them has no place after all, which is a bug. */
bool mix_take(const struct host *host, struct usage *usage, const struct mix_item *items,
	      size_t n, const struct mix_gpu *gpus);
