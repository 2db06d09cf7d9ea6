/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_internal.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock.h"
#include "util/text.h"

DEFINE_CLEANUP(struct saved *, saved_free)

void saved_free(struct saved *saved)
{
	if (!saved)
		return;
	free(saved->vgpus);
	free(saved->gpus);
	free(saved);
}

struct saved_vgpu *saved_find(const struct saved *saved, const char *uuid)
{
	size_t i;

	for (i = 0; i < saved->n_vgpus; i++)
		if (!strcmp(saved->vgpus[i].uuid, uuid))
			return &saved->vgpus[i];
	return NULL;
}

struct saved_vgpu *saved_find_vm(const struct saved *saved, const char *vm, uint32_t slot)
{
	size_t i;

	for (i = 0; i < saved->n_vgpus; i++)
		if (saved->vgpus[i].slot == slot && !strcmp(saved->vgpus[i].vm, vm))
			return &saved->vgpus[i];
	return NULL;
}

struct saved_gpu *saved_find_gpu(const struct saved *saved, const struct bdf *bdf)
{
	size_t i;

	for (i = 0; i < saved->n_gpus; i++)
		if (bdf_equal(&saved->gpus[i].bdf, bdf))
			return &saved->gpus[i];
	return NULL;
}

bool column_text(sqlite3_stmt *s, int i, char *buf, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(s, i);

	return text_copy(buf, size, text ? text : "");
}

bool column_u32(sqlite3_stmt *s, int i, uint32_t *ret)
{
	int64_t value = sqlite3_column_int64(s, i);

	*ret = (uint32_t)value;
	return value >= 0 && value <= UINT32_MAX;
}

bool column_bdf(sqlite3_stmt *s, int i, struct bdf *ret)
{
	const char *text = (const char *)sqlite3_column_text(s, i);

	return text && bdf_parse(text, ret);
}

/* Where it is on its way to, if it is. */
static bool read_target(sqlite3_stmt *s, struct saved_vgpu *v)
{
	if (sqlite3_column_type(s, 22) == SQLITE_NULL)
		return true;
	v->is_moving = v->state == SAVED_REMOVING;
	return column_bdf(s, 21, &v->to_gpu) && column_bdf(s, 22, &v->to_vf) &&
	       column_u32(s, 23, &v->to_vf_index) && v->is_moving;
}

/* What came with schema 3, or was not used before. */
static bool read_more(sqlite3_stmt *s, struct saved_vgpu *v)
{
	char params[PARAMS_SIZE], bad[PARAMS_BAD_SIZE], attached[8];

	v->has_placement_id = sqlite3_column_type(s, 18) != SQLITE_NULL;
	if (!column_text(s, 17, params, sizeof(params)) ||
	    !column_u32(s, 18, &v->placement_id) ||
	    !column_text(s, 19, v->driver_version, sizeof(v->driver_version)) ||
	    !column_text(s, 20, attached, sizeof(attached)) ||
	    !framework_parse(attached, &v->attached))
		return false;
	if (params[0] && (params_normalise(params, v->params, bad) != PARAMS_FINE ||
			  strcmp(params, v->params) != 0))
		return false;
	return read_target(s, v);
}

/* The columns of vgpu_all, in its order. False where one holds what it never should. */
static bool read_vgpu(sqlite3_stmt *s, struct saved_vgpu *v)
{
	char framework[8], state[16];

	*v = (struct saved_vgpu){ .row = sqlite3_column_int64(s, 0) };
	if (!column_text(s, 1, v->uuid, sizeof(v->uuid)) ||
	    !column_text(s, 2, v->vm, sizeof(v->vm)) ||
	    !column_text(s, 3, v->vm_uuid, sizeof(v->vm_uuid)) ||
	    !column_u32(s, 4, &v->slot) ||
	    !column_text(s, 5, v->profile, sizeof(v->profile)) ||
	    !column_text(s, 6, v->type_name, sizeof(v->type_name)) ||
	    !column_u32(s, 7, &v->type_id) || !column_u32(s, 8, &v->framebuffer_mib) ||
	    !column_text(s, 9, framework, sizeof(framework)) ||
	    !column_bdf(s, 10, &v->gpu) || !column_bdf(s, 11, &v->vf) ||
	    !column_u32(s, 12, &v->vf_index) ||
	    !column_text(s, 13, state, sizeof(state)) ||
	    !column_text(s, 14, v->boot_id, sizeof(v->boot_id)) ||
	    !column_text(s, 15, v->created_at, sizeof(v->created_at)) ||
	    !column_text(s, 16, v->changed_at, sizeof(v->changed_at)))
		return false;
	v->framework = !strcmp(framework, "vfio") ? FRAMEWORK_VFIO : FRAMEWORK_MDEV;
	return saved_state_parse(state, &v->state) && read_more(s, v);
}

