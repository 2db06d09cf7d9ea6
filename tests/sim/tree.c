/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names and inode numbers. No node is stored anywhere: a number says which
 * object it belongs to and which part of it it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim.h"

#define DIR_MODE (S_IFDIR | 0755)
#define LINK_MODE (S_IFLNK | 0777)
#define RO (S_IFREG | 0444)
#define RW (S_IFREG | 0644)
#define WO (S_IFREG | 0200)

/* 16 bits of nonce (see fs.c), 28 of serial, 12 of sub, 8 of leaf. */
#define SERIAL_OF(ino) ((ino) >> 20 & 0xfffffff)
#define INO(serial, sub, leaf) ((uint64_t)(serial) << 20 | (uint64_t)(sub) << 8 | (uint64_t)(leaf))

static const struct {
	const char *name;
	enum fixed parent;
	unsigned mode;
} fixed[N_FIXED] = {
	[FIXED_ROOT] = { "", FIXED_NONE, DIR_MODE },
	[FIXED_SIM] = { ".vgpusim", FIXED_ROOT, DIR_MODE },
	[FIXED_CONTROL] = { "control", FIXED_SIM, S_IFREG | 0600 },
	[FIXED_MANAGE] = { "sriov-manage", FIXED_SIM, RO },
	[FIXED_HANG] = { "hang", FIXED_SIM, RO },
	[FIXED_BUS] = { "bus", FIXED_ROOT, DIR_MODE },
	[FIXED_PCI] = { "pci", FIXED_BUS, DIR_MODE },
	[FIXED_PCI_DEVICES] = { "devices", FIXED_PCI, DIR_MODE },
	[FIXED_PCI_DRIVERS] = { "drivers", FIXED_PCI, DIR_MODE },
	[FIXED_PCI_PROBE] = { "drivers_probe", FIXED_PCI, WO },
	[FIXED_PCI_AUTOPROBE] = { "drivers_autoprobe", FIXED_PCI, RW },
	[FIXED_PCI_RESCAN] = { "rescan", FIXED_PCI, WO },
	[FIXED_MDEV] = { "mdev", FIXED_BUS, DIR_MODE },
	[FIXED_MDEV_DEVICES] = { "devices", FIXED_MDEV, DIR_MODE },
	[FIXED_MDEV_DRIVERS] = { "drivers", FIXED_MDEV, DIR_MODE },
	[FIXED_MDEV_DRIVER] = { "nvidia-vgpu-vfio", FIXED_MDEV_DRIVERS, DIR_MODE },
	[FIXED_CLASS] = { "class", FIXED_ROOT, DIR_MODE },
	[FIXED_MDEV_BUS] = { "mdev_bus", FIXED_CLASS, DIR_MODE },
	[FIXED_DEVICES] = { "devices", FIXED_ROOT, DIR_MODE },
	[FIXED_MODULE] = { "module", FIXED_ROOT, DIR_MODE },
	[FIXED_MODULE_NVIDIA] = { "nvidia", FIXED_MODULE, DIR_MODE },
	[FIXED_NVIDIA_VERSION] = { "version", FIXED_MODULE_NVIDIA, RO },
	[FIXED_NVIDIA_STATE] = { "initstate", FIXED_MODULE_NVIDIA, RO },
	[FIXED_MODULE_VGPU] = { "nvidia_vgpu_vfio", FIXED_MODULE, DIR_MODE },
	[FIXED_VGPU_STATE] = { "initstate", FIXED_MODULE_VGPU, RO },
	[FIXED_KERNEL] = { "kernel", FIXED_ROOT, DIR_MODE },
	[FIXED_GROUPS] = { "iommu_groups", FIXED_KERNEL, DIR_MODE },
};

