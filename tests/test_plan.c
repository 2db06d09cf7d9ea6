/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plan.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/fake.h"

#define MAX_LIVE 64
#define MAX_VFS 64
#define MAX_SAVED 32

struct scene {
	struct host *host;
	struct saved_vgpu saved[MAX_SAVED];
	size_t n_saved;
	struct verdict verdicts[MAX_SAVED];
	bool ours[MAX_LIVE], taken[MAX_VFS], stays[MAX_SAVED];
	struct plan plan;
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
	memset(s->verdicts, 0xff, sizeof(s->verdicts));
	plan_reconcile(s->host, s->saved, s->n_saved, &s->plan);
}

/* The verdict on vGPU N. */
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

/* Each case tells of vGPU 1, an A40-4Q saved on VF 2 of GPU 0, which has four VFs. */
static void missing(struct scene *s)
{
	(void)s;
}

static void live(struct scene *s)
{
	fake_live(s->host, 1, 0, 2, "A40-4Q");
}

static void live_without_a_name(struct scene *s)
{
	fake_live(s->host, 1, 0, 2, "A40-4Q")->type_name[0] = '\0';
}

static void live_without_a_name_of_another_id(struct scene *s)
{
	struct live_vgpu *l = fake_live(s->host, 1, 0, 2, "A40-4Q");

	l->type_name[0] = '\0';
	l->type_id = 1;
}

static void live_under_another_id(struct scene *s)
{
	fake_live(s->host, 1, 0, 2, "A40-4Q")->type_id = 4711;
}

static void live_on_another_vf(struct scene *s)
{
	fake_live(s->host, 1, 0, 3, "A40-4Q");
}

static void live_on_another_gpu(struct scene *s)
{
	fake_live(s->host, 1, 1, 2, "A40-4Q");
}

static void live_on_no_gpu(struct scene *s)
{
	struct live_vgpu *l = fake_live(s->host, 1, 0, 2, "A40-4Q");

	l->parent = (struct bdf){ 0 };
	strcpy(l->parent_name, "mtty");
}

static void live_with_another_profile(struct scene *s)
{
	fake_live(s->host, 1, 0, 2, "A40-4A");
}

static void live_and_stuck(struct scene *s)
{
	fake_live(s->host, 1, 0, 2, "A40-4Q")->stuck = true;
}

static void taken(struct scene *s)
{
	fake_live(s->host, 99, 0, 2, "A40-4A");
}

static void vf_shows_no_types(struct scene *s)
{
	s->host->parents[2].framework = FRAMEWORK_NONE;
}

static void vf_gone(struct scene *s)
{
	/* three VFs are left, and the record names the fourth of them */
	s->host->n_parents = s->host->gpus[0].n_parents = 2;
	s->host->n_gpus = 1;
}

static void no_vf_free(struct scene *s)
{
	int i;

	for (i = 0; i < 4; i++)
		fake_live(s->host, 90 + (uint32_t)i, 0, i, "A40-4A");
}

static void other_size(struct scene *s)
{
	fake_live(s->host, 99, 0, 0, "A40-24A");
}

static void other_size_on_its_vf(struct scene *s)
{
	fake_live(s->host, 99, 0, 2, "A40-24A");
}

static void foreign_of_unknown_size(struct scene *s)
{
	fake_live(s->host, 99, 0, 0, "A40-24A")->framebuffer_mib = 0;
}

static void own_of_another_size(struct scene *s)
{
	fake_live(s->host, 2, 0, 0, "A40-24A");
	save(s, fake_saved(2, 0, 0, "A40-24A", SAVED_ACTIVE));
}

static void other_size_on_another_gpu(struct scene *s)
{
	fake_live(s->host, 99, 1, 2, "A40-24A");
}

static void not_offered(struct scene *s)
{
	strcpy(s->host->gpus[0].catalog->types[2].profile, "A40-4R");
}

