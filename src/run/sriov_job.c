/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run/sriov_job.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/holders.h"
#include "host/scan.h"
#include "run/pf_stub.h"
#include "run/program.h"
#include "run/sriov_mark.h"
#include "sysfs/pci.h"
#include "sysfs/sriov.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock.h"
#include "util/text.h"

#define LOOK_MS 100
#define PAUSE_MS 1000 /* between two tries */
#define GPU_LOCK_MS                                                                      \
	5000 /* who makes a vGPU on a GPU that has VFs need not be waited for */

DEFINE_CLEANUP(struct host *, host_free)

static int look(int root_fd, const struct sriov_job *job, struct host **ret,
		struct gpu **ret_gpu, struct error *err)
{
	struct scan_options options = { .what = 0 };
	int r = scan_gpu(root_fd, &job->gpu, &options, ret, err);

	if (r < 0)
		return r;
	*ret_gpu = host_find_gpu(*ret, &job->gpu);
	if (!*ret_gpu)
		return error_set(err, ERROR_NOT_FOUND, ENODEV, "it is gone");
	return 0;
}

int sriov_refuse_held(int root_fd, const struct host *host, const struct gpu *gpu,
		      struct error *err)
{
	_cleanup_(freep) struct held_device *vfs = calloc(gpu_vfs(gpu) + 1, sizeof(*vfs));
	_cleanup_(freep) struct holder *holders =
		calloc(gpu_vfs(gpu) + 1, sizeof(*holders));
	char vf[BDF_SIZE], who[512];
	size_t i;
	int r;

	if (!vfs || !holders)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "look for users of VFs");
	for (i = 0; i < gpu_vfs(gpu); i++)
		vfs[i].bdf = host->parents[gpu->first_parent + i].bdf;
	r = gpu_vfs(gpu) ? holders_find(root_fd, vfs, gpu_vfs(gpu), holders, err) : 0;
	for (i = 0; i < gpu_vfs(gpu) && r == 0; i++)
		if (holders[i].in_use)
			r = error_set(err, ERROR_IN_USE, EBUSY, "its VF %s is held by %s",
				      bdf_format(&vfs[i].bdf, vf),
				      holder_describe(&holders[i], who, sizeof(who)));
	return r;
}

/* Somebody wants another driver on it. */
static int refuse_override(int root_fd, struct gpu *gpu, struct error *err)
{
	_cleanup_(closep) int devices_fd = sysfs_walk(root_fd, PCI_DEVICES, err);
	char text[4 * DRIVER_NAME_SIZE];
	int r = devices_fd < 0 ? devices_fd : pci_read_override(devices_fd, gpu, err);

	if (r < 0 || !gpu->driver_override[0])
		return r;
	return error_set(err, ERROR_CONFLICT, EPERM, "it has driver_override %s",
			 text_escape(text, sizeof(text), gpu->driver_override));
}

/* Switching unbinds the PF: whatever lives on it would die, so nothing may. */
static int refuse_busy(int root_fd, const struct host *host, struct gpu *gpu,
		       struct error *err)
{
	size_t i;
	int r;

	for (i = 0; i < host->n_live; i++)
		if (host->live[i].gpu == gpu - host->gpus)
			return error_set(err, ERROR_CONFLICT, EBUSY,
					 "it has a vGPU on it (%s on %s)",
					 host->live[i].uuid[0] ? host->live[i].uuid
							       : "without UUID",
					 host->live[i].parent_name);
	r = refuse_override(root_fd, gpu, err);
	return r == 0 ? sriov_refuse_held(root_fd, host, gpu, err) : r;
}

/* Whatever the program said: are the VFs there, or gone? */
static int judge(int root_fd, const struct sriov_job *job, struct error *err)
{
	_cleanup_(host_freep) struct host *host = NULL;
	struct gpu *gpu;
	int r = look(root_fd, job, &host, &gpu, err);

	if (r < 0 || gpu_vfs(gpu) == job->n_vfs)
		return r;
	return error_set(err, ERROR_SYSTEM, EIO, "it has %zu VFs, not %u", gpu_vfs(gpu),
			 job->n_vfs);
}

