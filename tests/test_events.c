/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/fake.h"
#include "lib/record.h"
#include "store/sql.h"

#define UUID_OF(n) "0000000" #n "-0000-4000-8000-000000000000"

/* Events of vGPUs a and b: create a, create b, assign a to VM "c", remove a. */
static void fill(struct record *record)
{
	const struct actor alice = { 1000, "alice", "test" };
	struct store *store = record_open(record, STORE_CREATE);
	struct saved_vgpu a = fake_saved(1, 0, 0, "A40-4Q", SAVED_ACTIVE),
			  b = fake_saved(2, 0, 1, "A40-4Q", SAVED_ACTIVE);
	struct error err;

	strcpy(a.vm, "a");
	strcpy(b.vm, "b");
	strcpy(a.uuid, UUID_OF(1));
	strcpy(b.uuid, UUID_OF(2));
	store_set_actor(store, &alice);
	assert_int_equal(store_begin(store, &err), 0);
	assert_int_equal(store_event(store, "create", EVENT_BEGUN, &a, "1", &err), 0);
	assert_int_equal(store_event(store, "create", EVENT_FAILED, &b, "2", &err), 0);
	strcpy(a.vm, "c");
	assert_int_equal(store_event(store, "assign", EVENT_DONE, &a, "3", &err), 0);
	assert_int_equal(store_event(store, "remove", EVENT_UNDONE, &a, "4", &err), 0);
	assert_int_equal(store_commit(store, &err), 0);
	store_close(store);
}

/* The details of what QUERY finds, one after the other. */
static const char *find(struct record *record, const struct event_query *query,
			char buf[16])
{
	struct store *store = record_open(record, STORE_READ);
	struct events *events = NULL;
	struct error err;
	size_t i;

	if (store_load_events(store, query, &events, &err) < 0)
		fail_msg("%s", err.message);
	buf[0] = '\0';
	assert_true(events->n < 16);
	for (i = 0; i < events->n; i++)
		strncat(buf, events->events[i].detail, 1);
	events_free(events);
	store_close(store);
	return buf;
}

static void an_event_comes_back_as_it_was_told(void **state)
{
	struct record *record = *state;
	struct event_query query = { .since = "", .limit = 1 };
	struct events *events = NULL;
	const struct event *e;
	struct store *store;
	struct error err;

	fill(record);
	store = record_open(record, STORE_READ);
	assert_int_equal(store_load_events(store, &query, &events, &err), 0);
	assert_int_equal(events->n, 1);
	e = &events->events[0];
	assert_int_equal(e->seq, 4);
	assert_int_equal(e->uid, 1000);
	assert_string_equal(e->user, "alice");
	assert_string_equal(e->command, "test");
	assert_string_equal(e->operation, "remove");
	assert_string_equal(e->outcome, "undone");
	assert_string_equal(e->uuid, UUID_OF(1));
	assert_string_equal(e->vm, "c");
	assert_int_equal(strlen(e->at), strlen("2026-01-02T03:04:05Z"));
	events_free(events);
	store_close(store);
}

static void what_is_asked_for_is_found_oldest_first(void **state)
{
	static const struct {
		const char *name;
		struct event_query query;
		const char *want;
	} cases[] = {
		{ "all", { NULL, NULL, "", -1 }, "1234" },
		{ "the last two", { NULL, NULL, "", 2 }, "34" },
		{ "none", { NULL, NULL, "", 0 }, "" },
		{ "of one vGPU", { UUID_OF(1), NULL, "", -1 }, "134" },
		{ "the last of one vGPU", { UUID_OF(1), NULL, "", 1 }, "4" },
		{ "of no such vGPU", { UUID_OF(3), NULL, "", -1 }, "" },
		{ "of a VM, until it was given away", { NULL, "a", "", -1 }, "13" },
		{ "of a VM, from then on", { NULL, "c", "", -1 }, "34" },
		{ "of a VM beside it", { NULL, "b", "", -1 }, "2" },
		{ "of a VM and a vGPU", { UUID_OF(2), "a", "", -1 }, "" },
		{ "since", { NULL, NULL, "2026-01-01T00:00:02Z", -1 }, "234" },
		{ "since then", { NULL, NULL, "2026-01-01T00:00:05Z", -1 }, "" },
	};
	struct record *record = *state;
	char got[16];
	size_t i;

	fill(record);
	assert_int_equal(record_sql(record, "UPDATE event SET at = '2026-01-01T00:00:0'"
					    " || seq || 'Z'"),
			 0);
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++)
		if (strcmp(find(record, &cases[i].query, got), cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].name, got);
}

