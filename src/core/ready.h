/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/model.h"

/* What a GPU waits for on its way to taking vGPUs, in the order of a boot. */
enum ready_step {
	READY_DRIVER, /* to be bound to nvidia, or to be there at all */
	READY_VFS,
	READY_TYPES, /* on all the VFs it has; or whoever switches them to be done */
	READY_DONE,  /* nothing, or nothing that time will bring */
	READY_STEPS,
};

/* One GPU on its way. */
struct ready {
	struct bdf gpu;
	enum ready_step step;
	bool busy;	       /* its virtual functions are being switched */
	size_t n_vfs, n_types; /* its VFs, and those of them that show types */
	int64_t since;	       /* when it last came further, on the caller's clock */
};

/* What a GPU waits for. BUSY: its virtual functions are being switched. A GPU that is
 * excluded, that another driver holds, or that has no SR-IOV is done: it is as ready as
 * it gets. So is one that has VFs already, however few: their number is not changed. */
enum ready_step ready_step(const struct host *host, const struct bdf *gpu, bool busy);

/* A GPU that is first looked at NOW. */
struct ready ready_start(const struct host *host, const struct bdf *gpu, bool busy,
			 int64_t now);

/* Looks again. HALTED: its clock stands still, since somebody is at work whose own
 * deadline holds. */
void ready_look(struct ready *ready, const struct host *host, bool busy, bool halted,
		int64_t now);

/* Is it worth waiting on? LIMITS_MS holds for each step how long it may take without any
 * progress. */
bool ready_is_awaited(const struct ready *ready, const int64_t limits_ms[READY_STEPS],
		      int64_t now);

/* How far it is, in a form that differs whenever it has come further or fallen back. */
#define READY_STAND_SIZE 64
const char *ready_stand(const struct ready *ready, char buf[READY_STAND_SIZE]);

/* What it waits for: "its driver", "its virtual functions", "its vGPU types", or,
 * whatever else is missing, "the end of the switching of its virtual functions". */
const char *ready_words(const struct ready *ready);
