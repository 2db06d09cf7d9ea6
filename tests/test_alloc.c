/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/alloc.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/fake.h"

#define MAX_GPUS 8
#define MAX_VFS 64

/* A host, what is saved of it, and the arithmetic's arrays. */
struct scene {
	struct host *host;
	struct saved_vgpu saved[16];
	size_t n_saved;
	struct gpu_usage gpus[MAX_GPUS];
	bool taken[MAX_VFS];
	struct usage usage;
};

static void open_scene(struct scene *s, size_t n_gpus, size_t n_vfs)
{
	*s = (struct scene){ .host = fake_host(n_gpus, n_vfs) };
	s->usage = (struct usage){ s->gpus, s->taken };
}

static void save(struct scene *s, struct saved_vgpu saved)
{
	s->saved[s->n_saved++] = saved;
}

static void count(struct scene *s)
{
	fake_ready(s->host);
	usage_fill(s->host, s->saved, s->n_saved, &s->usage);
}

static uint32_t room(const struct scene *s, size_t gpu, const char *profile,
		     enum limit *limit)
{
	return alloc_room(s->host, &s->usage, gpu, profile, limit);
}

static void assert_room(const struct scene *s, size_t gpu, const char *profile,
			uint32_t want, enum limit want_limit)
{
	enum limit limit = LIMIT_MIG;
	uint32_t got = room(s, gpu, profile, &limit);

	if (got != want || limit != want_limit)
		fail_msg("%s on GPU %zu: %u, %s; want %u, %s", profile, gpu, got,
			 limit_name(limit), want, limit_name(want_limit));
}

static struct alloc_request request(const char *profile, enum policy policy)
{
	return (struct alloc_request){ .profile = profile,
				       .numa_node = -1,
				       .policy = policy };
}

/* Places and takes one; which VF of which GPU, as "G/V", or "none". */
static const char *place(struct scene *s, struct alloc_request r, char buf[16])
{
	struct placement p;

	if (!alloc_place(s->host, &s->usage, &r, &p))
		return "none";
	assert_string_equal(p.type->profile, fake_type(r.profile)->profile);
	assert_int_equal(s->host->parents[p.at].gpu, p.gpu);
	alloc_take(s->host, &s->usage, &p);
	(void)snprintf(buf, 16, "%zu/%u", p.gpu, s->host->parents[p.at].index);
	return buf;
}

static void assert_places(struct scene *s, struct alloc_request r,
			  const char *const *want, size_t n)
{
	char buf[16];
	size_t i;

	for (i = 0; i < n; i++)
		assert_string_equal(place(s, r, buf), want[i]);
}

static void breadth_takes_the_emptiest_gpu_and_the_first_free_vf(void **state)
{
	static const char *const want[] = { "0/0", "2/0", "0/1", "1/1", "2/1", "none" };
	struct scene s;

	(void)state;
	open_scene(&s, 3, 8);
	fake_live(s.host, 1, 1, 0, "A40-24A");
	count(&s);
	assert_places(&s, request("A40-24A", POLICY_BREADTH), want, ARRAY_SIZE_OF(want));
	host_free(s.host);
}

static void depth_fills_a_gpu_before_the_next(void **state)
{
	static const char *const want[] = { "1/1", "0/0", "0/1", "2/0", "2/1", "none" };
	struct scene s;

	(void)state;
	open_scene(&s, 3, 8);
	fake_live(s.host, 1, 1, 0, "A40-24A");
	count(&s);
	assert_places(&s, request("A40-24A", POLICY_DEPTH), want, ARRAY_SIZE_OF(want));
	host_free(s.host);
}

static void fit_takes_an_empty_gpu_only_where_no_other_has_room(void **state)
{
	static const char *const want[] = { "2/1", "0/0", "0/1", "1/0", "1/1", "none" };
	struct scene s;

	(void)state;
	open_scene(&s, 4, 8);
	fake_live(s.host, 1, 2, 0, "A40-24A");
	fake_live(s.host, 2, 3, 0, "A40-4Q");
	count(&s);
	assert_places(&s, request("A40-24A", POLICY_FIT), want, ARRAY_SIZE_OF(want));
	host_free(s.host);
}

