/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "util/error.h"

/* Writes TEXT to DIR_FD/NAME by a temporary file .NAME.SUFFIX and a rename: whoever reads
 * it sees the old or the new one, whole. Not synced. */
int file_replace(int dir_fd, const char *name, const char *suffix, mode_t mode,
		 const char *text, struct error *err);

/* Writes TEXT to PATH, mode 0600, synced with its directory before this returns. A file
 * that exists is refused, ERROR_CONFLICT, or, with OVERWRITE, replaced. */
int file_write_new(const char *path, const char *text, bool overwrite, struct error *err);
