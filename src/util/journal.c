/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool journal_is_stderr(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

const char *journal_prefix(int priority)
{
	static const char *const prefixes[] = {
		[PRIORITY_ERROR] = "<3>",
		[PRIORITY_WARNING] = "<4>",
		[PRIORITY_INFO] = "<6>",
	};

	return journal_is_stderr() ? prefixes[priority] : "";
}
