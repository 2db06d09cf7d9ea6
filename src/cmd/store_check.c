/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "cmd/outcome.h"
#include "cmd/store.h"
#include "core/compare.h"
#include "out/backup.h"
#include "out/json.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/text.h"

DEFINE_CLEANUP(struct store *, store_close)
DEFINE_CLEANUP(struct saved *, saved_free)

/* How a check went: "warn" is worth knowing, and no fault. */
enum grade { GRADE_OK, GRADE_WARN, GRADE_FAIL };

struct checks {
	struct context *ctx;
	json_t *array;
	bool damaged, drifted;
};

static void tell(struct checks *c, enum grade grade, const char *name, const char *fmt,
		 ...) __attribute__((format(printf, 4, 5)));

static void tell(struct checks *c, enum grade grade, const char *name, const char *fmt,
		 ...)
{
	static const char *const grades[] = { "ok", "warn", "FAIL" };
	char detail[1024], shown[4 * sizeof(detail)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	(void)text_escape(shown, sizeof(shown), detail);
	if (c->ctx->json)
		(void)json_array_append_new(
			c->array, json_pack("{s:s, s:s, s:o}", "check", name, "result",
					    grades[grade], "detail", json_text(shown)));
	else if (!c->ctx->quiet || grade != GRADE_OK)
		printf("%-4s  %-9s  %s\n", grades[grade], name, shown);
}

/* Are the same records in both? */
static bool same_records(const struct saved *saved, const struct saved *backup)
{
	size_t i;

	if (saved->n_vgpus != backup->n_vgpus)
		return false;
	for (i = 0; i < backup->n_vgpus; i++) {
		const struct saved_vgpu *v = saved_find(saved, backup->vgpus[i].uuid);

		if (!v || !compare_same(v, &backup->vgpus[i]))
			return false;
	}
	return true;
}

static int check_backup(struct checks *c, const struct saved *saved, struct error *ret)
{
	_cleanup_(saved_freep) struct saved *backup = NULL;
	_cleanup_(freep) struct backup *list = NULL;
	struct error err;
	ssize_t n = backup_list(&c->ctx->place, &list, &err);
	int r = n < 0 ? (int)n : backup_read(&c->ctx->place, BACKUP_NAME, &backup, &err);

	if (r == -ENOMEM) {
		*ret = err;
		return r;
	}
	if (r < 0)
		tell(c, GRADE_WARN, "backup", "%s; the next change writes it anew",
		     err.message);
	else if (backup->generation != saved->generation || !same_records(saved, backup))
		tell(c, GRADE_WARN, "backup",
		     BACKUP_NAME " is of generation %llu, the store of %llu; the next "
				 "change writes it anew",
		     (unsigned long long)backup->generation,
		     (unsigned long long)saved->generation);
	else
		tell(c, GRADE_OK, "backup",
		     BACKUP_NAME " of %s is the same; %zd before it", backup->as_of,
		     n - 1);
	return 0;
}

/* How many of the saved vGPUs are not as saved, stopped ones aside. */
static int check_kernel(struct checks *c, struct error *err)
{
	struct outcome_summary summary = { .warnings = NULL };
	_cleanup_(view_close) struct view view = { .host = NULL };
	_cleanup_(freep) struct row *rows = NULL;
	ssize_t i, n;
	int r = view_open(c->ctx, SCAN_NAMES | SCAN_OTHERS | SCAN_STUCK, &view, err);

	if (r == 0)
		r = view_check_types(c->ctx, &view, err);
	n = r == 0 ? rows_make(&view, &rows, err) : r;
	if (n < 0)
		return (int)n;
	for (i = 0; i < n; i++) {
		struct outcome outcome = { .row = rows[i] };

		outcome_judge(&outcome, &summary);
	}
	c->drifted = summary.failed > 0;
	if (c->drifted)
		tell(c, GRADE_FAIL, "kernel",
		     "%u as saved, %u not, %u foreign; 'vgpumgr check' tells which",
		     summary.as_saved, summary.failed, summary.foreign);
	else
		tell(c, GRADE_OK, "kernel", "%u as saved, %u foreign", summary.as_saved,
		     summary.foreign);
	return 0;
}

/* A store that is damaged is what this is for; what else goes wrong is a failure. */
static int judge(struct checks *c, const char *name, int r, const struct error *err)
{
	if (r == 0)
		return 0;
	if (err->kind != ERROR_STORE)
		return r;
	c->damaged = true;
	tell(c, GRADE_FAIL, name, "%s", err->message);
	if (err->hint[0] && !c->ctx->json)
		note(c->ctx, "hint: %s", err->hint);
	return r;
}

static int check_store(struct checks *c, struct error *err)
{
	_cleanup_(store_closep) struct store *store = NULL;
	_cleanup_(saved_freep) struct saved *saved = NULL;
	struct context *ctx = c->ctx;
	int r = judge(c, "file", context_open_store(ctx, STORE_READ, &store, err), err);

	if (r < 0)
		return r;
	tell(c, GRADE_OK, "file", "%s", ctx->place.file);
	r = judge(c, "integrity", store_full_check(store, err), err);
	if (r < 0)
		return r;
	tell(c, GRADE_OK, "integrity", "every page and index is sound");
	r = judge(c, "records", store_load(store, &saved, err), err);
	if (r < 0)
		return r;
	tell(c, GRADE_OK, "records", "%zu vGPUs, %zu GPUs, generation %llu",
	     saved->n_vgpus, saved->n_gpus, (unsigned long long)saved->generation);
	return check_backup(c, saved, err);
}

int store_check_run(struct context *ctx, struct error *err)
{
	_cleanup_(json_decrefp) json_t *array = json_array();
	struct checks c = { .ctx = ctx, .array = array };
	struct error found;
	json_t *document;
	char now[TIME_SIZE];
	int r = check_store(&c, &found);

	if (r == -ENOENT && !c.damaged) {
		tell(&c, GRADE_OK, "file", "there is none: nothing is saved");
	} else if (r < 0 && !c.damaged) {
		*err = found;
		return r;
	}
	if (!c.damaged) {
		r = check_kernel(&c, err);
		if (r < 0)
			return r;
	}
	if (ctx->json) {
		document = json_document("store", clock_now(now, sizeof(now)), NULL);
		(void)json_object_set(document, "checks", array);
		r = context_print(ctx, document, err);
		if (r < 0)
			return r;
	}
	if (c.damaged)
		return ERROR_STORE;
	return c.drifted ? ERROR_DRIFT : 0;
}
