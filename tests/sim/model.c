/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The objects of the host and their coming and going. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim.h"

#define SERIAL_FIRST 4096 /* below: the fixed nodes */

static void cond_init(pthread_cond_t *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(c, &attr);
	pthread_condattr_destroy(&attr);
}

/* --- waiting --- */

bool sim_wait(struct sim *sim)
{
	uint64_t epoch = sim->epoch;

	pthread_cond_wait(&sim->changed, &sim->lock);
	return epoch == sim->epoch && !sim->stopping;
}

bool sim_sleep(struct sim *sim, uint64_t ms)
{
	uint64_t epoch = sim->epoch, wakes = sim->wakes;
	struct timespec ts;
	int r = 0;

	if (!ms)
		return true;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += (time_t)(ms / 1000);
	ts.tv_nsec += (long)(ms % 1000) * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	while (epoch == sim->epoch && wakes == sim->wakes && !sim->stopping &&
	       r != ETIMEDOUT)
		r = pthread_cond_timedwait(&sim->halted, &sim->lock, &ts);
	return epoch == sim->epoch && !sim->stopping;
}

void sim_wake(struct sim *sim)
{
	sim->wakes++;
	pthread_cond_broadcast(&sim->halted);
}

void sim_changed(struct sim *sim)
{
	pthread_cond_broadcast(&sim->changed);
}

/* --- objects --- */

struct object *object_find(const struct sim *sim, uint64_t serial)
{
	struct hnode *n = htab_find(&sim->by_serial, serial);

	return n ? CONTAINER_OF(n, struct object, by_serial) : NULL;
}

void object_add(struct sim *sim, struct object *obj, enum object_kind kind)
{
	obj->kind = kind;
	obj->group = -1;
	htab_add(&sim->by_serial, &obj->by_serial, sim->next_serial++);
}

void object_del(struct sim *sim, struct object *obj)
{
	group_free(sim, obj);
	htab_del(&sim->by_serial, &obj->by_serial);
	obj->dead = true;
	obj->next_dead = sim->graveyard;
	sim->graveyard = obj;
}

void sim_reap(struct sim *sim)
{
	struct object *obj;

	if (sim->n_async)
		return;
	while ((obj = sim->graveyard)) {
		sim->graveyard = obj->next_dead;
		if (obj->kind == OBJECT_DEVICE)
			free(CONTAINER_OF(obj, struct device, obj));
		else if (obj->kind == OBJECT_MDEV)
			free(CONTAINER_OF(obj, struct mdev, obj));
	}
}

void group_alloc(struct sim *sim, struct object *obj)
{
	size_t i = sim->groups_low;

	while (i < sim->n_groups && sim->groups[i])
		i++;
	if (i >= sim->n_groups) {
		size_t n = sim->n_groups * 2 + 64;

		sim->groups = xrealloc(sim->groups, n, sizeof(*sim->groups));
		memset(sim->groups + sim->n_groups, 0,
		       (n - sim->n_groups) * sizeof(*sim->groups));
		sim->n_groups = n;
	}
	sim->groups[i] = obj;
	sim->groups_low = i + 1;
	obj->group = (int)i;
}

void group_free(struct sim *sim, struct object *obj)
{
	if (obj->group < 0)
		return;
	sim->groups[obj->group] = NULL;
	if ((size_t)obj->group < sim->groups_low)
		sim->groups_low = (size_t)obj->group;
	obj->group = -1;
}

/* --- PCI functions --- */

static struct root *root_get(struct sim *sim, uint32_t port)
{
	uint32_t bus = port >> 8;
	struct root *root;
	size_t i;

	for (i = 0; i < sim->n_roots; i++) {
		if (sim->roots[i]->bus == bus)
			return sim->roots[i];
	}
	root = xcalloc(1, sizeof(*root));
	root->bus = bus;
	put(root->name, sizeof(root->name), "pci%04x:%02x", bus >> 8 & 0xffff,
	    bus & 0xff);
	object_add(sim, &root->obj, OBJECT_ROOT);
	sim->roots = xrealloc(sim->roots, sim->n_roots + 1, sizeof(root));
	sim->roots[sim->n_roots++] = root;
	return root;
}

