/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vgpu-holder UUID: opens a vGPU through VFIO, as QEMU does, prints "held", and holds it
 * until it is ended.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int check(int r, const char *what)
{
	if (r < 0) {
		perror(what);
		exit(1);
	}
	return r;
}

static int open_group(const char *uuid)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/iommu_group", uuid);
	n = readlink(path, target, sizeof(target) - 1);
	check((int)n, path);
	target[n] = '\0';
	(void)snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(target, '/') + 1);
	return check(open(path, O_RDWR | O_CLOEXEC), path);
}

int main(int argc, char **argv)
{
	int container, group;

	if (argc != 2) {
		fprintf(stderr, "usage: %s UUID\n", argv[0]);
		return 2;
	}
	container = check(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC), "/dev/vfio/vfio");
	group = open_group(argv[1]);
	check(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container), "set container");
	check(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU), "set IOMMU");
	check(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, argv[1]), "get device");
	(void)puts("held");
	(void)fflush(stdout);
	for (;;)
		(void)pause();
}
