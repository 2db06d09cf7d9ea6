/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/virtfn.h"

#include <stdio.h>

#include "fuzz.h"

#define MOST 64

static int64_t number(const struct parent *vf)
{
	return (int64_t)bdf_number(&vf->bdf);
}

static int compare_index(const void *a, const void *b)
{
	const struct parent *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

/* "virtfnN ADDRESS": what a link says. */
static bool read_line(const char *line, struct parent *ret)
{
	char name[24];
	int end = 0;

	*ret = (struct parent){ .index = 0 };
	if (sscanf(line, "%23s %n", name, &end) != 1)
		return false;
	if (!virtfn_parse(name, &ret->index)) {
		must_hold(strncmp(name, "virtfn", 6) || !name[6] ||
			  strspn(name + 6, "0123456789") != strlen(name + 6) ||
			  strtoull(name + 6, NULL, 10) > UINT32_MAX);
		return false;
	}
	must_hold(strtoull(name + 6, NULL, 10) == ret->index);
	return bdf_parse(line + end, &ret->bdf);
}

/* All are on one line through the first two, in each of which the last one is. */
static void check(const struct parent *vfs, const struct parent *were, size_t n)
{
	int64_t first = number(&vfs[0]), stride = number(&vfs[1]) - first;
	size_t i;

	for (i = 0; i < n; i++) {
		must_hold(vfs[i].index == were[i].index);
		must_hold(vfs[i].bdf.domain == vfs[0].bdf.domain);
		must_hold(vfs[i].bdf.device < 32 && vfs[i].bdf.function < 8);
		must_hold(number(&vfs[i]) ==
			  first + stride * ((int64_t)vfs[i].index - vfs[0].index));
	}
	must_hold(bdf_equal(&vfs[0].bdf, &were[0].bdf));
	must_hold(bdf_equal(&vfs[1].bdf, &were[1].bdf));
	must_hold(bdf_equal(&vfs[n - 1].bdf, &were[n - 1].bdf));
}

/* A line for each link of a PF. */
int fuzz_virtfn(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_string(data, size);
	struct parent vfs[MOST], were[MOST];
	char *lines[MOST];
	size_t i, n = 0;

	fuzz_split(text, lines, MOST);
	for (i = 0; i < MOST; i++)
		n += read_line(lines[i], &vfs[n]);
	qsort(vfs, n, sizeof(vfs[0]), compare_index);
	memcpy(were, vfs, n * sizeof(vfs[0]));
	if (virtfn_derive(vfs, n)) {
		must_hold(n >= 4);
		check(vfs, were, n);
	} else {
		for (i = 0; i < n; i++)
			must_hold(bdf_equal(&vfs[i].bdf, &were[i].bdf));
	}
	return 0;
}
