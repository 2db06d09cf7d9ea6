/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/holders.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/vgpu.h"
#include "sysfs/pci.h"
#include "util/cleanup.h"
#include "util/text.h"

#define NODE_SIZE 64

/* The device nodes through which one device can be held: "/dev/vfio/106" and
 * "/dev/vfio/devices/vfio3". */
struct nodes {
	char group[NODE_SIZE], cdev[NODE_SIZE];
};

struct held_device held_device_of(const struct vgpu_id *id)
{
	struct held_device device = { .uuid = "", .bdf = id->parent };

	if (id->framework == FRAMEWORK_MDEV)
		(void)text_copy(device.uuid, sizeof(device.uuid), id->uuid);
	return device;
}

static void device_dir(const struct held_device *device, char *buf, size_t size)
{
	char name[BDF_SIZE];

	if (device->uuid[0])
		(void)snprintf(buf, size, "sys/bus/mdev/devices/%s", device->uuid);
	else
		(void)snprintf(buf, size, PCI_DEVICES "/%s",
			       bdf_format(&device->bdf, name));
}

static int find_nodes(int device_fd, struct nodes *ret, struct error *err)
{
	_cleanup_(names_free) struct names cdevs = { NULL, 0 };
	char name[32];
	int r;

	ret->group[0] = ret->cdev[0] = '\0';
	if (sysfs_link_name(device_fd, "iommu_group", name, sizeof(name), NULL) == 0)
		(void)snprintf(ret->group, sizeof(ret->group), "/dev/vfio/%s", name);
	r = sysfs_list(device_fd, "vfio-dev", &cdevs, err);
	if (r == 0 && cdevs.n)
		(void)snprintf(ret->cdev, sizeof(ret->cdev), "/dev/vfio/devices/%.32s",
			       cdevs.names[0]);
	return r == -ENOMEM ? r : 0;
}

static int look_at_device(int root_fd, const struct held_device *device,
			  struct nodes *nodes, struct holder *holder, struct error *err)
{
	char dir[128], name[ATTR_SIZE];
	int r;

	*holder = (struct holder){ .in_use = false };
	*nodes = (struct nodes){ "", "" };
	device_dir(device, dir, sizeof(dir));

	_cleanup_(closep) int fd = sysfs_walk(root_fd, dir, err);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = find_nodes(fd, nodes, err);
	if (r < 0)
		return r;
	r = device->uuid[0] ? sysfs_read(fd, "nvidia/vm_name", name, sizeof(name), err)
			    : -ENOENT;
	if (r < 0) /* it may be on its way out */
		return r == -ENOENT || r == -ENODEV ? 0 : r;
	(void)text_copy(holder->vm_name, sizeof(holder->vm_name), name);
	holder->in_use = name[strspn(name, " \t\n")] != '\0';
	return 0;
}

static void note_holder(int proc_fd, const char *pid, struct holder *holder)
{
	char path[64], command[64];
	uint32_t number;

	holder->in_use = true;
	if (!parse_u32(pid, &number))
		return;
	holder->pid = (pid_t)number;
	(void)snprintf(path, sizeof(path), "%.16s/comm", pid);
	if (sysfs_read(proc_fd, path, command, sizeof(command), NULL) == 0)
		(void)text_copy(holder->command, sizeof(holder->command), command);
}

/* Looks through one process's descriptors. A process that ends meanwhile holds nothing.
 */
static int look_at_process(int proc_fd, const char *pid, const struct nodes *nodes,
			   size_t n, struct holder *holders, struct error *err)
{
	_cleanup_(names_free) struct names fds = { NULL, 0 };
	_cleanup_(closep) int dir_fd = -1;
	char path[64], target[PATH_MAX];
	size_t i, j;
	int r;

	(void)snprintf(path, sizeof(path), "%.16s/fd", pid);
	r = sysfs_list(proc_fd, path, &fds, err);
	if (r < 0)
		return r == -ENOENT || r == -ESRCH ? 0 : r;
	dir_fd = sysfs_walk(proc_fd, path, NULL);
	for (i = 0; dir_fd >= 0 && i < fds.n; i++) {
		if (sysfs_link(dir_fd, fds.names[i], target, sizeof(target), NULL) < 0 ||
		    strncmp(target, "/dev/vfio/", strlen("/dev/vfio/")))
			continue;
		for (j = 0; j < n; j++)
			if (!strcmp(target, nodes[j].group) ||
			    !strcmp(target, nodes[j].cdev))
				note_holder(proc_fd, pid, &holders[j]);
	}
	return 0;
}

int holders_find(int root_fd, const struct held_device *devices, size_t n,
		 struct holder *holders, struct error *err)
{
	_cleanup_(freep) struct nodes *nodes = calloc(n + 1, sizeof(*nodes));
	_cleanup_(names_free) struct names pids = { NULL, 0 };
	_cleanup_(closep) int proc_fd = -1;
	uint32_t ignored;
	size_t i;
	int r = 0;

	if (!nodes)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "look for users of devices");
	for (i = 0; i < n && r == 0; i++)
		r = look_at_device(root_fd, &devices[i], &nodes[i], &holders[i], err);
	if (r == 0)
		r = sysfs_list(root_fd, "proc", &pids, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	proc_fd = sysfs_walk(root_fd, "proc", err);
	if (proc_fd < 0)
		return proc_fd;
	for (i = 0; i < pids.n && r == 0; i++)
		if (parse_u32(pids.names[i], &ignored))
			r = look_at_process(proc_fd, pids.names[i], nodes, n, holders,
					    err);
	return r;
}

int holders_vm_name(int root_fd, const char *uuid, char *ret, size_t size,
		    struct error *err)
{
	struct held_device device = { .uuid = "" };
	struct holder holder;
	struct nodes nodes;
	int r;

	(void)text_copy(device.uuid, sizeof(device.uuid), uuid);
	r = look_at_device(root_fd, &device, &nodes, &holder, err);
	if (r == 0)
		(void)text_copy(ret, size, holder.in_use ? holder.vm_name : "");
	return r;
}

const char *holder_describe(const struct holder *holder, char *buf, size_t size)
{
	char vm[256], command[128];

	text_escape(vm, sizeof(vm), holder->vm_name);
	text_escape(command, sizeof(command), holder->command);
	if (holder->pid && holder->vm_name[0])
		(void)snprintf(buf, size, "%s (pid %d) for VM '%s'", command,
			       (int)holder->pid, vm);
	else if (holder->pid)
		(void)snprintf(buf, size, "%s (pid %d)", command, (int)holder->pid);
	else
		(void)snprintf(buf, size, "VM '%s'", vm);
	return buf;
}