void store_leave_out(struct saved *saved, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!saved->n_bad++)
		(void)vsnprintf(saved->bad, sizeof(saved->bad), fmt, ap);
	va_end(ap);
}

static int load_vgpus(struct store *store, struct saved *saved, struct error *err)
{
	sqlite3_stmt *s = store_query(
		store, store->version < SCHEMA_FRAMEWORKS ? SQL_VGPU_ALL_2 : SQL_VGPU_ALL,
		err);
	size_t room = 0;
	int code;

	if (!s)
		return -EIO;
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		if (saved->n_vgpus == room) {
			struct saved_vgpu *grown;

			room = room ? room * 2 : 16;
			grown = reallocarray(saved->vgpus, room, sizeof(*grown));
			if (!grown)
				return error_set(err, ERROR_SYSTEM, ENOMEM,
						 "read the store");
			saved->vgpus = grown;
		}
		if (read_vgpu(s, &saved->vgpus[saved->n_vgpus]))
			saved->n_vgpus++;
		else
			store_leave_out(saved, "the record in row %lld makes no sense",
					(long long)sqlite3_column_int64(s, 0));
	}
	if (code != SQLITE_DONE)
		return store_fail(store, err, "read");
	if (saved->n_vgpus)
		qsort(saved->vgpus, saved->n_vgpus, sizeof(*saved->vgpus),
		      saved_compare_place);
	(void)sqlite3_reset(s);
	return 0;
}

static int get_meta(struct store *store, const char *key, char *buf, size_t size,
		    struct error *err)
{
	sqlite3_stmt *s = store_query(store, SQL_META_GET, err);
	int code;

	if (!s)
		return -EIO;
	bind_text(s, ":key", key);
	code = sqlite3_step(s);
	buf[0] = '\0';
	if (code == SQLITE_ROW)
		(void)column_text(s, 0, buf, size);
	(void)sqlite3_reset(s);
	return code == SQLITE_ROW || code == SQLITE_DONE ? 0
							 : store_fail(store, err, "read");
}

/* Which records some living process is at work on. */
static void mark_in_progress(struct store *store, struct saved *saved)
{
	_cleanup_(closep) int fd =
		lock_peek(store->place->root_fd, store->place->dir, LOCK_NAME);
	size_t i;

	/* Without a lock file nobody has ever taken a lock here. */
	for (i = 0; fd >= 0 && i < saved->n_vgpus; i++) {
		struct saved_vgpu *v = &saved->vgpus[i];

		v->in_progress = lock_is_held(fd, v->row);
		v->attended = v->in_progress && lock_is_held(fd, LOCK_ATTENDED + v->row);
	}
}

int store_generation(struct store *store, uint64_t *ret, struct error *err)
{
	char text[24];
	int r = get_meta(store, "generation", text, sizeof(text), err);

	if (r == 0 && !parse_u64(text, ret))
		return store_damaged(store, err, ": it has no generation");
	return r;
}

static int load(struct store *store, struct saved *saved, struct error *err)
{
	int r = store_look_at_version(store, err);

	if (r == 0)
		r = load_vgpus(store, saved, err);

	if (r == 0)
		r = store_load_gpus(store, saved, err);
	if (r == 0)
		r = store_generation(store, &saved->generation, err);
	if (r == 0)
		r = get_meta(store, "store_id", saved->store_id, sizeof(saved->store_id),
			     err);
	return r;
}

int store_load(struct store *store, struct saved **ret, struct error *err)
{
	_cleanup_(saved_freep) struct saved *saved = calloc(1, sizeof(*saved));
	bool own = !store->in_transaction;
	int r;

	if (!saved)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "read the store");
	if (own) {
		r = store_run(store, store_query(store, SQL_BEGIN_READ, err), "read",
			      err);
		if (r < 0)
			return r;
	}
	r = load(store, saved, err);
	if (own)
		(void)store_run(store, store_query(store, SQL_ROLLBACK, NULL), "", NULL);
	if (r < 0)
		return r;
	if (saved->n_bad && !store->tolerant)
		return store_damaged(store, err, ": %s", saved->bad);
	mark_in_progress(store, saved);
	*ret = TAKE_PTR(saved);
	return 0;
}

