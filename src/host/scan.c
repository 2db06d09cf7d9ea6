/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/catalog.h"
#include "host/framework.h"
#include "host/scan_live.h"
#include "sysfs/mdev.h"
#include "sysfs/pci.h"
#include "sysfs/sriov.h"
#include "sysfs/vfio.h"
#include "util/cleanup.h"
#include "util/text.h"

DEFINE_CLEANUP(struct host *, host_free)

struct scan {
	int root_fd, devices_fd; /* devices_fd is -1 on a host without PCI */
	const struct scan_options *options;
	struct host *host;
	size_t gpu_room, parent_room;
	struct names mdev_parents;
};

void scan_warn(const struct scan_options *options, const struct error *err)
{
	if (options->warn)
		options->warn(options->arg, err);
}

/* Reads a text file that may be missing. */
static void read_text(int root_fd, const char *path, char *buf, size_t size)
{
	char text[ATTR_SIZE];

	buf[0] = '\0';
	if (sysfs_read(root_fd, path, text, sizeof(text), NULL) == 0 &&
	    text_is_printable(text, strlen(text)))
		(void)text_copy(buf, size, text);
}

void scan_boot_id(int root_fd, char *buf, size_t size)
{
	read_text(root_fd, "proc/sys/kernel/random/boot_id", buf, size);
}

void scan_identity(int root_fd, struct host *host)
{
	read_text(root_fd, "proc/sys/kernel/hostname", host->hostname,
		  sizeof(host->hostname));
	if (!host->hostname[0])
		read_text(root_fd, "etc/hostname", host->hostname,
			  sizeof(host->hostname));
	read_text(root_fd, "etc/machine-id", host->machine_id, sizeof(host->machine_id));
	scan_boot_id(root_fd, host->boot_id, sizeof(host->boot_id));
	read_text(root_fd, "sys/module/nvidia/version", host->driver_version,
		  sizeof(host->driver_version));
}

static struct gpu *add_gpu(struct scan *scan, const struct bdf *bdf)
{
	struct host *host = scan->host;
	struct gpu *gpu;

	if (host->n_gpus == scan->gpu_room) {
		size_t room = scan->gpu_room ? scan->gpu_room * 2 : 16;
		struct gpu *grown = reallocarray(host->gpus, room, sizeof(*grown));

		if (!grown)
			return NULL;
		host->gpus = grown;
		scan->gpu_room = room;
	}
	gpu = &host->gpus[host->n_gpus++];
	*gpu = (struct gpu){ .bdf = *bdf,
			     .numa_node = -1,
			     .first_parent = host->n_parents };
	return gpu;
}

/* A GPU from before SR-IOV is its own parent. */
static int add_own_parent(struct scan *scan, struct gpu *gpu, struct error *err)
{
	struct host *host = scan->host;
	struct parent *grown;

	grown = reallocarray(host->parents, host->n_parents + 1, sizeof(*grown));
	if (!grown)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "scan");
	host->parents = grown;
	scan->parent_room = host->n_parents + 1;
	grown[host->n_parents++] =
		(struct parent){ .bdf = gpu->bdf, .gpu = (uint32_t)(gpu - host->gpus) };
	gpu->n_parents = 1;
	gpu->is_parent = true;
	return 0;
}

/* Lists GPU's VFs and marks them in SKIP, which goes with NAMES. */
static int add_parents(struct scan *scan, struct gpu *gpu, const struct names *names,
		       bool *skip, struct error *err)
{
	struct host *host = scan->host;
	char name[BDF_SIZE];
	size_t i;
	int r;

	_cleanup_(closep) int fd =
		sysfs_walk(scan->devices_fd, bdf_format(&gpu->bdf, name), err);

	if (fd < 0)
		return fd;
	r = sriov_list_vfs(fd, (uint32_t)(gpu - host->gpus), &host->parents,
			   &host->n_parents, &scan->parent_room, err);
	gpu->n_parents = host->n_parents - gpu->first_parent;
	for (i = gpu->first_parent; i < host->n_parents; i++) {
		ssize_t at = names_index(names, bdf_format(&host->parents[i].bdf, name));

		if (at >= 0)
			skip[at] = true;
	}
	if (scan->options->what & SCAN_GPUS) {
		struct error inner;

		if (sriov_total(fd, &gpu->total_vfs, &inner) < 0)
			scan_warn(scan->options, &inner);
		else
			gpu->total_is_known = true;
		/* It matters where VFs may be enabled, and is read nowhere else: it
		 * hangs with a GPU whose VFs somebody switches off while one is in use.
		 */
		if (gpu->total_vfs && !gpu->n_parents && !strcmp(gpu->driver, "nvidia") &&
		    pci_read_override(scan->devices_fd, gpu, &inner) < 0)
			scan_warn(scan->options, &inner);
	}
	if (r == 0 && !gpu->n_parents &&
	    names_contain(&scan->mdev_parents, bdf_format(&gpu->bdf, name)))
		r = add_own_parent(scan, gpu, err);
	return r;
}

