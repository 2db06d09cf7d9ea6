/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

/* Open-file-description locks on single bytes of a file: they live as long as the last
 * descriptor of that description, in whatever process, and so tell an operation that is
 * in progress from one whose processes have all died. */

/* What the bytes of vgpumgr's lock file stand for; those from 1 on, for rows of the
 * record. One that switches a GPU's virtual functions takes the byte of that GPU alone;
 * who makes or removes vGPUs on it shares it. */
#define LOCK_SRIOV 0 /* virtual functions are switched, one GPU at a time on a host */
#define LOCK_ATTENDED                                                                    \
	((int64_t)1 << 60) /* and a row: whoever started the work on it waits for it,    \
			      and its deadline has not passed */
#define LOCK_GPUS ((int64_t)1 << 61) /* and a GPU's address */
#define LOCK_RECONCILE ((int64_t)1 << 62)
#define LOCK_PUBLISH (LOCK_RECONCILE + 1)
#define LOCK_REPAIR (LOCK_RECONCILE + 2) /* a damaged store is being replaced */

/* Opens DIRFD/NAME for locking, made with mode 0600 where it is missing. Each call gives
 * a description of its own, as each lock needs one. The caller closes it. */
int lock_open(int dirfd, const char *name, struct error *err);

/* Opens an existing DIRFD/DIR/NAME for lock_is_held() alone; -1 where that is not to be
 * had. */
int lock_peek(int dirfd, const char *dir, const char *name);

/* Takes byte BYTE, waiting until DEADLINE (clock_monotonic_ms()); -ETIMEDOUT after that.
 */
int lock_take(int fd, int64_t byte, int64_t deadline, struct error *err);

/* Takes N bytes from FIRST on, likewise. */
int lock_take_range(int fd, int64_t first, int64_t n, int64_t deadline,
		    struct error *err);

/* Likewise, beside others who share it: it keeps those out who take it alone. */
int lock_share(int fd, int64_t byte, int64_t deadline, struct error *err);

/* Lets go of byte BYTE for every process that has FD's description open. */
void lock_release(int fd, int64_t byte);

/* Does somebody hold byte BYTE, alone or not?  The caller's own FD does not count. */
bool lock_is_held(int fd, int64_t byte);
bool lock_is_exclusive(int fd, int64_t byte); /* by lock_take(), not by lock_share() */
