/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A store that gives way to another: set aside, imported into, put in place. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/fake.h"
#include "lib/record.h"
#include "util/clock.h"

#define DIR_NAME "var/lib/vgpumgr/"

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void expect_text(const char *path, const char *text)
{
	char got[128] = "";
	FILE *f = fopen(path, "r");

	if (!f)
		fail_msg("%s is not there", path);
	(void)!fgets(got, sizeof(got), f);
	(void)fclose(f);
	assert_string_equal(got, text);
}

static void aside(struct record *record, char name[128], char path[PATH_MAX])
{
	struct error err;

	if (store_set_aside(&record->place, clock_monotonic_ms() + 1000, name, &err) < 0)
		fail_msg("%s", err.message);
	(void)snprintf(path, PATH_MAX, "%s/" DIR_NAME "%s", record->place.root, name);
}

static void a_store_is_set_aside_with_its_journal(void **state)
{
	struct record *record = *state;
	char journal[PATH_MAX], name[128], path[PATH_MAX], other[128];

	host_tree_dir(record->tree->root, "var/lib/vgpumgr");
	(void)snprintf(journal, sizeof(journal), "%s-journal", record->place.file);
	write_text(record->place.file, "damaged");
	write_text(journal, "its journal");
	aside(record, name, path);
	assert_true(strstr(name, "state.db.damaged-") == name);
	expect_text(path, "damaged");
	strcat(path, "-journal");
	expect_text(path, "its journal");
	assert_int_equal(access(record->place.file, F_OK), -1);
	assert_int_equal(access(journal, F_OK), -1);
	/* a second of the same second gets another name; nothing is written over */
	write_text(record->place.file, "again");
	aside(record, other, path);
	assert_string_not_equal(name, other);
	expect_text(path, "again");
	/* a journal alone, and nothing at all */
	write_text(journal, "left over");
	aside(record, other, path);
	assert_int_equal(access(journal, F_OK), -1);
	aside(record, other, path);
	assert_string_equal(other, "");
}

