/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum error_kind refine(enum error_kind kind, int errnum)
{
	if (kind != ERROR_SYSTEM)
		return kind;
	if (errnum == EACCES || errnum == EPERM)
		return ERROR_PERMISSION;
	return errnum == ETIMEDOUT ? ERROR_TIMEOUT : kind;
}

/* A message too long for its buffer ends in "…", never in half a sentence that lies. */
static void mark_truncation(char *buf, size_t size, int len)
{
	static const char more[] = "...";

	if (len >= 0 && (size_t)len >= size)
		memcpy(buf + size - sizeof(more), more, sizeof(more));
}

int error_set(struct error *err, enum error_kind kind, int errnum, const char *fmt, ...)
{
	int len, r = errnum ? -errnum : -EIO;
	va_list ap;

	if (!err)
		return r;
	err->kind = refine(kind, errnum);
	err->errnum = errnum;
	err->hint[0] = '\0';
	err->no_memory = errnum == ENOMEM;
	va_start(ap, fmt);
	len = vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	if (len >= 0 && (size_t)len < sizeof(err->message) && errnum &&
	    errnum != ETIMEDOUT) {
		size_t left = sizeof(err->message) - (size_t)len;

		len += snprintf(err->message + len, left, ": %s", strerror(errnum));
	}
	mark_truncation(err->message, sizeof(err->message), len);
	return r;
}

int error_context(struct error *err, const char *fmt, ...)
{
	char message[sizeof(err->message)], prefix[512];
	va_list ap;
	int len;

	if (!err)
		return -EIO;
	va_start(ap, fmt);
	len = vsnprintf(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	mark_truncation(prefix, sizeof(prefix), len);
	len = snprintf(message, sizeof(message), "%s: %s", prefix, err->message);
	mark_truncation(message, sizeof(message), len);
	memcpy(err->message, message, sizeof(message));
	return err->errnum ? -err->errnum : -EIO;
}

void error_hint(struct error *err, const char *fmt, ...)
{
	va_list ap;
	int len;

	if (!err || err->hint[0])
		return;
	va_start(ap, fmt);
	len = vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
	mark_truncation(err->hint, sizeof(err->hint), len);
}

const char *error_kind_name(enum error_kind kind)
{
	static const char *const names[] = {
		[ERROR_SYSTEM] = "system",	 [ERROR_USAGE] = "usage",
		[ERROR_NOT_FOUND] = "not-found", [ERROR_CAPACITY] = "no-capacity",
		[ERROR_CONFLICT] = "conflict",	 [ERROR_IN_USE] = "in-use",
		[ERROR_DRIFT] = "drift",	 [ERROR_STORE] = "store",
		[ERROR_TIMEOUT] = "timeout",	 [ERROR_PERMISSION] = "permission",
	};

	return names[kind];
}
