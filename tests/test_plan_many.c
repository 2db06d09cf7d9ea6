/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plans for several vGPUs at once: who gets which VF, and whether a second run has
 * nothing left to do. */
#include "core/plan.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/fake.h"

#define MAX_LIVE 64
#define MAX_VFS 64
#define MAX_SAVED 64

struct scene {
	struct host *host;
	struct saved_vgpu saved[MAX_SAVED];
	size_t n_saved;
	struct verdict verdicts[MAX_SAVED];
	bool ours[MAX_LIVE], taken[MAX_VFS], stays[MAX_SAVED];
	struct plan plan;
	uint32_t seed;
};

static void open_scene(struct scene *s, size_t n_gpus, size_t n_vfs)
{
	memset(s, 0, sizeof(*s));
	s->host = fake_host(n_gpus, n_vfs);
	s->plan = (struct plan){ s->verdicts, s->ours, s->taken, s->stays };
}

static struct saved_vgpu *save(struct scene *s, struct saved_vgpu saved)
{
	s->saved[s->n_saved] = saved;
	return &s->saved[s->n_saved++];
}

static void judge(struct scene *s)
{
	fake_ready(s->host);
	qsort(s->saved, s->n_saved, sizeof(s->saved[0]), saved_compare_place);
	plan_reconcile(s->host, s->saved, s->n_saved, &s->plan);
}

static struct verdict *verdict(struct scene *s, uint32_t n)
{
	char uuid[UUID_SIZE];
	size_t i;

	(void)fake_uuid(n, uuid);
	for (i = 0; i < s->n_saved; i++)
		if (!strcmp(s->saved[i].uuid, uuid))
			return &s->verdicts[i];
	fail_msg("no record of %u", n);
	return NULL;
}

/* What a run that does all it planned leaves behind, in the kernel and in the record. */
static void apply(struct scene *s)
{
	size_t i, kept = 0;

	for (i = 0; i < s->n_saved; i++) {
		struct saved_vgpu *saved = &s->saved[i];
		const struct verdict *v = &s->verdicts[i];

		if (v->action == ACTION_FORGET)
			continue;
		if (v->action != ACTION_NONE && v->action != ACTION_REPORT) {
			const struct parent *vf = &s->host->parents[v->at];
			uint32_t n = (uint32_t)saved->row - 1;

			if (!host_find_live(s->host, saved->uuid))
				fake_live(s->host, n, vf->gpu, (int)vf->index,
					  saved->profile);
			fake_ready(s->host);
			saved->vf = vf->bdf;
			saved->state = SAVED_ACTIVE;
		}
		if (v->reason == REASON_REMOVAL_CUT_SHORT)
			saved->state = SAVED_ACTIVE;
		s->saved[kept++] = *saved;
	}
	s->n_saved = kept;
}

static void assert_nothing_left_to_do(struct scene *s)
{
	size_t i;

	judge(s);
	for (i = 0; i < s->n_saved; i++)
		if (s->verdicts[i].action != ACTION_NONE &&
		    s->verdicts[i].action != ACTION_REPORT)
			fail_msg("seed %u: a second run would %s %s", s->seed,
				 plan_action_name(s->verdicts[i].action),
				 s->saved[i].uuid);
}

/* The store has one record per VF and refuses a plan that would make it two. */
static void assert_one_record_per_vf(const struct scene *s)
{
	size_t i;

	for (i = 0; i + 1 < s->n_saved; i++)
		if (bdf_equal(&s->saved[i].vf, &s->saved[i + 1].vf))
			fail_msg("seed %u: %s and %s are both saved on VF %02x:%02x.%x",
				 s->seed, s->saved[i].uuid, s->saved[i + 1].uuid,
				 s->saved[i].vf.bus, s->saved[i].vf.device,
				 s->saved[i].vf.function);
}

