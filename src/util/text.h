/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal digits only: no sign, no space, no 0x. False on anything else, on overflow too.
 */
bool parse_u32(const char *text, uint32_t *ret);
bool parse_u64(const char *text, uint64_t *ret);

/* Decimal, or hexadecimal after "0x", as attributes below /sys write numbers. */
bool parse_number(const char *text, uint64_t *ret);

/* Copies TEXT into BUF and says whether all of it fitted. */
bool text_copy(char *buf, size_t size, const char *text);

/* ASCII case does not matter; the locale does not either. The first orders as strcmp().
 */
int text_compare_nocase(const char *a, const char *b);
bool text_equal_nocase(const char *a, const char *b);
bool text_starts_nocase(const char *text, const char *prefix);

/* Is TEXT, of LEN bytes, UTF-8 with no control character (C0, C1, DEL) and no
 * bidirectional override or isolate (U+200E-200F, U+202A-202E, U+2066-2069)? */
bool text_is_printable(const char *text, size_t len);

/* Which of the N NAMES TEXT is, -1 if none. */
int text_index(const char *const *names, size_t n, const char *text);

/* Writes TEXT to BUF with whatever text_is_printable() refuses as \xHH. Escaping what is
 * escaped already changes nothing, so that every layer may. Ends in "..." where BUF is
 * too small. Returns BUF. Four bytes for each of TEXT are enough. */
const char *text_escape(char *buf, size_t size, const char *text);

/* How long ago something was, in words: "5 min ago"; SECONDS below 0 are "in the future,
 * by this clock". Returns BUF. */
#define TEXT_AGE_SIZE 48
const char *text_age(char buf[TEXT_AGE_SIZE], int64_t seconds);

/* How many insertions, deletions, replacements and swaps of neighbours turn A into B,
 * letter case aside. Strings over 63 bytes are compared by their first 63. */
unsigned text_distance(const char *a, const char *b);