static void a_uuid_is_found_by_its_beginning(void **state)
{
	static const struct {
		const char *prefix;
		size_t n;
		const char *uuid;
	} cases[] = {
		{ "0000", 2, UUID_OF(1) },
		{ "00000002", 1, UUID_OF(2) },
		{ UUID_OF(1), 1, UUID_OF(1) },
		{ "00000003", 0, "" },
	};
	struct record *record = *state;
	struct store *store;
	size_t i;

	fill(record);
	store = record_open(record, STORE_READ);
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		char uuid[UUID_SIZE];
		struct error err;
		size_t n = 99;

		assert_int_equal(
			store_find_event_uuid(store, cases[i].prefix, uuid, &n, &err), 0);
		check_case(cases[i].prefix, n == cases[i].n);
		assert_string_equal(uuid, cases[i].uuid);
	}
	store_close(store);
}

/* As the first version made it, with two events. */
static void make_first_schema(struct record *record)
{
	store_close(record_open(record, STORE_CREATE)); /* for the directory */
	assert_int_equal(unlink(record->place.file), 0);
	assert_int_equal(record_sql(record, sql_migrations[0]), 0);
	assert_int_equal(chmod(record->place.file, 0600), 0);
	assert_int_equal(record_sql(record,
				    "INSERT INTO event (at, actor, operation, uuid,"
				    " detail) VALUES ('2026', 'uid 0', 'create-intent', "
				    "'" UUID_OF(1) "', '1'), ('2027', 'uid 0', 'create', "
						   "'" UUID_OF(1) "', '2')"),
			 0);
}

static void an_older_store_tells_what_it_knows_and_stays_as_it_is(void **state)
{
	struct record *record = *state;
	struct event_query query = { .uuid = UUID_OF(1), .since = "2026", .limit = -1 };
	struct events *events = NULL;
	struct store *store;
	struct error err;

	make_first_schema(record);
	store = record_open(record, STORE_READ);
	assert_int_equal(store_load_events(store, &query, &events, &err), 0);
	assert_int_equal(events->n, 2);
	assert_string_equal(events->events[0].operation, "create");
	assert_string_equal(events->events[0].outcome, "begun");
	assert_string_equal(events->events[0].user, "uid 0");
	assert_int_equal(events->events[0].uid, -1);
	assert_string_equal(events->events[0].vm, "");
	assert_string_equal(events->events[1].outcome, "done");
	events_free(events);
	store_close(store);
	assert_int_equal(record_count(record, "PRAGMA user_version"), 1);
}

static void a_change_brings_it_up_to_date_and_loses_nothing(void **state)
{
	struct record *record = *state;
	struct event_query query = { .since = "", .limit = -1 };
	char got[16];

	make_first_schema(record);
	store_close(record_open(record, STORE_WRITE));
	assert_int_equal(record_count(record, "PRAGMA user_version"), SQL_N_MIGRATIONS);
	assert_string_equal(find(record, &query, got), "12");
	assert_int_equal(record_count(record, "SELECT count(*) FROM event WHERE operation"
					      " = 'create' AND outcome = CASE seq"
					      " WHEN 1 THEN 'begun' ELSE 'done' END"
					      " AND actor = 'uid 0' AND uid IS NULL"),
			 2);
}

static void what_is_damaged_is_not_brought_up_to_date(void **state)
{
	struct record *record = *state;
	struct store *store = NULL;
	char noise[512];
	struct error err;
	int fd, page, size;

	make_first_schema(record);
	page = record_count(record,
			    "SELECT rootpage FROM sqlite_master WHERE name = 'vgpu'");
	size = record_count(record, "PRAGMA page_size");
	memset(noise, 0xa5, sizeof(noise));
	fd = open(record->place.file, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0 && page > 1);
	assert_int_equal(pwrite(fd, noise, sizeof(noise), (off_t)(page - 1) * size),
			 sizeof(noise));
	assert_int_equal(close(fd), 0);
	assert_true(store_open(&record->place, STORE_WRITE, 1000, &store, &err) < 0);
	assert_int_equal(err.kind, ERROR_STORE);
	assert_int_equal(record_count(record, "PRAGMA user_version"), 1);
}

#define on_record(test)                                                                  \
	cmocka_unit_test_setup_teardown(test, record_setup, record_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_record(an_event_comes_back_as_it_was_told),
		on_record(what_is_asked_for_is_found_oldest_first),
		on_record(a_uuid_is_found_by_its_beginning),
		on_record(an_older_store_tells_what_it_knows_and_stays_as_it_is),
		on_record(a_change_brings_it_up_to_date_and_loses_nothing),
		on_record(what_is_damaged_is_not_brought_up_to_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
