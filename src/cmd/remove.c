/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/take_away.h"
#include "util/cleanup.h"

static const struct argp_option options[] = {
	SELECT_OPTION_VM,
	SELECT_OPTION_IF_EXISTS,
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;

	return select_parse(key, arg, state, p->args);
}

static const struct away_kind removal = {
	.goal = AWAY_REMOVE,
	.mark = SAVED_REMOVING,
	.verb = "remove",
	.past = "removed",
};

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = {
		options,
		parse,
		"UUID...|--vm NAME",
		"Remove vGPUs and their records. All are checked first: none "
		"is removed if one is in use.",
		NULL,
		NULL,
		NULL
	};
	_cleanup_(take_away_end) struct take_away t = {
		.kind = &removal,
		.args = { .ways = SELECT_UUIDS | SELECT_VM, .verb = removal.verb },
	};
	int r = command_parse(ctx, &argp, argc, argv, &t.args, err);

	if (r)
		return r < 0 ? r : 0;
	r = take_away_do(ctx, &t, err);
	return r == 0 ? take_away_print(ctx, &t, err) : r;
}

const struct command cmd_remove = { "remove", "remove vGPUs and their records", run };
