/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sysfs/vfio.h"

#include <errno.h>
#include <stdio.h>

int vfio_current_type(int devices_fd, const char *name, uint32_t *ret, struct error *err)
{
	char path[64];
	uint64_t value;
	int r;

	(void)snprintf(path, sizeof(path), "%s/nvidia/current_vgpu_type", name);
	r = sysfs_read_u64(devices_fd, path, &value, err);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (value > UINT32_MAX)
		return error_set(err, ERROR_SYSTEM, EPROTO,
				 "%s/nvidia/current_vgpu_type is "
				 "no type id",
				 name);
	*ret = (uint32_t)value;
	return 1;
}
