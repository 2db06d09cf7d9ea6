/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "host/framework.h"
#include "sysfs/sysfs.h"
#include "util/cleanup.h"
#include "util/text.h"

#define PARAMS "nvidia/vgpu_params"

/* What the driver has, in the one spelling; "" for none. -EPROTO where that is nothing
 * that could have been set. */
static int read_params(int device_fd, char ret[PARAMS_SIZE], struct error *err)
{
	char text[ATTR_SIZE], bad[PARAMS_BAD_SIZE], shown[256];
	int r = sysfs_read(device_fd, PARAMS, text, sizeof(text), err);
	enum params_fault fault;

	if (r < 0)
		return r;
	fault = params_normalise(text, ret, bad);
	if (fault == PARAMS_FINE || fault == PARAMS_EMPTY)
		return 0;
	return error_set(err, ERROR_CONFLICT, EPROTO, "it has the parameters '%s'",
			 text_escape(shown, sizeof(shown), text));
}

int vgpu_apply_params(int parent_fd, const struct vgpu_make *make, struct error *err)
{
	const struct framework_ops *ops = framework_ops(make->id.framework);
	_cleanup_(closep) int fd = -1;
	char now[PARAMS_SIZE];
	int r;

	if (!make->params[0])
		return 0;
	fd = ops->open_device(parent_fd, &make->id, err);
	if (fd < 0)
		return fd;
	r = sysfs_write(fd, PARAMS, make->params, err);
	if (r == 0)
		r = read_params(fd, now, err);
	if (r == 0 && strcmp(now, make->params) != 0)
		r = error_set(err, ERROR_SYSTEM, EIO,
			      "the driver accepted them, but has '%s'", now);
	if (r == -ENOENT)
		error_hint(err, "this driver takes no parameters for this vGPU");
	return r < 0 ? error_context(err, "set the parameters %.400s", make->params) : 0;
}

int vgpu_set_params(int root_fd, const struct vgpu_make *make, struct error *err)
{
	struct gpu_memo memo = MEMO_NONE;
	_cleanup_(closep) int fd =
		vgpu_open_parent(root_fd, &make->id.parent, &memo, err);

	close_fd(memo.port_fd);
	return fd < 0 ? fd : vgpu_apply_params(fd, make, err);
}

bool vgpu_params_differ(int root_fd, const struct vgpu_id *id, const char *params)
{
	struct gpu_memo memo = MEMO_NONE;
	_cleanup_(closep) int parent_fd =
		vgpu_open_parent(root_fd, &id->parent, &memo, NULL);
	_cleanup_(closep) int fd =
		parent_fd < 0
			? -1
			: framework_ops(id->framework)->open_device(parent_fd, id, NULL);
	char now[PARAMS_SIZE];
	int r = fd < 0 ? -EACCES : read_params(fd, now, NULL);

	close_fd(memo.port_fd);
	return r == 0 ? strcmp(now, params) != 0 : r != -EACCES && r != -EPERM;
}