/* Is NAME a GPU?  What the nvidia driver holds is one unless it is a VF. */
static int is_gpu(struct scan *scan, const char *name, bool bound, struct error *err)
{
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "%s/physfn", name);
	if (!bound) {
		r = pci_is_nvidia_gpu(scan->devices_fd, name, err);
		if (r <= 0)
			return r;
	}
	r = sysfs_look(scan->devices_fd, path, err);
	if (r != 0)
		return r < 0 ? r : 0;
	/* Gone since it was listed? */
	(void)snprintf(path, sizeof(path), "%s/vendor", name);
	return sysfs_exists(scan->devices_fd, path);
}

static int look_at(struct scan *scan, const char *name, bool bound,
		   const struct names *names, bool *skip, struct error *err)
{
	struct bdf bdf;
	struct gpu *gpu;
	int r;

	if (!bdf_parse(name, &bdf))
		return 0; /* bind, unbind, module, … */
	r = is_gpu(scan, name, bound, err);
	if (r <= 0)
		return r == -ENOENT ? 0 : r;
	gpu = add_gpu(scan, &bdf);
	if (!gpu)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "scan");
	if (bound)
		(void)text_copy(gpu->driver, sizeof(gpu->driver), "nvidia");
	else if (pci_driver(scan->devices_fd, name, gpu->driver, err) < 0)
		scan_warn(scan->options, err);
	if (scan->options->what & SCAN_GPUS) {
		r = pci_read_gpu(scan->devices_fd, gpu, err);
		if (r < 0)
			scan_warn(scan->options, err);
	}
	return add_parents(scan, gpu, names, skip, err);
}

/* In order of addresses, so that a PF is seen before its VFs. */
static int find_gpus(struct scan *scan, struct error *err)
{
	_cleanup_(names_free) struct names bound = { NULL, 0 }, all = { NULL, 0 };
	_cleanup_(freep) bool *skip = NULL;
	bool others = scan->options->what & SCAN_OTHERS;
	const struct names *names = others ? &all : &bound;
	size_t i;
	int r = pci_list_bound(scan->root_fd, "nvidia", &bound, err);

	if (r == 0 && others)
		r = sysfs_list(scan->devices_fd, ".", &all, err);
	if (r < 0)
		return r;
	skip = calloc(names->n + 1, sizeof(*skip));
	if (!skip)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "scan");
	for (i = 0; i < names->n; i++) {
		struct error inner;

		if (skip[i])
			continue;
		r = look_at(scan, names->names[i],
			    names_index(&bound, names->names[i]) >= 0, names, skip,
			    &inner);
		if (r < 0)
			scan_warn(scan->options, &inner);
	}
	return 0;
}

static int compare_gpus(const void *a, const void *b)
{
	return bdf_compare(&((const struct gpu *)a)->bdf, &((const struct gpu *)b)->bdf);
}

/* Names sort as strings, which is the order of addresses but for wide domains. */
static void sort_gpus(struct host *host)
{
	size_t i, j;

	if (host->n_gpus)
		qsort(host->gpus, host->n_gpus, sizeof(*host->gpus), compare_gpus);
	for (i = 0; i < host->n_gpus; i++)
		for (j = 0; j < host->gpus[i].n_parents; j++)
			host->parents[host->gpus[i].first_parent + j].gpu = (uint32_t)i;
}