/* GPU 1 has no room for 48 GB whatever is done, by its driver's word. */
static void fit_keeps_the_empty_gpu_that_takes_large_profiles(void **state)
{
	static const char *const want[] = { "1/0", "1/1", "0/0" };
	struct scene s;
	size_t i;

	(void)state;
	open_scene(&s, 2, 8);
	s.host->gpus[1].available = calloc(8, sizeof(uint32_t));
	for (i = 0; i < s.host->gpus[1].catalog->n_types; i++)
		s.host->gpus[1].available[i] =
			s.host->gpus[1].catalog->types[i].framebuffer_mib < 49152;
	count(&s);
	assert_places(&s, request("A40-24A", POLICY_FIT), want, ARRAY_SIZE_OF(want));
	host_free(s.host);
}

static void policies_have_names(void **state)
{
	enum policy policy = POLICY_BREADTH;

	(void)state;
	assert_true(policy_parse("depth", &policy));
	assert_int_equal(policy, POLICY_DEPTH);
	assert_false(policy_parse("Depth", &policy));
	assert_false(policy_parse("", &policy));
	assert_int_equal(policy, POLICY_DEPTH);
	assert_true(policy_parse("breadth", &policy));
	assert_int_equal(policy, POLICY_BREADTH);
	assert_true(policy_parse("fit", &policy));
	assert_int_equal(policy, POLICY_FIT);
}

static void close_gpu_excluded(struct scene *s)
{
	s->host->gpus[0].excluded = true;
}

static void close_gpu_mode(struct scene *s)
{
	strcpy(s->host->gpus[0].driver, "vfio-pci");
}

static void close_gpu_unbound(struct scene *s)
{
	s->host->gpus[0].driver[0] = '\0';
}

static void close_gpu_vfs_off(struct scene *s)
{
	s->host->gpus[0].n_parents = s->host->n_parents = 0;
}

static void close_gpu_no_types(struct scene *s)
{
	size_t i;

	for (i = 0; i < s->host->n_parents; i++)
		s->host->parents[i].framework = FRAMEWORK_NONE;
}

static void close_gpu_no_catalog(struct scene *s)
{
	catalog_unref(s->host->gpus[0].catalog);
	s->host->gpus[0].catalog = NULL;
}

static void close_gpu_no_framebuffer(struct scene *s)
{
	size_t i;

	for (i = 0; i < s->host->gpus[0].catalog->n_types; i++)
		s->host->gpus[0].catalog->types[i].framebuffer_mib = 0;
}

static void close_gpu_no_maximum(struct scene *s)
{
	size_t i;

	for (i = 0; i < s->host->gpus[0].catalog->n_types; i++)
		s->host->gpus[0].catalog->types[i].max_instances = 0;
}

static void close_gpu_driver(struct scene *s)
{
	s->host->gpus[0].available = calloc(8, sizeof(uint32_t));
}

static void a_gpu_that_takes_nothing_says_what_stops_it(void **state)
{
	static const struct {
		const char *name;
		void (*close)(struct scene *s);
		const char *profile;
		enum limit want;
	} cases[] = {
		{ "excluded", close_gpu_excluded, "A40-24A", LIMIT_EXCLUDED },
		{ "passed through", close_gpu_mode, "A40-24A", LIMIT_MODE },
		{ "unbound", close_gpu_unbound, "A40-24A", LIMIT_MODE },
		{ "VFs off", close_gpu_vfs_off, "A40-24A", LIMIT_SRIOV_OFF },
		{ "no types to be seen", close_gpu_no_types, "A40-24A",
		  LIMIT_NO_FREE_VF },
		{ "no catalog", close_gpu_no_catalog, "A40-24A", LIMIT_UNKNOWN },
		{ "no framebuffer", close_gpu_no_framebuffer, "A40-24A", LIMIT_UNKNOWN },
		{ "no maximum", close_gpu_no_maximum, "A40-24A", LIMIT_UNKNOWN },
		{ "the driver's word", close_gpu_driver, "A40-24A", LIMIT_DRIVER },
		{ "not offered", NULL, "A40-24C", LIMIT_NOT_OFFERED },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct alloc_request r = request(cases[i].profile, POLICY_BREADTH);
		enum limit limit = LIMIT_MIG;
		struct placement p;
		struct scene s;

		open_scene(&s, 1, 8);
		if (cases[i].close)
			cases[i].close(&s);
		count(&s);
		check_case(cases[i].name, room(&s, 0, cases[i].profile, &limit) == 0);
		check_case(cases[i].name, limit == cases[i].want);
		check_case(cases[i].name, !alloc_place(s.host, &s.usage, &r, &p));
		host_free(s.host);
	}
}

