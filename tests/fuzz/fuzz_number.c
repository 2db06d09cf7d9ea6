/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "fuzz.h"
#include "util/text.h"

#define HEX "0123456789abcdefABCDEF"

static bool is_number(const char *digits, const char *allowed, int base, uint64_t *ret)
{
	if (!*digits || strspn(digits, allowed) != strlen(digits))
		return false;
	errno = 0;
	*ret = strtoull(digits, NULL, base);
	return errno == 0;
}

int fuzz_number(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_string(data, size);
	uint64_t wanted = 7, got = 7;
	uint32_t narrow = 7;
	bool fine = is_number(text, "0123456789", 10, &wanted);

	must_hold(parse_u64(text, &got) == fine);
	must_hold(got == (fine ? wanted : 7));
	must_hold(parse_u32(text, &narrow) == (fine && wanted <= UINT32_MAX));
	must_hold(narrow == (fine && wanted <= UINT32_MAX ? wanted : 7));
	if (text[0] == '0' && text[1] == 'x') /* 16 digits at most */
		fine = strlen(text) <= 18 && is_number(text + 2, HEX, 16, &wanted);
	got = 7;
	must_hold(parse_number(text, &got) == fine);
	must_hold(got == (fine ? wanted : 7));
	return 0;
}
