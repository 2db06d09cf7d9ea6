/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/take_away.h"
#include "util/cleanup.h"

static const struct argp_option options[] = {
	SELECT_OPTION_VM,
	SELECT_OPTION_GPU,
	SELECT_OPTION_ALL,
	SELECT_OPTION_IF_EXISTS,
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;

	return select_parse(key, arg, state, p->args);
}

static const struct away_kind stop = {
	.goal = AWAY_STOP,
	.mark = SAVED_STOPPED,
	.verb = "stop",
	.past = "stopped",
};

/* What is not on record stays: whoever wants the GPU free should know of it. */
static void note_foreign(struct context *ctx, const struct take_away *t)
{
	const struct selection *by = &t->args.by;
	const struct host *host = t->view.host;
	size_t i, n = 0;

	for (i = 0; i < host->n_live; i++) {
		const struct live_vgpu *live = &host->live[i];

		if (t->view.plan.ours[i] || live->gpu < 0)
			continue;
		n += by->all ||
		     (by->have_gpu && bdf_equal(&by->gpu, &host->gpus[live->gpu].bdf));
	}
	if (n)
		note(ctx, "%zu foreign %s left alone", n,
		     n == 1 ? "vGPU is" : "vGPUs are");
}

/* A word on what was not to be done. */
static void note_rest(struct context *ctx, const struct take_away *t)
{
	size_t i, n_stopped = 0;

	for (i = 0; i < t->n; i++) {
		const struct saved_vgpu *v = t->works[i].vgpu;

		n_stopped += t->items[i].step == AWAY_NOTHING;
		if (t->items[i].step == AWAY_LEAVE)
			note(ctx,
			     "%s is left alone: its device is gone already, and "
			     "'vgpumgr remove %.8s' ends its removal",
			     v->uuid, v->uuid);
		else if (t->items[i].was == SAVED_REMOVING)
			note(ctx,
			     "the removal of %s was cut short: %s stopped, not removed",
			     v->uuid, ctx->dry_run ? "it would be" : "it is");
	}
	if (n_stopped == t->n && t->n)
		note(ctx, "stopped already");
	else if (n_stopped)
		note(ctx, "%zu of %zu were stopped already", n_stopped, t->n);
	else if (!t->n)
		note(ctx, "there is nothing to stop");
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = {
		options,
		parse,
		"UUID...|--vm NAME|--gpu BDF|--all",
		"Take vGPUs away and keep their records, with their VFs, until they are "
		"started again. All are checked first: none is stopped if one is in "
		"use.",
		NULL,
		NULL,
		NULL
	};
	_cleanup_(take_away_end) struct take_away t = {
		.kind = &stop,
		.args = { .ways = SELECT_UUIDS | SELECT_VM | SELECT_GPU | SELECT_ALL,
			  .verb = stop.verb },
	};
	int r = command_parse(ctx, &argp, argc, argv, &t.args, err);

	if (r)
		return r < 0 ? r : 0;
	r = take_away_do(ctx, &t, err);
	if (r < 0)
		return r;
	note_rest(ctx, &t);
	note_foreign(ctx, &t);
	return take_away_print(ctx, &t, err);
}

const struct command cmd_stop = { "stop", "take vGPUs away and keep their records", run };
