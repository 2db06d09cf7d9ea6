/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/params.h"

#include "fuzz.h"

/* How often NAME=, as a part, is in TEXT. */
static unsigned count(const char *text, const char *name)
{
	size_t length = strlen(name);
	unsigned n = 0;

	for (; *text; text += strcspn(text, ","), text += *text == ',')
		n += !strncmp(text, name, length) && text[length] == '=';
	return n;
}

static void check_fine(const char *text, const char *params)
{
	char again[PARAMS_SIZE], bad[PARAMS_BAD_SIZE];
	const char *name;
	size_t i, length = strlen(params);
	unsigned n = 0, commas = 0;

	must_hold(length && length < PARAMS_SIZE);
	must_hold(params_normalise(params, again, bad) == PARAMS_FINE);
	must_hold(!strcmp(params, again) && !bad[0]);
	for (i = 0; (name = params_name(i)); i++) {
		must_hold(count(params, name) <= 1);
		must_hold(!count(params, name) || strstr(text, name));
		n += count(params, name);
	}
	for (i = 0; i < length; i++)
		commas += params[i] == ',';
	must_hold(n == commas + 1);
	for (i = 0; text[i]; i++)
		commas -= text[i] == ',';
	must_hold(commas == 0);
}

int fuzz_params(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_string(data, size);
	char params[PARAMS_SIZE], bad[PARAMS_BAD_SIZE];
	enum params_fault fault = params_normalise(text, params, bad);

	must_hold(memchr(bad, 0, sizeof(bad)));
	if (fault == PARAMS_FINE) {
		check_fine(text, params);
		return 0;
	}
	must_hold(!params[0]);
	must_hold((fault == PARAMS_TOO_LONG) ==
		  (strlen(text) >= PARAMS_SIZE && strspn(text, " ") != strlen(text)));
	must_hold(!bad[0] || strstr(text, bad));
	must_hold((params_range(bad) != NULL) ||
		  (fault != PARAMS_RANGE && fault != PARAMS_TWICE));
	if (fault == PARAMS_UNKNOWN)
		must_hold(!params_range(bad));
	(void)params_near(bad);
	return 0;
}
