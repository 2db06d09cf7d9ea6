/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/cmd.h"
#include "cmd/view.h"
#include "core/mix.h"

/* One part of --mix as it was typed. */
struct mix_text {
	char profile[PROFILE_SIZE];
	uint32_t count;
};

struct capacity_args {
	char **profiles;
	size_t n_profiles;
	struct mix_text mix[MIX_MAX_ITEMS];
	size_t n_mix;
	bool all, make_room;
};

/* For the parser: adds what ARG, "A40-24A=3,A40-4A=10", asks for to A->mix. */
error_t capacity_parse_mix(struct argp_state *state, const char *arg,
			   struct capacity_args *a);

/* How many more of PROFILE fit on the host. */
uint32_t capacity_total(const struct view *view, const struct usage *usage,
			const char *profile);

/* [{"gpu", "free", "limit"}] */
json_t *capacity_per_gpu(const struct view *view, const struct usage *usage,
			 const char *profile);

/* The document with what N PROFILES have room for. */
json_t *capacity_document(const struct view *view, const struct usage *usage,
			  char (*profiles)[PROFILE_SIZE], size_t n);

/* Answers --mix; PROFILES are those of A->mix, as the drivers spell them. Returns
 * ERROR_CAPACITY where not all of it fits. Counts in USAGE what does. */
int capacity_mix(struct context *ctx, const struct view *view, struct usage *usage,
		 const struct capacity_args *a, char (*profiles)[PROFILE_SIZE],
		 struct error *err);

/* Answers --make-room for PROFILES[0]. */
int capacity_make_room(struct context *ctx, const struct view *view,
		       const struct usage *usage, char (*profiles)[PROFILE_SIZE],
		       struct error *err);