/* How each parent offers vGPUs, if it does yet. */
static void find_frameworks(struct scan *scan)
{
	struct host *host = scan->host;
	char name[BDF_SIZE];
	size_t i;

	for (i = 0; i < host->n_parents; i++) {
		struct parent *parent = &host->parents[i];
		struct error err;
		int r;

		if (names_contain(&scan->mdev_parents, bdf_format(&parent->bdf, name))) {
			parent->framework = FRAMEWORK_MDEV;
			continue;
		}
		r = vfio_current_type(scan->devices_fd, name, &parent->vfio_type, &err);
		if (r < 0)
			scan_warn(scan->options, &err);
		else if (r > 0)
			parent->framework = FRAMEWORK_VFIO;
	}
}

static bool holds_vgpu(const struct host *host, size_t parent)
{
	size_t i;

	for (i = 0; i < host->n_live; i++)
		if (host->live[i].at == (int)parent)
			return true;
	return false;
}

/* The first parent of GPU from AT on that shows types, one with room if ONLY_FREE; -1
 * where there is none. */
static ssize_t next_parent(const struct host *host, const struct gpu *gpu, size_t at,
			   bool only_free)
{
	for (; at < gpu->first_parent + gpu->n_parents; at++)
		if (host->parents[at].framework &&
		    (!only_free || gpu->is_parent || !holds_vgpu(host, at)))
			return (ssize_t)at;
	return -1;
}

/* Takes CATALOG over, which was read just now. A partial one adds to what is remembered.
 */
static int take_catalog(struct gpu *gpu, struct catalog *catalog, struct error *err)
{
	struct catalog *known = gpu->catalog;

	gpu->catalog = catalog;
	if (known && catalog->partial && !gpu_add_types(gpu, known)) {
		gpu->catalog = known;
		catalog_unref(catalog);
		return error_set(err, ERROR_SYSTEM, ENOMEM, "read vGPU types");
	}
	catalog_unref(known);
	return 0;
}

static int read_available(const struct framework_ops *ops, int parent_fd,
			  const struct scan_options *options, struct gpu *gpu,
			  struct error *err)
{
	size_t i;

	free(gpu->available);
	gpu->available = calloc(gpu->catalog->n_types + 1, sizeof(*gpu->available));
	if (!gpu->available)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "read available instances");
	for (i = 0; i < gpu->catalog->n_types; i++)
		gpu->available[i] = AVAILABLE_UNKNOWN;
	return ops->read_available(parent_fd, options, gpu, err);
}

/* Reads types by HOST->parents[AT]; -ENOENT where it no longer shows any. FREE: what it
 * takes means something. */
static int read_types(int devices_fd, struct host *host, struct gpu *gpu, size_t at,
		      bool free, const struct scan_options *options, struct error *err)
{
	const struct framework_ops *ops = framework_ops(host->parents[at].framework);
	char name[BDF_SIZE];
	_cleanup_(closep) int fd =
		sysfs_walk(devices_fd, bdf_format(&host->parents[at].bdf, name), err);
	int r = fd < 0 ? fd : 0;

	if (r == 0 && (!gpu->catalog || gpu->catalog->remembered)) {
		struct catalog *catalog;

		r = ops->read_types(fd, options, &catalog, err);
		if (r == 0)
			r = take_catalog(gpu, catalog, err);
	}
	if (r == 0 && free && options->what & SCAN_AVAILABLE)
		r = read_available(ops, fd, options, gpu, err);
	return r;
}

int scan_types(int root_fd, struct host *host, struct gpu *gpu,
	       const struct scan_options *options, struct error *err)
{
	_cleanup_(closep) int devices_fd = sysfs_walk(root_fd, PCI_DEVICES, err);
	int pass, r = devices_fd < 0 ? devices_fd : -ENOENT;

	for (pass = 0; pass < 2 && r == -ENOENT; pass++) {
		ssize_t at = next_parent(host, gpu, gpu->first_parent, pass == 0);

		for (; at >= 0 && r == -ENOENT;
		     at = next_parent(host, gpu, (size_t)at + 1, pass == 0))
			r = read_types(devices_fd, host, gpu, (size_t)at, pass == 0,
				       options, err);
	}
	return r == -ENOENT ? 0 : r; /* no parent shows any */
}

static void read_catalogs(struct scan *scan)
{
	struct error err;
	size_t i;

	for (i = 0; i < scan->host->n_gpus; i++)
		if (scan_types(scan->root_fd, scan->host, &scan->host->gpus[i],
			       scan->options, &err) < 0)
			scan_warn(scan->options, &err);
}