static void whoever_can_have_its_own_vf_gets_it_before_anybody_moves(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, 1, 4);
	/* 1 must move, and VF 1 would be the first; but that is the home of 2 */
	fake_live(s.host, 99, 0, 0, "A40-4A");
	save(&s, fake_saved(1, 0, 0, "A40-4Q", SAVED_ACTIVE));
	save(&s, fake_saved(2, 0, 1, "A40-4Q", SAVED_ACTIVE));
	save(&s, fake_saved(3, 0, 2, "A40-4Q", SAVED_CREATING));
	judge(&s);
	assert_int_equal(verdict(&s, 1)->action, ACTION_MOVE);
	assert_int_equal(verdict(&s, 1)->at, 3);
	assert_int_equal(verdict(&s, 2)->action, ACTION_CREATE);
	assert_int_equal(verdict(&s, 2)->at, 1);
	assert_int_equal(verdict(&s, 3)->at, 2);
	host_free(s.host);
}

static void of_two_that_must_move_the_one_without_a_vf_left_is_reported(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, 1, 3);
	fake_live(s.host, 98, 0, 0, "A40-4A");
	fake_live(s.host, 99, 0, 1, "A40-4A");
	save(&s, fake_saved(1, 0, 0, "A40-4Q", SAVED_ACTIVE));
	save(&s, fake_saved(2, 0, 1, "A40-4Q", SAVED_ACTIVE));
	judge(&s);
	assert_int_equal(verdict(&s, 1)->action, ACTION_MOVE);
	assert_int_equal(verdict(&s, 1)->at, 2);
	assert_int_equal(verdict(&s, 2)->action, ACTION_REPORT);
	assert_int_equal(verdict(&s, 2)->reason, REASON_NO_FREE_VF);
	host_free(s.host);
}

static void nobody_moves_to_another_gpu(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, 2, 1);
	fake_live(s.host, 99, 0, 0, "A40-4A");
	save(&s, fake_saved(1, 0, 0, "A40-4Q", SAVED_ACTIVE));
	judge(&s);
	assert_int_equal(verdict(&s, 1)->reason, REASON_NO_FREE_VF);
	host_free(s.host);
}

static void three_that_changed_places_are_all_adopted(void **state)
{
	static const int at[] = { 1, 2, 0 };
	struct scene s;
	uint32_t n;

	(void)state;
	open_scene(&s, 1, 3);
	for (n = 0; n < 3; n++) {
		fake_live(s.host, n, 0, at[n], "A40-4Q");
		save(&s, fake_saved(n, 0, (int)n, "A40-4Q", SAVED_ACTIVE));
	}
	judge(&s);
	for (n = 0; n < 3; n++) {
		assert_int_equal(verdict(&s, n)->action, ACTION_ADOPT_VF);
		assert_int_equal(verdict(&s, n)->at, at[n]);
	}
	apply(&s);
	assert_nothing_left_to_do(&s);
	for (n = 0; n < 3; n++)
		assert_int_equal(verdict(&s, n)->action, ACTION_NONE);
	host_free(s.host);
}

static void a_stopped_one_and_one_being_made_keep_their_vfs(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, 1, 4);
	fake_live(s.host, 99, 0, 0, "A40-4A");
	save(&s, fake_saved(1, 0, 0, "A40-4Q", SAVED_ACTIVE));
	save(&s, fake_saved(2, 0, 1, "A40-4Q", SAVED_STOPPED));
	save(&s, fake_saved(3, 0, 2, "A40-4Q", SAVED_CREATING))->in_progress = true;
	judge(&s);
	assert_int_equal(verdict(&s, 1)->action, ACTION_MOVE);
	assert_int_equal(verdict(&s, 1)->at, 3);
	host_free(s.host);
}

