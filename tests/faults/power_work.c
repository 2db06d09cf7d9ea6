/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "power_work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fake.h"
#include "store/store_internal.h"
#include "util/cleanup.h"

#define N_VGPUS 40
#define N_GPUS 4

DEFINE_CLEANUP(struct store *, store_close)
DEFINE_CLEANUP(struct saved *, saved_free)
DEFINE_CLEANUP(sqlite3_stmt *, sqlite3_finalize)

struct work {
	const struct store_place *place;
	struct store *store;
	struct power_log *log;
	struct power_models models;
	struct actor actor;
	struct saved_vgpu vgpus[N_VGPUS];
};

static void sum(uint64_t *hash, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (; len; len--)
		*hash = (*hash ^ *p++) * 0x100000001b3; /* FNV-1a */
}

static void sum_text(uint64_t *hash, const char *text)
{
	sum(hash, text, strlen(text) + 1);
}

static bool sum_rows(sqlite3 *db, const char *sql, uint64_t *hash)
{
	_cleanup_(sqlite3_finalizep) sqlite3_stmt *s = NULL;
	int i, code = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

	while (!code && (code = sqlite3_step(s)) == SQLITE_ROW) {
		for (i = 0; i < sqlite3_column_count(s); i++) {
			const unsigned char *text = sqlite3_column_text(s, i);

			sum_text(hash, text ? (const char *)text : "\1NULL");
		}
		code = SQLITE_OK;
	}
	return code == SQLITE_DONE;
}

static bool is_whole(sqlite3 *db, char *why, size_t size)
{
	_cleanup_(sqlite3_finalizep) sqlite3_stmt *s = NULL;
	const char *text;

	if (sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &s, NULL) ||
	    sqlite3_step(s) != SQLITE_ROW) {
		(void)snprintf(why, size, "integrity_check: %s", sqlite3_errmsg(db));
		return false;
	}
	text = (const char *)sqlite3_column_text(s, 0);
	if (text && !strcmp(text, "ok"))
		return true;
	(void)snprintf(why, size, "integrity_check: %s", text ? text : "no answer");
	return false;
}

static uint64_t sum_saved(const struct saved *saved)
{
	uint64_t hash = 0xcbf29ce484222325;
	size_t i;

	for (i = 0; i < saved->n_vgpus; i++) {
		const struct saved_vgpu *v = &saved->vgpus[i];
		char vf[BDF_SIZE];

		sum(&hash, &v->row, sizeof(v->row));
		sum_text(&hash, v->uuid);
		sum_text(&hash, v->vm);
		sum(&hash, &v->slot, sizeof(v->slot));
		sum_text(&hash, v->type_name);
		sum_text(&hash, bdf_format(&v->vf, vf));
		sum_text(&hash, saved_state_name(v->state));
		sum_text(&hash, v->changed_at);
	}
	for (i = 0; i < saved->n_gpus; i++)
		sum(&hash, &saved->gpus[i].wanted_vfs, sizeof(uint32_t));
	sum(&hash, &saved->generation, sizeof(saved->generation));
	sum_text(&hash, saved->store_id);
	return hash;
}

bool power_model_read(struct store *store, struct power_model *ret, char *why,
		      size_t size)
{
	static const char *const tables[] = { "SELECT * FROM sqlite_master ORDER BY name",
					      "SELECT * FROM meta ORDER BY key",
					      "SELECT * FROM vgpu ORDER BY id",
					      "SELECT * FROM gpu ORDER BY bdf",
					      "SELECT * FROM catalog ORDER BY type_id",
					      "SELECT * FROM event ORDER BY seq",
					      "SELECT * FROM pragma_user_version" };
	_cleanup_(saved_freep) struct saved *saved = NULL;
	struct error err = { .message = "" };
	size_t i;

	if (!is_whole(store->db, why, size))
		return false;
	ret->tables = 0xcbf29ce484222325;
	for (i = 0; i < ARRAY_SIZE(tables); i++)
		if (!sum_rows(store->db, tables[i], &ret->tables)) {
			(void)snprintf(why, size, "%s: %s", tables[i],
				       sqlite3_errmsg(store->db));
			return false;
		}
	if (store_load(store, &saved, &err) < 0) {
		(void)snprintf(why, size, "store_load: %s", err.message);
		return false;
	}
	ret->loaded = sum_saved(saved);
	return true;
}

