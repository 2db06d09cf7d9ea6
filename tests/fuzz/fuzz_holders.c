/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/holders.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "fuzz.h"

#define UUID "aaaaaaaa-0000-4000-8000-000000000001"
#define DEVICE "sys/bus/mdev/devices/" UUID
#define PROCESS "proc/4242"

enum { GROUP, CDEV, HELD, COMMAND, VM, PARTS };

/* The device's VFIO cdev is a directory, called NAME; there was another one before. */
static void make_cdev(const char *name)
{
	static char last[NAME_MAX + 1];
	char path[2 * NAME_MAX];

	(void)snprintf(path, sizeof(path), DEVICE "/vfio-dev/%s", last);
	if (*last)
		must_hold(unlinkat(fuzz_root(), path, AT_REMOVEDIR) == 0);
	last[0] = '\0';
	if (!fuzz_is_entry(name))
		return;
	(void)snprintf(last, sizeof(last), "%s", name);
	(void)snprintf(path, sizeof(path), DEVICE "/vfio-dev/%s", name);
	fuzz_dir(fuzz_root(), path);
}

static bool is_blank(const char *text)
{
	return strspn(text, " \t\n") == strlen(text);
}

/* Is the device held by PARTS[HELD]?  Names that are longer than any that the kernel
 * gives are not compared. */
static bool is_held(char *parts[])
{
	const char *group = strrchr(parts[GROUP], '/');
	char node[64];

	group = group ? group + 1 : parts[GROUP];
	if (*parts[GROUP] && strlen(group) < 32) {
		(void)snprintf(node, sizeof(node), "/dev/vfio/%s", group);
		if (!strcmp(parts[HELD], node))
			return true;
	}
	if (!fuzz_is_entry(parts[CDEV]))
		return false;
	(void)snprintf(node, sizeof(node), "/dev/vfio/devices/%.32s", parts[CDEV]);
	return !strcmp(parts[HELD], node);
}

/* Lines: where the link to the IOMMU group leads, the name of the cdev, what a process
 * has open, that process's name, and the VM's name by the driver. */
int fuzz_holders(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_string(data, size);
	struct held_device device = { .uuid = UUID };
	struct holder holder;
	char *parts[PARTS], who[512];
	struct error err;
	bool held;
	int r, root = fuzz_root();

	fuzz_split(text, parts, PARTS);
	if (strlen(parts[GROUP]) >= PATH_MAX || strlen(parts[HELD]) >= PATH_MAX)
		return 0;
	fuzz_dir(root, DEVICE "/vfio-dev");
	fuzz_dir(root, PROCESS "/fd");
	fuzz_link(root, DEVICE "/iommu_group", parts[GROUP]);
	make_cdev(parts[CDEV]);
	fuzz_link(root, PROCESS "/fd/3", parts[HELD]);
	fuzz_file(root, PROCESS "/comm", parts[COMMAND], strlen(parts[COMMAND]));
	fuzz_file(root, DEVICE "/nvidia/vm_name", parts[VM], strlen(parts[VM]));
	r = holders_find(root, &device, 1, &holder, &err);
	if (r < 0) {
		must_hold(r == -EOVERFLOW && strlen(parts[VM]) >= 4096);
		fuzz_check_error(&err);
		return 0;
	}
	held = is_held(parts);
	must_hold(holder.pid == (held ? 4242 : 0));
	must_hold(holder.in_use == (held || !is_blank(parts[VM])));
	must_hold(memchr(holder.command, 0, sizeof(holder.command)));
	must_hold(memchr(holder.vm_name, 0, sizeof(holder.vm_name)));
	must_hold(held || !holder.command[0]);
	must_hold(fuzz_is_clean(holder_describe(&holder, who, sizeof(who))));
	return 0;
}
