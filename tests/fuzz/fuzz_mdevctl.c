/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <jansson.h>

#include "fuzz.h"
#include "host/others.h"

#define KEY "\"start\""

static size_t count_keys(const char *text)
{
	size_t n = 0;

	for (; (text = strstr(text, KEY)); text++)
		n++;
	return n;
}

/* Where jansson finds the key, it is found; no more is asked of text that mdevctl would
 * not write, which has the word in other places, or spells it with escapes. */
int fuzz_mdevctl(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_string(data, size);
	bool manual = others_says_manual(text);
	const char *start;
	json_t *document;

	if (manual)
		must_hold(strstr(text, KEY) && strstr(strstr(text, KEY), "\"manual\""));
	document = count_keys(text) == 1 && !strchr(text, '\\')
			   ? json_loads(text, 0, NULL)
			   : NULL;
	start = json_string_value(json_object_get(document, "start"));
	if (start)
		must_hold(manual == !strcmp(start, "manual"));
	json_decref(document);
	return 0;
}
