/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/smi.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/tree.h"

#define MOST 64

/* What tests/smi/NAME.txt holds. The caller frees it. */
static char *sample(const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "smi/%s.txt", name);
	return tests_text(path);
}

static void gpu_instance_profiles_are_read(void **state)
{
	static const struct {
		const char *name;
		int n, which;
		struct smi_gi_profile profile;
	} cases[] = {
		{ "profiles-a100", 7, 0, { 0, "1g.5gb", 19, 7, 7, 4864 } },
		{ "profiles-a100", 7, 1, { 0, "1g.5gb+me", 20, 1, 1, 4864 } },
		{ "profiles-a100", 7, 2, { 0, "1g.10gb", 15, 4, 4, 9850 } }, /* 9.62 */
		{ "profiles-a100", 7, 6, { 0, "7g.40gb", 0, 1, 1, 40192 } },
		{ "profiles-blackwell", 7, 2, { 0, "1g.24gb+gfx", 47, 4, 4, 24186 } },
		{ "profiles-blackwell", 7, 3, { 0, "1g.24gb+me.all", 65, 1, 1, 24186 } },
		{ "profiles-blackwell", 7, 4, { 0, "1g.24gb-me", 67, 4, 4, 24186 } },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		char *text = sample(cases[i].name);
		const struct smi_gi_profile *want = &cases[i].profile;
		struct smi_gi_profile rows[MOST], *got = &rows[cases[i].which];
		struct smi_fault fault;

		check_case(want->name,
			   smi_parse_gi_profiles(text, rows, MOST, &fault) == cases[i].n);
		assert_string_equal(got->name, want->name);
		check_case(want->name, got->gpu == want->gpu && got->id == want->id);
		check_case(want->name, got->free == want->free);
		check_case(want->name, got->total == want->total);
		check_case(want->name, got->memory_mib == want->memory_mib);
		assert_int_equal(smi_parse_gi_profiles(text, rows, 6, &fault), -E2BIG);
		free(text);
	}
}

static void gpu_instances_are_read(void **state)
{
	static const struct {
		const char *name;
		int n, which;
		struct smi_gi gi;
	} cases[] = {
		{ "gis-a100", 4, 0, { 0, "1g.5gb", 19, 7, 0, 1 } },
		{ "gis-a100", 4, 3, { 0, "3g.20gb", 9, 2, 4, 4 } },
		{ "gis-blackwell", 3, 1, { 0, "1g.24gb", 14, 6, 9, 3 } },
		{ "gis-two-gpus", 4, 2, { 1, "1g.10gb", 19, 13, 2, 1 } },
	};
	static const char *const empty[] = { "gis-none", "gis-mig-off" };
	struct smi_gi rows[MOST];
	struct smi_fault fault;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		char *text = sample(cases[i].name);
		const struct smi_gi *got = &rows[cases[i].which], *want = &cases[i].gi;

		check_case(cases[i].name,
			   smi_parse_gis(text, rows, MOST, &fault) == cases[i].n);
		assert_string_equal(got->profile, want->profile);
		check_case(cases[i].name, got->gpu == want->gpu && got->id == want->id);
		check_case(cases[i].name, got->profile_id == want->profile_id);
		check_case(cases[i].name, got->start == want->start);
		check_case(cases[i].name, got->size == want->size);
		assert_false(smi_says_no_gis(text));
		assert_int_equal(smi_parse_gis(text, rows, 2, &fault), -E2BIG);
		free(text);
	}
	for (i = 0; i < ARRAY_SIZE_OF(empty); i++) {
		char *text = sample(empty[i]);

		assert_true(smi_says_no_gis(text));
		assert_int_equal(smi_parse_gis(text, rows, MOST, &fault), 0);
		free(text);
	}
}