static void not_remembered(struct scene *s)
{
	not_offered(s);
	s->host->gpus[0].catalog->remembered = true;
}

static void no_catalog(struct scene *s)
{
	catalog_unref(s->host->gpus[0].catalog);
	s->host->gpus[0].catalog = NULL;
}

static void gpu_absent(struct scene *s)
{
	s->host->n_gpus = s->host->n_parents = 0;
}

static void no_driver(struct scene *s)
{
	s->host->gpus[0].driver[0] = '\0';
}

static void other_driver(struct scene *s)
{
	strcpy(s->host->gpus[0].driver, "vfio-pci");
}

static void excluded(struct scene *s)
{
	s->host->gpus[0].excluded = true;
}

static void excluded_and_live(struct scene *s)
{
	excluded(s);
	live(s);
}

static void vfs_off(struct scene *s)
{
	s->host->n_parents = s->host->gpus[0].n_parents = 0;
	s->host->n_gpus = 1;
}

static void vfs_off_overridden(struct scene *s)
{
	vfs_off(s);
	strcpy(s->host->gpus[0].driver_override, "vfio-pci");
}

static void no_types(struct scene *s)
{
	size_t i;

	for (i = 0; i < 4; i++)
		s->host->parents[i].framework = FRAMEWORK_NONE;
}

static void vendor_vfio(struct scene *s)
{
	size_t i;

	for (i = 0; i < 4; i++)
		s->host->parents[i].framework = FRAMEWORK_VFIO;
}

static void vendor_vfio_taken(struct scene *s)
{
	taken(s);
	vendor_vfio(s);
}

static void vendor_vfio_gone(struct scene *s)
{
	vf_gone(s);
	vendor_vfio(s);
}

static void at_work(struct scene *s)
{
	s->saved[0].in_progress = true;
}

static void at_work_and_live(struct scene *s)
{
	live(s);
	at_work(s);
}

static void at_work_and_stuck(struct scene *s)
{
	live_and_stuck(s);
	at_work(s);
}

static void at_work_and_awaited(struct scene *s)
{
	at_work_and_stuck(s);
	s->saved[0].attended = true;
}

static void live_on_another_vf_and_stuck(struct scene *s)
{
	fake_live(s->host, 1, 0, 3, "A40-4Q")->stuck = true;
}

static void live_half_made(struct scene *s)
{
	struct live_vgpu *l = fake_live(s->host, 1, 0, 2, "A40-4Q");

	l->type_dir[0] = l->type_name[0] = '\0';
	l->unfinished = true;
}

#define C SAVED_CREATING
#define A SAVED_ACTIVE
#define R SAVED_REMOVING
#define S SAVED_STOPPED

