/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/reconcile.h"

#include <errno.h>

#include "util/cleanup.h"

enum { OPT_WAIT = 0x200, OPT_GPU, OPT_BOOT };

static const struct argp_option options[] = {
	{ "wait", OPT_WAIT, "SEC", 0,
	  "How long to wait, at each step, for GPUs, virtual functions and types that "
	  "are "
	  "absent (default 0)",
	  0 },
	{ "gpu", OPT_GPU, "BDF", 0, "Only what is saved on this GPU", 0 },
	{ "boot", OPT_BOOT, NULL, 0,
	  "As vgpumgr-reconcile.service runs it: wait as the config says, and leave "
	  "virtual functions to vgpumgr-sriov.service",
	  0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct reconcile *rc = p->args;

	switch (key) {
	case OPT_WAIT:
		rc->have_wait = true;
		return parse_number_option(state, "wait", arg, 86400, &rc->wait_s);
	case OPT_GPU:
		rc->have_gpu = true;
		return parse_bdf_option(state, arg, &rc->gpu);
	case OPT_BOOT:
		rc->boot = true;
		rc->what = DO_VGPUS;
		return 0;
	case ARGP_KEY_END:
		if (!p->help && rc->boot && (rc->have_wait || rc->have_gpu))
			return usage_error(state, "--boot goes with no other option");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* A GPU that is gone can still be asked for, if something is saved on it. */
static bool is_known_gpu(const struct reconcile *rc)
{
	size_t i;

	for (i = 0; i < rc->view.saved->n_vgpus; i++)
		if (bdf_equal(&rc->view.saved->vgpus[i].gpu, &rc->gpu))
			return true;
	return saved_find_gpu(rc->view.saved, &rc->gpu) != NULL;
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = {
		options,
		parse,
		NULL,
		"Make live what is saved: enable virtual functions, make the "
		"vGPUs that are missing. Never removes a device. Exit status "
		"7: not everything is as saved.",
		NULL,
		NULL,
		NULL
	};
	_cleanup_(reconcile_end) struct reconcile rc = RECONCILE_NONE;
	int r;

	rc.what = DO_VFS | DO_VGPUS;
	r = command_parse(ctx, &argp, argc, argv, &rc, err);
	if (r)
		return r < 0 ? r : 0;
	if (rc.boot)
		ctx->recorded_as = "reconcile --boot";
	r = ctx->dry_run ? 0 : context_start_jobs(ctx, &rc.jobs, err);
	if (r == 0)
		r = reconcile_run(ctx, &rc, err);
	if (r == -ENOENT && !rc.store)
		return reconcile_report_nothing(ctx, err);
	if (r == 0 && rc.have_gpu && !is_known_gpu(&rc)) {
		struct gpu *gpu;

		r = view_find_gpu(rc.view.host, &rc.gpu, &gpu, err);
	}
	return r == 0 ? reconcile_report(ctx, &rc, err) : r;
}

const struct command cmd_reconcile = { "reconcile", "make live what is saved", run };
