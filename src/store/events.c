/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_internal.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/text.h"

DEFINE_CLEANUP(struct events *, events_free)

void events_free(struct events *events)
{
	size_t i;

	if (!events)
		return;
	for (i = 0; i < events->n; i++) {
		struct event *e = &events->events[i];

		free(e->at);
		free(e->user);
		free(e->command);
		free(e->operation);
		free(e->outcome);
		free(e->uuid);
		free(e->vm);
		free(e->detail);
	}
	free(events->events);
	free(events);
}

static const char *outcome_name(enum event_outcome outcome)
{
	static const char *const names[] = {
		[EVENT_BEGUN] = "begun",
		[EVENT_DONE] = "done",
		[EVENT_FAILED] = "failed",
		[EVENT_UNDONE] = "undone",
	};

	return names[outcome];
}

static void bind_actor(sqlite3_stmt *s, const struct actor *actor)
{
	bind_text(s, ":actor", actor ? actor->name : "");
	if (actor)
		bind_int(s, ":uid", actor->uid);
	bind_text(s, ":command", actor ? actor->command : "");
}

int store_event(struct store *store, const char *operation, enum event_outcome outcome,
		const struct saved_vgpu *vgpu, const char *detail, struct error *err)
{
	bool old = store->version < 2;
	sqlite3_stmt *s =
		store_query(store, old ? SQL_EVENT_INSERT_1 : SQL_EVENT_INSERT, err);
	char now[TIME_SIZE];

	if (!s)
		return -EIO;
	bind_text(s, ":now", clock_now(now, sizeof(now)));
	bind_text(s, ":operation", operation);
	bind_text_or_null(s, ":uuid", vgpu ? vgpu->uuid : NULL);
	bind_text(s, ":detail", detail);
	if (old) {
		bind_text(s, ":actor", store->actor ? store->actor->name : "");
		return store_run(store, s, "record an event", err);
	}
	bind_actor(s, store->actor);
	bind_text(s, ":outcome", outcome_name(outcome));
	bind_text_or_null(s, ":vm", vgpu ? vgpu->vm : NULL);
	return store_run(store, s, "record an event", err);
}

/* A copy of column I, NULL is "". */
static char *copy_text(sqlite3_stmt *s, int i)
{
	const char *text = (const char *)sqlite3_column_text(s, i);

	return strdup(text ? text : "");
}

/* The columns of event_some, in its order. False for want of memory. */
static bool read_event(sqlite3_stmt *s, struct event *e)
{
	char **const texts[] = { &e->at,      &e->user,	     NULL,
				 &e->command, &e->operation, &e->outcome,
				 &e->uuid,    &e->vm,	     &e->detail };
	bool ok = true;
	size_t i;

	*e = (struct event){ .seq = sqlite3_column_int64(s, 0), .uid = -1 };
	if (sqlite3_column_type(s, 3) == SQLITE_INTEGER)
		e->uid = sqlite3_column_int64(s, 3);
	for (i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i])
			ok = (*texts[i] = copy_text(s, (int)i + 1)) && ok;
	return ok;
}

static int add_event(struct events *events, sqlite3_stmt *s, size_t *room,
		     struct error *err)
{
	if (events->n == *room) {
		struct event *grown;

		*room = *room ? *room * 2 : 64;
		grown = reallocarray(events->events, *room, sizeof(*grown));
		if (!grown)
			return error_set(err, ERROR_SYSTEM, ENOMEM, "read the history");
		events->events = grown;
	}
	if (!read_event(s, &events->events[events->n++]))
		return error_set(err, ERROR_SYSTEM, ENOMEM, "read the history");
	return 0;
}

int store_load_events(struct store *store, const struct event_query *query,
		      struct events **ret, struct error *err)
{
	_cleanup_(events_freep) struct events *events = calloc(1, sizeof(*events));
	sqlite3_stmt *s = store_query(
		store, store->version < 2 ? SQL_EVENT_SOME_1 : SQL_EVENT_SOME, err);
	int code = SQLITE_DONE, r = 0;
	size_t room = 0;

	if (!s)
		return -EIO;
	if (!events)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "read the history");
	bind_text_or_null(s, ":uuid", query->uuid);
	bind_text_or_null(s, ":vm", query->vm);
	bind_text(s, ":since", query->since);
	bind_int(s, ":limit", query->limit);
	while (r == 0 && (code = sqlite3_step(s)) == SQLITE_ROW)
		r = add_event(events, s, &room, err);
	if (r == 0 && code != SQLITE_DONE)
		r = store_fail(store, err, "read the history");
	(void)sqlite3_reset(s);
	if (r == 0)
		*ret = TAKE_PTR(events);
	return r;
}

int store_find_event_uuid(struct store *store, const char *prefix, char ret[UUID_SIZE],
			  size_t *ret_n, struct error *err)
{
	sqlite3_stmt *s = store_query(store, SQL_EVENT_UUIDS, err);
	int code, r = 0;
	size_t n = 0;

	if (!s)
		return -EIO;
	ret[0] = '\0';
	bind_text(s, ":prefix", prefix);
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		const char *uuid = (const char *)sqlite3_column_text(s, 0);

		if (uuid && !n++)
			(void)text_copy(ret, UUID_SIZE, uuid);
	}
	if (code != SQLITE_DONE)
		r = store_fail(store, err, "read the history");
	(void)sqlite3_reset(s);
	*ret_n = n;
	return r;
}
