/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mediated devices: on virtual functions, one each, or several on a PF. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/catalog.h"
#include "host/framework.h"
#include "sysfs/mdev.h"
#include "sysfs/pci.h"
#include "util/cleanup.h"
#include "util/text.h"

#define TYPES "mdev_supported_types"

DEFINE_CLEANUP(struct catalog *, catalog_unref)

static int read_types(int parent_fd, const struct scan_options *options,
		      struct catalog **ret, struct error *err)
{
	_cleanup_(names_free) struct names dirs = { NULL, 0 };
	_cleanup_(catalog_unrefp) struct catalog *catalog = NULL;
	_cleanup_(closep) int types_fd = sysfs_walk(parent_fd, TYPES, err);
	size_t i;
	int r = types_fd < 0 ? types_fd : sysfs_list(types_fd, ".", &dirs, err);

	if (r < 0)
		return r;
	catalog = catalog_new(dirs.n);
	if (!catalog)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "read vGPU types");
	for (i = 0; i < dirs.n; i++) {
		struct error inner;

		if (mdev_read_type(types_fd, dirs.names[i],
				   &catalog->types[catalog->n_types], &inner) < 0)
			scan_warn(options, &inner);
		else
			catalog->n_types++;
	}
	catalog_sort(catalog);
	*ret = TAKE_PTR(catalog);
	return 0;
}

static int read_available(int parent_fd, const struct scan_options *options,
			  struct gpu *gpu, struct error *err)
{
	_cleanup_(names_free) struct names dirs = { NULL, 0 };
	_cleanup_(closep) int types_fd = sysfs_walk(parent_fd, TYPES, err);
	const struct catalog *catalog = gpu->catalog;
	size_t i;
	int r = types_fd < 0 ? types_fd : sysfs_list(types_fd, ".", &dirs, err);

	for (i = 0; i < dirs.n && r == 0; i++) {
		const struct vgpu_type *type;
		struct error inner;
		uint32_t id;

		if (!type_dir_parse(dirs.names[i], &id))
			continue;
		type = catalog_find_id(catalog, id);
		if (type &&
		    mdev_available(types_fd, dirs.names[i],
				   &gpu->available[type - catalog->types], &inner) < 0)
			scan_warn(options, &inner);
	}
	return r;
}

/* The directory of the wanted type: where the last VF of this GPU had it, else by name.
 */
static int resolve(int parent_fd, const struct vgpu_make *make, struct gpu_memo *memo,
		   struct vgpu_made *ret, struct error *err)
{
	_cleanup_(closep) int types_fd = sysfs_walk_inside(parent_fd, TYPES, err);
	int r;

	if (types_fd < 0)
		return types_fd;
	if (memo->dir[0] && !strcmp(memo->type_name, make->type_name) &&
	    sysfs_exists(types_fd, memo->dir)) {
		(void)text_copy(ret->type_dir, sizeof(ret->type_dir), memo->dir);
	} else {
		r = mdev_find_type(types_fd, make->type_name, make->id.type_id,
				   ret->type_dir, err);
		if (r < 0)
			return r;
		(void)text_copy(memo->dir, sizeof(memo->dir), ret->type_dir);
		(void)text_copy(memo->type_name, sizeof(memo->type_name),
				make->type_name);
	}
	(void)type_dir_parse(ret->type_dir, &ret->type_id);
	return 0;
}

static int ask(int parent_fd, const struct vgpu_made *made, struct error *err)
{
	_cleanup_(closep) int types_fd = sysfs_walk_inside(parent_fd, TYPES, err);
	char path[512];
	uint32_t available;
	int r = types_fd < 0 ? types_fd
			     : mdev_available(types_fd, made->type_dir, &available, err);

	if (r < 0 || available)
		return r;
	return error_set(err, ERROR_CAPACITY, 0, "%s/%s/available_instances is 0",
			 sysfs_path(types_fd, ".", path, sizeof(path)), made->type_dir);
}

