/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/model.h"
#include "sysfs/sysfs.h"

/* Mediated devices. Source: Documentation/ABI/testing/sysfs-bus-vfio-mdev and
 * drivers/vfio/mdev/mdev_sysfs.c. PARENT_FD is that of a parent's device directory. */

#define MDEV_PARENTS "sys/class/mdev_bus"
#define MDEV_DEVICES "sys/bus/mdev/devices"

/* Names of all mdev parents on the host; no mdev bus is an empty list. */
int mdev_list_parents(int root_fd, struct names *ret, struct error *err);

/* UUIDs of all mdevs on the bus; no mdev bus is an empty list. */
int mdev_list(int root_fd, struct names *ret, struct error *err);

/* Splits "../../../devices/A/B/PARENT/NAME", where the link of mdev NAME on the bus
 * leads, into "sys/devices/A/B", of PATH_MAX bytes, and PARENT, of TYPE_DIR_SIZE. TARGET
 * is written to. False where it leads to no parent, or to another device than NAME. */
bool mdev_split_link(char *target, const char *name, char *dir, char *parent);

/* Reads TYPES_FD/DIR (a directory of mdev_supported_types). */
int mdev_read_type(int types_fd, const char *dir, struct vgpu_type *ret,
		   struct error *err);

/* Finds the directory of the type called NAME on this parent: first where the hint ID
 * points, then everywhere. -ENOENT where the parent does not offer it. */
int mdev_find_type(int types_fd, const char *name, uint32_t id, char ret[TYPE_DIR_SIZE],
		   struct error *err);

/* How many more of this type the parent takes, by its driver's word. */
int mdev_available(int types_fd, const char *dir, uint32_t *ret, struct error *err);

/* Makes UUID on the parent. The errno is the kernel's or the driver's; see the kernel
 * afterwards whatever it says: a write that fails may have done its work. */
int mdev_create(int types_fd, const char *dir, const char *uuid, struct error *err);

/* Asks the kernel to remove UUID, which is on PARENT. Blocks for as long as somebody has
 * the device open. */
int mdev_remove(int root_fd, const char *parent, const char *uuid, struct error *err);

/* Is UUID on the bus, on this parent (PARENT is its name), and of type DIR, with the
 * type's link to it? 1 yes, 0 it is not on the bus, -EEXIST it is there but otherwise. */
int mdev_verify(int root_fd, int parent_fd, const char *parent, const char *dir,
		const char *uuid, struct error *err);
