/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/mix.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/fake.h"

#define MAX_GPUS 15 /* as many addresses as fakes have */
#define MAX_VFS 64

struct scene {
	struct host *host;
	struct gpu_usage gpus[MAX_GPUS];
	bool taken[MAX_GPUS * MAX_VFS];
	struct usage usage;
	struct mix_gpu mix[MAX_GPUS];
	struct mix_result result;
};

static void open_scene(struct scene *s, size_t n_gpus, size_t n_vfs)
{
	memset(s, 0, sizeof(*s));
	s->host = fake_host(n_gpus, n_vfs);
	s->usage = (struct usage){ s->gpus, s->taken };
}

static void count(struct scene *s)
{
	fake_ready(s->host);
	usage_fill(s->host, NULL, 0, &s->usage);
}

static void fit(struct scene *s, const struct mix_item *items, size_t n)
{
	mix_fit(s->host, &s->usage, items, n, s->mix, &s->result);
}

static uint32_t given(const struct scene *s, size_t item)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < s->host->n_gpus; i++)
		sum += s->mix[i].given[item];
	return sum;
}

static void what_fits_is_placed_on_as_few_gpus_as_it_needs(void **state)
{
	static const struct mix_item items[] = { { "A40-24A", 3 }, { "A40-4A", 10 } };
	struct scene s;

	(void)state;
	open_scene(&s, 4, 32);
	fake_live(s.host, 1, 2, 0, "A40-4Q");
	count(&s);
	fit(&s, items, 2);
	assert_true(s.result.fits);
	assert_false(s.result.gave_up);
	assert_int_equal(s.mix[0].given[0], 2);
	assert_int_equal(s.mix[1].given[0], 1);
	assert_int_equal(s.mix[2].given[1], 10);
	assert_int_equal(given(&s, 0) + given(&s, 1), 13);
	assert_true(mix_take(s.host, &s.usage, items, 2, s.mix));
	assert_int_equal(s.gpus[3].n_vgpus, 0);
	host_free(s.host);
}

static void the_first_that_does_not_fit_is_named(void **state)
{
	static const struct mix_item items[] = { { "A40-48Q", 1 },
						 { "A40-24A", 3 },
						 { "A40-4A", 1 } };
	struct scene s;

	(void)state;
	open_scene(&s, 2, 32);
	count(&s);
	fit(&s, items, 3);
	assert_false(s.result.fits);
	assert_int_equal(s.result.unfit, 1);
	assert_int_equal(s.result.taken, 2);
	assert_int_equal(given(&s, 0), 1);
	assert_int_equal(given(&s, 1), 2);
	assert_int_equal(given(&s, 2), 0);
	assert_true(mix_take(s.host, &s.usage, items, 3, s.mix));
	host_free(s.host);
}

/* 4Q and 4A are of one size: both may be on one GPU, and share its maximum. */
static void series_of_a_size_share_gpus(void **state)
{
	static const struct mix_item fits[] = { { "A40-4Q", 7 }, { "A40-4A", 5 } },
				     too_many[] = { { "A40-4Q", 7 }, { "A40-4A", 6 } };
	struct scene s;

	(void)state;
	open_scene(&s, 1, 32);
	count(&s);
	fit(&s, fits, 2);
	assert_true(s.result.fits);
	fit(&s, too_many, 2);
	assert_false(s.result.fits);
	assert_int_equal(s.result.unfit, 1);
	assert_int_equal(s.result.taken, 5);
	host_free(s.host);
}

static void nothing_fits_where_there_is_no_gpu(void **state)
{
	static const struct mix_item items[] = { { "A40-4Q", 1 } };
	struct scene s;

	(void)state;
	open_scene(&s, 0, 0);
	count(&s);
	fit(&s, items, 1);
	assert_false(s.result.fits);
	assert_int_equal(s.result.unfit, 0);
	assert_int_equal(s.result.taken, 0);
	fit(&s, items, 0);
	assert_true(s.result.fits);
	host_free(s.host);
}

/* Each GPU with a number of VFs of its own: the hardest there is. */
static void gpus_that_differ_are_made_the_best_of(void **state)
{
	static const struct mix_item items[] = { { "A40-1Q", 29 },
						 { "A40-2B", 27 },
						 { "A40-4Q", 23 },
						 { "A40-24A", 6 },
						 { "A40-48Q", 3 } };
	struct scene s;
	size_t i;

	(void)state;
	open_scene(&s, MAX_GPUS, 32);
	for (i = 0; i < s.host->n_parents; i++)
		if (s.host->parents[i].index > s.host->parents[i].gpu)
			s.host->parents[i].framework = FRAMEWORK_NONE;
	count(&s);
	fit(&s, items, 5);
	assert_false(s.result.gave_up);
	assert_true(s.result.fits);
	assert_true(mix_take(s.host, &s.usage, items, 5, s.mix));
	host_free(s.host);
}

