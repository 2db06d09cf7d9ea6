/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Things to do to a tree under test that would take a shell too long.
 *
 *     tree copy FROM TO          files, links, directories; what cannot be read is empty there
 *     tree add-devices FROM TO   the mediated devices that were made since
 *     tree clear ROOT            removes every mediated device
 *
 * FROM and TO are roots; of FROM its sys is copied. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUS "sys/bus/mdev/devices"

static int fail(const char *what)
{
	fprintf(stderr, "tree: %s: %s\n", what, strerror(errno));
	return -1;
}

static int copy_file(int from, int to, const char *name)
{
	int in = openat(from, name, O_RDONLY), out = openat(to, name, O_WRONLY | O_CREAT, 0644);
	char buf[65536];
	ssize_t n = in < 0 ? 0 : read(in, buf, sizeof(buf));
	int r = out < 0 || (n > 0 && write(out, buf, (size_t)n) != n) ? fail(name) : 0;

	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return r;
}

static int copy_link(int from, int to, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return fail(name);
	target[n] = '\0';
	return symlinkat(target, to, name) < 0 ? fail(name) : 0;
}

/* Takes both descriptors. Of a mediated device the nvidia folder stays empty: nothing reads
 * it here. */
static int copy_dir(int from, int to, const char *own_name)
{
	DIR *dir = fdopendir(from);
	struct dirent *e;
	int r = 0;

	while (dir && r == 0 && (e = readdir(dir))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (e->d_type == DT_LNK)
			r = copy_link(from, to, e->d_name);
		else if (e->d_type != DT_DIR)
			r = copy_file(from, to, e->d_name);
		else if (mkdirat(to, e->d_name, 0755) < 0)
			r = fail(e->d_name);
		else if (strcmp(e->d_name, "nvidia") || strlen(own_name) != 36)
			r = copy_dir(openat(from, e->d_name, O_RDONLY | O_DIRECTORY),
				     openat(to, e->d_name, O_RDONLY | O_DIRECTORY), e->d_name);
	}
	if (!dir)
		r = fail("open a directory");
	else
		closedir(dir);
	close(to);
	return r;
}

/* Makes the directory PATH of it, whose last part is NAME. Takes the descriptor. */
static int copy_to(int from, int to, const char *path, const char *name)
{
	if (mkdirat(to, path, 0755) < 0)
		return fail(path);
	return copy_dir(from, openat(to, path, O_RDONLY | O_DIRECTORY), name);
}

/* The device's directory, and the two links to it. */
static int add_device(int from, int to, const char *uuid)
{
	char link[128], target[PATH_MAX], dir[PATH_MAX + 4], type[PATH_MAX + 64];
	int bus = openat(from, BUS, O_RDONLY | O_DIRECTORY), r;
	ssize_t n = readlinkat(bus, uuid, target, sizeof(target) - 1);

	if (n < 0)
		return fail(uuid);
	target[n] = '\0'; /* ../../../devices/… */
	snprintf(dir, sizeof(dir), "sys/%s", target + strlen("../../../"));
	r = copy_to(openat(from, dir, O_RDONLY | O_DIRECTORY), to, dir, uuid);
	snprintf(link, sizeof(link), BUS "/%s", uuid);
	if (r == 0 && symlinkat(target, to, link) < 0)
		r = fail(link);
	snprintf(type, sizeof(type), "%s/mdev_type/devices/%s", dir, uuid);
	if (r == 0 && symlinkat(target, to, type) < 0)
		r = fail(type);
	close(bus);
	return r;
}

static int each_device(int from, int (*work)(int, int, const char *), int to)
{
	int fd = openat(from, BUS, O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int r = 0;

	if (!dir)
		return fail(BUS);
	while (r == 0 && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			r = work(from, to, e->d_name);
	closedir(dir);
	return r;
}

static int remove_device(int root, int unused, const char *uuid)
{
	char path[128];
	int fd, r;

	(void)unused;
	snprintf(path, sizeof(path), BUS "/%s/remove", uuid);
	fd = openat(root, path, O_WRONLY);
	r = fd < 0 || write(fd, "1", 1) != 1 ? fail(path) : 0;
	if (fd >= 0)
		close(fd);
	return r;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	int from = argc > 2 ? open(argv[2], O_RDONLY | O_DIRECTORY) : -1;
	int to = argc > 3 ? open(argv[3], O_RDONLY | O_DIRECTORY) : -1;

	if (argc == 4 && !strcmp(what, "copy"))
		return copy_to(openat(from, "sys", O_RDONLY | O_DIRECTORY), to, "sys",
			       "sys") < 0;
	if (argc == 4 && !strcmp(what, "add-devices"))
		return each_device(from, add_device, to) < 0;
	if (argc == 3 && !strcmp(what, "clear"))
		return each_device(from, remove_device, -1) < 0;
	fprintf(stderr, "usage: tree copy|add-devices FROM TO | tree clear ROOT\n");
	return 2;
}
