/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/view.h"
#include "cmd/work.h"
#include "core/alloc.h"

struct create_args {
	const char *profile, *vm;
	char vm_uuid[UUID_SIZE], uuid[UUID_SIZE]; /* "" where not given */
	char params[PARAMS_SIZE];		  /* likewise */
	bool have_slot, have_count, have_gpu, have_vf, have_policy;
	uint32_t slot, count;
	struct bdf gpu, vf;
	int numa_node; /* -1: any */
	enum policy policy;
};

/* One slot of the VM that the call is about. */
struct create_slot {
	struct saved_vgpu vgpu;
	bool fresh; /* recorded by this call */
	bool live;  /* was there, as asked for, before it */
};

/* A record made by this call. */
struct own_record {
	char uuid[UUID_SIZE];
	int lock_fd; /* while no slot's work has it, else -1 */
};

/* A call of create under way. */
struct create {
	struct create_args args;
	struct view view; /* as_of, host and record as last looked at */
	struct usage usage;
	struct alloc_request request;
	char profile[PROFILE_SIZE];
	struct create_slot *slots;
	struct work *works; /* one per slot */
	size_t n_slots;
	struct store *store; /* NULL on a host that has none yet */
	bool rehearsal;	     /* nothing is written: a dry run, or there is no store yet */
	struct jobs *jobs;   /* NULL in a dry run */
	bool wide;	     /* the scan was the thorough one */
	struct bdf *refused; /* VFs on which the driver said no */
	size_t n_refused;
	struct own_record
		*mine; /* all that this call has recorded, in whatever attempt */
	size_t n_mine;
	bool *learnt; /* per GPU: its catalog was read and is to be remembered */
};

/* Allocates, records, makes and verifies: on success every slot is live and recorded so
 * (or, in a dry run, planned). On failure nothing of this call is left but what hangs in
 * the kernel, which stays recorded as creating. */
int create_do(struct context *ctx, struct create *c, struct error *err);

/* What else may come of an attempt, beside 0 and an error that is told in full: positive,
 * so that no errno is taken for it. */
enum {
	CREATE_NO_ROOM = 1,
	CREATE_AGAIN = 2, /* things have changed meanwhile: look and place again */
};

/* Fills C->slots and C->works from record and host, inserting intents, in one transaction
 * that is committed. */
int create_reserve(struct context *ctx, struct create *c, struct error *err);

/* In a transaction: keeps what was read of GPU models, so that the next create need not.
 */
int create_remember(struct create *c, struct error *err);

/* Takes back the slots recorded by this call. ONLY_REFUSED: just those on which the
 * driver had no room, so that they can be placed elsewhere. */
int create_undo(struct context *ctx, struct create *c, bool only_refused,
		struct error *err);

/* Before the slots are forgotten or filled anew: keeps the locks of this call's own
 * records and lets go of the others. */
void create_release(struct create *c);

/* Record, plan and arithmetic as of now; of a transaction, if one is open. */
int create_count(struct context *ctx, struct create *c, struct error *err);

/* Says why there is no room, per GPU. Returns -ENOSPC. */
int create_refuse(struct context *ctx, const struct create *c, struct error *err);

void create_end(struct create *c);
