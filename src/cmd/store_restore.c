/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/repair.h"
#include "cmd/sriov.h"
#include "cmd/store.h"
#include "cmd/view.h"
#include "cmd/work.h"
#include "core/compare.h"
#include "out/backup.h"
#include "out/json.h"
#include "out/record.h"
#include "out/table.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock.h"
#include "util/text.h"

DEFINE_CLEANUP(struct store *, store_close)
DEFINE_CLEANUP(struct saved *, saved_free)
DEFINE_CLEANUP(struct table *, table_free)

/* A call of restore under way. */
struct restore {
	struct saved *then;  /* what is to be restored */
	struct store *store; /* NULL: there is none, or it is damaged */
	struct view view;    /* with the record as it is */
	bool damaged;	     /* so that another store takes its place */
	struct difference *differences;
	size_t n, n_changed, n_orphans;
	int *locks; /* one per record that changes */
	size_t n_locks;
};

static void restore_end(struct restore *s)
{
	size_t i;

	for (i = 0; i < s->n_locks; i++)
		close_fd(s->locks[i]);
	free(s->locks);
	free(s->differences);
	saved_free(s->then);
	store_close(s->store);
	view_close(&s->view);
}

static const char *time_text(int64_t at, char buf[TIME_SIZE])
{
	time_t seconds = (time_t)at;
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) ||
	    !strftime(buf, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm))
		buf[0] = '\0';
	return buf;
}

static int list_backups(struct context *ctx, struct error *err)
{
	static const struct column columns[] = {
		{ "FILE", false }, { "GENERATION", true }, { "WRITTEN", false },
		{ "VGPUS", true }, { "SIZE", true },	   { "STATE", false },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	_cleanup_(freep) struct backup *list = NULL;
	_cleanup_(json_decrefp) json_t *array = json_array();
	ssize_t i, n = backup_list(&ctx->place, &list, err);
	char now[TIME_SIZE];
	json_t *document;
	int r = n < 0 ? (int)n : table_new(columns, ARRAY_SIZE(columns), &table, err);

	for (i = 0; i < n && r == 0; i++) {
		_cleanup_(saved_freep) struct saved *saved = NULL;
		char written[TIME_SIZE], generation[24], vgpus[24] = "", size[24];
		struct error why;
		bool good = backup_read(&ctx->place, list[i].name, &saved, &why) == 0;

		(void)snprintf(generation, sizeof(generation), "%llu",
			       (unsigned long long)list[i].generation);
		(void)snprintf(size, sizeof(size), "%llu",
			       (unsigned long long)list[i].size);
		if (good)
			(void)snprintf(vgpus, sizeof(vgpus), "%zu", saved->n_vgpus);
		(void)time_text(list[i].written_at, written);
		(void)json_array_append_new(
			array,
			json_pack("{s:s, s:I, s:s, s:o, s:I, s:o}", "file", list[i].name,
				  "generation", (json_int_t)list[i].generation, "written",
				  written, "vgpus",
				  good ? json_integer((json_int_t)saved->n_vgpus)
				       : json_null(),
				  "size", (json_int_t)list[i].size, "error",
				  good ? json_null() : json_text(why.message)));
		r = table_add(table,
			      (const char *[]){ list[i].name, generation, written, vgpus,
						size, good ? "good" : why.message },
			      err);
	}
	if (r < 0 || !ctx->json)
		return r < 0 ? r : table_print(table, err);
	document = json_document("store", clock_now(now, sizeof(now)), NULL);
	(void)json_object_set(document, "backups", array);
	return context_print(ctx, document, err);
}

/* A path, or else a name that --list shows, with or without the directory. */
static int read_file(struct context *ctx, const char *file, struct saved **ret,
		     struct error *err)
{
	_cleanup_(closep) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char name[BACKUP_NAME_SIZE];
	const char *base = strrchr(file, '/');
	struct error inner;
	int r;

	if (fd >= 0)
		return record_read(fd, file, ret, err);
	r = error_set(err, ERROR_SYSTEM, errno, "open %s", file);
	if (r != -ENOENT)
		return r;
	if (!strcmp(file, BACKUP_NAME))
		return backup_read(&ctx->place, BACKUP_NAME, ret, err);
	(void)snprintf(name, sizeof(name), ARCHIVE_NAME "/%.60s", base ? base + 1 : file);
	if (strcmp(name, file) && base)
		return r;
	r = backup_read(&ctx->place, name, ret, &inner);
	if (r == 0)
		return 0;
	if (r != -ENOENT) {
		*err = inner;
		return r;
	}
	err->kind = ERROR_NOT_FOUND;
	error_hint(err, "'vgpumgr store restore --list' shows the backups there are");
	return r;
}

static int open_now(struct context *ctx, struct restore *s, enum store_mode mode,
		    struct error *err)
{
	int r = context_open_store(ctx, mode, &s->store, err);

	if (r == 0 && mode == STORE_READ)
		r = store_quick_check(s->store, err);
	return r == 0 ? store_load(s->store, &s->view.saved, err) : r;
}

/* The record as it is. One that is damaged is none, with nothing to be lost but itself.
 */
static int read_now(struct context *ctx, struct restore *s, struct error *err)
{
	int r = open_now(ctx, s, ctx->dry_run ? STORE_READ : STORE_WRITE, err);

	if (r == -EUCLEAN) {
		warning("%s", err->message);
		s->damaged = true;
		store_close(s->store);
		s->store = NULL;
	}
	if (r == -EUCLEAN || r == -ENOENT) {
		s->view.saved = calloc(1, sizeof(*s->view.saved));
		r = s->view.saved ? 0 : error_set(err, ERROR_SYSTEM, ENOMEM, "restore");
	}
	return r;
}

static bool is_live(const struct restore *s, const char *uuid)
{
	return host_find_live(s->view.host, uuid) != NULL;
}

static int compare(struct context *ctx, struct restore *s, struct error *err)
{
	size_t i, j;
	int r = context_scan(ctx, SCAN_NAMES | SCAN_OTHERS | SCAN_STUCK, &s->view.host,
			     err);

	if (r < 0)
		return r;
	s->differences = calloc(s->view.saved->n_vgpus + s->then->n_vgpus + 1,
				sizeof(*s->differences));
	if (!s->differences)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "restore");
	s->n = compare_records(s->view.saved->vgpus, s->view.saved->n_vgpus,
			       s->then->vgpus, s->then->n_vgpus, s->differences);
	for (i = 0; i < s->n; i++) {
		struct difference *d = &s->differences[i];

		s->n_changed += d->change != CHANGE_NONE;
		s->n_orphans += d->change == CHANGE_DROP && is_live(s, d->now->uuid);
		if (d->now && d->then)
			d->then->row = d->now->row;
	}
	for (i = 0; i < s->then->n_gpus; i++) {
		const struct saved_gpu *g =
			saved_find_gpu(s->view.saved, &s->then->gpus[i].bdf);

		s->n_changed += !g || !compare_same_wishes(g, &s->then->gpus[i]);
	}
	for (j = 0; j < s->view.saved->n_gpus; j++)
		s->n_changed += !saved_find_gpu(s->then, &s->view.saved->gpus[j].bdf);
	return 0;
}

