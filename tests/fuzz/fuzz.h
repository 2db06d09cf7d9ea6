/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/error.h"

/* A target takes any bytes, gives them to a parser of the program, and holds what comes
 * out against what the parser promises: by must_hold(), which ends the process. The same
 * targets are driven by libFuzzer (entry.c) and by replay.c. Returns 0. */
#define FUZZ_TARGETS(X)                                                                  \
	X(backup_name)                                                                   \
	X(bdf)                                                                           \
	X(creatable)                                                                     \
	X(holders)                                                                       \
	X(journal)                                                                       \
	X(lock_line)                                                                     \
	X(mark)                                                                          \
	X(mdev_link)                                                                     \
	X(mdevctl)                                                                       \
	X(number)                                                                        \
	X(options)                                                                       \
	X(params)                                                                        \
	X(pci_names)                                                                     \
	X(profile)                                                                       \
	X(record)                                                                        \
	X(resolve)                                                                       \
	X(since)                                                                         \
	X(settings)                                                                      \
	X(smi_mig)                                                                       \
	X(smi_query)                                                                     \
	X(smi_types)                                                                     \
	X(sysfs)                                                                         \
	X(text)                                                                          \
	X(uuid)                                                                          \
	X(vgpu_type)                                                                     \
	X(virtfn)                                                                        \
	X(vm_name)

#define FUZZ_DECLARE(name) int fuzz_##name(const uint8_t *data, size_t size);
FUZZ_TARGETS(FUZZ_DECLARE)
#undef FUZZ_DECLARE

#define must_hold(condition)                                                             \
	((condition) ? (void)0 : fuzz_broken(#condition, __FILE__, __LINE__))

/* Says which promise is broken, and aborts. */
void fuzz_broken(const char *condition, const char *file, int line)
	__attribute__((noreturn));

/* A string of DATA, up to its first NUL, in a block of just its size, so that the address
 * sanitizer sees each byte that is read behind it. The caller frees it. */
char *fuzz_string(const uint8_t *data, size_t size);

/* Cuts TEXT at its newlines into at most MAX parts, the last of which is all that is
 * left; those it has not are "". */
void fuzz_split(char *text, char *parts[], size_t max);

/* Is TEXT UTF-8 without control and bidirectional characters?  By other means than
 * text_is_printable(). */
bool fuzz_is_clean(const char *text);

/* What every error says: something, and nothing a terminal would obey. */
void fuzz_check_error(const struct error *err);

/* Can NAME be that of a directory's entry? */
bool fuzz_is_entry(const char *name);

/* A directory of this process's own, in memory where that is possible; it is removed at
 * the end. Stays open. */
int fuzz_root(void);

/* Makes the file PATH below DIR_FD, with the directories above it, or replaces what it
 * holds. */
void fuzz_file(int dir_fd, const char *path, const void *data, size_t size);
void fuzz_dir(int dir_fd, const char *path);
/* Makes the link PATH, or replaces it; removes it where TARGET is "". */
void fuzz_link(int dir_fd, const char *path, const char *target);
