/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define ARRAY_SIZE_OF(a) (sizeof(a) / sizeof((a)[0]))

/* Fails, naming the case of a table. */
#define check_case(name, condition)                                                      \
	do {                                                                             \
		if (!(condition))                                                        \
			fail_msg("%s: not so: %s", name, #condition);                    \
	} while (0)

#define assert_contains(text, part)                                                      \
	do {                                                                             \
		if (!strstr(text, part))                                                 \
			fail_msg("'%s' does not hold '%s'", text, part);                 \
	} while (0)

/* Numbers that look random and are the same in each run (xorshift). */
static inline uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static inline uint32_t random_below(uint32_t *state, uint32_t n)
{
	return next_random(state) % n;
}
