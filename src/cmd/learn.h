/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/cmd.h"

/* What each GPU model offers is remembered, under the driver's version: so that a create
 * needs few reads, and a GPU has a catalog also where its driver lists only what can be
 * made at the moment, which on a full one is nothing. */

/* Reads which model GPU is, where that is not known yet. False where it cannot be. */
bool learn_model(struct context *ctx, struct gpu *gpu);

/* Reads what GPU's driver lists, and what it takes now, into it. False where it shows no
 * types, or they cannot be read; a thorough scan says why. */
bool learn_gpu(struct context *ctx, struct host *host, struct gpu *gpu, unsigned what);

/* In a transaction: remembers GPU's catalog, which was read just now, beside what is
 * remembered of its model; writes only where that is something new. */
int learn_remember(struct store *store, const struct host *host, const struct gpu *gpu,
		   struct error *err);

/* Likewise, in a transaction of its own, for the GPU at BDF, which is read first: where
 * its driver lists what can be made at the moment, it tells the most while nothing is
 * made. RET_CHANGED: the store was written. What fails is left for another time, and
 * told.
 */
void learn_early(struct context *ctx, struct store *store, struct host *host,
		 const struct bdf *bdf, bool *ret_changed);