static const struct row {
	void (*arrange)(struct scene *s);
	enum saved_state saved;
	enum vgpu_state state;
	enum plan_action action;
	enum plan_reason reason;
	int vf;
} table[] = {
	{ live, A, STATE_ACTIVE, ACTION_NONE, REASON_NONE, 2 },
	{ live_without_a_name, A, STATE_ACTIVE, ACTION_NONE, REASON_NONE, 2 },
	{ live_under_another_id, A, STATE_ACTIVE, ACTION_NONE, REASON_NONE, 2 },
	{ live_on_another_vf, A, STATE_ACTIVE, ACTION_ADOPT_VF, REASON_NONE, 3 },
	{ excluded_and_live, A, STATE_ACTIVE, ACTION_NONE, REASON_NONE, 2 },
	{ live_on_another_gpu, A, STATE_CONFLICT, ACTION_REPORT, REASON_OTHER_GPU, 6 },
	{ live_on_no_gpu, A, STATE_CONFLICT, ACTION_REPORT, REASON_OTHER_GPU, -1 },
	{ live_with_another_profile, A, STATE_CONFLICT, ACTION_REPORT,
	  REASON_OTHER_PROFILE, 2 },
	{ live_without_a_name_of_another_id, A, STATE_CONFLICT, ACTION_REPORT,
	  REASON_OTHER_PROFILE, 2 },
	{ live_with_another_profile, C, STATE_CONFLICT, ACTION_REPORT,
	  REASON_OTHER_PROFILE, 2 },
	{ live_with_another_profile, R, STATE_CONFLICT, ACTION_REPORT,
	  REASON_OTHER_PROFILE, 2 },
	{ live_and_stuck, A, STATE_STUCK, ACTION_REPORT, REASON_STUCK, 2 },
	{ live_and_stuck, R, STATE_STUCK, ACTION_REPORT, REASON_STUCK, 2 },
	{ missing, A, STATE_MISSING, ACTION_CREATE, REASON_NONE, 2 },
	{ no_catalog, A, STATE_MISSING, ACTION_CREATE, REASON_NONE, 2 },
	{ not_remembered, A, STATE_MISSING, ACTION_CREATE, REASON_NONE, 2 },
	{ foreign_of_unknown_size, A, STATE_MISSING, ACTION_CREATE, REASON_NONE, 2 },
	{ own_of_another_size, A, STATE_MISSING, ACTION_CREATE, REASON_NONE, 2 },
	{ other_size_on_another_gpu, A, STATE_MISSING, ACTION_CREATE, REASON_NONE, 2 },
	{ taken, A, STATE_MISSING, ACTION_MOVE, REASON_VF_TAKEN, 0 },
	{ vf_shows_no_types, A, STATE_MISSING, ACTION_MOVE, REASON_VF_GONE, 0 },
	{ vf_gone, A, STATE_MISSING, ACTION_MOVE, REASON_VF_GONE, 0 },
	{ no_vf_free, A, STATE_MISSING, ACTION_REPORT, REASON_NO_FREE_VF, -1 },
	{ not_offered, A, STATE_CONFLICT, ACTION_REPORT, REASON_NOT_OFFERED, -1 },
	{ other_size, A, STATE_CONFLICT, ACTION_REPORT, REASON_OTHER_SIZE, -1 },
	{ other_size_on_its_vf, A, STATE_CONFLICT, ACTION_REPORT, REASON_OTHER_SIZE, -1 },
	{ gpu_absent, A, STATE_MISSING, ACTION_REPORT, REASON_GPU_ABSENT, -1 },
	{ no_driver, A, STATE_MISSING, ACTION_REPORT, REASON_NO_DRIVER, -1 },
	{ other_driver, A, STATE_MISSING, ACTION_REPORT, REASON_OTHER_DRIVER, -1 },
	{ excluded, A, STATE_MISSING, ACTION_REPORT, REASON_EXCLUDED, -1 },
	{ vfs_off, A, STATE_MISSING, ACTION_CREATE, REASON_SRIOV_OFF, -1 },
	{ vfs_off, C, STATE_CREATING, ACTION_ROLL_FORWARD, REASON_SRIOV_OFF, -1 },
	{ vfs_off_overridden, A, STATE_MISSING, ACTION_REPORT, REASON_SRIOV_OFF, -1 },
	{ no_types, A, STATE_MISSING, ACTION_REPORT, REASON_NO_TYPES, -1 },
	{ vendor_vfio, A, STATE_MISSING, ACTION_CREATE, REASON_NONE, 2 },
	{ vendor_vfio_taken, A, STATE_CONFLICT, ACTION_REPORT, REASON_VF_TAKEN, -1 },
	{ vendor_vfio_gone, A, STATE_CONFLICT, ACTION_REPORT, REASON_VF_GONE, -1 },
	{ missing, C, STATE_CREATING, ACTION_ROLL_FORWARD, REASON_NONE, 2 },
	{ live, C, STATE_CREATING, ACTION_ROLL_FORWARD, REASON_NONE, 2 },
	{ live_on_another_vf, C, STATE_CREATING, ACTION_ROLL_FORWARD, REASON_NONE, 3 },
	{ gpu_absent, C, STATE_CREATING, ACTION_REPORT, REASON_GPU_ABSENT, -1 },
	{ at_work, C, STATE_CREATING, ACTION_NONE, REASON_IN_PROGRESS, -1 },
	{ at_work_and_live, C, STATE_CREATING, ACTION_NONE, REASON_IN_PROGRESS, -1 },
	{ at_work_and_stuck, C, STATE_STUCK, ACTION_REPORT, REASON_STUCK, 2 },
	{ at_work_and_awaited, C, STATE_CREATING, ACTION_NONE, REASON_IN_PROGRESS, -1 },
	{ missing, R, STATE_REMOVING, ACTION_FORGET, REASON_NONE, -1 },
	{ live, R, STATE_REMOVING, ACTION_REPORT, REASON_REMOVAL_CUT_SHORT, 2 },
	{ gpu_absent, R, STATE_REMOVING, ACTION_REPORT, REASON_GPU_ABSENT, -1 },
	{ at_work, R, STATE_REMOVING, ACTION_NONE, REASON_IN_PROGRESS, -1 },
	{ at_work_and_stuck, R, STATE_STUCK, ACTION_REPORT, REASON_STUCK, 2 },
	{ at_work_and_awaited, R, STATE_REMOVING, ACTION_NONE, REASON_IN_PROGRESS, -1 },
	{ missing, S, STATE_STOPPED, ACTION_NONE, REASON_NONE, -1 },
	{ taken, S, STATE_STOPPED, ACTION_NONE, REASON_NONE, -1 },
	{ gpu_absent, S, STATE_STOPPED, ACTION_NONE, REASON_NONE, -1 },
	{ not_offered, S, STATE_STOPPED, ACTION_NONE, REASON_NONE, -1 },
	{ vfs_off, S, STATE_STOPPED, ACTION_NONE, REASON_NONE, -1 },
	{ at_work, S, STATE_STOPPED, ACTION_NONE, REASON_NONE, -1 },
	{ at_work_and_live, S, STATE_STOPPED, ACTION_NONE, REASON_IN_PROGRESS, -1 },
	{ at_work_and_stuck, S, STATE_STUCK, ACTION_REPORT, REASON_STUCK, 2 },
	{ at_work_and_awaited, S, STATE_STOPPED, ACTION_NONE, REASON_IN_PROGRESS, -1 },
	{ live, S, STATE_STOPPED, ACTION_REPORT, REASON_STOP_CUT_SHORT, 2 },
	{ live_without_a_name, S, STATE_STOPPED, ACTION_REPORT, REASON_STOP_CUT_SHORT,
	  2 },
	{ excluded_and_live, S, STATE_STOPPED, ACTION_REPORT, REASON_STOP_CUT_SHORT, 2 },
	{ live_on_another_vf, S, STATE_STOPPED, ACTION_REPORT, REASON_STOP_CUT_SHORT, 3 },
	{ live_half_made, S, STATE_CREATING, ACTION_REPORT, REASON_IN_PROGRESS, 2 },
	{ live_and_stuck, S, STATE_STUCK, ACTION_REPORT, REASON_STUCK, 2 },
	{ live_on_another_vf_and_stuck, S, STATE_STUCK, ACTION_REPORT, REASON_STUCK, 3 },
	{ live_on_another_gpu, S, STATE_CONFLICT, ACTION_REPORT, REASON_OTHER_GPU, 6 },
	{ live_with_another_profile, S, STATE_CONFLICT, ACTION_REPORT,
	  REASON_OTHER_PROFILE, 2 },
};

