/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef TESTS_DIR
#define TESTS_DIR "tests"
#endif
#ifndef RECORDED_DIR
#define RECORDED_DIR TESTS_DIR "/../../shared/hosts"
#endif

static void join(char path[PATH_MAX], const char *root, const char *name)
{
	if (name[0] == '/' || strstr(name, ".."))
		fail_msg("'%s' leaves the tree", name);
	if (snprintf(path, PATH_MAX, "%s/%s", root, name) >= PATH_MAX)
		fail_msg("%s/%s is too long", root, name);
}

static void make_parents(const char *path, size_t root_len)
{
	char part[PATH_MAX];
	size_t i;

	for (i = root_len + 1; path[i]; i++) {
		if (path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			fail_msg("mkdir %s: %s", part, strerror(errno));
	}
}

void host_tree_file(const char *root, const char *name, const void *content, size_t size)
{
	char path[PATH_MAX];
	FILE *file;

	join(path, root, name);
	make_parents(path, strlen(root));
	file = fopen(path, "w");
	if (!file || fwrite(content, 1, size, file) != size || fclose(file))
		fail_msg("write %s: %s", path, strerror(errno));
}

void host_tree_text(const char *root, const char *name, const char *text)
{
	host_tree_file(root, name, text, strlen(text));
}

void host_tree_link(const char *root, const char *name, const char *target)
{
	char path[PATH_MAX];

	join(path, root, name);
	make_parents(path, strlen(root));
	if (symlink(target, path) < 0)
		fail_msg("symlink %s: %s", path, strerror(errno));
}

void host_tree_dir(const char *root, const char *name)
{
	char path[PATH_MAX];

	join(path, root, name);
	make_parents(path, strlen(root));
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		fail_msg("mkdir %s: %s", path, strerror(errno));
}

static void add_value(const char *root, const char *path, const char *value)
{
	char *line = NULL;

	if (asprintf(&line, "%s\n", value) < 0)
		fail_msg("out of memory");
	host_tree_text(root, path, line);
	free(line);
}

static void add_hex(const char *root, const char *path, const char *hex)
{
	size_t i, n = strlen(hex) / 2;
	unsigned char *bytes = malloc(n + 1);

	if (!bytes || strlen(hex) % 2)
		fail_msg("%s: an odd number of digits", path);
	for (i = 0; i < n; i++) {
		char pair[3] = { hex[2 * i], hex[2 * i + 1], '\0' }, *end;

		bytes[i] = (unsigned char)strtoul(pair, &end, 16);
		if (*end)
			fail_msg("%s: '%s' is no byte", path, pair);
	}
	host_tree_file(root, path, bytes, n);
	free(bytes);
}

/* The lines of a "PATH <<" file; *LINE is left at the first that is no part of it. */
static ssize_t add_lines(FILE *manifest, const char *root, const char *path, char **line,
			 size_t *room)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	ssize_t len;

	if (!out)
		fail_msg("out of memory");
	while ((len = getline(line, room, manifest)) > 0 && !strncmp(*line, "| ", 2))
		(void)fputs(*line + 2, out);
	(void)fclose(out);
	host_tree_file(root, path, text, size);
	free(text);
	return len;
}

static void lay_out(const char *manifest_path, const char *root)
{
	FILE *manifest = fopen(manifest_path, "r");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	if (!manifest)
		fail_msg("open %s: %s", manifest_path, strerror(errno));
	len = getline(&line, &room, manifest);
	while (len > 0) {
		char *path, *rest;

		line[strcspn(line, "\n")] = '\0';
		path = strdup(line);
		rest = path + strcspn(path, " ");
		if (*rest)
			*rest++ = '\0';
		if (*path && *path != '#') {
			if (!strcmp(rest, "<<")) {
				len = add_lines(manifest, root, path, &line, &room);
				free(path);
				continue;
			} else if (!strcmp(rest, "=")) {
				add_value(root, path, "");
			} else if (!strncmp(rest, "= ", 2)) {
				add_value(root, path, rest + 2);
			} else if (!strncmp(rest, "-> ", 3)) {
				host_tree_link(root, path, rest + 3);
			} else if (!strncmp(rest, ": ", 2)) {
				add_hex(root, path, rest + 2);
			} else {
				fail_msg("%s: '%s' makes no sense", manifest_path, line);
			}
		}
		free(path);
		len = getline(&line, &room, manifest);
	}
	free(line);
	(void)fclose(manifest);
}

int host_tree_empty(char root[PATH_MAX])
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	(void)snprintf(root, PATH_MAX, "%.3000s/vgpumgr-test-XXXXXX",
		       tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(root))
		fail_msg("mkdtemp: %s", strerror(errno));
	fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fail_msg("open %s: %s", root, strerror(errno));
	return fd;
}

static const char *manifest_of(const char *name_or_path, char buf[PATH_MAX])
{
	if (strchr(name_or_path, '/'))
		return name_or_path;
	(void)snprintf(buf, PATH_MAX, "%s/hosts/%.64s.tree", TESTS_DIR, name_or_path);
	return buf;
}

int host_tree(const char *name_or_path, char root[PATH_MAX])
{
	char manifest[PATH_MAX];
	int fd = host_tree_empty(root);

	lay_out(manifest_of(name_or_path, manifest), root);
	return fd;
}

static const char *recording(const char *name, char buf[PATH_MAX])
{
	(void)snprintf(buf, PATH_MAX, "%s/%.64s.tree", RECORDED_DIR, name);
	if (access(buf, R_OK) < 0) {
		print_message("%s is not at hand: skipped\n", buf);
		skip();
	}
	return buf;
}

int host_tree_recorded(const char *name, char root[PATH_MAX])
{
	char manifest[PATH_MAX];

	return host_tree(recording(name, manifest), root);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void host_tree_remove(const char *root)
{
	if (*root)
		(void)nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char *tests_text(const char *name)
{
	char path[PATH_MAX], *text = NULL;
	size_t room = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", TESTS_DIR, name);
	file = fopen(path, "r");
	if (!file || getdelim(&text, &room, '\0', file) < 0)
		fail_msg("read %s: %s", path, strerror(errno));
	(void)fclose(file);
	return text;
}

int tree_setup(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return -1;
	tree->fd = host_tree_empty(tree->root);
	*state = tree;
	return 0;
}

int tree_teardown(void **state)
{
	struct tree *tree = *state;

	(void)close(tree->fd);
	host_tree_remove(tree->root);
	free(tree);
	return 0;
}

void tree_fill(struct tree *tree, const char *name_or_path)
{
	char manifest[PATH_MAX];

	lay_out(manifest_of(name_or_path, manifest), tree->root);
}

void tree_fill_recorded(struct tree *tree, const char *name)
{
	char manifest[PATH_MAX];

	lay_out(recording(name, manifest), tree->root);
}