static void every_limit_has_the_word_of_the_contract(void **state)
{
	static const char *const words[] = { "max-instance", "other-size", "no-free-vf",
					     "sriov-off",    "excluded",   "not-offered",
					     "mode",	     "mig",	   "driver",
					     "unknown" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(words); i++)
		assert_string_equal(limit_name((enum limit)i), words[i]);
}

static void max_instance_is_per_gpu_and_shared_by_all_series_of_a_size(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, 1, 32);
	assert_int_equal(fake_type("A40-4Q")->max_instances, 12);
	fake_live(s.host, 1, 0, 0, "A40-4Q");
	fake_live(s.host, 2, 0, 5, "A40-4A");
	count(&s);
	assert_room(&s, 0, "A40-4Q", 10, LIMIT_MAX_INSTANCE);
	assert_room(&s, 0, "A40-4A", 10, LIMIT_MAX_INSTANCE);
	assert_int_equal(s.gpus[0].used_mib, 8192);
	host_free(s.host);
}

static void the_first_vgpu_commits_its_gpu_to_a_size(void **state)
{
	struct scene s;
	char buf[16];

	(void)state;
	open_scene(&s, 2, 32);
	fake_live(s.host, 1, 0, 0, "A40-4Q");
	count(&s);
	assert_room(&s, 0, "A40-24A", 0, LIMIT_OTHER_SIZE);
	assert_room(&s, 0, "A40-1Q", 0, LIMIT_OTHER_SIZE);
	assert_room(&s, 1, "A40-24A", 2, LIMIT_MAX_INSTANCE);
	assert_string_equal(place(&s, request("A40-24A", POLICY_DEPTH), buf), "1/0");
	assert_room(&s, 1, "A40-4Q", 0, LIMIT_OTHER_SIZE);
	host_free(s.host);
}

static void a_gpu_of_several_sizes_takes_nothing_more(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, 1, 32);
	fake_live(s.host, 1, 0, 0, "A40-4Q");
	fake_live(s.host, 2, 0, 1, "A40-24A");
	count(&s);
	assert_room(&s, 0, "A40-4Q", 0, LIMIT_OTHER_SIZE);
	assert_room(&s, 0, "A40-24A", 0, LIMIT_OTHER_SIZE);
	host_free(s.host);
}

static void a_vgpu_of_unknown_size_counts_as_one_of_any(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, 1, 32);
	fake_live(s.host, 1, 0, 0, "A40-24A")->framebuffer_mib = 0;
	count(&s);
	assert_int_equal(s.gpus[0].n_unsized, 1);
	assert_room(&s, 0, "A40-24A", 1, LIMIT_MAX_INSTANCE);
	assert_room(&s, 0, "A40-48Q", 0, LIMIT_MAX_INSTANCE);
	host_free(s.host);
}

static void vfs_run_out_before_instances_do(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, 1, 4);
	s.host->parents[3].framework = FRAMEWORK_NONE;
	fake_live(s.host, 1, 0, 0, "A40-1Q");
	count(&s);
	assert_room(&s, 0, "A40-1Q", 2, LIMIT_NO_FREE_VF);
	fake_live(s.host, 2, 0, 1, "A40-1Q");
	fake_live(s.host, 3, 0, 2, "A40-1Q");
	count(&s);
	assert_room(&s, 0, "A40-1Q", 0, LIMIT_NO_FREE_VF);
	host_free(s.host);
}

static void where_both_run_out_at_once_instances_are_named(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, 1, 2);
	count(&s);
	assert_room(&s, 0, "A40-24A", 2, LIMIT_MAX_INSTANCE);
	host_free(s.host);
}

