/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "record.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

#define STORE_DIR "var/lib/vgpumgr"

int record_setup(void **state)
{
	struct record *record = calloc(1, sizeof(*record));
	void *tree;

	if (!record || tree_setup(&tree) < 0)
		return -1;
	record->tree = tree;
	record->place.root_fd = record->tree->fd;
	record->place.root = record->tree->root;
	if (asprintf(&record->place.dir, "%s", STORE_DIR) < 0 ||
	    asprintf(&record->place.file, "%s/%s/state.db", record->tree->root,
		     STORE_DIR) < 0)
		return -1;
	*state = record;
	return 0;
}

int record_teardown(void **state)
{
	struct record *record = *state;
	void *tree = record->tree;

	free(record->place.dir);
	free(record->place.file);
	free(record);
	return tree_teardown(&tree);
}

struct store *record_open(struct record *record, enum store_mode mode)
{
	struct store *store = NULL;
	struct error err = { .message = "no store" };

	if (store_open(&record->place, mode, 1000, &store, &err) < 0)
		fail_msg("%s", err.message);
	return store;
}

struct saved *record_load(struct store *store)
{
	struct saved *saved = NULL;
	struct error err;

	if (store_load(store, &saved, &err) < 0)
		fail_msg("%s", err.message);
	return saved;
}

void record_insert(struct store *store, struct saved_vgpu *vgpu)
{
	struct error err;

	if (store_begin(store, &err) < 0 || store_insert(store, vgpu, &err) < 0 ||
	    store_commit(store, &err) < 0)
		fail_msg("%s", err.message);
}

static sqlite3 *open_file(const struct record *record)
{
	sqlite3 *db = NULL;

	if (sqlite3_open_v2(record->place.file, &db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL))
		fail_msg("%s: %s", record->place.file, sqlite3_errmsg(db));
	return db;
}

int record_sql(const struct record *record, const char *sql)
{
	sqlite3 *db = open_file(record);
	int code = sqlite3_exec(db, sql, NULL, NULL, NULL);

	if (code && (code & 0xff) != SQLITE_CONSTRAINT)
		print_message("%s: %s\n", sql, sqlite3_errmsg(db));
	(void)sqlite3_close(db);
	return code & 0xff;
}

int record_count(const struct record *record, const char *sql)
{
	sqlite3 *db = open_file(record);
	sqlite3_stmt *s = NULL;
	int n = -1;

	if (!sqlite3_prepare_v2(db, sql, -1, &s, NULL) && sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int(s, 0);
	else
		print_message("%s: %s\n", sql, sqlite3_errmsg(db));
	(void)sqlite3_finalize(s);
	(void)sqlite3_close(db);
	return n;
}
