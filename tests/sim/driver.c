/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI drivers: which device they match, binding, and SR-IOV. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

struct driver *driver_find(const struct sim *sim, const char *name)
{
	size_t i;

	for (i = 0; i < sim->n_drivers; i++) {
		if (!strcmp(sim->drivers[i]->name, name))
			return sim->drivers[i];
	}
	return NULL;
}

struct driver *driver_get(struct sim *sim, const char *name)
{
	struct driver *drv = driver_find(sim, name);

	if (drv)
		return drv;
	drv = xcalloc(1, sizeof(*drv));
	put(drv->name, sizeof(drv->name), "%s", name);
	object_add(sim, &drv->obj, OBJECT_DRIVER);
	sim->drivers = xrealloc(sim->drivers, sim->n_drivers + 1, sizeof(drv));
	sim->drivers[sim->n_drivers++] = drv;
	return drv;
}

static bool has_id(const struct driver *drv, uint16_t vendor, uint16_t device, size_t *at)
{
	size_t i;

	for (i = 0; i < drv->n_ids; i++) {
		if (drv->ids[i].vendor == vendor && drv->ids[i].device == device) {
			if (at)
				*at = i;
			return true;
		}
	}
	return false;
}

/* An override excludes every other driver; nvidia takes all of its boards. */
static bool matches(const struct driver *drv, const struct device *dev)
{
	if (dev->override[0])
		return !strcmp(dev->override, drv->name);
	if (!strcmp(dev->home, drv->name) || has_id(drv, dev->vendor, dev->device, NULL))
		return true;
	return !strcmp(drv->name, "nvidia") && dev->vendor == 0x10de &&
	       dev->class >> 16 == 3;
}

void driver_attach(struct device *dev, struct driver *drv)
{
	dev->driver = drv;
	dev->unregistering = false;
}

void driver_release_now(struct sim *sim, struct device *dev)
{
	while (dev->mdevs)
		mdev_del(sim, dev->mdevs);
	vfio_clear(dev);
	dev->driver = NULL;
	dev->unregistering = false;
}

/* Nothing has a child open or is making one. */
static bool quiet(const struct device *dev)
{
	const struct mdev *m;

	for (m = dev->mdevs; m; m = m->sibling) {
		if (m->busy || m->state == MDEV_CREATING || m->state == MDEV_STUCK)
			return false;
	}
	return true;
}

int driver_release(struct sim *sim, struct device *dev)
{
	struct mdev *m;

	dev->unregistering = true;
	while (!quiet(dev)) {
		/* A child in use is already off the bus when its user is waited for. */
		for (m = dev->mdevs; m; m = m->sibling) {
			if (m->busy && m->state == MDEV_LIVE)
				m->state = MDEV_REMOVING;
		}
		if (!sim_wait(sim))
			return -EIO;
		if (dev->obj.dead)
			return -ENODEV;
	}
	driver_release_now(sim, dev);
	sim_changed(sim);
	return 0;
}

void driver_probe(struct sim *sim, struct device *dev)
{
	struct driver *home = dev->home[0] ? driver_get(sim, dev->home) : NULL;
	size_t i;

	if (dev->driver)
		return;
	if (home && matches(home, dev)) {
		driver_attach(dev, home);
		return;
	}
	for (i = 0; i < sim->n_drivers; i++) {
		if (matches(sim->drivers[i], dev)) {
			driver_attach(dev, sim->drivers[i]);
			return;
		}
	}
}

/* Delays and fails as planned; a true return means: answer *RET. */
static bool planned_before(struct sim *sim, const struct plan *plan, int *ret)
{
	if (!sim_sleep(sim, plan->delay_ms)) {
		*ret = -EIO;
		return true;
	}
	*ret = -plan->errnum;
	return plan->errnum && !plan->after;
}

int driver_bind(struct sim *sim, struct driver *drv, const char *bdf)
{
	struct plan plan = plan_next(sim, OP_BIND);
	struct device *dev;
	uint32_t address;
	int r;

	sim->counters[COUNT_BIND]++;
	if (planned_before(sim, &plan, &r))
		return r;
	dev = bdf_parse(bdf, &address) ? device_find(sim, address) : NULL;
	if (!dev || !matches(drv, dev))
		return -ENODEV;
	if (dev->driver)
		return -EBUSY;
	driver_attach(dev, drv);
	return -plan.errnum;
}

int driver_unbind(struct sim *sim, struct driver *drv, const char *bdf)
{
	struct plan plan = plan_next(sim, OP_BIND);
	struct device *dev;
	uint32_t address;
	int r;

	sim->counters[COUNT_BIND]++;
	if (planned_before(sim, &plan, &r))
		return r;
	dev = bdf_parse(bdf, &address) ? device_find(sim, address) : NULL;
	if (!dev || dev->driver != drv || dev->unregistering)
		return -ENODEV;
	r = driver_release(sim, dev);
	return r < 0 ? r : -plan.errnum;
}

