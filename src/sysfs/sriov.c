/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sysfs/sriov.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/virtfn.h"
#include "util/cleanup.h"

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

static int compare_index(const void *a, const void *b)
{
	const struct parent *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

static int make_room(struct parent **vfs, size_t wanted, size_t *room)
{
	size_t more = wanted + *room;
	struct parent *grown;

	if (wanted <= *room)
		return 0;
	grown = reallocarray(*vfs, more, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*vfs = grown;
	*room = more;
	return 0;
}

/* Where the link of the VF with VF->index leads. */
static int read_virtfn(int gpu_fd, struct parent *vf, struct error *err)
{
	char name[24], target[64], path[512];
	int r;

	(void)snprintf(name, sizeof(name), "virtfn%u", vf->index);
	r = sysfs_link_name(gpu_fd, name, target, sizeof(target), err);
	if (r == 0 && !bdf_parse(target, &vf->bdf))
		r = error_set(err, ERROR_SYSTEM, EPROTO,
			      "%s does not point to a PCI function",
			      sysfs_path(gpu_fd, name, path, sizeof(path)));
	return r;
}

/* False where the links of the first, the second and the last do not tell all. */
static bool derive_vfs(int gpu_fd, struct parent *vfs, size_t n)
{
	return n >= 4 && read_virtfn(gpu_fd, &vfs[0], NULL) == 0 &&
	       read_virtfn(gpu_fd, &vfs[1], NULL) == 0 &&
	       read_virtfn(gpu_fd, &vfs[n - 1], NULL) == 0 && virtfn_derive(vfs, n);
}

int sriov_list_vfs(int gpu_fd, uint32_t gpu, struct parent **vfs, size_t *n, size_t *room,
		   struct error *err)
{
	_cleanup_(names_free) struct names names = { NULL, 0 };
	size_t i, first = *n, end;
	int bad = 0, r = sysfs_list(gpu_fd, ".", &names, err);

	if (r < 0)
		return r;
	for (i = 0; i < names.n; i++) {
		struct parent vf = { .gpu = gpu };

		if (!virtfn_parse(names.names[i], &vf.index))
			continue;
		if (make_room(vfs, *n + 1, room) < 0)
			return error_set(err, ERROR_SYSTEM, ENOMEM, "list VFs");
		(*vfs)[(*n)++] = vf;
	}
	end = *n;
	if (end > first)
		qsort(*vfs + first, end - first, sizeof(**vfs), compare_index);
	if (derive_vfs(gpu_fd, *vfs + first, end - first))
		return 0;
	for (i = *n = first; i < end; i++) {
		struct parent vf = (*vfs)[i];

		r = read_virtfn(gpu_fd, &vf, err);
		if (r == 0)
			(*vfs)[(*n)++] = vf;
		else if (r != -ENOENT) /* gone since it was listed */
			bad = r;
	}
	return bad;
}

int sriov_set(int gpu_fd, uint32_t n_vfs, struct error *err)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", n_vfs);
	return sysfs_write(gpu_fd, "sriov_numvfs", text, err);
}