/* GPUs and VFs are listed: puts them in order and finds out what the VFs offer. */
static int finish_pci(struct scan *scan, struct error *err)
{
	struct host *host = scan->host;

	sort_gpus(host);
	host->parents_by_bdf = calloc(host->n_parents + 1, sizeof(*host->parents_by_bdf));
	if (!host->parents_by_bdf)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "scan");
	find_frameworks(scan);
	host_sort(host);
	return 0;
}

static int look_at_host(int root_fd, const struct scan_options *options,
			struct host **ret, struct error *err)
{
	_cleanup_(host_freep) struct host *host = calloc(1, sizeof(*host));
	_cleanup_(closep) int devices_fd = sysfs_walk(root_fd, PCI_DEVICES, err);
	struct scan scan = { root_fd, devices_fd, options, host, 0, 0, { NULL, 0 } };
	int r;

	if (!host)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "scan");
	if (devices_fd < 0 && devices_fd != -ENOENT)
		return devices_fd;
	scan_identity(root_fd, host);
	r = mdev_list_parents(root_fd, &scan.mdev_parents, err);
	if (r == 0 && devices_fd >= 0)
		r = find_gpus(&scan, err);
	if (r == 0 && devices_fd >= 0)
		r = finish_pci(&scan, err);
	names_free(&scan.mdev_parents);
	if (r == 0)
		r = scan_live(root_fd, options, host, err);
	if (r < 0)
		return r;
	host_sort(host);
	if (options->what & SCAN_TYPES)
		read_catalogs(&scan);
	*ret = TAKE_PTR(host);
	return 0;
}

static int look_at_one(int root_fd, const struct bdf *bdf,
		       const struct scan_options *options, struct host **ret,
		       struct error *err)
{
	_cleanup_(host_freep) struct host *host = calloc(1, sizeof(*host));
	_cleanup_(closep) int devices_fd = sysfs_walk(root_fd, PCI_DEVICES, err);
	struct scan scan = { root_fd, devices_fd, options, host, 0, 0, { NULL, 0 } };
	const struct names none = { NULL, 0 };
	char name[BDF_SIZE], driver[DRIVER_NAME_SIZE];
	int r;

	if (!host)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "scan");
	if (devices_fd < 0)
		return devices_fd;
	r = pci_driver(devices_fd, bdf_format(bdf, name), driver, err);
	if (r == 0)
		r = mdev_list_parents(root_fd, &scan.mdev_parents, err);
	if (r == 0)
		r = look_at(&scan, name, !strcmp(driver, "nvidia"), &none, NULL, err);
	if (r == 0)
		r = finish_pci(&scan, err);
	names_free(&scan.mdev_parents);
	if (r == 0)
		r = scan_live_on_parents(root_fd, options, host, err);
	if (r < 0)
		return r;
	host_sort(host);
	*ret = TAKE_PTR(host);
	return 0;
}

/* A device that cannot be looked at is told and left out; the others go on. Where it is
 * this program that gets no memory, though, what it would leave out is there. */
struct watch {
	const struct scan_options *options;
	bool no_memory;
};

static void watch_warn(void *arg, const struct error *err)
{
	struct watch *watch = arg;

	if (err->no_memory)
		watch->no_memory = true;
	else
		scan_warn(watch->options, err);
}

/* The scan of one GPU, or of the whole host where BDF is NULL. */
static int scan_watched(int root_fd, const struct bdf *bdf,
			const struct scan_options *options, struct host **ret,
			struct error *err)
{
	struct watch watch = { options, false };
	struct scan_options watched = { options->what, watch_warn, &watch };
	_cleanup_(host_freep) struct host *host = NULL;
	int r = bdf ? look_at_one(root_fd, bdf, &watched, &host, err)
		    : look_at_host(root_fd, &watched, &host, err);

	if (r < 0)
		return r;
	if (watch.no_memory)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "scan");
	*ret = TAKE_PTR(host);
	return 0;
}

int scan_host(int root_fd, const struct scan_options *options, struct host **ret,
	      struct error *err)
{
	return scan_watched(root_fd, NULL, options, ret, err);
}

int scan_gpu(int root_fd, const struct bdf *bdf, const struct scan_options *options,
	     struct host **ret, struct error *err)
{
	return scan_watched(root_fd, bdf, options, ret, err);
}
