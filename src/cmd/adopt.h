/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/view.h"
#include "core/adopt.h"

struct adopt_args {
	char **uuids; /* point into argv */
	size_t n_uuids;
	const char *vm; /* NULL: as the driver says */
	bool all, have_slot;
	uint32_t slot;
};

/* How it came by its VM. */
enum adopt_naming { NAMED_BY_CALLER, NAMED_BY_DRIVER, NAMED_BY_UUID };

/* One vGPU that the call is about. */
struct adopt_item {
	struct saved_vgpu vgpu; /* its record, as it is or is to be */
	bool known;		/* it has been on record before */
	enum vgpu_state state;	/* of what is on record */
	bool reclaimed;		/* its VF's record, in state WAS, is to mean it */
	enum saved_state was;
	enum adopt_naming naming;
	bool refused; /* --all goes on without it */
	struct error err;
};

/* Which VM the driver says uses a vGPU. */
struct driver_name {
	char uuid[UUID_SIZE];
	char vm[VM_NAME_SIZE];
};

/* A call under way. */
struct adopt {
	struct adopt_args args;
	struct view view;
	struct store *store; /* NULL where there is none (yet) */
	struct driver_name *names;
	size_t n_names;
	struct adopt_item *items; /* by address, so that slots are given in that order */
	size_t n;
	size_t n_others; /* --all: what is live on parents that are no GPUs */
};

void adopt_end(struct adopt *adopt);

/* Reads which VMs the driver names, before anything is locked: a read may hang. */
int adopt_read_names(struct context *ctx, struct adopt *adopt, struct error *err);

/* Fills ADOPT->items of a view that was read and planned. Unless all are asked for, the
 * first that cannot be adopted is a failure. -ESTALE: another process is at work on
 * *RET_BUSY, which is to be waited for. */
int adopt_choose(struct adopt *adopt, const struct saved_vgpu **ret_busy,
		 struct error *err);

/* How many of the items are to be recorded. */
size_t adopt_count_new(const struct adopt *adopt);
