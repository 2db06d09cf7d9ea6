/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/view.h"

/* A call of sriov enable, disable or status, as its files share it. */

enum verb { VERB_NONE, VERB_STATUS, VERB_ENABLE, VERB_DISABLE, VERB_RESTORE };

struct sriov_args {
	enum verb verb;
	char **gpus;
	size_t n_gpus;
	bool all;
};

/* One GPU that the call is about. */
struct target {
	struct gpu *gpu;
	bool done, skipped, told;
	int lock_fd, r;
	struct error err;
};

struct sriov {
	struct sriov_args args;
	struct view view;
	struct store *store;
	struct jobs *jobs;
	struct target *targets;
	size_t n;
};

/* Switches the virtual functions of the targets that need it, and waits for the results,
 * which are in the targets then. A failure is one of this process. */
int sriov_switch_all(struct context *ctx, struct sriov *s, struct error *err);

/* Must the kernel be touched for it? */
bool sriov_needs_switch(const struct sriov *s, const struct gpu *gpu);

/* Virtual functions are of use when vGPU types have appeared on them: waits for those
 * that were switched on, within the settings' deadline. The view is opened anew. */
int sriov_await_types(struct context *ctx, struct sriov *s, struct error *err);

#define SRIOV_LOOK (SCAN_NAMES | SCAN_OTHERS | SCAN_GPUS | SCAN_STUCK)
