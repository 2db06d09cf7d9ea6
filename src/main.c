/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "out/json.h"
#include "util/cleanup.h"
#include "util/journal.h"
#include "util/text.h"

static const struct command *const commands[] = {
	&cmd_create, &cmd_remove, &cmd_stop,	 &cmd_start,   &cmd_assign,
	&cmd_move,   &cmd_adopt,  &cmd_list,	 &cmd_show,    &cmd_gpus,
	&cmd_gpu,    &cmd_types,  &cmd_capacity, &cmd_sriov,   &cmd_reconcile,
	&cmd_check,  &cmd_wait,	  &cmd_store,	 &cmd_history,
};

/* Descriptors 0 to 2 must be taken, or the store would get one of them and a stray
 * message would be written into it. Not for writing: output that goes nowhere is an
 * error. */
static void fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= 2);
	close_fd(fd);
}

/* Each record that is being worked on has a lock of its own, which takes a descriptor. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* argp's text behind the options: the commands, one line each. */
static char *make_doc(void)
{
	char *text = NULL;
	size_t size, i;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	(void)fprintf(
		f, "Keeps NVIDIA vGPUs: which VM owns which, made now and again at every "
		   "boot."
		   "\vCommands:\n\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(f, "  %-11s%s\n", commands[i]->name, commands[i]->summary);
	(void)fprintf(f, "\n'vgpumgr COMMAND --help' tells more about one.\n");
	if (ferror(f) | fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static int refuse_command(const char *name, struct error *err)
{
	const struct command *best = commands[0];
	char shown[128];
	size_t i;

	for (i = 1; i < ARRAY_SIZE(commands); i++)
		if (text_distance(name, commands[i]->name) <
		    text_distance(name, best->name))
			best = commands[i];
	(void)error_set(err, ERROR_USAGE, 0, "no command '%s'",
			text_escape(shown, sizeof(shown), name));
	if (text_distance(name, best->name) <= 3)
		error_hint(err, "did you mean %s?", best->name);
	else
		error_hint(err, "'vgpumgr --help' lists the commands");
	return -EINVAL;
}

/* Line by line, so that a newline from elsewhere cannot forge a second message. */
static void print_words(const struct context *ctx, const struct error *err)
{
	char shown[4 * sizeof(err->message)];
	const char *line;
	int length;

	(void)fprintf(stderr, "%svgpumgr: %s\n", journal_prefix(PRIORITY_ERROR),
		      text_escape(shown, sizeof(shown), err->message));
	for (line = ctx->details; line && *line;
	     line += length + (line[length] == '\n')) {
		length = (int)strcspn(line, "\n");
		(void)fprintf(stderr, "%s%.*s\n", journal_prefix(PRIORITY_ERROR), length,
			      line);
	}
	if (err->hint[0])
		(void)fprintf(stderr, "%shint: %s\n", journal_prefix(PRIORITY_INFO),
			      text_escape(shown, sizeof(shown), err->hint));
}

static void print_error(const struct context *ctx, struct error *err)
{
	struct error ignored;

	if (ctx->command && ctx->subject)
		(void)error_context(err, "%s %s", ctx->command, ctx->subject);
	else if (ctx->command)
		(void)error_context(err, "%s", ctx->command);
	if (err->kind == ERROR_PERMISSION && geteuid())
		error_hint(err, "run this as root");
	if (ctx->json)
		(void)json_print(json_error(ctx->command, err, ctx->error_extra),
				 &ignored);
	print_words(ctx, err);
}

/* What is wrong with the store although the command did its work. It outranks drift. */
static int tell_trouble(const struct context *ctx, int status)
{
	if (!ctx->troubled)
		return status;
	print_words(ctx, &ctx->trouble);
	return status == 0 || status == ERROR_DRIFT ? (int)ERROR_STORE : status;
}

/* A full disk behind stdout is found out here at the latest. */
static int finish(struct context *ctx, int status)
{
	struct error err;

	if (fflush(stdout) || ferror(stdout)) {
		(void)error_set(&err, ERROR_SYSTEM, errno ? errno : EIO,
				"write to stdout");
		print_words(ctx, &err);
		status = status ? status : (int)ERROR_SYSTEM;
	}
	context_end(ctx);
	return status;
}

/* Whether --json stands anywhere: also a command line that cannot be parsed is answered
 * in the form it asks for. */
static bool asks_for_json(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--json"))
			return true;
	return false;
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	_cleanup_(freep) char *doc = make_doc();
	const struct command *command;
	int index, r;

	if (!doc)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "start");
	r = global_parse(ctx, argc, argv, doc, &index, err);
	if (r == 2)
		printf("vgpumgr %s\n", VERSION);
	if (r)
		return r < 0 ? r : 0;
	if (index == argc) {
		(void)error_set(err, ERROR_USAGE, 0, "no command");
		error_hint(err, "'vgpumgr --help' lists the commands");
		return -EINVAL;
	}
	command = find_command(argv[index]);
	if (!command)
		return refuse_command(argv[index], err);
	ctx->command = command->name;
	return command->run(ctx, argc - index, argv + index, err);
}

int main(int argc, char **argv)
{
	struct context ctx = { .root_fd = -1,
			       .place = { .root_fd = -1 },
			       .attend_fd = -1 };
	struct error err;
	int r;

	fill_standard_descriptors();
	raise_descriptor_limit();
	(void)setlocale(LC_ALL, "");
	(void)setlocale(LC_NUMERIC, "C");
	(void)umask(022);
	ctx.json = asks_for_json(argc, argv);
	json_watch_memory();
	r = run(&ctx, argc, argv, &err);
	if (r < 0) {
		print_error(&ctx, &err);
		r = (int)err.kind;
	}
	return finish(&ctx, tell_trouble(&ctx, r));
}
