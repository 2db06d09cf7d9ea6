/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/move.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/fake.h"
#include "model/hostdev.h"

static void what_is_done_depends_on_record_and_kernel(void **state)
{
	static const struct {
		const char *name;
		enum saved_state saved;
		bool moving, live, there;
		enum vgpu_state shown;
		enum move_step want;
	} cases[] = {
		{ "live elsewhere", SAVED_ACTIVE, false, true, false, STATE_ACTIVE,
		  MOVE_DEVICE },
		{ "live there", SAVED_ACTIVE, false, true, true, STATE_ACTIVE,
		  MOVE_NOTHING },
		{ "missing", SAVED_ACTIVE, false, false, false, STATE_MISSING,
		  MOVE_RECORD },
		{ "missing there", SAVED_ACTIVE, false, false, true, STATE_MISSING,
		  MOVE_NOTHING },
		{ "stopped", SAVED_STOPPED, false, false, false, STATE_STOPPED,
		  MOVE_RECORD },
		{ "stop cut short", SAVED_STOPPED, false, true, false, STATE_STOPPED,
		  MOVE_REFUSE },
		{ "create cut short", SAVED_CREATING, false, false, false, STATE_CREATING,
		  MOVE_RECORD },
		{ "made, not settled", SAVED_CREATING, false, true, false, STATE_CREATING,
		  MOVE_DEVICE },
		{ "removal cut short", SAVED_REMOVING, false, true, false, STATE_REMOVING,
		  MOVE_REFUSE },
		{ "removed, not settled", SAVED_REMOVING, false, false, false,
		  STATE_REMOVING, MOVE_REFUSE },
		{ "move cut short before", SAVED_REMOVING, true, true, false,
		  STATE_REMOVING, MOVE_DEVICE },
		{ "move cut short after", SAVED_REMOVING, true, false, false,
		  STATE_CREATING, MOVE_MAKE },
		{ "the same, back home", SAVED_REMOVING, true, false, true,
		  STATE_CREATING, MOVE_MAKE },
		{ "stuck", SAVED_ACTIVE, false, true, false, STATE_STUCK, MOVE_REFUSE },
		{ "live otherwise", SAVED_ACTIVE, false, true, false, STATE_CONFLICT,
		  MOVE_REFUSE },
		{ "cannot be made here", SAVED_ACTIVE, false, false, false,
		  STATE_CONFLICT, MOVE_RECORD },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct saved_vgpu v = fake_saved(1, 0, 0, "A40-24A", cases[i].saved);
		struct verdict verdict = { .state = cases[i].shown };
		struct live_vgpu live = { .at = 0 };

		v.is_moving = cases[i].moving;
		check_case(cases[i].name,
			   move_decide(&v, &verdict, cases[i].live ? &live : NULL,
				       cases[i].there) == cases[i].want);
	}
}

/* Two GPUs of four VFs each; SAVED is live on the first one's first VF. */
static struct host *two_gpus(struct saved_vgpu *saved, struct usage *usage)
{
	struct host *host = fake_host(2, 4);

	*saved = fake_saved(1, 0, 0, "A40-24A", SAVED_ACTIVE);
	(void)fake_live(host, 1, 0, 0, "A40-24A");
	usage->gpus = calloc(2, sizeof(*usage->gpus));
	usage->taken = calloc(8, sizeof(*usage->taken));
	return host;
}

static void end(struct host *host, struct usage *usage)
{
	free(usage->gpus);
	free(usage->taken);
	host_free(host);
}

static void elsewhere_there_must_be_room_at_home_a_free_vf(void **state)
{
	struct bdf home = fake_bdf(0, 3), away = fake_bdf(1, 2);
	struct placement place;
	struct saved_vgpu v;
	struct usage usage;
	enum limit limit;
	struct host *host = two_gpus(&v, &usage);

	(void)state;
	(void)fake_live(host, 2, 0, 1, "A40-24A");
	fake_ready(host);
	usage_fill(host, &v, 1, &usage);
	assert_true(move_place(host, &usage, &v, 0, NULL, &place, &limit));
	assert_int_equal(place.at, 2);
	assert_true(move_place(host, &usage, &v, 0, &home, &place, &limit));
	assert_int_equal(place.at, 3);
	assert_false(move_place(host, &usage, &v, 0, &v.vf, &place, &limit));
	assert_int_equal(limit, LIMIT_NO_FREE_VF);
	assert_true(move_place(host, &usage, &v, 1, NULL, &place, &limit));
	assert_int_equal(place.at, 4);
	assert_true(move_place(host, &usage, &v, 1, &away, &place, &limit));
	assert_int_equal(place.at, 6);
	alloc_take(host, &usage, &place);
	assert_false(move_place(host, &usage, &v, 1, &away, &place, &limit));
	assert_int_equal(limit, LIMIT_NO_FREE_VF);
	assert_true(move_place(host, &usage, &v, 1, NULL, &place, &limit));
	alloc_take(host, &usage, &place);
	assert_false(move_place(host, &usage, &v, 1, NULL, &place, &limit));
	assert_int_equal(limit, LIMIT_MAX_INSTANCE);
	end(host, &usage);
}

