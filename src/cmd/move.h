/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/view.h"
#include "cmd/work.h"
#include "core/move.h"

struct move_args {
	const char *text; /* a UUID, or its beginning */
	bool have_gpu, have_vf, have_from, have_to;
	struct bdf gpu, vf, from, to;
};

/* A place, and how the driver offers vGPUs there. */
struct move_place {
	struct bdf gpu, vf;
	uint32_t vf_index;
	enum framework framework;
};

/* One of those that are to be moved. */
struct move_item {
	enum move_step step;
	struct move_place old, next;
	bool done; /* it is there, and on record so */
	bool back; /* it could not be made there, and is made where it was */
	struct error err;
	int r; /* why it is not where it was to be */
};

/* A call under way. */
struct move {
	struct move_args args;
	struct view view;
	struct usage usage;
	struct store *store;
	struct jobs *jobs;	 /* NULL in a dry run */
	struct work *works;	 /* of all that are chosen */
	struct move_item *items; /* one for each */
	size_t n;
};

/* Looks, chooses and checks: all before anything is changed. -ESTALE: others were at work
 * on one of them, look again. */
int move_prepare(struct context *ctx, struct move *m, struct error *err);

/* Does what is to be done. The first failure is told after all has been tried. */
int move_carry_out(struct context *ctx, struct move *m, struct error *err);

void move_forget(struct move *m);

/* What of RECORD says that it is on its way, and is not: once its device is gone, its
 * record names the new place from then on, where it is to be made. IS_CHOSEN may be NULL.
 * RET_CHANGED is left alone where there was nothing to do. What cannot be written stays
 * as it is. */
int moves_finish(struct context *ctx, struct store *store, const struct saved *saved,
		 bool (*is_chosen)(const void *arg, const struct saved_vgpu *vgpu),
		 const void *arg, bool *ret_changed, struct error *err);
