/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NVIDIA's vendor-specific VFIO: a virtual function has one type, or none. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/catalog.h"
#include "host/framework.h"
#include "host/holders.h"
#include "host/vfio_mark.h"
#include "sysfs/pci.h"
#include "sysfs/vfio.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/text.h"

/* A VF whose VM has just ended may refuse to be released for a while. */
#define RELEASE_TRIES 10
#define RELEASE_PAUSE_MS 1000

DEFINE_CLEANUP(struct catalog *, catalog_unref)

static int read_types(int parent_fd, const struct scan_options *options,
		      struct catalog **ret, struct error *err)
{
	_cleanup_(catalog_unrefp) struct catalog *catalog = catalog_new(0);
	struct vfio_types types;
	int r;

	if (!catalog)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "read vGPU types");
	r = vfio_read_creatable(parent_fd, options->warn, options->arg, &types, err);
	if (r < 0)
		return r;
	free(catalog->types);
	catalog->types = types.types; /* taken over */
	catalog->n_types = types.n;
	catalog->partial = true;
	catalog_sort(catalog);
	*ret = TAKE_PTR(catalog);
	return 0;
}

/* What is listed can be made, once. */
static int read_available(int parent_fd, const struct scan_options *options,
			  struct gpu *gpu, struct error *err)
{
	_cleanup_(catalog_unrefp) struct catalog *now = NULL;
	size_t i;
	int r = read_types(parent_fd, options, &now, err);

	for (i = 0; r == 0 && i < gpu->catalog->n_types; i++)
		gpu->available[i] =
			catalog_find_id(now, gpu->catalog->types[i].id) != NULL;
	return r;
}

/* By name, as the driver calls it now. One that is not listed may still be offered: the
 * list is of what can be made at this moment. */
static int resolve(int parent_fd, const struct vgpu_make *make, struct gpu_memo *memo,
		   struct vgpu_made *ret, struct error *err)
{
	struct scan_options options = { .warn = NULL };
	_cleanup_(catalog_unrefp) struct catalog *now = NULL;
	const struct vgpu_type *type;
	char path[512];
	bool lacks;
	int r = read_types(parent_fd, &options, &now, err);

	(void)memo;
	if (r < 0 && r != -ENOMEM && err->kind == ERROR_SYSTEM)
		err->kind = ERROR_CAPACITY; /* another VF may show its own */
	if (r < 0)
		return r;
	type = catalog_find(now, make->type_name);
	ret->type_id = type ? type->id : 0;
	if (type)
		return 0;
	lacks = catalog_lacks(now, make->type_name, make->framebuffer_mib);
	(void)error_set(
		err, lacks ? ERROR_NOT_FOUND : ERROR_CAPACITY, 0, "%s does not list %s%s",
		sysfs_path(parent_fd, "nvidia/creatable_vgpu_types", path, sizeof(path)),
		make->type_name,
		lacks	       ? ", though others of its size"
		: now->n_types ? ""
			       : ", nor anything else");
	return lacks ? -ENOENT : -ENOSPC;
}

/* Its list has been read just now. */
static int ask(int parent_fd, const struct vgpu_made *made, struct error *err)
{
	(void)parent_fd;
	(void)made;
	(void)err;
	return 0;
}

/* What could not be told from somebody else's afterwards is not made. */
static int refuse_unknown_boot(int root_fd, struct error *err)
{
	char boot_id[64];

	scan_boot_id(root_fd, boot_id, sizeof(boot_id));
	return boot_id[0] ? 0 : vgpu_no_boot_id(err);
}

/* Somebody else's type is never overwritten. */
static int clear(int root_fd, int parent_fd, const struct vgpu_make *make,
		 bool *ret_absent, struct error *err)
{
	char name[BDF_SIZE], uuid[UUID_SIZE];
	uint32_t current;
	int r = vfio_current_type(parent_fd, ".", &current, err);

	if (r == 1 && !current) {
		r = refuse_unknown_boot(root_fd, err);
		*ret_absent = r < 0;
		return r;
	}
	if (r <= 0)
		return r < 0 ? r
			     : error_set(err, ERROR_SYSTEM, ENOENT,
					 "%s no longer offers vGPUs in this way",
					 bdf_format(&make->id.parent, name));
	vfio_mark_read(root_fd, &make->id.parent, current, uuid);
	*ret_absent = strcmp(uuid, make->id.uuid) != 0;
	(void)error_set(err, ERROR_CONFLICT, EBUSY,
			"%s has the vGPU type %u already, which this did not set",
			bdf_format(&make->id.parent, name), current);
	error_hint(err, "'vgpumgr list' shows it");
	return -EBUSY;
}

static int write_type(int root_fd, int parent_fd, const struct vgpu_make *make,
		      const struct vgpu_made *made, struct error *err)
{
	int r;

	(void)parent_fd;
	vfio_mark_set(root_fd, &make->id.parent, make->id.uuid, made->type_id);
	r = vfio_write_type(root_fd, &make->id.parent, made->type_id, err);
	if (r == -EINVAL)
		error_hint(err,
			   "the driver lists the type, but does not know its number");
	if (r != -EBUSY)
		return r;
	/* whatever is on it now was not set by this */
	vfio_mark_clear(root_fd, &make->id.parent);
	if (err)
		err->kind = ERROR_CONFLICT;
	error_hint(err, "somebody has the VF open, or set a type on it meanwhile");
	return r;
}

