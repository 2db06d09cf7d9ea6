/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/thin.h"

#define HOUR INT64_C(3600)
#define DAY (24 * HOUR)

/* How long a span of time one of this age stands for. */
static int64_t span(int64_t age)
{
	if (age < 2 * DAY)
		return HOUR;
	return age < 60 * DAY ? DAY : 30 * DAY;
}

/* The span is counted from 1970, so that the same file stands for it in every run. */
static bool is_same_span(const struct aged_file *newer, const struct aged_file *file,
			 int64_t now)
{
	int64_t length = span(now - file->written_at);

	return newer->written_at / length == file->written_at / length;
}

void thin(struct aged_file *files, size_t n, int64_t now)
{
	const struct aged_file *last = NULL;
	uint64_t total = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		struct aged_file *f = &files[i];

		f->keep = i < THIN_NEWEST || !is_same_span(last, f, now);
		if (f->keep)
			last = f;
	}
	for (i = 0; i < n; i++) {
		if (!files[i].keep)
			continue;
		total += files[i].size;
		files[i].keep = !i || total <= THIN_MAX_BYTES;
	}
}
