/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mediated devices. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

/* Bound to a driver that offers vGPUs, which has got so far as to do it. */
static bool offering(const struct device *dev)
{
	const struct gpu *gpu = dev->gpu;

	if (!gpu || !dev->driver)
		return false;
	if (strcmp(dev->driver->name, "nvidia") &&
	    (dev->role != ROLE_VF || strcmp(dev->driver->name, gpu->vf_driver)))
		return false;
	return !gpu->types_ready_at || now_ms() >= gpu->types_ready_at;
}

bool mdev_parent(const struct device *dev)
{
	static const enum role roles[] = { ROLE_VF, ROLE_PORT, ROLE_PF };

	return dev->gpu && roles[dev->gpu->framework] == dev->role && offering(dev);
}

bool vfio_parent(const struct device *dev)
{
	return dev->role == ROLE_VF && dev->gpu->framework == FRAMEWORK_VFIO &&
	       offering(dev);
}

/* --- the devices --- */

static uint64_t uuid_key(const char *uuid)
{
	return hash_bytes(uuid, UUID_SIZE - 1);
}

struct mdev *mdev_find(const struct sim *sim, const char *uuid)
{
	struct hnode *n;

	for (n = htab_find(&sim->by_uuid, uuid_key(uuid)); n; n = htab_next(n)) {
		struct mdev *m = CONTAINER_OF(n, struct mdev, by_uuid);

		if (!strcmp(m->uuid, uuid))
			return m;
	}
	return NULL;
}

static struct mdev *mdev_add(struct sim *sim, struct device *dev, unsigned type,
			     const char *uuid)
{
	struct mdev *m = xcalloc(1, sizeof(*m));

	object_add(sim, &m->obj, OBJECT_MDEV);
	put(m->uuid, sizeof(m->uuid), "%s", uuid);
	m->parent = dev;
	m->type = type;
	m->sibling = dev->mdevs;
	dev->mdevs = m;
	htab_add(&sim->by_uuid, &m->by_uuid, uuid_key(uuid));
	sim->n_mdevs++;
	sim->n_blockers++; /* as long as it is being created */
	return m;
}

void mdev_del(struct sim *sim, struct mdev *mdev)
{
	struct mdev **p = &mdev->parent->mdevs;

	while (*p != mdev)
		p = &(*p)->sibling;
	*p = mdev->sibling;
	if (mdev->busy)
		mdev_idle(sim, mdev);
	claim_give(mdev->parent->gpu, &mdev->claim);
	if ((mdev->state == MDEV_CREATING || mdev->state == MDEV_STUCK) &&
	    sim->n_blockers)
		sim->n_blockers--;
	htab_del(&sim->by_uuid, &mdev->by_uuid);
	sim->n_mdevs--;
	object_del(sim, &mdev->obj);
	sim_changed(sim);
}

void mdev_busy(struct sim *sim, struct mdev *mdev, const char *vm)
{
	if (mdev->busy)
		mdev_idle(sim, mdev);
	mdev->busy = true;
	sim->n_blockers++;
	put(mdev->vm_name, sizeof(mdev->vm_name), "%s", vm);
	mdev->pid = disk_process(sim, vm, mdev->uuid, mdev->obj.group);
}

void mdev_idle(struct sim *sim, struct mdev *mdev)
{
	if (!mdev->busy)
		return;
	mdev->busy = false;
	if (sim->n_blockers)
		sim->n_blockers--;
	mdev->vm_name[0] = '\0';
	disk_process_end(sim, mdev->pid);
	mdev->pid = 0;
	sim_changed(sim);
}

/* --- create --- */

bool lane_enter(struct sim *sim, struct gpu *gpu)
{
	uint64_t epoch = sim->epoch;

	while (gpu->lane_busy) {
		pthread_cond_wait(&gpu->lane, &sim->lock);
		if (epoch != sim->epoch || sim->stopping)
			return false;
	}
	gpu->lane_busy = true;
	return true;
}

void lane_leave(struct gpu *gpu)
{
	gpu->lane_busy = false;
	pthread_cond_signal(&gpu->lane);
}