static void must(int r, const struct error *err)
{
	if (r == 0)
		return;
	fprintf(stderr, "power: %s\n", err->message);
	exit(99);
}

static void try(struct work *w)
{
	power_log_mark(w->log, POWER_TRY, w->models.n);
}

static void acknowledge(struct work *w)
{
	struct power_models *m = &w->models;
	char why[256];

	power_log_mark(w->log, POWER_ACK, m->n);
	m->models = power_alloc(m->models, (m->n + 1) * sizeof(*m->models));
	if (!power_model_read(w->store, &m->models[m->n], why, sizeof(why)))
		power_die(why);
	m->n++;
}

static void begin(struct work *w)
{
	struct error err;

	must(store_begin(w->store, &err), &err);
}

static void event(struct work *w, const char *operation, const char *detail)
{
	struct error err;

	must(store_event(w->store, operation, EVENT_DONE, &w->vgpus[0], detail, &err),
	     &err);
}

static void commit(struct work *w, const char *operation)
{
	struct error err;

	event(w, operation, "as it was asked for");
	try(w);
	must(store_commit(w->store, &err), &err);
	acknowledge(w);
}

static void reopen(struct work *w, enum store_mode mode)
{
	struct error err;

	store_close(w->store);
	w->store = NULL;
	must(store_open(w->place, mode, 1000, &w->store, &err), &err);
	store_set_actor(w->store, &w->actor);
}

/* vGPU I, on a VF of its own. */
static void insert(struct work *w, uint32_t i)
{
	struct error err;

	w->vgpus[i] =
		fake_saved(i, i % N_GPUS, (int)(i / N_GPUS), "A40-1Q", SAVED_CREATING);
	must(store_insert(w->store, &w->vgpus[i], &err), &err);
}

static void set_state(struct work *w, uint32_t i, enum saved_state state)
{
	enum saved_state from = w->vgpus[i].state;
	struct error err;

	w->vgpus[i].state = state;
	must(store_set_state(w->store, &w->vgpus[i], from, &err), &err);
}

static void create(struct work *w, uint32_t from, uint32_t to)
{
	uint32_t i;

	begin(w);
	for (i = from; i < to; i++)
		insert(w, i);
	commit(w, "create");
	for (i = from; i < to; i++) {
		begin(w);
		set_state(w, i, SAVED_ACTIVE);
		commit(w, "created");
	}
}

static void take_away(struct work *w, uint32_t i)
{
	struct error err;

	begin(w);
	set_state(w, i, SAVED_REMOVING);
	commit(w, "remove");
	begin(w);
	must(store_delete(w->store, &w->vgpus[i], &err), &err);
	commit(w, "removed");
}

static void put_catalog(struct work *w, const char *driver, uint32_t n)
{
	struct vgpu_type types[64] = { { .id = 0 } };
	struct catalog catalog = { .types = types, .n_types = n };
	struct error err;
	uint32_t i;

	for (i = 0; i < n; i++) {
		types[i] = *fake_type("A40-1Q");
		types[i].id = 500 + i;
	}
	begin(w);
	must(store_put_catalog(w->store, 0x10de, 0x2235, driver, &catalog, &err), &err);
	try(w);
	must(store_commit(w->store, &err), &err);
	acknowledge(w);
}

