/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_internal.h"
#include "util/cleanup.h"

DEFINE_CLEANUP(struct catalog *, catalog_unref)

static int compare_gpus(const void *a, const void *b)
{
	return bdf_compare(&((const struct saved_gpu *)a)->bdf,
			   &((const struct saved_gpu *)b)->bdf);
}

/* The columns of gpu_all, in its order. False where one holds what it never should. */
static bool read_gpu(sqlite3_stmt *s, struct saved_gpu *g)
{
	*g = (struct saved_gpu){ .cordoned = sqlite3_column_int(s, 5) != 0 };
	if (sqlite3_column_type(s, 6) != SQLITE_NULL)
		g->heterogeneous = sqlite3_column_int(s, 6) ? WISH_ON : WISH_OFF;
	return column_bdf(s, 0, &g->bdf) &&
	       column_text(s, 1, g->model, sizeof(g->model)) &&
	       column_u32(s, 2, &g->vendor) && column_u32(s, 3, &g->device) &&
	       column_u32(s, 4, &g->wanted_vfs) &&
	       column_text(s, 7, g->mig, sizeof(g->mig));
}

int store_load_gpus(struct store *store, struct saved *saved, struct error *err)
{
	sqlite3_stmt *s = store_query(
		store, store->version < SCHEMA_FRAMEWORKS ? SQL_GPU_ALL_2 : SQL_GPU_ALL,
		err);
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
		if (read_gpu(s, g))
			saved->n_gpus++;
		else
			store_leave_out(saved, "a GPU's record makes no sense");
	}
	(void)sqlite3_reset(s);
	if (code != SQLITE_DONE)
		return store_fail(store, err, "read");
	if (saved->n_gpus)
		qsort(saved->gpus, saved->n_gpus, sizeof(*saved->gpus), compare_gpus);
	return 0;
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

int store_put_wishes(struct store *store, const struct saved_gpu *gpu, struct error *err)
{
	int r = store_is_current(store, err);
	sqlite3_stmt *s = r < 0 ? NULL : store_query(store, SQL_GPU_SET_WISHES, err);
	char name[BDF_SIZE];

	if (!s)
		return r < 0 ? r : -EIO;
	bind_text(s, ":bdf", bdf_format(&gpu->bdf, name));
	bind_int(s, ":cordoned", gpu->cordoned);
	if (gpu->heterogeneous)
		bind_int(s, ":heterogeneous", gpu->heterogeneous == WISH_ON);
	bind_text_or_null(s, ":mig", gpu->mig);
	return store_run(store, s, "record a wish", err);
}

/* Runs through the vgpu_type_parse() of the names, so that a profile is made in one way.
 */
static bool read_type(sqlite3_stmt *s, struct vgpu_type *ret)
{
	uint32_t id;
	const char *name = (const char *)sqlite3_column_text(s, 1);

	return column_u32(s, 0, &id) && name && vgpu_type_parse(id, name, "", ret) &&
	       column_u32(s, 2, &ret->framebuffer_mib) &&
	       column_u32(s, 3, &ret->max_instances) &&
	       column_u32(s, 4, &ret->num_heads) &&
	       column_text(s, 5, ret->max_resolution, sizeof(ret->max_resolution)) &&
	       column_u32(s, 6, &ret->max_mixed);
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
	sqlite3_stmt *s = store_query(
		store,
		store->version < SCHEMA_FRAMEWORKS ? SQL_CATALOG_GET_2 : SQL_CATALOG_GET,
		err);
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
	int r = store_is_current(store, err);
	sqlite3_stmt *s = r < 0 ? NULL : store_query(store, SQL_CATALOG_CLEAR, err);
	size_t i;

	if (!s)
		return r < 0 ? r : -EIO;
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
		bind_int(s, ":max_mixed", t->max_mixed);
		r = store_run(store, s, "remember a catalog", err);
	}
	return r;
}
