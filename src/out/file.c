/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "out/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"

static int write_all(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		left -= (size_t)n;
	}
	return 0;
}

/* Always a file of its own making: what a killed writer left goes, and so does whatever
 * somebody else has put in its way. */
static int write_temporary(int dir_fd, const char *temporary, mode_t mode,
			   const char *text, bool sync)
{
	_cleanup_(closep) int fd = -1;
	int r;

	if (unlinkat(dir_fd, temporary, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	r = write_all(fd, text);
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (r == 0 && sync && fsync(fd) < 0)
		r = -errno;
	return r;
}

int file_replace(int dir_fd, const char *name, const char *suffix, mode_t mode,
		 const char *text, struct error *err)
{
	char temporary[128];
	int r;

	(void)snprintf(temporary, sizeof(temporary), ".%.64s.%.32s", name, suffix);
	r = write_temporary(dir_fd, temporary, mode, text, false);
	if (r == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	(void)unlinkat(dir_fd, temporary, 0);
	return error_set(err, ERROR_SYSTEM, -r, "write %s", name);
}

/* The directory PATH is in, open for syncing; RET_NAME borrows from PATH. */
static int open_dir_of(const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	_cleanup_(freep) char *dir =
		slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path))
		      : strdup(".");
	int fd;

	if (!dir)
		return -ENOMEM;
	*ret_name = slash ? slash + 1 : path;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int file_write_new(const char *path, const char *text, bool overwrite, struct error *err)
{
	_cleanup_(closep) int dir_fd = -1;
	const char *name = path;
	char temporary[NAME_MAX + 1];
	int r;

	dir_fd = open_dir_of(path, &name);
	if (dir_fd < 0)
		return error_set(err, ERROR_SYSTEM, -dir_fd, "write %s", path);
	if (!*name)
		return error_set(err, ERROR_USAGE, EISDIR, "write %s", path);
	(void)snprintf(temporary, sizeof(temporary), ".%.200s.%d", name, (int)getpid());
	r = write_temporary(dir_fd, temporary, 0600, text, true);
	/* A link, unlike a rename, never replaces. */
	if (r == 0 && (overwrite ? renameat(dir_fd, temporary, dir_fd, name)
				 : linkat(dir_fd, temporary, dir_fd, name, 0)) < 0)
		r = -errno;
	if (r < 0 || !overwrite)
		(void)unlinkat(dir_fd, temporary, 0);
	if (r == 0 && fsync(dir_fd) < 0)
		r = -errno;
	if (r == -EEXIST) {
		(void)error_set(err, ERROR_CONFLICT, EEXIST, "write %s", path);
		error_hint(err, "choose another name, or --force to replace it");
		return r;
	}
	return r < 0 ? error_set(err, ERROR_SYSTEM, -r, "write %s", path) : 0;
}