static void put_gpus(struct work *w, uint32_t vfs)
{
	struct error err;
	size_t i;

	begin(w);
	for (i = 0; i < N_GPUS; i++) {
		struct saved_gpu gpu = { .bdf = fake_bdf(i, -1),
					 .vendor = 0x10de,
					 .device = 0x2235,
					 .wanted_vfs = vfs };

		must(store_put_gpu(w->store, &gpu, &err), &err);
	}
	commit(w, "sriov enable");
}

/* Two vGPUs change places, as a reconcile moves them. */
static void swap(struct work *w, uint32_t a, uint32_t b)
{
	struct saved_vgpu *x = &w->vgpus[a], *y = &w->vgpus[b], was = *x;
	struct error err;

	begin(w);
	must(store_park(w->store, x, &err), &err);
	must(store_park(w->store, y, &err), &err);
	x->gpu = y->gpu, x->vf = y->vf, x->vf_index = y->vf_index;
	y->gpu = was.gpu, y->vf = was.vf, y->vf_index = was.vf_index;
	must(store_set_place(w->store, x, &err), &err);
	must(store_set_place(w->store, y, &err), &err);
	commit(w, "move");
}

/* A transaction that is larger than the cache, so that pages are written before the
 * commit, and the journal is synced more than once. */
static void spill(struct work *w, bool keep)
{
	char detail[3000];
	uint32_t i;

	if (sqlite3_exec(w->store->db, "PRAGMA cache_size = 10", NULL, NULL, NULL))
		power_die("cache_size");
	begin(w);
	for (i = 0; i < 40; i++) {
		memset(detail, 'a' + (int)i % 26, sizeof(detail));
		detail[sizeof(detail) - 1 - i * 70] = '\0';
		event(w, "note", detail);
		if (i % 4 == 0)
			set_state(w, i / 4, keep ? SAVED_STOPPED : SAVED_REMOVING);
	}
	if (keep) {
		commit(w, "stop");
		return;
	}
	store_rollback(w->store);
	for (i = 0; i < 40; i += 4)
		w->vgpus[i / 4].state = SAVED_STOPPED;
}

/* What must leave no trace: a place that is taken. */
static void be_refused(struct work *w)
{
	struct saved_vgpu v = w->vgpus[0];
	struct error err;

	begin(w);
	event(w, "create", "which will not come to anything");
	if (store_insert(w->store, &v, &err) == 0)
		power_die("a vGPU was recorded twice");
	store_rollback(w->store);
}

struct power_models power_work(const struct store_place *place, struct power_log *log)
{
	struct work *w = power_alloc(NULL, sizeof(*w));
	struct power_models models;
	struct error err;
	uint32_t i;

	*w = (struct work){ .place = place,
			    .log = log,
			    .actor = { .name = "root", .command = "work" } };
	w->models.models = power_alloc(NULL, sizeof(*w->models.models));
	w->models.models[w->models.n++] = (struct power_model){ .tables = 0 };
	try(w);
	reopen(w, STORE_CREATE);
	acknowledge(w);
	put_catalog(w, "535.129", 22);
	put_gpus(w, 16);
	create(w, 0, 1);
	create(w, 1, 5);
	be_refused(w);
	reopen(w, STORE_WRITE);
	create(w, 5, 16);
	swap(w, 2, 7);
	begin(w);
	(void)snprintf(w->vgpus[3].vm, sizeof(w->vgpus[3].vm), "%0*d", 255, 7);
	must(store_set_owner(w->store, &w->vgpus[3], &err), &err);
	commit(w, "assign");
	take_away(w, 10);
	take_away(w, 11);
	reopen(w, STORE_CREATE);
	spill(w, true);
	spill(w, false);
	reopen(w, STORE_WRITE);
	create(w, 16, N_VGPUS);
	begin(w);
	for (i = 12; i < N_VGPUS; i++)
		must(store_delete(w->store, &w->vgpus[i], &err), &err);
	commit(w, "remove");
	put_catalog(w, "550.90", 60);
	put_gpus(w, 0);
	store_close(w->store);
	models = w->models;
	free(w);
	return models;
}
