/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <regex.h>
#include <stdio.h>
#include <time.h>

#include "fuzz.h"
#include "util/clock.h"

#define NOW INT64_C(1767225600) /* 2026-01-01 */
#define SIZE 32
#define FORM "[0-9]{4}-[0-9]{2}-[0-9]{2}"
#define GRAMMAR                                                                          \
	"^(" FORM                                                                        \
	"([Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2}))?"     \
	"|[0-9]{1,9}[smhdw])$"

static bool matches(const char *text)
{
	static regex_t regex;
	static bool compiled;

	if (!compiled)
		must_hold(regcomp(&regex, GRAMMAR, REG_EXTENDED | REG_NOSUB) == 0);
	compiled = true;
	return regexec(&regex, text, 0, NULL, 0) == 0;
}

/* So long before NOW, but not before 1970. */
static void check_duration(const char *text, const char *moment)
{
	char *unit, wanted[SIZE];
	int64_t ago = strtoll(text, &unit, 10);
	time_t t;

	ago *= *unit == 's' ? 1 : *unit == 'm' ? 60 : *unit == 'h' ? 3600 : 86400;
	ago *= *unit == 'w' ? 7 : 1;
	t = ago < NOW ? (time_t)(NOW - ago) : 0;
	must_hold(strftime(wanted, sizeof(wanted), "%Y-%m-%dT%H:%M:%SZ", gmtime(&t)));
	must_hold(!strcmp(moment, wanted));
}

int fuzz_since(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_string(data, size);
	char moment[SIZE], again[SIZE];

	if (!clock_parse_since(text, NOW, moment, sizeof(moment)))
		return 0;
	must_hold(matches(text));
	must_hold(strlen(moment) == 20 && moment[10] == 'T' && moment[19] == 'Z');
	must_hold(clock_parse_since(moment, NOW, again, sizeof(again)));
	must_hold(!strcmp(moment, again));
	if (!strchr(text, '-'))
		check_duration(text, moment);
	else if (strlen(text) == 10)
		must_hold(!strncmp(text, moment, 10) &&
			  !strcmp(moment + 10, "T00:00:00Z"));
	else if (strlen(text) == 20 && (text[19] | 0x20) == 'z' && text[17] < '6')
		must_hold(!strncmp(text, moment, 10) &&
			  !strncmp(text + 11, moment + 11, 8));
	return 0;
}
