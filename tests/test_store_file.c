/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store as a file: what is opened, what is refused, and what several processes see.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/fake.h"
#include "lib/record.h"
#include "store/sql.h"
#include "util/clock.h"
#include "util/lock.h"

#define STORE "var/lib/vgpumgr/state.db"

/* Opens, which must fail; RET gets why. Returns what store_open() does. */
static int refusal(struct record *record, enum store_mode mode, struct error *ret)
{
	struct store *store = NULL;
	int r = store_open(&record->place, mode, 100, &store, ret);

	if (r >= 0)
		fail_msg("it was opened");
	assert_null(store);
	return r;
}

static void make_store(struct record *record)
{
	store_close(record_open(record, STORE_CREATE));
}

static void no_store_is_made_by_who_only_looks(void **state)
{
	struct record *record = *state;
	struct error err;

	assert_int_equal(refusal(record, STORE_READ, &err), -ENOENT);
	assert_int_equal(refusal(record, STORE_WRITE, &err), -ENOENT);
	assert_int_equal(access(record->place.file, F_OK), -1);
	host_tree_dir(record->tree->root, "var/lib/vgpumgr");
	assert_int_equal(refusal(record, STORE_READ, &err), -ENOENT);
	assert_int_equal(refusal(record, STORE_WRITE, &err), -ENOENT);
	assert_int_equal(access(record->place.file, F_OK), -1);
}

