/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sysfs/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/text.h"

#define OPEN_TRIES 1000

const char *sysfs_path(int dirfd, const char *name, char *buf, size_t size)
{
	char link[64], dir[PATH_MAX];
	ssize_t len;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
	len = readlink(link, dir, sizeof(dir) - 1);
	if (len < 0 || name[0] == '/') {
		(void)text_copy(buf, size, name);
		return buf;
	}
	dir[len] = '\0';
	if (!strcmp(name, "."))
		(void)text_copy(buf, size, dir);
	else
		(void)snprintf(buf, size, "%s/%s", strcmp(dir, "/") ? dir : "", name);
	return buf;
}

static int fail(struct error *err, int errnum, const char *verb, int dirfd,
		const char *name)
{
	char path[512];

	if (!err)
		return -errnum;
	(void)error_set(err, ERROR_SYSTEM, errnum, "%s %s", verb,
			sysfs_path(dirfd, name, path, sizeof(path)));
	err->no_memory = false; /* of one file, the kernel may say so */
	return -errnum;
}

int sysfs_walk(int dirfd, const char *dir, struct error *err)
{
	int fd = openat(dirfd, dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? fail(err, errno, "open", dirfd, dir) : fd;
}

/* openat(2) that takes DIRFD for the root of all links on the way. The kernel says EAGAIN
 * where something was mounted or renamed meanwhile. */
static int open_inside(int dirfd, const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned)flags, .resolve = RESOLVE_IN_ROOT };
	int fd, tries = OPEN_TRIES;

	do
		fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	while (fd < 0 && (errno == EAGAIN || errno == EINTR) && --tries);
	if (fd < 0 && errno == ENOSYS) /* before Linux 5.6 */
		fd = openat(dirfd, path, flags);
	return fd;
}

int sysfs_walk_inside(int root_fd, const char *dir, struct error *err)
{
	int fd = open_inside(root_fd, dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? fail(err, errno, "open", root_fd, dir) : fd;
}

/* Fills BUF until the end of the file. The size, or -1 with errno; EOVERFLOW: BUF is
 * full. */
static ssize_t read_whole(int fd, char *buf, size_t size)
{
	size_t used = 0;
	char more;

	for (;;) {
		bool full = used == size;
		ssize_t n = full ? read(fd, &more, 1) : read(fd, buf + used, size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (!n)
			return (ssize_t)used;
		if (full) {
			errno = EOVERFLOW;
			return -1;
		}
		used += (size_t)n;
	}
}

int sysfs_read(int dirfd, const char *attr, char *buf, size_t size, struct error *err)
{
	_cleanup_(closep) int fd = openat(dirfd, attr, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t used;

	if (fd < 0)
		return fail(err, errno, "open", dirfd, attr);
	used = read_whole(fd, buf, size);
	if (used < 0)
		return fail(err, errno, "read", dirfd, attr);
	if (used && buf[used - 1] == '\n')
		used--;
	if ((size_t)used == size)
		return fail(err, EOVERFLOW, "read", dirfd, attr);
	buf[used] = '\0';
	return strlen(buf) == (size_t)used ? 0 : fail(err, EPROTO, "read", dirfd, attr);
}

int sysfs_read_u64(int dirfd, const char *attr, uint64_t *ret, struct error *err)
{
	char text[64];
	uint64_t value;
	int r = sysfs_read(dirfd, attr, text, sizeof(text), err);

	if (r < 0)
		return r;
	if (!parse_number(text, &value)) {
		char path[512], shown[128];

		return error_set(err, ERROR_SYSTEM, EPROTO, "%s holds '%s', not a number",
				 sysfs_path(dirfd, attr, path, sizeof(path)),
				 text_escape(shown, sizeof(shown), text));
	}
	*ret = value;
	return 0;
}

int sysfs_write(int dirfd, const char *attr, const char *value, struct error *err)
{
	_cleanup_(closep) int fd = open_inside(dirfd, attr, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(value);
	ssize_t n;

	if (fd < 0)
		return fail(err, errno, "open", dirfd, attr);
	n = write(fd, value, len);
	if (n < 0)
		return fail(err, errno, "write", dirfd, attr);
	return (size_t)n == len ? 0 : fail(err, EIO, "write", dirfd, attr);
}

int sysfs_link(int dirfd, const char *link, char *buf, size_t size, struct error *err)
{
	ssize_t len = readlinkat(dirfd, link, buf, size);

	if (len < 0)
		return fail(err, errno, "read link", dirfd, link);
	if ((size_t)len >= size)
		return fail(err, EOVERFLOW, "read link", dirfd, link);
	buf[len] = '\0';
	return 0;
}

int sysfs_link_name(int dirfd, const char *link, char *buf, size_t size,
		    struct error *err)
{
	char target[PATH_MAX];
	const char *slash;
	int r = sysfs_link(dirfd, link, target, sizeof(target), err);

	if (r < 0)
		return r;
	slash = strrchr(target, '/');
	if (!text_copy(buf, size, slash ? slash + 1 : target))
		return fail(err, EOVERFLOW, "read link", dirfd, link);
	return 0;
}

int sysfs_look(int dirfd, const char *path, struct error *err)
{
	if (faccessat(dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	if (errno == ENOENT || errno == ENOTDIR || errno == ENODEV)
		return 0;
	return fail(err, errno, "look at", dirfd, path);
}

bool sysfs_exists(int dirfd, const char *path)
{
	return sysfs_look(dirfd, path, NULL) != 0;
}

void names_free(struct names *names)
{
	size_t i;

	for (i = 0; i < names->n; i++)
		free(names->names[i]);
	free(names->names);
	*names = (struct names){ NULL, 0 };
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_name(struct names *names, size_t *room, const char *name)
{
	if (names->n == *room) {
		size_t more = *room ? *room * 2 : 64;
		char **grown = reallocarray(names->names, more, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		names->names = grown;
		*room = more;
	}
	names->names[names->n] = strdup(name);
	if (!names->names[names->n])
		return -ENOMEM;
	names->n++;
	return 0;
}

/* For want of memory of our own, that is. */
static int fail_to_list(struct error *err, int errnum, int dirfd, const char *dir)
{
	char path[512];

	return error_set(err, ERROR_SYSTEM, errnum, "list %s",
			 sysfs_path(dirfd, dir, path, sizeof(path)));
}

int sysfs_list(int dirfd, const char *dir, struct names *ret, struct error *err)
{
	_cleanup_(closep) int fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(closedirp) DIR *stream = NULL;
	_cleanup_(names_free) struct names found = { NULL, 0 };
	struct dirent *entry;
	size_t room = 0;

	if (fd < 0)
		return fail(err, errno, "open", dirfd, dir);
	stream = fdopendir(fd);
	if (!stream)
		return fail_to_list(err, errno, dirfd, dir);
	(void)TAKE_FD(fd); /* the stream closes it */
	for (errno = 0; (entry = readdir(stream)); errno = 0)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
		    add_name(&found, &room, entry->d_name) < 0)
			return fail_to_list(err, ENOMEM, dirfd, dir);
	if (errno)
		return fail(err, errno, "list", dirfd, dir);
	if (found.n)
		qsort(found.names, found.n, sizeof(*found.names), compare_names);
	*ret = found;
	found = (struct names){ NULL, 0 };
	return 0;
}

ssize_t names_index(const struct names *names, const char *name)
{
	char **at = names->n ? bsearch(&name, names->names, names->n,
				       sizeof(*names->names), compare_names)
			     : NULL;

	return at ? at - names->names : -1;
}

bool names_contain(const struct names *names, const char *name)
{
	return names_index(names, name) >= 0;
}
