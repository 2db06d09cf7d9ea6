/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/profile.h"

#include <ctype.h>
#include <regex.h>
#include <stdio.h>

#include "fuzz.h"

/* A board, and behind its last hyphen a size, in front of which slices may stand. */
#define GRAMMAR                                                                          \
	"^[A-Za-z0-9]([ "                                                                \
	"-]?[A-Za-z0-9])*-[0-9]{1,3}([ABCQ]4?|[ABCQ]?(ME|NOME|MEALL|GFX)?)$"

static bool matches(const char *text)
{
	static regex_t regex;
	static bool compiled;

	if (!compiled)
		must_hold(regcomp(&regex, GRAMMAR, REG_EXTENDED | REG_NOSUB) == 0);
	compiled = true;
	return regexec(&regex, text, 0, NULL, 0) == 0;
}

/* As the driver writes it; FOUND says how many digits its size has. */
static void format(const struct profile *p, int digits, char *buf, size_t size)
{
	char slices[16] = "", series[2] = { p->series, '\0' };

	if (p->slices)
		(void)snprintf(slices, sizeof(slices), "%u-", p->slices);
	must_hold(snprintf(buf, size, "%s-%s%0*u%s%s", p->board, slices, digits,
			   p->gigabytes, series, p->suffix) < (int)size);
}

static void check(const struct profile *p, const char *shortened)
{
	char text[2 * PROFILE_SIZE];
	struct profile again;

	must_hold(matches(shortened));
	must_hold(p->gigabytes > 0 && p->gigabytes < 1000 && p->slices < 10);
	must_hold(!p->series || strchr("ABCQ", p->series));
	must_hold(memchr(p->board, 0, sizeof(p->board)) && p->board[0]);
	must_hold(memchr(p->suffix, 0, sizeof(p->suffix)));
	format(p, (int)strspn(strrchr(shortened, '-') + 1, "0123456789"), text,
	       sizeof(text));
	must_hold(!strcmp(text, shortened));
	/* without "NVIDIA " in front, a board may begin with such a word itself */
	if (profile_short_name(text) == text)
		must_hold(profile_parse(text, &again) && !strcmp(again.board, p->board) &&
			  again.slices == p->slices && again.gigabytes == p->gigabytes &&
			  again.series == p->series && !strcmp(again.suffix, p->suffix));
}

int fuzz_profile(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_string(data, size);
	const char *shortened = profile_short_name(text);
	struct profile p = { .gigabytes = 0 };
	bool parsed = profile_parse(text, &p);
	size_t i;

	must_hold(shortened >= text && shortened <= text + strlen(text));
	must_hold(shortened - text == 0 || shortened - text == 5 ||
		  shortened - text == 7);
	if (parsed)
		check(&p, shortened);
	else /* that is what else may be wrong */
		must_hold(!matches(shortened) || strlen(shortened) > 64 ||
			  !strtoul(strrchr(shortened, '-') + 1, NULL, 10));
	if (parsed && strlen(text) < PROFILE_SIZE)
		must_hold(profile_is_wellformed(text));
	if (!profile_is_wellformed(text))
		return 0;
	must_hold(strlen(text) < PROFILE_SIZE);
	for (i = 0; text[i]; i++)
		text[i] = (char)toupper((unsigned char)text[i]);
	must_hold(matches(profile_short_name(text)) && profile_parse(text, &p));
	return 0;
}
