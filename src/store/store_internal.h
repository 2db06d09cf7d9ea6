/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sqlite3.h>

#include "store/sql.h"
#include "store/store.h"

#define STORE_NAME "state.db"
#define LOCK_NAME "lock"

/* SQLite's locks are on 512 bytes from here on, whatever the file holds: the pending, the
 * reserved and the shared ones. https://sqlite.org/src/file/src/os.h */
#define STORE_LOCKS 0x40000000
#define N_STORE_LOCKS 512

struct store {
	sqlite3 *db;
	sqlite3_stmt *statements[SQL_COUNT];
	const struct store_place *place;
	int64_t version; /* of the schema: older ones are read as they are */
	const struct actor *actor;
	bool in_transaction;
	bool in_memory;
	bool tolerant;	       /* store_load() leaves out what makes no sense */
	int changes_before;    /* sqlite3_total_changes() at the begin */
	struct error outdated; /* why it could not be brought up to date */
};

/* Schemas older than this know nothing of frameworks and moves. */
#define SCHEMA_FRAMEWORKS 3

/* Reads the version anew, if it is not the newest: another process may have brought the
 * store up to date since it was opened. */
int store_look_at_version(struct store *store, struct error *err);

/* 0 where the schema is the newest; else fills ERR with why it is not. */
int store_is_current(const struct store *store, struct error *err);

/* Fills ERR from the database's last failure; WHAT says what was tried. */
int store_fail(struct store *store, struct error *err, const char *what);

/* Fills ERR for a store that holds what it never should, -EUCLEAN. WHAT follows its name.
 */
int store_damaged(const struct store *store, struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The statement of QUERY, reset and without bindings; NULL after filling ERR. */
sqlite3_stmt *store_query(struct store *store, enum sql_query query, struct error *err);

int store_put_meta(struct store *store, const char *key, const char *value,
		   struct error *err);

/* Runs a statement that gives no rows. WHAT is for the message. */
int store_run(struct store *store, sqlite3_stmt *statement, const char *what,
	      struct error *err);

/* Bind by name; the name must exist. The value of bind_text_or_null() must live until the
 * statement was run. */
void bind_text(sqlite3_stmt *statement, const char *name, const char *value);
void bind_text_or_null(sqlite3_stmt *statement, const char *name, const char *value);
void bind_int(sqlite3_stmt *statement, const char *name, int64_t value);

/* Column I; false where it does not fit, or is nothing of the kind. NULL is "" as text.
 */
bool column_text(sqlite3_stmt *statement, int i, char *buf, size_t size);
bool column_u32(sqlite3_stmt *statement, int i, uint32_t *ret);
bool column_bdf(sqlite3_stmt *statement, int i, struct bdf *ret);

/* The wishes about GPUs, into SAVED. */
int store_load_gpus(struct store *store, struct saved *saved, struct error *err);

/* Counts a row of SAVED that makes no sense, and keeps the words for the first. */
void store_leave_out(struct saved *saved, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