struct device *device_find(const struct sim *sim, uint32_t bdf)
{
	struct hnode *n = htab_find(&sim->by_bdf, bdf);

	return n ? CONTAINER_OF(n, struct device, by_bdf) : NULL;
}

/* Puts a copy of MODEL into the tree, below PORT unless it is one. */
static struct device *device_add(struct sim *sim, const struct device *model,
				 uint32_t port)
{
	struct device *dev = xcalloc(1, sizeof(*dev));

	*dev = *model;
	object_add(sim, &dev->obj, OBJECT_DEVICE);
	bdf_format(dev->bdf, dev->name);
	if (dev->bdf != port)
		dev->port = device_find(sim, port);
	if (dev->port)
		dev->root = dev->port->root;
	else
		dev->root = root_get(sim, port);
	htab_add(&sim->by_bdf, &dev->by_bdf, dev->bdf);
	if (sim->n_devices == sim->devices_size) {
		sim->devices_size = sim->devices_size * 2 + 64;
		sim->devices = xrealloc(sim->devices, sim->devices_size, sizeof(dev));
	}
	dev->index = sim->n_devices;
	sim->devices[sim->n_devices++] = dev;
	group_alloc(sim, &dev->obj);
	return dev;
}

void device_del(struct sim *sim, struct device *dev)
{
	driver_release_now(sim, dev);
	disk_process_end(sim, dev->holder);
	dev->holder = 0;
	sim->devices[dev->index] = sim->devices[--sim->n_devices];
	sim->devices[dev->index]->index = dev->index;
	htab_del(&sim->by_bdf, &dev->by_bdf);
	if (dev->role == ROLE_VF)
		dev->gpu->vfs[dev->vf_index] = NULL;
	if (dev->role == ROLE_PF)
		dev->gpu->pf = NULL;
	object_del(sim, &dev->obj);
}

/* A root port at ADDRESS with the bus of CHILD behind it, unless it is there. */
static void port_add(struct sim *sim, uint32_t address, uint32_t child, int numa)
{
	struct device port = {
		.bdf = address,
		.role = ROLE_PORT,
		.vendor = 0x8086,
		.device = 0x347a,
		.subvendor = 0x8086,
		.class = 0x060400,
		.revision = 6,
		.bus_behind = (uint8_t)(child >> 8),
		.bus_last = (uint8_t)(child >> 8),
		.numa = numa,
		.home = "pcieport",
	};

	if (!device_find(sim, address))
		driver_probe(sim, device_add(sim, &port, address));
}

/* A port of a switch, below one that is there already. */
static void bridge_add(struct sim *sim, const struct bridge_conf *c)
{
	struct device port = {
		.bdf = c->bdf,
		.role = ROLE_PORT,
		.vendor = c->vendor,
		.device = c->device,
		.subvendor = c->vendor,
		.class = 0x060400,
		.revision = 0xca,
		.bus_behind = c->bus_first,
		.bus_last = c->bus_last,
		.numa = c->numa,
		.home = "pcieport",
	};

	port_add(sim, c->port, c->bdf, c->numa);
	if (device_find(sim, c->port)->bus_last < c->bus_last)
		device_find(sim, c->port)->bus_last = c->bus_last;
	driver_probe(sim, device_add(sim, &port, c->port));
}

void gpu_plug(struct sim *sim, struct gpu *gpu)
{
	struct device pf = {
		.bdf = gpu->bdf,
		.role = ROLE_PF,
		.vendor = 0x10de,
		.device = gpu->device,
		.subvendor = 0x10de,
		.subdevice = gpu->subdevice,
		.class = 0x030200,
		.revision = 0xa1,
		.numa = gpu->numa,
		.gpu = gpu,
	};

	put(pf.home, sizeof(pf.home), "%s", gpu->driver);
	gpu->taken = false;
	gpu->num_vfs = 0;
	gpu->autoprobe = true;
	gpu->types_ready_at = 0;
	gpu_modes_lost(gpu);
	gpu->pf = device_add(sim, &pf, gpu->port);
	driver_probe(sim, gpu->pf);
}

