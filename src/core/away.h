/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/plan.h"

/* What devices are taken away for. */
enum away_goal {
	AWAY_REMOVE, /* the record goes as well */
	AWAY_STOP,   /* the record stays, and keeps its VF */
};

/* What is to be done about one of those that were chosen. */
enum away_step {
	AWAY_NOTHING, /* it is as asked for already */
	AWAY_RECORD,  /* its device is away: only the record changes */
	AWAY_DEVICE,  /* mark the record, then remove the device */
	AWAY_LEAVE,   /* its removal was cut short after the device was gone: not for stop
		       */
	AWAY_REFUSE,  /* it hangs in the kernel, or is live in another way than saved */
};

/* VERDICT is the plan's on SAVED; LIVE: the kernel shows its UUID. Whether the device is
 * in use is not asked. */
enum away_step away_decide(enum away_goal goal, const struct saved_vgpu *saved,
			   const struct verdict *verdict, bool live);
