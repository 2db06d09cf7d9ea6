/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/text.h"

#include <stdio.h>
#include <string.h>

#define DISTANCE_MAX 63

bool parse_u64(const char *text, uint64_t *ret)
{
	uint64_t value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		uint64_t digit = (uint64_t)(*text - '0');

		if (*text < '0' || *text > '9' || value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret = value;
	return true;
}

bool parse_u32(const char *text, uint32_t *ret)
{
	uint64_t value;

	if (!parse_u64(text, &value) || value > UINT32_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}

/* Hexadecimal digits only. */
static bool parse_hex(const char *text, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; text[i]; i++) {
		char c = text[i];

		if (i >= 16)
			return false;
		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint64_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			value = value << 4 | (uint64_t)(c - 'A' + 10);
		else
			return false;
	}
	if (i)
		*ret = value;
	return i > 0;
}

bool parse_number(const char *text, uint64_t *ret)
{
	return !strncmp(text, "0x", 2) ? parse_hex(text + 2, ret) : parse_u64(text, ret);
}

bool text_copy(char *buf, size_t size, const char *text)
{
	size_t len = strlen(text);

	if (len >= size) {
		memcpy(buf, text, size - 1);
		buf[size - 1] = '\0';
		return false;
	}
	memcpy(buf, text, len + 1);
	return true;
}

int text_index(const char *const *names, size_t n, const char *text)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!strcmp(names[i], text))
			return (int)i;
	return -1;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

int text_compare_nocase(const char *a, const char *b)
{
	while (*a && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return (unsigned char)lower(*a) - (unsigned char)lower(*b);
}

bool text_equal_nocase(const char *a, const char *b)
{
	return !text_compare_nocase(a, b);
}

bool text_starts_nocase(const char *text, const char *prefix)
{
	while (*prefix && lower(*text) == lower(*prefix)) {
		text++;
		prefix++;
	}
	return !*prefix;
}

/* Length of the well-formed UTF-8 sequence at S (LEFT bytes remain), 0 if there is none.
 */
static size_t utf8_decode(const unsigned char *s, size_t left, uint32_t *ret)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t i, len = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	uint32_t c = len == 1 ? s[0] : s[0] & (0x7fU >> len);

	if ((s[0] >= 0x80 && s[0] < 0xc2) || s[0] > 0xf4 || len > left)
		return 0;
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < smallest[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return len;
}

static bool is_harmless(uint32_t c)
{
	return c >= 0x20 && !(c >= 0x7f && c <= 0x9f) && !(c >= 0x200e && c <= 0x200f) &&
	       !(c >= 0x202a && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069) &&
	       c != 0x2028 && c != 0x2029 && c != 0x061c;
}

/* Length of the harmless character at S, 0 if it is none. */
static size_t printable_at(const char *s, size_t left)
{
	uint32_t c = 0;
	size_t len = utf8_decode((const unsigned char *)s, left, &c);

	return len && is_harmless(c) ? len : 0;
}

bool text_is_printable(const char *text, size_t len)
{
	while (len) {
		size_t n = printable_at(text, len);

		if (!n)
			return false;
		text += n;
		len -= n;
	}
	return true;
}

/* How many bytes the next character of TEXT takes, in it and escaped. */
static size_t escaped_at(const char *text, size_t left, size_t *ret_taken)
{
	size_t n = printable_at(text, left);

	*ret_taken = n ? n : 1;
	return n ? n : 4;
}

static bool fits_escaped(const char *text, size_t size)
{
	size_t used = 0, left = strlen(text), taken;

	for (; left && used < size; text += taken, left -= taken)
		used += escaped_at(text, left, &taken);
	return used < size;
}

const char *text_escape(char *buf, size_t size, const char *text)
{
	size_t used = 0, left = strlen(text), taken, need;
	size_t spare = fits_escaped(text, size) ? 1 : sizeof("...");

	for (; left; text += taken, left -= taken, used += need) {
		need = escaped_at(text, left, &taken);
		if (used + need + spare > size) {
			(void)snprintf(buf + used, size - used, "...");
			return buf;
		}
		if (need == taken)
			memcpy(buf + used, text, taken);
		else
			(void)snprintf(buf + used, size - used, "\\x%02x",
				       (unsigned)(unsigned char)*text);
	}
	buf[used] = '\0';
	return buf;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

unsigned text_distance(const char *a, const char *b)
{
	unsigned rows[3][DISTANCE_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];
	size_t i, j, len_a = strlen(a), len_b = strlen(b);

	len_a = len_a > DISTANCE_MAX ? DISTANCE_MAX : len_a;
	len_b = len_b > DISTANCE_MAX ? DISTANCE_MAX : len_b;
	for (j = 0; j <= len_b; j++)
		last[j] = (unsigned)j;
	for (i = 1; i <= len_a; i++) {
		unsigned *reuse = before;

		now[0] = (unsigned)i;
		for (j = 1; j <= len_b; j++) {
			unsigned cost = lower(a[i - 1]) != lower(b[j - 1]);

			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + cost);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]) &&
			    before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		before = last;
		last = now;
		now = reuse;
	}
	return last[len_b];
}

const char *text_age(char buf[TEXT_AGE_SIZE], int64_t seconds)
{
	static const struct {
		int64_t from, length;
		const char *unit;
	} units[] = {
		{ INT64_C(2) * 86400, 86400, "days" },
		{ INT64_C(2) * 3600, 3600, "h" },
		{ 120, 60, "min" },
		{ 0, 1, "s" },
	};
	size_t i = 0;

	if (seconds < 0) {
		(void)text_copy(buf, TEXT_AGE_SIZE, "in the future, by this clock");
		return buf;
	}
	while (seconds < units[i].from)
		i++;
	(void)snprintf(buf, TEXT_AGE_SIZE, "%lld %s ago",
		       (long long)(seconds / units[i].length), units[i].unit);
	return buf;
}
