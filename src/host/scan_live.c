/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/scan_live.h"

#include "host/vfio_mark.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sysfs/mdev.h"
#include "sysfs/pci.h"
#include "util/cleanup.h"
#include "util/text.h"

/* A type's name is read once for each GPU and type directory: all VFs of a GPU agree. */
struct known_type {
	int gpu;
	char parent[TYPE_DIR_SIZE]; /* where gpu is -1 */
	char dir[TYPE_DIR_SIZE];
	struct vgpu_type type;
};

/* The directory that holds parents, "sys/devices/pci0000:e7/0000:e7:01.0": opened once,
 * since walking there costs more than what is read. */
struct known_dir {
	char path[PATH_MAX];
	int fd;
};

struct live_scan {
	int root_fd;
	const struct scan_options *options;
	struct host *host;
	size_t room;
	struct known_type *types;
	size_t n_types;
	struct known_dir *dirs;
	size_t n_dirs;
};

static void live_scan_end(struct live_scan *scan)
{
	size_t i;

	for (i = 0; i < scan->n_dirs; i++)
		close_fd(scan->dirs[i].fd);
	free(scan->dirs);
	free(scan->types);
}

static struct live_vgpu *add_live(struct live_scan *scan)
{
	struct host *host = scan->host;

	if (host->n_live == scan->room) {
		size_t room = scan->room ? scan->room * 2 : 32;
		struct live_vgpu *grown = reallocarray(host->live, room, sizeof(*grown));

		if (!grown)
			return NULL;
		host->live = grown;
		scan->room = room;
	}
	host->live[host->n_live] = (struct live_vgpu){ .gpu = -1, .at = -1 };
	return &host->live[host->n_live++];
}

/* A descriptor of the directory PATH; stays open until the scan ends. */
static int open_dir(struct live_scan *scan, const char *path, struct error *err)
{
	struct known_dir *grown;
	size_t i;
	int fd;

	for (i = 0; i < scan->n_dirs; i++)
		if (!strcmp(scan->dirs[i].path, path))
			return scan->dirs[i].fd;
	grown = reallocarray(scan->dirs, scan->n_dirs + 1, sizeof(*grown));
	if (!grown)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "scan");
	scan->dirs = grown;
	fd = sysfs_walk(scan->root_fd, path, err);
	if (fd < 0)
		return fd;
	(void)text_copy(grown[scan->n_dirs].path, sizeof(grown->path), path);
	grown[scan->n_dirs++].fd = fd;
	return fd;
}

static const struct known_type *find_type(const struct live_scan *scan,
					  const struct live_vgpu *live)
{
	size_t i;

	for (i = 0; i < scan->n_types; i++) {
		const struct known_type *t = &scan->types[i];

		if (t->gpu == live->gpu && !strcmp(t->dir, live->type_dir) &&
		    (t->gpu >= 0 || !strcmp(t->parent, live->parent_name)))
			return t;
	}
	return NULL;
}

/* Reads the type from the device's own parent, else from any other VF of its GPU. */
static int read_type(struct live_scan *scan, int parents_fd, const struct live_vgpu *live,
		     struct vgpu_type *ret, struct error *err)
{
	const struct host *host = scan->host;
	char path[2 * TYPE_DIR_SIZE + 32], name[BDF_SIZE];
	size_t i;
	int r;

	(void)snprintf(path, sizeof(path), "%s/mdev_supported_types", live->parent_name);
	r = -ENOENT;
	for (i = 0;; i++) {
		_cleanup_(closep) int fd = sysfs_walk(parents_fd, path, NULL);

		if (fd >= 0)
			r = mdev_read_type(fd, live->type_dir, ret, err);
		if (r != -ENOENT || live->gpu < 0 || i >= host->gpus[live->gpu].n_parents)
			return r;
		bdf_format(&host->parents[host->gpus[live->gpu].first_parent + i].bdf,
			   name);
		(void)snprintf(path, sizeof(path), "%s/mdev_supported_types", name);
	}
}

/* Fills in what the type directory's name stands for. A type whose files are gone, as
 * when its driver is on the way out, stays nameless: that is no failure. */
