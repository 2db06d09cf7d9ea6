/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plain files next to sys: parts of proc, sriov-manage, nvidia-smi. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "smi.h"

#define PID_FIRST 100001
#define MANAGE "usr/lib/nvidia/sriov-manage"
#define SMI "usr/bin/nvidia-smi"
#define NVIDIA_VERSION "proc/driver/nvidia/version"
#define BOOT_ID "proc/sys/kernel/random/boot_id"

static bool make_parents(int dir_fd, const char *path)
{
	char dir[4096];
	const char *slash;

	for (slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		put(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
		if (mkdirat(dir_fd, dir, 0755) < 0 && errno != EEXIST)
			return false;
	}
	return true;
}

static bool make_file(int dir_fd, const char *path, const char *content, size_t len,
		      mode_t mode)
{
	bool ok;
	int fd;

	if (!make_parents(dir_fd, path))
		return false;
	unlinkat(dir_fd, path, 0); /* what is read-only cannot be written anew */
	fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return false;
	ok = write(fd, content, len) == (ssize_t)len && fchmod(fd, mode) == 0;
	close(fd);
	return ok;
}

static bool make_text(const struct sim *sim, const char *path, const char *text,
		      mode_t mode)
{
	return make_file(sim->dir_fd, path, text, strlen(text), mode);
}

static bool make_version(const struct sim *sim)
{
	char text[256];

	put(text, sizeof(text),
	    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  %s  Wed Apr  9 21:05:14 UTC "
	    "2025\nGCC version:  gcc version 11.4.0 (Ubuntu 11.4.0-1ubuntu1~22.04) \n",
	    sim->version);
	return make_text(sim, NVIDIA_VERSION, text, 0444);
}

void disk_boot(struct sim *sim)
{
	unsigned char r[16];
	char text[64];

	if (sim->dir_fd < 0 || getrandom(r, sizeof(r), 0) != sizeof(r))
		return;
	put(text, sizeof(text),
	    "%02x%02x%02x%02x-%02x%02x-4%01x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x\n",
	    r[0], r[1], r[2], r[3], r[4], r[5], r[6] & 15, r[7], (r[8] & 0x3f) | 0x80,
	    r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
	make_text(sim, BOOT_ID, text, 0444);
	make_version(sim);
}

bool disk_smi(struct sim *sim)
{
	if (sim->has_smi && sim->smi != SMI_MISSING)
		return make_text(sim, SMI, smi_script, 0755);
	return unlinkat(sim->dir_fd, SMI, 0) == 0 || errno == ENOENT;
}

bool disk_start(struct sim *sim)
{
	disk_boot(sim);
	return make_version(sim) && disk_smi(sim) &&
	       make_text(sim, MANAGE, sriov_manage_script, 0755);
}

/* Empties and removes the directory of one pretended process. */
static void remove_process(int dir_fd, pid_t pid)
{
	static const char *const files[] = { "comm", "cmdline", "fd/0",
					     "fd/1", "fd/2",	"fd/31" };
	char path[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		put(path, sizeof(path), "proc/%d/%s", (int)pid, files[i]);
		unlinkat(dir_fd, path, 0);
	}
	put(path, sizeof(path), "proc/%d/fd", (int)pid);
	unlinkat(dir_fd, path, AT_REMOVEDIR);
	put(path, sizeof(path), "proc/%d", (int)pid);
	unlinkat(dir_fd, path, AT_REMOVEDIR);
}

static void remove_processes(int dir_fd)
{
	int fd = openat(dir_fd, "proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	uint64_t pid;

	while (d && (e = readdir(d))) {
		if (number_parse(e->d_name, 10, &pid) && pid >= PID_FIRST &&
		    pid < INT32_MAX)
			remove_process(dir_fd, (pid_t)pid);
	}
	if (d)
		closedir(d);
}

void disk_clean(int dir_fd)
{
	static const char *const files[] = { MANAGE, SMI, NVIDIA_VERSION, BOOT_ID };
	static const char *const dirs[] = {
		"usr/lib/nvidia",
		"usr/lib",
		"usr/bin",
		"usr",
		"proc/driver/nvidia",
		"proc/driver",
		"proc/sys/kernel/random",
		"proc/sys/kernel",
		"proc/sys",
		"proc",
	};
	size_t i;

	remove_processes(dir_fd);
	for (i = 0; i < ARRAY_SIZE(files); i++)
		unlinkat(dir_fd, files[i], 0);
	for (i = 0; i < ARRAY_SIZE(dirs); i++)
		unlinkat(dir_fd, dirs[i], AT_REMOVEDIR);
}

static void make_link(int dir_fd, pid_t pid, int fd, const char *target)
{
	char path[64];

	put(path, sizeof(path), "proc/%d/fd/%d", (int)pid, fd);
	if (symlinkat(target, dir_fd, path) < 0 && errno != EEXIST)
		perror(path);
}

pid_t disk_process(struct sim *sim, const char *vm, const char *device, int group)
{
	pid_t pid = sim->next_pid++;
	char path[64], text[1024];
	int len;

	len = snprintf(
		text, sizeof(text),
		"/usr/bin/qemu-system-x86_64%c-name%cguest=%s,debug-threads=on%c-device%c"
		"{\"driver\":\"vfio-pci\",\"sysfsdev\":\"/sys/bus/%s/devices/%s\"}%c",
		0, 0, vm, 0, 0, strchr(device, '.') ? "pci" : "mdev", device, 0);
	put(path, sizeof(path), "proc/%d/cmdline", (int)pid);
	make_file(sim->dir_fd, path, text, (size_t)len, 0444);
	put(path, sizeof(path), "proc/%d/comm", (int)pid);
	make_file(sim->dir_fd, path, "qemu-system-x86\n", 16, 0644);
	put(path, sizeof(path), "proc/%d/fd/0", (int)pid);
	make_parents(sim->dir_fd, path);
	make_link(sim->dir_fd, pid, 0, "/dev/null");
	make_link(sim->dir_fd, pid, 1, "pipe:[20711]");
	make_link(sim->dir_fd, pid, 2, "pipe:[20711]");
	put(text, sizeof(text), "/dev/vfio/%d", group);
	make_link(sim->dir_fd, pid, 31, text);
	return pid;
}

void disk_process_end(struct sim *sim, pid_t pid)
{
	if (pid)
		remove_process(sim->dir_fd, pid);
}
