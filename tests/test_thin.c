/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/thin.h"

#include "lib/check.h"

#define HOUR 3600
#define DAY (24 * HOUR)
#define NOW ((int64_t)1800000000 / (30 * DAY) * (30 * DAY) + 29 * DAY)
#define MAX 3000

/* N files, each STEP seconds older than the one before; how many are kept, FROM on. */
static size_t kept(size_t n, int64_t step, uint64_t size, struct aged_file *files)
{
	size_t i, count = 0;

	for (i = 0; i < n; i++)
		files[i] = (struct aged_file){ .written_at = NOW - (int64_t)i * step,
					       .size = size };
	thin(files, n, NOW);
	for (i = 0; i < n; i++)
		count += files[i].keep;
	return count;
}

static void what_is_kept_by_age(void **state)
{
	static const struct {
		const char *name;
		size_t n, least, most;
		int64_t step;
	} cases[] = {
		{ "none", 0, 0, 0, 1 },
		{ "one", 1, 1, 1, 1 },
		{ "fifty of one second", 50, 50, 50, 0 },
		{ "a thousand of one second", 1000, 50, 51, 0 },
		{ "a thousand of a thousand seconds", 1000, 50, 52, 1 },
		{ "one a minute for two days", 2880, 50 + 46, 50 + 49, 60 },
		{ "one an hour for four days", 96, 48 + 1, 52, HOUR },
		{ "one a day for a year", 365, 59, 60 + 12, DAY },
		{ "one a month for ten years", 120, 120, 120, 30 * DAY },
	};
	static struct aged_file files[MAX];
	size_t i, n;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		n = kept(cases[i].n, cases[i].step, 1000, files);
		if (n < cases[i].least || n > cases[i].most)
			fail_msg("%s: %zu are kept, not %zu to %zu", cases[i].name, n,
				 cases[i].least, cases[i].most);
		check_case(cases[i].name, !cases[i].n || files[0].keep);
	}
}

static void fifty_of_the_newest_whatever_the_clock_says(void **state)
{
	static const int64_t clocks[] = { 0, NOW, -NOW, INT32_MAX };
	static struct aged_file files[200];
	size_t c, i;

	(void)state;
	for (c = 0; c < ARRAY_SIZE_OF(clocks); c++) {
		for (i = 0; i < 200; i++)
			files[i] = (struct aged_file){
				.written_at = NOW + (i % 2 ? 1000 * DAY : 0), .size = 1
			};
		thin(files, 200, clocks[c]);
		for (i = 0; i < THIN_NEWEST; i++)
			assert_true(files[i].keep);
	}
}

static void two_hundred_mebibytes_at_most(void **state)
{
	static struct aged_file files[100];

	(void)state;
	/* of 50, those that fit */
	assert_int_equal(kept(50, 1, THIN_MAX_BYTES / 10, files), 10);
	assert_true(files[9].keep);
	assert_false(files[10].keep);
	/* the newest is kept though it is larger than all may be together */
	assert_int_equal(kept(50, 1, THIN_MAX_BYTES + 1, files), 1);
	assert_true(files[0].keep);
	assert_int_equal(kept(50, 1, THIN_MAX_BYTES / 50, files), 50);
}

/* What was kept is kept again, so that nothing wears away by thinning often. */
static void thinning_twice_removes_nothing_more(void **state)
{
	static struct aged_file files[MAX], again[MAX];
	size_t i, n = 0;

	(void)state;
	(void)kept(2500, 700, 1000, files);
	for (i = 0; i < 2500; i++)
		if (files[i].keep)
			again[n++] = files[i];
	thin(again, n, NOW);
	for (i = 0; i < n; i++)
		assert_true(again[i].keep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept_by_age),
		cmocka_unit_test(fifty_of_the_newest_whatever_the_clock_says),
		cmocka_unit_test(two_hundred_mebibytes_at_most),
		cmocka_unit_test(thinning_twice_removes_nothing_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
