/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/* What a program left behind. */
struct program_result {
	int status;	   /* exit status, 128 + N for signal N */
	char output[1024]; /* the end of what it wrote to stdout and stderr */
};

/* Runs PATH with ARGV (NULL-terminated) and waits for it until DEADLINE
 * (clock_monotonic_ms()). No shell; the environment is PATH and LC_ALL alone; stdin is
 * /dev/null; every descriptor but KEEP_FD (or -1) is closed; it has a session of its own.
 * -ETIMEDOUT leaves it running, with KEEP_FD and its output file, and never signals it.
 */
int program_run(const char *path, char *const argv[], int keep_fd, int64_t deadline,
		struct program_result *ret, struct error *err);

/* Likewise, for a program whose words are wanted: RET_STDOUT gets all that it wrote to
 * stdout, which the caller frees, and RET's output the end of stderr alone. It may write
 * MOST bytes to a file, and is ended by SIGXFSZ beyond that: -EFBIG, with RET set.
 * -EPROTO where it wrote a NUL byte. */
int program_read(const char *path, char *const argv[], int keep_fd, int64_t deadline,
		 size_t most, struct program_result *ret, char **ret_stdout,
		 struct error *err);

/* Checks that PATH below ROOT_FD, and each directory on the way, belongs to root or to
 * the caller and is not writable by others, and that it is a regular file. */
int program_trust(int root_fd, const char *path, struct error *err);
