/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/select.h"
#include "cmd/work.h"
#include "core/away.h"

/* Taking devices away, as remove and stop do: all that are chosen are checked before
 * anything is changed, the record says what is intended before the kernel is touched, and
 * GPUs are worked on side by side. What differs is what the record says then. */
struct away_kind {
	enum away_goal goal;
	enum saved_state mark;	 /* of a record whose device is on its way out */
	const char *verb, *past; /* "remove", which history calls it, too; "removed" */
};

/* One of those that are chosen. */
struct away_item {
	enum away_step step;
	enum saved_state was;  /* the record's state before */
	enum vgpu_state shown; /* … and what record and kernel made of it together */
};

/* A call under way. */
struct take_away {
	const struct away_kind *kind;
	struct select_args args;
	struct view view;
	struct store *store; /* NULL where there is none: then there is nothing to do */
	struct jobs *jobs;   /* NULL in a dry run */
	struct work *works;  /* of all that are chosen */
	struct away_item *items; /* one for each */
	size_t n;
};

/* Opens the store, chooses, checks, and takes away what is to be. On success TAKE has
 * what was chosen and what was done about it. In a dry run nothing is changed. Once the
 * kernel has been touched, the first failure is told after all has been tried. */
int take_away_do(struct context *ctx, struct take_away *take, struct error *err);

/* Prints the document, or says what was done (or would be). */
int take_away_print(struct context *ctx, const struct take_away *take, struct error *err);

void take_away_end(struct take_away *take);
