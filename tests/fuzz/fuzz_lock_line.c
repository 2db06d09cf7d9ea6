/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/lock_holder.h"

#include <errno.h>
#include <stdio.h>

#include "fuzz.h"

#define BLANKS " \t\n"
#define WORDS 8 /* "1:" "OFDLCK" "ADVISORY" "WRITE" "-1" "08:01:4711" "0" "EOF" */

static bool read_number(const char *word, size_t len, uint64_t *ret)
{
	char *end;

	if (!len || strspn(word, "0123456789") < len)
		return false;
	errno = 0;
	*ret = strtoull(word, &end, 10);
	return !errno && end == word + len;
}

/* The bytes that LINE says are locked. */
static bool read_line(const char *line, uint64_t *first, uint64_t *last)
{
	const char *words[WORDS];
	size_t lens[WORDS], n = 0;

	if (strncmp(line, "lock:", 5) || strlen(line + 5) > 255)
		return false;
	for (line += 5; *(line += strspn(line, BLANKS)); line += lens[n++]) {
		if (n == WORDS)
			return false;
		words[n] = line;
		lens[n] = strcspn(line, BLANKS);
	}
	/* one that waits has an arrow */
	if (n < WORDS || (lens[1] == 2 && !strncmp(words[1], "->", 2)) ||
	    !read_number(words[6], lens[6], first))
		return false;
	if (lens[7] == 3 && !strncmp(words[7], "EOF", 3))
		*last = INT64_MAX;
	else if (!read_number(words[7], lens[7], last))
		return false;
	return true;
}

/* "FIRST N", and on the next line that of a lock. */
int fuzz_lock_line(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_string(data, size);
	unsigned long long first = 0, n = 0;
	uint64_t from = 0, to = 0;
	char *parts[2];
	bool covers;

	fuzz_split(text, parts, 2);
	if (strspn(parts[0], "0123456789 ") < strlen(parts[0]) ||
	    sscanf(parts[0], "%18llu %18llu", &first, &n) != 2 || !n)
		return 0;
	covers = read_line(parts[1], &from, &to) && from <= first + n - 1 && to >= first;
	must_hold(lock_line_covers(parts[1], (int64_t)first, (int64_t)n) == covers);
	return 0;
}