#undef C
#undef A
#undef R
#undef S

static void every_row_of_the_reconcile_table_holds(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(table); i++) {
		const struct row *row = &table[i];
		struct scene s;
		struct verdict *v;
		size_t n_gpus, n_vfs;

		open_scene(&s, 2, 4);
		n_gpus = s.host->n_gpus;
		n_vfs = s.host->n_parents;
		save(&s, fake_saved(1, 0, 2, "A40-4Q", row->saved));
		row->arrange(&s);
		judge(&s);
		v = verdict(&s, 1);
		if (v->state != row->state || v->action != row->action ||
		    v->reason != row->reason || v->at != row->vf)
			fail_msg(
				"row %zu: %s, %s, reason %d, VF %d; want %s, %s, %d, %d",
				i, vgpu_state_name(v->state), plan_action_name(v->action),
				(int)v->reason, v->at, vgpu_state_name(row->state),
				plan_action_name(row->action), (int)row->reason, row->vf);
		s.host->n_gpus = n_gpus; /* for host_free() */
		s.host->n_parents = n_vfs;
		host_free(s.host);
	}
}

static void what_the_record_does_not_know_is_foreign(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, 1, 4);
	fake_live(s.host, 7, 0, 0, "A40-4Q");
	fake_live(s.host, 1, 0, 1, "A40-4Q");
	save(&s, fake_saved(1, 0, 1, "A40-4Q", SAVED_ACTIVE));
	judge(&s);
	assert_int_equal(s.n_saved, 1);
	assert_true(s.ours[0]);
	assert_false(s.ours[1]); /* by UUID: 1 before 7 */
	assert_true(s.taken[0]);
	assert_true(s.taken[1]);
	host_free(s.host);
}

