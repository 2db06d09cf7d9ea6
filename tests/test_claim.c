/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/claim.h"

#include <string.h>

#include "lib/check.h"
#include "lib/fake.h"

#define BOOT "00000000-0000-4000-8000-00000000b007"

/* A type on the third VF of a GPU whose record is SAVED. */
struct scene {
	struct host *host;
	struct live_vgpu *live;
	struct saved_vgpu saved;
};

static void open_scene(struct scene *s)
{
	size_t i;

	s->host = fake_host(1, 4);
	(void)snprintf(s->host->boot_id, sizeof(s->host->boot_id), "%s", BOOT);
	for (i = 0; i < 4; i++)
		s->host->parents[i].framework = FRAMEWORK_VFIO;
	s->live = fake_live(s->host, 1, 0, 2, "A40-4A");
	fake_ready(s->host);
	s->live->framework = FRAMEWORK_VFIO;
	s->live->uuid[0] = s->live->type_dir[0] = '\0';
	s->host->parents[2].vfio_type = s->live->type_id;
	s->saved = fake_saved(1, 0, 2, "A40-4A", SAVED_ACTIVE);
	s->saved.framework = FRAMEWORK_VFIO;
	(void)snprintf(s->saved.boot_id, sizeof(s->saved.boot_id), "%s", BOOT);
}

static void nothing(struct scene *s)
{
	(void)s;
}
static void other_boot(struct scene *s)
{
	s->saved.boot_id[5] = '1';
}
static void no_boot(struct scene *s)
{
	s->saved.boot_id[0] = s->host->boot_id[0] = '\0';
}
static void other_type(struct scene *s)
{
	s->live->type_id++;
}
static void other_vf(struct scene *s)
{
	s->saved.vf = s->host->parents[3].bdf;
}
static void recorded_as_mdev(struct scene *s)
{
	s->saved.framework = FRAMEWORK_MDEV;
}
static void being_created(struct scene *s)
{
	s->saved.state = SAVED_CREATING;
}
static void being_created_and_noted(struct scene *s)
{
	being_created(s);
	(void)snprintf(s->live->set_for, UUID_SIZE, "%s", s->saved.uuid);
}
static void noted(struct scene *s)
{
	other_boot(s);
	recorded_as_mdev(s);
	(void)snprintf(s->live->set_for, UUID_SIZE, "%s", s->saved.uuid);
}
static void noted_for_another(struct scene *s)
{
	(void)fake_uuid(7, s->live->set_for);
}

static void what_was_set_for_a_record_in_this_boot_is_its_own(void **state)
{
	static const struct {
		const char *name;
		void (*spoil)(struct scene *s);
		bool ours;
	} cases[] = {
		{ "set in this boot", nothing, true },
		{ "in another boot", other_boot, false },
		{ "in a boot that nobody knows", no_boot, false },
		{ "another type", other_type, false },
		{ "another VF", other_vf, false },
		{ "recorded under another framework", recorded_as_mdev, false },
		{ "noted by who set it", noted, true },
		{ "about to be set", being_created, false },
		{ "about to be set, and noted", being_created_and_noted, true },
		{ "noted for another record", noted_for_another, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct scene s;

		open_scene(&s);
		cases[i].spoil(&s);
		claim_live(s.host, &s.saved, 1);
		if ((host_find_live(s.host, s.saved.uuid) != NULL) != cases[i].ours)
			fail_msg("%s", cases[i].name);
		host_free(s.host);
	}
}

static void a_claim_ends_with_its_record(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s);
	claim_live(s.host, &s.saved, 1);
	assert_non_null(host_find_live(s.host, s.saved.uuid));
	claim_live(s.host, NULL, 0);
	assert_null(host_find_live(s.host, s.saved.uuid));
	assert_int_equal(s.host->n_live, 1);
	host_free(s.host);
}

static void mdevs_keep_their_uuids(void **state)
{
	struct host *host = fake_host(1, 4);
	char uuid[UUID_SIZE];

	(void)state;
	(void)fake_live(host, 5, 0, 1, "A40-4A");
	fake_ready(host);
	claim_live(host, NULL, 0);
	assert_non_null(host_find_live(host, fake_uuid(5, uuid)));
	host_free(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_set_for_a_record_in_this_boot_is_its_own),
		cmocka_unit_test(a_claim_ends_with_its_record),
		cmocka_unit_test(mdevs_keep_their_uuids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
