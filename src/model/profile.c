/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/profile.h"

#include <stddef.h>
#include <string.h>

#include "util/text.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

const char *profile_short_name(const char *name)
{
	static const char *const vendors[] = { "NVIDIA ", "GRID " };
	size_t i;

	for (i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++)
		if (text_starts_nocase(name, vendors[i]))
			return name + strlen(vendors[i]);
	return name;
}

/* "24A", "5CME", "24", "2B4": gigabytes, series, suffix. */
static bool parse_size(const char *text, struct profile *ret)
{
	static const char *const suffixes[] = { "", "4", "ME", "NOME", "MEALL", "GFX" };
	size_t i, digits = strspn(text, "0123456789");

	if (!digits || digits > 3)
		return false;
	ret->gigabytes = 0;
	for (i = 0; i < digits; i++)
		ret->gigabytes = ret->gigabytes * 10 + (uint32_t)(text[i] - '0');
	text += digits;
	ret->series = *text && strchr("ABCQ", *text) ? *text++ : '\0';
	for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (strcmp(text, suffixes[i]))
			continue;
		(void)text_copy(ret->suffix, sizeof(ret->suffix), text);
		return ret->gigabytes > 0;
	}
	return false;
}

/* Letters, digits, and single spaces or hyphens between them. */
static bool is_board(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		bool inside = i > 0 && i + 1 < len && is_alnum(text[i - 1]);

		if (!is_alnum(text[i]) && !(inside && (text[i] == ' ' || text[i] == '-')))
			return false;
	}
	return len > 0;
}

bool profile_parse(const char *name, struct profile *ret)
{
	const char *shortened = profile_short_name(name);
	const char *dash = strrchr(shortened, '-');
	struct profile p = { 0 };
	size_t len;

	if (!dash || !parse_size(dash + 1, &p))
		return false;
	len = (size_t)(dash - shortened);
	if (len > 2 && shortened[len - 2] == '-' && is_digit(shortened[len - 1]) &&
	    shortened[len - 1] != '0') {
		p.slices = (uint32_t)(shortened[len - 1] - '0');
		len -= 2;
	}
	if (!is_board(shortened, len) || len >= sizeof(p.board))
		return false;
	memcpy(p.board, shortened, len);
	p.board[len] = '\0';
	*ret = p;
	return true;
}

bool profile_parse_nocase(const char *text, struct profile *ret)
{
	char upper[PROFILE_SIZE];
	size_t i;

	if (!text_copy(upper, sizeof(upper), text))
		return false;
	for (i = 0; upper[i]; i++)
		if (upper[i] >= 'a' && upper[i] <= 'z')
			upper[i] = (char)(upper[i] - 'a' + 'A');
	return profile_parse(upper, ret);
}

bool profile_is_wellformed(const char *text)
{
	struct profile ignored;

	return profile_parse_nocase(text, &ignored);
}
