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
DEFINE_CLEANUP(struct catalog *, catalog_unref)

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

/* Column I as text that fits BUF; false where it does not. NULL is "". */
static bool get_text(sqlite3_stmt *s, int i, char *buf, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(s, i);

	return text_copy(buf, size, text ? text : "");
}

static bool get_u32(sqlite3_stmt *s, int i, uint32_t *ret)
{
	int64_t value = sqlite3_column_int64(s, i);

	*ret = (uint32_t)value;
	return value >= 0 && value <= UINT32_MAX;
}

static bool get_bdf(sqlite3_stmt *s, int i, struct bdf *ret)
{
	const char *text = (const char *)sqlite3_column_text(s, i);

	return text && bdf_parse(text, ret);
}

/* The columns of vgpu_all, in its order. False where one holds what it never should. */
static bool read_vgpu(sqlite3_stmt *s, struct saved_vgpu *v)
{
	char framework[8], state[16];

	*v = (struct saved_vgpu){ .row = sqlite3_column_int64(s, 0) };
	if (!get_text(s, 1, v->uuid, sizeof(v->uuid)) ||
	    !get_text(s, 2, v->vm, sizeof(v->vm)) ||
	    !get_text(s, 3, v->vm_uuid, sizeof(v->vm_uuid)) || !get_u32(s, 4, &v->slot) ||
	    !get_text(s, 5, v->profile, sizeof(v->profile)) ||
	    !get_text(s, 6, v->type_name, sizeof(v->type_name)) ||
	    !get_u32(s, 7, &v->type_id) || !get_u32(s, 8, &v->framebuffer_mib) ||
	    !get_text(s, 9, framework, sizeof(framework)) || !get_bdf(s, 10, &v->gpu) ||
	    !get_bdf(s, 11, &v->vf) || !get_u32(s, 12, &v->vf_index) ||
	    !get_text(s, 13, state, sizeof(state)) ||
	    !get_text(s, 14, v->boot_id, sizeof(v->boot_id)) ||
	    !get_text(s, 15, v->created_at, sizeof(v->created_at)) ||
	    !get_text(s, 16, v->changed_at, sizeof(v->changed_at)))
		return false;
	v->framework = !strcmp(framework, "vfio") ? FRAMEWORK_VFIO : FRAMEWORK_MDEV;
	return saved_state_parse(state, &v->state);
}

static void leave_out(struct saved *saved, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Counts a row that makes no sense, and keeps the words for the first. */
static void leave_out(struct saved *saved, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!saved->n_bad++)
		(void)vsnprintf(saved->bad, sizeof(saved->bad), fmt, ap);
	va_end(ap);
}

