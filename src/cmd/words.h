/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/view.h"

/* The core's verdicts as sentences. All write to BUF and return it. */

/* Why GPU takes no further PROFILE: "holds 2 of at most 2 vGPUs of 24576 MiB". */
const char *limit_sentence(const struct host *host, const struct usage *usage, size_t gpu,
			   const char *profile, enum limit limit, char *buf, size_t size);

/* What to do about LIMIT, "" where there is nothing to be said. */
const char *limit_hint(const struct host *host, size_t gpu, enum limit limit, char *buf,
		       size_t size);

/* Why the saved vGPU is not simply active; "" for REASON_NONE. */
const char *reason_sentence(const struct saved_vgpu *saved, enum plan_reason reason,
			    char *buf, size_t size);