static void gpu_drop_vfs(struct sim *sim, struct gpu *gpu)
{
	unsigned i;

	for (i = 0; i < VFS_MAX; i++) {
		if (gpu->vfs[i])
			device_del(sim, gpu->vfs[i]);
	}
	gpu->num_vfs = 0;
}

void gpu_unplug(struct sim *sim, struct gpu *gpu)
{
	gpu_drop_vfs(sim, gpu);
	if (gpu->pf)
		device_del(sim, gpu->pf);
	sim_changed(sim);
}

void gpu_take_vf(struct sim *sim, struct gpu *gpu, unsigned i)
{
	gpu->vf_taken[i] = true;
	if (gpu->vfs[i])
		device_del(sim, gpu->vfs[i]);
	sim_changed(sim);
}

struct gpu *gpu_of_bdf(struct sim *sim, uint32_t bdf, int *ret_vf)
{
	size_t i;

	for (i = 0; i < sim->n_gpus; i++) {
		struct gpu *gpu = &sim->gpus[i];
		int64_t vf = (int64_t)bdf - gpu->bdf - VF_OFFSET;

		if (bdf != gpu->bdf && (vf < 0 || vf >= (int64_t)gpu->total_vfs))
			continue;
		*ret_vf = bdf == gpu->bdf ? -1 : (int)vf;
		return gpu;
	}
	return NULL;
}

void gpu_add_vf(struct sim *sim, struct gpu *gpu, unsigned i)
{
	struct device vf = {
		.bdf = gpu->bdf + VF_OFFSET + i * VF_STRIDE,
		.role = ROLE_VF,
		.vendor = 0x10de,
		.device = gpu->device,
		.subvendor = 0x10de,
		.class = 0x030200,
		.revision = 0xa1,
		.numa = gpu->numa,
		.gpu = gpu,
		.vf_index = i,
	};

	put(vf.home, sizeof(vf.home), "%s", gpu->vf_driver);
	gpu->vfs[i] = device_add(sim, &vf, gpu->port);
	if (gpu->autoprobe)
		driver_probe(sim, gpu->vfs[i]);
}

/* --- the host --- */

static void add_others(struct sim *sim)
{
	size_t i;

	for (i = 0; i < sim->n_confs; i++) {
		const struct device_conf *c = &sim->confs[i];
		struct device dev = {
			.bdf = c->bdf,
			.role = ROLE_OTHER,
			.vendor = c->vendor,
			.device = c->device,
			.subvendor = c->subvendor,
			.subdevice = c->subdevice,
			.class = c->class,
			.revision = 1,
			.numa = c->numa,
		};

		put(dev.home, sizeof(dev.home), "%s", c->driver);
		port_add(sim, c->port, c->bdf, c->numa);
		driver_probe(sim, device_add(sim, &dev, c->port));
	}
}

void sim_init(struct sim *sim)
{
	static const char *const drivers[] = { "nvidia", "pcieport", "nvme",
					       "pci-pf-stub", "vfio-pci" };
	size_t i;

	pthread_mutex_init(&sim->lock, NULL);
	cond_init(&sim->changed);
	cond_init(&sim->halted);
	sim->next_serial = SERIAL_FIRST;
	sim->next_pid = 100001;
	put(sim->next_version, sizeof(sim->next_version), "%s", sim->version);
	put(sim->vf_driver, sizeof(sim->vf_driver), "nvidia");
	for (i = 0; i < ARRAY_SIZE(drivers); i++)
		driver_get(sim, drivers[i]);
	for (i = 0; i < sim->n_bridges; i++)
		bridge_add(sim, &sim->bridges[i]);
	add_others(sim);
	for (i = 0; i < sim->n_gpus; i++) {
		cond_init(&sim->gpus[i].lane);
		sim->gpus[i].lie = -1;
		port_add(sim, sim->gpus[i].port, sim->gpus[i].bdf, sim->gpus[i].numa);
	}
	for (i = 0; i < sim->n_gpus; i++)
		gpu_plug(sim, &sim->gpus[i]);
}

