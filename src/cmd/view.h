/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/cmd.h"
#include "core/alloc.h"
#include "core/plan.h"
#include "core/resolve.h"
#include "host/parents.h"

/* Host and record side by side: what every query is an answer from. */
struct view {
	struct host *host;
	struct saved *saved; /* never NULL: nothing saved is an empty record */
	struct plan plan;
	char as_of[TIME_SIZE];
};

/* Scans the host (WHAT: enum scan_what), reads the record, or what is published of it
 * where it cannot be opened, and plans. GPUs whose types are not to be seen get the
 * catalog that is remembered of their model. */
int view_open(struct context *ctx, unsigned what, struct view *ret, struct error *err);
void view_close(struct view *view);

/* For users who cannot open the store, as ERR says already: reads what root published of
 * it into VIEW->saved, which must be NULL, and notes of when it is. -EACCES where there
 * is nothing of that. */
int view_read_published(struct context *ctx, struct view *view, struct error *err);

/* Scans with the settings' exclusions applied; warnings go to stderr. */
int context_scan(struct context *ctx, unsigned what, struct host **ret,
		 struct error *err);

/* Parents of mediated devices that are no GPUs; warnings go to stderr. */
int context_scan_others(struct context *ctx, const struct host *host,
			struct other_parents *ret, struct error *err);

/* Looks at one GPU of HOST again. */
int context_rescan_gpu(struct context *ctx, struct host *host, const struct bdf *bdf,
		       struct error *err);

/* Finds which of what is live is on record; to be called after each reading of that. A
 * device that no record names may have been ours when the host was scanned, and gone by
 * the time the record was read: whatever looks foreign is looked at again, and dropped
 * from HOST if it is no longer there; so is what seemed to hang and was on its way out.
 * What the record knows and the scan could not find, since its VF is on its way out, is
 * added as stuck. Also marks what lacks its parameters, and GPUs that are cordoned. */
int context_match(struct context *ctx, struct host *host, const struct saved *saved,
		  struct error *err);

/* Plans anew into PLAN, whose arrays are replaced. */
int plan_make(const struct host *host, const struct saved *saved, struct plan *plan,
	      struct error *err);
void plan_free(struct plan *plan);

/* Reads the catalogs of GPUs on which something is to be made, and plans anew: so that a
 * profile that is no longer offered is told before anything is tried. */
int view_check_types(struct context *ctx, struct view *view, struct error *err);

/* Allocates and fills USAGE. */
int usage_make(const struct host *host, const struct saved *saved, struct usage *ret,
	       struct error *err);
void usage_free(struct usage *usage);

/* Gives each GPU without a catalog the one remembered for its model under this driver.
 * Its device id is taken from the record where the scan did not read it. */
int view_remember_catalogs(struct store *store, struct host *host,
			   const struct saved *saved, struct error *err);

/* Resolves a PROFILE argument. ERROR_USAGE for a malformed one, ERROR_NOT_FOUND with the
 * nearest names for an unknown one. */
int view_resolve(const struct host *host, const char *text, char ret[PROFILE_SIZE],
		 struct error *err);

/* The GPU at BDF, or ERROR_NOT_FOUND. */
int view_find_gpu(const struct host *host, const struct bdf *bdf, struct gpu **ret,
		  struct error *err);

/* Finds the one vGPU that TEXT, a UUID or a beginning of one, means: saved (RET_SAVED),
 * live (RET_LIVE) or both; the other is NULL. MIN_LENGTH is how short a beginning may be.
 */
int view_find_vgpu(const struct view *view, const char *text, unsigned min_length,
		   struct saved_vgpu **ret_saved, struct live_vgpu **ret_live,
		   struct error *err);
