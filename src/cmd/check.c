/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/outcome.h"
#include "cmd/vm_config.h"
#include "host/others.h"
#include "out/json.h"
#include "util/cleanup.h"
#include "util/journal.h"
#include "util/text.h"

/* "mdevctl starts 2 vGPUs on 0000:01:00.4 …": on stderr, and into WARNINGS. */
static void warn_of_owner(const struct other_owner *o, json_t *warnings)
{
	char text[1024], shown[sizeof(text)], name[BDF_SIZE];

	(void)snprintf(text, sizeof(text),
		       "mdevctl starts %zu vGPU%s on %s as well when it appears (%s): "
		       "which of the two comes first decides what is made",
		       o->n_vgpus, o->n_vgpus == 1 ? "" : "s",
		       bdf_format(&o->parent, name), o->path);
	warning("%s", text);
	(void)json_array_append_new(warnings,
				    json_text(text_escape(shown, sizeof(shown), text)));
}

/* Who else makes vGPUs on the GPUs that are ours. */
static int find_others(struct context *ctx, const struct view *view, json_t *warnings,
		       struct error *err)
{
	const struct own_gpus ours = { view->saved->vgpus, view->saved->n_vgpus,
				       view->saved->gpus, view->saved->n_gpus };
	_cleanup_(freep) struct other_owner *found = NULL;
	ssize_t i, n = others_mdevctl(ctx->root_fd, view->host, &ours, &found, err);

	for (i = 0; i < n; i++)
		warn_of_owner(&found[i], warnings);
	if (n > 0)
		(void)fprintf(
			stderr,
			"%shint: 'mdevctl undefine -u UUID' gives one up, 'mdevctl "
			"modify -u UUID --manual' keeps it defined and not started\n",
			journal_prefix(PRIORITY_INFO));
	return n < 0 ? (int)n : 0;
}

static bool has_saved(const struct saved *saved, const struct bdf *gpu)
{
	size_t i;

	for (i = 0; i < saved->n_vgpus; i++)
		if (saved->vgpus[i].state != SAVED_STOPPED &&
		    bdf_equal(&saved->vgpus[i].gpu, gpu))
			return true;
	return false;
}

/* GPUs whose virtual functions are wanted for their own sake, and off. Returns how many.
 */
static unsigned find_off(const struct view *view, json_t *warnings)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < view->saved->n_gpus; i++) {
		const struct saved_gpu *wish = &view->saved->gpus[i];
		const struct gpu *gpu = host_find_gpu(view->host, &wish->bdf);
		char text[128], name[BDF_SIZE];

		if (!wish->wanted_vfs || (gpu && gpu_vfs(gpu)) ||
		    has_saved(view->saved, &wish->bdf))
			continue;
		(void)snprintf(text, sizeof(text),
			       "the virtual functions of GPU %s are wanted, and %s",
			       bdf_format(&wish->bdf, name),
			       gpu ? "off" : "it is not on this host");
		complain("%s", text);
		(void)json_array_append_new(warnings, json_text(text));
		n++;
	}
	return n;
}

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
	_cleanup_(json_decrefp) json_t *warnings = json_array();
	_cleanup_(freep) struct outcome *outcomes = NULL;
	_cleanup_(freep) struct row *rows = NULL;
	struct outcome_summary summary = { .warnings = warnings };
	unsigned n_off;
	ssize_t i, n;
	int r = command_parse(ctx, &argp, argc, argv, NULL, err);

	if (r)
		return r < 0 ? r : 0;
	r = view_open(ctx, SCAN_NAMES | SCAN_OTHERS | SCAN_STUCK, &view, err);
	if (r == 0)
		r = view_check_types(ctx, &view, err);
	if (r == 0)
		r = find_others(ctx, &view, warnings, err);
	if (r < 0)
		return r;
	n_off = find_off(&view, warnings);
	vm_config_tell(ctx, &view, warnings);
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
	if (r < 0 || !(summary.failed + n_off))
		return r;
	if (!ctx->json)
		note(ctx,
		     "not everything is as saved; 'vgpumgr reconcile' mends what it can");
	return ERROR_DRIFT;
}

const struct command cmd_check = { "check", "compare what is saved with what is live",
				   run };
