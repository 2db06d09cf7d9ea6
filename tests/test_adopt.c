/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/adopt.h"

#include "lib/check.h"
#include "lib/fake.h"

static void what_is_live_becomes_a_record_of_the_same(void **state)
{
	struct host *host = fake_host(2, 4);
	enum plan_reason reason;
	struct saved_vgpu v;

	(void)state;
	fake_live(host, 7, 1, 2, "A40-4Q");
	fake_ready(host);
	strcpy(host->boot_id, "boot");
	assert_int_equal(adopt_judge(host, NULL, 0, &host->live[0], &v, &reason),
			 ADOPT_FINE);
	assert_string_equal(v.uuid, host->live[0].uuid);
	assert_string_equal(v.profile, "A40-4Q");
	assert_string_equal(v.type_name, "NVIDIA A40-4Q");
	assert_int_equal(v.type_id, fake_type("A40-4Q")->id);
	assert_int_equal(v.framebuffer_mib, 4096);
	assert_int_equal(v.framework, FRAMEWORK_MDEV);
	assert_int_equal(v.state, SAVED_ACTIVE);
	assert_string_equal(v.boot_id, "boot");
	assert_int_equal(v.vf_index, 2);
	assert_true(bdf_equal(&v.gpu, &host->gpus[1].bdf));
	assert_true(bdf_equal(&v.vf, &host->live[0].parent));
	assert_string_equal(v.vm, ""); /* the caller's to say */
	host_free(host);
}

static void stick(struct host *host, struct live_vgpu *live)
{
	(void)host;
	live->stuck = true;
}

static void exclude(struct host *host, struct live_vgpu *live)
{
	host->gpus[live->gpu].excluded = true;
}

static void unbind(struct host *host, struct live_vgpu *live)
{
	host->gpus[live->gpu].driver[0] = '\0';
}

static void bind_other(struct host *host, struct live_vgpu *live)
{
	strcpy(host->gpus[live->gpu].driver, "vfio-pci");
}

static void make_vfio(struct host *host, struct live_vgpu *live)
{
	(void)host;
	live->framework = FRAMEWORK_VFIO;
	live->uuid[0] = '\0';
}

static void move_to_pf(struct host *host, struct live_vgpu *live)
{
	live->at = -1;
	live->parent = host->gpus[live->gpu].bdf;
}

static void unfinish(struct host *host, struct live_vgpu *live)
{
	(void)host;
	live->type_dir[0] = live->type_name[0] = '\0';
	live->unfinished = true;
}

static void forget_type(struct host *host, struct live_vgpu *live)
{
	(void)host;
	live->type_name[0] = '\0';
}

static void spoil_type(struct host *host, struct live_vgpu *live)
{
	(void)host;
	strcpy(live->type_name, "NVIDIA A40\x1b[31m-4Q");
}

static void what_stands_in_the_way_is_told(void **state)
{
	static const struct {
		const char *name;
		void (*spoil)(struct host *host, struct live_vgpu *live);
		enum adopt_bar want;
		enum plan_reason reason;
	} cases[] = {
		{ "stuck", stick, ADOPT_STUCK, REASON_NONE },
		{ "excluded", exclude, ADOPT_GPU, REASON_EXCLUDED },
		{ "no driver", unbind, ADOPT_GPU, REASON_NO_DRIVER },
		{ "another driver", bind_other, ADOPT_GPU, REASON_OTHER_DRIVER },
		{ "vendor VFIO", make_vfio, ADOPT_FINE, REASON_NONE },
		{ "on a GPU that is no parent", move_to_pf, ADOPT_PARENT, REASON_NONE },
		{ "not made yet", unfinish, ADOPT_UNFINISHED, REASON_NONE },
		{ "no type", forget_type, ADOPT_TYPE, REASON_NONE },
		{ "a type nobody can read", spoil_type, ADOPT_TYPE, REASON_NONE },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct host *host = fake_host(1, 2);
		enum plan_reason reason = REASON_NONE;
		struct saved_vgpu v;

		fake_live(host, 1, 0, 0, "A40-4Q");
		fake_ready(host);
		cases[i].spoil(host, &host->live[0]);
		check_case(cases[i].name, adopt_judge(host, NULL, 0, &host->live[0], &v,
						      &reason) == cases[i].want);
		if (cases[i].want == ADOPT_GPU)
			check_case(cases[i].name, reason == cases[i].reason);
		host_free(host);
	}
}

static void a_vf_has_one_owner_and_a_gpu_that_is_its_own_parent_several(void **state)
{
	struct host *host = fake_host(1, 2);
	struct saved_vgpu saved[] = { fake_saved(8, 0, 1, "A40-4Q", SAVED_STOPPED),
				      fake_saved(9, 0, -1, "A40-4Q", SAVED_ACTIVE) },
			  v;
	enum plan_reason reason;

	(void)state;
	fake_live(host, 1, 0, 0, "A40-4Q");
	fake_live(host, 2, 0, 1, "A40-4Q");
	fake_ready(host);
	assert_int_equal(adopt_judge(host, saved, 2, &host->live[0], &v, &reason),
			 ADOPT_FINE);
	assert_int_equal(adopt_judge(host, saved, 2, &host->live[1], &v, &reason),
			 ADOPT_VF_OWNED);
	assert_ptr_equal(adopt_find_owner(saved, 2, &saved[0].vf), &saved[0]);
	assert_null(adopt_find_owner(saved, 2, &saved[1].vf));
	host_free(host);
}

static void the_lowest_free_slot_is_the_next(void **state)
{
	struct saved_vgpu saved[] = { fake_saved(1, 0, 0, "A40-4Q", SAVED_ACTIVE),
				      fake_saved(2, 0, 1, "A40-4Q", SAVED_ACTIVE),
				      fake_saved(3, 0, 2, "A40-4Q", SAVED_ACTIVE),
				      fake_saved(4, 0, 3, "A40-4Q", SAVED_ACTIVE) };
	static const uint32_t slots[] = { 1, 0, 3, 2 };
	static const char *const vms[] = { "a", "a", "a", "b" };
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		saved[i].slot = slots[i];
		strcpy(saved[i].vm, vms[i]);
	}
	assert_int_equal(adopt_free_slot(saved, 4, "a"), 2);
	assert_int_equal(adopt_free_slot(saved, 4, "b"), 0);
	assert_int_equal(adopt_free_slot(saved, 4, "A"), 0);
	assert_int_equal(adopt_free_slot(saved, 2, "a"), 2);
	assert_int_equal(adopt_free_slot(saved, 0, "a"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_live_becomes_a_record_of_the_same),
		cmocka_unit_test(what_stands_in_the_way_is_told),
		cmocka_unit_test(
			a_vf_has_one_owner_and_a_gpu_that_is_its_own_parent_several),
		cmocka_unit_test(the_lowest_free_slot_is_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
