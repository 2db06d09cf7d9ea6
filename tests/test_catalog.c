/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/catalog.h"

#include <string.h>

#include "lib/check.h"

struct line {
	uint32_t id;
	const char *name;
	uint32_t size_mib;
};

static struct catalog *make(const struct line *lines, size_t n)
{
	struct catalog *catalog = catalog_new(n);
	size_t i;

	assert_non_null(catalog);
	for (i = 0; i < n; i++) {
		assert_true(vgpu_type_parse(lines[i].id, lines[i].name, "",
					    &catalog->types[i]));
		catalog->types[i].framebuffer_mib = lines[i].size_mib;
	}
	catalog->n_types = n;
	catalog_sort(catalog);
	return catalog;
}

static const struct line remembered[] = { { 557, "NVIDIA A40-1Q", 1024 },
					  { 558, "NVIDIA A40-2Q", 2048 },
					  { 568, "NVIDIA A40-2A", 2048 } };

static void what_is_listed_now_outdoes_what_is_remembered(void **state)
{
	/* 558 is another type by now, and A40-1Q has another number */
	static const struct line now[] = { { 558, "NVIDIA A40-8Q", 8192 },
					   { 657, "NVIDIA A40-1Q", 1024 } };
	struct catalog *own = make(now, 2), *known = make(remembered, 3);
	struct catalog *all = catalog_join(own, known);

	(void)state;
	assert_non_null(all);
	assert_int_equal(all->n_types, 3);
	assert_int_equal(catalog_find(all, "A40-1Q")->id, 657);
	assert_string_equal(catalog_find_id(all, 558)->profile, "A40-8Q");
	assert_int_equal(catalog_find(all, "A40-2A")->id, 568);
	assert_null(catalog_find(all, "A40-2Q"));
	assert_false(catalog_same(all, known));
	catalog_unref(all);
	catalog_unref(own);
	catalog_unref(known);
}

static void an_empty_list_is_not_an_empty_catalog(void **state)
{
	struct catalog *own = make(NULL, 0), *known = make(remembered, 3);
	struct catalog *all = catalog_join(own, known),
		       *alone = catalog_join(NULL, known);

	(void)state;
	assert_true(catalog_same(all, known));
	assert_true(catalog_same(alone, known));
	assert_false(catalog_same(own, known));
	assert_true(catalog_same(own, NULL));
	known->types[1].framebuffer_mib++;
	assert_false(catalog_same(all, known));
	catalog_unref(alone);
	catalog_unref(all);
	catalog_unref(own);
	catalog_unref(known);
}

static void a_list_that_has_others_of_a_size_lacks_what_it_does_not_name(void **state)
{
	struct catalog *known = make(remembered, 3);

	(void)state;
	assert_true(catalog_lacks(known, "A40-2B", 2048));
	assert_false(catalog_lacks(known, "A40-2A", 2048));
	assert_false(catalog_lacks(known, "A40-8Q", 8192)); /* GPU of another size */
	assert_false(catalog_lacks(known, "A40-2B", 0));    /* size not known */
	assert_false(catalog_lacks(NULL, "A40-2B", 2048));
	catalog_unref(known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_listed_now_outdoes_what_is_remembered),
		cmocka_unit_test(an_empty_list_is_not_an_empty_catalog),
		cmocka_unit_test(
			a_list_that_has_others_of_a_size_lacks_what_it_does_not_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