static void a_stopped_one_that_lives_keeps_its_vf_and_the_one_it_lives_on(void **state)
{
	struct scene s;

	(void)state;
	/* 2 is saved on VF 1 and lives on VF 2: neither is for 1, and 3 does not follow
	 */
	open_scene(&s, 1, 5);
	fake_live(s.host, 99, 0, 0, "A40-4A");
	fake_live(s.host, 2, 0, 2, "A40-4Q");
	fake_live(s.host, 3, 0, 1, "A40-4Q");
	save(&s, fake_saved(1, 0, 0, "A40-4Q", SAVED_ACTIVE));
	save(&s, fake_saved(2, 0, 1, "A40-4Q", SAVED_STOPPED));
	save(&s, fake_saved(3, 0, 3, "A40-4Q", SAVED_ACTIVE));
	judge(&s);
	assert_int_equal(verdict(&s, 2)->state, STATE_STOPPED);
	assert_int_equal(verdict(&s, 2)->action, ACTION_REPORT);
	assert_int_equal(verdict(&s, 3)->action, ACTION_NONE);
	assert_int_equal(verdict(&s, 1)->at, 4);
	apply(&s);
	assert_nothing_left_to_do(&s);
	assert_one_record_per_vf(&s);
	host_free(s.host);
}

static void nobody_moves_to_a_vf_that_a_reported_record_names(void **state)
{
	struct scene s;

	(void)state;
	/* 2 cannot be made, its profile is gone; yet its record keeps VF 1 */
	open_scene(&s, 1, 3);
	fake_live(s.host, 99, 0, 0, "A40-4A");
	save(&s, fake_saved(1, 0, 0, "A40-4Q", SAVED_ACTIVE));
	strcpy(save(&s, fake_saved(2, 0, 1, "A40-4Q", SAVED_ACTIVE))->profile, "A40-9Q");
	judge(&s);
	assert_int_equal(verdict(&s, 2)->reason, REASON_NOT_OFFERED);
	assert_int_equal(verdict(&s, 1)->at, 2);
	apply(&s);
	assert_nothing_left_to_do(&s);
	assert_one_record_per_vf(&s);
	host_free(s.host);
}

static void nobody_moves_to_a_vf_that_the_record_of_a_conflict_names(void **state)
{
	struct scene s;

	(void)state;
	/* 2 lives on VF 2 with another profile: reported, its record keeps VF 1 */
	open_scene(&s, 1, 4);
	fake_live(s.host, 99, 0, 0, "A40-4A");
	fake_live(s.host, 2, 0, 2, "A40-4A");
	save(&s, fake_saved(1, 0, 0, "A40-4Q", SAVED_ACTIVE));
	save(&s, fake_saved(2, 0, 1, "A40-4Q", SAVED_ACTIVE));
	judge(&s);
	assert_int_equal(verdict(&s, 2)->reason, REASON_OTHER_PROFILE);
	assert_int_equal(verdict(&s, 1)->at, 3);
	apply(&s);
	assert_nothing_left_to_do(&s);
	assert_one_record_per_vf(&s);
	host_free(s.host);
}

static void one_that_lives_in_the_home_of_another_that_stays_is_not_adopted(void **state)
{
	struct scene s;

	(void)state;
	/* 1 lives where 2 is saved, and 2 can go nowhere: its record keeps VF 1 */
	open_scene(&s, 1, 2);
	fake_live(s.host, 1, 0, 1, "A40-4Q");
	fake_live(s.host, 99, 0, 0, "A40-4A");
	save(&s, fake_saved(1, 0, 0, "A40-4Q", SAVED_ACTIVE));
	save(&s, fake_saved(2, 0, 1, "A40-4Q", SAVED_ACTIVE));
	judge(&s);
	assert_int_equal(verdict(&s, 1)->state, STATE_ACTIVE);
	assert_int_equal(verdict(&s, 2)->reason, REASON_NO_FREE_VF);
	apply(&s);
	assert_nothing_left_to_do(&s);
	assert_one_record_per_vf(&s);
	host_free(s.host);
}