static void not_while_it_is_in_use(void **state)
{
	struct record *record = *state;
	struct store *store = record_open(record, STORE_CREATE);
	struct error err = { .kind = ERROR_SYSTEM };
	char name[128];
	pid_t pid;
	int status;

	assert_int_equal(store_begin(store, &err), 0);
	/* by another process: closing the file here would drop the locks of this one */
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		int r = store_set_aside(&record->place, clock_monotonic_ms() + 50, name,
					&err);

		_exit(r == -ETIMEDOUT && err.kind == ERROR_TIMEOUT ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(access(record->place.file, F_OK), 0);
	store_rollback(store);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(store_set_aside(&record->place, clock_monotonic_ms() + 50, name,
				      &err) == 0
			      ? 0
			      : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* whoever has it open finds out before it writes where nobody reads */
	if (store_begin(store, &err) == 0) {
		struct saved_vgpu v = fake_saved(1, 0, 0, "A40-24A", SAVED_CREATING);

		assert_true(store_insert(store, &v, &err) < 0 ||
			    store_commit(store, &err) < 0);
		store_rollback(store);
	}
	store_close(store);
}

static struct saved make_saved(struct saved_vgpu *vgpus, size_t n, struct saved_gpu *gpu)
{
	struct saved saved = {
		.vgpus = vgpus, .n_vgpus = n, .gpus = gpu, .n_gpus = 1, .generation = 7
	};

	strcpy(saved.store_id, "3deab9a4-200a-4c54-99b1-5eb0722d1d81");
	return saved;
}

static void fill(struct store *store, const struct saved *saved)
{
	struct error err;

	if (store_begin(store, &err) < 0 || store_import(store, saved, &err) < 0 ||
	    store_succeed(store, saved, 41, &err) < 0 || store_commit(store, &err) < 0)
		fail_msg("%s", err.message);
}

/* All that SAVED has, and nothing else. */
static void expect_saved(struct store *store, const struct saved *saved)
{
	struct saved *got = record_load(store);
	size_t i;

	assert_int_equal(got->n_vgpus, saved->n_vgpus);
	assert_int_equal(got->n_gpus, saved->n_gpus);
	assert_string_equal(got->store_id, saved->store_id);
	for (i = 0; i < saved->n_vgpus; i++) {
		const struct saved_vgpu *v = saved_find(got, saved->vgpus[i].uuid);

		assert_non_null(v);
		assert_string_equal(v->vm, saved->vgpus[i].vm);
		assert_string_equal(v->created_at, saved->vgpus[i].created_at);
		assert_string_equal(v->changed_at, saved->vgpus[i].changed_at);
		assert_int_equal(v->state, saved->vgpus[i].state);
		assert_true(bdf_equal(&v->vf, &saved->vgpus[i].vf));
		if (saved->vgpus[i].row)
			assert_int_equal(v->row, saved->vgpus[i].row);
	}
	saved_free(got);
}

static void a_successor_is_built_and_put_in_place(void **state)
{
	struct record *record = *state;
	struct saved_vgpu vgpus[] = { fake_saved(1, 0, 0, "A40-24A", SAVED_ACTIVE),
				      fake_saved(2, 0, 1, "A40-24A", SAVED_STOPPED) };
	struct saved_gpu gpu = { .bdf = fake_bdf(0, -1), .wanted_vfs = 32 };
	struct saved saved = make_saved(vgpus, 2, &gpu);
	struct store_place built;
	struct store *store;
	struct error err;
	char path[PATH_MAX], name[128];
	uint64_t generation;

	vgpus[0].row = vgpus[1].row = 0;
	strcpy(vgpus[0].created_at, "2020-01-02T03:04:05Z");
	strcpy(vgpus[0].changed_at, "2021-01-02T03:04:05Z");
	store_close(record_open(record, STORE_CREATE));
	(void)snprintf(path, sizeof(path), "%s.new", record->place.file);
	write_text(path, "what an earlier attempt left");
	assert_int_equal(store_place_new(&record->place, &built, &err), 0);
	assert_int_equal(store_open(&built, STORE_CREATE, 0, &store, &err), 0);
	fill(store, &saved);
	store_close(store);
	/* not while there is one */
	assert_int_equal(store_put_in_place(&built, &record->place, &err), -EEXIST);
	aside(record, name, path);
	assert_int_equal(store_put_in_place(&built, &record->place, &err), 0);
	assert_int_equal(access(built.file, F_OK), -1);
	store_place_free(&built);
	store = record_open(record, STORE_WRITE);
	expect_saved(store, &saved);
	assert_int_equal(store_generation(store, &generation, &err), 0);
	assert_true(generation > 41);
	store_close(store);
}

/* Two that change places, one that goes, one that comes: in one import. */
static void an_import_replaces_what_was_saved(void **state)
{
	struct record *record = *state;
	struct store *store = record_open(record, STORE_CREATE);
	struct saved_vgpu old[] = { fake_saved(1, 0, 0, "A40-24A", SAVED_ACTIVE),
				    fake_saved(2, 0, 1, "A40-24A", SAVED_ACTIVE),
				    fake_saved(3, 1, 0, "A40-24A", SAVED_ACTIVE) };
	struct saved_gpu gpu = { .bdf = fake_bdf(1, -1), .wanted_vfs = 4 };
	struct saved_vgpu new[3];
	struct saved saved = make_saved(new, 3, &gpu);
	size_t i;

	for (i = 0; i < 3; i++)
		record_insert(store, &old[i]);
	new[0] = old[0];
	new[1] = old[1];
	new[0].vf = old[1].vf;
	new[1].vf = old[0].vf;
	strcpy(new[0].vm, old[1].vm);
	strcpy(new[1].vm, old[0].vm);
	new[2] = fake_saved(4, 1, 0, "A40-24A", SAVED_STOPPED);
	new[2].row = 0;
	for (i = 0; i < 3; i++) {
		strcpy(new[i].created_at, "2020-01-02T03:04:05Z");
		strcpy(new[i].changed_at, "2020-01-02T03:04:05Z");
	}
	fill(store, &saved);
	expect_saved(store, &saved);
	store_close(store);
}

static void what_stands_in_for_a_store_takes_no_writes(void **state)
{
	struct record *record = *state;
	struct saved_vgpu vgpu = fake_saved(1, 0, 0, "A40-24A", SAVED_ACTIVE);
	struct saved_gpu gpu = { .bdf = fake_bdf(0, -1) };
	struct saved saved = make_saved(&vgpu, 1, &gpu);
	struct store *store;
	struct error err;

	host_tree_dir(record->tree->root, "var/lib/vgpumgr");
	vgpu.row = 0;
	strcpy(vgpu.created_at, "2020-01-02T03:04:05Z");
	strcpy(vgpu.changed_at, "2020-01-02T03:04:05Z");
	assert_int_equal(store_open_memory(&record->place, &store, &err), 0);
	fill(store, &saved);
	store_seal(store);
	assert_false(store_is_writable(store));
	expect_saved(store, &saved);
	assert_int_equal(store_quick_check(store, &err), 0);
	if (store_begin(store, &err) == 0) {
		vgpu = fake_saved(2, 0, 1, "A40-24A", SAVED_ACTIVE);
		assert_int_equal(store_insert(store, &vgpu, &err), -EROFS);
		store_rollback(store);
	}
	expect_saved(store, &saved);
	assert_int_equal(access(record->place.file, F_OK), -1);
	store_close(store);
}

/* A row that makes no sense hides no other, where that is asked for. */
static void a_bad_row_is_left_out_or_refused(void **state)
{
	struct record *record = *state;
	struct store *store = record_open(record, STORE_CREATE);
	struct saved_vgpu v[] = { fake_saved(1, 0, 0, "A40-24A", SAVED_ACTIVE),
				  fake_saved(2, 0, 1, "A40-24A", SAVED_ACTIVE) };
	struct saved *saved = NULL;
	struct error err;

	record_insert(store, &v[0]);
	record_insert(store, &v[1]);
	assert_int_equal(record_sql(record, "PRAGMA ignore_check_constraints = ON;"
					    "UPDATE vgpu SET state = 'odd' WHERE id = 1"),
			 SQLITE_OK);
	assert_int_equal(store_load(store, &saved, &err), -EUCLEAN);
	assert_int_equal(err.kind, ERROR_STORE);
	assert_contains(err.message, "row 1");
	assert_null(saved);
	store_tolerate(store);
	assert_int_equal(store_load(store, &saved, &err), 0);
	assert_int_equal(saved->n_bad, 1);
	assert_contains(saved->bad, "row 1");
	assert_int_equal(saved->n_vgpus, 1);
	assert_string_equal(saved->vgpus[0].uuid, v[1].uuid);
	saved_free(saved);
	assert_int_equal(store_quick_check(store, &err), -EUCLEAN);
	store_close(store);
}

int main(void)
{
#define with_record(test)                                                                \
	cmocka_unit_test_setup_teardown(test, record_setup, record_teardown)
	const struct CMUnitTest tests[] = {
		with_record(a_store_is_set_aside_with_its_journal),
		with_record(not_while_it_is_in_use),
		with_record(a_successor_is_built_and_put_in_place),
		with_record(an_import_replaces_what_was_saved),
		with_record(what_stands_in_for_a_store_takes_no_writes),
		with_record(a_bad_row_is_left_out_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