/* Places LEFT of each item in every way there is; those of least maximum first. */
static bool exhaust(struct scene *s, const struct mix_item *items, uint32_t *left,
		    size_t n, size_t item, size_t gpu)
{
	struct gpu_usage gpus[MAX_GPUS];
	bool taken[16];

	while (item < n && !left[item]) {
		item++;
		gpu = 0;
	}
	if (item == n)
		return true;
	memcpy(gpus, s->gpus, sizeof(gpus));
	memcpy(taken, s->taken, sizeof(taken));
	left[item]--;
	for (; gpu < s->host->n_gpus; gpu++) {
		struct alloc_request r = { .profile = items[item].profile,
					   .gpu = &s->host->gpus[gpu].bdf,
					   .numa_node = -1 };
		struct placement p;
		bool done;

		if (!alloc_place(s->host, &s->usage, &r, &p))
			continue;
		alloc_take(s->host, &s->usage, &p);
		done = exhaust(s, items, left, n, item, gpu);
		memcpy(s->gpus, gpus, sizeof(gpus));
		memcpy(s->taken, taken, sizeof(taken));
		if (done) {
			left[item]++;
			return true;
		}
	}
	left[item]++;
	return false;
}

/* Do so many of the first N items fit?  ITEMS[ORDER[]] have growing maxima. */
static bool fits_somehow(struct scene *s, const struct mix_item *items,
			 const uint32_t *counts, size_t n)
{
	struct mix_item sorted[4];
	uint32_t left[4] = { 0 };
	size_t i, j, at = 0;

	for (i = 0; i < n; i++) {
		const struct vgpu_type *type =
			catalog_find(s->host->gpus[0].catalog, items[i].profile);

		for (j = at; j > 0; j--) {
			if (catalog_find(s->host->gpus[0].catalog, sorted[j - 1].profile)
				    ->max_instances <= type->max_instances)
				break;
			sorted[j] = sorted[j - 1];
			left[j] = left[j - 1];
		}
		sorted[j] = items[i];
		left[j] = counts[i];
		at++;
	}
	return exhaust(s, sorted, left, n, 0, 0);
}

static void check_answer(struct scene *s, const struct mix_item *items, size_t n,
			 uint32_t seed)
{
	uint32_t counts[4];
	size_t i, unfit;

	for (i = 0; i < n; i++)
		counts[i] = items[i].count;
	for (unfit = 0; unfit < n; unfit++)
		if (!fits_somehow(s, items, counts, unfit + 1))
			break;
	if (unfit < n)
		while (!fits_somehow(s, items, counts, unfit + 1))
			counts[unfit]--;
	fit(s, items, n);
	if (s->result.gave_up || s->result.fits != (unfit == n) ||
	    s->result.unfit != unfit || (unfit < n && s->result.taken != counts[unfit]))
		fail_msg("seed %u: item %zu, %u of it; all ways: item %zu, %u of it",
			 seed, s->result.unfit, s->result.taken, unfit,
			 unfit < n ? counts[unfit] : 0);
	for (i = 0; i < n; i++)
		if (given(s, i) != (i <= unfit ? counts[i] : 0))
			fail_msg("seed %u: item %zu: %u placed", seed, i, given(s, i));
	if (!mix_take(s->host, &s->usage, items, n, s->mix))
		fail_msg("seed %u: it has no place after all", seed);
}

static void answers_are_those_of_trying_every_way(void **state)
{
	static const char *const profiles[] = { "A40-1Q", "A40-2B",  "A40-4Q",
						"A40-4A", "A40-24A", "A40-48Q" };
	uint32_t seed, n_fit = 0;

	(void)state;
	for (seed = 1; seed <= 3000; seed++) {
		uint32_t dice = seed * 2654435761u, first = random_below(&dice, 6);
		struct mix_item items[3];
		size_t i, j, n = 1 + random_below(&dice, 3);
		struct scene s;

		open_scene(&s, 1 + random_below(&dice, 4), 1 + random_below(&dice, 4));
		for (i = 0; i < s.host->gpus[0].catalog->n_types; i++) {
			uint32_t *max = &s.host->gpus[0].catalog->types[i].max_instances;

			*max = *max < 3 ? *max : 1 + random_below(&dice, 4);
		}
		for (i = 0; i < s.host->n_parents; i++) {
			const struct parent *vf = &s.host->parents[i];
			uint32_t throw = random_below(&dice, 8);

			if (!throw)
				s.host->parents[i].framework = FRAMEWORK_NONE;
			if (throw == 1)
				fake_live(s.host, (uint32_t)i, vf->gpu, (int)vf->index,
					  profiles[random_below(&dice, 6)]);
		}
		for (i = 0; i < s.host->n_gpus; i++) {
			size_t n_types = s.host->gpus[i].catalog->n_types;

			s.host->gpus[i].available = calloc(n_types, sizeof(uint32_t));
			for (j = 0; j < n_types; j++)
				s.host->gpus[i].available[j] = random_below(&dice, 6) > 0;
		}
		count(&s);
		for (i = 0; i < n; i++)
			items[i] = (struct mix_item){ profiles[(first + i) % 6],
						      1 + random_below(&dice, 3) };
		check_answer(&s, items, n, seed);
		n_fit += s.result.fits;
		host_free(s.host);
	}
	print_message("%u mixes, of which %u fit\n", seed - 1, n_fit);
	assert_in_range(n_fit, 500, 2500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_is_placed_on_as_few_gpus_as_it_needs),
		cmocka_unit_test(the_first_that_does_not_fit_is_named),
		cmocka_unit_test(series_of_a_size_share_gpus),
		cmocka_unit_test(nothing_fits_where_there_is_no_gpu),
		cmocka_unit_test(gpus_that_differ_are_made_the_best_of),
		cmocka_unit_test(answers_are_those_of_trying_every_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