static void name_type(struct live_scan *scan, int parents_fd, struct live_vgpu *live)
{
	const struct known_type *known = find_type(scan, live);
	struct known_type found = { .gpu = live->gpu };
	struct known_type *grown;
	struct error err;
	int r;

	(void)type_dir_parse(live->type_dir, &live->type_id);
	if (!known) {
		r = read_type(scan, parents_fd, live, &found.type, &err);
		if (r < 0 && r != -ENOENT)
			scan_warn(scan->options, &err);
		grown = reallocarray(scan->types, scan->n_types + 1, sizeof(*grown));
		if (!grown) {
			(void)error_set(&err, ERROR_SYSTEM, ENOMEM, "scan");
			scan_warn(scan->options, &err);
			return;
		}
		scan->types = grown;
		(void)text_copy(found.parent, sizeof(found.parent), live->parent_name);
		(void)text_copy(found.dir, sizeof(found.dir), live->type_dir);
		known = &grown[scan->n_types];
		grown[scan->n_types++] = found;
	}
	(void)text_copy(live->type_name, sizeof(live->type_name), known->type.name);
	live->framebuffer_mib = known->type.framebuffer_mib;
}

/* The kernel takes the `remove` file away before it waits for the device's user. A
 * recorded host may lack every write-only file, hence the look at another one. */
static bool removal_hangs(int parents_fd, const struct live_vgpu *live)
{
	char path[TYPE_DIR_SIZE + UUID_SIZE + 24];

	(void)snprintf(path, sizeof(path), "%s/%s/remove", live->parent_name, live->uuid);
	if (sysfs_exists(parents_fd, path))
		return false;
	(void)snprintf(path, sizeof(path), "%s/%s/mdev_type/create", live->parent_name,
		       live->uuid);
	return sysfs_exists(parents_fd, path);
}

/* Finds out where a device sits and what it is. PARENTS_FD is the directory its parent is
 * in; LIVE->parent_name and uuid are set. */
static void place_live(struct live_scan *scan, int parents_fd, struct live_vgpu *live)
{
	const struct host *host = scan->host;
	char path[TYPE_DIR_SIZE + UUID_SIZE + 16];
	const struct parent *parent;
	const struct gpu *gpu;
	struct error err;
	int r;

	live->framework = FRAMEWORK_MDEV;
	if (bdf_parse(live->parent_name, &live->parent)) {
		parent = host_find_parent(host, &live->parent);
		gpu = parent ? &host->gpus[parent->gpu]
			     : host_find_gpu(host, &live->parent);
		live->at = parent ? (int)(parent - host->parents) : -1;
		live->gpu = gpu ? (int)(gpu - host->gpus) : -1;
	}
	(void)snprintf(path, sizeof(path), "%s/%s/mdev_type", live->parent_name,
		       live->uuid);
	r = sysfs_link_name(parents_fd, path, live->type_dir, sizeof(live->type_dir),
			    &err);
	live->unfinished = !live->type_dir[0];
	if (r < 0 && r != -ENOENT)
		scan_warn(scan->options, &err);
	if (r == 0 && scan->options->what & SCAN_NAMES)
		name_type(scan, parents_fd, live);
	else if (r == 0)
		(void)type_dir_parse(live->type_dir, &live->type_id);
	if (scan->options->what & SCAN_STUCK && !live->stuck)
		live->stuck = removal_hangs(parents_fd, live);
}

static int look_at(struct live_scan *scan, int bus_fd, const char *name,
		   struct error *err)
{
	char target[PATH_MAX], dir[PATH_MAX], parent[TYPE_DIR_SIZE], uuid[UUID_SIZE];
	struct live_vgpu *live;
	int parents_fd, r;

	if (!uuid_normalise(name, uuid))
		return 0;
	r = sysfs_link(bus_fd, name, target, sizeof(target), err);
	if (r < 0)
		return r == -ENOENT ? 0 : r; /* gone since it was listed */
	if (!mdev_split_link(target, name, dir, parent))
		return error_set(err, ERROR_SYSTEM, EPROTO,
				 "mdev %s: its link in " MDEV_DEVICES
				 " leads to no parent, or to another device",
				 uuid);
	parents_fd = open_dir(scan, dir, err);
	if (parents_fd < 0)
		return parents_fd;
	live = add_live(scan);
	if (!live)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "scan");
	(void)text_copy(live->uuid, sizeof(live->uuid), uuid);
	(void)text_copy(live->parent_name, sizeof(live->parent_name), parent);
	place_live(scan, parents_fd, live);
	return 0;
}

static int scan_bus(struct live_scan *scan, struct error *err)
{
	_cleanup_(names_free) struct names names = { NULL, 0 };
	_cleanup_(closep) int bus_fd = -1;
	size_t i;
	int r = mdev_list(scan->root_fd, &names, err);

	if (r < 0 || !names.n)
		return r;
	bus_fd = sysfs_walk(scan->root_fd, MDEV_DEVICES, err);
	if (bus_fd < 0)
		return bus_fd;
	for (i = 0; i < names.n; i++) {
		struct error inner;

		if (look_at(scan, bus_fd, names.names[i], &inner) < 0)
			scan_warn(scan->options, &inner);
	}
	return 0;
}

