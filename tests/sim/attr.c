/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What attributes read and what writing them does. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "node.h"

#define DEVICE(obj_) CONTAINER_OF(obj_, struct device, obj)
#define MDEV(obj_) CONTAINER_OF(obj_, struct mdev, obj)
#define DRIVER(obj_) CONTAINER_OF(obj_, struct driver, obj)

/* --- reading --- */

static void show_modalias(const struct device *dev, struct text *t)
{
	text_add(t, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X\n", dev->vendor,
		 dev->device, dev->subvendor, dev->subdevice, dev->class >> 16 & 0xff,
		 dev->class >> 8 & 0xff, dev->class & 0xff);
}

static void show_uevent(const struct device *dev, struct text *t)
{
	if (dev->driver)
		text_add(t, "DRIVER=%s\n", dev->driver->name);
	text_add(t,
		 "PCI_CLASS=%X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=%04X:%04X\nPCI_SLOT_NAME="
		 "%s\n",
		 dev->class, dev->vendor, dev->device, dev->subvendor, dev->subdevice,
		 dev->name);
	text_add(t, "MODALIAS=");
	show_modalias(dev, t);
}

/* One line per BAR, ROM, VF BAR and, for bridges, window. */
static void show_resource(const struct device *dev, struct text *t)
{
	unsigned lines = dev->role == ROLE_PORT ? 17 : 13, i;
	uint64_t bus = dev->bdf >> 8 & 0xff;

	for (i = 0; i < lines; i++) {
		uint64_t start = 0, size = 0, flags = 0;

		if (dev->role == ROLE_PF && i == 0) {
			start = 0x80000000 + ((bus & 0x3f) << 24);
			size = 1 << 24;
			flags = 0x40200;
		} else if (dev->role == ROLE_PF && i == 1) {
			start = UINT64_C(0x200000000000) + (bus << 37);
			size = UINT64_C(1) << 36;
			flags = 0x14220c;
		} else if (dev->role == ROLE_PF && i == 3) {
			start = UINT64_C(0x201000000000) + (bus << 37);
			size = 1 << 25;
			flags = 0x14220c;
		}
		text_add(t, "0x%016llx 0x%016llx 0x%016llx\n", (unsigned long long)start,
			 (unsigned long long)(size ? start + size - 1 : 0),
			 (unsigned long long)flags);
	}
}

static void show_cpus(const struct device *dev, struct text *t, bool list)
{
	unsigned first = (unsigned)dev->numa * 16;

	if (list)
		text_add(t, "%u-%u,%u-%u\n", first, first + 15, first + 32, first + 47);
	else
		text_add(t, dev->numa ? "ffff0000,ffff0000\n" : "0000ffff,0000ffff\n");
}

static void show_sriov(const struct device *dev, enum leaf leaf, struct text *t)
{
	const struct gpu *gpu = dev->gpu;

	switch (leaf) {
	case LEAF_TOTALVFS:
		text_add(t, "%u\n", gpu->total_vfs);
		break;
	case LEAF_NUMVFS:
		text_add(t, "%u\n", gpu->num_vfs);
		break;
	case LEAF_OFFSET:
		text_add(t, "%u\n", VF_OFFSET);
		break;
	case LEAF_STRIDE:
		text_add(t, "%u\n", VF_STRIDE);
		break;
	case LEAF_VF_DEVICE:
		text_add(t, "%x\n", gpu->device);
		break;
	case LEAF_AUTOPROBE:
		text_add(t, "%u\n", gpu->autoprobe);
		break;
	default:
		text_add(t, "0\n");
		break;
	}
}

static void show_device(const struct device *dev, enum leaf leaf, struct text *t)
{
	bool vf = dev->role == ROLE_VF;

	switch (leaf) {
	case LEAF_VENDOR:
		text_add(t, "0x%04x\n", dev->vendor);
		break;
	case LEAF_DEVICE:
		text_add(t, "0x%04x\n", dev->device);
		break;
	case LEAF_CLASS_ID:
		text_add(t, "0x%06x\n", dev->class);
		break;
	case LEAF_REVISION:
		text_add(t, "0x%02x\n", dev->revision);
		break;
	case LEAF_SUBVENDOR:
		text_add(t, "0x%04x\n", dev->subvendor);
		break;
	case LEAF_SUBDEVICE:
		text_add(t, "0x%04x\n", dev->subdevice);
		break;
	case LEAF_MODALIAS:
		show_modalias(dev, t);
		break;
	case LEAF_UEVENT:
		show_uevent(dev, t);
		break;
	case LEAF_NUMA:
		text_add(t, "%d\n", dev->numa);
		break;
	case LEAF_CPULIST:
	case LEAF_CPUS:
		show_cpus(dev, t, leaf == LEAF_CPULIST);
		break;
	case LEAF_OVERRIDE:
		text_add(t, "%s\n", dev->override[0] ? dev->override : "(null)");
		break;
	case LEAF_RESOURCE:
		show_resource(dev, t);
		break;
	case LEAF_CONFIG:
		pcicfg_build(dev, (unsigned char *)t->buf);
		t->len = CONFIG_SIZE;
		break;
	case LEAF_ENABLE:
		text_add(t, "%u\n", dev->driver || vf);
		break;
	case LEAF_ARI:
	case LEAF_MSI_BUS:
		text_add(t, "1\n");
		break;
	case LEAF_LINK_SPEED:
	case LEAF_MAX_SPEED:
		text_add(t, vf && leaf == LEAF_LINK_SPEED ? "Unknown\n"
							  : "16.0 GT/s PCIe\n");
		break;
	case LEAF_LINK_WIDTH:
	case LEAF_MAX_WIDTH:
		text_add(t, vf && leaf == LEAF_LINK_WIDTH ? "0\n" : "16\n");
		break;
	case LEAF_DMA_BITS:
		text_add(t, "47\n");
		break;
	case LEAF_IRQ:
		text_add(t, "%u\n", vf ? 0 : 16 + (dev->bdf >> 8 & 0xff));
		break;
	case LEAF_PARITY:
		text_add(t, "0\n");
		break;
	default:
		show_sriov(dev, leaf, t);
		break;
	}
}