static const struct {
	const char *name;
	unsigned mode;
} leaves[] = {
	[LEAF_VENDOR] = { "vendor", RO },
	[LEAF_DEVICE] = { "device", RO },
	[LEAF_CLASS_ID] = { "class", RO },
	[LEAF_REVISION] = { "revision", RO },
	[LEAF_SUBVENDOR] = { "subsystem_vendor", RO },
	[LEAF_SUBDEVICE] = { "subsystem_device", RO },
	[LEAF_MODALIAS] = { "modalias", RO },
	[LEAF_UEVENT] = { "uevent", RW },
	[LEAF_NUMA] = { "numa_node", RW },
	[LEAF_CPULIST] = { "local_cpulist", RO },
	[LEAF_CPUS] = { "local_cpus", RO },
	[LEAF_ENABLE] = { "enable", RW },
	[LEAF_OVERRIDE] = { "driver_override", RW },
	[LEAF_RESOURCE] = { "resource", RO },
	[LEAF_IRQ] = { "irq", RO },
	[LEAF_CONFIG] = { "config", RW },
	[LEAF_ARI] = { "ari_enabled", RO },
	[LEAF_LINK_SPEED] = { "current_link_speed", RO },
	[LEAF_LINK_WIDTH] = { "current_link_width", RO },
	[LEAF_MAX_SPEED] = { "max_link_speed", RO },
	[LEAF_MAX_WIDTH] = { "max_link_width", RO },
	[LEAF_DMA_BITS] = { "dma_mask_bits", RO },
	[LEAF_MSI_BUS] = { "msi_bus", RW },
	[LEAF_PARITY] = { "broken_parity_status", RW },
	[LEAF_TOTALVFS] = { "sriov_totalvfs", RO },
	[LEAF_NUMVFS] = { "sriov_numvfs", RW },
	[LEAF_OFFSET] = { "sriov_offset", RO },
	[LEAF_STRIDE] = { "sriov_stride", RO },
	[LEAF_VF_DEVICE] = { "sriov_vf_device", RO },
	[LEAF_VF_MSIX] = { "sriov_vf_total_msix", RO },
	[LEAF_AUTOPROBE] = { "sriov_drivers_autoprobe", RW },
	[LEAF_DRIVER] = { "driver", LINK_MODE },
	[LEAF_GROUP] = { "iommu_group", LINK_MODE },
	[LEAF_SUBSYSTEM] = { "subsystem", LINK_MODE },
	[LEAF_PHYSFN] = { "physfn", LINK_MODE },
	[LEAF_CREATE] = { "create", WO },
	[LEAF_NAME] = { "name", RO },
	[LEAF_DESCRIPTION] = { "description", RO },
	[LEAF_AVAILABLE] = { "available_instances", RO },
	[LEAF_API] = { "device_api", RO },
	[LEAF_REMOVE] = { "remove", WO },
	[LEAF_MDEV_TYPE] = { "mdev_type", LINK_MODE },
	[LEAF_PARAMS] = { "vgpu_params", RW },
	[LEAF_VM_NAME] = { "vm_name", RO },
	[LEAF_CREATABLE] = { "creatable_vgpu_types", RO },
	[LEAF_CURRENT] = { "current_vgpu_type", RW },
	[LEAF_BIND] = { "bind", WO },
	[LEAF_UNBIND] = { "unbind", WO },
	[LEAF_NEW_ID] = { "new_id", WO },
	[LEAF_REMOVE_ID] = { "remove_id", WO },
	[LEAF_MODULE] = { "module", LINK_MODE },
	[LEAF_GROUP_TYPE] = { "type", RW },
	[LEAF_GROUP_REGIONS] = { "reserved_regions", RO },
};

/* Which leaves may be in which directory, each list ended by LEAF_NONE. */
static const enum leaf device_leaves[] = {
	LEAF_VENDOR, LEAF_DEVICE, LEAF_CLASS_ID, LEAF_DRIVER, LEAF_NUMA, LEAF_PHYSFN,
	LEAF_GROUP, LEAF_NUMVFS, LEAF_TOTALVFS, LEAF_REVISION, LEAF_SUBVENDOR, LEAF_SUBDEVICE,
	LEAF_MODALIAS, LEAF_UEVENT, LEAF_CPULIST, LEAF_CPUS, LEAF_ENABLE, LEAF_OVERRIDE,
	LEAF_RESOURCE, LEAF_IRQ, LEAF_CONFIG, LEAF_ARI, LEAF_LINK_SPEED, LEAF_LINK_WIDTH,
	LEAF_MAX_SPEED, LEAF_MAX_WIDTH, LEAF_DMA_BITS, LEAF_MSI_BUS, LEAF_PARITY, LEAF_OFFSET,
	LEAF_STRIDE, LEAF_VF_DEVICE, LEAF_VF_MSIX, LEAF_AUTOPROBE, LEAF_SUBSYSTEM, LEAF_NONE,
};
static const enum leaf type_leaves[] = { LEAF_CREATE,	 LEAF_NAME, LEAF_DESCRIPTION,
					 LEAF_AVAILABLE, LEAF_API,  LEAF_NONE };
static const enum leaf vfio_leaves[] = { LEAF_CREATABLE, LEAF_CURRENT, LEAF_PARAMS, LEAF_NONE };
static const enum leaf group_leaves[] = { LEAF_GROUP_TYPE, LEAF_GROUP_REGIONS, LEAF_NONE };
static const enum leaf mdev_leaves[] = { LEAF_REMOVE, LEAF_MDEV_TYPE, LEAF_GROUP,    LEAF_DRIVER,
					 LEAF_UEVENT, LEAF_SUBSYSTEM, LEAF_NONE };
static const enum leaf mdev_nvidia_leaves[] = { LEAF_PARAMS, LEAF_VM_NAME, LEAF_NONE };
static const enum leaf driver_leaves[] = { LEAF_BIND,	   LEAF_UNBIND, LEAF_NEW_ID,
					   LEAF_REMOVE_ID, LEAF_MODULE, LEAF_NONE };

