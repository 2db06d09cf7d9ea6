/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/alloc.h"
#include "core/plan.h"

/* What is to be done to have a vGPU on another parent. */
enum move_step {
	MOVE_NOTHING, /* it is there already */
	MOVE_RECORD,  /* it is not live: only the record changes */
	MOVE_DEVICE,  /* its device is taken away, and made anew where it is to be */
	MOVE_MAKE,    /* a move was cut short after its device was away: it is made */
	MOVE_REFUSE, /* what was cut short before is to be ended first, or it hangs, or is
			live in another way than saved */
};

/* VERDICT is the plan's on SAVED; LIVE, which may be NULL, what the kernel shows of it.
 * THERE: it is where it is to be. Whether the device is in use is not asked. */
enum move_step move_decide(const struct saved_vgpu *saved, const struct verdict *verdict,
			   const struct live_vgpu *live, bool there);

/* Finds SAVED a place on HOST->gpus[GPU], on the parent VF if that is not NULL. Within
 * its own GPU it needs a free parent alone, elsewhere there must be room for one more of
 * its profile as well. False where there is none: *RET_LIMIT says why. */
bool move_place(const struct host *host, const struct usage *usage,
		const struct saved_vgpu *saved, size_t gpu, const struct bdf *vf,
		struct placement *ret, enum limit *ret_limit);

/* What becomes of a record that says that a vGPU is on its way. */
enum move_rest {
	MOVE_REST_NONE,	  /* it does not say so, or somebody is at work on it */
	MOVE_REST_UNDO,	  /* its device is where it was: that is where it stays */
	MOVE_REST_FINISH, /* nothing is left of its device: it is to be made */
};
enum move_rest move_rest(const struct saved_vgpu *saved, bool gone);
