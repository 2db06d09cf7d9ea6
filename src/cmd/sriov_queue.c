/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/sriov.h"
#include "util/cleanup.h"
#include "util/lock.h"

#define RUN_DIR "run/vgpumgr"

/* The program has this long to notice its own deadline before its child is given up. */
#define GRACE_S 10

#define SRIOV_LANE UINT64_MAX /* no GPU has this address */

int host_open_lock(struct context *ctx, struct error *err)
{
	_cleanup_(closep) int dir_fd = -1;
	struct error inner;
	int fd = store_open_lock(&ctx->place, &inner);

	if (fd >= 0)
		return fd;
	(void)mkdirat(ctx->root_fd, "run", 0755);
	(void)mkdirat(ctx->root_fd, RUN_DIR, 0755);
	dir_fd = openat(ctx->root_fd, RUN_DIR,
			O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	fd = dir_fd < 0 ? -1 : lock_open(dir_fd, "lock", NULL);
	if (fd < 0 && err)
		*err = inner;
	return fd < 0 ? -EIO : fd;
}

int sriov_queue(struct context *ctx, struct jobs *jobs,
		const struct sriov_request *request, uint64_t tag, int *ret_lock_fd,
		struct error *err)
{
	struct job job;
	int r, fd = host_open_lock(ctx, err);

	if (fd < 0)
		return fd;
	memset(&job, 0, sizeof(job));
	job.kind = JOB_SRIOV;
	r = jobs_lane(jobs, SRIOV_LANE, &job.lane, err);
	job.tag = tag;
	job.timeout_s = context_sriov_timeout(ctx) + GRACE_S;
	job.sriov.gpu = request->gpu;
	job.sriov.n_vfs = request->n_vfs;
	job.sriov.timeout_s = context_sriov_timeout(ctx);
	job.sriov.bind_only = request->bind_only;
	job.sriov.restore = request->restore;
	if (r == 0)
		r = jobs_add(jobs, &job, fd, err);
	if (r < 0)
		close_fd(fd);
	else
		*ret_lock_fd = fd;
	return r;
}
