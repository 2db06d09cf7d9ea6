/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/sriov.h"
#include "cmd/sriov_call.h"
#include "sysfs/pci.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define LOOK_MS 100
#define TELL_MS 2000

bool sriov_needs_switch(const struct sriov *s, const struct gpu *gpu)
{
	if (strcmp(gpu->driver, "nvidia")) /* a run that was cut short has left it so */
		return true;
	if (s->args.verb == VERB_DISABLE)
		return gpu_vfs(gpu) > 0;
	return gpu_vfs(gpu) != gpu->total_vfs ||
	       gpu_ready_vfs(s->view.host, gpu) != gpu_vfs(gpu);
}

int sriov_switch_all(struct context *ctx, struct sriov *s, struct error *err)
{
	bool enable = s->args.verb == VERB_ENABLE;
	struct sriov_request request;
	struct job_result result;
	char name[BDF_SIZE];
	size_t i;
	int r = 0;

	for (i = 0; i < s->n && r == 0; i++) {
		struct target *t = &s->targets[i];

		if (t->skipped || !sriov_needs_switch(s, t->gpu))
			continue;
		request =
			(struct sriov_request){ .gpu = t->gpu->bdf,
						.n_vfs = enable ? t->gpu->total_vfs : 0 };
		r = sriov_queue(ctx, s->jobs, &request, i, &t->lock_fd, err);
	}
	while (r == 0 && (r = jobs_next(s->jobs, -1, &result, err)) > 0) {
		struct target *t = &s->targets[result.tag];

		t->done = true;
		t->r = result.r;
		t->err = result.err;
		close_fd(TAKE_FD(t->lock_fd)); /* the next GPU's turn needs the lock */
		(void)bdf_format(&t->gpu->bdf, name);
		if (result.r == 0)
			note(ctx, "%s: virtual functions %s", name,
			     enable ? "on" : "off");
		else
			error_hint(&t->err, "'vgpumgr sriov status' shows how it stands");
		r = 0;
	}
	return r;
}

/* Host and record as they are now, with the targets pointing into them. */
static int look_again(struct context *ctx, struct sriov *s, struct error *err)
{
	_cleanup_(freep) struct bdf *bdfs = calloc(s->n + 1, sizeof(*bdfs));
	size_t i, kept = 0;
	int r;

	if (!bdfs)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "sriov");
	for (i = 0; i < s->n; i++)
		bdfs[i] = s->targets[i].gpu->bdf;
	view_close(&s->view);
	r = view_open(ctx, SRIOV_LOOK, &s->view, err);
	for (i = 0; i < s->n && r == 0; i++) {
		s->targets[i].gpu = host_find_gpu(s->view.host, &bdfs[i]);
		if (s->targets[i].gpu)
			s->targets[kept++] = s->targets[i];
		else
			close_fd(s->targets[i].lock_fd);
	}
	if (r == 0)
		s->n = kept;
	return r;
}

/* Is one of those that were switched on without types still?  Says which, then. */
static struct target *find_unready(struct sriov *s)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		struct target *t = &s->targets[i];

		if (t->done && t->r == 0 &&
		    gpu_ready_vfs(s->view.host, t->gpu) < gpu_vfs(t->gpu))
			return t;
	}
	return NULL;
}

/* Why a VF shows no types, as far as its driver tells: " (0000:01:00.4 has no driver)".
 */
static const char *driverless(int root_fd, const struct host *host, const struct gpu *gpu,
			      char *buf, size_t size)
{
	_cleanup_(closep) int devices_fd = sysfs_walk(root_fd, PCI_DEVICES, NULL);
	char name[BDF_SIZE], driver[DRIVER_NAME_SIZE];
	size_t i;

	buf[0] = '\0';
	for (i = gpu->first_parent;
	     i < gpu->first_parent + gpu->n_parents && devices_fd >= 0; i++) {
		if (host->parents[i].framework ||
		    pci_driver(devices_fd, bdf_format(&host->parents[i].bdf, name),
			       driver, NULL) < 0 ||
		    driver[0])
			continue;
		(void)snprintf(buf, size, " (%s has no driver)", name);
		break;
	}
	return buf;
}

static void give_up(struct context *ctx, const struct sriov *s, struct target *t)
{
	char name[BDF_SIZE], why[64];

	t->r = error_set(
		&t->err, ERROR_TIMEOUT, ETIMEDOUT,
		"%s has %zu VFs, but %zu of them show no vGPU types%s",
		bdf_format(&t->gpu->bdf, name), gpu_vfs(t->gpu),
		gpu_vfs(t->gpu) - gpu_ready_vfs(s->view.host, t->gpu),
		driverless(ctx->root_fd, s->view.host, t->gpu, why, sizeof(why)));
	error_hint(&t->err, "systemctl status nvidia-vgpud nvidia-vgpu-mgr");
}

int sriov_await_types(struct context *ctx, struct sriov *s, struct error *err)
{
	uint32_t timeout_s = context_sriov_timeout(ctx);
	int64_t began = clock_monotonic_ms();
	bool told = false;
	char name[BDF_SIZE];
	struct target *t;
	int r;

	while ((r = look_again(ctx, s, err)) == 0 && (t = find_unready(s))) {
		int64_t waited = clock_monotonic_ms() - began;

		if (waited >= (int64_t)timeout_s * 1000) {
			give_up(ctx, s, t);
			continue;
		}
		if (!told && waited >= TELL_MS) {
			note(ctx, "%s: waiting for vGPU types, up to %u s",
			     bdf_format(&t->gpu->bdf, name), timeout_s);
			told = true;
		}
		clock_sleep_ms(LOOK_MS);
	}
	return r;
}
