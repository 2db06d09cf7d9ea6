/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nodes of the tree, and what reading and writing them does. */
#pragma once

#include "sim.h"

/* --- tree.c, lookup.c --- */

#define INO_ROOT 1 /* FUSE's number for the top directory */

enum fixed {
	FIXED_NONE,
	FIXED_ROOT,
	FIXED_SIM,
	FIXED_CONTROL,
	FIXED_MANAGE,
	FIXED_HANG,
	FIXED_SMI,
	FIXED_SMI_HANG,
	FIXED_BUS,
	FIXED_PCI,
	FIXED_PCI_DEVICES,
	FIXED_PCI_DRIVERS,
	FIXED_PCI_PROBE,
	FIXED_PCI_AUTOPROBE,
	FIXED_PCI_RESCAN,
	FIXED_MDEV,
	FIXED_MDEV_DEVICES,
	FIXED_MDEV_DRIVERS,
	FIXED_MDEV_DRIVER,
	FIXED_CLASS,
	FIXED_MDEV_BUS,
	FIXED_DEVICES,
	FIXED_MODULE,
	FIXED_MODULE_NVIDIA,
	FIXED_NVIDIA_VERSION,
	FIXED_NVIDIA_STATE,
	FIXED_MODULE_VGPU,
	FIXED_VGPU_STATE,
	FIXED_KERNEL,
	FIXED_GROUPS,
	N_FIXED,
};

/* Directories and links that belong to an object. */
enum sub {
	SUB_SELF,		/* its own directory */
	SUB_TYPES,		/* mdev_supported_types */
	SUB_NVIDIA,		/* nvidia */
	SUB_GROUP,		/* kernel/iommu_groups/N */
	SUB_GROUP_DEVICES,	/* kernel/iommu_groups/N/devices */
	SUB_LINK_BUS,		/* its link in bus/BUS/devices */
	SUB_LINK_DRIVER,	/* ... in its driver's directory */
	SUB_LINK_CLASS,		/* ... in class/mdev_bus */
	SUB_LINK_GROUP,		/* ... in its IOMMU group */
	SUB_LINK_TYPE,		/* ... in its type's devices */
	SUB_TYPE = 256,		/* + index: a type's directory */
	SUB_TYPE_DEVICES = 512, /* + index: its devices directory */
	SUB_VIRTFN = 1024,	/* + index: virtfnN */
};

/* Attributes and links with a fixed name, whatever directory they are in. */
/* clang-format off */
enum leaf {
	LEAF_NONE,
	LEAF_VENDOR, LEAF_DEVICE, LEAF_CLASS_ID, LEAF_REVISION, LEAF_SUBVENDOR, LEAF_SUBDEVICE,
	LEAF_MODALIAS, LEAF_UEVENT, LEAF_NUMA, LEAF_CPULIST, LEAF_CPUS, LEAF_ENABLE, LEAF_OVERRIDE,
	LEAF_RESOURCE, LEAF_IRQ, LEAF_CONFIG, LEAF_ARI, LEAF_LINK_SPEED, LEAF_LINK_WIDTH,
	LEAF_MAX_SPEED, LEAF_MAX_WIDTH, LEAF_DMA_BITS, LEAF_MSI_BUS, LEAF_PARITY, LEAF_TOTALVFS,
	LEAF_NUMVFS, LEAF_OFFSET, LEAF_STRIDE, LEAF_VF_DEVICE, LEAF_VF_MSIX, LEAF_AUTOPROBE,
	LEAF_DRIVER, LEAF_GROUP, LEAF_SUBSYSTEM, LEAF_PHYSFN,
	LEAF_CREATE, LEAF_NAME, LEAF_DESCRIPTION, LEAF_AVAILABLE, LEAF_API,
	LEAF_REMOVE, LEAF_MDEV_TYPE, LEAF_PARAMS, LEAF_VM_NAME,
	LEAF_CREATABLE, LEAF_CURRENT, LEAF_PLACEMENT, LEAF_INSTANCE,
	LEAF_BIND, LEAF_UNBIND, LEAF_NEW_ID, LEAF_REMOVE_ID, LEAF_MODULE,
	LEAF_GROUP_TYPE, LEAF_GROUP_REGIONS,
};
/* clang-format on */

/* An inode number taken apart. */
struct node {
	uint64_t ino;
	enum fixed fixed; /* FIXED_NONE: OBJ, SUB and LEAF say what it is */
	struct object *obj;
	unsigned sub;
	enum leaf leaf;
	unsigned mode; /* type and permissions */
};

struct entry {
	char name[64];
	uint64_t ino, order;
	unsigned mode;
};

/* The entries of a directory, in the order it is read. */
struct listing {
	struct entry *v;
	size_t n, size;
};

/* False when there is no such node, or no longer. */
bool node_get(const struct sim *sim, uint64_t ino, struct node *ret);
/* Finds NAME in the directory DIR. */
bool node_lookup(const struct sim *sim, const struct node *dir, const char *name,
		 struct node *ret);
/* Its path below the top directory, without a leading slash. */
void node_path(const struct sim *sim, const struct node *node, struct text *ret);
/* What a link says. */
void node_readlink(const struct sim *sim, const struct node *node, struct text *ret);
void node_list(const struct sim *sim, const struct node *dir, struct listing *ret);
/* Number of links as stat shows it. */
unsigned node_nlink(const struct sim *sim, const struct node *node);
/* Does it stay where it is as long as the host exists? */
bool node_permanent(const struct node *node);
/* Is it the simulator's own? */
bool node_own(const struct node *node);
/* Whether PATH leads to a node, and its path without links on the way. */
bool path_resolve(const struct sim *sim, const char *path, struct text *canonical,
		  struct node *ret);

/* --- attr.c --- */

/* The contents of an attribute, or -errno. */
int attr_show(struct sim *sim, const struct node *node, struct text *ret);
/* Might reading it have to wait? */
bool attr_show_waits(const struct sim *sim, const struct node *node);
/* A write of LEN bytes; 0 or -errno. May wait if attr_store_waits(). */
int attr_store(struct sim *sim, uint64_t ino, const char *data, size_t len);
bool attr_store_waits(const struct sim *sim);

/* --- vfio.c --- */

/* An attribute of the nvidia directory of DEV; 0 or -errno. */
int vfio_show(const struct sim *sim, const struct device *dev, enum leaf leaf,
	      struct text *ret);
