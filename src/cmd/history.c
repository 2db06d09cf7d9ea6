/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/cmd.h"
#include "out/json.h"
#include "out/table.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/text.h"

#define SHORTEST_PREFIX 4

DEFINE_CLEANUP(struct store *, store_close)
DEFINE_CLEANUP(struct events *, events_free)
DEFINE_CLEANUP(struct table *, table_free)

enum { OPT_SINCE = 0x200, OPT_VM, OPT_LINES = 'n' };

static const struct argp_option options[] = {
	{ "since", OPT_SINCE, "TIME", 0,
	  "Only from then on: 2026-01-02, 2026-01-02T03:04:05Z, or how long ago: 90s, "
	  "15m, "
	  "2h, 3d, 1w",
	  0 },
	{ "vm", OPT_VM, "NAME", 0, "Only what was done to vGPUs of this VM", 0 },
	{ "lines", OPT_LINES, "N", 0, "Only the last N", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

struct history_args {
	const char *text, *vm;
	char since[TIME_SIZE]; /* "": from the beginning */
	bool have_lines;
	uint32_t lines;
};

static error_t parse_since(struct argp_state *state, const char *arg,
			   struct history_args *a)
{
	if (clock_parse_since(arg, (int64_t)time(NULL), a->since, sizeof(a->since)))
		return 0;
	return usage_error(state,
			   "--since: '%s' is neither a date such as 2026-01-02 or "
			   "2026-01-02T03:04:05Z nor a duration such as 90s, 15m, 2h, 3d "
			   "or 1w",
			   arg);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct history_args *a = p->args;

	switch (key) {
	case OPT_SINCE:
		return parse_since(state, arg, a);
	case OPT_VM:
		return parse_vm_option(state, arg, &a->vm);
	case OPT_LINES:
		a->have_lines = true;
		return parse_number_option(state, "lines", arg, INT32_MAX, &a->lines);
	case ARGP_KEY_ARG:
		if (a->text)
			return usage_error(state, "more than one UUID: '%s'", arg);
		a->text = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The one UUID in the history that the argument means. Without a store there is none. */
static int find_uuid(const struct history_args *a, struct store *store,
		     char ret[UUID_SIZE], struct error *err)
{
	char prefix[UUID_SIZE], escaped[128];
	size_t n = 0;
	int r = 0;

	text_escape(escaped, sizeof(escaped), a->text);
	if (!uuid_prefix(a->text, SHORTEST_PREFIX, prefix))
		return error_set(
			err, ERROR_USAGE, 0,
			"'%s' is not a UUID, nor the first %u or more characters of one",
			escaped, SHORTEST_PREFIX);
	if (store)
		r = store_find_event_uuid(store, prefix, ret, &n, err);
	if (r < 0)
		return r;
	if (n > 1)
		return error_set(err, ERROR_USAGE, 0,
				 "'%s' is the beginning of %zu UUIDs", escaped, n);
	if (!n) {
		(void)error_set(err, ERROR_NOT_FOUND, 0,
				"nothing was ever recorded of a vGPU '%s'", escaped);
		error_hint(err, "'vgpumgr history' shows all that was recorded");
		return -ENOENT;
	}
	return 0;
}

static int load(struct context *ctx, const struct history_args *a, struct events **ret,
		struct error *err)
{
	_cleanup_(store_closep) struct store *store = NULL;
	struct event_query query = { .vm = a->vm,
				     .since = a->since,
				     .limit = a->have_lines ? (int64_t)a->lines : -1 };
	char uuid[UUID_SIZE];
	int r = context_open_store(ctx, STORE_READ, &store, err);

	if (r == -EACCES && err->kind == ERROR_PERMISSION)
		error_hint(err, "run this as root: history is not published");
	if (r < 0 && r != -ENOENT)
		return r;
	if (a->text) {
		r = find_uuid(a, store, uuid, err);
		query.uuid = uuid;
		if (r < 0)
			return r;
	}
	if (store)
		return store_load_events(store, &query, ret, err);
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : error_set(err, ERROR_SYSTEM, ENOMEM, "read the history");
}

/* "alice (uid 1000)"; of what an older vgpumgr wrote, its words. */
static const char *user_text(const struct event *e, char *buf, size_t size)
{
	if (e->uid < 0)
		(void)snprintf(buf, size, "%s", e->user);
	else if (e->user[0])
		(void)snprintf(buf, size, "%s (uid %lld)", e->user, (long long)e->uid);
	else
		(void)snprintf(buf, size, "uid %lld", (long long)e->uid);
	return buf;
}

static int print_table(const struct events *events, struct error *err)
{
	static const struct column columns[] = {
		{ "TIME", false },	{ "USER", false },    { "COMMAND", false },
		{ "OPERATION", false }, { "OUTCOME", false }, { "UUID", false },
		{ "VM", false },	{ "DETAIL", false },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	int r = table_new(columns, ARRAY_SIZE(columns), &table, err);
	size_t i;

	for (i = 0; i < events->n && r == 0; i++) {
		const struct event *e = &events->events[i];
		char user[128], uuid[9];

		(void)text_copy(uuid, sizeof(uuid), e->uuid); /* enough to ask by */
		r = table_add(table,
			      (const char *[]){ e->at, user_text(e, user, sizeof(user)),
						e->command, e->operation, e->outcome,
						uuid, e->vm, e->detail },
			      err);
	}
	return r == 0 ? table_print(table, err) : r;
}

/* A string that can be printed anywhere, though nobody has checked it; "" is null. */
static json_t *shown(const char *text)
{
	size_t size = 4 * strlen(text) + 1;
	_cleanup_(freep) char *buf = malloc(size);

	return buf ? json_text(text_escape(buf, size, text)) : NULL;
}

static json_t *event_json(const struct event *e)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "seq",
			 (json_int_t)e->seq, "at", shown(e->at), "user", shown(e->user),
			 "uid", e->uid < 0 ? json_null() : json_integer(e->uid),
			 "command", shown(e->command), "operation", shown(e->operation),
			 "outcome", shown(e->outcome), "uuid", shown(e->uuid), "vm",
			 shown(e->vm), "detail", shown(e->detail));
}

static int print_json(const struct context *ctx, const struct events *events,
		      struct error *err)
{
	json_t *document, *array = json_array();
	char as_of[TIME_SIZE];
	struct host host = { .n_gpus = 0 };
	size_t i;

	scan_identity(ctx->root_fd, &host);
	document = json_document("history", clock_now(as_of, sizeof(as_of)), &host);
	for (i = 0; i < events->n; i++)
		if (json_array_append_new(array, event_json(&events->events[i])))
			document = (json_decref(document), NULL);
	(void)json_object_set_new(document, "events", array);
	return context_print(ctx, document, err);
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = {
		options,
		parse,
		"[UUID]",
		"Show what was changed, when, by whom and by which command: of one vGPU, "
		"also of one that is gone, or of all.",
		NULL,
		NULL,
		NULL
	};
	_cleanup_(events_freep) struct events *events = NULL;
	struct history_args a = { .text = NULL };
	int r = command_parse(ctx, &argp, argc, argv, &a, err);

	if (r)
		return r < 0 ? r : 0;
	ctx->subject = a.text;
	r = load(ctx, &a, &events, err);
	if (r < 0)
		return r;
	return ctx->json ? print_json(ctx, events, err) : print_table(events, err);
}

const struct command cmd_history = { "history", "show who changed what, and when", run };
