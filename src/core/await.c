/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/await.h"

enum await await_decide(const struct saved_vgpu *saved, const struct verdict *verdicts,
			const bool *chosen, size_t n)
{
	bool missing = false, hope = false;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!chosen[i] || verdicts[i].state == STATE_ACTIVE)
			continue;
		missing = true;
		if (saved[i].state != SAVED_STOPPED || saved[i].in_progress)
			hope = true;
	}
	return !missing ? AWAIT_NOTHING : hope ? AWAIT_MORE : AWAIT_NOBODY;
}
