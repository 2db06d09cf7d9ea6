/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/rows.h"
#include "util/cleanup.h"
#include "util/text.h"

struct list_args {
	bool have_gpu, have_state;
	struct bdf gpu;
	const char *vm, *profile;
	enum vgpu_state state;
};

enum { OPT_GPU = 0x200, OPT_VM, OPT_PROFILE, OPT_STATE };

static const struct argp_option options[] = {
	{ "gpu", OPT_GPU, "BDF", 0, "Only vGPUs on this GPU", 0 },
	{ "vm", OPT_VM, "NAME", 0, "Only vGPUs of this VM", 0 },
	{ "profile", OPT_PROFILE, "PROFILE", 0, "Only vGPUs of this profile", 0 },
	{ "state", OPT_STATE, "STATE", 0,
	  "Only vGPUs in this state: active, missing, creating, removing, stopped, "
	  "stuck, "
	  "conflict or foreign",
	  0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct list_args *a = p->args;

	switch (key) {
	case OPT_GPU:
		a->have_gpu = true;
		return parse_bdf_option(state, arg, &a->gpu);
	case OPT_VM:
		return parse_vm_option(state, arg, &a->vm);
	case OPT_PROFILE:
		a->profile = arg;
		return 0;
	case OPT_STATE:
		a->have_state = true;
		if (!vgpu_state_parse(arg, &a->state))
			return usage_error(state, "--state: '%s' is no state of a vGPU",
					   arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static bool wanted(const struct list_args *a, const struct view *view,
		   const struct row *row, const char *profile)
{
	char gpu[BDF_SIZE], parent[TYPE_DIR_SIZE], asked[BDF_SIZE];

	row_place(view, row, gpu, parent);
	if (a->have_gpu && strcmp(gpu, bdf_format(&a->gpu, asked)))
		return false;
	if (a->vm && (!row->saved || strcmp(row->saved->vm, a->vm)))
		return false;
	if (a->profile && !text_equal_nocase(row_profile(row), profile))
		return false;
	return !a->have_state || row->verdict.state == a->state;
}

/* A profile that is only on record, as after a driver upgrade, can be asked for as well.
 */
static int resolve(const struct view *view, const struct list_args *a,
		   char profile[PROFILE_SIZE], struct error *err)
{
	size_t i;

	for (i = 0; a->profile && i < view->saved->n_vgpus; i++)
		if (text_equal_nocase(view->saved->vgpus[i].profile,
				      profile_short_name(a->profile))) {
			(void)text_copy(profile, PROFILE_SIZE,
					view->saved->vgpus[i].profile);
			return 0;
		}
	return a->profile ? view_resolve(view->host, a->profile, profile, err) : 0;
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = { options, parse,
				   NULL,    "List the vGPUs that are saved or live.",
				   NULL,    NULL,
				   NULL };
	_cleanup_(view_close) struct view view = { .host = NULL };
	_cleanup_(freep) struct row *rows = NULL;
	struct list_args a = { .vm = NULL };
	char profile[PROFILE_SIZE] = "";
	struct gpu *gpu;
	size_t i, kept = 0;
	ssize_t n;
	int r = command_parse(ctx, &argp, argc, argv, &a, err);

	if (r)
		return r < 0 ? r : 0;
	r = view_open(
		ctx, SCAN_NAMES | SCAN_OTHERS | SCAN_STUCK | (a.profile ? SCAN_TYPES : 0),
		&view, err);
	if (r == 0)
		r = resolve(&view, &a, profile, err);
	if (r == 0 && a.have_gpu && !saved_find_gpu(view.saved, &a.gpu))
		r = view_find_gpu(view.host, &a.gpu, &gpu, err);
	if (r < 0)
		return r;
	n = rows_make(&view, &rows, err);
	if (n < 0)
		return (int)n;
	for (i = 0; i < (size_t)n; i++)
		if (wanted(&a, &view, &rows[i], profile))
			rows[kept++] = rows[i];
	return rows_print(ctx, &view, rows, kept, "list", err);
}

const struct command cmd_list = { "list", "list the vGPUs that are saved or live", run };
