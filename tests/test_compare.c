/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/compare.h"

#include "lib/check.h"
#include "lib/fake.h"

static void each_kind_of_change(void **state)
{
	struct saved_vgpu now[3] = { fake_saved(1, 0, 0, "A40-24A", SAVED_ACTIVE),
				     fake_saved(2, 0, 1, "A40-24A", SAVED_ACTIVE),
				     fake_saved(3, 1, 0, "A40-24A", SAVED_ACTIVE) };
	struct saved_vgpu then[3] = { now[1], now[0],
				      fake_saved(4, 1, 1, "A40-24A", SAVED_STOPPED) };
	struct difference d[6];

	(void)state;
	then[1].slot = 9;
	assert_int_equal(compare_records(now, 3, then, 3, d), 4);
	assert_int_equal(d[0].change, CHANGE_NONE);
	assert_true(d[0].now == &now[1] && d[0].then == &then[0]);
	assert_int_equal(d[1].change, CHANGE_ALTER);
	assert_true(d[1].now == &now[0] && d[1].then == &then[1]);
	assert_int_equal(d[2].change, CHANGE_ADD);
	assert_true(!d[2].now && d[2].then == &then[2]);
	assert_int_equal(d[3].change, CHANGE_DROP);
	assert_true(d[3].now == &now[2] && !d[3].then);
	assert_int_equal(compare_records(now, 0, then, 0, d), 0);
	assert_int_equal(compare_records(now, 3, then, 0, d), 3);
	assert_int_equal(d[2].change, CHANGE_DROP);
}

static void what_makes_two_records_differ(void **state)
{
	const struct saved_vgpu base = fake_saved(1, 0, 0, "A40-24A", SAVED_ACTIVE);
	struct saved_vgpu other = base;

	(void)state;
	other.row = base.row + 1;
	other.type_id++;
	other.in_progress = true;
	strcpy(other.boot_id, "another");
	strcpy(other.changed_at, "2030-01-01T00:00:00Z");
	assert_true(compare_same(&base, &other));
#define differs(change)                                                                  \
	do {                                                                             \
		other = base;                                                            \
		change;                                                                  \
		check_case(#change, !compare_same(&base, &other));                       \
	} while (0)
	differs(other.uuid[35] = 'f');
	differs(strcpy(other.vm, "other"));
	differs(strcpy(other.vm_uuid, "3deab9a4-200a-4c54-99b1-5eb0722d1d81"));
	differs(other.slot++);
	differs(strcpy(other.profile, "A40-24Q"));
	differs(strcpy(other.type_name, "NVIDIA A40-24Q"));
	differs(other.framework = FRAMEWORK_VFIO);
	differs(other.gpu = fake_bdf(1, -1));
	differs(other.vf = fake_bdf(0, 1));
	differs(other.state = SAVED_STOPPED);
	differs(strcpy(other.params, "disable_vnc=1"));
	differs(other.has_placement_id = true);
	differs(other.attached = FRAMEWORK_VFIO);
	differs(other.is_moving = true);
#undef differs
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_change),
		cmocka_unit_test(what_makes_two_records_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
