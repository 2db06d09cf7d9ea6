/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/uuid.h"

#include <ctype.h>
#include <strings.h>

#include "fuzz.h"

#define FORM "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh"

static bool begins_uuid(const char *text)
{
	size_t i, len = strlen(text);

	for (i = 0; i < len && i < sizeof(FORM); i++)
		if (FORM[i] == 'h' ? !isxdigit((unsigned char)text[i])
				   : text[i] != FORM[i])
			return false;
	return len < sizeof(FORM);
}

/* The first byte says how long a prefix has to be. */
int fuzz_uuid(const uint8_t *data, size_t size)
{
	unsigned min_length = size ? data[0] % UUID_SIZE : 0;
	_cleanup_(freep) char *text = fuzz_string(data + (size > 0), size - (size > 0));
	char prefix[UUID_SIZE], uuid[UUID_SIZE], again[UUID_SIZE];
	bool is_prefix = begins_uuid(text) && strlen(text) >= min_length;
	size_t i;

	must_hold(uuid_prefix(text, min_length, prefix) == is_prefix);
	must_hold(uuid_normalise(text, uuid) ==
		  (begins_uuid(text) && strlen(text) == UUID_SIZE - 1));
	if (!is_prefix)
		return 0;
	must_hold(!strcasecmp(prefix, text));
	for (i = 0; prefix[i]; i++)
		must_hold(!isupper((unsigned char)prefix[i]));
	must_hold(uuid_prefix(prefix, min_length, again) && !strcmp(prefix, again));
	if (i == UUID_SIZE - 1)
		must_hold(uuid_normalise(text, uuid) && !strcmp(uuid, prefix));
	return 0;
}
