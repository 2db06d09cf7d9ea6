/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "model/model.h"
#include "util/error.h"

/* Who has a device open. */
struct holder {
	bool in_use;
	pid_t pid;	   /* 0 where only the driver's word is known */
	char command[32];  /* of that process */
	char vm_name[256]; /* nvidia/vm_name, may be "" */
};

/* A device that somebody might hold: an mdev by UUID, or a function by address. */
struct held_device {
	char uuid[UUID_SIZE]; /* "" for a PCI function */
	struct bdf bdf;
};

/* What somebody has open who uses the vGPU: the mdev, or where there is none the VF. */
struct vgpu_id;
struct held_device held_device_of(const struct vgpu_id *id);

/* Fills HOLDERS[i] for DEVICES[i], by `nvidia/vm_name` and by VFIO groups and cdevs open
 * in proc/PID/fd: a driver link proves nothing. -EACCES where another process's
 * descriptors cannot be read, since "not in use" would be a guess then. */
int holders_find(int root_fd, const struct held_device *devices, size_t n,
		 struct holder *holders, struct error *err);

/* The VM that the driver says uses the mdev UUID, "" where it names none. */
int holders_vm_name(int root_fd, const char *uuid, char *ret, size_t size,
		    struct error *err);

/* "qemu-system-x86 (pid 4242)" or "VM 'a'", escaped: returns BUF. 512 bytes are enough
 * for all of it, with as much of the VM's name as 255 bytes hold. */
const char *holder_describe(const struct holder *holder, char *buf, size_t size);
