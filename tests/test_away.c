/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/away.h"

#include "lib/check.h"
#include "lib/fake.h"

static void every_record_gets_the_step_that_its_state_and_the_kernel_ask_for(void **state)
{
	static const struct {
		const char *name;
		enum saved_state saved;
		enum vgpu_state shown;
		bool live;
		enum away_step remove, stop;
	} cases[] = {
		{ "live as saved", SAVED_ACTIVE, STATE_ACTIVE, true, AWAY_DEVICE,
		  AWAY_DEVICE },
		{ "missing", SAVED_ACTIVE, STATE_MISSING, false, AWAY_RECORD,
		  AWAY_RECORD },
		{ "a create cut short", SAVED_CREATING, STATE_CREATING, false,
		  AWAY_RECORD, AWAY_RECORD },
		{ "a create cut short, live", SAVED_CREATING, STATE_CREATING, true,
		  AWAY_DEVICE, AWAY_DEVICE },
		{ "a removal cut short", SAVED_REMOVING, STATE_REMOVING, false,
		  AWAY_RECORD, AWAY_LEAVE },
		{ "a removal cut short, live", SAVED_REMOVING, STATE_REMOVING, true,
		  AWAY_DEVICE, AWAY_DEVICE },
		{ "stopped", SAVED_STOPPED, STATE_STOPPED, false, AWAY_RECORD,
		  AWAY_NOTHING },
		{ "a stop cut short", SAVED_STOPPED, STATE_STOPPED, true, AWAY_DEVICE,
		  AWAY_DEVICE },
		{ "stuck", SAVED_ACTIVE, STATE_STUCK, true, AWAY_REFUSE, AWAY_REFUSE },
		{ "stopped and stuck", SAVED_STOPPED, STATE_STUCK, true, AWAY_REFUSE,
		  AWAY_REFUSE },
		{ "removed and stuck", SAVED_REMOVING, STATE_STUCK, true, AWAY_REFUSE,
		  AWAY_REFUSE },
		{ "live with another profile", SAVED_ACTIVE, STATE_CONFLICT, true,
		  AWAY_REFUSE, AWAY_REFUSE },
		{ "no longer offered, not live", SAVED_ACTIVE, STATE_CONFLICT, false,
		  AWAY_RECORD, AWAY_RECORD },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct saved_vgpu v = fake_saved(1, 0, 0, "A40-4Q", cases[i].saved);
		struct verdict verdict = { cases[i].shown, ACTION_NONE, REASON_NONE, -1 };

		check_case(cases[i].name, away_decide(AWAY_REMOVE, &v, &verdict,
						      cases[i].live) == cases[i].remove);
		check_case(cases[i].name, away_decide(AWAY_STOP, &v, &verdict,
						      cases[i].live) == cases[i].stop);
	}
}

/* It is wanted, so that it can be stopped, unlike one that was to be removed. */
static void a_move_that_was_cut_short_can_be_stopped(void **state)
{
	struct saved_vgpu v = fake_saved(1, 0, 0, "A40-4Q", SAVED_REMOVING);
	struct verdict verdict = { STATE_CREATING, ACTION_ROLL_FORWARD,
				   REASON_MOVE_CUT_SHORT, -1 };

	(void)state;
	v.is_moving = true;
	assert_int_equal(away_decide(AWAY_STOP, &v, &verdict, false), AWAY_RECORD);
	assert_int_equal(away_decide(AWAY_REMOVE, &v, &verdict, false), AWAY_RECORD);
	assert_int_equal(away_decide(AWAY_STOP, &v, &verdict, true), AWAY_DEVICE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			every_record_gets_the_step_that_its_state_and_the_kernel_ask_for),
		cmocka_unit_test(a_move_that_was_cut_short_can_be_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
