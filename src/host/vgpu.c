/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/vgpu.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/framework.h"
#include "model/saved.h"
#include "sysfs/pci.h"
#include "util/cleanup.h"
#include "util/text.h"

const struct framework_ops *framework_ops(enum framework framework)
{
	static const struct framework_ops *const ops[] = {
		[FRAMEWORK_NONE] = NULL,
		[FRAMEWORK_MDEV] = &framework_mdev,
		[FRAMEWORK_VFIO] = &framework_vfio,
	};

	return ops[framework];
}

struct vgpu_id vgpu_id_of(const struct saved_vgpu *saved)
{
	struct vgpu_id id = { .framework = saved->framework,
			      .parent = saved->vf,
			      .type_id = saved->type_id };

	(void)text_copy(id.uuid, sizeof(id.uuid), saved->uuid);
	return id;
}

struct vgpu_id vgpu_id_of_live(const struct live_vgpu *live)
{
	struct vgpu_id id = { .framework = live->framework,
			      .parent = live->parent,
			      .type_id = live->type_id };

	(void)text_copy(id.uuid, sizeof(id.uuid), live->uuid);
	return id;
}

int vgpu_no_boot_id(struct error *err)
{
	(void)error_set(err, ERROR_SYSTEM, ENODATA,
			"proc/sys/kernel/random/boot_id cannot be read, and nothing else "
			"would tell this vGPU from somebody else's");
	error_hint(err, "mount /proc, or make that file readable");
	return -ENODATA;
}

int vgpu_open_parent(int root_fd, const struct bdf *parent, struct gpu_memo *memo,
		     struct error *err)
{
	char path[64], name[BDF_SIZE];
	int fd = -1;

	(void)bdf_format(parent, name);
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

/* Reads the kernel again: neither a failed nor a successful write proves anything. */
static int verify(const struct framework_ops *ops, int root_fd, int parent_fd,
		  const struct vgpu_make *make, int write_result, struct vgpu_made *made,
		  struct error *err)
{
	struct error inner;
	int r = ops->verify(root_fd, parent_fd, make, made, &made->absent, &inner);
	char name[BDF_SIZE];

	made->present = r == 1;
	if (made->present)
		return 0;
	if (r < 0) {
		if (err)
			*err = inner;
		return r;
	}
	if (write_result == -ENODEV && made->absent && err)
		err->kind = ERROR_CAPACITY; /* its parent is gone */
	if (write_result < 0)
		return write_result;
	return error_set(err, ERROR_SYSTEM, EIO,
			 "the kernel accepted the write, but shows no vGPU %s on %s",
			 make->id.uuid, bdf_format(&make->id.parent, name));
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

/* It was there when it was chosen; another may still be. */
static int parent_gone(int root_fd, const struct vgpu_make *make, struct vgpu_made *made,
		       struct error *err)
{
	made->absent = vgpu_is_gone(root_fd, &make->id);
	if (made->absent && err)
		err->kind = ERROR_CAPACITY;
	if (made->absent)
		error_hint(err, "its virtual function is gone: 'vgpumgr sriov status'");
	return -ENOENT;
}

int vgpu_make(int root_fd, const struct vgpu_make *make, struct gpu_memo *memo,
	      struct vgpu_made *ret, struct error *err)
{
	const struct framework_ops *ops = framework_ops(make->id.framework);
	_cleanup_(closep) int parent_fd = -1;
	int r;

	*ret = (struct vgpu_made){ .present = false };
	parent_fd = vgpu_open_parent(root_fd, &make->id.parent, memo, err);
	if (parent_fd == -ENOENT)
		return parent_gone(root_fd, make, ret, err);
	if (parent_fd < 0)
		return parent_fd;
	r = ops->clear(root_fd, parent_fd, make, &ret->absent, err);
	if (r < 0)
		return r;
	r = ops->resolve(parent_fd, make, memo, ret, err);
	if (r < 0) {
		ret->absent = vgpu_is_gone(root_fd, &make->id);
		return r;
	}
	r = make->ask_driver ? ops->ask(parent_fd, ret, err) : 0;
	if (r == 0) {
		r = ops->write(root_fd, parent_fd, make, ret, err);
		if (r < 0)
			explain(r, err);
		ret->absent = r < 0 && err && err->kind == ERROR_CONFLICT;
		if (ret->absent)
			return r;
	}
	r = verify(ops, root_fd, parent_fd, make, r, ret, err);
	return r == 0 ? vgpu_apply_params(parent_fd, make, err) : r;
}

int vgpu_remove(int root_fd, const struct vgpu_id *id, struct error *err)
{
	int r = framework_ops(id->framework)->remove(root_fd, id, err);
	char name[BDF_SIZE];

	if (vgpu_is_gone(root_fd, id))
		return 0;
	if (r == 0)
		return error_set(err, ERROR_SYSTEM, EIO,
				 "the kernel accepted the removal, but still shows %s on "
				 "%s",
				 id->uuid, bdf_format(&id->parent, name));
	return r;
}

bool vgpu_is_listed(int root_fd, const struct vgpu_id *id)
{
	return framework_ops(id->framework)->is_listed(root_fd, id);
}

bool vgpu_is_gone(int root_fd, const struct vgpu_id *id)
{
	return framework_ops(id->framework)->is_gone(root_fd, id);
}

int vgpu_is_still_away(int root_fd, const struct host *host, const struct vgpu_id *id,
		       struct error *err)
{
	return framework_ops(id->framework)->is_still_away(root_fd, host, id, err);
}

bool vgpu_is_whole(int root_fd, const struct vgpu_id *id)
{
	return framework_ops(id->framework)->is_whole(root_fd, id);
}