#define DEVICE(obj_) CONTAINER_OF(obj_, struct device, obj)
#define MDEV(obj_) CONTAINER_OF(obj_, struct mdev, obj)
#define DRIVER(obj_) CONTAINER_OF(obj_, struct driver, obj)
#define ROOT(obj_) CONTAINER_OF(obj_, struct root, obj)

static uint64_t fixed_ino(enum fixed f)
{
	return f == FIXED_ROOT ? INO_ROOT : INO(f, 0, 0);
}

static uint64_t part(const struct object *obj, unsigned sub)
{
	return INO(obj->by_serial.key, sub, 0);
}

static bool is_type(unsigned sub)
{
	return sub >= SUB_TYPE && sub < SUB_TYPE_DEVICES;
}

static bool is_type_devices(unsigned sub)
{
	return sub >= SUB_TYPE_DEVICES && sub < SUB_VIRTFN;
}

static bool is_link(unsigned sub)
{
	return sub >= SUB_VIRTFN || (sub >= SUB_LINK_BUS && sub <= SUB_LINK_TYPE);
}

static const enum leaf *leaves_of(const struct node *n)
{
	static const enum leaf none[] = { LEAF_NONE };

	if (n->fixed || n->obj->kind == OBJECT_ROOT)
		return none;
	if (n->obj->kind == OBJECT_DRIVER)
		return driver_leaves;
	if (n->sub == SUB_GROUP)
		return group_leaves;
	if (n->sub == SUB_SELF)
		return n->obj->kind == OBJECT_MDEV ? mdev_leaves : device_leaves;
	if (n->sub == SUB_NVIDIA)
		return n->obj->kind == OBJECT_MDEV ? mdev_nvidia_leaves : vfio_leaves;
	return is_type(n->sub) ? type_leaves : none;
}

/* --- what is there at present --- */

static bool device_leaf_visible(const struct device *dev, enum leaf leaf)
{
	switch (leaf) {
	case LEAF_DRIVER:
		return dev->driver;
	case LEAF_PHYSFN:
		return dev->role == ROLE_VF && dev->gpu->pf;
	case LEAF_GROUP:
		return dev->obj.group >= 0;
	case LEAF_TOTALVFS:
	case LEAF_NUMVFS:
	case LEAF_OFFSET:
	case LEAF_STRIDE:
	case LEAF_VF_DEVICE:
	case LEAF_VF_MSIX:
	case LEAF_AUTOPROBE:
		return dev->role == ROLE_PF && dev->gpu->total_vfs;
	default:
		return true;
	}
}

static bool device_sub_visible(const struct sim *sim, const struct device *dev, unsigned sub)
{
	if (sub >= SUB_VIRTFN)
		return dev->role == ROLE_PF && sub - SUB_VIRTFN < dev->gpu->num_vfs &&
		       dev->gpu->vfs[sub - SUB_VIRTFN];
	if (is_type(sub) || is_type_devices(sub))
		return mdev_parent(dev) && type_offered(sim, dev->gpu->table, sub & 255);
	switch (sub) {
	case SUB_SELF:
	case SUB_LINK_BUS:
		return true;
	case SUB_TYPES:
	case SUB_LINK_CLASS:
		return mdev_parent(dev);
	case SUB_NVIDIA:
		return vfio_parent(dev);
	case SUB_LINK_DRIVER:
		return dev->driver;
	case SUB_GROUP:
	case SUB_GROUP_DEVICES:
	case SUB_LINK_GROUP:
		return dev->obj.group >= 0;
	default:
		return false;
	}
}

/* A device that is on its way out has lost all but its directory and group. */
static bool mdev_leaf_visible(const struct mdev *m, enum leaf leaf)
{
	if (leaf == LEAF_GROUP)
		return m->obj.group >= 0;
	if (m->state > MDEV_LIVE || (leaf == LEAF_REMOVE && m->remove_gone))
		return false;
	return m->state == MDEV_LIVE || leaf != LEAF_MDEV_TYPE;
}

static bool mdev_sub_visible(const struct mdev *m, unsigned sub)
{
	switch (sub) {
	case SUB_SELF:
		return true;
	case SUB_LINK_BUS:
		return m->state <= MDEV_LIVE;
	case SUB_NVIDIA:
	case SUB_LINK_DRIVER:
	case SUB_LINK_TYPE:
		return m->state == MDEV_LIVE;
	case SUB_GROUP:
	case SUB_GROUP_DEVICES:
	case SUB_LINK_GROUP:
		return m->obj.group >= 0;
	default:
		return false;
	}
}

