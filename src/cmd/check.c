/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/outcome.h"
#include "util/cleanup.h"

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = { NULL,
				   NULL,
				   NULL,
				   "Compare what is saved with what is live, and change "
				   "nothing. Exit status 7: not everything is as saved.",
				   NULL,
				   NULL,
				   NULL };
	_cleanup_(view_close) struct view view = { .host = NULL };
	_cleanup_(freep) struct outcome *outcomes = NULL;
	_cleanup_(freep) struct row *rows = NULL;
	struct outcome_summary summary = { 0 };
	ssize_t i, n;
	int r = command_parse(ctx, &argp, argc, argv, NULL, err);

	if (r)
		return r < 0 ? r : 0;
	r = view_open(ctx, SCAN_NAMES | SCAN_OTHERS | SCAN_STUCK, &view, err);
	if (r == 0)
		r = view_check_types(ctx, &view, err);
	if (r < 0)
		return r;
	n = rows_make(&view, &rows, err);
	if (n < 0)
		return (int)n;
	outcomes = calloc((size_t)n + 1, sizeof(*outcomes));
	if (!outcomes)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "check");
	for (i = 0; i < n; i++) {
		outcomes[i].row = rows[i];
		outcome_judge(&outcomes[i], &summary);
	}
	r = outcomes_print(ctx, &view, outcomes, (size_t)n, &summary, NULL, err);
	if (r < 0 || !summary.failed)
		return r;
	if (!ctx->json)
		note(ctx,
		     "not everything is as saved; 'vgpumgr reconcile' mends what it can");
	return ERROR_DRIFT;
}

const struct command cmd_check = { "check", "compare what is saved with what is live",
				   run };