static void bind_now(sqlite3_stmt *s, struct saved_vgpu *vgpu)
{
	bind_text(s, ":now", clock_now(vgpu->changed_at, sizeof(vgpu->changed_at)));
}

static void bind_owner(sqlite3_stmt *s, const struct saved_vgpu *vgpu)
{
	bind_text(s, ":vm", vgpu->vm);
	bind_text_or_null(s, ":vm_uuid", vgpu->vm_uuid);
	bind_int(s, ":slot", vgpu->slot);
}

static void bind_place(sqlite3_stmt *s, const struct saved_vgpu *vgpu)
{
	char gpu[BDF_SIZE], vf[BDF_SIZE];

	bind_text(s, ":gpu", bdf_format(&vgpu->gpu, gpu));
	bind_text(s, ":vf", bdf_format(&vgpu->vf, vf));
	bind_int(s, ":vf_index", vgpu->vf_index);
}

/* What is wanted of the device and known of its making. */
static void bind_device(sqlite3_stmt *s, const struct saved_vgpu *vgpu)
{
	enum framework attached = vgpu->attached ? vgpu->attached : vgpu->framework;

	bind_text_or_null(s, ":params", vgpu->params);
	if (vgpu->has_placement_id)
		bind_int(s, ":placement_id", vgpu->placement_id);
	bind_text(s, ":driver_version", vgpu->driver_version);
	bind_text(s, ":attached", framework_name(attached));
}

static void bind_target(sqlite3_stmt *s, const struct saved_vgpu *vgpu)
{
	char gpu[BDF_SIZE], vf[BDF_SIZE];

	bind_text(s, ":to_gpu", bdf_format(&vgpu->to_gpu, gpu));
	bind_text(s, ":to_vf", bdf_format(&vgpu->to_vf, vf));
	bind_int(s, ":to_vf_index", vgpu->to_vf_index);
}

static void bind_state(sqlite3_stmt *s, const struct saved_vgpu *vgpu)
{
	bind_int(s, ":type_id", vgpu->type_id);
	bind_text(s, ":state", saved_state_name(vgpu->state));
	bind_text(s, ":boot_id", vgpu->boot_id);
	bind_text(s, ":framework", framework_name(vgpu->framework));
}

int store_insert(struct store *store, struct saved_vgpu *vgpu, struct error *err)
{
	int r = store_is_current(store, err);
	sqlite3_stmt *s = r < 0 ? NULL : store_query(store, SQL_VGPU_INSERT, err);

	if (!s)
		return r < 0 ? r : -EIO;
	bind_device(s, vgpu);
	bind_owner(s, vgpu);
	bind_place(s, vgpu);
	bind_state(s, vgpu);
	bind_now(s, vgpu);
	bind_text(s, ":uuid", vgpu->uuid);
	bind_text(s, ":profile", vgpu->profile);
	bind_text(s, ":type_name", vgpu->type_name);
	bind_int(s, ":framebuffer_mib", vgpu->framebuffer_mib);
	(void)text_copy(vgpu->created_at, sizeof(vgpu->created_at), vgpu->changed_at);
	r = store_run(store, s, "record a vGPU", err);
	if (r == 0)
		vgpu->row = sqlite3_last_insert_rowid(store->db);
	return r;
}

/* Runs an update of the row VGPU->row, which must exist. */
static int update_row(struct store *store, sqlite3_stmt *s, struct saved_vgpu *vgpu,
		      struct error *err)
{
	int r;

	bind_now(s, vgpu);
	bind_int(s, ":id", vgpu->row);
	r = store_run(store, s, "change a record", err);
	if (r == 0 && sqlite3_changes(store->db) != 1)
		return error_set(err, ERROR_CONFLICT, ESTALE,
				 "the record of %s was changed by another process",
				 vgpu->uuid);
	return r;
}

int store_set_state(struct store *store, struct saved_vgpu *vgpu, enum saved_state from,
		    struct error *err)
{
	bool old = store->version < SCHEMA_FRAMEWORKS;
	sqlite3_stmt *s =
		store_query(store, old ? SQL_VGPU_SET_STATE_2 : SQL_VGPU_SET_STATE, err);

	if (!s)
		return -EIO;
	bind_state(s, vgpu);
	if (!old)
		bind_text(s, ":driver_version", vgpu->driver_version);
	bind_text(s, ":from", saved_state_name(from));
	return update_row(store, s, vgpu, err);
}