static int run_program(int root_fd, const struct sriov_tool *tool,
		       const struct sriov_job *job, int lock_fd, int64_t deadline,
		       struct error *err)
{
	char path[2 * PATH_MAX], name[BDF_SIZE], shown[600];
	char dash_e[] = "-e", dash_d[] = "-d";
	_cleanup_(names_free) struct names unbound = { NULL, 0 };
	struct program_result result;
	struct error ignored;
	char *argv[] = { path, job->n_vfs ? dash_e : dash_d, name, NULL };
	int r = program_trust(root_fd, tool->program, err);

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/%s",
		       strcmp(tool->root, "/") ? tool->root : "",
		       tool->program + strspn(tool->program, "/"));
	(void)bdf_format(&job->gpu, name);
	r = pf_stub_list_unbound(root_fd, &job->gpu, &unbound, err);
	if (r == 0)
		r = program_run(path, argv, lock_fd, deadline, &result, err);
	if (r < 0)
		return r;
	pf_stub_release(root_fd, &unbound);
	if (result.status ||
	    judge(root_fd, job, &ignored) < 0) /* it ended in the midst */
		pf_stub_take_id(root_fd, &job->gpu, lock_fd);
	(void)pf_stub_rebind(root_fd, &job->gpu); /* who counts on it looks again */
	if (!result.status)
		return 0;
	return error_set(err, ERROR_SYSTEM, EIO,
			 "%s %s %s ended with status %d and said '%s'", path, argv[1],
			 name, result.status,
			 text_escape(shown, sizeof(shown), result.output));
}

static int write_numvfs(int root_fd, const struct sriov_tool *tool,
			const struct sriov_job *job, struct error *err)
{
	char path[64], name[BDF_SIZE];
	int r;

	(void)snprintf(path, sizeof(path), PCI_DEVICES "/%s",
		       bdf_format(&job->gpu, name));

	_cleanup_(closep) int fd = sysfs_walk_inside(root_fd, path, err);

	if (fd < 0)
		return fd;
	r = sriov_set(fd, job->n_vfs, err);
	if (r == -ENOENT)
		error_hint(err,
			   "NVIDIA's driver wants its sriov-manage, which is not at %s",
			   tool->program);
	return r;
}

/* One attempt: the program if the host has it, else the kernel's own file; then a look.
 */
static int attempt(int root_fd, const struct sriov_tool *tool,
		   const struct sriov_job *job, int lock_fd, int64_t deadline,
		   struct error *err)
{
	struct error looked;
	int r, seen;

	if (sysfs_exists(root_fd, tool->program + strspn(tool->program, "/")))
		r = run_program(root_fd, tool, job, lock_fd, deadline, err);
	else
		r = write_numvfs(root_fd, tool, job, err);
	if (r == -ETIMEDOUT)
		return r;
	seen = judge(root_fd, job, &looked);
	if (seen == 0)
		return 0;
	if (r < 0) {
		(void)error_context(err, "%s", looked.message);
		return r;
	}
	*err = looked;
	return seen;
}

/* As often as it takes, TRIES times at most. */
static int try_often(int root_fd, const struct sriov_tool *tool,
		     const struct sriov_job *job, uint32_t tries, int lock_fd,
		     int64_t deadline, struct error *err)
{
	uint32_t try;

	for (try = 1;; try++) {
		int r = attempt(root_fd, tool, job, lock_fd, deadline, err);

		if (r == 0 || r == -ETIMEDOUT || err->kind == ERROR_PERMISSION ||
		    try >= tries || clock_monotonic_ms() + PAUSE_MS >= deadline)
			return r;
		clock_sleep_ms(PAUSE_MS);
	}
}

static int switch_vfs(int root_fd, const struct sriov_tool *tool,
		      const struct sriov_job *job, int lock_fd, int64_t deadline,
		      struct error *err)
{
	_cleanup_(host_freep) struct host *host = NULL;
	uint32_t tries = SRIOV_TRIES;
	struct gpu *gpu;
	int r = look(root_fd, job, &host, &gpu, err);

