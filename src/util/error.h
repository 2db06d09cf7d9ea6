/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/* What kind of failure this is; the value is also the exit status. */
enum error_kind {
	ERROR_SYSTEM = 1,
	ERROR_USAGE,
	ERROR_NOT_FOUND,
	ERROR_CAPACITY,
	ERROR_CONFLICT,
	ERROR_IN_USE,
	ERROR_DRIFT,
	ERROR_STORE,
	ERROR_TIMEOUT,
	ERROR_PERMISSION,
};

/* A failure, told once. Lives on its user's stack: nothing to free. */
struct error {
	enum error_kind kind;
	int errnum;	    /* positive errno value, 0 if none applies */
	char message[1024]; /* "create A40-24A: write /sys/.../create: No space left" */
	char hint[256];	    /* what the operator can do next, may be "" */
	bool no_memory; /* the program got none: not the matter of one device or file */
};

/* Fills ERR (which may be NULL) and returns -ERRNUM, or -EIO where ERRNUM is 0, so that
 * `return error_set(...)` reads well and never reports success. The message gets
 * ": strerror" appended where ERRNUM is not 0, nor ETIMEDOUT, whose text speaks of
 * connections. EACCES and EPERM turn ERROR_SYSTEM into
 * ERROR_PERMISSION, ETIMEDOUT into ERROR_TIMEOUT. */
int error_set(struct error *err, enum error_kind kind, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Puts "FMT: " in front of the message. Returns what error_set() returned. */
int error_context(struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Sets the hint, unless a deeper layer that knew better has set one. */
void error_hint(struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* "system", "usage", "not-found", … as the JSON error object spells KIND. */
const char *error_kind_name(enum error_kind kind);