char type_series(const struct vgpu_type *type)
{
	const char *dash = strrchr(type->name, '-');

	return dash ? dash[1 + strspn(dash + 1, "0123456789")] : '\0';
}

void type_display(const struct vgpu_type *type, struct display *ret)
{
	char series = type_series(type);

	*ret = (struct display){ 4, 60, 7680, 4320 };
	if (series == 'B' || (series == 'Q' && type->framebuffer_mib <= 1024))
		*ret = (struct display){ 4, series == 'B' ? 45 : 60, 5120, 2880 };
	else if (series == 'A')
		*ret = (struct display){ 1, 60, 1280, 1024 };
	else if (series == 'C')
		*ret = (struct display){ 1, 60, 4096, 2160 };
}

static void show_description(const struct vgpu_type *type, struct text *t)
{
	struct display d;

	type_display(type, &d);
	text_add(t,
		 "num_heads=%u, frl_config=%u, framebuffer=%uM, max_resolution=%ux%u, "
		 "max_instance=%u\n",
		 d.heads, d.frl, type->framebuffer_mib, d.width, d.height,
		 type->max_instance);
}

static void show_type(const struct device *dev, unsigned index, enum leaf leaf,
		      struct text *t)
{
	const struct vgpu_type *type = &dev->gpu->table->types[index];

	if (leaf == LEAF_NAME)
		text_add(t, "%s\n", type->name);
	else if (leaf == LEAF_DESCRIPTION)
		show_description(type, t);
	else if (leaf == LEAF_AVAILABLE)
		text_add(t, "%u\n", type_available(dev, index));
	else
		text_add(t, "vfio-pci\n");
}

static void show_mdev(const struct mdev *m, enum leaf leaf, struct text *t)
{
	if (leaf == LEAF_PARAMS)
		text_add(t, "%s\n", m->params);
	else if (leaf == LEAF_VM_NAME)
		text_add(t, "%s\n", m->vm_name);
	else
		text_add(t, "DRIVER=nvidia-vgpu-vfio\n");
}

static void show_fixed(const struct sim *sim, enum fixed f, struct text *t)
{
	if (f == FIXED_NVIDIA_VERSION)
		text_add(t, "%s\n", sim->version);
	else if (f == FIXED_NVIDIA_STATE || f == FIXED_VGPU_STATE)
		text_add(t, "live\n");
	else
		text_add(t, "1\n");
}

static int show(const struct sim *sim, const struct node *n, struct text *t)
{
	if (!n->fixed && n->obj->kind == OBJECT_DEVICE && n->sub == SUB_NVIDIA)
		return vfio_show(sim, DEVICE(n->obj), n->leaf, t);
	if (n->fixed)
		show_fixed(sim, n->fixed, t);
	else if (n->obj->kind == OBJECT_MDEV && n->sub != SUB_GROUP)
		show_mdev(MDEV(n->obj), n->leaf, t);
	else if (n->leaf == LEAF_GROUP_TYPE)
		text_add(t, "DMA-FQ\n");
	else if (n->leaf == LEAF_GROUP_REGIONS)
		text_add(t, "0x00000000fee00000 0x00000000feefffff msi\n");
	else if (n->obj->kind == OBJECT_DEVICE && n->sub == SUB_SELF)
		show_device(DEVICE(n->obj), n->leaf, t);
	else if (n->obj->kind == OBJECT_DEVICE)
		show_type(DEVICE(n->obj), n->sub - SUB_TYPE, n->leaf, t);
	return 0;
}

static const struct override *override_of(const struct sim *sim, const struct node *n,
					  enum override_kind kind)
{
	struct text path = { 0 };

	if (!sim->n_overrides)
		return NULL;
	node_path(sim, n, &path);
	return override_find(sim, kind, path.buf);
}