	if (r < 0 || gpu_vfs(gpu) == job->n_vfs)
		return r; /* somebody else has switched them meanwhile */
	r = refuse_busy(root_fd, host, gpu, err);
	if (r == 0 && job->restore)
		r = sriov_may_restore(root_fd, &tries, &job->gpu, err);
	if (r < 0)
		return r;
	/* That of another GPU of its model may have been cut short. */
	pf_stub_take_id(root_fd, &job->gpu, lock_fd);
	sriov_mark(root_fd, &job->gpu, false);
	r = try_often(root_fd, tool, job, tries, lock_fd, deadline, err);
	/* Else it is still at work; and a GPU that this leaves without a driver is ours
	 * to bind until it has one. */
	if (r != -ETIMEDOUT)
		sriov_mark(root_fd, &job->gpu, pf_stub_rebind(root_fd, &job->gpu));
	return r;
}

static bool is_done(int root_fd, const struct sriov_job *job)
{
	_cleanup_(host_freep) struct host *host = NULL;
	struct error ignored;
	struct gpu *gpu;

	return !job->bind_only && look(root_fd, job, &host, &gpu, &ignored) == 0 &&
	       gpu_vfs(gpu) == job->n_vfs;
}

/* Takes the byte of the GPU, for as long as somebody is switching in turn: but one that
 * is held while nobody is belongs to a sriov-manage that does not end, or to vGPUs that
 * are being made. 1: there is nothing left to do. */
static int take_gpu(int root_fd, const struct sriov_job *job, int lock_fd,
		    int64_t deadline, struct error *err)
{
	int64_t byte = LOCK_GPUS + (int64_t)bdf_number(&job->gpu);
	int64_t now = clock_monotonic_ms(), give_up = now + GPU_LOCK_MS;
	int r;

	while ((r = lock_take(lock_fd, byte, now, err)) == -ETIMEDOUT) {
		if (is_done(root_fd, job))
			return 1;
		now = clock_monotonic_ms();
		if (lock_is_held(lock_fd, LOCK_SRIOV))
			give_up = now + GPU_LOCK_MS;
		if (now >= give_up || now >= deadline)
			return error_set(err, ERROR_TIMEOUT, ETIMEDOUT,
					 "a vGPU is being made on it, or a sriov-manage "
					 "that was started for it has not ended");
		clock_sleep_ms(LOOK_MS);
	}
	return r;
}

/* The GPU before the host: who has to wait for the GPU keeps nobody else waiting. */
static int take_locks(int root_fd, const struct sriov_job *job, int lock_fd,
		      int64_t deadline, struct error *err)
{
	int r = take_gpu(root_fd, job, lock_fd, deadline, err);

	if (r)
		return r;
	r = lock_take(lock_fd, LOCK_SRIOV, deadline, err);
	return r < 0 ? error_context(err, "wait for another run of sriov-manage") : 0;
}

/* What a run that was cut short has left is mended first: this one holds the locks, so
 * that one is at work no more. */
static int mend(int root_fd, const struct sriov_job *job, int lock_fd, struct error *err)
{
	_cleanup_(host_freep) struct host *host = NULL;
	struct gpu *gpu;
	bool bound;
	int r;

	if (!sriov_was_cut_short(root_fd, &job->gpu))
		return 0;
	r = look(root_fd, job, &host, &gpu, err);
	if (r == 0 && strcmp(gpu->driver, "nvidia"))
		r = refuse_override(root_fd, gpu, err);
	if (r < 0)
		return r;
	pf_stub_take_id(root_fd, &job->gpu, lock_fd);
	bound = pf_stub_rebind(root_fd, &job->gpu);
	sriov_mark(root_fd, &job->gpu, bound);
	if (bound || job->bind_only) /* who counts on it looks again */
		return 0;
	return error_set(err, ERROR_SYSTEM, ENODEV,
			 "sriov-manage was cut short and has left it without a driver, "
			 "and nvidia does not take it back");
}

int sriov_job_run(int root_fd, const struct sriov_tool *tool, const struct sriov_job *job,
		  int lock_fd, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + (int64_t)job->timeout_s * 1000;
	char name[BDF_SIZE];
	int r = take_locks(root_fd, job, lock_fd, deadline, err);

	if (r == 0) {
		r = mend(root_fd, job, lock_fd, err);
		if (r == 0 && !job->bind_only)
			r = switch_vfs(root_fd, tool, job, lock_fd, deadline, err);
		/* Also where the program still has the description: other GPUs must not
		 * wait for one that hangs. */
		lock_release(lock_fd, LOCK_SRIOV);
	}
	if (r < 0)
		(void)error_context(err, "GPU %s", bdf_format(&job->gpu, name));
	return r < 0 ? r : 0;
}