static const char *cordon_text(const struct saved *saved, const struct bdf *gpu)
{
	const struct saved_gpu *g = saved_find_gpu(saved, gpu);

	return g && g->cordoned ? "on" : "off";
}

static const char *wanted_text(const struct saved *saved, const struct bdf *gpu,
			       char buf[24])
{
	const struct saved_gpu *g = saved_find_gpu(saved, gpu);

	(void)snprintf(buf, 24, "%u", g ? g->wanted_vfs : 0);
	return buf;
}

/* What becomes of wishes about GPUs. */
static void tell_gpus(const struct context *ctx, const struct restore *s,
		      const struct saved *of)
{
	char name[BDF_SIZE], now[24], then[24];
	size_t i;

	for (i = 0; i < of->n_gpus; i++) {
		const struct bdf *gpu = &of->gpus[i].bdf;

		if (of != s->then && saved_find_gpu(s->then, gpu))
			continue;
		if (strcmp(wanted_text(s->view.saved, gpu, now),
			   wanted_text(s->then, gpu, then)))
			note(ctx, "GPU %s: virtual functions wanted: %s, was %s",
			     bdf_format(gpu, name), then, now);
		if (strcmp(cordon_text(s->view.saved, gpu), cordon_text(s->then, gpu)))
			note(ctx, "GPU %s: cordon %s, was %s", bdf_format(gpu, name),
			     cordon_text(s->then, gpu), cordon_text(s->view.saved, gpu));
	}
}

static const char *owner(const struct saved_vgpu *v, char *buf, size_t size)
{
	if (v)
		(void)snprintf(buf, size, "%s/%u", v->vm, v->slot);
	return v ? buf : NULL;
}