static bool fixed_visible(const struct sim *sim, enum fixed f)
{
	size_t i;

	if (f != FIXED_MDEV_BUS && f != FIXED_MDEV)
		return true;
	for (i = 0; i < sim->n_gpus; i++) {
		if (sim->gpus[i].framework != FRAMEWORK_VFIO)
			return true;
	}
	return false;
}

static bool object_visible(const struct sim *sim, const struct node *n)
{
	switch (n->obj->kind) {
	case OBJECT_DEVICE:
		return device_sub_visible(sim, DEVICE(n->obj), n->sub) &&
		       (n->sub || device_leaf_visible(DEVICE(n->obj), n->leaf));
	case OBJECT_MDEV:
		return mdev_sub_visible(MDEV(n->obj), n->sub) &&
		       (!n->leaf || n->sub != SUB_SELF || mdev_leaf_visible(MDEV(n->obj), n->leaf));
	case OBJECT_DRIVER:
		return n->leaf != LEAF_MODULE || !strcmp(DRIVER(n->obj)->name, "nvidia");
	default:
		return true;
	}
}

bool node_get(const struct sim *sim, uint64_t ino, struct node *ret)
{
	uint64_t serial = ino == INO_ROOT ? FIXED_ROOT : SERIAL_OF(ino);

	*ret = (struct node){ .ino = ino };
	if (serial < N_FIXED) {
		ret->fixed = (enum fixed)serial;
		ret->mode = fixed[serial].mode;
		return fixed_visible(sim, ret->fixed);
	}
	ret->obj = object_find(sim, serial);
	if (!ret->obj)
		return false;
	ret->sub = ino >> 8 & 0xfff;
	ret->leaf = (enum leaf)(ino & 0xff);
	ret->mode = is_link(ret->sub) ? LINK_MODE : DIR_MODE;
	if (ret->leaf)
		ret->mode = leaves[ret->leaf].mode;
	return object_visible(sim, ret);
}

bool node_permanent(const struct node *n)
{
	if (n->fixed)
		return n->fixed != FIXED_MANAGE && n->fixed != FIXED_HANG;
	if (n->sub || n->leaf)
		return false;
	return n->obj->kind == OBJECT_ROOT || n->obj->kind == OBJECT_DRIVER ||
	       (n->obj->kind == OBJECT_DEVICE && DEVICE(n->obj)->role == ROLE_PORT);
}

bool node_own(const struct node *n)
{
	return n->fixed >= FIXED_SIM && n->fixed <= FIXED_HANG;
}

/* --- names and paths --- */

static void object_name(const struct node *n, char *buf, size_t size)
{
	switch (n->obj->kind) {
	case OBJECT_ROOT:
		put(buf, size, "%s", ROOT(n->obj)->name);
		break;
	case OBJECT_DRIVER:
		put(buf, size, "%s", DRIVER(n->obj)->name);
		break;
	case OBJECT_MDEV:
		put(buf, size, "%s", MDEV(n->obj)->uuid);
		break;
	case OBJECT_DEVICE:
		put(buf, size, "%s", DEVICE(n->obj)->name);
		break;
	}
}

static void node_name(const struct sim *sim, const struct node *n, char *buf, size_t size)
{
	const struct device *dev;

	if (n->fixed) {
		put(buf, size, "%s", fixed[n->fixed].name);
	} else if (n->leaf) {
		put(buf, size, "%s", leaves[n->leaf].name);
	} else if (n->sub >= SUB_VIRTFN) {
		put(buf, size, "virtfn%u", n->sub - SUB_VIRTFN);
	} else if (n->sub == SUB_GROUP_DEVICES || is_type_devices(n->sub)) {
		put(buf, size, "devices");
	} else if (is_type(n->sub)) {
		dev = DEVICE(n->obj);
		put(buf, size, "%s-%u", dev->driver ? dev->driver->name : "pci",
		    dev->gpu->table->types[n->sub - SUB_TYPE].id + sim->type_offset);
	} else if (n->sub == SUB_TYPES) {
		put(buf, size, "mdev_supported_types");
	} else if (n->sub == SUB_NVIDIA) {
		put(buf, size, "nvidia");
	} else if (n->sub == SUB_GROUP) {
		put(buf, size, "%d", n->obj->group);
	} else {
		object_name(n, buf, size);
	}
}

static uint64_t link_parent(const struct node *n)
{
	bool mdev = n->obj->kind == OBJECT_MDEV;

	switch (n->sub) {
	case SUB_LINK_BUS:
		return fixed_ino(mdev ? FIXED_MDEV_DEVICES : FIXED_PCI_DEVICES);
	case SUB_LINK_DRIVER:
		return mdev ? fixed_ino(FIXED_MDEV_DRIVER) :
			      part(&DEVICE(n->obj)->driver->obj, SUB_SELF);
	case SUB_LINK_CLASS:
		return fixed_ino(FIXED_MDEV_BUS);
	case SUB_LINK_GROUP:
		return part(n->obj, SUB_GROUP_DEVICES);
	default:
		return part(&MDEV(n->obj)->parent->obj, SUB_TYPE_DEVICES + MDEV(n->obj)->type);
	}
}

