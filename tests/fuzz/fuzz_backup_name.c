/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "out/backup.h"

#include <regex.h>
#include <stdio.h>

#include "fuzz.h"
#include "model/saved.h"
#include "out/record.h"

static bool matches(const char *text)
{
	static regex_t regex;
	static bool compiled;

	if (!compiled)
		must_hold(regcomp(&regex, "^backup-[0-9]{1,23}-.*\\.json$",
				  REG_EXTENDED | REG_NOSUB) == 0);
	compiled = true;
	return regexec(&regex, text, 0, NULL, 0) == 0;
}

/* A name, and the beginning of a document. */
int fuzz_backup_name(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_string(data, size);
	char *parts[2], key[64];
	uint64_t generation = 0, wanted = 0;
	bool is_name;

	fuzz_split(text, parts, 2);
	is_name = matches(parts[0]);
	if (is_name) {
		/* too large for strtoull() is its maximum, which is too large for a store
		 */
		wanted = strtoull(parts[0] + strlen("backup-"), NULL, 10);
		is_name = wanted <= (uint64_t)SAVED_MAX_GENERATION;
	}
	must_hold(backup_parse_name(parts[0], &generation) == is_name);
	must_hold(!is_name || generation == wanted);
	generation = record_parse_head(parts[1]);
	if (generation) {
		const char *at = strstr(parts[1], "\"generation\": ");

		must_hold(at);
		at = strchr(at, ':') + 2;
		at += strspn(at, "0");
		(void)snprintf(key, sizeof(key), "%llu", (unsigned long long)generation);
		must_hold(!strncmp(at, key, strlen(key)));
		must_hold(!at[strlen(key)] || !strchr("0123456789", at[strlen(key)]));
	}
	return 0;
}
