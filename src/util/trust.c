/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/text.h"

int trust_stat(const struct stat *st, const char *what, struct error *err)
{
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		(void)error_set(err, ERROR_PERMISSION, 0,
				"%s belongs to uid %u, neither root nor the caller", what,
				(unsigned)st->st_uid);
		return -EPERM;
	}
	if (!S_ISLNK(st->st_mode) && st->st_mode & (S_IWGRP | S_IWOTH)) {
		(void)error_set(err, ERROR_PERMISSION, 0,
				"%s is writable by others than its owner (mode %04o)",
				what, (unsigned)(st->st_mode & 07777));
		error_hint(err, "chmod go-w %s", what);
		return -EPERM;
	}
	return 0;
}

int trust_path(int root_fd, const char *path, struct stat *ret, struct error *err)
{
	_cleanup_(closep) int fd = dup(root_fd);
	char walked[PATH_MAX] = "", part[NAME_MAX + 1];
	struct stat st;
	size_t len;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "look at the root directory");
	if (trust_stat(&st, "the root directory", err) < 0)
		return -EPERM;
	for (path += strspn(path, "/"); *path; path += len + strspn(path + len, "/")) {
		int next;

		len = strcspn(path, "/");
		if (len > NAME_MAX || strlen(walked) + len + 2 > sizeof(walked))
			return error_set(err, ERROR_SYSTEM, ENAMETOOLONG, "%s", path);
		memcpy(part, path, len);
		part[len] = '\0';
		strcat(strcat(walked, "/"), part);
		next = openat(fd, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0 || fstat(next, &st) < 0) {
			int errnum = errno;

			close_fd(next);
			return error_set(err, ERROR_SYSTEM, errnum, "open %s", walked);
		}
		close_fd(fd);
		fd = next;
		if (S_ISLNK(st.st_mode))
			return error_set(err, ERROR_PERMISSION, ELOOP,
					 "%s is a symbolic link, which is not followed",
					 walked);
		/* In a sticky directory others cannot rename what is not theirs. */
		if (S_ISDIR(st.st_mode) && st.st_mode & S_ISVTX && !st.st_uid &&
		    path[len + strspn(path + len, "/")])
			continue;
		if (trust_stat(&st, walked, err) < 0)
			return -EPERM;
	}
	*ret = st;
	return 0;
}