static void a_gpu_that_takes_none_says_why(void **state)
{
	struct placement place;
	struct saved_vgpu v;
	struct usage usage;
	enum limit limit;
	struct host *host = two_gpus(&v, &usage);

	(void)state;
	(void)fake_live(host, 2, 1, 0, "A40-1Q");
	fake_ready(host);
	usage_fill(host, &v, 1, &usage);
	assert_false(move_place(host, &usage, &v, 1, NULL, &place, &limit));
	assert_int_equal(limit, LIMIT_OTHER_SIZE);
	host->gpus[1].cordoned = true;
	assert_false(move_place(host, &usage, &v, 1, NULL, &place, &limit));
	assert_int_equal(limit, LIMIT_EXCLUDED);
	host->gpus[0].cordoned = true; /* there, it is no new one */
	assert_true(move_place(host, &usage, &v, 0, NULL, &place, &limit));
	host->gpus[0].excluded = true;
	assert_false(move_place(host, &usage, &v, 0, NULL, &place, &limit));
	assert_int_equal(limit, LIMIT_EXCLUDED);
	host->gpus[0].excluded = false;
	strcpy(host->gpus[0].driver, "vfio-pci");
	assert_false(move_place(host, &usage, &v, 0, NULL, &place, &limit));
	assert_int_equal(limit, LIMIT_MODE);
	end(host, &usage);
}

/* One that is on its way keeps its VF, the next one, and room there. */
static void both_places_are_taken_until_it_is_there(void **state)
{
	struct saved_vgpu v;
	struct usage usage;
	struct host *host = two_gpus(&v, &usage);

	(void)state;
	v.state = SAVED_REMOVING;
	v.is_moving = true;
	v.to_gpu = fake_bdf(1, -1);
	v.to_vf = fake_bdf(1, 2);
	fake_ready(host);
	usage_fill(host, &v, 1, &usage);
	assert_true(usage.taken[0] && usage.taken[6]);
	assert_int_equal(usage.gpus[0].n_vgpus, 1);
	assert_int_equal(usage.gpus[1].n_vgpus, 1);
	assert_int_equal(usage.gpus[1].size_mib, 24576);
	v.to_gpu = v.gpu;
	v.to_vf = fake_bdf(0, 2);
	usage_fill(host, &v, 1, &usage);
	assert_true(usage.taken[0] && usage.taken[2]);
	assert_int_equal(usage.gpus[0].n_vgpus, 1);
	end(host, &usage);
}

static void what_was_cut_short_is_ended_or_undone(void **state)
{
	struct saved_vgpu v = fake_saved(1, 0, 0, "A40-24A", SAVED_REMOVING);

	(void)state;
	assert_int_equal(move_rest(&v, true), MOVE_REST_NONE);
	v.is_moving = true;
	assert_int_equal(move_rest(&v, true), MOVE_REST_FINISH);
	assert_int_equal(move_rest(&v, false), MOVE_REST_UNDO);
	v.in_progress = true;
	assert_int_equal(move_rest(&v, true), MOVE_REST_NONE);
}

/* vGPU 1 was to go from VF 2 of GPU 0 to VF 1 of GPU 1; vGPU 2 would like that VF. */
static void the_plan_undoes_it_or_ends_it_and_keeps_both_places(void **state)
{
	bool ours[4], taken[8], stays[2];
	struct verdict verdicts[2];
	struct plan plan = { verdicts, ours, taken, stays };
	int live;

	(void)state;
	for (live = 0; live < 2; live++) {
		struct host *host = fake_host(2, 4);
		struct saved_vgpu saved[2] = {
			fake_saved(1, 0, 2, "A40-4Q", SAVED_REMOVING),
			fake_saved(2, 1, 1, "A40-4Q", SAVED_ACTIVE),
		};

		saved[0].is_moving = true;
		saved[0].to_gpu = fake_bdf(1, -1);
		saved[0].to_vf = fake_bdf(1, 1);
		if (live)
			(void)fake_live(host, 1, 0, 2, "A40-4Q");
		fake_ready(host);
		plan_reconcile(host, saved, 2, &plan);
		assert_int_equal(verdicts[0].state,
				 live ? STATE_REMOVING : STATE_CREATING);
		assert_int_equal(verdicts[0].action,
				 live ? ACTION_REPORT : ACTION_ROLL_FORWARD);
		assert_int_equal(verdicts[0].reason,
				 live ? REASON_MOVE_UNDONE : REASON_MOVE_CUT_SHORT);
		assert_true(taken[2] && taken[5]);
		assert_int_equal(verdicts[1].action, ACTION_MOVE);
		assert_int_equal(verdicts[1].at, 4);
		host_free(host);
	}
}

static void a_vm_is_given_an_mdev_by_uuid_and_a_vf_by_address(void **state)
{
	struct bdf vf = { 0x10000, 0xe8, 0x1f, 7 };
	char buf[HOSTDEV_SIZE];

	(void)state;
	assert_contains(hostdev_element(FRAMEWORK_VFIO, "u", &vf, buf),
			"<address domain='0x10000' bus='0xe8' slot='0x1f' "
			"function='0x7'/>\n");
	assert_contains(buf, "type='pci' managed='no'");
	assert_contains(hostdev_element(FRAMEWORK_MDEV,
					"00000000-0000-0000-0000-000000000001", &vf, buf),
			"<address uuid='00000000-0000-0000-0000-000000000001'/>\n");
	assert_contains(buf, "type='mdev'");
	assert_contains(buf, "</hostdev>\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_done_depends_on_record_and_kernel),
		cmocka_unit_test(elsewhere_there_must_be_room_at_home_a_free_vf),
		cmocka_unit_test(a_gpu_that_takes_none_says_why),
		cmocka_unit_test(both_places_are_taken_until_it_is_there),
		cmocka_unit_test(what_was_cut_short_is_ended_or_undone),
		cmocka_unit_test(the_plan_undoes_it_or_ends_it_and_keeps_both_places),
		cmocka_unit_test(a_vm_is_given_an_mdev_by_uuid_and_a_vf_by_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