/* What NVIDIA's vendor-specific VFIO framework shows: a type number, no UUID. */
static int scan_vfio(struct live_scan *scan, struct error *err)
{
	struct host *host = scan->host;
	size_t i;

	for (i = 0; i < host->n_parents; i++) {
		const struct parent *vf = &host->parents[i];
		struct live_vgpu *live;

		if (!vf->vfio_type)
			continue;
		live = add_live(scan);
		if (!live)
			return error_set(err, ERROR_SYSTEM, ENOMEM, "scan");
		live->framework = FRAMEWORK_VFIO;
		live->parent = vf->bdf;
		live->gpu = (int)vf->gpu;
		live->at = (int)i;
		live->type_id = vf->vfio_type;
		(void)bdf_format(&vf->bdf, live->parent_name);
		vfio_mark_read(scan->root_fd, &vf->bdf, vf->vfio_type, live->set_for);
	}
	return 0;
}

static bool is_on_bus(const struct live_scan *scan, const char *uuid)
{
	char path[128];

	(void)snprintf(path, sizeof(path), MDEV_DEVICES "/%s", uuid);
	return sysfs_exists(scan->root_fd, path);
}

static bool is_known(const struct host *host, const char *uuid, size_t parent)
{
	size_t i;

	for (i = 0; i < host->n_live; i++)
		if (host->live[i].at == (int)parent && !strcmp(host->live[i].uuid, uuid))
			return true;
	return false;
}

/* Devices under a parent; one that the bus does not list waits for its user to let go. */
static int scan_parent(struct live_scan *scan, int devices_fd, size_t index,
		       struct error *err)
{
	_cleanup_(names_free) struct names names = { NULL, 0 };
	char parent[BDF_SIZE], uuid[UUID_SIZE];
	size_t i;
	int r = sysfs_list(devices_fd,
			   bdf_format(&scan->host->parents[index].bdf, parent), &names,
			   err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (i = 0; i < names.n; i++) {
		struct live_vgpu *live;

		if (!uuid_normalise(names.names[i], uuid) ||
		    is_known(scan->host, uuid, index))
			continue;
		live = add_live(scan);
		if (!live)
			return error_set(err, ERROR_SYSTEM, ENOMEM, "scan");
		(void)text_copy(live->uuid, sizeof(live->uuid), uuid);
		(void)text_copy(live->parent_name, sizeof(live->parent_name), parent);
		live->stuck = !is_on_bus(scan, uuid);
		place_live(scan, devices_fd, live);
	}
	return 0;
}

/* A VF that holds a device of the bus cannot hold another, so only the rest is listed. A
 * PF may hold more. */
static int scan_stuck(struct live_scan *scan, struct error *err)
{
	struct host *host = scan->host;
	_cleanup_(closep) int devices_fd = sysfs_walk(scan->root_fd, PCI_DEVICES, err);
	_cleanup_(freep) bool *busy = calloc(host->n_parents + 1, sizeof(*busy));
	size_t i;

	if (!busy)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "scan");
	if (devices_fd < 0)
		return devices_fd == -ENOENT ? 0 : devices_fd;
	for (i = 0; i < host->n_live; i++)
		if (host->live[i].at >= 0 && !host->gpus[host->live[i].gpu].is_parent)
			busy[host->live[i].at] = true;
	for (i = 0; i < host->n_parents; i++) {
		struct error inner;

		if (!busy[i] && scan_parent(scan, devices_fd, i, &inner) < 0)
			scan_warn(scan->options, &inner);
	}
	return 0;
}

int scan_live(int root_fd, const struct scan_options *options, struct host *host,
	      struct error *err)
{
	struct live_scan scan = { .root_fd = root_fd, .options = options, .host = host };
	int r = scan_bus(&scan, err);

	if (r == 0)
		r = scan_vfio(&scan, err);
	if (r == 0 && options->what & SCAN_STUCK)
		r = scan_stuck(&scan, err);
	live_scan_end(&scan);
	return r;
}

int scan_live_on_parents(int root_fd, const struct scan_options *options,
			 struct host *host, struct error *err)
{
	struct live_scan scan = { .root_fd = root_fd, .options = options, .host = host };
	int r = scan_vfio(&scan, err);

	if (r == 0)
		r = scan_stuck(&scan, err);
	live_scan_end(&scan);
	return r;
}