static void arrange_host(struct scene *s, uint32_t *seed)
{
	static const char *const drivers[] = { "", "vfio-pci", "nvidia", "nvidia",
					       "nvidia" };
	size_t i;

	for (i = 0; i < s->host->n_gpus; i++) {
		struct gpu *gpu = &s->host->gpus[i];

		if (!random_below(seed, 6))
			strcpy(gpu->driver, drivers[random_below(seed, 5)]);
		gpu->excluded = !random_below(seed, 10);
	}
	for (i = 0; i < s->host->n_parents; i++)
		if (!random_below(seed, 8))
			s->host->parents[i].framework = FRAMEWORK_NONE;
}

/* A record on each VF, or none, and perhaps its vGPU, on that VF or, if STRAYING,
 * elsewhere as well, be that another's home or not. */
static void arrange_vgpus(struct scene *s, uint32_t *seed, bool straying)
{
	static const char *const profiles[] = { "A40-4Q", "A40-4Q", "A40-4Q", "A40-4A",
						"A40-24A" };
	const struct host *host = s->host;
	bool live_on[MAX_VFS] = { false };
	uint32_t n;

	for (n = 0; n < host->n_parents; n++) {
		const struct parent *home = &host->parents[n];
		const char *profile = profiles[random_below(seed, 5)];
		struct saved_vgpu *saved = NULL;
		uint32_t at = n;

		if (straying && !random_below(seed, 3))
			at = random_below(seed, (uint32_t)host->n_parents);
		if (random_below(seed, 3)) {
			saved = save(s,
				     fake_saved(n, home->gpu, (int)home->index, profile,
						(enum saved_state)random_below(seed, 4)));
			saved->in_progress =
				saved->state != SAVED_ACTIVE && !random_below(seed, 4);
			saved->attended = saved->in_progress && random_below(seed, 2);
		}
		if (!live_on[at] && random_below(seed, 2)) {
			const struct parent *vf = &host->parents[at];

			live_on[at] = true;
			fake_live(s->host, n, vf->gpu, (int)vf->index,
				  random_below(seed, 6) ? profile
							: profiles[random_below(seed, 5)])
				->stuck = !random_below(seed, 8);
		}
	}
}

/* Whatever the kernel shows of it: it is not called active, nor made so. */
static void assert_stays_stopped(const struct scene *s, size_t i)
{
	const struct verdict *v = &s->verdicts[i];

	if (v->state == STATE_ACTIVE || v->state == STATE_MISSING ||
	    (v->action != ACTION_NONE && v->action != ACTION_REPORT))
		fail_msg("seed %u: %s is stopped, and yet %s, %s", s->seed,
			 s->saved[i].uuid, vgpu_state_name(v->state),
			 plan_action_name(v->action));
	if (host_find_live(s->host, s->saved[i].uuid) && !v->reason)
		fail_msg("seed %u: %s is stopped and live, and nobody is told", s->seed,
			 s->saved[i].uuid);
}

static void assert_sane(struct scene *s, const bool *live_on)
{
	bool given[MAX_VFS] = { false };
	size_t i;

	for (i = 0; i < s->n_saved; i++) {
		const struct saved_vgpu *saved = &s->saved[i];
		const struct verdict *v = &s->verdicts[i];
		bool live = host_find_live(s->host, saved->uuid);
		bool makes = v->action == ACTION_CREATE || v->action == ACTION_MOVE ||
			     (v->action == ACTION_ROLL_FORWARD && !live);

		if (saved->state == SAVED_STOPPED)
			assert_stays_stopped(s, i);
		if (live && (v->action == ACTION_CREATE || v->action == ACTION_MOVE ||
			     v->action == ACTION_FORGET))
			fail_msg("seed %u: %s lives and would %s", s->seed, saved->uuid,
				 plan_action_name(v->action));
		if (!makes)
			continue;
		if (v->at < 0 || live_on[v->at] || given[v->at])
			fail_msg("seed %u: %s would be made on VF %d, which is taken",
				 s->seed, saved->uuid, v->at);
		given[v->at] = true;
		if (s->host->parents[v->at].framework != FRAMEWORK_MDEV ||
		    !bdf_equal(&s->host->gpus[s->host->parents[v->at].gpu].bdf,
			       &saved->gpu))
			fail_msg("seed %u: VF %d is not for %s", s->seed, v->at,
				 saved->uuid);
		if (saved->state == SAVED_STOPPED || saved->state == SAVED_REMOVING ||
		    saved->in_progress)
			fail_msg("seed %u: %s is not wanted", s->seed, saved->uuid);
	}
}