static int print_plan(const struct restore *s, struct error *err)
{
	static const struct column columns[] = {
		{ "UUID", false }, { "PROFILE", false }, { "CHANGE", false },
		{ "NOW", false },  { "THEN", false },	 { "LIVE", false },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	size_t i, lines = 0;
	int r = table_new(columns, ARRAY_SIZE(columns), &table, err);

	for (i = 0; i < s->n && r == 0; i++) {
		const struct difference *d = &s->differences[i];
		const struct saved_vgpu *v = d->then ? d->then : d->now;
		char now[VM_NAME_SIZE + 64], then[sizeof(now)], vf[BDF_SIZE];
		char *texts[] = { now, then };
		const struct saved_vgpu *sides[] = { d->now, d->then };
		size_t side;

		if (d->change == CHANGE_NONE)
			continue;
		for (side = 0; side < 2; side++) {
			size_t length;

			texts[side][0] = '\0';
			if (!sides[side])
				continue;
			(void)owner(sides[side], texts[side], sizeof(now));
			length = strlen(texts[side]);
			(void)snprintf(texts[side] + length, sizeof(now) - length,
				       " %s %s", bdf_format(&sides[side]->vf, vf),
				       saved_state_name(sides[side]->state));
		}
		lines++;
		r = table_add(table,
			      (const char *[]){ v->uuid, v->profile,
						change_name(d->change), now, then,
						is_live(s, v->uuid) ? "yes" : "no" },
			      err);
	}
	return r == 0 && lines ? table_print(table, err) : r;
}

static int print_json(const struct context *ctx, const struct restore *s, bool applied,
		      struct error *err)
{
	json_t *document = json_document("store", s->view.as_of, s->view.host);
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < s->n; i++) {
		const struct difference *d = &s->differences[i];
		const struct saved_vgpu *v = d->then ? d->then : d->now;

		(void)json_array_append_new(
			array,
			json_pack("{s:s, s:s, s:s, s:I, s:o, s:s, s:b}", "uuid", v->uuid,
				  "profile", v->profile, "vm", v->vm, "slot",
				  (json_int_t)v->slot, "vf", json_bdf(&v->vf), "change",
				  change_name(d->change), "live", is_live(s, v->uuid)));
	}
	(void)json_object_set_new(document, "vgpus", array);
	(void)json_object_set_new(document, "restored_as_of", json_text(s->then->as_of));
	(void)json_object_set_new(document, "applied", json_boolean(applied));
	return context_print(ctx, document, err);
}

/* What must not happen unless it is forced. */
static int check(const struct restore *s, struct error *err)
{
	const char *machine = s->view.host->machine_id;

	if (s->n_orphans) {
		(void)error_set(err, ERROR_CONFLICT, 0,
				"%zu live vGPU%s would be left without a record",
				s->n_orphans, s->n_orphans == 1 ? "" : "s");
		error_hint(err, "they are those with change 'drop': remove them first, "
				"or --force makes them foreign");
		return -EBUSY;
	}
	if (s->then->machine_id[0] && machine[0] &&
	    strcmp(s->then->machine_id, machine)) {
		(void)error_set(err, ERROR_CONFLICT, 0,
				"it is the record of another machine, %s, not of %s",
				s->then->machine_id, machine);
		error_hint(err, "--force restores it all the same");
		return -EBUSY;
	}
	return 0;
}

/* Nobody may be at work on a record that changes. */
static int lock_changed(struct context *ctx, struct restore *s, struct error *err)
{
	size_t i;

	s->locks = calloc(s->n + 1, sizeof(*s->locks));
	if (!s->locks)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "restore");
	for (i = 0; i < s->n; i++) {
		const struct difference *d = &s->differences[i];
		int fd;

		if (d->change == CHANGE_NONE || !d->now)
			continue;
		fd = store_open_lock(&ctx->place, err);
		if (fd < 0)
			return fd;
		s->locks[s->n_locks++] = fd;
		if (lock_take(fd, d->now->row, clock_monotonic_ms(), err) < 0) {
			(void)error_set(err, ERROR_CONFLICT, EBUSY,
					"another process is at work on %s", d->now->uuid);
			error_hint(err, "run it again when that is done");
			return -EBUSY;
		}
	}
	return 0;
}

static int record_events(struct restore *s, const char *from, struct error *err)
{
	char detail[512];
	size_t i;
	int r;

	(void)snprintf(detail, sizeof(detail), "%zu vGPUs of %.200s, as of %s",
		       s->then->n_vgpus, from, s->then->as_of);
	r = store_event(s->store, "store-restore", EVENT_DONE, NULL, detail, err);
	for (i = 0; i < s->n && r == 0; i++) {
		const struct difference *d = &s->differences[i];
		const struct saved_vgpu *v = d->then ? d->then : d->now;
		char what[WHAT_SIZE];

		if (d->change == CHANGE_NONE)
			continue;
		(void)snprintf(detail, sizeof(detail), "%s: %s", change_name(d->change),
			       work_what(v, what));
		r = store_event(s->store, "store-restore", EVENT_DONE, v, detail, err);
	}
	return r;
}

/* Into the store that is there, in one transaction, if it is still what was compared. */
static int apply(struct context *ctx, struct restore *s, const char *from,
		 struct error *err)
{
	uint64_t generation;
	int r = lock_changed(ctx, s, err);

