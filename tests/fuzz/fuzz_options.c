/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "cmd/cmd.h"
#include "fuzz.h"
#include "util/text.h"

#define MOST 24

/* What a command makes of its words. */
struct args {
	struct bdf gpu;
	const char *vm;
	uint32_t slot;
	bool have_gpu, have_slot;
	char *word;
};

static const struct argp_option options[] = {
	{ "gpu", 'g', "BDF", 0, "A GPU", 0 }, { "vm", 'm', "NAME", 0, "A VM", 0 },
	{ "slot", 's', "N", 0, "A slot", 0 }, { "vf", 'f', NULL, 0, "No value", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static error_t parse_opt(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct args *a = p->args;

	switch (key) {
	case 'g':
		a->have_gpu = true;
		return parse_bdf_option(state, arg, &a->gpu);
	case 'm':
		return parse_vm_option(state, arg, &a->vm);
	case 's':
		a->have_slot = true;
		return parse_number_option(state, "slot", arg, INT32_MAX, &a->slot);
	case 'f':
		return 0;
	case ARGP_KEY_ARG:
		if (a->word)
			return ARGP_ERR_UNKNOWN;
		a->word = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp command = { options, parse_opt, "WORD", "A command",
				     NULL,    NULL,	 NULL };

/* What command_parse() would go on with is none of this target's business. */
int context_prepare(struct context *ctx, struct error *err)
{
	(void)ctx;
	(void)err;
	return 0;
}

static void check_context(const struct context *ctx)
{
	must_hold(ctx->timeout_s <= 86400);
	must_hold(!ctx->color_always || !ctx->color_never);
}

static void check_args(const struct args *a)
{
	must_hold(!a->vm || (*a->vm && strlen(a->vm) <= 255 && fuzz_is_clean(a->vm)));
	must_hold(a->slot <= INT32_MAX);
	must_hold(a->gpu.device < 32 && a->gpu.function < 8);
}

static void check_usage(const struct error *err)
{
	must_hold(err->kind == ERROR_USAGE && err->hint[0]);
	fuzz_check_error(err);
}

/* A line for each word. Help is not asked for: it goes to stdout. */
int fuzz_options(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_string(data, size),
			      *twin = fuzz_string(data, size);
	char name[] = "vgpumgr", *words[MOST + 1] = { name }, *twins[MOST + 1] = { name };
	struct context ctx = { .timeout_s = 0 };
	struct args args = { .slot = 0 };
	int i, r, index = -1, argc = MOST;
	struct error err;

	fuzz_split(text, words + 1, MOST - 1);
	fuzz_split(twin, twins + 1, MOST - 1);
	while (argc > 1 && !*words[argc - 1])
		argc--;
	words[argc] = twins[argc] = NULL;
	for (i = 1; i < argc; i++)
		if (!strncmp(words[i], "--h", 3))
			return 0;
	r = global_parse(&ctx, argc, words, "A program", &index, &err);
	must_hold(r == 0 || r == 2 || r < 0);
	if (r < 0)
		check_usage(&err);
	must_hold(index >= 1 && index <= argc);
	if (r >= 0)
		check_context(&ctx);
	ctx = (struct context){ .timeout_s = 0 };
	r = command_parse(&ctx, &command, argc, twins, &args, &err);
	must_hold(r <= 0);
	if (r < 0) {
		check_usage(&err);
		return 0;
	}
	check_context(&ctx);
	check_args(&args);
	return 0;
}
