/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#define UUID_SIZE 37 /* 36 characters and the NUL */

/* Checks TEXT and writes it in lower case, as the mdev core names devices. */
bool uuid_normalise(const char *text, char ret[UUID_SIZE]);

/* Could TEXT be the beginning of a UUID, at least MIN_LENGTH characters long? RET gets it
 * in lower case. */
bool uuid_prefix(const char *text, unsigned min_length, char ret[UUID_SIZE]);
