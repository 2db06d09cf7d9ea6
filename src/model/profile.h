/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define TYPE_NAME_SIZE 96
#define PROFILE_SIZE 96

/* The parts of a vGPU type's name, read from the right: boards hold spaces and hyphens,
 * "NVIDIA RTX Pro 6000 Blackwell DC-1-24Q".  [NVIDIA|GRID]
 * BOARD-[SLICES-]GB[SERIES][SUFFIX] */
struct profile {
	char board[PROFILE_SIZE]; /* "A40" */
	uint32_t slices;	  /* MIG compute slices, 0 if not MIG-backed */
	uint32_t gigabytes;	  /* as in the name; not the framebuffer / 1024 */
	char series;		  /* 'A' 'B' 'C' 'Q', 0 if the name has none */
	char suffix[8];		  /* "ME", "4", … or "" */
};

/* Parses a name as the driver writes it, exact in letter case. */
bool profile_parse(const char *name, struct profile *ret);

/* The same in any letter case; RET has it as if all letters were capital. */
bool profile_parse_nocase(const char *text, struct profile *ret);

/* Would TEXT be a profile name if letter case did not matter? */
bool profile_is_wellformed(const char *text);

/* NAME without "NVIDIA " or "GRID " (in any case): a pointer into NAME. */
const char *profile_short_name(const char *name);