/* Judges and applies; returns how many were made. */
static size_t judge_and_apply(struct scene *s)
{
	bool live_on[MAX_VFS] = { false };
	size_t i, before = s->host->n_live;

	judge(s);
	for (i = 0; i < s->host->n_live; i++)
		live_on[s->host->live[i].at] = true;
	assert_sane(s, live_on);
	apply(s);
	return s->host->n_live - before;
}

static size_t try_at_random(uint32_t seed, bool straying)
{
	uint32_t dice = seed * 2654435761u;
	struct scene s;
	size_t n_made;

	open_scene(&s, 1 + random_below(&dice, 3), 1 + random_below(&dice, 7));
	s.seed = seed;
	arrange_host(&s, &dice);
	arrange_vgpus(&s, &dice, straying);
	n_made = judge_and_apply(&s);
	if (!straying) {
		assert_nothing_left_to_do(&s);
		assert_one_record_per_vf(&s);
	}
	host_free(s.host);
	return n_made;
}

static void no_vf_ever_gets_two_vgpus(void **state)
{
	size_t n_made = 0;
	uint32_t seed;

	(void)state;
	for (seed = 1; seed <= 20000; seed++)
		n_made += try_at_random(seed, true);
	assert_true(n_made > 10000);
}

static void a_second_run_has_nothing_to_do(void **state)
{
	size_t n_made = 0;
	uint32_t seed;

	(void)state;
	for (seed = 1; seed <= 20000; seed++)
		n_made += try_at_random(seed, false);
	assert_true(n_made > 10000);
}

static void the_order_of_records_decides_nothing_but_who_moves_first(void **state)
{
	uint32_t seed;

	(void)state;
	/* with a home for everybody, each permutation of homes gives everybody its own */
	for (seed = 1; seed <= 500; seed++) {
		uint32_t dice = seed * 2654435761u, n;
		int homes[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };
		struct scene s;

		open_scene(&s, 1, 8);
		for (n = 7; n > 0; n--) {
			uint32_t other = random_below(&dice, n + 1);
			int swap = homes[n];

			homes[n] = homes[other];
			homes[other] = swap;
		}
		for (n = 0; n < 8; n++)
			save(&s, fake_saved(n, 0, homes[n], "A40-4Q",
					    n % 2 ? SAVED_ACTIVE : SAVED_CREATING));
		judge(&s);
		for (n = 0; n < 8; n++)
			assert_int_equal(verdict(&s, n)->at, homes[n]);
		apply(&s);
		assert_nothing_left_to_do(&s);
		host_free(s.host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			whoever_can_have_its_own_vf_gets_it_before_anybody_moves),
		cmocka_unit_test(
			of_two_that_must_move_the_one_without_a_vf_left_is_reported),
		cmocka_unit_test(nobody_moves_to_another_gpu),
		cmocka_unit_test(three_that_changed_places_are_all_adopted),
		cmocka_unit_test(a_stopped_one_and_one_being_made_keep_their_vfs),
		cmocka_unit_test(
			a_stopped_one_that_lives_keeps_its_vf_and_the_one_it_lives_on),
		cmocka_unit_test(nobody_moves_to_a_vf_that_a_reported_record_names),
		cmocka_unit_test(
			nobody_moves_to_a_vf_that_the_record_of_a_conflict_names),
		cmocka_unit_test(no_vf_ever_gets_two_vgpus),
		cmocka_unit_test(a_second_run_has_nothing_to_do),
		cmocka_unit_test(
			one_that_lives_in_the_home_of_another_that_stays_is_not_adopted),
		cmocka_unit_test(
			the_order_of_records_decides_nothing_but_who_moves_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
