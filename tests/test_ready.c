/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/ready.h"

#include "lib/check.h"

static const struct bdf gpu_bdf = { 0, 0xe8, 0, 0 };

/* A host of at most one GPU with up to four VFs. */
struct scene {
	struct host host;
	struct gpu gpu;
	struct parent vfs[4];
};

static struct scene *scene(struct scene *s, const char *driver, size_t n_vfs,
			   size_t n_types)
{
	size_t i;

	*s = (struct scene){
		.gpu = { .bdf = gpu_bdf, .n_parents = n_vfs, .total_vfs = 4 }
	};
	(void)snprintf(s->gpu.driver, sizeof(s->gpu.driver), "%s", driver ? driver : "");
	for (i = 0; i < n_vfs; i++)
		s->vfs[i].framework = i < n_types ? FRAMEWORK_MDEV : FRAMEWORK_NONE;
	s->host.gpus = &s->gpu;
	s->host.n_gpus = driver != NULL;
	s->host.parents = s->vfs;
	s->host.n_parents = n_vfs;
	return s;
}

static void a_gpu_waits_for_one_thing_after_the_other(void **state)
{
	static const struct {
		const char *driver; /* NULL: no GPU */
		size_t n_vfs, n_types;
		bool busy;
		enum ready_step step;
	} cases[] = {
		{ NULL, 0, 0, false, READY_DRIVER },
		{ "", 0, 0, false, READY_DRIVER },
		{ "", 4, 4, false, READY_DRIVER },
		{ "pci-pf-stub", 0, 0, true, READY_DRIVER },
		{ "nvidia", 0, 0, false, READY_VFS },
		{ "nvidia", 4, 0, false, READY_TYPES },
		{ "nvidia", 4, 3, false, READY_TYPES },
		{ "nvidia", 4, 4, true, READY_TYPES },
		{ "nvidia", 4, 4, false, READY_DONE },
		{ "nvidia", 2, 2, false, READY_DONE },
		{ "vfio-pci", 0, 0, false, READY_DONE },
		{ "nouveau", 0, 0, false, READY_DONE },
	};
	struct scene s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		scene(&s, cases[i].driver, cases[i].n_vfs, cases[i].n_types);
		if (ready_step(&s.host, &gpu_bdf, cases[i].busy) != cases[i].step)
			fail_msg("case %zu: step %d", i,
				 (int)ready_step(&s.host, &gpu_bdf, cases[i].busy));
	}
}

static void what_is_left_alone_is_not_waited_for(void **state)
{
	struct scene s;

	(void)state;
	scene(&s, "", 0, 0)->gpu.excluded = true;
	assert_int_equal(ready_step(&s.host, &gpu_bdf, false), READY_DONE);
	(void)snprintf(scene(&s, "nvidia", 0, 0)->gpu.driver_override, DRIVER_NAME_SIZE,
		       "vfio-pci");
	assert_int_equal(ready_step(&s.host, &gpu_bdf, false), READY_DONE);
}

/* One from before SR-IOV has no virtual functions to come. */
static void a_gpu_that_is_a_parent_waits_for_its_types(void **state)
{
	struct scene s;

	(void)state;
	scene(&s, "nvidia", 0, 0)->gpu.total_vfs = 0;
	assert_int_equal(ready_step(&s.host, &gpu_bdf, false), READY_VFS);
	s.gpu.total_is_known = true;
	assert_int_equal(ready_step(&s.host, &gpu_bdf, false), READY_TYPES);
	scene(&s, "nvidia", 1, 1)->gpu.is_parent = true;
	assert_int_equal(ready_step(&s.host, &gpu_bdf, false), READY_DONE);
}

/* Looks at NOW, and returns since when the GPU has been where it is. */
static int64_t since(struct ready *ready, const struct scene *s, bool halted, int64_t now)
{
	ready_look(ready, &s->host, false, halted, now);
	return ready->since;
}

static void only_progress_moves_the_clock(void **state)
{
	struct ready ready;
	struct scene s;

	(void)state;
	ready = ready_start(&scene(&s, NULL, 0, 0)->host, &gpu_bdf, false, 100);
	assert_int_equal(ready.since, 100);
	assert_int_equal(since(&ready, &s, false, 200), 100);
	assert_int_equal(since(&ready, scene(&s, "nvidia", 0, 0), false, 300), 300);
	/* One more VF, then one more of them with types, are progress, too. */
	assert_int_equal(since(&ready, scene(&s, "nvidia", 2, 0), false, 400), 400);
	assert_int_equal(since(&ready, scene(&s, "nvidia", 4, 0), false, 500), 500);
	assert_int_equal(since(&ready, scene(&s, "nvidia", 4, 1), false, 600), 600);
	assert_int_equal(since(&ready, &s, false, 700), 600);
	/* A step back is none: a GPU that comes and goes must not be waited for for ever.
	 */
	assert_int_equal(since(&ready, scene(&s, "", 0, 0), false, 800), 600);
	assert_int_equal(ready.step, READY_DRIVER);
}

static void while_somebody_is_at_work_the_clock_stands_still(void **state)
{
	struct ready ready;
	struct scene s;

	(void)state;
	ready = ready_start(&scene(&s, "nvidia", 0, 0)->host, &gpu_bdf, false, 100);
	assert_int_equal(since(&ready, &s, true, 900), 900);
	assert_int_equal(since(&ready, &s, false, 1000), 900);
}

static void what_it_waits_for_is_told(void **state)
{
	struct ready ready;
	struct scene s;

	(void)state;
	ready = ready_start(&scene(&s, "nvidia", 0, 0)->host, &gpu_bdf, false, 100);
	assert_string_equal(ready_words(&ready), "its virtual functions");
	ready_look(&ready, &s.host, true, false, 200);
	assert_string_equal(ready_words(&ready),
			    "the end of the switching of its virtual functions");
}

static void each_step_has_its_own_limit(void **state)
{
	const int64_t limits[READY_STEPS] = {
		[READY_DRIVER] = 10, [READY_VFS] = 20, [READY_TYPES] = 0
	};
	struct ready ready = { .gpu = gpu_bdf, .since = 100 };

	(void)state;
	ready.step = READY_DRIVER;
	assert_true(ready_is_awaited(&ready, limits, 109));
	assert_false(ready_is_awaited(&ready, limits, 110));
	ready.step = READY_VFS;
	assert_true(ready_is_awaited(&ready, limits, 119));
	assert_false(ready_is_awaited(&ready, limits, 120));
	ready.step = READY_TYPES;
	assert_false(ready_is_awaited(&ready, limits, 100));
	ready.step = READY_DONE;
	assert_false(ready_is_awaited(&ready, limits, 100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gpu_waits_for_one_thing_after_the_other),
		cmocka_unit_test(what_is_left_alone_is_not_waited_for),
		cmocka_unit_test(a_gpu_that_is_a_parent_waits_for_its_types),
		cmocka_unit_test(only_progress_moves_the_clock),
		cmocka_unit_test(while_somebody_is_at_work_the_clock_stands_still),
		cmocka_unit_test(what_it_waits_for_is_told),
		cmocka_unit_test(each_step_has_its_own_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
