/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which old copies of the record are worth their room. */

#define THIN_NEWEST 50			     /* are kept whatever their age */
#define THIN_MAX_BYTES ((uint64_t)200 << 20) /* all together; the newest is always kept  \
					      */

struct aged_file {
	int64_t written_at; /* seconds since 1970 */
	uint64_t size;	    /* bytes */
	bool keep;	    /* the answer */
};

/* Judges the N FILES, which are in order, the newest first; NOW as written_at. Beyond the
 * first THIN_NEWEST one is kept of each hour for two days, one of each day for two
 * months, and one of each 30 days after that; then the oldest go until they fit. */
void thin(struct aged_file *files, size_t n, int64_t now);