int store_set_place(struct store *store, struct saved_vgpu *vgpu, struct error *err)
{
	sqlite3_stmt *s = store_query(store, SQL_VGPU_SET_PLACE, err);

	if (!s)
		return -EIO;
	bind_place(s, vgpu);
	return update_row(store, s, vgpu, err);
}

int store_set_target(struct store *store, struct saved_vgpu *vgpu, struct error *err)
{
	int r = store_is_current(store, err);
	sqlite3_stmt *s = r < 0 ? NULL : store_query(store, SQL_VGPU_SET_TARGET, err);

	if (!s)
		return r < 0 ? r : -EIO;
	bind_target(s, vgpu);
	return update_row(store, s, vgpu, err);
}

int store_set_owner(struct store *store, struct saved_vgpu *vgpu, struct error *err)
{
	sqlite3_stmt *s = store_query(store, SQL_VGPU_SET_OWNER, err);

	if (!s)
		return -EIO;
	bind_owner(s, vgpu);
	return update_row(store, s, vgpu, err);
}

int store_set_attached(struct store *store, struct saved_vgpu *vgpu, struct error *err)
{
	sqlite3_stmt *s = store_query(store, SQL_VGPU_SET_ATTACHED, err);

	if (!s)
		return -EIO;
	bind_text(s, ":attached", framework_name(vgpu->attached));
	return update_row(store, s, vgpu, err);
}

static int run_on_row(struct store *store, enum sql_query query,
		      const struct saved_vgpu *vgpu, const char *what, struct error *err)
{
	sqlite3_stmt *s = store_query(store, query, err);

	if (!s)
		return -EIO;
	bind_int(s, ":id", vgpu->row);
	return store_run(store, s, what, err);
}

int store_delete(struct store *store, const struct saved_vgpu *vgpu, struct error *err)
{
	return run_on_row(store, SQL_VGPU_DELETE, vgpu, "delete a record", err);
}

int store_park(struct store *store, const struct saved_vgpu *vgpu, struct error *err)
{
	return run_on_row(store, SQL_VGPU_PARK, vgpu, "move a record", err);
}

/* One of SAVED, with the times it has, in the row it had if it has one. */
static int import_vgpu(struct store *store, const struct saved_vgpu *vgpu,
		       struct error *err)
{
	sqlite3_stmt *s = store_query(store, SQL_VGPU_IMPORT, err);

	if (!s)
		return -EIO;
	bind_device(s, vgpu);
	if (vgpu->is_moving)
		bind_target(s, vgpu);
	bind_owner(s, vgpu);
	bind_place(s, vgpu);
	bind_state(s, vgpu);
	if (vgpu->row)
		bind_int(s, ":id", vgpu->row);
	bind_text(s, ":uuid", vgpu->uuid);
	bind_text(s, ":profile", vgpu->profile);
	bind_text(s, ":type_name", vgpu->type_name);
	bind_int(s, ":framebuffer_mib", vgpu->framebuffer_mib);
	bind_text(s, ":created_at", vgpu->created_at);
	bind_text(s, ":changed_at", vgpu->changed_at);
	return store_run(store, s, "record a vGPU", err);
}

int store_import(struct store *store, const struct saved *saved, struct error *err)
{
	size_t i;
	int r = store_is_current(store, err);

	if (r == 0)
		r = store_run(store, store_query(store, SQL_VGPU_CLEAR, err), "import",
			      err);

	for (i = 0; i < saved->n_vgpus && r == 0; i++)
		r = import_vgpu(store, &saved->vgpus[i], err);
	if (r == 0)
		r = store_run(store, store_query(store, SQL_GPU_CLEAR, err), "import",
			      err);
	for (i = 0; i < saved->n_gpus && r == 0; i++)
		r = store_put_gpu(store, &saved->gpus[i], err);
	for (i = 0; i < saved->n_gpus && r == 0; i++)
		r = store_put_wishes(store, &saved->gpus[i], err);
	return r;
}

int store_succeed(struct store *store, const struct saved *saved, uint64_t at_least,
		  struct error *err)
{
	char text[24];
	int r;

	(void)snprintf(text, sizeof(text), "%" PRIu64, at_least);
	r = store_put_meta(store, "generation", text, err);
	return r == 0 ? store_put_meta(store, "store_id", saved->store_id, err) : r;
}
