/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fuzz.h"

const char *__lsan_default_suppressions(void);

/* For the leak sanitizer: libconfig forgets a string where it refuses what it has read.
 */
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

void fuzz_broken(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

char *fuzz_string(const uint8_t *data, size_t size)
{
	size_t len = size ? strnlen((const char *)data, size) : 0;
	char *text = malloc(len + 1);

	must_hold(text);
	if (len)
		memcpy(text, data, len);
	text[len] = '\0';
	return text;
}

void fuzz_split(char *text, char *parts[], size_t max)
{
	size_t i;

	for (i = 0; i < max; i++) {
		char *end = i + 1 < max ? strchr(text, '\n') : NULL;

		parts[i] = text;
		text += end ? (size_t)(end - text) + 1 : strlen(text);
		if (end)
			*end = '\0';
	}
}

/* Does TEXT hold a character whose UTF-8 is A B C, where C is of LOW to HIGH? */
static bool holds(const char *text, const char *lead, unsigned low, unsigned high)
{
	size_t len = strlen(lead);
	const char *at;

	for (at = strstr(text, lead); at; at = strstr(at + 1, lead)) {
		unsigned last = (unsigned char)at[len];

		if (last >= low && last <= high)
			return true;
	}
	return false;
}

bool fuzz_is_clean(const char *text)
{
	json_t *utf8 = json_string(text);
	const char *at;

	if (!utf8) /* jansson knows UTF-8 as well */
		return false;
	json_decref(utf8);
	for (at = text; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			return false;
	return !holds(text, "\xc2", 0x80, 0x9f) && !holds(text, "\xd8", 0x9c, 0x9c) &&
	       !holds(text, "\xe2\x80", 0x8e, 0x8f) &&
	       !holds(text, "\xe2\x80", 0xa8, 0xae) &&
	       !holds(text, "\xe2\x81", 0xa6, 0xa9);
}

void fuzz_check_error(const struct error *err)
{
	must_hold(err->message[0]);
	must_hold(memchr(err->message, 0, sizeof(err->message)));
	must_hold(memchr(err->hint, 0, sizeof(err->hint)));
	must_hold(fuzz_is_clean(err->message));
	must_hold(fuzz_is_clean(err->hint));
}

bool fuzz_is_entry(const char *name)
{
	return *name && strcmp(name, ".") && strcmp(name, "..") && !strchr(name, '/') &&
	       strlen(name) <= NAME_MAX;
}

static char root_path[PATH_MAX];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_root(void)
{
	(void)nftw(root_path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int fuzz_root(void)
{
	static int root_fd = -1;
	const char *where = getenv("TMPDIR");

	if (root_fd >= 0)
		return root_fd;
	if (!where || !*where)
		where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	must_hold(snprintf(root_path, sizeof(root_path), "%s/vgpumgr-fuzz-XXXXXX",
			   where) < (int)sizeof(root_path));
	must_hold(mkdtemp(root_path));
	must_hold(atexit(remove_root) == 0);
	root_fd = open(root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must_hold(root_fd >= 0);
	return root_fd;
}

void fuzz_dir(int dir_fd, const char *path)
{
	char part[PATH_MAX];
	const char *at = path;

	while (at) {
		at = strchr(at, '/');
		must_hold(snprintf(part, sizeof(part), "%.*s",
				   at ? (int)(at - path) : (int)strlen(path),
				   path) < (int)sizeof(part));
		must_hold(mkdirat(dir_fd, part, 0755) == 0 || errno == EEXIST);
		at = at ? at + 1 : NULL;
	}
}

/* Makes the directories above PATH. */
static void make_above(int dir_fd, const char *path)
{
	const char *slash = strrchr(path, '/');
	char above[PATH_MAX];

	if (!slash)
		return;
	must_hold((size_t)(slash - path) < sizeof(above));
	memcpy(above, path, (size_t)(slash - path));
	above[slash - path] = '\0';
	fuzz_dir(dir_fd, above);
}

void fuzz_file(int dir_fd, const char *path, const void *data, size_t size)
{
	const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
	int fd = openat(dir_fd, path, flags, 0644);

	if (fd < 0 && errno == ENOENT) {
		make_above(dir_fd, path);
		fd = openat(dir_fd, path, flags, 0644);
	}
	must_hold(fd >= 0);
	must_hold(!size || write(fd, data, size) == (ssize_t)size);
	must_hold(close(fd) == 0);
}

void fuzz_link(int dir_fd, const char *path, const char *target)
{
	must_hold(unlinkat(dir_fd, path, 0) == 0 || errno == ENOENT);
	if (!*target)
		return;
	if (symlinkat(target, dir_fd, path) == 0)
		return;
	must_hold(errno == ENOENT);
	make_above(dir_fd, path);
	must_hold(symlinkat(target, dir_fd, path) == 0);
}