/* The kernel holds the PF's lock as long as its VFs change. */
static bool locked(const struct node *n)
{
	return n->leaf == LEAF_NUMVFS && DEVICE(n->obj)->gpu->sriov_busy;
}

bool attr_show_waits(const struct sim *sim, const struct node *n)
{
	return locked(n) || override_of(sim, n, OVERRIDE_HANG);
}

int attr_show(struct sim *sim, const struct node *n, struct text *ret)
{
	const struct override *o = override_of(sim, n, OVERRIDE_HANG);
	int refused;

	if (o && !sim_sleep(sim, o->ms))
		return -EIO;
	if (n->obj && n->obj->dead)
		return -ENODEV;
	while (locked(n)) {
		if (!sim_wait(sim))
			return -EIO;
		if (n->obj->dead)
			return -ENODEV;
	}
	refused = plan_refuses(sim, n);
	if (refused)
		return -refused;
	o = override_of(sim, n, OVERRIDE_GARBAGE);
	if (o) {
		ret->len =
			o->text_len < sizeof(ret->buf) ? o->text_len : sizeof(ret->buf);
		memcpy(ret->buf, o->text, ret->len);
		return 0;
	}
	return show(sim, n, ret);
}

/* --- writing --- */

static int store_device(struct sim *sim, struct device *dev, enum leaf leaf,
			const char *text)
{
	uint64_t n;

	switch (leaf) {
	case LEAF_NUMVFS:
		return sriov_write(sim, dev, text);
	case LEAF_AUTOPROBE:
		if (!number_parse(text, 10, &n) || n > 1)
			return -EINVAL;
		dev->gpu->autoprobe = n;
		return 0;
	case LEAF_OVERRIDE:
		if (strlen(text) >= sizeof(dev->override))
			return -EINVAL;
		put(dev->override, sizeof(dev->override), "%s", text);
		return 0;
	default:
		return 0;
	}
}

/* The parameters of a vGPU, which replace those it had; a blank alone clears them. */
static int store_params(const struct gpu *gpu, struct claim *claim,
			char params[PARAMS_SIZE], const char *text)
{
	if (!claim->held)
		return -ENXIO;
	if (strlen(text) >= PARAMS_SIZE)
		return -EINVAL;
	put(params, PARAMS_SIZE, "%s", strcmp(text, " ") ? text : "");
	claim_params(gpu, claim, params);
	return 0;
}

static int store_mdev(struct sim *sim, struct mdev *m, enum leaf leaf, const char *text)
{
	if (leaf == LEAF_REMOVE)
		return mdev_remove(sim, m, text);
	return leaf == LEAF_PARAMS
		       ? store_params(m->parent->gpu, &m->claim, m->params, text)
		       : 0;
}

static int store_driver(struct sim *sim, struct driver *drv, enum leaf leaf,
			const char *text)
{
	switch (leaf) {
	case LEAF_BIND:
		return driver_bind(sim, drv, text);
	case LEAF_UNBIND:
		return driver_unbind(sim, drv, text);
	case LEAF_NEW_ID:
		return driver_new_id(sim, drv, text);
	default:
		return driver_remove_id(drv, text);
	}
}

/* TEXT is the written data, ended by a NUL in place of its last newline. */
static int store(struct sim *sim, const struct node *n, const char *text,
		 const char *data, size_t len)
{
	if (n->fixed)
		return n->fixed == FIXED_PCI_PROBE ? driver_drivers_probe(sim, text) : 0;
	if (n->obj->kind == OBJECT_DRIVER)
		return store_driver(sim, DRIVER(n->obj), n->leaf, text);
	if (n->leaf == LEAF_GROUP_TYPE)
		return -EBUSY;
	if (n->obj->kind == OBJECT_MDEV)
		return store_mdev(sim, MDEV(n->obj), n->leaf, text);
	if (n->sub == SUB_SELF)
		return store_device(sim, DEVICE(n->obj), n->leaf, text);
	if (n->leaf == LEAF_CREATE)
		return mdev_create(sim, DEVICE(n->obj), n->sub - SUB_TYPE, data, len);
	if (n->leaf == LEAF_PARAMS)
		return store_params(DEVICE(n->obj)->gpu, &DEVICE(n->obj)->claim,
				    DEVICE(n->obj)->params, text);
	if (sim->strict_newline && len && data[len - 1] == '\n')
		return -EINVAL;
	return vfio_set_type(sim, DEVICE(n->obj), text);
}

bool attr_store_waits(const struct sim *sim)
{
	return sim->latency_ms || sim->n_blockers || plan_delays(sim);
}

int attr_store(struct sim *sim, uint64_t ino, const char *data, size_t len)
{
	struct node n;
	char *text;
	int r;

	if (!node_get(sim, ino, &n))
		return -ENODEV;
	r = plan_refuses(sim, &n);
	if (r)
		return -r;
	text = memcpy(xcalloc(len + 1, 1), data, len);
	if (len && text[len - 1] == '\n')
		text[len - 1] = '\0';
	r = store(sim, &n, text, data, len);
	free(text);
	return r;
}
