/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/ready.h"

#include <stdio.h>
#include <string.h>

/* NVIDIA's sriov-manage binds the GPU to it for a moment. */
#define PASSING_DRIVER "pci-pf-stub"

/* Is it to be a parent itself? */
static bool is_without_vfs(const struct gpu *gpu)
{
	return gpu->total_is_known && !gpu->total_vfs;
}

enum ready_step ready_step(const struct host *host, const struct bdf *bdf, bool busy)
{
	const struct gpu *gpu = host_find_gpu(host, bdf);

	if (!gpu)
		return READY_DRIVER;
	if (gpu->excluded)
		return READY_DONE;
	if (!gpu->driver[0] || !strcmp(gpu->driver, PASSING_DRIVER))
		return READY_DRIVER;
	if (strcmp(gpu->driver, "nvidia") || gpu->is_parent)
		return READY_DONE;
	if (!gpu->n_parents && is_without_vfs(gpu))
		return READY_TYPES;
	if (!gpu->n_parents) /* with an override, it is left alone */
		return gpu->driver_override[0] ? READY_DONE : READY_VFS;
	return busy || gpu_ready_vfs(host, gpu) < gpu_vfs(gpu) ? READY_TYPES : READY_DONE;
}

struct ready ready_start(const struct host *host, const struct bdf *bdf, bool busy,
			 int64_t now)
{
	struct ready ready = { .gpu = *bdf };

	ready_look(&ready, host, busy, false, now);
	ready.since = now;
	return ready;
}

void ready_look(struct ready *ready, const struct host *host, bool busy, bool halted,
		int64_t now)
{
	const struct gpu *gpu = host_find_gpu(host, &ready->gpu);
	struct ready is = { .gpu = ready->gpu,
			    .step = ready_step(host, &ready->gpu, busy),
			    .busy = busy,
			    .n_vfs = gpu ? gpu_vfs(gpu) : 0,
			    .n_types = gpu ? gpu_ready_vfs(host, gpu) : 0,
			    .since = now };
	bool further = is.step > ready->step ||
		       (is.step == ready->step &&
			(is.n_vfs > ready->n_vfs || is.n_types > ready->n_types));

	if (!further && !halted)
		is.since = ready->since;
	*ready = is;
}

bool ready_is_awaited(const struct ready *ready, const int64_t limits_ms[READY_STEPS],
		      int64_t now)
{
	return ready->step != READY_DONE && now - ready->since < limits_ms[ready->step];
}

const char *ready_stand(const struct ready *ready, char buf[READY_STAND_SIZE])
{
	(void)snprintf(buf, READY_STAND_SIZE, "%d %zu %zu", (int)ready->step,
		       ready->n_vfs, ready->n_types);
	return buf;
}

const char *ready_words(const struct ready *ready)
{
	static const char *const words[] = {
		[READY_DRIVER] = "its driver",
		[READY_VFS] = "its virtual functions",
		[READY_TYPES] = "its vGPU types",
		[READY_DONE] = "nothing",
	};

	return ready->busy ? "the end of the switching of its virtual functions"
			   : words[ready->step];
}
