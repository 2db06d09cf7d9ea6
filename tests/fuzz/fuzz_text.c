/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/text.h"

#include <stdio.h>
#include <strings.h>

#include "fuzz.h"

/* The whole of TEXT escaped. The caller frees it. */
static char *escape(const char *text)
{
	size_t size = 4 * strlen(text) + 1;
	char *buf = malloc(size);

	must_hold(buf && text_escape(buf, size, text) == buf);
	return buf;
}

/* In a buffer of SIZE bytes: all of it, or a beginning of WHOLE and three dots. */
static void check_short(const char *text, const char *whole, size_t size)
{
	_cleanup_(freep) char *buf = malloc(size);
	size_t len;

	must_hold(buf);
	memset(buf, 'x', size);
	(void)text_escape(buf, size, text);
	must_hold(memchr(buf, 0, size));
	len = strlen(buf);
	must_hold(fuzz_is_clean(buf));
	if (strlen(whole) < size) {
		must_hold(!strcmp(buf, whole));
		return;
	}
	if (size < sizeof("..."))
		return;
	must_hold(len >= 3 && !strcmp(buf + len - 3, "..."));
	must_hold(!strncmp(buf, whole, len - 3));
}

static void check_copy(const char *text, size_t size)
{
	_cleanup_(freep) char *buf = malloc(size);
	bool fitted;

	must_hold(buf);
	fitted = text_copy(buf, size, text);
	must_hold(fitted == (strlen(text) < size));
	must_hold(memchr(buf, 0, size) && !strncmp(buf, text, strlen(buf)));
	must_hold(strlen(buf) == (fitted ? strlen(text) : size - 1));
}

static void check_pair(const char *a, const char *b)
{
	unsigned distance = text_distance(a, b), longest;
	size_t len_a = strlen(a), len_b = strlen(b);

	len_a = len_a > 63 ? 63 : len_a;
	len_b = len_b > 63 ? 63 : len_b;
	longest = (unsigned)(len_a > len_b ? len_a : len_b);
	must_hold(distance == text_distance(b, a));
	must_hold(distance <= longest);
	must_hold(distance >= longest - (unsigned)(len_a < len_b ? len_a : len_b));
	must_hold((distance == 0) == (len_a == len_b && !strncasecmp(a, b, len_a)));
	must_hold(text_equal_nocase(a, b) == !strcasecmp(a, b));
	must_hold(text_starts_nocase(a, b) == !strncasecmp(a, b, strlen(b)));
}

/* The first byte is the size of a buffer; then two texts, on two lines. */
int fuzz_text(const uint8_t *data, size_t size)
{
	size_t room = size ? (size_t)data[0] + 1 : 1;
	_cleanup_(freep) char *text = fuzz_string(data + (size > 0), size - (size > 0));
	_cleanup_(freep) char *whole = escape(text), *twice = escape(whole);
	char *parts[2];
	const char *names[2];

	must_hold(text_is_printable(text, strlen(text)) == fuzz_is_clean(text));
	must_hold(fuzz_is_clean(whole) && !strcmp(whole, twice));
	must_hold(!fuzz_is_clean(text) || !strcmp(whole, text));
	check_short(text, whole, room);
	check_copy(text, room);
	fuzz_split(text, parts, 2);
	check_pair(parts[0], parts[1]);
	names[0] = parts[0];
	names[1] = parts[1];
	must_hold(text_index(names, 2, parts[0]) == 0);
	must_hold(text_index(names, 1, parts[1]) ==
		  (strcmp(parts[0], parts[1]) ? -1 : 0));
	return 0;
}