static int verify(int root_fd, int parent_fd, const struct vgpu_make *make,
		  const struct vgpu_made *made, bool *ret_absent, struct error *err)
{
	char name[BDF_SIZE];
	uint32_t current = 0;
	int r = vfio_current_type(parent_fd, ".", &current, err);

	*ret_absent = r >= 0 && !current;
	if (*ret_absent)
		vfio_mark_clear(root_fd, &make->id.parent);
	if (r < 0)
		return r;
	if (!current)
		return 0;
	if (current == made->type_id)
		return 1;
	return error_set(err, ERROR_CONFLICT, EEXIST, "%s has the vGPU type %u, not %u",
			 bdf_format(&make->id.parent, name), current, made->type_id);
}

/* The VF is the device. */
static int open_device(int parent_fd, const struct vgpu_id *id, struct error *err)
{
	(void)id;
	return sysfs_walk_inside(parent_fd, ".", err);
}

/* The type on ID's VF, 0 where there is none, negative where it cannot be told. */
static int current_type(int root_fd, const struct vgpu_id *id, uint32_t *ret,
			struct error *err)
{
	_cleanup_(closep) int devices_fd = sysfs_walk(root_fd, PCI_DEVICES, err);
	char name[BDF_SIZE];
	int r;

	*ret = 0;
	if (devices_fd < 0)
		return devices_fd == -ENOENT ? 0 : devices_fd;
	r = vfio_current_type(devices_fd, bdf_format(&id->parent, name), ret, err);
	return r < 0 ? r : 0;
}

/* What nobody can tell is taken to be there: to be gone needs a proof. */
static bool is_gone(int root_fd, const struct vgpu_id *id)
{
	uint32_t current;

	return current_type(root_fd, id, &current, NULL) == 0 && !current;
}

static bool is_listed(int root_fd, const struct vgpu_id *id)
{
	return !is_gone(root_fd, id);
}

/* What was on its VF then is somebody else's, and still there. */
static int is_still_away(int root_fd, const struct host *host, const struct vgpu_id *id,
			 struct error *err)
{
	const struct parent *parent = host_find_parent(host, &id->parent);
	uint32_t current;
	int r = current_type(root_fd, id, &current, err);

	return r < 0 ? r : current == (parent ? parent->vfio_type : 0);
}

static bool is_whole(int root_fd, const struct vgpu_id *id)
{
	uint32_t current;

	return current_type(root_fd, id, &current, NULL) < 0 || current == id->type_id;
}

/* Nobody may have the VF open: the driver would take the vGPU from under a running VM. */
static int refuse_held(int root_fd, const struct vgpu_id *id, struct error *err)
{
	struct held_device device = { .uuid = "", .bdf = id->parent };
	struct holder holder;
	char who[512], name[BDF_SIZE];
	int r = holders_find(root_fd, &device, 1, &holder, err);

	if (r < 0 || !holder.in_use)
		return r;
	return error_set(err, ERROR_IN_USE, EBUSY, "%s is held by %s",
			 bdf_format(&id->parent, name),
			 holder_describe(&holder, who, sizeof(who)));
}

/* One try. What is there must still be what is to go. */
static int release(int root_fd, int parent_fd, const struct vgpu_id *id,
		   struct error *err)
{
	char name[BDF_SIZE];
	uint32_t current;
	int r = vfio_current_type(parent_fd, ".", &current, err);

	if (r <= 0 || !current)
		return r < 0 ? r : 0;
	if (current != id->type_id)
		return error_set(err, ERROR_CONFLICT, EEXIST,
				 "%s has the vGPU type %u, not %u: somebody else's",
				 bdf_format(&id->parent, name), current, id->type_id);
	r = refuse_held(root_fd, id, err);
	return r < 0 ? r : vfio_write_type(root_fd, &id->parent, 0, err);
}

static int take_away(int root_fd, const struct vgpu_id *id, struct error *err)
{
	char path[64], name[BDF_SIZE];
	_cleanup_(closep) int fd = -1;
	int i, r;

	(void)snprintf(path, sizeof(path), PCI_DEVICES "/%s",
		       bdf_format(&id->parent, name));
	fd = sysfs_walk_inside(root_fd, path, err);
	if (fd < 0)
		return fd;
	for (i = 0;; i++) {
		r = release(root_fd, fd, id, err);
		if (r == 0 && is_gone(root_fd, id))
			vfio_mark_clear(root_fd, &id->parent);
		if (r == 0 || i + 1 == RELEASE_TRIES || err->kind != ERROR_SYSTEM ||
		    r == -ENOENT || r == -ENODEV)
			return r;
		clock_sleep_ms(RELEASE_PAUSE_MS);
	}
}

const struct framework_ops framework_vfio = {
	.read_types = read_types,
	.read_available = read_available,
	.resolve = resolve,
	.ask = ask,
	.clear = clear,
	.write = write_type,
	.verify = verify,
	.open_device = open_device,
	.remove = take_away,
	.is_listed = is_listed,
	.is_gone = is_gone,
	.is_still_away = is_still_away,
	.is_whole = is_whole,
};
