/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/type_table.h"

#include <stdlib.h>

#include "lib/check.h"
#include "util/text.h"

static struct profile parsed(const char *name)
{
	struct profile p;

	check_case(name, profile_parse(name, &p));
	return p;
}

static void names_are_in_order_and_each_is_there_once(void **state)
{
	size_t i;

	(void)state;
	assert_true(type_table_size() > 500);
	assert_null(type_table_at(type_table_size()));
	for (i = 1; i < type_table_size(); i++) {
		const char *last = profile_short_name(type_table_at(i - 1)->name);
		const char *name = profile_short_name(type_table_at(i)->name);

		check_case(name, text_compare_nocase(last, name) < 0);
	}
}

static void every_name_is_found_as_it_is_and_as_users_write_it(void **state)
{
	char text[TYPE_NAME_SIZE + 8];
	size_t i, j;

	(void)state;
	for (i = 0; i < type_table_size(); i++) {
		const struct known_type *known = type_table_at(i);

		check_case(known->name, strlen(known->name) < TYPE_NAME_SIZE);
		check_case(known->name, type_table_find(known->name) == known);
		(void)snprintf(text, sizeof(text), "grid %s",
			       profile_short_name(known->name));
		for (j = 0; text[j]; j++)
			if (text[j] >= 'A' && text[j] <= 'Z')
				text[j] = (char)(text[j] - 'A' + 'a');
		check_case(text, type_table_find(text) == known);
		check_case(text, type_table_find(text + 5) == known);
		check_case(text, profile_is_wellformed(text));
	}
}

static void every_name_is_a_profiles_and_says_what_its_mig_profile_does(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < type_table_size(); i++) {
		const struct known_type *known = type_table_at(i);
		struct profile p = parsed(known->name);
		char mig[MIG_PROFILE_SIZE];

		if (!known->mig_profile)
			continue;
		check_case(known->name, p.slices > 0);
		(void)snprintf(mig, sizeof(mig), "%ug.%ugb%s", p.slices, p.gigabytes,
			       strcmp(p.suffix, "ME") ? "" : "+me");
		assert_string_equal(mig, known->mig_profile);
	}
}

/* The largest framebuffer known of a board's types. */
static uint32_t board_mib(const char *board)
{
	uint32_t most = 0;
	size_t i;

	for (i = 0; i < type_table_size(); i++) {
		const struct known_type *known = type_table_at(i);

		if (!strcmp(parsed(known->name).board, board) &&
		    known->framebuffer_mib > most)
			most = known->framebuffer_mib;
	}
	return most;
}

/* What NVIDIA's documentation prints nevertheless. */
static bool is_said_to_fit(const char *name)
{
	return !strcmp(name, "NVIDIA H100-16C") || !strcmp(name, "NVIDIA H100XM-16C");
}

static void as_many_as_there_may_be_fit_their_gpu(void **state)
{
	size_t i, n = 0;

	(void)state;
	for (i = 0; i < type_table_size(); i++) {
		const struct known_type *known = type_table_at(i);
		uint64_t all = (uint64_t)known->framebuffer_mib * known->max_instances;
		struct profile p = parsed(known->name);
		uint64_t room = board_mib(p.board);

		check_case(known->name, known->max_mixed <= known->max_instances);
		check_case(known->name, known->max_instances <= 48);
		if (known->framebuffer_mib) /* 94 GB are called 96246 MiB */
			check_case(known->name,
				   known->framebuffer_mib >= p.gigabytes * 1000 &&
					   known->framebuffer_mib <=
						   p.gigabytes * 1024 * 21 / 20);
		if (!all || !strcmp(p.board, "RTX6000")) /* its largest are not known */
			continue;
		n++;
		check_case(known->name,
			   (all <= room * 21 / 20) != is_said_to_fit(known->name));
	}
	assert_true(n > 300);
}

static void types_of_one_size_share_the_maximum_of_their_gpu(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < type_table_size(); i++) {
		const struct known_type *a = type_table_at(i);
		struct profile p = parsed(a->name);

		for (j = 0; j < i && !p.slices && a->max_instances; j++) {
			const struct known_type *b = type_table_at(j);
			struct profile q = parsed(b->name);

			if (strcmp(p.board, q.board) || q.slices || !b->max_instances ||
			    a->framebuffer_mib != b->framebuffer_mib ||
			    !a->framebuffer_mib)
				continue;
			check_case(a->name, a->max_instances == b->max_instances);
		}
	}
}

