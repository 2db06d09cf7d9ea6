/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/repair.h"

#include <errno.h>
#include <string.h>

#include "out/backup.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock.h"
#include "util/text.h"

DEFINE_CLEANUP(struct store *, store_close)
DEFINE_CLEANUP(struct saved *, saved_free)

static void hint_at_repair(struct error *err)
{
	error_hint(err, "'vgpumgr reconcile' sets it aside and restores the newest good "
			"backup");
}

int context_open_store(struct context *ctx, enum store_mode mode, struct store **ret,
		       struct error *err)
{
	enum store_mode first = mode == STORE_CREATE ? STORE_WRITE : mode;
	unsigned timeout_ms = context_timeout(ctx) * 1000;
	int r = store_open(&ctx->place, first, timeout_ms, ret, err);

	if (r == -ENOENT && backup_exists(&ctx->place)) {
		(void)error_set(err, ERROR_STORE, 0,
				"%s is gone or empty, and its backups are there",
				ctx->place.file);
		r = -EUCLEAN;
	}
	if (r == -EUCLEAN)
		hint_at_repair(err);
	if (r == -ENOENT && mode == STORE_CREATE)
		r = store_open(&ctx->place, mode, timeout_ms, ret, err);
	if (r < 0)
		return r;
	if (mode == STORE_READ)
		return 0;
	context_sign(ctx, *ret);
	/* A damaged table would be made worse by a change. */
	r = store_quick_check(*ret, err);
	if (r < 0) {
		store_close(*ret);
		*ret = NULL;
		hint_at_repair(err);
	}
	return r;
}

/* Opens it, and reads all that a restore needs. */
static int open_checked(struct context *ctx, enum store_mode mode, struct store **ret,
			struct error *err)
{
	_cleanup_(store_closep) struct store *store = NULL;
	_cleanup_(saved_freep) struct saved *saved = NULL;
	int r = context_open_store(ctx, mode, &store, err);

	if (r == 0 && mode == STORE_READ)
		r = store_quick_check(store, err);
	if (r == 0)
		r = store_load(store, &saved, err);
	if (r == 0)
		*ret = TAKE_PTR(store);
	return r;
}

static int fill(struct context *ctx, struct store *store, const struct saved *saved,
		uint64_t at_least, const char *how, struct error *err)
{
	int r;

	context_sign(ctx, store);
	r = store_begin(store, err);
	if (r == 0)
		r = store_import(store, saved, err);
	if (r == 0)
		r = store_succeed(store, saved, at_least, err);
	if (r == 0)
		r = store_event(store, "store-restore", EVENT_DONE, NULL, how, err);
	if (r == 0)
		return store_commit(store, err);
	store_rollback(store);
	return r;
}

int repair_replace(struct context *ctx, const struct saved *saved, uint64_t at_least,
		   const char *how, char ret_name[128], struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + (int64_t)context_timeout(ctx) * 1000;
	_cleanup_(store_place_free) struct store_place built = { .root_fd = -1 };
	struct store *store = NULL;
	int r = store_place_new(&ctx->place, &built, err);

	/* Whole before the old one is touched, so that there always is one of them. */
	if (r == 0)
		r = store_open(&built, STORE_CREATE, 0, &store, err);
	if (r == 0)
		r = fill(ctx, store, saved, at_least, how, err);
	store_close(store);
	if (r == 0)
		r = store_set_aside(&ctx->place, deadline, ret_name, err);
	return r == 0 ? store_put_in_place(&built, &ctx->place, err) : r;
}

/* Whether a backup can stand in for a store that fails so. A newer store, or another
 * program's, is not ours to judge, and a lock or a permission says nothing of the record.
 */
static bool is_lost(int r, const struct error *err)
{
	return r == -EUCLEAN ||
	       (r < 0 && r != -ENOENT && r != -EPROTO && err->kind == ERROR_SYSTEM);
}

static void set_trouble(struct context *ctx, const struct error *why)
{
	ctx->trouble = *why;
	ctx->troubled = true;
}

/* SAVED as a store that cannot be written; WHY is what the real one suffers from. */
static int stand_in(struct context *ctx, const struct saved *saved, uint64_t at_least,
		    const char *from, const struct error *why, struct store **ret,
		    struct error *err)
{
	_cleanup_(store_closep) struct store *store = NULL;
	struct error trouble = *why;
	int r = store_open_memory(&ctx->place, &store, err);

	if (r == 0)
		r = fill(ctx, store, saved, at_least, "", err);
	if (r < 0)
		return r;
	store_seal(store);
	trouble.kind = ERROR_STORE;
	(void)error_context(&trouble, "the record was read from %s, as of %s", from,
			    saved->as_of);
	set_trouble(ctx, &trouble);
	*ret = TAKE_PTR(store);
	return 0;
}

