/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "tree.h"
#include "store/store.h"

/* A store in a root of its own, var/lib/vgpumgr/state.db, for one test. */
struct record {
	struct tree *tree;
	struct store_place place;
};

int record_setup(void **state); /* *STATE is a struct record; no store is made yet */
int record_teardown(void **state);

/* Opens it, loads it, adds to it; each fails the test where that fails. */
struct store *record_open(struct record *record, enum store_mode mode);
struct saved *record_load(struct store *store);
void record_insert(struct store *store, struct saved_vgpu *vgpu);

#define RECORD_CONSTRAINT 19 /* SQLITE_CONSTRAINT */

/* Runs SQL behind the store's back; SQLite's primary result code. */
int record_sql(const struct record *record, const char *sql);
int record_count(const struct record *record, const char *sql);