/* Gives types their new names, also in the list of what is dropped. */
static void apply_renames(struct sim *sim)
{
	size_t r, t, i;

	for (r = 0; r < sim->n_renames; r++) {
		const struct rename *rename = &sim->renames[r];

		for (t = 0; t < sim->n_tables; t++) {
			for (i = 0; i < sim->tables[t].n; i++) {
				char *name = sim->tables[t].types[i].name;

				if (!strcmp(name, rename->from))
					put(name, TYPE_NAME_SIZE, "%s", rename->to);
			}
		}
		for (i = 0; i < sim->n_next_dropped; i++) {
			if (strcmp(sim->next_dropped[i], rename->from))
				continue;
			free(sim->next_dropped[i]);
			sim->next_dropped[i] = xstrdup(rename->to);
		}
	}
	sim->n_renames = 0;
}

static void forget_dropped(struct sim *sim)
{
	while (sim->n_dropped)
		free(sim->dropped[--sim->n_dropped]);
	free(sim->dropped);
	sim->dropped = NULL;
}

/* Copies the list of dropped types that was wished for since the last boot. */
static void apply_dropped(struct sim *sim)
{
	size_t i;

	forget_dropped(sim);
	sim->dropped = xcalloc(sim->n_next_dropped, sizeof(char *));
	for (i = 0; i < sim->n_next_dropped; i++)
		sim->dropped[i] = xstrdup(sim->next_dropped[i]);
	sim->n_dropped = sim->n_next_dropped;
}

void sim_reboot(struct sim *sim)
{
	size_t i;

	/* Whoever waits must find that its world has ended, and nothing to undo. */
	sim->epoch++;
	pthread_cond_broadcast(&sim->halted);
	sim_changed(sim);
	sim->sriov_owner = NULL;
	for (i = 0; i < sim->n_gpus; i++) {
		struct gpu *gpu = &sim->gpus[i];
		bool taken = gpu->taken;

		pthread_cond_broadcast(&gpu->lane);
		gpu->lane_busy = false;
		gpu->sriov_busy = false;
		gpu_unplug(sim, gpu);
		gpu->taken = taken;
		gpu->framework = gpu->next_framework;
		gpu->mig_on = gpu->mig_pending = gpu->mig_pending && gpu->mig_over_reboot;
	}
	sim->n_blockers = 0;
	for (i = 0; i < sim->n_drivers; i++)
		sim->drivers[i]->n_ids = 0;
	sim->type_offset = sim->next_type_offset;
	put(sim->version, sizeof(sim->version), "%s", sim->next_version);
	apply_renames(sim);
	apply_dropped(sim);
	for (i = 0; i < sim->n_devices; i++) {
		struct device *dev = sim->devices[i];

		driver_release_now(sim, dev);
		dev->override[0] = '\0';
		driver_probe(sim, dev);
	}
	for (i = 0; i < sim->n_gpus; i++) {
		if (!sim->gpus[i].taken)
			gpu_plug(sim, &sim->gpus[i]);
	}
	disk_boot(sim);
}

void sim_free(struct sim *sim)
{
	size_t i;

	sim->epoch++;
	for (i = 0; i < sim->n_gpus; i++) {
		gpu_unplug(sim, &sim->gpus[i]);
		pthread_cond_destroy(&sim->gpus[i].lane);
	}
	while (sim->n_devices)
		device_del(sim, sim->devices[sim->n_devices - 1]);
	sim_reap(sim);
	for (i = 0; i < sim->n_roots; i++)
		free(sim->roots[i]);
	for (i = 0; i < sim->n_drivers; i++)
		free(sim->drivers[i]);
	forget_dropped(sim);
	free(sim->roots);
	free(sim->drivers);
	free(sim->devices);
	free(sim->groups);
	htab_free(&sim->by_serial);
	htab_free(&sim->by_bdf);
	htab_free(&sim->by_uuid);
	plan_free(sim);
	hostfile_free(sim);
	pthread_cond_destroy(&sim->changed);
	pthread_cond_destroy(&sim->halted);
	pthread_mutex_destroy(&sim->lock);
}
