/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/params.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "util/text.h"

#define TOO_FAR 6 /* edits */

/* In the order in which they are kept. */
static const struct {
	const char *name;
	uint32_t max;
	const char *range;
} known[] = {
	{ "frame_rate_limiter", 1, "0 or 1" },
	{ "disable_vnc", 1, "0 or 1" },
	{ "enable_uvm", 1, "0 or 1" },
	{ "enable_debugging", 1, "0 or 1" },
	{ "enable_profiling", 1, "0 or 1" },
	{ "vgpu-placement-id", 65535, "0 to 65535" },
};

#define N_KNOWN (sizeof(known) / sizeof(known[0]))

/* Which one TEXT, up to its "=", names; -1 if none. */
static int find(const char *text)
{
	size_t i, length = strcspn(text, "=");

	for (i = 0; i < N_KNOWN; i++)
		if (strlen(known[i].name) == length &&
		    !strncmp(known[i].name, text, length))
			return (int)i;
	return -1;
}

/* One part, "name=value". */
static enum params_fault parse_part(const char *part, bool *given, uint32_t *values)
{
	const char *equals = strchr(part, '=');
	uint32_t value;
	int i;

	if (!equals || equals == part || strchr(equals + 1, '='))
		return PARAMS_MALFORMED;
	i = find(part);
	if (i < 0)
		return PARAMS_UNKNOWN;
	if (given[i])
		return PARAMS_TWICE;
	if (!parse_u32(equals + 1, &value) || value > known[i].max)
		return PARAMS_RANGE;
	given[i] = true;
	values[i] = value;
	return PARAMS_FINE;
}

/* Each known parameter is there once at most: it always fits. */
static void print(const bool *given, const uint32_t *values, char ret[PARAMS_SIZE])
{
	size_t i, used = 0;

	for (i = 0; i < N_KNOWN; i++)
		if (given[i])
			used += (size_t)snprintf(ret + used, PARAMS_SIZE - used,
						 "%s%s=%u", used ? "," : "",
						 known[i].name, values[i]);
}

enum params_fault params_normalise(const char *text, char ret[PARAMS_SIZE],
				   char ret_bad[PARAMS_BAD_SIZE])
{
	enum params_fault fault = PARAMS_FINE;
	bool given[N_KNOWN] = { false };
	uint32_t values[N_KNOWN];

	ret[0] = ret_bad[0] = '\0';
	if (!text[strspn(text, " ")])
		return PARAMS_EMPTY;
	if (strlen(text) >= PARAMS_SIZE)
		return PARAMS_TOO_LONG;
	while (fault == PARAMS_FINE) {
		size_t length;

		text += strspn(text, " ");
		length = strcspn(text, ",");
		while (length && text[length - 1] == ' ')
			length--;
		(void)snprintf(ret_bad, PARAMS_BAD_SIZE, "%.*s", (int)length, text);
		if (length >= PARAMS_BAD_SIZE)
			return !strchr(ret_bad, '=') ? PARAMS_MALFORMED
			       : find(ret_bad) < 0   ? PARAMS_UNKNOWN
						     : PARAMS_RANGE;
		fault = parse_part(ret_bad, given, values);
		text += strcspn(text, ",");
		if (!*text++)
			break;
	}
	if (fault != PARAMS_FINE)
		return fault;
	ret_bad[0] = '\0';
	print(given, values, ret);
	return PARAMS_FINE;
}

const char *params_near(const char *bad)
{
	char name[PARAMS_BAD_SIZE];
	unsigned best = TOO_FAR + 1;
	const char *ret = NULL;
	size_t i;

	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(bad, "="), bad);
	for (i = 0; i < N_KNOWN; i++) {
		unsigned distance = text_distance(name, known[i].name);

		if (distance >= best)
			continue;
		best = distance;
		ret = known[i].name;
	}
	return ret;
}

const char *params_range(const char *bad)
{
	int i = find(bad);

	return i < 0 ? NULL : known[i].range;
}

const char *params_name(size_t i)
{
	return i < N_KNOWN ? known[i].name : NULL;
}