static void what_documents_say_is_what_is_found(void **state)
{
	static const struct {
		const char *name;
		uint32_t framebuffer_mib, max_instances, max_mixed;
		const char *mig_profile;
	} cases[] = {
		{ "NVIDIA A40-24A", 24576, 2, 2, NULL },
		{ "NVIDIA A40-1Q", 1024, 32, 30, NULL },
		{ "nvidia a40-8q", 8192, 6, 4, NULL },
		{ "L40S-1B", 1024, 32, 16, NULL },
		{ "GRID T4-2Q", 2048, 8, 0, NULL },
		{ "GRID A100-1-5CME", 5120, 1, 0, "1g.5gb+me" },
		{ "NVIDIA A100-1-5C", 5120, 7, 0, "1g.5gb" },
		{ "NVIDIA H100L-94C", 96246, 1, 1, NULL },
		{ "H200-3-71C", 72704, 2, 0, "3g.71gb" },
		{ "NVIDIA L40S-3B", 0, 0, 0, NULL },
		{ "GRID V100DX-4C", 0, 8, 0, NULL },
		{ "NVIDIA RTX Pro 6000 Blackwell DC-1-24Q", 0, 0, 0, NULL },
	};
	static const char *const unknown[] = {
		"",	    "NVIDIA ", "A40",	     "A40-24",	"A40-24AA",
		" A40-24A", "575",     "A100-1-99C", "ZZZ-1Q",	"NVIDIA NVIDIA A40-24A",
		"A",	    "~",       "A40-24A\n",  "A40_24A", "NVIDIA H100-1-10Q",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		const struct known_type *known = type_table_find(cases[i].name);

		check_case(cases[i].name, known);
		check_case(cases[i].name,
			   known->framebuffer_mib == cases[i].framebuffer_mib);
		check_case(cases[i].name, known->max_instances == cases[i].max_instances);
		check_case(cases[i].name, known->max_mixed == cases[i].max_mixed);
		check_case(cases[i].name, !known->mig_profile == !cases[i].mig_profile);
		if (known->mig_profile)
			assert_string_equal(known->mig_profile, cases[i].mig_profile);
	}
	for (i = 0; i < ARRAY_SIZE_OF(unknown); i++)
		check_case(unknown[i], !type_table_find(unknown[i]));
}

static void a_type_that_says_nothing_gets_all_that_is_known(void **state)
{
	struct vgpu_type type;

	(void)state;
	assert_true(vgpu_type_parse(821, "NVIDIA H100-1-10C", "", &type));
	type_table_complete(&type);
	assert_int_equal(type.id, 821);
	assert_int_equal(type.framebuffer_mib, 10240);
	assert_int_equal(type.max_instances, 7);
	assert_int_equal(type.max_mixed, 0);
	assert_string_equal(type.mig_profile, "1g.10gb");
	assert_int_equal(type.num_heads, 0);
	assert_string_equal(type.max_resolution, "");
}

static void what_a_driver_says_is_never_overwritten(void **state)
{
	struct vgpu_type type;

	(void)state;
	assert_true(vgpu_type_parse(
		575, "NVIDIA A40-24A",
		"num_heads=1, framebuffer=23000M, max_resolution=1280x1024", &type));
	type_table_complete(&type);
	assert_int_equal(type.framebuffer_mib, 23000);
	assert_int_equal(type.max_instances, 2); /* of which it says nothing */
	assert_int_equal(type.max_mixed, 2);
	assert_string_equal(type.mig_profile, "");
	assert_true(vgpu_type_parse(1, "A100-1-5C", "max_instance=3", &type));
	type.max_mixed = 9;
	(void)text_copy(type.mig_profile, sizeof(type.mig_profile), "1g.6gb");
	type_table_complete(&type);
	assert_int_equal(type.framebuffer_mib, 5120);
	assert_int_equal(type.max_instances, 3);
	assert_int_equal(type.max_mixed, 9);
	assert_string_equal(type.mig_profile, "1g.6gb");
}

static void of_a_type_that_is_not_known_nothing_is_made_up(void **state)
{
	static const char *const names[] = { "NVIDIA A100-1-99C", "NVIDIA X1-2-20C",
					     "GVTg_V5_4", "NVIDIA L40S-3B" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(names); i++) {
		struct vgpu_type type, was;

		assert_true(vgpu_type_parse(1, names[i], "", &type));
		memcpy(&was, &type, sizeof(was));
		type_table_complete(&type);
		assert_memory_equal(&type, &was, sizeof(type));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_in_order_and_each_is_there_once),
		cmocka_unit_test(every_name_is_found_as_it_is_and_as_users_write_it),
		cmocka_unit_test(
			every_name_is_a_profiles_and_says_what_its_mig_profile_does),
		cmocka_unit_test(as_many_as_there_may_be_fit_their_gpu),
		cmocka_unit_test(types_of_one_size_share_the_maximum_of_their_gpu),
		cmocka_unit_test(what_documents_say_is_what_is_found),
		cmocka_unit_test(a_type_that_says_nothing_gets_all_that_is_known),
		cmocka_unit_test(what_a_driver_says_is_never_overwritten),
		cmocka_unit_test(of_a_type_that_is_not_known_nothing_is_made_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
