/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

/* Host directories made of text manifests, one line per file or link, paths relative to
 *the root and without spaces:
 *
 *	PATH = VALUE     a file holding VALUE and a newline
 *	PATH <<          a file of several lines, which follow and start with "| "
 *	PATH -> TARGET   a symbolic link
 *	PATH : HEX       a binary file
 */

/* Lays out NAME (of tests/hosts/NAME.tree), or a manifest's path where it holds a '/', in
 * a fresh directory of mode 0700, whose path ROOT gets. Returns its O_PATH descriptor,
 * which the caller closes. Fails the test where that cannot be done. */
int host_tree(const char *name_or_path, char root[PATH_MAX]);

/* The same for a recording of a real host; skips the test where it is not at hand. */
int host_tree_recorded(const char *name, char root[PATH_MAX]);

/* An empty root. */
int host_tree_empty(char root[PATH_MAX]);

/* Makes one file, with the directories above it, below ROOT. */
void host_tree_file(const char *root, const char *path, const void *content, size_t size);
void host_tree_text(const char *root, const char *path, const char *text);
void host_tree_link(const char *root, const char *path, const char *target);
void host_tree_dir(const char *root, const char *path);

/* Removes ROOT and what is in it; "" is fine. */
void host_tree_remove(const char *root);

/* What the file NAME of the tests' directory holds. The caller frees it. */
char *tests_text(const char *name);

/* A root for one test, by cmocka's setup and teardown: *STATE is a struct tree. */
struct tree {
	int fd;
	char root[PATH_MAX];
};

int tree_setup(void **state); /* empty */
int tree_teardown(void **state);

/* Puts NAME's tree into the test's, which is empty. */
void tree_fill(struct tree *tree, const char *name_or_path);
void tree_fill_recorded(struct tree *tree, const char *name);