static uint64_t self_parent(const struct object *obj)
{
	switch (obj->kind) {
	case OBJECT_DRIVER:
		return fixed_ino(FIXED_PCI_DRIVERS);
	case OBJECT_MDEV:
		return part(&MDEV(obj)->parent->obj, SUB_SELF);
	case OBJECT_DEVICE:
		return part(DEVICE(obj)->port ? &DEVICE(obj)->port->obj : &DEVICE(obj)->root->obj,
			    SUB_SELF);
	default:
		return fixed_ino(FIXED_DEVICES);
	}
}

static uint64_t node_parent(const struct node *n)
{
	if (n->fixed)
		return n->fixed == FIXED_ROOT ? 0 : fixed_ino(fixed[n->fixed].parent);
	if (n->leaf)
		return part(n->obj, n->sub);
	if (n->sub == SUB_SELF)
		return self_parent(n->obj);
	if (n->sub == SUB_GROUP)
		return fixed_ino(FIXED_GROUPS);
	if (n->sub == SUB_GROUP_DEVICES)
		return part(n->obj, SUB_GROUP);
	if (is_type_devices(n->sub))
		return part(n->obj, n->sub - SUB_TYPE_DEVICES + SUB_TYPE);
	if (is_type(n->sub))
		return part(n->obj, SUB_TYPES);
	if (is_link(n->sub) && n->sub < SUB_VIRTFN)
		return link_parent(n);
	return part(n->obj, SUB_SELF);
}

void node_path(const struct sim *sim, const struct node *node, struct text *ret)
{
	uint64_t up = node_parent(node);
	struct node parent;
	char name[64];

	if (!up)
		return;
	node_get(sim, up, &parent);
	node_path(sim, &parent, ret);
	node_name(sim, node, name, sizeof(name));
	text_add(ret, "%s%s", ret->len ? "/" : "", name);
}

static uint64_t leaf_target(const struct node *n)
{
	const struct device *dev = DEVICE(n->obj);
	bool mdev = n->obj->kind == OBJECT_MDEV;

	switch (n->leaf) {
	case LEAF_DRIVER:
		return mdev ? fixed_ino(FIXED_MDEV_DRIVER) : part(&dev->driver->obj, SUB_SELF);
	case LEAF_GROUP:
		return part(n->obj, SUB_GROUP);
	case LEAF_SUBSYSTEM:
		return fixed_ino(mdev ? FIXED_MDEV : FIXED_PCI);
	case LEAF_PHYSFN:
		return part(&dev->gpu->pf->obj, SUB_SELF);
	case LEAF_MDEV_TYPE:
		return part(&MDEV(n->obj)->parent->obj, SUB_TYPE + MDEV(n->obj)->type);
	default:
		return fixed_ino(FIXED_MODULE_NVIDIA);
	}
}

void node_readlink(const struct sim *sim, const struct node *node, struct text *ret)
{
	struct text from = { 0 }, to = { 0 };
	struct node dir, target;
	size_t i, common = 0;
	uint64_t ino;

	if (node->leaf)
		ino = leaf_target(node);
	else if (node->sub >= SUB_VIRTFN)
		ino = part(&DEVICE(node->obj)->gpu->vfs[node->sub - SUB_VIRTFN]->obj, SUB_SELF);
	else
		ino = part(node->obj, SUB_SELF);
	node_get(sim, ino, &target);
	node_get(sim, node_parent(node), &dir);
	node_path(sim, &dir, &from);
	node_path(sim, &target, &to);
	for (i = 0; from.buf[i] && from.buf[i] == to.buf[i]; i++) {
		if (from.buf[i] == '/')
			common = i + 1;
	}
	if (!from.buf[i] && to.buf[i] == '/')
		common = i + 1; /* the target is inside the link's own directory */
	for (i = common; i <= from.len && from.len > common; i++) {
		if (from.buf[i] == '/' || !from.buf[i])
			text_add(ret, "../");
	}
	text_add(ret, "%s", to.buf + common);
}

/* --- looking up --- */

static struct device *device_named(const struct sim *sim, const char *name)
{
	uint32_t bdf;

	return bdf_parse(name, &bdf) ? device_find(sim, bdf) : NULL;
}

static struct mdev *mdev_named(const struct sim *sim, const char *name)
{
	char uuid[UUID_SIZE];

	if (strlen(name) != UUID_SIZE - 1 || !uuid_parse(name, uuid) || strcmp(uuid, name))
		return NULL;
	return mdev_find(sim, uuid);
}

/* The object of IOMMU group NAME, or NULL. */
static struct object *group_named(const struct sim *sim, const char *name)
{
	uint64_t n;