static void a_new_store_is_private_and_has_an_id(void **state)
{
	struct record *record = *state;
	struct store *store;
	struct saved *saved;
	struct stat st;
	mode_t mask = umask(0);
	char id[UUID_SIZE], path[PATH_MAX];

	store = record_open(record, STORE_CREATE);
	(void)umask(mask);
	assert_true(store_is_writable(store));
	saved = record_load(store);
	assert_int_equal(saved->n_vgpus + saved->n_gpus, 0);
	assert_int_equal(strlen(saved->store_id), 36);
	strcpy(id, saved->store_id);
	saved_free(saved);
	store_close(store);
	assert_int_equal(stat(record->place.file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	(void)snprintf(path, sizeof(path), "%.4000s/var/lib/vgpumgr", record->tree->root);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	store = record_open(record, STORE_CREATE);
	saved = record_load(store);
	assert_string_equal(saved->store_id, id);
	saved_free(saved);
	store_close(store);
}

static void a_store_opened_to_read_is_never_written(void **state)
{
	struct record *record = *state;
	struct saved_vgpu v = fake_saved(1, 0, 0, "A40-4Q", SAVED_ACTIVE);
	struct store *store;
	struct error err;

	make_store(record);
	store = record_open(record, STORE_READ);
	if (store_begin(store, &err) == 0) {
		assert_true(store_insert(store, &v, &err) < 0);
		store_rollback(store);
	}
	store_close(store);
	assert_int_equal(record_count(record, "SELECT count(*) FROM vgpu"), 0);
}

static void a_newer_schema_is_refused_and_left_as_it_is(void **state)
{
	static const enum store_mode modes[] = { STORE_READ, STORE_WRITE, STORE_CREATE };
	struct record *record = *state;
	struct error err;
	size_t i;

	make_store(record);
	assert_int_equal(record_sql(record, "PRAGMA user_version = 9999"), 0);
	for (i = 0; i < ARRAY_SIZE_OF(modes); i++) {
		assert_int_not_equal(refusal(record, modes[i], &err), -ENOENT);
		assert_int_equal(err.kind, ERROR_STORE);
		assert_contains(err.message, record->place.file);
		assert_string_not_equal(err.hint, "");
	}
	assert_int_equal(record_count(record, "PRAGMA user_version"), 9999);
}

static void another_programs_database_is_refused(void **state)
{
	struct record *record = *state;
	struct error err;

	host_tree_dir(record->tree->root, "var/lib/vgpumgr");
	assert_int_equal(record_sql(record, "CREATE TABLE cookies (x)"), 0);
	assert_int_equal(chmod(record->place.file, 0600), 0);
	assert_int_not_equal(refusal(record, STORE_CREATE, &err), -ENOENT);
	assert_int_equal(err.kind, ERROR_STORE);
	assert_int_equal(record_sql(record, "PRAGMA application_id = 42"), 0);
	assert_int_not_equal(refusal(record, STORE_READ, &err), -ENOENT);
	assert_int_equal(err.kind, ERROR_STORE);
	assert_int_equal(record_count(record, "SELECT count(*) FROM sqlite_master"), 1);
}

/* Lays CONTENT where the store should be. */
static void put(struct record *record, const void *content, size_t size)
{
	host_tree_file(record->tree->root, STORE, content, size);
	assert_int_equal(chmod(record->place.file, 0600), 0);
}

static void an_empty_file_is_a_birth_cut_short_and_no_store(void **state)
{
	struct record *record = *state;
	struct saved *saved;
	struct store *store;
	struct error err;

	put(record, "", 0);
	assert_int_equal(refusal(record, STORE_READ, &err), -ENOENT);
	assert_int_equal(refusal(record, STORE_WRITE, &err), -ENOENT);
	store = record_open(record, STORE_CREATE);
	saved = record_load(store);
	assert_int_equal(strlen(saved->store_id), 36);
	saved_free(saved);
	store_close(store);
}

static void what_is_no_database_is_refused(void **state)
{
	static const enum store_mode modes[] = { STORE_READ, STORE_WRITE, STORE_CREATE };
	struct record *record = *state;
	char garbage[8192];
	struct error err;
	size_t i;

	memset(garbage, 'x', sizeof(garbage));
	put(record, garbage, sizeof(garbage));
	for (i = 0; i < ARRAY_SIZE_OF(modes); i++) {
		assert_int_not_equal(refusal(record, modes[i], &err), -ENOENT);
		assert_int_equal(err.kind, ERROR_STORE);
		assert_contains(err.message, record->place.file);
	}
}

static void a_damaged_page_is_found_and_called_damage(void **state)
{
	struct record *record = *state;
	struct store *store = record_open(record, STORE_CREATE);
	struct saved_vgpu v = fake_saved(1, 0, 0, "A40-4Q", SAVED_ACTIVE);
	char page[4096];
	struct error err;
	int fd;

	assert_int_equal(store_quick_check(store, &err), 0);
	record_insert(store, &v);
	store_close(store);
	fd = open(record->place.file, O_RDWR | O_CLOEXEC);
	memset(page, 0xa5, sizeof(page));
	/* not the first, which is the schema's */
	assert_int_equal(pwrite(fd, page, sizeof(page), 4096), sizeof(page));
	assert_int_equal(pwrite(fd, page, sizeof(page), 8192), sizeof(page));
	(void)close(fd);
	store = record_open(record, STORE_READ);
	assert_true(store_quick_check(store, &err) < 0);
	assert_int_equal(err.kind, ERROR_STORE);
	assert_contains(err.message, record->place.file);
	store_close(store);
}

static void a_row_that_got_past_the_schema_is_refused_when_it_is_read(void **state)
{
	struct record *record = *state;
	struct store *store = record_open(record, STORE_CREATE);
	struct saved_vgpu v = fake_saved(1, 0, 0, "A40-4Q", SAVED_ACTIVE);
	struct saved *saved = NULL;
	struct error err;

	record_insert(store, &v);
	store_close(store);
	assert_int_equal(record_sql(record, "PRAGMA ignore_check_constraints = ON;"
					    "UPDATE vgpu SET state = 'melted'"),
			 0);
	store = record_open(record, STORE_READ);
	assert_true(store_load(store, &saved, &err) < 0);
	assert_int_equal(err.kind, ERROR_STORE);
	assert_null(saved);
	store_close(store);
}

static void a_file_that_others_could_have_put_there_is_refused(void **state)
{
	struct record *record = *state;
	char other[PATH_MAX], dir[PATH_MAX];
	struct error err;

	make_store(record);
	(void)snprintf(other, sizeof(other), "%.4000s/elsewhere.db", record->tree->root);
	(void)snprintf(dir, sizeof(dir), "%.4000s/var/lib/vgpumgr", record->tree->root);
	assert_int_equal(chmod(record->place.file, 0660), 0);
	(void)refusal(record, STORE_WRITE, &err);
	assert_int_equal(err.kind, ERROR_PERMISSION);
	assert_int_equal(chmod(record->place.file, 0600), 0);
	assert_int_equal(chmod(dir, 0777), 0);
	(void)refusal(record, STORE_READ, &err);
	assert_int_equal(err.kind, ERROR_PERMISSION);
	assert_int_equal(chmod(dir, 0700), 0);
	assert_int_equal(link(record->place.file, other), 0);
	(void)refusal(record, STORE_WRITE, &err);
	assert_int_equal(err.kind, ERROR_STORE);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(rename(record->place.file, other), 0);
	assert_int_equal(symlink(other, record->place.file), 0);
	(void)refusal(record, STORE_CREATE, &err);
	assert_int_equal(err.kind, ERROR_STORE);
	assert_int_equal(unlink(record->place.file), 0);
	assert_int_equal(mkdir(record->place.file, 0700), 0);
	(void)refusal(record, STORE_CREATE, &err);
	assert_int_equal(err.kind, ERROR_STORE);
}

static void a_directory_that_is_a_link_is_not_followed(void **state)
{
	struct record *record = *state;
	struct error err;

	host_tree_dir(record->tree->root, "var/lib/real");
	host_tree_link(record->tree->root, "var/lib/vgpumgr", "real");
	(void)refusal(record, STORE_CREATE, &err);
	assert_int_equal(err.errnum, ELOOP);
	assert_contains(err.message, "/var/lib/vgpumgr");
}

static void a_store_of_somebody_else_is_refused(void **state)
{
	struct record *record = *state;
	struct error err;

	if (geteuid())
		skip(); /* only root can give files away */
	make_store(record);
	assert_int_equal(chown(record->place.file, 4242, 4242), 0);
	(void)refusal(record, STORE_WRITE, &err);
	assert_int_equal(err.kind, ERROR_PERMISSION);
	assert_contains(err.message, "4242");
}

static void every_query_compiles(void **state)
{
	struct record *record = *state;
	sqlite3 *db = NULL;
	size_t i;

	make_store(record);
	assert_int_equal(sqlite3_open(record->place.file, &db), SQLITE_OK);
	for (i = 0; i < SQL_COUNT; i++) {
		sqlite3_stmt *s = NULL;
		const char *rest = "";

		if (sqlite3_prepare_v2(db, sql_queries[i], -1, &s, &rest))
			fail_msg("%s: %s", sql_queries[i], sqlite3_errmsg(db));
		assert_non_null(s);
		if (rest[strspn(rest, " \n")])
			fail_msg("one statement each: %s", sql_queries[i]);
		(void)sqlite3_finalize(s);
	}
	(void)sqlite3_close(db);
}

static void migrations_number_the_schema_they_make(void **state)
{
	struct record *record = *state;

	make_store(record);
	assert_int_equal(record_count(record, "PRAGMA user_version"), SQL_N_MIGRATIONS);
	assert_int_equal(record_count(record, "PRAGMA application_id"), 0x76677075);
	assert_int_equal(record_count(record, "SELECT count(*) FROM pragma_journal_mode"
					      " WHERE journal_mode = 'delete'"),
			 1);
}

/* Forks; the child does RUN and says so by a byte, then waits to be killed. */
static pid_t child_that(void (*run)(struct record *record), struct record *record)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		(void)alarm(60);
		run(record);
		(void)!write(ready[1], "x", 1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void begin_and_insert(struct record *record)
{
	struct saved_vgpu v = fake_saved(66, 0, 6, "A40-4Q", SAVED_ACTIVE);
	struct store *store = record_open(record, STORE_WRITE);
	struct error err;

	if (store_begin(store, &err) < 0 || store_insert(store, &v, &err) < 0)
		_exit(1);
}

static void a_second_writer_waits_its_time_and_a_reader_does_not(void **state)
{
	struct record *record = *state;
	struct store *store = NULL;
	struct saved *saved;
	struct error err;
	int64_t before, took;
	pid_t pid;

	make_store(record);
	pid = child_that(begin_and_insert, record);
	assert_int_equal(store_open(&record->place, STORE_WRITE, 200, &store, &err), 0);
	before = clock_monotonic_ms();
	assert_int_equal(store_begin(store, &err), -ETIMEDOUT);
	took = clock_monotonic_ms() - before;
	assert_int_equal(err.kind, ERROR_TIMEOUT);
	assert_true(took >= 150 && took < 5000);
	saved = record_load(store);
	assert_int_equal(saved->n_vgpus, 0);
	saved_free(saved);
	end(pid);
	/* what it had not committed is undone, and the way is free */
	assert_int_equal(store_begin(store, &err), 0);
	saved = record_load(store);
	assert_int_equal(saved->n_vgpus, 0);
	saved_free(saved);
	store_rollback(store);
	store_close(store);
}

/* More than the cache takes, so that the file is changed before the commit. */
static void change_much(struct record *record)
{
	sqlite3 *db = NULL;

	if (sqlite3_open(record->place.file, &db) ||
	    sqlite3_exec(
		    db,
		    "PRAGMA cache_size = 5; BEGIN;"
		    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
		    " WHERE i < 2000) INSERT INTO event (at, actor, operation, detail)"
		    " SELECT '', '', '', hex(zeroblob(500)) FROM n",
		    NULL, NULL, NULL))
		_exit(1);
}

static void what_a_killed_writer_left_half_done_is_undone_for_readers_too(void **state)
{
	struct record *record = *state;
	struct store *store = record_open(record, STORE_CREATE);
	struct saved_vgpu v = fake_saved(1, 0, 0, "A40-4Q", SAVED_ACTIVE);
	struct saved *saved;
	struct error err;
	struct stat before, after;

	record_insert(store, &v);
	store_close(store);
	assert_int_equal(stat(record->place.file, &before), 0);
	end(child_that(change_much, record));
	assert_int_equal(stat(record->place.file, &after), 0);
	assert_true(after.st_size > before.st_size); /* or there is nothing to undo */
	store = record_open(record, STORE_READ);
	saved = record_load(store);
	assert_int_equal(saved->n_vgpus, 1);
	assert_string_equal(saved->vgpus[0].uuid, v.uuid);
	assert_int_equal(store_quick_check(store, &err), 0);
	saved_free(saved);
	store_close(store);
	assert_int_equal(record_count(record, "SELECT count(*) FROM event"), 0);
}

/* In a process group of its own. */
static void hold_row_1(struct record *record)
{
	struct error err;
	int fd = store_open_lock(&record->place, &err);
	pid_t pid;

	if (setpgid(0, 0) < 0 || fd < 0 || lock_take(fd, 1, 0, &err) < 0)
		_exit(1);
	pid = fork();
	if (pid < 0)
		_exit(1);
	if (pid == 0) { /* as a writing child inherits it */
		(void)alarm(60);
		for (;;)
			(void)pause();
	}
}

static bool first_in_progress(struct store *store)
{
	struct saved *saved = record_load(store);
	bool in_progress = saved->vgpus[0].in_progress;

	assert_int_equal(saved->vgpus[0].row, 1);
	saved_free(saved);
	return in_progress;
}

static void in_progress_is_what_a_living_process_holds_the_lock_of(void **state)
{
	static const struct {
		enum saved_state state;
		bool want;
	} cases[] = {
		{ SAVED_CREATING, true },
		{ SAVED_REMOVING, true },
		{ SAVED_ACTIVE, true },
		{ SAVED_STOPPED, true },
	};
	struct record *record = *state;
	struct store *store = record_open(record, STORE_CREATE);
	struct saved_vgpu v = fake_saved(1, 0, 0, "A40-4Q", SAVED_CREATING);
	struct error err;
	size_t i;
	pid_t pid;
	int fd;

	record_insert(store, &v);
	assert_int_equal(v.row, 1);
	assert_false(first_in_progress(store)); /* no lock file yet */
	/* two processes share the lock: it is held until both are dead */
	pid = child_that(hold_row_1, record);
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		enum saved_state from = v.state;

		v.state = cases[i].state;
		assert_int_equal(store_begin(store, &err), 0);
		assert_int_equal(store_set_state(store, &v, from, &err), 0);
		assert_int_equal(store_commit(store, &err), 0);
		assert_int_equal(first_in_progress(store), cases[i].want);
	}
	v.state = SAVED_CREATING;
	assert_int_equal(store_begin(store, &err), 0);
	assert_int_equal(store_set_state(store, &v, SAVED_STOPPED, &err), 0);
	assert_int_equal(store_commit(store, &err), 0);
	end(pid); /* the leader only */
	assert_true(first_in_progress(store));
	fd = store_open_lock(&record->place, &err);
	assert_int_equal(lock_take(fd, 1, clock_monotonic_ms() + 50, &err), -ETIMEDOUT);
	assert_int_equal(lock_take(fd, 2, clock_monotonic_ms() + 50, &err), 0);
	assert_int_equal(kill(-pid, SIGKILL), 0);
	for (i = 0; first_in_progress(store) && i < 500; i++)
		clock_sleep_ms(10);
	assert_false(first_in_progress(store));
	assert_int_equal(lock_take(fd, 1, clock_monotonic_ms() + 50, &err), 0);
	assert_false(lock_is_held(fd, 1)); /* its own does not count */
	(void)close(fd);
	store_close(store);
}

static void two_that_make_the_store_at_once_make_one(void **state)
{
	struct record *record = *state;
	pid_t pids[4];
	size_t i;
	int status;

	for (i = 0; i < ARRAY_SIZE_OF(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct store *store = NULL;
			struct error err;

			_exit(store_open(&record->place, STORE_CREATE, 10000, &store,
					 &err)
				      ? 1
				      : 0);
		}
	}
	for (i = 0; i < ARRAY_SIZE_OF(pids); i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(record_count(record, "SELECT count(*) FROM meta"
					      " WHERE key = 'store_id'"),
			 1);
}

/* Stands for another process: makes the store when the connection that opens it begins
 * its statement number AT. */
static struct interloper {
	struct record *record; /* NULL: it does nothing */
	int at, n;
} interloper;

static int make_store_between(unsigned what, void *arg, void *statement, void *sql)
{
	struct record *record = interloper.record;
	struct store *store = NULL;
	struct error err;

	(void)what, (void)arg, (void)statement, (void)sql;
	if (!record || interloper.n++ != interloper.at)
		return 0;
	interloper.record = NULL;
	(void)store_open(&record->place, STORE_CREATE, 0, &store, &err);
	store_close(store);
	interloper.record = record;
	return 0;
}

static int watch(sqlite3 *db, char **ret_message, const struct sqlite3_api_routines *api)
{
	(void)ret_message, (void)api;
	return interloper.record
		       ? sqlite3_trace_v2(db, SQLITE_TRACE_STMT, make_store_between, NULL)
		       : SQLITE_OK;
}

static void whenever_another_makes_the_store_both_have_the_same(void **state)
{
	struct record *record = *state;

	assert_int_equal(sqlite3_auto_extension((void (*)(void))watch), SQLITE_OK);
	for (interloper.at = 0; interloper.at <= interloper.n; interloper.at++) {
		struct store *store = NULL;
		struct error err;

		interloper.record = record;
		interloper.n = 0;
		if (store_open(&record->place, STORE_CREATE, 1000, &store, &err) < 0)
			fail_msg("before statement %d: %s", interloper.at, err.message);
		interloper.record = NULL;
		store_close(store);
		assert_int_equal(record_count(record, "SELECT count(*) FROM meta"
						      " WHERE key = 'store_id'"),
				 1);
		assert_int_equal(unlink(record->place.file), 0);
	}
	sqlite3_reset_auto_extension();
	assert_true(interloper.n > 10); /* or nothing was watched */
}

#define on_record(test)                                                                  \
	cmocka_unit_test_setup_teardown(test, record_setup, record_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_record(no_store_is_made_by_who_only_looks),
		on_record(a_new_store_is_private_and_has_an_id),
		on_record(a_store_opened_to_read_is_never_written),
		on_record(a_newer_schema_is_refused_and_left_as_it_is),
		on_record(another_programs_database_is_refused),
		on_record(an_empty_file_is_a_birth_cut_short_and_no_store),
		on_record(what_is_no_database_is_refused),
		on_record(a_damaged_page_is_found_and_called_damage),
		on_record(a_row_that_got_past_the_schema_is_refused_when_it_is_read),
		on_record(a_file_that_others_could_have_put_there_is_refused),
		on_record(a_directory_that_is_a_link_is_not_followed),
		on_record(a_store_of_somebody_else_is_refused),
		on_record(every_query_compiles),
		on_record(migrations_number_the_schema_they_make),
		on_record(a_second_writer_waits_its_time_and_a_reader_does_not),
		on_record(what_a_killed_writer_left_half_done_is_undone_for_readers_too),
		on_record(in_progress_is_what_a_living_process_holds_the_lock_of),
		on_record(two_that_make_the_store_at_once_make_one),
		on_record(whenever_another_makes_the_store_both_have_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
