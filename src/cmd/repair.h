/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/cmd.h"

/* Opens the record for what must go on at a boot, whatever has become of the store: it is
 * opened and checked, as MODE (not STORE_CREATE) says. One that is damaged, or gone with
 * its backups still there, is set aside and made anew of the newest good backup, which
 * takes MODE == STORE_WRITE; where that is not possible, a store in memory stands in for
 * it, and nothing can be written. Either is ctx->trouble, so that the command says so and
 * ends with ERROR_STORE. -ENOENT: nothing is saved. Otherwise fails as store_open(). */
int repair_open(struct context *ctx, enum store_mode mode, struct store **ret,
		struct error *err);

/* Puts a new store made of SAVED in the place of the one that is there, which must not be
 * open; the caller holds LOCK_REPAIR. It is kept as RET_NAME ("" where there was none).
 * Its generation is at least AT_LEAST; HOW is for the history. */
int repair_replace(struct context *ctx, const struct saved *saved, uint64_t at_least,
		   const char *how, char ret_name[128], struct error *err);

/* For queries, after the store could not be read, as ERR says: the newest good backup.
 * What ERR says becomes ctx->trouble, since the answer is not the record's own. Returns
 * what it was given, ERR untouched, where there is no good backup. */
int repair_read_backup(struct context *ctx, int r, struct saved **ret, struct error *err);
