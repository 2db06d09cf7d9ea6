/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vendor-specific VFIO framework: one vGPU per VF, made by writing its type. */
#include <errno.h>
#include <string.h>

#include "node.h"

#define PAGE 4096 /* what one attribute of sysfs can hold, with a NUL */

/* --- reading --- */

static unsigned current_id(const struct sim *sim, const struct device *dev)
{
	return dev->claim.held
		       ? dev->gpu->table->types[dev->claim.type].id + sim->type_offset
		       : 0;
}

static void show_creatable(const struct sim *sim, const struct device *dev,
			   struct text *t)
{
	const struct type_table *table = dev->gpu->table;
	unsigned i;

	for (i = 0; i < table->n; i++) {
		unsigned id = table->types[i].id + sim->type_offset;
		const char *name = table->types[i].name;

		if (!type_offered(sim, table, i) || !type_available(dev, i))
			continue;
		if (sim->spelling == SPELLING_HEADER)
			text_add(t, "%s%-5u : %s\n", t->len ? "" : "ID    : vGPU Name\n",
				 id, name);
		else if (sim->spelling == SPELLING_BARE)
			text_add(t, "%u : %s\n", id, name);
		else
			text_add(t, "%s %u\n", name, id);
	}
	if (t->len >= PAGE)
		t->len = PAGE - 1;
}

/* Where the driver put the vGPU. What does not apply to it is an empty line. */
static int show_place(const struct device *dev, enum leaf leaf, struct text *t)
{
	const struct claim *c = &dev->claim;
	int place = c->gi ? 0 : c->placement;

	if (!c->held)
		return -ENXIO;
	if (leaf == LEAF_INSTANCE)
		place = c->gi ? (int)c->gi->id : -1;
	if (place < 0)
		text_add(t, "\n");
	else
		text_add(t, "%d\n", place);
	return 0;
}

int vfio_show(const struct sim *sim, const struct device *dev, enum leaf leaf,
	      struct text *ret)
{
	switch (leaf) {
	case LEAF_PARAMS:
		text_add(ret, "%s\n", dev->params);
		return 0;
	case LEAF_CURRENT:
		text_add(ret, "%u\n", current_id(sim, dev));
		return 0;
	case LEAF_CREATABLE:
		show_creatable(sim, dev, ret);
		return 0;
	default:
		return show_place(dev, leaf, ret);
	}
}

/* --- creating --- */

/* Index of the type with that number, or -1. */
static int type_index(const struct sim *sim, const struct type_table *table, uint64_t id)
{
	unsigned i;

	for (i = 0; i < table->n; i++) {
		if (table->types[i].id + sim->type_offset == id &&
		    type_offered(sim, table, i))
			return (int)i;
	}
	return -1;
}

static int create(struct sim *sim, struct device *dev, unsigned index)
{
	struct plan plan = plan_next(sim, OP_CREATE);

	if (dev->obj.dead)
		return -ENODEV;
	if (plan.errnum && !plan.after)
		return -plan.errnum;
	if (vf_occupied(dev))
		return -EBUSY;
	if (!type_room(dev, index))
		return -gpu_full_errno(sim, dev->gpu);
	claim_take(dev->gpu, &dev->claim, index);
	if (sim->latency_ms) {
		if (!lane_enter(sim, dev->gpu) || !sim_sleep(sim, sim->latency_ms))
			return -EIO;
		lane_leave(dev->gpu);
	}
	if (!sim_sleep(sim, plan.delay_ms))
		return -EIO;
	return dev->obj.dead ? -ENODEV : -plan.errnum;
}

/* --- removing --- */

void vfio_clear(struct device *dev)
{
	if (!dev->claim.held)
		return;
	claim_give(dev->gpu, &dev->claim);
	dev->params[0] = '\0';
}

void vfio_hold(struct sim *sim, struct device *dev)
{
	if (!dev->holder)
		dev->holder = disk_process(sim, "holder", dev->name, dev->obj.group);
	dev->refusals = sim->release == RELEASE_LAX ? sim->release_tries : 0;
}

void vfio_let_go(struct sim *sim, struct device *dev)
{
	if (!dev->holder)
		return;
	disk_process_end(sim, dev->holder);
	dev->holder = 0;
	dev->refusals = sim->release == RELEASE_LATE ? sim->release_tries : 0;
}

/* Does the driver find that a VM still has it? Each time it is asked counts. */
static bool in_use(const struct sim *sim, struct device *dev)
{
	if (dev->holder && sim->release != RELEASE_LAX)
		return true;
	if (!dev->refusals)
		return false;
	dev->refusals--;
	return true;
}

static int release(struct sim *sim, struct device *dev)
{
	struct plan plan = plan_next(sim, OP_REMOVE);

	if (plan.errnum && !plan.after)
		return -plan.errnum;
	if (in_use(sim, dev))
		return -EBUSY;
	if (!sim_sleep(sim, plan.delay_ms))
		return -EIO;
	if (!dev->obj.dead)
		vfio_clear(dev);
	return -plan.errnum;
}

/* --- writing --- */

int vfio_set_type(struct sim *sim, struct device *dev, const char *text)
{
	struct gpu *gpu = dev->gpu;
	uint64_t id;
	int index;

	if (!number_parse(text, 10, &id))
		return -EINVAL;
	if (!id) {
		sim->counters[COUNT_REMOVE]++;
		return release(sim, dev);
	}
	create_begins(sim, gpu);
	index = type_index(sim, gpu->table, id);
	return create_ends(sim, gpu,
			   index < 0 ? -EINVAL : create(sim, dev, (unsigned)index));
}