/* The last resort: what of the damaged store makes sense. */
static int open_rest(struct context *ctx, enum store_mode mode, int r, struct store **ret,
		     struct error *err)
{
	_cleanup_(store_closep) struct store *store = NULL;
	_cleanup_(saved_freep) struct saved *saved = NULL;
	struct error ignored;

	if (r != -EUCLEAN ||
	    store_open(&ctx->place, mode, context_timeout(ctx) * 1000, &store, &ignored) <
		    0 ||
	    store_quick_check(store, &ignored) < 0)
		return r;
	store_tolerate(store);
	if (store_load(store, &saved, &ignored) < 0)
		return r;
	context_sign(ctx, store);
	set_trouble(ctx, err);
	(void)error_context(&ctx->trouble, "left out: %zu of the records", saved->n_bad);
	*ret = TAKE_PTR(store);
	return 0;
}

/* Sets the damaged store aside, as WHY says, and opens the one made of SAVED. */
static int restore(struct context *ctx, const struct saved *saved, uint64_t at_least,
		   const char *from, const struct error *why, struct store **ret,
		   struct error *err)
{
	char how[512], kept[128];
	struct error trouble;
	int r;

	(void)snprintf(how, sizeof(how), "%zu vGPUs of %s, generation %llu of %s: %.200s",
		       saved->n_vgpus, from, (unsigned long long)saved->generation,
		       saved->as_of, why->message);
	r = repair_replace(ctx, saved, at_least, how, kept, err);
	if (r == 0)
		r = store_open(&ctx->place, STORE_WRITE, context_timeout(ctx) * 1000, ret,
			       err);
	if (r < 0)
		return r;
	context_sign(ctx, *ret);
	(void)error_set(&trouble, ERROR_STORE, 0,
			"%s; %zu vGPUs were restored from %s of %s; changes since "
			"then, if any, are lost%s%s",
			why->message, saved->n_vgpus, from, saved->as_of,
			kept[0] ? "; the old store was kept as " : "", kept);
	error_hint(&trouble, "'vgpumgr list' shows vGPUs that were made since then as "
			     "foreign, 'vgpumgr adopt' takes them back");
	set_trouble(ctx, &trouble);
	return 0;
}

/* One at a time: whoever comes second finds the store repaired. */
static int repair(struct context *ctx, enum store_mode mode, int lost, struct store **ret,
		  struct error *err)
{
	_cleanup_(closep) int lock_fd = -1;
	_cleanup_(saved_freep) struct saved *saved = NULL;
	char from[BACKUP_NAME_SIZE];
	struct error why = *err, inner;
	uint64_t next;
	int r;

	if (mode == STORE_WRITE)
		lock_fd = store_open_lock(&ctx->place, &inner);
	if (lock_fd >= 0) {
		r = lock_take(lock_fd, LOCK_REPAIR,
			      clock_monotonic_ms() + (int64_t)context_timeout(ctx) * 1000,
			      err);
		if (r < 0)
			return error_context(err, "wait for another repair");
		r = open_checked(ctx, mode, ret, err);
		if (!is_lost(r, err))
			return r;
		why = *err;
		lost = r;
	}
	r = backup_read_newest(&ctx->place, &saved, from, &next, &inner);
	if (r < 0) {
		r = open_rest(ctx, mode, lost, ret, err);
		err->hint[0] = '\0';
		error_hint(err,
			   "no backup can be read (%.100s); 'vgpumgr store restore FILE' "
			   "takes one from elsewhere",
			   inner.message);
		return r;
	}
	if (lock_fd >= 0 && lost == -EUCLEAN) {
		r = restore(ctx, saved, next, from, &why, ret, &inner);
		if (r == 0)
			return 0;
		warning("the store cannot be repaired now: %s", inner.message);
	}
	return stand_in(ctx, saved, next, from, &why, ret, err);
}

int repair_open(struct context *ctx, enum store_mode mode, struct store **ret,
		struct error *err)
{
	int r = open_checked(ctx, mode, ret, err);

	return is_lost(r, err) ? repair(ctx, mode, r, ret, err) : r;
}

int repair_read_backup(struct context *ctx, int r, struct saved **ret, struct error *err)
{
	char from[BACKUP_NAME_SIZE];
	struct saved *saved = NULL;
	struct error ignored;
	uint64_t next;

	if ((!is_lost(r, err) && r != -EPROTO) ||
	    backup_read_newest(&ctx->place, &saved, from, &next, &ignored) < 0)
		return r;
	*ret = saved;
	err->kind = ERROR_STORE;
	(void)error_context(err, "shown is %s of %s, not the store itself", from,
			    saved->as_of);
	set_trouble(ctx, err);
	return 0;
}
