/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "util/cleanup.h"
#include "util/text.h"

#define MAX_SECONDS 86400

enum {
	OPT_ROOT = 0x100,
	OPT_STORE,
	OPT_CONFIG,
	OPT_JSON,
	OPT_DRY_RUN,
	OPT_TIMEOUT,
	OPT_COLOR,
	OPT_HELP,
	OPT_VERSION
};

static const struct argp_option global_options[] = {
	{ NULL, 0, NULL, 0, "Global options, before or after the command:", 100 },
	{ "root", OPT_ROOT, "DIR", 0, "Act on the host whose files are below DIR", 100 },
	{ "store", OPT_STORE, "FILE", 0,
	  "The record, instead of ROOT/var/lib/vgpumgr/state.db", 100 },
	{ "config", OPT_CONFIG, "FILE", 0,
	  "The config, instead of ROOT/etc/vgpumgr/vgpumgr.conf", 100 },
	{ "json", OPT_JSON, NULL, 0, "Print one JSON document", 100 },
	{ "dry-run", OPT_DRY_RUN, NULL, 0, "Print what would be done and change nothing",
	  100 },
	{ "timeout", OPT_TIMEOUT, "SEC", 0,
	  "How long to wait for what this command starts", 100 },
	{ "quiet", 'q', NULL, 0, "Only data and errors", 100 },
	{ "verbose", 'v', NULL, 0, "Say more", 100 },
	{ "color", OPT_COLOR, "WHEN", 0, "auto, always or never", 100 },
	{ "help", OPT_HELP, NULL, 0, "Print this", 101 },
	{ "version", OPT_VERSION, NULL, 0, "Print the version", 101 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static struct parse *parse_of(const struct argp_state *state)
{
	return state->input;
}

error_t usage_error(struct argp_state *state, const char *fmt, ...)
{
	struct error *err = parse_of(state)->err;
	char message[512], shown[sizeof(err->message)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	(void)error_set(err, ERROR_USAGE, 0, "%s",
			text_escape(shown, sizeof(shown), message));
	return EINVAL;
}

error_t parse_bdf_option(struct argp_state *state, const char *arg, struct bdf *ret)
{
	if (!bdf_parse(arg, ret))
		return usage_error(state,
				   "'%s' is not a PCI address such as 0000:e8:00.0", arg);
	return 0;
}

error_t parse_vm_option(struct argp_state *state, const char *arg, const char **ret)
{
	if (!vm_name_is_valid(arg))
		return usage_error(state,
				   "'%s' is not a VM name: 1 to 255 bytes of UTF-8 "
				   "without control characters and '/'",
				   arg);
	*ret = arg;
	return 0;
}

error_t parse_number_option(struct argp_state *state, const char *name, const char *arg,
			    uint32_t max, uint32_t *ret)
{
	uint32_t value;

	if (!parse_u32(arg, &value) || value > max)
		return usage_error(state, "--%s: '%s' is not a whole number from 0 to %u",
				   name, arg, max);
	*ret = value;
	return 0;
}

static error_t parse_color(struct argp_state *state, const char *arg)
{
	struct context *ctx = parse_of(state)->ctx;

	ctx->color_always = !strcmp(arg, "always");
	ctx->color_never = !strcmp(arg, "never");
	if (!ctx->color_always && !ctx->color_never && strcmp(arg, "auto"))
		return usage_error(state, "--color: '%s' is not auto, always or never",
				   arg);
	return 0;
}

static error_t parse_global(int key, char *arg, struct argp_state *state)
{
	struct parse *p = parse_of(state);
	struct context *ctx = p->ctx;

	switch (key) {
	case ARGP_KEY_INIT:
		if (state->root_argp->children)
			state->child_inputs[0] = p;
		return 0;
	case OPT_ROOT:
		ctx->root_option = arg;
		return 0;
	case OPT_STORE:
		ctx->store_option = arg;
		return 0;
	case OPT_CONFIG:
		ctx->config_option = arg;
		return 0;
	case OPT_JSON:
		ctx->json = true;
		return 0;
	case OPT_DRY_RUN:
		ctx->dry_run = true;
		return 0;
	case OPT_TIMEOUT:
		if (!parse_u32(arg, &ctx->timeout_s) || !ctx->timeout_s ||
		    ctx->timeout_s > MAX_SECONDS)
			return usage_error(state,
					   "--timeout: '%s' is not a whole number of "
					   "seconds from 1 to %u",
					   arg, MAX_SECONDS);
		return 0;
	case 'q':
		ctx->quiet = true;
		return 0;
	case 'v':
		ctx->verbose++;
		return 0;
	case OPT_COLOR:
		return parse_color(state, arg);
	case OPT_HELP:
		p->help = true;
		return 0;
	case OPT_VERSION:
		p->version = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* How one option of the command line fits the tables. */
struct looked_up {
	const struct argp_option *option; /* NULL: there is none */
	bool ambiguous;
};

/* Finds the long option that ARG ("--vm", "--vm=x", "--time") names or begins. */
static void look_up(const struct argp_option *options, const char *arg,
		    struct looked_up *ret)
{
	size_t len = strcspn(arg + 2, "=");

	for (; options && (options->name || options->key || options->doc); options++) {
		if (!options->name || strncmp(options->name, arg + 2, len))
			continue;
		ret->ambiguous = ret->option && strlen(options->name) != len;
		if (!ret->option || strlen(options->name) == len)
			ret->option = options;
		if (strlen(options->name) == len)
			return;
	}
}

/* The name nearest to that of ARG, "" if none is near. */
static const char *near_option(const struct argp *argp, const char *arg)
{
	const struct argp_option *tables[] = {
		argp->options, argp->children ? argp->children[0].argp->options : NULL
	};
	const char *best = "";
	unsigned least = 3;
	size_t i;

	for (i = 0; i < 2; i++) {
		const struct argp_option *o = tables[i];

		for (; o && (o->name || o->key || o->doc); o++)
			if (o->name && text_distance(o->name, arg + 2) < least) {
				least = text_distance(o->name, arg + 2);
				best = o->name;
			}
	}
	return best;
}

/* Likewise of "-n5" or "-qn": the options of one letter. The last may have a value. */
static bool is_wrong_short(const struct argp *argp, const char *arg, const char *next,
			   bool *ret_skip, struct error *err)
{
	const char *at = arg + 1;
	const struct argp_option *o;
	char shown[256];

	for (; *at; at++) {
		if (strchr("qv", *at))
			continue;
		o = argp->options;
		while (o && o->key && o->key != *at)
			o++;
		if (o && o->key && o->arg)
			break;
		if (o && o->key)
			continue;
		(void)error_set(err, ERROR_USAGE, 0, "no option %s",
				text_escape(shown, sizeof(shown), arg));
		return true;
	}
	*ret_skip = *at && !at[1];
	if (!*ret_skip || next)
		return false;
	(void)error_set(err, ERROR_USAGE, 0, "%s needs a value, %s",
			text_escape(shown, sizeof(shown), arg), o->arg);
	return true;
}

/* What is wrong with ARG, the option before NEXT (NULL at the end): fills ERR and returns
 * true, or false where ARG is in order. *RET_SKIP says whether NEXT is its value. */
static bool is_wrong(const struct argp *argp, const char *arg, const char *next,
		     bool *ret_skip, struct error *err)
{
	struct looked_up found = { NULL, false };
	char shown[256];

	*ret_skip = false;
	text_escape(shown, sizeof(shown), arg);
	if (strncmp(arg, "--", 2))
		return arg[0] == '-' && arg[1] &&
		       is_wrong_short(argp->children ? argp->children[0].argp : argp, arg,
				      next, ret_skip, err);
	look_up(argp->options, arg, &found);
	if (argp->children)
		look_up(argp->children[0].argp->options, arg, &found);
	if (!found.option || found.ambiguous) {
		const char *near = near_option(argp, arg);

		(void)error_set(err, ERROR_USAGE, 0, "%s %s",
				found.ambiguous ? "more than one option begins with"
						: "no option",
				shown);
		if (*near)
			error_hint(err, "did you mean --%s?", near);
		return true;
	}
	*ret_skip = found.option->arg && !strchr(arg, '=');
	if (*ret_skip && !next)
		(void)error_set(err, ERROR_USAGE, 0, "%s needs a value, %s", shown,
				found.option->arg);
	else if (!found.option->arg && strchr(arg, '='))
		(void)error_set(err, ERROR_USAGE, 0, "%s takes no value", shown);
	else
		return false;
	return true;
}

/* argp and getopt know what is wrong, but tell only stderr; this finds it again. */
static void blame(const struct argp *argp, int argc, char **argv, struct error *err)
{
	bool skip;
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		if (is_wrong(argp, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &skip,
			     err))
			return;
		i += skip;
	}
	(void)error_set(err, ERROR_USAGE, 0, "this command line cannot be understood");
}

static int run_parser(const struct argp *argp, unsigned flags, int argc, char **argv,
		      int *index, struct parse *p)
{
	_cleanup_(freep) char **order = calloc((size_t)argc + 1, sizeof(*order));
	struct error *err = p->err;
	char shown[256];
	int r;

	if (!order)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "read the command line");
	memcpy(order, argv, (size_t)argc * sizeof(*order)); /* getopt sorts argv */
	err->message[0] = err->hint[0] = '\0';
	r = argp_parse(argp, argc, argv, flags | ARGP_NO_ERRS | ARGP_NO_HELP, index, p);
	if (r == ENOMEM)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "read the command line");
	if (r && !err->message[0])
		blame(argp, argc, order, err);
	if (r || *index >= argc || p->help || (flags & ARGP_IN_ORDER))
		return -r;
	(void)error_set(err, ERROR_USAGE, 0, "unexpected argument '%s'",
			text_escape(shown, sizeof(shown), argv[*index]));
	return -EINVAL;
}

int command_parse(struct context *ctx, const struct argp *command, int argc, char **argv,
		  void *args, struct error *err)
{
	const struct argp_child children[] = { { command, 0, NULL, 0 },
					       { NULL, 0, NULL, 0 } };
	const struct argp argp = { global_options, parse_global, NULL, command->doc,
				   children,	   NULL,	 NULL };
	struct parse p = { ctx, args, err, false, false };
	char name[64];
	int r, index = 1;

	r = run_parser(&argp, 0, argc, argv, &index, &p);
	(void)snprintf(name, sizeof(name), "vgpumgr %s", argv[0]);
	if (p.help) {
		argp_help(&argp, stdout, ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK, name);
		return 1;
	}
	if (r < 0) {
		error_hint(err, "see 'vgpumgr %s --help'", argv[0]);
		return r;
	}
	return context_prepare(ctx, err);
}

static error_t parse_leading(int key, char *arg, struct argp_state *state)
{
	if (key != ARGP_KEY_ARG)
		return parse_global(key, arg, state);
	*(int *)parse_of(state)->args = state->next - 1;
	state->next = state->argc; /* the rest is the command's */
	return 0;
}

int global_parse(struct context *ctx, int argc, char **argv, const char *doc,
		 int *ret_index, struct error *err)
{
	const struct argp argp = {
		global_options, parse_leading, "COMMAND [ARGUMENTS]", doc, NULL,
		NULL,		NULL
	};
	struct parse p = { ctx, ret_index, err, false, false };
	int r, index = 1;

	*ret_index = argc;
	r = run_parser(&argp, ARGP_IN_ORDER, argc, argv, &index, &p);
	if (p.help) {
		char name[] = "vgpumgr";

		argp_help(&argp, stdout, ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK, name);
		return 1;
	}
	if (r < 0)
		error_hint(err, "see 'vgpumgr --help'");
	return r < 0 ? r : p.version ? 2 : 0;
}