	if ((name[0] == '0' && name[1]) || !number_parse(name, 10, &n) || n >= sim->n_groups)
		return NULL;
	return sim->groups[n];
}

static uint64_t find_fixed(const struct sim *sim, enum fixed dir, const char *name)
{
	const struct device *dev = NULL;
	const struct object *obj = NULL;
	const struct mdev *m = NULL;
	size_t i;

	for (i = FIXED_SIM; i < N_FIXED; i++) {
		if (fixed[i].parent == dir && !strcmp(fixed[i].name, name))
			return fixed_ino((enum fixed)i);
	}
	switch (dir) {
	case FIXED_PCI_DEVICES:
	case FIXED_MDEV_BUS:
		dev = device_named(sim, name);
		return !dev ? 0 :
			part(&dev->obj, dir == FIXED_MDEV_BUS ? SUB_LINK_CLASS : SUB_LINK_BUS);
	case FIXED_MDEV_DEVICES:
	case FIXED_MDEV_DRIVER:
		m = mdev_named(sim, name);
		return !m ? 0 :
			part(&m->obj, dir == FIXED_MDEV_DRIVER ? SUB_LINK_DRIVER : SUB_LINK_BUS);
	case FIXED_PCI_DRIVERS:
		return driver_find(sim, name) ? part(&driver_find(sim, name)->obj, SUB_SELF) : 0;
	case FIXED_GROUPS:
		obj = group_named(sim, name);
		return obj ? part(obj, SUB_GROUP) : 0;
	case FIXED_DEVICES:
		for (i = 0; i < sim->n_roots; i++) {
			if (!strcmp(sim->roots[i]->name, name))
				return part(&sim->roots[i]->obj, SUB_SELF);
		}
		return 0;
	default:
		return 0;
	}
}

static uint64_t find_in_device(const struct sim *sim, const struct device *dev, const char *name)
{
	const struct device *child;
	const struct mdev *m;
	uint64_t i;

	if (!strcmp(name, "mdev_supported_types"))
		return part(&dev->obj, SUB_TYPES);
	if (!strcmp(name, "nvidia"))
		return part(&dev->obj, SUB_NVIDIA);
	if (!strncmp(name, "virtfn", 6) && number_parse(name + 6, 10, &i) && i < VFS_MAX &&
	    (name[6] != '0' || !name[7]))
		return part(&dev->obj, SUB_VIRTFN + (unsigned)i);
	if (dev->role == ROLE_PORT) {
		child = device_named(sim, name);
		return child && child->port == dev ? part(&child->obj, SUB_SELF) : 0;
	}
	m = dev->mdevs ? mdev_named(sim, name) : NULL;
	return m && m->parent == dev ? part(&m->obj, SUB_SELF) : 0;
}

static uint64_t find_type(const struct sim *sim, const struct node *dir, const char *name)
{
	const struct device *dev = DEVICE(dir->obj);
	size_t len = dev->driver ? strlen(dev->driver->name) : 0, i;
	uint64_t id;

	if (!len || strncmp(name, dev->driver->name, len) || name[len] != '-' ||
	    !number_parse(name + len + 1, 10, &id))
		return 0;
	for (i = 0; i < dev->gpu->table->n; i++) {
		if (dev->gpu->table->types[i].id + sim->type_offset == id)
			return part(dir->obj, SUB_TYPE + (unsigned)i);
	}
	return 0;
}

static uint64_t find_in_object(const struct sim *sim, const struct node *dir, const char *name)
{
	const struct device *dev;
	const struct mdev *m;
	char own[64];

	if (dir->sub == SUB_GROUP)
		return !strcmp(name, "devices") ? part(dir->obj, SUB_GROUP_DEVICES) : 0;
	if (dir->sub == SUB_GROUP_DEVICES) {
		object_name(dir, own, sizeof(own));
		return !strcmp(name, own) ? part(dir->obj, SUB_LINK_GROUP) : 0;
	}
	if (dir->obj->kind == OBJECT_MDEV)
		return !strcmp(name, "nvidia") ? part(dir->obj, SUB_NVIDIA) : 0;
	if (dir->sub == SUB_TYPES)
		return find_type(sim, dir, name);
	if (is_type(dir->sub))
		return strcmp(name, "devices") ?
			       0 : part(dir->obj, dir->sub - SUB_TYPE + SUB_TYPE_DEVICES);
	if (is_type_devices(dir->sub)) {
		m = mdev_named(sim, name);
		return m && &m->parent->obj == dir->obj && m->type == dir->sub - SUB_TYPE_DEVICES ?
			       part(&m->obj, SUB_LINK_TYPE) : 0;
	}
	if (dir->obj->kind == OBJECT_DEVICE)
		return dir->sub ? 0 : find_in_device(sim, DEVICE(dir->obj), name);
	dev = device_named(sim, name);
	if (dir->obj->kind == OBJECT_DRIVER)
		return dev && dev->driver == DRIVER(dir->obj) ? part(&dev->obj, SUB_LINK_DRIVER) : 0;
	return dev && !dev->port && dev->root == ROOT(dir->obj) ? part(&dev->obj, SUB_SELF) : 0;
}

