/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/away.h"

enum away_step away_decide(enum away_goal goal, const struct saved_vgpu *saved,
			   const struct verdict *verdict, bool live)
{
	/* What is not live can go, however it is in conflict. */
	if (verdict->state == STATE_STUCK || (verdict->state == STATE_CONFLICT && live))
		return AWAY_REFUSE;
	if (live)
		return AWAY_DEVICE;
	if (goal == AWAY_STOP && saved->state == SAVED_STOPPED)
		return AWAY_NOTHING;
	/* Somebody wanted to be rid of it: stopping it would bring it back one day. */
	if (goal == AWAY_STOP && saved->state == SAVED_REMOVING && !saved->is_moving)
		return AWAY_LEAVE;
	return AWAY_RECORD;
}