/* The driver's answer. Fails with -EIO after a reboot, when MDEV is gone. */
static int driver_creates(struct sim *sim, struct mdev *mdev, const struct plan *plan)
{
	struct gpu *gpu = mdev->parent->gpu;
	bool lane = sim->latency_ms;
	int r = 0;

	if (lane && !lane_enter(sim, gpu))
		return -EIO;
	if (mdev->obj.dead)
		r = -ENODEV;
	else if (plan->errnum && !plan->after)
		r = -plan->errnum;
	else if (!type_room(mdev->parent, mdev->type))
		r = -gpu_full_errno(sim, gpu);
	if (!r) {
		claim_take(gpu, &mdev->claim, mdev->type);
		if (lane && !sim_sleep(sim, sim->latency_ms))
			return -EIO;
	}
	if (lane)
		lane_leave(gpu);
	if (!sim_sleep(sim, plan->delay_ms))
		return -EIO;
	if (!r && mdev->obj.dead)
		r = -ENODEV;
	return r;
}

static int create(struct sim *sim, struct device *dev, unsigned type, const char *text,
		  size_t len)
{
	struct plan plan = plan_next(sim, OP_CREATE);
	uint64_t epoch = sim->epoch;
	char uuid[UUID_SIZE];
	struct mdev *m;
	int r;

	if ((len != 36 && (len != 37 || text[36] != '\n')) || !uuid_parse(text, uuid))
		return -EINVAL;
	if (dev->unregistering || dev->obj.dead)
		return -ENODEV;
	if (mdev_find(sim, uuid))
		return -EEXIST;
	m = mdev_add(sim, dev, type, uuid);
	r = driver_creates(sim, m, &plan);
	if (epoch != sim->epoch || sim->stopping)
		return -EIO;
	if (r < 0) {
		if (!m->obj.dead)
			mdev_del(sim, m);
		return r;
	}
	m->state = MDEV_LIVE;
	sim->n_blockers--;
	group_alloc(sim, &m->obj);
	sim_changed(sim);
	return -plan.errnum;
}

static void count_max(struct sim *sim, enum counter c, uint64_t value)
{
	if (sim->counters[c] < value)
		sim->counters[c] = value;
}

void create_begins(struct sim *sim, struct gpu *gpu)
{
	sim->counters[COUNT_CREATE]++;
	count_max(sim, COUNT_MAX_PARALLEL_CREATE, ++sim->n_creating);
	count_max(sim, COUNT_MAX_PARALLEL_PER_GPU, ++gpu->n_creating);
}

int create_ends(struct sim *sim, struct gpu *gpu, int r)
{
	sim->n_creating--;
	gpu->n_creating--;
	if (r < 0)
		sim->counters[COUNT_CREATE_FAILED]++;
	return r;
}

int mdev_create(struct sim *sim, struct device *dev, unsigned type, const char *text,
		size_t len)
{
	struct gpu *gpu = dev->gpu;

	create_begins(sim, gpu);
	return create_ends(sim, gpu, create(sim, dev, type, text, len));
}

/* --- remove --- */

/* Waits until nobody has MDEV open. False when it is gone already. */
static bool wait_idle(struct sim *sim, struct mdev *mdev)
{
	while (mdev->busy || mdev->state == MDEV_STUCK) {
		if (!sim_wait(sim) || mdev->obj.dead)
			return false;
	}
	return true;
}

static int remove_live(struct sim *sim, struct mdev *mdev)
{
	struct plan plan = plan_next(sim, OP_REMOVE);

	if (mdev->obj.dead)
		return -ENODEV;
	if (plan.errnum && !plan.after)
		return -plan.errnum;
	if (mdev->state == MDEV_CREATING) {
		mdev->remove_gone = true;
		return -EAGAIN;
	}
	mdev->state = MDEV_REMOVING;
	if (!wait_idle(sim, mdev))
		return mdev->obj.dead ? 0 : -EIO;
	if (!sim_sleep(sim, plan.delay_ms))
		return -EIO;
	if (!mdev->obj.dead)
		mdev_del(sim, mdev);
	return -plan.errnum;
}

int mdev_remove(struct sim *sim, struct mdev *mdev, const char *text)
{
	uint64_t n;

	if (!number_parse(text, 0, &n))
		return -EINVAL;
	sim->counters[COUNT_REMOVE]++;
	return n ? remove_live(sim, mdev) : 0;
}