static bool hidden(const struct sim *sim, const struct node *n)
{
	struct text path = { 0 };

	if (!sim->n_overrides)
		return false;
	node_path(sim, n, &path);
	return override_find(sim, OVERRIDE_HIDE, path.buf);
}

bool node_lookup(const struct sim *sim, const struct node *dir, const char *name,
		 struct node *ret)
{
	const enum leaf *leaf;
	uint64_t ino = 0;

	for (leaf = leaves_of(dir); *leaf && !ino; leaf++) {
		if (!strcmp(name, leaves[*leaf].name))
			ino = part(dir->obj, dir->sub) | *leaf;
	}
	if (!ino)
		ino = dir->fixed ? find_fixed(sim, dir->fixed, name) :
				   find_in_object(sim, dir, name);
	return ino && node_get(sim, ino, ret) && !hidden(sim, ret);
}

/* --- listing --- */

static void list_add(const struct sim *sim, struct listing *l, uint64_t ino)
{
	struct entry *e;
	struct node n;

	if (!node_get(sim, ino, &n) || hidden(sim, &n) || n.fixed == FIXED_SIM)
		return;
	if (l->n == l->size) {
		l->size = l->size * 2 + 32;
		l->v = xrealloc(l->v, l->size, sizeof(*l->v));
	}
	e = &l->v[l->n++];
	e->ino = ino;
	e->mode = n.mode;
	node_name(sim, &n, e->name, sizeof(e->name));
	e->order = hash_bytes(e->name, strlen(e->name));
}

static void list_fixed(const struct sim *sim, enum fixed dir, struct listing *l)
{
	unsigned link = dir == FIXED_MDEV_BUS ? SUB_LINK_CLASS : SUB_LINK_BUS;
	size_t i;

	for (i = FIXED_SIM; i < N_FIXED; i++) {
		if (fixed[i].parent == dir)
			list_add(sim, l, fixed_ino((enum fixed)i));
	}
	if (dir == FIXED_PCI_DEVICES || dir == FIXED_MDEV_BUS) {
		for (i = 0; i < sim->n_devices; i++)
			list_add(sim, l, part(&sim->devices[i]->obj, link));
	} else if (dir == FIXED_PCI_DRIVERS) {
		for (i = 0; i < sim->n_drivers; i++)
			list_add(sim, l, part(&sim->drivers[i]->obj, SUB_SELF));
	} else if (dir == FIXED_DEVICES) {
		for (i = 0; i < sim->n_roots; i++)
			list_add(sim, l, part(&sim->roots[i]->obj, SUB_SELF));
	} else if (dir == FIXED_GROUPS) {
		for (i = 0; i < sim->n_groups; i++) {
			if (sim->groups[i])
				list_add(sim, l, part(sim->groups[i], SUB_GROUP));
		}
	} else if (dir == FIXED_MDEV_DEVICES || dir == FIXED_MDEV_DRIVER) {
		link = dir == FIXED_MDEV_DRIVER ? SUB_LINK_DRIVER : SUB_LINK_BUS;
		for (i = 0; i < sim->by_uuid.n_slots; i++) {
			const struct hnode *h;

			for (h = sim->by_uuid.slots[i]; h; h = h->next)
				list_add(sim, l, part(&CONTAINER_OF(h, struct mdev, by_uuid)->obj,
						      link));
		}
	}
}

static void list_device(const struct sim *sim, const struct device *dev, struct listing *l)
{
	const struct mdev *m;
	unsigned i;

	list_add(sim, l, part(&dev->obj, SUB_TYPES));
	list_add(sim, l, part(&dev->obj, SUB_NVIDIA));
	for (m = dev->mdevs; m; m = m->sibling)
		list_add(sim, l, part(&m->obj, SUB_SELF));
	for (i = 0; dev->role == ROLE_PF && i < dev->gpu->num_vfs; i++)
		list_add(sim, l, part(&dev->obj, SUB_VIRTFN + i));
}

