/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/journal.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

/* A leading '=' stands for the true device and inode of stderr. */
int fuzz_journal(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_string(data, size);
	char true_one[64], stream[4096];
	struct stat st;

	must_hold(fstat(STDERR_FILENO, &st) == 0);
	(void)snprintf(true_one, sizeof(true_one), "%llu:%llu",
		       (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	(void)snprintf(stream, sizeof(stream), "%s%s", text[0] == '=' ? true_one : "",
		       text[0] == '=' ? text + 1 : text);
	must_hold(setenv("JOURNAL_STREAM", stream, 1) == 0);
	if (!strcmp(stream, true_one))
		must_hold(journal_is_stderr());
	if (journal_is_stderr()) {
		char *end;

		must_hold(strtoull(stream, &end, 10) == st.st_dev);
		must_hold(*end == ':' && strtoull(end + 1, NULL, 10) == st.st_ino);
		must_hold(!strcmp(journal_prefix(PRIORITY_ERROR), "<3>"));
	} else {
		must_hold(!journal_prefix(PRIORITY_ERROR)[0]);
	}
	must_hold(unsetenv("JOURNAL_STREAM") == 0);
	return 0;
}
