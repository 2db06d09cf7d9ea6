/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/view.h"
#include "out/file.h"
#include "out/json.h"
#include "out/record.h"
#include "util/cleanup.h"
#include "util/clock.h"

DEFINE_CLEANUP(struct store *, store_close)
DEFINE_CLEANUP(struct saved *, saved_free)

enum { OPT_LIST = 0x200, OPT_FORCE };

static const struct argp_option options[] = {
	{ "list", OPT_LIST, NULL, 0, "restore: show the backups there are", 0 },
	{ "force", OPT_FORCE, NULL, 0,
	  "restore: also where live vGPUs are left without a record, or the record is "
	  "another machine's; backup: replace a file",
	  0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static error_t check_args(struct argp_state *state, const struct store_args *a)
{
	static const char *const verbs[] = { "check", "backup", "export", "restore" };
	bool takes_file;
	size_t i;

	for (i = 0; a->verb && i < ARRAY_SIZE(verbs) && strcmp(a->verb, verbs[i]); i++)
		;
	if (!a->verb || i == ARRAY_SIZE(verbs))
		return usage_error(state, "say check, backup FILE, export, restore FILE "
					  "or restore --list");
	takes_file =
		!strcmp(a->verb, "backup") || (!strcmp(a->verb, "restore") && !a->list);
	if (takes_file && !a->file)
		return usage_error(state, "%s: name a file", a->verb);
	if (!takes_file && a->file)
		return usage_error(state, "%s takes no file: '%s'", a->verb, a->file);
	if (a->list && strcmp(a->verb, "restore"))
		return usage_error(state, "--list belongs to restore");
	if (a->force && strcmp(a->verb, "restore") && strcmp(a->verb, "backup"))
		return usage_error(state, "--force belongs to restore and backup");
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct store_args *a = p->args;

	switch (key) {
	case OPT_LIST:
		a->list = true;
		return 0;
	case OPT_FORCE:
		a->force = true;
		return 0;
	case ARGP_KEY_ARG:
		if (a->file)
			return usage_error(state, "more than one file: '%s'", arg);
		if (a->verb)
			a->file = arg;
		else
			a->verb = arg;
		return 0;
	case ARGP_KEY_END:
		return p->help ? 0 : check_args(state, a);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The whole record; nothing is read of a backup, which would only be copied. */
static int read_record(struct context *ctx, struct store **ret_store, struct saved **ret,
		       struct host **ret_host, struct error *err)
{
	int r = context_open_store(ctx, STORE_READ, ret_store, err);

	if (r == -ENOENT) {
		(void)error_set(err, ERROR_NOT_FOUND, 0,
				"nothing is recorded on this host");
		return r;
	}
	if (r == 0)
		r = store_load(*ret_store, ret, err);
	return r == 0 ? context_scan(ctx, 0, ret_host, err) : r;
}

/* Is FILE one of the store's own, which --force must not replace? */
static int refuse_own(const struct context *ctx, const char *file, struct error *err)
{
	const char *slash = strrchr(file, '/');
	_cleanup_(freep) char *dir =
		slash ? strndup(file, slash == file ? 1 : (size_t)(slash - file))
		      : strdup(".");
	_cleanup_(freep) char *real = dir ? realpath(dir, NULL) : NULL;
	const char *own = strrchr(ctx->place.file, '/');
	size_t length = (size_t)(own - ctx->place.file);

	if (!real || strlen(real) != length || strncmp(real, ctx->place.file, length))
		return 0;
	return error_set(err, ERROR_CONFLICT, EPERM,
			 "%s is in the store's own directory: name another", file);
}

static int backup(struct context *ctx, const struct store_args *a, struct error *err)
{
	_cleanup_(store_closep) struct store *store = NULL;
	_cleanup_(saved_freep) struct saved *saved = NULL;
	struct host *host = NULL;
	_cleanup_(freep) char *text = NULL;
	char now[TIME_SIZE];
	json_t *document;
	int r = refuse_own(ctx, a->file, err);

	if (r == 0)
		r = read_record(ctx, &store, &saved, &host, err);
	if (r < 0)
		return r;
	text = record_text(saved, host->machine_id);
	document = ctx->json ? json_document("store", clock_now(now, sizeof(now)), host)
			     : NULL;
	host_free(host);
	if (!text)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "backup");
	r = ctx->dry_run ? 0 : file_write_new(a->file, text, a->force, err);
	if (r < 0 || !ctx->json) {
		json_decref(document);
		if (r == 0)
			note(ctx, "%s %s: %zu vGPUs, generation %llu",
			     ctx->dry_run ? "would write" : "wrote", a->file,
			     saved->n_vgpus, (unsigned long long)saved->generation);
		return r;
	}
	(void)json_object_set_new(document, "file", json_text(a->file));
	(void)json_object_set_new(document, "generation",
				  json_integer((json_int_t)saved->generation));
	return context_print(ctx, document, err);
}

/* The document that restore reads again, whether --json was asked for or not. */
static int export(struct context *ctx, struct error *err)
{
	_cleanup_(store_closep) struct store *store = NULL;
	_cleanup_(saved_freep) struct saved *saved = NULL;
	_cleanup_(json_decrefp) json_t *document = NULL;
	struct host *host = NULL;
	int r = read_record(ctx, &store, &saved, &host, err);

	if (r < 0)
		return r;
	document = record_document(saved, host->machine_id);
	host_free(host);
	if (!document)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "export");
	return json_print(TAKE_PTR(document), err);
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = {
		options,
		parse,
		"check\nbackup FILE\nexport\nrestore FILE\nrestore --list",
		"Check the record, copy it, or put an earlier one in its place. FILE of "
		"restore is a path, or a name that --list shows. restore changes the "
		"record alone: 'vgpumgr reconcile' then makes live what is missing.",
		NULL,
		NULL,
		NULL
	};
	struct store_args a = { .verb = NULL };
	int r = command_parse(ctx, &argp, argc, argv, &a, err);

	if (r)
		return r < 0 ? r : 0;
	ctx->subject = a.verb;
	if (!strcmp(a.verb, "restore"))
		ctx->recorded_as = "store restore";
	if (!strcmp(a.verb, "check"))
		return store_check_run(ctx, err);
	if (!strcmp(a.verb, "backup"))
		return backup(ctx, &a, err);
	if (!strcmp(a.verb, "export"))
		return export(ctx, err);
	return store_restore_run(ctx, &a, err);
}

const struct command cmd_store = { "store", "check, copy or restore the record itself",
				   run };
