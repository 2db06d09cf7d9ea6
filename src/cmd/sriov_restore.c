/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "cmd/reconcile.h"
#include "cmd/sriov.h"
#include "sysfs/sysfs.h"
#include "util/cleanup.h"

#include <unistd.h>

/* A udev rule makes this file when the driver has taken a GPU. */
#define LATE_FILE "run/vgpumgr/late-gpu"

int sriov_restore(struct context *ctx, struct error *err)
{
	_cleanup_(reconcile_end) struct reconcile rc = RECONCILE_NONE;
	int r;

	rc.what = DO_VFS;
	rc.boot = true;
	if (!ctx->dry_run)
		(void)unlinkat(ctx->root_fd, LATE_FILE, 0);
	r = ctx->dry_run ? 0 : context_start_jobs(ctx, &rc.jobs, err);
	if (r == 0)
		r = reconcile_run(ctx, &rc, err);
	if (r == -ENOENT && !rc.store) {
		note(ctx, "nothing is saved, and no virtual functions are wanted");
		return 0;
	}
	return r == 0 ? reconcile_report_gpus(ctx, &rc) : r;
}