static void a_saved_vgpu_that_is_missing_keeps_its_vf_its_size_and_its_share(void **state)
{
	static const enum saved_state states[] = { SAVED_CREATING, SAVED_ACTIVE,
						   SAVED_REMOVING, SAVED_STOPPED };
	char buf[16];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(states); i++) {
		struct scene s;

		open_scene(&s, 1, 8);
		save(&s, fake_saved(1, 0, 0, "A40-24A", states[i]));
		count(&s);
		assert_room(&s, 0, "A40-24A", 1, LIMIT_MAX_INSTANCE);
		assert_room(&s, 0, "A40-4Q", 0, LIMIT_OTHER_SIZE);
		assert_string_equal(place(&s, request("A40-24A", POLICY_BREADTH), buf),
				    "0/1");
		host_free(s.host);
	}
}

static void a_saved_vgpu_that_is_live_counts_once(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, 1, 8);
	fake_live(s.host, 1, 0, 0, "A40-24A");
	save(&s, fake_saved(1, 0, 0, "A40-24A", SAVED_ACTIVE));
	count(&s);
	assert_room(&s, 0, "A40-24A", 1, LIMIT_MAX_INSTANCE);
	assert_int_equal(s.gpus[0].n_free, 7);
	host_free(s.host);
}

static void live_on_another_vf_it_counts_once_and_keeps_both_vfs(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, 2, 8);
	fake_live(s.host, 1, 1, 3, "A40-24A");
	save(&s, fake_saved(1, 0, 0, "A40-24A", SAVED_ACTIVE));
	count(&s);
	assert_room(&s, 0, "A40-24A", 2, LIMIT_MAX_INSTANCE);
	assert_room(&s, 1, "A40-24A", 1, LIMIT_MAX_INSTANCE);
	assert_int_equal(s.gpus[0].n_free, 7);
	assert_int_equal(s.gpus[1].n_free, 7);
	host_free(s.host);
}

static void a_saved_vgpu_of_a_gpu_that_is_gone_counts_nowhere(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, 1, 8);
	save(&s, fake_saved(1, 5, 0, "A40-24A", SAVED_ACTIVE));
	count(&s);
	assert_room(&s, 0, "A40-24A", 2, LIMIT_MAX_INSTANCE);
	host_free(s.host);
}

static void filters_narrow_the_choice(void **state)
{
	const struct bdf gpu1 = fake_bdf(1, -1), vf = fake_bdf(2, 5),
			 gone = fake_bdf(7, -1), gone_vf = fake_bdf(2, 50),
			 pf = fake_bdf(0, -1);
	const struct {
		const char *name;
		const struct bdf *gpu, *vf;
		int numa_node;
		const char *want;
	} cases[] = {
		{ "no filter", NULL, NULL, -1, "0/0" },
		{ "GPU", &gpu1, NULL, -1, "1/0" },
		{ "VF", NULL, &vf, -1, "2/5" },
		{ "NUMA node", NULL, NULL, 1, "1/0" },
		{ "NUMA node without GPUs", NULL, NULL, 2, "none" },
		{ "VF of another GPU", &gpu1, &vf, -1, "none" },
		{ "VF of another node", NULL, &vf, 1, "none" },
		{ "GPU that is not there", &gone, NULL, -1, "none" },
		{ "VF that is not there", NULL, &gone_vf, -1, "none" },
		{ "PF as VF", NULL, &pf, -1, "none" },
		{ "all agree", &gpu1, NULL, 1, "1/0" },
	};
	char buf[16];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct alloc_request r = { .profile = "A40-24A",
					   .gpu = cases[i].gpu,
					   .vf = cases[i].vf,
					   .numa_node = cases[i].numa_node };
		struct scene s;

		open_scene(&s, 3, 8);
		count(&s);
		check_case(cases[i].name, !strcmp(place(&s, r, buf), cases[i].want));
		host_free(s.host);
	}
}

static void a_vf_asked_for_is_never_replaced_by_another(void **state)
{
	const struct bdf vf = fake_bdf(0, 2);
	struct alloc_request r = { .profile = "A40-4Q", .vf = &vf, .numa_node = -1 };
	struct scene s;
	char buf[16];

	(void)state;
	open_scene(&s, 1, 8);
	count(&s);
	assert_string_equal(place(&s, r, buf), "0/2");
	assert_string_equal(place(&s, r, buf), "none");
	host_free(s.host);
}

