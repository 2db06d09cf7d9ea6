/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/sriov.h"
#include "out/publish.h"
#include "sysfs/sysfs.h"
#include "util/cleanup.h"
#include "util/lock.h"
#include "util/text.h"

#define RUN_DIR "run/vgpumgr"

/* The program has this long to notice its own deadline before its child is given up. */
#define GRACE_S 10

#define SRIOV_LANE UINT64_MAX /* no GPU has this address */

#define MARK "sriov-%s" /* in RUN_DIR, by the GPU's address */
#define MARK_SIZE 128
#define FINISHED " finished"
#define DRIVER_DIR "sys/bus/pci/drivers/nvidia"
#define VGPU_MGR "nvidia-vgpu-mgr"

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

/* What tells one load of the driver from another: its directory is a new one each time,
 * in sysfs with a number that is not used again in one boot. */
static const char *make_mark(struct context *ctx, char ret[MARK_SIZE])
{
	char boot_id[64];
	struct stat st = { .st_ino = 0 };

	scan_boot_id(ctx->root_fd, boot_id, sizeof(boot_id));
	(void)fstatat(ctx->root_fd, DRIVER_DIR, &st, 0);
	(void)snprintf(ret, MARK_SIZE, "%s %llu", boot_id, (unsigned long long)st.st_ino);
	return ret;
}

/* False where the GPU was not switched yet. */
static bool read_mark(struct context *ctx, const char *gpu, char ret[MARK_SIZE])
{
	char path[64], boot_id[64];

	(void)snprintf(path, sizeof(path), RUN_DIR "/" MARK, gpu);
	if (sysfs_read(ctx->root_fd, path, ret, MARK_SIZE, NULL) < 0)
		return false;
	scan_boot_id(ctx->root_fd, boot_id, sizeof(boot_id));
	return !strncmp(ret, boot_id, strlen(boot_id)); /* where /run outlives a boot */
}

static bool is_of_this_load(struct context *ctx, const char *mark)
{
	char is[MARK_SIZE];
	size_t length = strlen(make_mark(ctx, is));

	return !strncmp(mark, is, length) && (!mark[length] || mark[length] == ' ');
}

/* Without it, it may be tried once too often, which is not worth failing for. */
static void write_mark(struct context *ctx, const struct bdf *gpu, const char *end)
{
	char file[64], name[BDF_SIZE], mark[MARK_SIZE], text[MARK_SIZE + 16];
	struct error err;

	(void)snprintf(file, sizeof(file), MARK, bdf_format(gpu, name));
	(void)snprintf(text, sizeof(text), "%s%s", make_mark(ctx, mark), end);
	if (publish_run_file(ctx->root_fd, file, text, &err) < 0)
		warning("%s", err.message);
}

/* By the name the kernel gives it, which is cut to 15 bytes. */
static bool process_is_running(int root_fd, const char *wanted)
{
	_cleanup_(names_free) struct names names = { NULL, 0 };
	char path[64], name[32];
	size_t i;
	uint32_t pid;

	if (sysfs_list(root_fd, "proc", &names, NULL) < 0)
		return false;
	for (i = 0; i < names.n; i++) {
		if (!parse_u32(names.names[i], &pid))
			continue;
		(void)snprintf(path, sizeof(path), "proc/%u/comm", pid);
		if (sysfs_read(root_fd, path, name, sizeof(name), NULL) == 0 &&
		    !strncmp(name, wanted, 15))
			return true;
	}
	return false;
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
	job.sriov.tries = request->tries;
	job.sriov.timeout_s = context_sriov_timeout(ctx);
	job.sriov.bind_only = request->bind_only;
	write_mark(ctx, &request->gpu, "");
	if (r == 0)
		r = jobs_add(jobs, &job, fd, err);
	if (r < 0)
		close_fd(fd);
	else
		*ret_lock_fd = fd;
	return r;
}

void sriov_finished(struct context *ctx, const struct bdf *gpu)
{
	write_mark(ctx, gpu, FINISHED);
}

bool sriov_was_cut_short(struct context *ctx, const struct bdf *gpu)
{
	char was[MARK_SIZE], name[BDF_SIZE];

	return read_mark(ctx, bdf_format(gpu, name), was) && is_of_this_load(ctx, was) &&
	       !strstr(was, FINISHED);
}

int sriov_may_restore(struct context *ctx, const struct bdf *gpu, uint32_t *ret_tries,
		      struct error *err)
{
	char was[MARK_SIZE], name[BDF_SIZE];

	*ret_tries = SRIOV_TRIES;
	(void)bdf_format(gpu, name);
	if (!read_mark(ctx, name, was))
		return 0; /* the first time since the host was booted */
	*ret_tries = 1;
	if (is_of_this_load(ctx, was)) {
		(void)error_set(err, ERROR_DRIFT, EALREADY,
				"GPU %s: its virtual functions are off, and were "
				"switched already since its driver was loaded",
				name);
		error_hint(err, "vgpumgr sriov enable %s", name);
		return -EALREADY;
	}
	if (process_is_running(ctx->root_fd, VGPU_MGR))
		return 0;
	(void)error_set(err, ERROR_DRIFT, ESRCH,
			"GPU %s: its virtual functions are off, and " VGPU_MGR
			" is not running",
			name);
	error_hint(err, "systemctl start " VGPU_MGR);
	return -ESRCH;
}