static void list_object(const struct sim *sim, const struct node *dir, struct listing *l)
{
	const struct object *obj = dir->obj;
	const struct mdev *m;
	size_t i;

	if (dir->sub == SUB_GROUP) {
		list_add(sim, l, part(obj, SUB_GROUP_DEVICES));
	} else if (dir->sub == SUB_GROUP_DEVICES) {
		list_add(sim, l, part(obj, SUB_LINK_GROUP));
	} else if (obj->kind == OBJECT_MDEV) {
		list_add(sim, l, dir->sub == SUB_SELF ? part(obj, SUB_NVIDIA) : 0);
	} else if (dir->sub == SUB_TYPES) {
		for (i = 0; i < DEVICE(obj)->gpu->table->n; i++)
			list_add(sim, l, part(obj, SUB_TYPE + (unsigned)i));
	} else if (is_type(dir->sub)) {
		list_add(sim, l, part(obj, dir->sub - SUB_TYPE + SUB_TYPE_DEVICES));
	} else if (is_type_devices(dir->sub)) {
		for (m = DEVICE(obj)->mdevs; m; m = m->sibling) {
			if (m->type == dir->sub - SUB_TYPE_DEVICES)
				list_add(sim, l, part(&m->obj, SUB_LINK_TYPE));
		}
	} else if (obj->kind == OBJECT_DEVICE && dir->sub == SUB_SELF) {
		list_device(sim, DEVICE(obj), l);
	}
	if (dir->sub != SUB_SELF || obj->kind == OBJECT_MDEV ||
	    (obj->kind == OBJECT_DEVICE && DEVICE(obj)->role != ROLE_PORT))
		return;
	for (i = 0; i < sim->n_devices; i++) {
		const struct device *dev = sim->devices[i];

		if (obj->kind == OBJECT_DRIVER && dev->driver == DRIVER(obj))
			list_add(sim, l, part(&dev->obj, SUB_LINK_DRIVER));
		else if (obj->kind != OBJECT_DRIVER && self_parent(&dev->obj) == part(obj, SUB_SELF))
			list_add(sim, l, part(&dev->obj, SUB_SELF));
	}
}

static int by_order(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->order < y->order ? -1 : x->order > y->order;
}

void node_list(const struct sim *sim, const struct node *dir, struct listing *ret)
{
	const enum leaf *leaf;

	for (leaf = leaves_of(dir); *leaf; leaf++)
		list_add(sim, ret, part(dir->obj, dir->sub) | *leaf);
	if (dir->fixed)
		list_fixed(sim, dir->fixed, ret);
	else
		list_object(sim, dir, ret);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_order);
}

unsigned node_nlink(const struct sim *sim, const struct node *node)
{
	struct listing l = { 0 };
	const struct mdev *m;
	unsigned n = 2;
	size_t i;

	if (!S_ISDIR(node->mode))
		return 1;
	if (!node->fixed && node->obj->kind == OBJECT_DEVICE && node->sub == SUB_SELF &&
	    DEVICE(node->obj)->role != ROLE_PORT) {
		for (m = DEVICE(node->obj)->mdevs; m; m = m->sibling)
			n++;
		return n + mdev_parent(DEVICE(node->obj)) + vfio_parent(DEVICE(node->obj));
	}
	if (!node->fixed && (is_type(node->sub) || node->sub == SUB_GROUP))
		return 3;
	if (!node->fixed && (is_type_devices(node->sub) || node->obj->kind == OBJECT_DRIVER ||
			     node->sub == SUB_NVIDIA || node->sub == SUB_GROUP_DEVICES))
		return 2;
	if (node->fixed == FIXED_PCI_DEVICES || node->fixed == FIXED_MDEV_BUS ||
	    node->fixed == FIXED_MDEV_DEVICES || node->fixed == FIXED_MDEV_DRIVER)
		return 2;
	if (!node->fixed && node->sub == SUB_TYPES && !sim->n_dropped)
		return n + (unsigned)DEVICE(node->obj)->gpu->table->n;
	node_list(sim, node, &l);
	for (i = 0; i < l.n; i++)
		n += S_ISDIR(l.v[i].mode);
	free(l.v);
	return n;
}

/* --- paths from outside --- */

bool path_resolve(const struct sim *sim, const char *path, struct text *canonical,
		  struct node *ret)
{
	char *copy = xstrdup(path), *save = NULL, *name, *next;
	struct node n, child;
	bool found = true;

	node_get(sim, INO_ROOT, &n);
	for (name = strtok_r(copy, "/", &save); name; name = next) {
		next = strtok_r(NULL, "/", &save);
		if (!found || !node_lookup(sim, &n, name, &child)) {
			if (found)
				node_path(sim, &n, canonical);
			found = false;
			text_add(canonical, "%s%s", canonical->len ? "/" : "", name);
			continue;
		}
		n = child;
		if (next && S_ISLNK(n.mode)) {
			uint64_t ino = n.leaf ? leaf_target(&n) : part(n.obj, SUB_SELF);

			if (n.sub >= SUB_VIRTFN)
				ino = part(&DEVICE(n.obj)->gpu->vfs[n.sub - SUB_VIRTFN]->obj, SUB_SELF);
			node_get(sim, ino, &n);
		}
	}
	if (found)
		node_path(sim, &n, canonical);
	free(copy);
	*ret = n;
	return found;
}
