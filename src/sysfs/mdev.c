/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sysfs/mdev.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/text.h"

static int list_or_nothing(int root_fd, const char *dir, struct names *ret,
			   struct error *err)
{
	int r = sysfs_list(root_fd, dir, ret, err);

	if (r != -ENOENT)
		return r;
	*ret = (struct names){ NULL, 0 };
	return 0;
}

int mdev_list_parents(int root_fd, struct names *ret, struct error *err)
{
	return list_or_nothing(root_fd, MDEV_PARENTS, ret, err);
}

int mdev_list(int root_fd, struct names *ret, struct error *err)
{
	return list_or_nothing(root_fd, MDEV_DEVICES, ret, err);
}

bool mdev_split_link(char *target, const char *name, char *dir, char *parent)
{
	char *start = target, *slash = strrchr(target, '/');

	while (!strncmp(start, "../", 3))
		start += 3;
	if (!slash || slash <= start || strcmp(slash + 1, name))
		return false;
	*slash = '\0';
	slash = strrchr(start, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return text_copy(parent, TYPE_DIR_SIZE, slash + 1) &&
	       snprintf(dir, PATH_MAX, "sys/%s", start) < PATH_MAX;
}

int mdev_read_type(int types_fd, const char *dir, struct vgpu_type *ret,
		   struct error *err)
{
	char name[TYPE_NAME_SIZE], description[ATTR_SIZE], path[512];
	uint32_t id = 0;
	int r;

	_cleanup_(closep) int fd = sysfs_walk(types_fd, dir, err);

	if (fd < 0)
		return fd;
	r = sysfs_read(fd, "name", name, sizeof(name), err);
	if (r < 0)
		return r;
	r = sysfs_read(fd, "description", description, sizeof(description), err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == -ENOENT) /* optional by the ABI */
		description[0] = '\0';
	(void)type_dir_parse(dir, &id);
	if (!vgpu_type_parse(id, name, description, ret))
		return error_set(err, ERROR_SYSTEM, EPROTO,
				 "%s is not a vGPU type's name",
				 sysfs_path(fd, "name", path, sizeof(path)));
	return 0;
}

static bool has_name(int types_fd, const char *dir, const char *name)
{
	char path[TYPE_DIR_SIZE + 8], found[TYPE_NAME_SIZE];

	(void)snprintf(path, sizeof(path), "%s/name", dir);
	return sysfs_read(types_fd, path, found, sizeof(found), NULL) == 0 &&
	       text_equal_nocase(profile_short_name(found), profile_short_name(name));
}

int mdev_find_type(int types_fd, const char *name, uint32_t id, char ret[TYPE_DIR_SIZE],
		   struct error *err)
{
	_cleanup_(names_free) struct names dirs = { NULL, 0 };
	char path[512];
	uint32_t found;
	size_t i;
	int pass, r = sysfs_list(types_fd, ".", &dirs, err);

	if (r < 0)
		return r;
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < dirs.n; i++) {
			bool hinted =
				type_dir_parse(dirs.names[i], &found) && found == id;

			if (hinted == (pass == 0) &&
			    has_name(types_fd, dirs.names[i], name) &&
			    text_copy(ret, TYPE_DIR_SIZE, dirs.names[i]))
				return 0;
		}
	}
	(void)error_set(err, ERROR_NOT_FOUND, 0, "%s does not list a type named '%s'",
			sysfs_path(types_fd, ".", path, sizeof(path)), name);
	return -ENOENT;
}

int mdev_available(int types_fd, const char *dir, uint32_t *ret, struct error *err)
{
	char path[TYPE_DIR_SIZE + 24];
	uint64_t value;
	int r;

	(void)snprintf(path, sizeof(path), "%s/available_instances", dir);
	r = sysfs_read_u64(types_fd, path, &value, err);
	if (r < 0)
		return r;
	*ret = value >= AVAILABLE_UNKNOWN ? AVAILABLE_UNKNOWN - 1 : (uint32_t)value;
	return 0;
}

int mdev_create(int types_fd, const char *dir, const char *uuid, struct error *err)
{
	char path[TYPE_DIR_SIZE + 8];

	(void)snprintf(path, sizeof(path), "%s/create", dir);
	return sysfs_write(types_fd, path, uuid, err);
}

/* Does the bus's link to UUID lead to a directory of that name under PARENT? */
static bool is_under(const char *target, const char *parent, const char *uuid)
{
	char end[TYPE_DIR_SIZE + UUID_SIZE];
	int len = snprintf(end, sizeof(end), "/%s/%s", parent, uuid);
	size_t target_len = strlen(target);

	return len > 0 && (size_t)len <= target_len &&
	       !strcmp(target + target_len - (size_t)len, end);
}

int mdev_remove(int root_fd, const char *parent, const char *uuid, struct error *err)
{
	char bus[128], target[PATH_MAX], path[512];
	int r;

	(void)snprintf(bus, sizeof(bus), MDEV_DEVICES "/%s", uuid);
	r = sysfs_link(root_fd, bus, target, sizeof(target), err);
	if (r < 0)
		return r;
	if (!is_under(target, parent, uuid))
		return error_set(err, ERROR_CONFLICT, EEXIST,
				 "%s leads to another device (%s)",
				 sysfs_path(root_fd, bus, path, sizeof(path)), target);
	(void)snprintf(bus, sizeof(bus), MDEV_DEVICES "/%s/remove", uuid);
	return sysfs_write(root_fd, bus, "1", err);
}

int mdev_verify(int root_fd, int parent_fd, const char *parent, const char *dir,
		const char *uuid, struct error *err)
{
	char bus[128], link[256], target[PATH_MAX], type[TYPE_DIR_SIZE], path[512];
	int r;

	(void)snprintf(bus, sizeof(bus), MDEV_DEVICES "/%s", uuid);
	r = sysfs_link(root_fd, bus, target, sizeof(target), err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (!is_under(target, parent, uuid))
		return error_set(err, ERROR_CONFLICT, EEXIST,
				 "%s is on another parent (%s)",
				 sysfs_path(root_fd, bus, path, sizeof(path)), target);
	(void)snprintf(link, sizeof(link), "%s/mdev_type", uuid);
	r = sysfs_link_name(parent_fd, link, type, sizeof(type), NULL);
	if (r == -ENOENT)
		return 0; /* its create has not finished */
	if (r < 0 || strcmp(type, dir))
		return error_set(err, ERROR_CONFLICT, EEXIST, "%s has type %s, not %s",
				 sysfs_path(root_fd, bus, path, sizeof(path)),
				 r < 0 ? "unknown" : type, dir);
	(void)snprintf(link, sizeof(link), "mdev_supported_types/%s/devices/%s", dir,
		       uuid);
	return sysfs_look(parent_fd, link, err);
}
