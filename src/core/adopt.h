/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/plan.h"

/* Can a live vGPU that no record names be taken into the record?  What stands in the way.
 */
enum adopt_bar {
	ADOPT_FINE,
	ADOPT_STUCK,	  /* a removal or create of it hangs */
	ADOPT_UNFINISHED, /* somebody is making it right now */
	ADOPT_PARENT,	  /* it is made on no parent that is known of its GPU */
	ADOPT_GPU,	  /* its GPU is to be left alone, as *RET_REASON says */
	ADOPT_TYPE,	  /* the driver does not tell what it is */
	ADOPT_VF_OWNED,	  /* another record has its VF */
};

/* Judges LIVE, which is on a GPU of HOST and in none of SAVED, and fills RET with all
 * that its record shall say but VM and slot, as far as the bar lets it. */
enum adopt_bar adopt_judge(const struct host *host, const struct saved_vgpu *saved,
			   size_t n_saved, const struct live_vgpu *live,
			   struct saved_vgpu *ret, enum plan_reason *ret_reason);

/* The one of SAVED that owns VF, NULL if there is none: one that is its own parent has
 * room for several. */
const struct saved_vgpu *adopt_find_owner(const struct saved_vgpu *saved, size_t n_saved,
					  const struct bdf *vf);

/* The lowest slot of VM that none of SAVED has. */
uint32_t adopt_free_slot(const struct saved_vgpu *saved, size_t n_saved, const char *vm);
