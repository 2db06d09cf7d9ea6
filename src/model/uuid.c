/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/uuid.h"

#include <stddef.h>

static bool fits(char c, size_t at)
{
	if (at == 8 || at == 13 || at == 18 || at == 23)
		return c == '-';
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool uuid_prefix(const char *text, unsigned min_length, char ret[UUID_SIZE])
{
	char lower[UUID_SIZE];
	size_t i, j;

	for (i = 0; text[i]; i++) {
		char c = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] - 'A' + 'a')
							  : text[i];

		if (i >= UUID_SIZE - 1 || !fits(c, i))
			return false;
		lower[i] = c;
	}
	if (i < min_length)
		return false;
	for (j = 0; j < i; j++)
		ret[j] = lower[j];
	ret[i] = '\0';
	return true;
}

bool uuid_normalise(const char *text, char ret[UUID_SIZE])
{
	return uuid_prefix(text, UUID_SIZE - 1, ret);
}