static void words_are_those_of_the_contract(void **state)
{
	static const char *const states[] = { "active",	  "missing", "creating",
					      "removing", "stopped", "stuck",
					      "conflict", "foreign" };
	static const char *const actions[] = { "none",	   "create",	   "move",
					       "adopt-vf", "roll-forward", "forget",
					       "report" };
	enum vgpu_state parsed = STATE_STUCK;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(states); i++) {
		assert_string_equal(vgpu_state_name((enum vgpu_state)i), states[i]);
		assert_true(vgpu_state_parse(states[i], &parsed));
		assert_int_equal(parsed, i);
	}
	for (i = 0; i < ARRAY_SIZE_OF(actions); i++)
		assert_string_equal(plan_action_name((enum plan_action)i), actions[i]);
	assert_false(vgpu_state_parse("Active", &parsed));
	assert_false(vgpu_state_parse("", &parsed));
}

static void profiles_are_the_same_by_name_whatever_the_vendors_prefix(void **state)
{
	static const struct {
		const char *type_name;
		uint32_t type_id;
		bool want;
	} cases[] = {
		{ "NVIDIA A40-4Q", 560, true },
		{ "GRID A40-4Q", 1, true },
		{ "nvidia a40-4q", 1, true },
		{ "A40-4Q", 0, true },
		{ "NVIDIA A40-4A", 560, false },
		{ "", 560, true },
		{ "", 561, false },
		{ "", 0, false },
	};
	struct saved_vgpu saved = fake_saved(1, 0, 0, "A40-4Q", SAVED_ACTIVE);
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct live_vgpu l = { .type_id = cases[i].type_id };

		strcpy(l.type_name, cases[i].type_name);
		check_case(cases[i].type_name,
			   plan_same_profile(&saved, &l) == cases[i].want);
	}
	saved.type_id =
		0; /* a hint that was never had is no match for one that is not shown */
	assert_false(plan_same_profile(&saved, &(struct live_vgpu){ .type_id = 0 }));
}

