/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/vgpu.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sysfs/mdev.h"
#include "sysfs/pci.h"
#include "util/cleanup.h"
#include "util/text.h"

/* The directory of the wanted type: where the last VF of this GPU had it, else by name.
 */
static int resolve(int types_fd, const struct vgpu_make *make, struct gpu_memo *memo,
		   char ret[TYPE_DIR_SIZE], struct error *err)
{
	int r;

	if (memo->dir[0] && !strcmp(memo->type_name, make->type_name) &&
	    sysfs_exists(types_fd, memo->dir)) {
		(void)text_copy(ret, TYPE_DIR_SIZE, memo->dir);
		return 0;
	}
	r = mdev_find_type(types_fd, make->type_name, make->type_id, ret, err);
	if (r < 0)
		return r;
	(void)text_copy(memo->dir, sizeof(memo->dir), ret);
	(void)text_copy(memo->type_name, sizeof(memo->type_name), make->type_name);
	return 0;
}

static int ask_driver(int types_fd, const char *dir, struct error *err)
{
	char path[512];
	uint32_t available;
	int r = mdev_available(types_fd, dir, &available, err);

	if (r < 0 || available)
		return r;
	return error_set(err, ERROR_CAPACITY, 0, "%s/%s/available_instances is 0",
			 sysfs_path(types_fd, ".", path, sizeof(path)), dir);
}

/* Reads the kernel again: neither a failed nor a successful write proves anything. */
static int verify(int root_fd, int parent_fd, const struct vgpu_make *make,
		  int write_result, struct vgpu_made *made, struct error *err)
{
	char name[BDF_SIZE], bus[128];
	struct error inner;
	int r = mdev_verify(root_fd, parent_fd, bdf_format(&make->vf, name),
			    made->type_dir, make->uuid, &inner);

	(void)snprintf(bus, sizeof(bus), "sys/bus/mdev/devices/%s", make->uuid);
	made->present = r == 1;
	made->absent = r == 0 && !sysfs_exists(root_fd, bus) &&
		       !sysfs_exists(parent_fd, make->uuid) &&
		       sysfs_exists(parent_fd, "mdev_supported_types");
	if (made->present)
		return 0;
	if (r < 0) {
		if (err)
			*err = inner;
		return r;
	}
	if (write_result < 0)
		return write_result;
	return error_set(err, ERROR_SYSTEM, EIO,
			 "the kernel accepted the write, but shows no device %s",
			 make->uuid);
}

/* The driver's refusals are errnos of its own choice; these two mean that it is full. */
static void explain(int r, struct error *err)
{
	if (!err || err->kind != ERROR_SYSTEM)
		return;
	if (r == -ENOSPC || r == -EUSERS)
		err->kind = ERROR_CAPACITY;
	if (r == -EIO)
		error_hint(err, "'dmesg | grep NVRM' shows why the driver refused");
}

/* The parent's directory: beside the last one, or by its link on the bus. */
static int open_parent(int root_fd, const struct bdf *vf, struct gpu_memo *memo,
		       struct error *err)
{
	char path[64], name[BDF_SIZE];
	int fd = -1;

	(void)bdf_format(vf, name);
	if (memo->port_fd >= 0)
		fd = sysfs_walk_inside(memo->port_fd, name, NULL);
	if (fd >= 0)
		return fd;
	(void)snprintf(path, sizeof(path), PCI_DEVICES "/%s", name);
	fd = sysfs_walk_inside(root_fd, path, err);
	if (fd >= 0 && memo->port_fd < 0)
		memo->port_fd = sysfs_walk(fd, "..", NULL);
	return fd;
}

/* Under its parent and not on the bus: it is on its way out, or hangs there. */
static int refuse_stuck(int root_fd, const char *uuid, struct error *err)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "sys/bus/mdev/devices/%s", uuid);
	if (sysfs_exists(root_fd, path))
		return 0;
	(void)error_set(err, ERROR_CONFLICT, EBUSY,
			"a removal or create of %s hangs in the kernel; it is left alone",
			uuid);
	error_hint(err, "'vgpumgr show %.8s' tells about it", uuid);
	return -EBUSY;
}

int vgpu_make(int root_fd, const struct vgpu_make *make, struct gpu_memo *memo,
	      struct vgpu_made *ret, struct error *err)
{
	_cleanup_(closep) int parent_fd = -1, types_fd = -1;
	int r;

	*ret = (struct vgpu_made){ .present = false };
	parent_fd = open_parent(root_fd, &make->vf, memo, err);
	if (parent_fd == -ENOENT && vgpu_is_gone(root_fd, make->uuid, &make->vf)) {
		/* It was there when it was chosen; another may still be. */
		ret->absent = true;
		if (err)
			err->kind = ERROR_CAPACITY;
		error_hint(err, "its virtual function is gone: 'vgpumgr sriov status'");
	}
	if (parent_fd < 0)
		return parent_fd;
	types_fd = sysfs_walk_inside(parent_fd, "mdev_supported_types", err);
	if (types_fd < 0)
		return types_fd;
	r = resolve(types_fd, make, memo, ret->type_dir, err);
	if (r < 0) {
		ret->absent = vgpu_is_gone(root_fd, make->uuid, &make->vf);
		return r;
	}
	(void)type_dir_parse(ret->type_dir, &ret->type_id);
	if (sysfs_exists(parent_fd, make->uuid) &&
	    refuse_stuck(root_fd, make->uuid, err) < 0)
		return -EBUSY;
	r = make->ask_driver ? ask_driver(types_fd, ret->type_dir, err) : 0;
	if (r == 0) {
		r = mdev_create(types_fd, ret->type_dir, make->uuid, err);
		if (r < 0)
			explain(r, err);
	}
	return verify(root_fd, parent_fd, make, r, ret, err);
}

bool vgpu_is_gone(int root_fd, const char *uuid, const struct bdf *parent)
{
	char path[128], name[BDF_SIZE];

	(void)snprintf(path, sizeof(path), "sys/bus/mdev/devices/%s", uuid);
	if (sysfs_exists(root_fd, path))
		return false;
	(void)snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", bdf_format(parent, name),
		       uuid);
	return !sysfs_exists(root_fd, path);
}

bool vgpu_is_whole(int root_fd, const char *uuid)
{
	char path[128];

	/* the kernel takes this file away first */
	(void)snprintf(path, sizeof(path), "sys/bus/mdev/devices/%s/remove", uuid);
	return sysfs_exists(root_fd, path);
}

int vgpu_remove(int root_fd, const char *uuid, const struct bdf *parent,
		struct error *err)
{
	char name[BDF_SIZE];
	int r = mdev_remove(root_fd, bdf_format(parent, name), uuid, err);

	if (vgpu_is_gone(root_fd, uuid, parent))
		return 0;
	if (r == 0)
		return error_set(err, ERROR_SYSTEM, EIO,
				 "the kernel accepted the removal, but still shows %s",
				 uuid);
	if (r == -ENOENT || r == -EACCES) {
		(void)error_context(err, "a removal of %s is stuck in the kernel", uuid);
		error_hint(err, "stop the VM that holds it; unbinding its VF clears it");
	}
	return r;
}
