/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names and inode numbers. No node is stored anywhere: a number says which
 * object it belongs to and which part of it it is. */
#include <string.h>
#include <sys/stat.h>

#include "tree.h"

#define DIR_MODE (S_IFDIR | 0755)
#define LINK_MODE (S_IFLNK | 0777)
#define RO (S_IFREG | 0444)
#define RW (S_IFREG | 0644)
#define WO (S_IFREG | 0200)

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
	[FIXED_SMI] = { "nvidia-smi", FIXED_SIM, S_IFREG | 0600 },
	[FIXED_SMI_HANG] = { "nvidia-smi-hang", FIXED_SIM, RO },
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
	[LEAF_PLACEMENT] = { "placement_id", RO },
	[LEAF_INSTANCE] = { "gpu_instance_id", RO },
	[LEAF_BIND] = { "bind", WO },
	[LEAF_UNBIND] = { "unbind", WO },
	[LEAF_NEW_ID] = { "new_id", WO },
	[LEAF_REMOVE_ID] = { "remove_id", WO },
	[LEAF_MODULE] = { "module", LINK_MODE },
	[LEAF_GROUP_TYPE] = { "type", RW },
	[LEAF_GROUP_REGIONS] = { "reserved_regions", RO },
};

/* Which leaves may be in which directory, each list ended by LEAF_NONE. */
/* clang-format off */
static const enum leaf device_leaves[] = {
	LEAF_VENDOR, LEAF_DEVICE, LEAF_CLASS_ID, LEAF_DRIVER, LEAF_NUMA, LEAF_PHYSFN,
	LEAF_GROUP, LEAF_NUMVFS, LEAF_TOTALVFS, LEAF_REVISION, LEAF_SUBVENDOR, LEAF_SUBDEVICE,
	LEAF_MODALIAS, LEAF_UEVENT, LEAF_CPULIST, LEAF_CPUS, LEAF_ENABLE, LEAF_OVERRIDE,
	LEAF_RESOURCE, LEAF_IRQ, LEAF_CONFIG, LEAF_ARI, LEAF_LINK_SPEED, LEAF_LINK_WIDTH,
	LEAF_MAX_SPEED, LEAF_MAX_WIDTH, LEAF_DMA_BITS, LEAF_MSI_BUS, LEAF_PARITY, LEAF_OFFSET,
	LEAF_STRIDE, LEAF_VF_DEVICE, LEAF_VF_MSIX, LEAF_AUTOPROBE, LEAF_SUBSYSTEM, LEAF_NONE,
};
static const enum leaf type_leaves[] = {
	LEAF_CREATE, LEAF_NAME, LEAF_DESCRIPTION, LEAF_AVAILABLE, LEAF_API, LEAF_NONE,
};
static const enum leaf vfio_leaves[] = {
	LEAF_CREATABLE, LEAF_CURRENT, LEAF_PARAMS, LEAF_PLACEMENT, LEAF_INSTANCE,
	LEAF_NONE,
};
static const enum leaf group_leaves[] = { LEAF_GROUP_TYPE, LEAF_GROUP_REGIONS, LEAF_NONE };
static const enum leaf mdev_leaves[] = {
	LEAF_REMOVE, LEAF_MDEV_TYPE, LEAF_GROUP, LEAF_DRIVER, LEAF_UEVENT, LEAF_SUBSYSTEM,
	LEAF_NONE,
};
static const enum leaf mdev_nvidia_leaves[] = { LEAF_PARAMS, LEAF_VM_NAME, LEAF_NONE };
static const enum leaf driver_leaves[] = {
	LEAF_BIND, LEAF_UNBIND, LEAF_NEW_ID, LEAF_REMOVE_ID, LEAF_MODULE, LEAF_NONE,
};
/* clang-format on */

const enum leaf *leaves_of(const struct node *n)
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

const char *leaf_name(enum leaf leaf)
{
	return leaves[leaf].name;
}