int driver_drivers_probe(struct sim *sim, const char *bdf)
{
	struct plan plan = plan_next(sim, OP_BIND);
	struct device *dev;
	uint32_t address;
	int r;

	sim->counters[COUNT_BIND]++;
	if (planned_before(sim, &plan, &r))
		return r;
	dev = bdf_parse(bdf, &address) ? device_find(sim, address) : NULL;
	if (!dev)
		return -ENODEV;
	driver_probe(sim, dev);
	return -plan.errnum;
}

static bool ids_parse(const char *text, uint16_t *vendor, uint16_t *device)
{
	unsigned v, d;

	if (sscanf(text, "%4x %4x", &v, &d) != 2)
		return false;
	*vendor = (uint16_t)v;
	*device = (uint16_t)d;
	return true;
}

int driver_new_id(struct sim *sim, struct driver *drv, const char *text)
{
	uint16_t vendor, device;
	size_t i;

	if (!ids_parse(text, &vendor, &device))
		return -EINVAL;
	if (has_id(drv, vendor, device, NULL))
		return -EEXIST;
	if (drv->n_ids == ARRAY_SIZE(drv->ids))
		return -ENOMEM;
	drv->ids[drv->n_ids].vendor = vendor;
	drv->ids[drv->n_ids++].device = device;
	for (i = 0; i < sim->n_devices; i++) {
		if (!sim->devices[i]->driver && matches(drv, sim->devices[i]))
			driver_attach(sim->devices[i], drv);
	}
	return 0;
}

int driver_remove_id(struct driver *drv, const char *text)
{
	uint16_t vendor, device;
	size_t at;

	if (!ids_parse(text, &vendor, &device))
		return -EINVAL;
	if (!has_id(drv, vendor, device, &at))
		return -ENODEV;
	drv->ids[at] = drv->ids[--drv->n_ids];
	return 0;
}

/* --- SR-IOV --- */

static void enable_vfs(struct sim *sim, struct gpu *gpu, unsigned n)
{
	unsigned i;

	gpu_modes_lost(gpu);
	put(gpu->vf_driver, sizeof(gpu->vf_driver), "%s", sim->vf_driver);
	gpu->types_ready_at = gpu->types_late_ms ? now_ms() + gpu->types_late_ms : 0;
	for (i = 0; i < n; i++) {
		if (!gpu->vf_taken[i])
			gpu_add_vf(sim, gpu, i);
	}
	gpu->num_vfs = n;
}

static int disable_vfs(struct sim *sim, struct gpu *gpu)
{
	unsigned i;
	int r;

	for (i = 0; i < gpu->num_vfs; i++) {
		if (!gpu->vfs[i])
			continue;
		r = driver_release(sim, gpu->vfs[i]);
		if (r == -EIO)
			return r;
		if (gpu->vfs[i])
			device_del(sim, gpu->vfs[i]);
	}
	gpu->num_vfs = 0;
	gpu_modes_lost(gpu);
	return 0;
}

static bool can_configure(const struct sim *sim, const struct device *dev)
{
	return dev->driver &&
	       (sim->raw_sriov || !strcmp(dev->driver->name, "pci-pf-stub"));
}

/* The part under the locks that the kernel holds meanwhile. */
static int change_vfs(struct sim *sim, struct device *dev, unsigned n)
{
	struct plan plan = plan_next(sim, OP_SRIOV);
	struct gpu *gpu = dev->gpu;
	int r;

	sim->counters[COUNT_SRIOV]++;
	if (planned_before(sim, &plan, &r))
		return r;
	if (dev->obj.dead)
		return -ENODEV;
	if (n == gpu->num_vfs)
		return -plan.errnum;
	if (!can_configure(sim, dev))
		return -ENOENT;
	if (n && gpu->num_vfs)
		return -EBUSY;
	if (n)
		enable_vfs(sim, gpu, n);
	else
		r = disable_vfs(sim, gpu);
	return n || !r ? -plan.errnum : r;
}

int sriov_write(struct sim *sim, struct device *dev, const char *text)
{
	struct gpu *gpu = dev->gpu;
	uint64_t n, epoch = sim->epoch;
	int r;

	if (!number_parse(text, 0, &n))
		return -EINVAL;
	if (n > gpu->total_vfs)
		return -ERANGE;
	while (sim->sriov_owner) {
		if (!sim_wait(sim))
			return -EIO;
		if (dev->obj.dead)
			return -ENODEV;
	}
	sim->sriov_owner = gpu;
	gpu->sriov_busy = true;
	sim->n_blockers++;
	r = change_vfs(sim, dev, (unsigned)n);
	if (epoch != sim->epoch)
		return -EIO;
	sim->sriov_owner = NULL;
	gpu->sriov_busy = false;
	sim->n_blockers--;
	sim_changed(sim);
	return r;
}
