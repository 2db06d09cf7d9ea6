/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "model/smi_text.h"

#define CELLS 6 /* that are read of a row; drivers add more */

/* The next row that is about a profile or an instance:
 * "|   0  MIG 1g.5gb+me     20     1/1        4.75       No     14     1     0   |"
 * Titles, rules and the second lines of rows are passed over. 1, 0 at the end, -EPROTO
 * where it is cut short. */
static int take_row(struct smi_lines *lines, struct span cells[CELLS],
		    struct smi_fault *fault)
{
	struct span line;

	while (smi_take_line(lines, &line)) {
		size_t n = 0;

		while (n < CELLS && span_word(&line, "|", &cells[n]))
			n++;
		if (n < 2 || !span_is(cells[1], "MIG"))
			continue;
		if (n < CELLS)
			return smi_fail(fault, EPROTO, lines->number,
					"a row that is cut short");
		return 1;
	}
	return 0;
}

/* Is there a line that begins in this way? */
static bool has_line(const char *text, const char *words)
{
	struct smi_lines lines = { .next = text };
	struct span line;

	while (smi_take_line(&lines, &line))
		if (line.len >= strlen(words) && !memcmp(line.at, words, strlen(words)))
			return true;
	return false;
}

/* "1g.24gb+me.all" */
static bool read_profile(struct span cell, char name[SMI_PROFILE_SIZE])
{
	static const char fine[] = "0123456789abcdefghijklmnopqrstuvwxyz.+-";

	return span_copy(cell, name, SMI_PROFILE_SIZE) && name[0] >= '0' &&
	       name[0] <= '9' && strspn(name, fine) == cell.len;
}

/* "A/B" */
static bool read_pair(struct span cell, char between, uint32_t *ret_a, uint32_t *ret_b)
{
	const char *at = memchr(cell.at, between, cell.len);
	size_t len = at ? (size_t)(at - cell.at) : 0;

	return at && span_u32((struct span){ cell.at, len }, ret_a) &&
	       span_u32((struct span){ at + 1, cell.len - len - 1 }, ret_b);
}

/* "4.75" GiB */
static bool read_gib(struct span cell, uint32_t *ret_mib)
{
	const char *point = memchr(cell.at, '.', cell.len);
	struct span whole = { cell.at, point ? (size_t)(point - cell.at) : cell.len };
	struct span part = { cell.at + whole.len, cell.len - whole.len };
	uint64_t mib, scale = 1;
	uint32_t gib, fraction = 0;

	if (!span_u32(whole, &gib) || gib > 1 << 20 || part.len > 7)
		return false;
	if (part.len) {
		size_t i;

		for (i = 1; i < part.len; i++)
			scale *= 10;
		part.at++;
		part.len--;
		if (!span_u32(part, &fraction))
			return false;
	}
	mib = (uint64_t)gib * 1024 + (uint64_t)fraction * 1024 / scale;
	*ret_mib = (uint32_t)mib;
	return true;
}

int smi_parse_gi_profiles(const char *text, struct smi_gi_profile *ret, size_t max,
			  struct smi_fault *fault)
{
	struct smi_lines lines = { .next = text };
	struct span cells[CELLS];
	size_t n = 0;
	int r;

	while ((r = take_row(&lines, cells, fault)) > 0) {
		struct smi_gi_profile p = { .gpu = 0 };

		if (!span_u32(cells[0], &p.gpu) || !read_profile(cells[2], p.name) ||
		    !span_u32(cells[3], &p.id) ||
		    !read_pair(cells[4], '/', &p.free, &p.total) || p.free > p.total ||
		    !read_gib(cells[5], &p.memory_mib))
			return smi_fail(fault, EPROTO, lines.number,
					"no GPU instance profile");
		if (n == max)
			return smi_fail(fault, E2BIG, lines.number, "too many profiles");
		ret[n++] = p;
	}
	if (r == 0 && !n && !has_line(text, "| GPU instance profiles:"))
		return smi_fail(fault, EPROTO, 0, "no list of GPU instance profiles");
	return r < 0 ? r : (int)n;
}

bool smi_says_no_gis(const char *text)
{
	return has_line(text, "No GPU instances found") ||
	       has_line(text, "No MIG-enabled devices found");
}

int smi_parse_gis(const char *text, struct smi_gi *ret, size_t max,
		  struct smi_fault *fault)
{
	struct smi_lines lines = { .next = text };
	struct span cells[CELLS];
	size_t n = 0;
	int r;

	while ((r = take_row(&lines, cells, fault)) > 0) {
		struct smi_gi gi = { .gpu = 0 };

		if (!span_u32(cells[0], &gi.gpu) || !read_profile(cells[2], gi.profile) ||
		    !span_u32(cells[3], &gi.profile_id) || !span_u32(cells[4], &gi.id) ||
		    !read_pair(cells[5], ':', &gi.start, &gi.size) || !gi.size)
			return smi_fail(fault, EPROTO, lines.number, "no GPU instance");
		if (n == max)
			return smi_fail(fault, E2BIG, lines.number,
					"too many GPU instances");
		ret[n++] = gi;
	}
	if (r == 0 && !n && !has_line(text, "| GPU instances:") && !smi_says_no_gis(text))
		return smi_fail(fault, EPROTO, 0, "no list of GPU instances");
	return r < 0 ? r : (int)n;
}