static void two_refusals_by_the_driver_mean_that_the_gpu_is_full(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, 2, 8);
	count(&s);
	s.gpus[0].n_refused = 1;
	assert_room(&s, 0, "A40-4Q", 8, LIMIT_NO_FREE_VF);
	s.gpus[0].n_refused = 2;
	assert_room(&s, 0, "A40-4Q", 0, LIMIT_DRIVER);
	assert_room(&s, 1, "A40-4Q", 8, LIMIT_NO_FREE_VF);
	host_free(s.host);
}

/* The GPU itself is the parent: its driver counts. */
static void a_gpu_that_is_its_own_parent_holds_several(void **state)
{
	struct scene s;
	struct gpu *gpu;
	size_t i;
	char buf[16];

	(void)state;
	open_scene(&s, 1, 1);
	gpu = &s.host->gpus[0];
	gpu->is_parent = true;
	gpu->total_vfs = 0;
	s.host->parents[0].bdf = gpu->bdf;
	count(&s);
	assert_room(&s, 0, "A40-4Q", 12, LIMIT_MAX_INSTANCE);
	gpu->available = calloc(gpu->catalog->n_types, sizeof(uint32_t));
	for (i = 0; i < gpu->catalog->n_types; i++)
		gpu->available[i] = 2;
	assert_room(&s, 0, "A40-4Q", 2, LIMIT_DRIVER);
	for (i = 0; i < 2; i++)
		assert_string_equal(place(&s, request("A40-4Q", POLICY_BREADTH), buf),
				    "0/0");
	assert_string_equal(place(&s, request("A40-4Q", POLICY_BREADTH), buf), "none");
	assert_room(&s, 0, "A40-4Q", 0, LIMIT_DRIVER);
	assert_room(&s, 0, "A40-24A", 0, LIMIT_OTHER_SIZE);
	save(&s, fake_saved(1, 0, -1, "A40-4A", SAVED_ACTIVE));
	count(&s); /* its driver does not know of this one */
	assert_room(&s, 0, "A40-4Q", 1, LIMIT_DRIVER);
	host_free(s.host);
}

static void a_vf_of_any_framework_is_room(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, 1, 2);
	s.host->parents[0].framework = s.host->parents[1].framework = FRAMEWORK_VFIO;
	count(&s);
	assert_room(&s, 0, "A40-4Q", 2, LIMIT_NO_FREE_VF);
	host_free(s.host);
}

/* What can be made now is all there is only while nothing is made. */
static void a_partial_catalog_is_no_proof(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, 1, 4);
	s.host->gpus[0].catalog->partial = true;
	count(&s);
	assert_room(&s, 0, "A40-16Q", 0, LIMIT_NOT_OFFERED);
	(void)fake_live(s.host, 1, 0, 0, "A40-4Q");
	fake_ready(s.host);
	count(&s);
	assert_room(&s, 0, "A40-16Q", 0, LIMIT_UNKNOWN);
	assert_room(&s, 0, "A40-5Q", 0, LIMIT_NOT_OFFERED); /* nobody knows one */
	assert_room(&s, 0, "L40S-4Q", 0, LIMIT_NOT_OFFERED); /* another board */
	assert_room(&s, 0, "A40-4Q", 3, LIMIT_NO_FREE_VF);
	host_free(s.host);
}

static void a_vf_without_types_is_no_room(void **state)
{
	enum limit limit;
	struct scene s;
	char buf[16];

	(void)state;
	open_scene(&s, 1, 2);
	s.host->parents[1].framework = FRAMEWORK_NONE;
	count(&s);
	assert_int_equal(room(&s, 0, "A40-4Q", &limit), 1);
	assert_string_equal(place(&s, request("A40-4Q", POLICY_BREADTH), buf), "0/0");
	assert_string_equal(place(&s, request("A40-4Q", POLICY_BREADTH), buf), "none");
	host_free(s.host);
}

static const char *const profiles[] = { "A40-1Q", "A40-4Q", "A40-4A", "A40-24A",
					"A40-48Q" };

