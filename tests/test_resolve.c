/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/resolve.h"

#include "lib/check.h"
#include "lib/fake.h"

static void what_users_type_is_found_or_refused_for_a_reason(void **state)
{
	static const struct {
		const char *text;
		enum match known, unseen; /* with every catalog known, with one unknown */
		const char *profile, *unseen_profile;
	} cases[] = {
		{ "A40-24A", MATCH_FOUND, MATCH_FOUND, "A40-24A", "A40-24A" },
		{ "a40-24a", MATCH_FOUND, MATCH_FOUND, "A40-24A", "A40-24A" },
		{ "NVIDIA A40-24A", MATCH_FOUND, MATCH_FOUND, "A40-24A", "A40-24A" },
		{ "grid a40-24a", MATCH_FOUND, MATCH_FOUND, "A40-24A", "A40-24A" },
		{ "574", MATCH_FOUND, MATCH_FOUND, "A40-24A", "A40-24A" },
		{ "nvidia-574", MATCH_FOUND, MATCH_FOUND, "A40-24A", "A40-24A" },
		{ "vfio-pci-574", MATCH_FOUND, MATCH_FOUND, "A40-24A", "A40-24A" },
		{ "575", MATCH_UNKNOWN, MATCH_UNKNOWN, "", "" },
		{ "nvidia-575", MATCH_UNKNOWN, MATCH_UNKNOWN, "", "" },
		{ "0", MATCH_UNKNOWN, MATCH_UNKNOWN, "", "" },
		{ "A40-24C", MATCH_UNKNOWN, MATCH_UNSEEN, "", "A40-24C" },
		{ "NVIDIA A40-24C", MATCH_UNKNOWN, MATCH_UNSEEN, "", "A40-24C" },
		{ "l40s-4q", MATCH_UNKNOWN, MATCH_UNSEEN, "", "l40s-4q" },
		{ "A40", MATCH_MALFORMED, MATCH_MALFORMED, "", "" },
		{ "A40-24", MATCH_UNKNOWN, MATCH_UNSEEN, "", "A40-24" },
		{ "A40-24AX", MATCH_MALFORMED, MATCH_MALFORMED, "", "" },
		{ "", MATCH_MALFORMED, MATCH_MALFORMED, "", "" },
		{ "-", MATCH_MALFORMED, MATCH_MALFORMED, "", "" },
		{ "-574", MATCH_MALFORMED, MATCH_MALFORMED, "", "" },
		{ "nvidia-", MATCH_MALFORMED, MATCH_MALFORMED, "", "" },
		{ "nvidia-574x", MATCH_MALFORMED, MATCH_MALFORMED, "", "" },
		{ "99999999999", MATCH_MALFORMED, MATCH_MALFORMED, "", "" },
		{ "A40-24A ", MATCH_MALFORMED, MATCH_MALFORMED, "", "" },
		{ "../../A40-24A", MATCH_MALFORMED, MATCH_MALFORMED, "", "" },
	};
	struct host *host = fake_host(2, 2);
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		char profile[PROFILE_SIZE] = "?";

		check_case(cases[i].text, resolve_profile(host, cases[i].text, profile) ==
						  cases[i].known);
		assert_string_equal(profile, cases[i].profile);
	}
	catalog_unref(host->gpus[0].catalog);
	host->gpus[0].catalog = NULL;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		char profile[PROFILE_SIZE] = "?";

		check_case(cases[i].text, resolve_profile(host, cases[i].text, profile) ==
						  cases[i].unseen);
		assert_string_equal(profile, cases[i].unseen_profile);
	}
	host_free(host);
}

static void without_gpus_a_profile_is_unknown(void **state)
{
	struct host *host = fake_host(0, 0);
	char profile[PROFILE_SIZE];
	const char *near[3];

	(void)state;
	assert_int_equal(resolve_profile(host, "A40-24A", profile), MATCH_UNKNOWN);
	assert_null(resolve_type(host, "A40-24A"));
	assert_int_equal(resolve_near(host, "A40-24A", 3, near), 0);
	host_free(host);
}

static void a_type_is_the_first_gpus_that_offers_it(void **state)
{
	struct host *host = fake_host(2, 2);
	const struct vgpu_type *type;

	(void)state;
	catalog_unref(host->gpus[0].catalog);
	host->gpus[0].catalog = NULL;
	type = resolve_type(host, "nvidia a40-2b");
	assert_non_null(type);
	assert_int_equal(type->id, 556);
	assert_ptr_equal(type, catalog_find(host->gpus[1].catalog, "A40-2B"));
	host_free(host);
}

static void the_nearest_names_come_first_and_once_each(void **state)
{
	struct host *host = fake_host(3, 2); /* three times the same catalog */
	const char *near[8] = { NULL };
	size_t i, n;

	(void)state;
	n = resolve_near(host, "NVIDIA a40-24q", 3, near);
	assert_int_equal(n, 3);
	/* one edit each: 24A by a letter, 4Q by a missing digit; 48Q is two away */
	assert_true(!strcmp(near[0], "A40-4Q") || !strcmp(near[0], "A40-24A"));
	assert_true(!strcmp(near[1], "A40-4Q") || !strcmp(near[1], "A40-24A"));
	assert_string_not_equal(near[0], near[1]);
	n = resolve_near(host, "A40-24A", 8, near);
	assert_int_equal(n, 6);
	assert_string_equal(near[0], "A40-24A");
	for (i = 1; i < n; i++)
		assert_string_not_equal(near[i - 1], near[i]);
	assert_int_equal(resolve_near(host, "A40-24A", 1, near), 1);
	assert_string_equal(near[0], "A40-24A");
	assert_int_equal(resolve_near(host, "A40-24A", 0, near), 0);
	assert_int_equal(resolve_near(host, "something else entirely", 8, near), 0);
	host_free(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_users_type_is_found_or_refused_for_a_reason),
		cmocka_unit_test(without_gpus_a_profile_is_unknown),
		cmocka_unit_test(a_type_is_the_first_gpus_that_offers_it),
		cmocka_unit_test(the_nearest_names_come_first_and_once_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
