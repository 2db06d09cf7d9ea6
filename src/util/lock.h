/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

/* Open-file-description locks on single bytes of a file: they live as long as the last
 * descriptor of that description, in whatever process, and so tell an operation that is
 * in progress from one whose processes have all died. */

/* Opens DIRFD/NAME for locking, made with mode 0600 where it is missing. Each call gives
 * a description of its own, as each lock needs one. The caller closes it. */
int lock_open(int dirfd, const char *name, struct error *err);

/* Opens an existing DIRFD/DIR/NAME for lock_is_held() alone; -1 where that is not to be
 * had. */
int lock_peek(int dirfd, const char *dir, const char *name);

/* Takes byte BYTE, waiting until DEADLINE (clock_monotonic_ms()); -ETIMEDOUT after that.
 */
int lock_take(int fd, int64_t byte, int64_t deadline, struct error *err);

/* Does somebody hold byte BYTE?  The caller's own FD does not count. */
bool lock_is_held(int fd, int64_t byte);
