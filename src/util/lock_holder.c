/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/lock_holder.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/text.h"

/* "lock:\t1: OFDLCK ADVISORY  WRITE -1 08:01:4711 0 EOF" */
bool lock_line_covers(const char *line, int64_t first, int64_t n)
{
	char copy[256], *words[9], *rest = NULL, *word;
	uint64_t from, to = INT64_MAX;
	size_t n_words = 0;

	if (strncmp(line, "lock:", 5) || !text_copy(copy, sizeof(copy), line + 5))
		return false;
	for (word = strtok_r(copy, " \t\n", &rest); word && n_words < ARRAY_SIZE(words);
	     word = strtok_r(NULL, " \t\n", &rest))
		words[n_words++] = word;
	if (n_words != 8 || !strcmp(words[1], "->") || !parse_u64(words[6], &from) ||
	    (strcmp(words[7], "EOF") && !parse_u64(words[7], &to)))
		return false;
	return from < (uint64_t)first + (uint64_t)n && to >= (uint64_t)first;
}

/* Has the process that DIR_FD/fdinfo/NAME belongs to a lock there? */
static bool holds(int pid_fd, const char *name, int64_t first, int64_t n)
{
	_cleanup_(fclosep) FILE *f = NULL;
	char path[64], line[256];
	int fd;

	(void)snprintf(path, sizeof(path), "fdinfo/%.32s", name);
	fd = openat(pid_fd, path, O_RDONLY | O_CLOEXEC);
	f = fd < 0 ? NULL : fdopen(fd, "r");
	if (!f) {
		close_fd(fd);
		return false;
	}
	while (fgets(line, sizeof(line), f))
		if (lock_line_covers(line, first, n))
			return true;
	return false;
}

static bool process_holds(int pid_fd, const char *file, int64_t first, int64_t n)
{
	int fd = openat(pid_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		close_fd(fd);
		return false;
	}
	while ((entry = readdir(dir))) {
		char target[PATH_MAX];
		ssize_t length =
			readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (length < 0)
			continue;
		target[length] = '\0';
		if (!strcmp(target, file) && holds(pid_fd, entry->d_name, first, n))
			return true;
	}
	return false;
}

/* One line of what FILE holds, NUL bytes made spaces. */
static size_t read_line(int dir_fd, const char *file, char *buf, size_t size)
{
	_cleanup_(closep) int fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC);
	ssize_t i, n = fd < 0 ? 0 : read(fd, buf, size - 1);

	n = n < 0 ? 0 : n;
	for (i = 0; i < n; i++)
		if (!buf[i] || buf[i] == '\n')
			buf[i] = ' ';
	while (n > 0 && buf[n - 1] == ' ')
		n--;
	buf[n] = '\0';
	return (size_t)n;
}

static void describe(int pid_fd, const char *pid, char buf[LOCK_HOLDER_SIZE])
{
	char command[128], shown[4 * sizeof(command)], stat[512];
	const char *state;

	if (!read_line(pid_fd, "cmdline", command, sizeof(command)))
		(void)read_line(pid_fd, "comm", command, sizeof(command));
	(void)read_line(pid_fd, "stat", stat, sizeof(stat));
	state = strrchr(stat, ')'); /* the name before it may hold anything */
	(void)snprintf(buf, LOCK_HOLDER_SIZE, "%spid %.10s (%.150s)",
		       state && (state[2] == 'T' || state[2] == 't') ? "stopped: " : "",
		       pid, text_escape(shown, sizeof(shown), command));
}

const char *lock_holder(const char *path, int64_t first, int64_t n,
			char buf[LOCK_HOLDER_SIZE])
{
	_cleanup_(freep) char *file = realpath(path, NULL);
	_cleanup_(closedirp) DIR *proc = file ? opendir("/proc") : NULL;
	struct dirent *entry;

	buf[0] = '\0';
	while (proc && (entry = readdir(proc))) {
		_cleanup_(closep) int pid_fd = -1;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		pid_fd = openat(dirfd(proc), entry->d_name,
				O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (pid_fd < 0 || !process_holds(pid_fd, file, first, n))
			continue;
		describe(pid_fd, entry->d_name, buf);
		break;
	}
	return buf;
}
