/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"

#define ATTR_SIZE 4096 /* the kernel gives no attribute more than a page */

/* Everything here is relative to a directory descriptor, the first of which is that of
 * --root. Messages name the file by its whole path. An entry that may be absent is asked
 * for with ERR NULL and -ENOENT expected. */

/* Opens DIR for walking (O_PATH), not for reading its entries. The caller closes it. */
int sysfs_walk(int dirfd, const char *dir, struct error *err);

/* The same for what will be written below: no link on the way leads out of ROOT_FD, be it
 * absolute or not. */
int sysfs_walk_inside(int root_fd, const char *dir, struct error *err);

/* Reads ATTR until its end and drops one newline. -EOVERFLOW where it does not fit BUF,
 * -EPROTO where it holds a NUL byte: never half a value. */
int sysfs_read(int dirfd, const char *attr, char *buf, size_t size, struct error *err);

/* Decimal or 0x… ; -EPROTO where ATTR holds anything else. */
int sysfs_read_u64(int dirfd, const char *attr, uint64_t *ret, struct error *err);

/* Writes VALUE with one write(2): no newline, no NUL, and never creates a file. No link
 * on the way leads out of DIRFD. */
int sysfs_write(int dirfd, const char *attr, const char *value, struct error *err);

/* The last component of what the link points to: "nvidia" of
 * "../../bus/pci/drivers/nvidia". */
int sysfs_link_name(int dirfd, const char *link, char *buf, size_t size,
		    struct error *err);

/* The whole text of the link. */
int sysfs_link(int dirfd, const char *link, char *buf, size_t size, struct error *err);

/* Is PATH there, be it a link to nowhere?  1, 0, or why nobody can tell. */
int sysfs_look(int dirfd, const char *path, struct error *err);

/* Likewise. What nobody can tell is taken to be there: to be gone needs a proof. */
bool sysfs_exists(int dirfd, const char *path);

/* A directory's entries without "." and "..", sorted as strings. */
struct names {
	char **names;
	size_t n;
};

int sysfs_list(int dirfd, const char *dir, struct names *ret, struct error *err);
void names_free(struct names *names);
ssize_t names_index(const struct names *names, const char *name); /* -1: not there */
bool names_contain(const struct names *names, const char *name);

/* The path of NAME below the directory DIRFD, for messages; returns BUF. */
const char *sysfs_path(int dirfd, const char *name, char *buf, size_t size);
