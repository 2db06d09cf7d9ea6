/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The scope frees: `_cleanup_(freep) char *s = NULL;` */
#define _cleanup_(fn) __attribute__((cleanup(fn)))

/* Gives the value away and disarms the cleanup. */
#define TAKE_PTR(ptr)                                                                    \
	({                                                                               \
		__typeof__(ptr) taken_ = (ptr);                                          \
		(ptr) = NULL;                                                            \
		taken_;                                                                  \
	})

#define TAKE_FD(fd)                                                                      \
	({                                                                               \
		int taken_ = (fd);                                                       \
		(fd) = -1;                                                               \
		taken_;                                                                  \
	})

/* Makes fn##p of a freeing function that accepts NULL. */
#define DEFINE_CLEANUP(type, fn)                                                         \
	static inline void fn##p(type *ptr)                                              \
	{                                                                                \
		fn(*ptr);                                                                \
	}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* close() that keeps errno and accepts -1. */
static inline void close_fd(int fd)
{
	int saved = errno;

	if (fd >= 0)
		(void)close(fd);
	errno = saved;
}

static inline void closep(int *fd)
{
	close_fd(*fd);
}

static inline void freep(void *ptr)
{
	free(*(void **)ptr);
}

static inline void closedirp(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static inline void fclosep(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}