static void vfs_are_wanted_by_a_wish_or_by_a_record_and_never_forced(void **state)
{
	static const struct {
		const char *name;
		void (*arrange)(struct scene *s);
		enum saved_state saved;
		int saved_vf; /* -1: on the PF, -2: nothing is saved */
		uint32_t wished;
		bool want;
	} cases[] = {
		{ "nothing is saved", vfs_off, SAVED_ACTIVE, -2, 0, false },
		{ "saved on a VF", vfs_off, SAVED_ACTIVE, 2, 0, true },
		{ "being created on a VF", vfs_off, SAVED_CREATING, 2, 0, true },
		{ "stopped", vfs_off, SAVED_STOPPED, 2, 0, false },
		{ "saved on the PF", vfs_off, SAVED_ACTIVE, -1, 0, false },
		{ "wished for", vfs_off, SAVED_ACTIVE, -2, 4, true },
		{ "on already", missing, SAVED_ACTIVE, 2, 4, false },
		{ "excluded", excluded, SAVED_ACTIVE, 2, 4, false },
		{ "no driver", no_driver, SAVED_ACTIVE, 2, 4, false },
		{ "other driver", other_driver, SAVED_ACTIVE, 2, 4, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct saved_gpu wish = { .bdf = fake_bdf(0, -1),
					  .wanted_vfs = cases[i].wished };
		struct scene s;
		struct gpu *gpu;

		open_scene(&s, 1, 4);
		gpu = &s.host->gpus[0];
		cases[i].arrange(&s);
		if (cases[i].arrange != missing)
			gpu->n_parents = 0;
		if (cases[i].saved_vf > -2)
			save(&s, fake_saved(1, 0, cases[i].saved_vf, "A40-4Q",
					    cases[i].saved));
		check_case(cases[i].name, plan_wants_sriov(gpu, s.saved, s.n_saved, &wish,
							   1) == cases[i].want);
		strcpy(gpu->driver_override, "vfio-pci");
		check_case(cases[i].name,
			   !plan_wants_sriov(gpu, s.saved, s.n_saved, &wish, 1));
		gpu->driver_override[0] = '\0';
		gpu->total_vfs = 0;
		check_case(cases[i].name,
			   !plan_wants_sriov(gpu, s.saved, s.n_saved, &wish, 1));
		s.host->n_gpus = 1;
		host_free(s.host);
	}
}

static void one_that_lacks_its_parameters_gets_them(void **state)
{
	static const struct {
		const char *name;
		enum saved_state saved;
		int vf;
		enum vgpu_state state;
		enum plan_action action;
		enum plan_reason reason;
	} cases[] = {
		{ "active", SAVED_ACTIVE, 2, STATE_ACTIVE, ACTION_ROLL_FORWARD,
		  REASON_PARAMS },
		{ "creating", SAVED_CREATING, 2, STATE_CREATING, ACTION_ROLL_FORWARD,
		  REASON_PARAMS },
		{ "on another VF: that comes first", SAVED_ACTIVE, 3, STATE_ACTIVE,
		  ACTION_ADOPT_VF, REASON_NONE },
		{ "stopped", SAVED_STOPPED, 2, STATE_STOPPED, ACTION_REPORT,
		  REASON_STOP_CUT_SHORT },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct scene s;

		open_scene(&s, 1, 4);
		(void)save(&s, fake_saved(1, 0, 2, "A40-4Q", cases[i].saved));
		fake_live(s.host, 1, 0, cases[i].vf, "A40-4Q")->other_params = true;
		judge(&s);
		check_case(cases[i].name, verdict(&s, 1)->state == cases[i].state);
		check_case(cases[i].name, verdict(&s, 1)->action == cases[i].action);
		check_case(cases[i].name, verdict(&s, 1)->reason == cases[i].reason);
		host_free(s.host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_of_the_reconcile_table_holds),
		cmocka_unit_test(one_that_lacks_its_parameters_gets_them),
		cmocka_unit_test(what_the_record_does_not_know_is_foreign),
		cmocka_unit_test(words_are_those_of_the_contract),
		cmocka_unit_test(
			profiles_are_the_same_by_name_whatever_the_vendors_prefix),
		cmocka_unit_test(
			vfs_are_wanted_by_a_wish_or_by_a_record_and_never_forced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
