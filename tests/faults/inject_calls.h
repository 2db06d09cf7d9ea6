/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What inject knows about system calls: their names, what they are about, and which
 * errors they can sensibly give. */

struct call {
	uint64_t nr;
	uint64_t args[6];
};

/* The name of a call; of one that is not in the table, its number as text, in BUF. */
const char *call_name(uint64_t nr, char *buf, size_t size);

/* What CALL of process PID is about: a path, what is behind a descriptor, or "-". The
 * process is stopped at the call's entry. */
void call_subject(pid_t pid, const struct call *call, char *ret, size_t size);

/* The errors that make sense for CALL, of those that ERRORS lists, as names with commas
 * between them, or "-": of calls on files (SUBJECT is a path) and of those that make a
 * descriptor. */
void call_errors(const struct call *call, const char *subject, char *ret, size_t size);

/* Is the error ERRNUM one that makes sense for CALL? */
int call_can_give(const struct call *call, const char *subject, int errnum);

/* The number of an error's name, 0 if it is none that is tried. */
int error_number(const char *name);
