/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "core/plan.h"

/* What there is to wait for. */
enum await {
	AWAIT_NOTHING, /* all are live */
	AWAIT_MORE,
	AWAIT_NOBODY, /* all that are not live are stopped: they come if told to */
};

/* Are those of the N saved vGPUs that are CHOSEN live, or may they become so without
 * anybody asking?  On whatever VF of its GPU: its VM finds it by UUID. */
enum await await_decide(const struct saved_vgpu *saved, const struct verdict *verdicts,
			const bool *chosen, size_t n);