static bool is_on_bus(int root_fd, const char *uuid)
{
	char path[128];

	(void)snprintf(path, sizeof(path), MDEV_DEVICES "/%s", uuid);
	return sysfs_exists(root_fd, path);
}

/* Under its parent and not on the bus: it is on its way out, or hangs there. */
static int clear(int root_fd, int parent_fd, const struct vgpu_make *make,
		 bool *ret_absent, struct error *err)
{
	const char *uuid = make->id.uuid;

	(void)ret_absent;
	if (!sysfs_exists(parent_fd, uuid) || is_on_bus(root_fd, uuid))
		return 0;
	(void)error_set(err, ERROR_CONFLICT, EBUSY,
			"a removal or create of %s hangs in the kernel; it is left alone",
			uuid);
	error_hint(err, "'vgpumgr show %.8s' tells about it", uuid);
	return -EBUSY;
}

static int write_create(int root_fd, int parent_fd, const struct vgpu_make *make,
			const struct vgpu_made *made, struct error *err)
{
	_cleanup_(closep) int types_fd = sysfs_walk_inside(parent_fd, TYPES, err);

	(void)root_fd;
	return types_fd < 0 ? types_fd
			    : mdev_create(types_fd, made->type_dir, make->id.uuid, err);
}

static int verify(int root_fd, int parent_fd, const struct vgpu_make *make,
		  const struct vgpu_made *made, bool *ret_absent, struct error *err)
{
	const char *uuid = make->id.uuid;
	char name[BDF_SIZE];
	int r = mdev_verify(root_fd, parent_fd, bdf_format(&make->id.parent, name),
			    made->type_dir, uuid, err);

	*ret_absent = r == 0 && !is_on_bus(root_fd, uuid) &&
		      !sysfs_exists(parent_fd, uuid) && sysfs_exists(parent_fd, TYPES);
	return r;
}

static int open_device(int parent_fd, const struct vgpu_id *id, struct error *err)
{
	return sysfs_walk_inside(parent_fd, id->uuid, err);
}

static bool is_listed(int root_fd, const struct vgpu_id *id)
{
	return is_on_bus(root_fd, id->uuid);
}

static bool is_gone(int root_fd, const struct vgpu_id *id)
{
	char path[128], name[BDF_SIZE];

	if (is_on_bus(root_fd, id->uuid))
		return false;
	(void)snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s",
		       bdf_format(&id->parent, name), id->uuid);
	return !sysfs_exists(root_fd, path);
}

static int is_still_away(int root_fd, const struct host *host, const struct vgpu_id *id,
			 struct error *err)
{
	(void)host;
	(void)err;
	return is_gone(root_fd, id);
}

static bool is_whole(int root_fd, const struct vgpu_id *id)
{
	char path[128];

	/* the kernel takes this file away first */
	(void)snprintf(path, sizeof(path), MDEV_DEVICES "/%s/remove", id->uuid);
	return sysfs_exists(root_fd, path);
}

static int take_away(int root_fd, const struct vgpu_id *id, struct error *err)
{
	char name[BDF_SIZE];
	int r = mdev_remove(root_fd, bdf_format(&id->parent, name), id->uuid, err);

	if (r == -ENOENT || r == -EACCES) {
		(void)error_context(err, "a removal of %s is stuck in the kernel",
				    id->uuid);
		error_hint(err, "stop the VM that holds it; unbinding its VF clears it");
	}
	return r;
}

const struct framework_ops framework_mdev = {
	.read_types = read_types,
	.read_available = read_available,
	.resolve = resolve,
	.ask = ask,
	.clear = clear,
	.write = write_create,
	.verify = verify,
	.open_device = open_device,
	.remove = take_away,
	.is_listed = is_listed,
	.is_gone = is_gone,
	.is_still_away = is_still_away,
	.is_whole = is_whole,
};
