/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "cmd/reconcile.h"
#include "cmd/sriov.h"
#include "util/cleanup.h"

int sriov_restore(struct context *ctx, struct error *err)
{
	_cleanup_(reconcile_end) struct reconcile rc = RECONCILE_NONE;
	int r;

	rc.what = DO_VFS;
	rc.boot = true;
	r = ctx->dry_run ? 0 : context_start_jobs(ctx, &rc.jobs, err);
	if (r == 0)
		r = reconcile_run(ctx, &rc, err);
	if (r == -ENOENT && !rc.store) {
		note(ctx, "nothing is saved, and no virtual functions are wanted");
		return 0;
	}
	return r == 0 ? reconcile_report_gpus(ctx, &rc) : r;
}