	if (r == 0)
		r = store_begin(s->store, err);
	if (r < 0)
		return r;
	r = store_generation(s->store, &generation, err);
	if (r == 0 && generation != s->view.saved->generation) {
		r = error_set(err, ERROR_CONFLICT, ESTALE,
			      "the record was changed by another process");
		error_hint(err, "run it again");
	}
	if (r == 0)
		r = store_import(s->store, s->then, err);
	if (r == 0)
		r = record_events(s, from, err);
	if (r == 0)
		return store_commit(s->store, err);
	store_rollback(s->store);
	return r;
}

/* Where there is no store, or none that can be read, a new one. */
static int replace(struct context *ctx, struct restore *s, const char *from,
		   struct error *err)
{
	_cleanup_(freep) struct backup *list = NULL;
	char how[512], kept[128];
	uint64_t next = s->then->generation + 1;
	ssize_t i, n;
	int r;

	/* Its directory must be there to look for generations that were used. */
	n = backup_list(&ctx->place, &list, err);
	for (i = 0; i < n; i++)
		if (list[i].generation >= next)
			next = list[i].generation + 1;
	(void)snprintf(how, sizeof(how), "%zu vGPUs of %.200s, as of %s",
		       s->then->n_vgpus, from, s->then->as_of);
	r = n < 0 ? (int)n : repair_replace(ctx, s->then, next, how, kept, err);
	if (r < 0)
		return r;
	if (kept[0])
		note(ctx, "the old store was kept as %s", kept);
	return context_open_store(ctx, STORE_WRITE, &s->store, err);
}

/* One at a time, beside whoever repairs it: what came into its place since it was read is
 * not what was compared. */
static int check_lost(struct context *ctx, int *ret_fd, struct error *err)
{
	struct restore now = { .store = NULL };
	int r, fd = host_open_lock(ctx, err);

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	r = lock_take(fd, LOCK_REPAIR,
		      clock_monotonic_ms() + (int64_t)context_timeout(ctx) * 1000, err);
	if (r < 0)
		return error_context(err, "wait for a repair to end");
	r = open_now(ctx, &now, STORE_WRITE, err);
	restore_end(&now);
	if (r == 0) {
		(void)error_set(err, ERROR_CONFLICT, ESTALE,
				"the record was restored by another process");
		error_hint(err, "run it again");
		return -ESTALE;
	}
	return r == -EUCLEAN || r == -ENOENT ? 0 : r;
}

static int change_record(struct context *ctx, struct restore *s, const char *from,
			 struct error *err)
{
	_cleanup_(closep) int turn_fd = -1;
	int r;

	if (s->store) {
		/* Beside a reconcile, which has read the record that is replaced. */
		turn_fd = host_open_lock(ctx, err);
		if (turn_fd < 0)
			return turn_fd;
		r = lock_take(turn_fd, LOCK_RECONCILE,
			      clock_monotonic_ms() + (int64_t)context_timeout(ctx) * 1000,
			      err);
		if (r < 0)
			return error_context(err, "wait for a reconcile to end");
		r = apply(ctx, s, from, err);
	} else {
		r = check_lost(ctx, &turn_fd, err);
		if (r == 0)
			r = replace(ctx, s, from, err);
	}
	if (r == 0)
		context_publish(ctx, s->store, s->view.host->machine_id);
	return r;
}

int store_restore_run(struct context *ctx, const struct store_args *args,
		      struct error *err)
{
	_cleanup_(restore_end) struct restore s = { .store = NULL };
	bool applies;
	int r;

	if (args->list)
		return list_backups(ctx, err);
	(void)clock_now(s.view.as_of, sizeof(s.view.as_of));
	r = read_file(ctx, args->file, &s.then, err);
	if (r == 0)
		r = read_now(ctx, &s, err);
	if (r == 0)
		r = compare(ctx, &s, err);
	if (r < 0)
		return r;
	applies = !ctx->dry_run && (s.n_changed || s.damaged || !s.store);
	if (!ctx->json) {
		r = print_plan(&s, err);
		tell_gpus(ctx, &s, s.then);
		tell_gpus(ctx, &s, s.view.saved);
	}
	if (r == 0 && !args->force)
		r = check(&s, err);
	if (r == 0 && applies)
		r = change_record(ctx, &s, args->file, err);
	if (r < 0)
		return r;
	if (ctx->json)
		return print_json(ctx, &s, applies, err);
	if (!s.n_changed && !applies)
		note(ctx, "nothing to restore: the record is the same");
	else
		note(ctx, "%s the record of %s: %zu vGPUs%s",
		     applies ? "restored" : "would restore", s.then->as_of,
		     s.then->n_vgpus,
		     applies ? "; 'vgpumgr reconcile' makes live what is missing" : "");
	return 0;
}