static void fill_at_random(struct scene *s, uint32_t *seed)
{
	size_t i;
	uint32_t n = 0;

	for (i = 0; i < s->host->n_gpus; i++)
		if (!random_below(seed, 8))
			s->host->gpus[i].excluded = true;
	for (i = 0; i < s->host->n_parents; i++) {
		const struct parent *vf = &s->host->parents[i];
		const char *profile =
			profiles[random_below(seed, 2) ? 1 : random_below(seed, 5)];
		uint32_t dice = random_below(seed, 10);

		if (dice == 0)
			s->host->parents[i].framework = FRAMEWORK_NONE;
		if (dice == 1 || dice == 2)
			fake_live(s->host, ++n, vf->gpu, (int)vf->index, profile);
		if ((dice == 2 || dice == 3) && s->n_saved < ARRAY_SIZE_OF(s->saved))
			save(s, fake_saved(dice == 2 ? n : ++n, vf->gpu, (int)vf->index,
					   profile, SAVED_ACTIVE));
	}
	count(s);
}

static void capacity_is_how_many_can_be_placed_one_after_the_other(void **state)
{
	uint32_t seed, capacities = 0;

	(void)state;
	for (seed = 1; seed <= 3000; seed++) {
		uint32_t dice = seed * 2654435761u, want = 0, got = 0;
		struct alloc_request r = request(profiles[random_below(&dice, 5)],
						 (enum policy)random_below(&dice, 3));
		bool taken[MAX_VFS];
		struct placement p;
		enum limit limit;
		struct scene s;
		size_t i;

		open_scene(&s, random_below(&dice, 4), random_below(&dice, 14));
		fill_at_random(&s, &dice);
		memcpy(taken, s.taken, sizeof(taken));
		for (i = 0; i < s.host->n_gpus; i++)
			want += room(&s, i, r.profile, &limit);
		while (got <= want && alloc_place(s.host, &s.usage, &r, &p)) {
			if (taken[p.at])
				fail_msg("seed %u: VF %zu given twice", seed, p.at);
			taken[p.at] = true;
			alloc_take(s.host, &s.usage, &p);
			got++;
		}
		if (got != want)
			fail_msg("seed %u: %u promised, %u placed", seed, want, got);
		capacities += want;
		host_free(s.host);
	}
	assert_true(capacities > 3000); /* or all of it was about full hosts */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(breadth_takes_the_emptiest_gpu_and_the_first_free_vf),
		cmocka_unit_test(depth_fills_a_gpu_before_the_next),
		cmocka_unit_test(fit_takes_an_empty_gpu_only_where_no_other_has_room),
		cmocka_unit_test(fit_keeps_the_empty_gpu_that_takes_large_profiles),
		cmocka_unit_test(policies_have_names),
		cmocka_unit_test(a_gpu_that_takes_nothing_says_what_stops_it),
		cmocka_unit_test(every_limit_has_the_word_of_the_contract),
		cmocka_unit_test(
			max_instance_is_per_gpu_and_shared_by_all_series_of_a_size),
		cmocka_unit_test(the_first_vgpu_commits_its_gpu_to_a_size),
		cmocka_unit_test(a_gpu_of_several_sizes_takes_nothing_more),
		cmocka_unit_test(a_vgpu_of_unknown_size_counts_as_one_of_any),
		cmocka_unit_test(vfs_run_out_before_instances_do),
		cmocka_unit_test(where_both_run_out_at_once_instances_are_named),
		cmocka_unit_test(
			a_saved_vgpu_that_is_missing_keeps_its_vf_its_size_and_its_share),
		cmocka_unit_test(a_saved_vgpu_that_is_live_counts_once),
		cmocka_unit_test(live_on_another_vf_it_counts_once_and_keeps_both_vfs),
		cmocka_unit_test(a_saved_vgpu_of_a_gpu_that_is_gone_counts_nowhere),
		cmocka_unit_test(filters_narrow_the_choice),
		cmocka_unit_test(a_vf_asked_for_is_never_replaced_by_another),
		cmocka_unit_test(two_refusals_by_the_driver_mean_that_the_gpu_is_full),
		cmocka_unit_test(a_gpu_that_is_its_own_parent_holds_several),
		cmocka_unit_test(a_vf_of_any_framework_is_room),
		cmocka_unit_test(a_partial_catalog_is_no_proof),
		cmocka_unit_test(a_vf_without_types_is_no_room),
		cmocka_unit_test(capacity_is_how_many_can_be_placed_one_after_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
