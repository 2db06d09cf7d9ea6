/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LOCK_HOLDER_SIZE 200

/* Who has a lock, of whatever kind, on one of the N bytes from FIRST on of the file PATH:
 * "pid 4711 (vgpumgr reconcile)", "stopped: pid …", of several the first one found.
 * Returns BUF, "" where it cannot be told: only root sees what others have open.
 * /proc/PID/fdinfo, see proc_pid_fdinfo(5). */
const char *lock_holder(const char *path, int64_t first, int64_t n,
			char buf[LOCK_HOLDER_SIZE]);

/* One "lock:" line of such a file: is it about one of the N bytes from FIRST on? */
bool lock_line_covers(const char *line, int64_t first, int64_t n);
