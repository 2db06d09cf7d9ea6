/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run/sriov_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/scan.h"
#include "sysfs/pci.h"
#include "sysfs/sysfs.h"
#include "util/cleanup.h"
#include "util/text.h"

#define RUN_DIR "run/vgpumgr"
#define MARK "sriov"
#define GIVEN_UP "given-up"
#define MARK_SIZE 128
#define FINISHED " finished"
#define VGPU_MGR "nvidia-vgpu-mgr"

static const char *make_mark(int root_fd, char ret[MARK_SIZE])
{
	char boot_id[64];

	scan_boot_id(root_fd, boot_id, sizeof(boot_id));
	(void)snprintf(ret, MARK_SIZE, "%s %llu", boot_id,
		       (unsigned long long)pci_driver_load(root_fd, "nvidia"));
	return ret;
}

/* False where the GPU was not switched yet. What is behind the first line is of an older
 * mark. */
static bool read_mark(int root_fd, const struct bdf *gpu, char ret[MARK_SIZE])
{
	char path[64], boot_id[64], name[BDF_SIZE];

	(void)snprintf(path, sizeof(path), RUN_DIR "/" MARK "-%s", bdf_format(gpu, name));
	if (sysfs_read(root_fd, path, ret, MARK_SIZE, NULL) < 0)
		return false;
	ret[strcspn(ret, "\n")] = '\0';
	scan_boot_id(root_fd, boot_id, sizeof(boot_id));
	return !strncmp(ret, boot_id, strlen(boot_id)); /* where /run outlives a boot */
}

static bool is_of_this_load(int root_fd, const char *mark)
{
	char is[MARK_SIZE];
	size_t length = strlen(make_mark(root_fd, is));

	return !strncmp(mark, is, length) && (!mark[length] || mark[length] == ' ');
}

/* Whoever cannot write it does without. It is at no moment empty, since what it said may
 * still hold for who is killed at that moment. */
static void write_file(int root_fd, const char *what, const struct bdf *gpu,
		       const char *more)
{
	char path[64], name[BDF_SIZE], mark[MARK_SIZE], text[2 * MARK_SIZE];
	_cleanup_(closep) int fd = -1;
	ssize_t n;

	(void)mkdirat(root_fd, "run", 0755);
	(void)mkdirat(root_fd, RUN_DIR, 0755);
	(void)snprintf(path, sizeof(path), RUN_DIR "/%s-%s", what, bdf_format(gpu, name));
	(void)snprintf(text, sizeof(text), "%s%s\n", make_mark(root_fd, mark), more);
	fd = openat(root_fd, path,
		    O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
	n = fd < 0 ? -1 : write(fd, text, strlen(text));
	if (fd >= 0 && (n != (ssize_t)strlen(text) || ftruncate(fd, n) < 0))
		(void)unlinkat(root_fd, path, 0);
}

void sriov_mark(int root_fd, const struct bdf *gpu, bool end)
{
	write_file(root_fd, MARK, gpu, end ? FINISHED : "");
}

void sriov_mark_on(int root_fd, const struct bdf *gpu)
{
	char was[MARK_SIZE];

	if (!read_mark(root_fd, gpu, was) || !is_of_this_load(root_fd, was))
		sriov_mark(root_fd, gpu, true);
}

void sriov_give_up(int root_fd, const struct bdf *gpu, const char *stands)
{
	char more[MARK_SIZE];

	(void)snprintf(more, sizeof(more), " %s", stands);
	write_file(root_fd, GIVEN_UP, gpu, more);
}

bool sriov_is_given_up(int root_fd, const struct bdf *gpu, const char *stands)
{
	char path[64], name[BDF_SIZE], mark[MARK_SIZE], was[2 * MARK_SIZE],
		wanted[2 * MARK_SIZE];

	(void)snprintf(path, sizeof(path), RUN_DIR "/" GIVEN_UP "-%s",
		       bdf_format(gpu, name));
	(void)snprintf(wanted, sizeof(wanted), "%s %s", make_mark(root_fd, mark), stands);
	if (sysfs_read(root_fd, path, was, sizeof(was), NULL) < 0)
		return false;
	was[strcspn(was, "\n")] = '\0';
	return !strcmp(was, wanted);
}

bool sriov_has_begun(int root_fd, const struct bdf *gpu)
{
	char was[MARK_SIZE];

	return read_mark(root_fd, gpu, was) && !strstr(was, FINISHED);
}

bool sriov_was_cut_short(int root_fd, const struct bdf *gpu)
{
	char was[MARK_SIZE];

	return read_mark(root_fd, gpu, was) && is_of_this_load(root_fd, was) &&
	       !strstr(was, FINISHED);
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

int sriov_may_restore(int root_fd, uint32_t *ret_tries, const struct bdf *gpu,
		      struct error *err)
{
	char was[MARK_SIZE], name[BDF_SIZE];

	*ret_tries = SRIOV_TRIES;
	if (!read_mark(root_fd, gpu, was))
		return 0; /* the first time since the host was booted */
	*ret_tries = 1;
	if (is_of_this_load(root_fd, was)) {
		(void)error_set(err, ERROR_DRIFT, 0,
				"its virtual functions are off, and were switched "
				"already since its driver was loaded");
		error_hint(err, "vgpumgr sriov enable %s", bdf_format(gpu, name));
		return -EALREADY;
	}
	if (process_is_running(root_fd, VGPU_MGR))
		return 0;
	(void)error_set(err, ERROR_DRIFT, 0,
			"its virtual functions are off, and " VGPU_MGR " is not running");
	error_hint(err, "systemctl start " VGPU_MGR);
	return -ESRCH;
}