enum fixed fixed_parent(enum fixed f)
{
	return fixed[f].parent;
}

uint64_t fixed_find(enum fixed dir, const char *name)
{
	size_t i;

	for (i = FIXED_SIM; i < N_FIXED; i++) {
		if (fixed[i].parent == dir && !strcmp(fixed[i].name, name))
			return fixed_ino((enum fixed)i);
	}
	return 0;
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

static bool device_sub_visible(const struct sim *sim, const struct device *dev,
			       unsigned sub)
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
		       (!n->leaf || n->sub != SUB_SELF ||
			mdev_leaf_visible(MDEV(n->obj), n->leaf));
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
		return n->fixed < FIXED_MANAGE || n->fixed > FIXED_SMI_HANG;
	if (n->sub || n->leaf)
		return false;
	return n->obj->kind == OBJECT_ROOT || n->obj->kind == OBJECT_DRIVER ||
	       (n->obj->kind == OBJECT_DEVICE && DEVICE(n->obj)->role == ROLE_PORT);
}

bool node_own(const struct node *n)
{
	return n->fixed >= FIXED_SIM && n->fixed <= FIXED_SMI_HANG;
}

/* --- names and paths --- */

void object_name(const struct object *obj, char *buf, size_t size)
{
	switch (obj->kind) {
	case OBJECT_ROOT:
		put(buf, size, "%s", ROOT(obj)->name);
		break;
	case OBJECT_DRIVER:
		put(buf, size, "%s", DRIVER(obj)->name);
		break;
	case OBJECT_MDEV:
		put(buf, size, "%s", MDEV(obj)->uuid);
		break;
	case OBJECT_DEVICE:
		put(buf, size, "%s", DEVICE(obj)->name);
		break;
	}
}

void node_name(const struct sim *sim, const struct node *n, char *buf, size_t size)
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
		object_name(n->obj, buf, size);
	}
}

static uint64_t link_parent(const struct node *n)
{
	bool mdev = n->obj->kind == OBJECT_MDEV;

	switch (n->sub) {
	case SUB_LINK_BUS:
		return fixed_ino(mdev ? FIXED_MDEV_DEVICES : FIXED_PCI_DEVICES);
	case SUB_LINK_DRIVER:
		return mdev ? fixed_ino(FIXED_MDEV_DRIVER)
			    : part(&DEVICE(n->obj)->driver->obj, SUB_SELF);
	case SUB_LINK_CLASS:
		return fixed_ino(FIXED_MDEV_BUS);
	case SUB_LINK_GROUP:
		return part(n->obj, SUB_GROUP_DEVICES);
	default:
		return part(&MDEV(n->obj)->parent->obj,
			    SUB_TYPE_DEVICES + MDEV(n->obj)->type);
	}
}

uint64_t self_parent(const struct object *obj)
{
	switch (obj->kind) {
	case OBJECT_DRIVER:
		return fixed_ino(FIXED_PCI_DRIVERS);
	case OBJECT_MDEV:
		return part(&MDEV(obj)->parent->obj, SUB_SELF);
	case OBJECT_DEVICE:
		return part(DEVICE(obj)->port ? &DEVICE(obj)->port->obj
					      : &DEVICE(obj)->root->obj,
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
		return mdev ? fixed_ino(FIXED_MDEV_DRIVER)
			    : part(&dev->driver->obj, SUB_SELF);
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

uint64_t link_target(const struct node *link)
{
	if (link->leaf)
		return leaf_target(link);
	if (link->sub >= SUB_VIRTFN)
		return part(&DEVICE(link->obj)->gpu->vfs[link->sub - SUB_VIRTFN]->obj,
			    SUB_SELF);
	return part(link->obj, SUB_SELF);
}

void node_readlink(const struct sim *sim, const struct node *node, struct text *ret)
{
	struct text from = { 0 }, to = { 0 };
	struct node dir, target;
	size_t i, common = 0;

	node_get(sim, link_target(node), &target);
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