static int load_vgpus(struct store *store, struct saved *saved, struct error *err)
{
	sqlite3_stmt *s = store_query(store, SQL_VGPU_ALL, err);
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
			leave_out(saved, "the record in row %lld makes no sense",
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

static int compare_gpus(const void *a, const void *b)
{
	return bdf_compare(&((const struct saved_gpu *)a)->bdf,
			   &((const struct saved_gpu *)b)->bdf);
}

static int load_gpus(struct store *store, struct saved *saved, struct error *err)
{
	sqlite3_stmt *s = store_query(store, SQL_GPU_ALL, err);
	int code;

	if (!s)
		return -EIO;
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		struct saved_gpu *g, *grown = reallocarray(saved->gpus, saved->n_gpus + 1,
							   sizeof(*grown));

		if (!grown)
			return error_set(err, ERROR_SYSTEM, ENOMEM, "read the store");
		saved->gpus = grown;
		g = &grown[saved->n_gpus];
		*g = (struct saved_gpu){ .wanted_vfs = 0 };
		if (get_bdf(s, 0, &g->bdf) &&
		    get_text(s, 1, g->model, sizeof(g->model)) &&
		    get_u32(s, 2, &g->vendor) && get_u32(s, 3, &g->device) &&
		    get_u32(s, 4, &g->wanted_vfs))
			saved->n_gpus++;
		else
			leave_out(saved, "a GPU's record makes no sense");
	}
	(void)sqlite3_reset(s);
	if (code != SQLITE_DONE)
		return store_fail(store, err, "read");
	if (saved->n_gpus)
		qsort(saved->gpus, saved->n_gpus, sizeof(*saved->gpus), compare_gpus);
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
		(void)get_text(s, 0, buf, size);
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
	int r = load_vgpus(store, saved, err);

	if (r == 0)
		r = load_gpus(store, saved, err);
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

static void bind_state(sqlite3_stmt *s, const struct saved_vgpu *vgpu)
{
	bind_int(s, ":type_id", vgpu->type_id);
	bind_text(s, ":state", saved_state_name(vgpu->state));
	bind_text(s, ":boot_id", vgpu->boot_id);
	bind_text(s, ":framework", framework_name(vgpu->framework));
}

int store_insert(struct store *store, struct saved_vgpu *vgpu, struct error *err)
{
	sqlite3_stmt *s = store_query(store, SQL_VGPU_INSERT, err);
	int r;

	if (!s)
		return -EIO;
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
	sqlite3_stmt *s = store_query(store, SQL_VGPU_SET_STATE, err);

	if (!s)
		return -EIO;
	bind_state(s, vgpu);
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

int store_set_owner(struct store *store, struct saved_vgpu *vgpu, struct error *err)
{
	sqlite3_stmt *s = store_query(store, SQL_VGPU_SET_OWNER, err);

	if (!s)
		return -EIO;
	bind_owner(s, vgpu);
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
	int r = store_run(store, store_query(store, SQL_VGPU_CLEAR, err), "import", err);

	for (i = 0; i < saved->n_vgpus && r == 0; i++)
		r = import_vgpu(store, &saved->vgpus[i], err);
	if (r == 0)
		r = store_run(store, store_query(store, SQL_GPU_CLEAR, err), "import",
			      err);
	for (i = 0; i < saved->n_gpus && r == 0; i++)
		r = store_put_gpu(store, &saved->gpus[i], err);
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

int store_put_gpu(struct store *store, const struct saved_gpu *gpu, struct error *err)
{
	sqlite3_stmt *s = store_query(store, SQL_GPU_INSERT, err);
	char name[BDF_SIZE];
	int r;

	if (!s)
		return -EIO;
	bind_text(s, ":bdf", bdf_format(&gpu->bdf, name));
	r = store_run(store, s, "record a GPU", err);
	if (r < 0)
		return r;
	s = store_query(store, SQL_GPU_UPDATE, err);
	if (!s)
		return -EIO;
	bind_text(s, ":bdf", name);
	bind_text(s, ":model", gpu->model);
	bind_int(s, ":vendor", gpu->vendor);
	bind_int(s, ":device", gpu->device);
	bind_int(s, ":wanted_vfs", gpu->wanted_vfs);
	return store_run(store, s, "record a GPU", err);
}

/* Runs through the vgpu_type_parse() of the names, so that a profile is made in one way.
 */
static bool read_type(sqlite3_stmt *s, struct vgpu_type *ret)
{
	uint32_t id;
	const char *name = (const char *)sqlite3_column_text(s, 1);

	return get_u32(s, 0, &id) && name && vgpu_type_parse(id, name, "", ret) &&
	       get_u32(s, 2, &ret->framebuffer_mib) &&
	       get_u32(s, 3, &ret->max_instances) && get_u32(s, 4, &ret->num_heads) &&
	       get_text(s, 5, ret->max_resolution, sizeof(ret->max_resolution));
}

static void bind_model(sqlite3_stmt *s, uint32_t vendor, uint32_t device)
{
	bind_int(s, ":vendor", vendor);
	bind_int(s, ":device", device);
}

int store_load_catalog(struct store *store, uint32_t vendor, uint32_t device,
		       const char *driver_version, struct catalog **ret,
		       struct error *err)
{
	_cleanup_(catalog_unrefp) struct catalog *catalog = calloc(1, sizeof(*catalog));
	sqlite3_stmt *s = store_query(store, SQL_CATALOG_GET, err);
	int code;

	*ret = NULL;
	if (!catalog)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "read the store");
	catalog->refs = 1;
	catalog->remembered = true;
	if (!s)
		return -EIO;
	bind_model(s, vendor, device);
	bind_text(s, ":driver_version", driver_version);
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		struct vgpu_type *grown = reallocarray(
			catalog->types, catalog->n_types + 1, sizeof(*grown));

		if (!grown)
			return error_set(err, ERROR_SYSTEM, ENOMEM, "read the store");
		catalog->types = grown;
		catalog->n_types += read_type(s, &grown[catalog->n_types]);
	}
	(void)sqlite3_reset(s);
	if (code != SQLITE_DONE)
		return store_fail(store, err, "read the catalog");
	if (catalog->n_types)
		*ret = TAKE_PTR(catalog);
	return 0;
}

int store_put_catalog(struct store *store, uint32_t vendor, uint32_t device,
		      const char *driver_version, const struct catalog *catalog,
		      struct error *err)
{
	sqlite3_stmt *s = store_query(store, SQL_CATALOG_CLEAR, err);
	size_t i;
	int r;

	if (!s)
		return -EIO;
	bind_model(s, vendor, device);
	bind_text(s, ":driver_version", driver_version);
	bind_int(s, ":partial", catalog->partial);
	r = store_run(store, s, "remember a catalog", err);
	for (i = 0; i < catalog->n_types && r == 0; i++) {
		const struct vgpu_type *t = &catalog->types[i];

		s = store_query(store, SQL_CATALOG_INSERT, err);
		if (!s)
			return -EIO;
		bind_model(s, vendor, device);
		bind_text(s, ":driver_version", driver_version);
		bind_int(s, ":type_id", t->id);
		bind_text(s, ":type_name", t->name);
		bind_int(s, ":framebuffer_mib", t->framebuffer_mib);
		bind_int(s, ":max_instances", t->max_instances);
		bind_int(s, ":num_heads", t->num_heads);
		bind_text(s, ":max_resolution", t->max_resolution);
		r = store_run(store, s, "remember a catalog", err);
	}
	return r;
}
