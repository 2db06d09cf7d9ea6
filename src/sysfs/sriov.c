/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sysfs/sriov.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/text.h"

int sriov_total(int gpu_fd, uint32_t *ret, struct error *err)
{
	uint64_t value = 0;
	char path[512];
	int r = sysfs_read_u64(gpu_fd, "sriov_totalvfs", &value, err);

	if (r < 0 && r != -ENOENT)
		return r;
	if (value > UINT16_MAX) /* TotalVFs is a 16-bit register */
		return error_set(err, ERROR_SYSTEM, EPROTO,
				 "%s is %llu, which no PCI device can have",
				 sysfs_path(gpu_fd, "sriov_totalvfs", path, sizeof(path)),
				 (unsigned long long)value);
	*ret = (uint32_t)value;
	return 0;
}

static bool parse_virtfn(const char *name, uint32_t *ret)
{
	return !strncmp(name, "virtfn", 6) && parse_u32(name + 6, ret);
}

static int compare_index(const void *a, const void *b)
{
	const struct vf *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

static int make_room(struct vf **vfs, size_t wanted, size_t *room)
{
	struct vf *grown;

	if (wanted <= *room)
		return 0;
	*room = wanted + *room;
	grown = reallocarray(*vfs, *room, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*vfs = grown;
	return 0;
}

int sriov_list_vfs(int gpu_fd, uint32_t gpu, struct vf **vfs, size_t *n, size_t *room,
		   struct error *err)
{
	_cleanup_(names_free) struct names names = { NULL, 0 };
	size_t i, first = *n;
	int bad = 0, r = sysfs_list(gpu_fd, ".", &names, err);

	if (r < 0)
		return r;
	for (i = 0; i < names.n; i++) {
		struct vf vf = { .gpu = gpu };
		char target[64], path[512];

		if (!parse_virtfn(names.names[i], &vf.index))
			continue;
		r = sysfs_link_name(gpu_fd, names.names[i], target, sizeof(target), err);
		if (r == 0 && !bdf_parse(target, &vf.bdf))
			r = error_set(err, ERROR_SYSTEM, EPROTO,
				      "%s does not point to a PCI function",
				      sysfs_path(gpu_fd, names.names[i], path,
						 sizeof(path)));
		if (r < 0) {
			bad = r == -ENOENT ? bad : r; /* gone since it was listed */
			continue;
		}
		if (make_room(vfs, *n + 1, room) < 0)
			return error_set(err, ERROR_SYSTEM, ENOMEM, "list VFs");
		(*vfs)[(*n)++] = vf;
	}
	if (*n > first)
		qsort(*vfs + first, *n - first, sizeof(**vfs), compare_index);
	return bad;
}

int sriov_count(int gpu_fd, uint32_t *ret, struct error *err)
{
	_cleanup_(names_free) struct names names = { NULL, 0 };
	uint32_t n = 0, ignored;
	size_t i;
	int r = sysfs_list(gpu_fd, ".", &names, err);

	if (r < 0)
		return r;
	for (i = 0; i < names.n; i++)
		n += parse_virtfn(names.names[i], &ignored);
	*ret = n;
	return 0;
}

int sriov_set(int gpu_fd, uint32_t n_vfs, struct error *err)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", n_vfs);
	return sysfs_write(gpu_fd, "sriov_numvfs", text, err);
}
