/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/stat.h>

#include "util/error.h"

/* Checks that each component of PATH below ROOT_FD (the root directory included) belongs
 * to root or to the caller and is not writable by group or others (sticky directories of
 * root on the way, such as /tmp, excepted). Symbolic links are not followed: one on the
 * way is -ELOOP. RET gets what PATH itself is; -ENOENT where it, or a directory on the
 * way, does not exist (what does exist was checked). */
int trust_path(int root_fd, const char *path, struct stat *ret, struct error *err);

/* The same for one open file. WHAT names it in messages. */
int trust_stat(const struct stat *st, const char *what, struct error *err);
