/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/bdf.h"

#include <stdio.h>

/* Reads 1 to MAX_DIGITS hex digits, returns how many there were. */
static size_t read_hex(const char *text, size_t max_digits, uint32_t *ret)
{
	size_t n = 0;

	*ret = 0;
	for (; n < max_digits; n++) {
		char c = text[n];

		if (c >= '0' && c <= '9')
			*ret = *ret << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			*ret = *ret << 4 | (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			*ret = *ret << 4 | (uint32_t)(c - 'A' + 10);
		else
			break;
	}
	return n;
}

/* Reads "HEX" and the character after it; false where either is missing. */
static bool read_part(const char **text, size_t max_digits, char end, uint32_t *ret)
{
	size_t n = read_hex(*text, max_digits, ret);

	if (!n || (*text)[n] != end)
		return false;
	*text += n + (end != '\0');
	return true;
}

bool bdf_parse(const char *text, struct bdf *ret)
{
	uint32_t domain = 0, bus, device, function;
	const char *rest = text;
	size_t colons = 0;

	for (; *rest; rest++)
		colons += *rest == ':';
	if (colons != 1 && colons != 2)
		return false;
	if (colons == 2 && !read_part(&text, 8, ':', &domain))
		return false;
	if (!read_part(&text, 2, ':', &bus) || !read_part(&text, 2, '.', &device) ||
	    !read_part(&text, 1, '\0', &function))
		return false;
	if (device > 0x1f || function > 7)
		return false;
	*ret = (struct bdf){ domain, (uint8_t)bus, (uint8_t)device, (uint8_t)function };
	return true;
}

const char *bdf_format(const struct bdf *bdf, char buf[BDF_SIZE])
{
	(void)snprintf(buf, BDF_SIZE, "%04x:%02x:%02x.%x", bdf->domain, bdf->bus,
		       bdf->device, bdf->function);
	return buf;
}

int bdf_compare(const struct bdf *a, const struct bdf *b)
{
	if (a->domain != b->domain)
		return a->domain < b->domain ? -1 : 1;
	if (a->bus != b->bus)
		return a->bus < b->bus ? -1 : 1;
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return (a->function > b->function) - (a->function < b->function);
}

bool bdf_equal(const struct bdf *a, const struct bdf *b)
{
	return bdf_compare(a, b) == 0;
}

uint64_t bdf_number(const struct bdf *bdf)
{
	return (uint64_t)bdf->domain << 16 | (uint64_t)bdf->bus << 8 |
	       (uint64_t)bdf->device << 3 | bdf->function;
}