static void a_row_that_makes_no_sense_is_refused(void **state)
{
	static const struct {
		const char *profiles; /* a row of them, or NULL */
		const char *gis;      /* likewise */
		int want;
	} cases[] = {
		{ "|   0  MIG 1g.5gb        19     7/7        4.75       No  |", NULL,
		  1 },
		{ "0 MIG 1g.5gb 19 7/7 4", NULL, 1 },
		{ "|   0  MIG 1g.5gb        19     7/7  |", NULL, -EPROTO },
		{ "|   0  MIG 1g.5gb        19     8/7        4.75  |", NULL, -EPROTO },
		{ "|   0  MIG 1g.5gb        19     7          4.75  |", NULL, -EPROTO },
		{ "|   0  MIG 1g.5gb        19     /7         4.75  |", NULL, -EPROTO },
		{ "|   0  MIG 1g.5gb        x      7/7        4.75  |", NULL, -EPROTO },
		{ "|   0  MIG 1g.5gb        19     7/7        4.    |", NULL, -EPROTO },
		{ "|   0  MIG 1g.5gb        19     7/7        .75   |", NULL, -EPROTO },
		{ "|   0  MIG 1g.5gb        19     7/7        99999999  |", NULL,
		  -EPROTO },
		{ "|   0  MIG 1g.5gb        19     7/7        1.12345678  |", NULL,
		  -EPROTO },
		{ "|   0  MIG 1G.5GB        19     7/7        4.75  |", NULL, -EPROTO },
		{ "|   0  MIG g.5gb         19     7/7        4.75  |", NULL, -EPROTO },
		{ "|   0  MIG 1g.5gb\x1b    19     7/7        4.75  |", NULL, -EPROTO },
		{ "|   0  MIG 1g.5gb+a.name.that.is.long 19  7/7  4.75 |", NULL,
		  -EPROTO },
		{ "|   x  MIG 1g.5gb        19     7/7        4.75  |", NULL, -EPROTO },
		{ "| GPU instance profiles: |\n| x MIG 1g.5gb 19 7/7 4.75 |", NULL,
		  -EPROTO },
		{ "Failed to list GPU instance profiles: Unknown Error", NULL, -EPROTO },
		{ "", NULL, -EPROTO },
		{ "| GPU instance profiles: |", NULL, 0 },
		{ "No MIG-supported devices found.", NULL, -EPROTO },
		{ NULL, "|   0  MIG 1g.5gb       19        7          0:1     |", 1 },
		{ NULL, "|   0  MIG 1g.5gb       19        7          0:1  x  y |", 1 },
		{ NULL, "|   0  MIG 1g.5gb       19        7     |", -EPROTO },
		{ NULL, "|   0  MIG 1g.5gb       19        7          0:0     |",
		  -EPROTO },
		{ NULL, "|   0  MIG 1g.5gb       19        7          0:      |",
		  -EPROTO },
		{ NULL, "|   0  MIG 1g.5gb       19        -7         0:1     |",
		  -EPROTO },
		{ NULL, "|   0  MIG 1g.5gb       4294967296 7         0:1     |",
		  -EPROTO },
		{ NULL, "", -EPROTO },
		{ NULL, "Failed to display GPU instances: Unknown Error", -EPROTO },
		{ NULL, "| GPU instances: |", 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct smi_gi_profile profiles[4];
		struct smi_gi gis[4];
		struct smi_fault fault;

		if (cases[i].profiles)
			check_case(cases[i].profiles,
				   smi_parse_gi_profiles(cases[i].profiles, profiles, 4,
							 &fault) == cases[i].want);
		if (cases[i].gis)
			check_case(cases[i].gis, smi_parse_gis(cases[i].gis, gis, 4,
							       &fault) == cases[i].want);
	}
}

/* All that the samples hold, by every reader. */
static const char *const samples[] = {
	"query-470",	      "query-525",	   "query-550",	   "query-595",
	"query-mig",	      "query-mig-pending", "types-550",	   "types-580",
	"creatable-550",      "creatable-none",	   "names-580",	   "profiles-a100",
	"profiles-blackwell", "gis-a100",	   "gis-two-gpus", "gis-blackwell",
	"gis-none",	      "gis-mig-off",
};

struct results {
	int n[5];
	struct smi_gpu gpus[MOST];
	struct smi_type types[MOST], creatable[MOST];
	struct smi_gi_profile profiles[MOST];
	struct smi_gi gis[MOST];
};

static void read_all(const char *text, struct results *ret)
{
	struct smi_fault fault;

	memset(ret, 0, sizeof(*ret));
	ret->n[0] = smi_parse_query(text, ret->gpus, MOST, &fault);
	ret->n[1] = smi_parse_types(text, ret->types, MOST, &fault);
	ret->n[2] = smi_parse_creatable_placements(text, ret->creatable, MOST, &fault);
	ret->n[3] = smi_parse_gi_profiles(text, ret->profiles, MOST, &fault);
	ret->n[4] = smi_parse_gis(text, ret->gis, MOST, &fault);
}

static void the_ends_of_lines_do_not_matter(void **state)
{
	struct results *unix_like = malloc(sizeof(*unix_like));
	struct results *dos_like = malloc(sizeof(*dos_like));
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(samples); i++) {
		char *text = sample(samples[i]), *copy = malloc(2 * strlen(text) + 1);
		char *to = copy, *from;

		for (from = text; *from; from++) {
			if (*from == '\n')
				*to++ = '\r';
			*to++ = *from;
		}
		*to = '\0';
		read_all(text, unix_like);
		read_all(copy, dos_like);
		for (j = 0; j < 5; j++)
			check_case(samples[i], unix_like->n[j] == dos_like->n[j]);
		check_case(samples[i], !memcmp(unix_like, dos_like, sizeof(*dos_like)));
		free(copy);
		free(text);
	}
	free(unix_like);
	free(dos_like);
}

/* Each is in a block of its own size, so that a checker sees what is read behind it. */
static void a_text_that_is_cut_off_is_not_read_behind_its_end(void **state)
{
	struct results *whole = malloc(sizeof(*whole)), *part = malloc(sizeof(*part));
	size_t i, j, len;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(samples); i++) {
		char *text = sample(samples[i]);

		read_all(text, whole);
		for (len = 0; len < strlen(text); len += 1 + len / 16) {
			char *cut = strndup(text, len);

			read_all(cut, part);
			for (j = 0; j < 5; j++)
				check_case(samples[i],
					   part->n[j] <= whole->n[j] || whole->n[j] < 0);
			free(cut);
		}
		free(text);
	}
	free(whole);
	free(part);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gpu_instance_profiles_are_read),
		cmocka_unit_test(gpu_instances_are_read),
		cmocka_unit_test(a_row_that_makes_no_sense_is_refused),
		cmocka_unit_test(the_ends_of_lines_do_not_matter),
		cmocka_unit_test(a_text_that_is_cut_off_is_not_read_behind_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
