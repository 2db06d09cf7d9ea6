/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/others.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "sysfs/pci.h"
#include "util/cleanup.h"
#include "util/text.h"

#define DEFINITIONS "etc/mdevctl.d"
#define RULE "60-mdevctl.rules"

static bool is_link(int dirfd, const char *path)
{
	char target[PATH_MAX];

	return sysfs_link(dirfd, path, target, sizeof(target), NULL) == 0;
}

/* udev(7): the first directory that has the rule counts, and a rule that is empty or a
 * link to /dev/null is none. */
static bool has_rule(int root_fd)
{
	static const char *const dirs[] = { "etc/udev/rules.d", "run/udev/rules.d",
					    "usr/lib/udev/rules.d", "lib/udev/rules.d" };
	char path[64], target[PATH_MAX], text[2];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		(void)snprintf(path, sizeof(path), "%s/" RULE, dirs[i]);
		if (!sysfs_exists(root_fd, path))
			continue;
		if (sysfs_link(root_fd, path, target, sizeof(target), NULL) == 0)
			return strcmp(target, "/dev/null") != 0;
		return sysfs_read(root_fd, path, text, sizeof(text), NULL) || text[0];
	}
	return false;
}

/* A PF of ours, that is on this host or on record. */
static bool is_own_gpu(const struct host *host, const struct own_gpus *ours,
		       const struct bdf *bdf)
{
	size_t i;

	if (host_find_gpu(host, bdf))
		return true;
	for (i = 0; i < ours->n_gpus; i++)
		if (bdf_equal(&ours->gpus[i].bdf, bdf))
			return true;
	for (i = 0; i < ours->n_vgpus; i++)
		if (bdf_equal(&ours->vgpus[i].gpu, bdf))
			return true;
	return false;
}

static bool is_own_vf(const struct host *host, const struct own_gpus *ours,
		      const struct bdf *bdf)
{
	size_t i;

	if (host_find_parent(host, bdf))
		return true;
	for (i = 0; i < ours->n_vgpus; i++)
		if (bdf_equal(&ours->vgpus[i].vf, bdf))
			return true;
	return false;
}

static bool on_one_bus(const struct bdf *a, const struct bdf *b)
{
	return a->domain == b->domain && a->bus == b->bus;
}

/* A function that is not there may be a VF that is off: on the bus of a GPU of ours,
 * which it has for itself, what else should it be? */
static bool may_be_own_vf(int root_fd, const struct host *host,
			  const struct own_gpus *ours, const struct bdf *bdf)
{
	char path[64], name[BDF_SIZE];
	size_t i;

	(void)snprintf(path, sizeof(path), PCI_DEVICES "/%s", bdf_format(bdf, name));
	if (sysfs_exists(root_fd, path))
		return false;
	for (i = 0; i < host->n_gpus; i++)
		if (on_one_bus(&host->gpus[i].bdf, bdf))
			return true;
	for (i = 0; i < ours->n_gpus; i++)
		if (on_one_bus(&ours->gpus[i].bdf, bdf))
			return true;
	for (i = 0; i < ours->n_vgpus; i++)
		if (on_one_bus(&ours->vgpus[i].gpu, bdf))
			return true;
	return false;
}

bool others_says_manual(const char *text)
{
	const char *at = strstr(text, "\"start\"");

	if (!at)
		return false;
	at += strlen("\"start\"");
	at += strspn(at, " \t\r\n");
	if (*at != ':')
		return false;
	at++;
	at += strspn(at, " \t\r\n");
	return !strncmp(at, "\"manual\"", strlen("\"manual\""));
}

/* One that cannot be read is counted: it is there, and nothing says that it is started by
 * hand. */
static bool is_started(int dirfd, const char *name)
{
	char uuid[UUID_SIZE], text[ATTR_SIZE];
	int r;

	if (!uuid_normalise(name, uuid))
		return false;
	if (is_link(dirfd, name))
		return true;
	r = sysfs_read(dirfd, name, text, sizeof(text), NULL);
	if (r == -EISDIR || r == -ENOENT)
		return false;
	return r < 0 || !others_says_manual(text);
}

/* How many definitions of NAME, a directory below DIRFD, are started by the rule;
 * -ENOMEM. */
static ssize_t count_definitions(int dirfd, const char *name, struct error *err)
{
	_cleanup_(names_free) struct names names = { NULL, 0 };
	_cleanup_(closep) int fd = -1;
	ssize_t n = 0;
	size_t i;
	int r = is_link(dirfd, name) ? -ENOTDIR : sysfs_list(dirfd, name, &names, err);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	fd = sysfs_walk(dirfd, name, NULL);
	for (i = 0; fd >= 0 && i < names.n; i++)
		n += is_started(fd, names.names[i]);
	return n;
}

ssize_t others_mdevctl(int root_fd, const struct host *host, const struct own_gpus *ours,
		       struct other_owner **ret, struct error *err)
{
	_cleanup_(names_free) struct names names = { NULL, 0 };
	_cleanup_(closep) int fd = -1;
	_cleanup_(freep) struct other_owner *found = NULL;
	ssize_t count;
	size_t i, n = 0;
	int r;

	*ret = NULL;
	if (is_link(root_fd, DEFINITIONS) || !has_rule(root_fd))
		return 0;
	r = sysfs_list(root_fd, DEFINITIONS, &names, err);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	fd = sysfs_walk(root_fd, DEFINITIONS, NULL);
	found = calloc(names.n + 1, sizeof(*found));
	if (!found)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "look for mdevctl");
	for (i = 0; fd >= 0 && i < names.n; i++) {
		struct other_owner *o = &found[n];
		char name[BDF_SIZE];

		/* the kernel's spelling, or it is not the kernel that it waits for */
		if (!bdf_parse(names.names[i], &o->parent) ||
		    strcmp(bdf_format(&o->parent, name), names.names[i]) ||
		    (!is_own_gpu(host, ours, &o->parent) &&
		     !is_own_vf(host, ours, &o->parent) &&
		     !may_be_own_vf(root_fd, host, ours, &o->parent)))
			continue;
		count = count_definitions(fd, name, err);
		if (count < 0)
			return count;
		o->n_vgpus = (size_t)count;
		(void)sysfs_path(fd, name, o->path, sizeof(o->path));
		n += o->n_vgpus > 0;
	}
	*ret = TAKE_PTR(found);
	return (ssize_t)n;
}

bool others_mdevctl_starts(int root_fd, const char *uuid, char *ret_path, size_t size)
{
	_cleanup_(names_free) struct names names = { NULL, 0 };
	_cleanup_(closep) int fd = -1;
	size_t i;

	if (is_link(root_fd, DEFINITIONS) ||
	    sysfs_list(root_fd, DEFINITIONS, &names, NULL) < 0 || !has_rule(root_fd))
		return false;
	fd = sysfs_walk(root_fd, DEFINITIONS, NULL);
	for (i = 0; fd >= 0 && i < names.n; i++) {
		_cleanup_(closep) int dir_fd = -1;

		if (is_link(fd, names.names[i]))
			continue;
		dir_fd = sysfs_walk(fd, names.names[i], NULL);
		if (dir_fd < 0 || !sysfs_exists(dir_fd, uuid) ||
		    !is_started(dir_fd, uuid))
			continue;
		(void)sysfs_path(dir_fd, uuid, ret_path, size);
		return true;
	}
	return false;
}
