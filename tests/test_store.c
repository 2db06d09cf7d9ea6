/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/fake.h"
#include "lib/record.h"
#include "store/sql.h"

static void a_vgpu_comes_back_as_it_was_saved(void **state)
{
	struct record *record = *state;
	struct store *store = record_open(record, STORE_CREATE);
	struct saved_vgpu v = fake_saved(7, 0, 3, "A40-24A", SAVED_CREATING);
	const struct saved_vgpu *got;
	struct saved *saved;

	strcpy(v.vm, "K\xc3\xbc"
		     "che 1");
	strcpy(v.vm_uuid, "3deab9a4-200a-4c54-99b1-5eb0722d1d81");
	strcpy(v.boot_id, "boot");
	v.slot = UINT32_MAX;
	v.type_id = UINT32_MAX;
	strcpy(v.params, "frame_rate_limiter=0,disable_vnc=1");
	strcpy(v.driver_version, "550.163.02");
	v.has_placement_id = true;
	v.placement_id = 12;
	record_insert(store, &v);
	assert_true(v.row > 0);
	store_close(store);
	store = record_open(record, STORE_READ);
	saved = record_load(store);
	assert_int_equal(saved->n_vgpus, 1);
	got = saved_find(saved, v.uuid);
	assert_ptr_equal(got, saved_find_vm(saved, v.vm, UINT32_MAX));
	assert_non_null(got);
	assert_int_equal(got->row, v.row);
	assert_string_equal(got->vm, v.vm);
	assert_string_equal(got->vm_uuid, v.vm_uuid);
	assert_string_equal(got->profile, "A40-24A");
	assert_string_equal(got->type_name, "NVIDIA A40-24A");
	assert_true(got->type_id == UINT32_MAX && got->slot == UINT32_MAX);
	assert_int_equal(got->framebuffer_mib, 24576);
	assert_int_equal(got->framework, FRAMEWORK_MDEV);
	assert_true(bdf_equal(&got->gpu, &v.gpu) && bdf_equal(&got->vf, &v.vf));
	assert_int_equal(got->vf_index, 3);
	assert_int_equal(got->state, SAVED_CREATING);
	assert_string_equal(got->boot_id, "boot");
	assert_string_equal(got->params, "frame_rate_limiter=0,disable_vnc=1");
	assert_string_equal(got->driver_version, "550.163.02");
	assert_true(got->has_placement_id && got->placement_id == 12);
	assert_int_equal(got->attached, FRAMEWORK_MDEV);
	assert_false(got->is_moving);
	assert_int_equal(strlen(got->created_at), strlen("2026-01-02T03:04:05Z"));
	assert_string_equal(got->created_at, got->changed_at);
	assert_false(got->in_progress);
	assert_null(saved_find(saved, "3deab9a4-200a-4c54-99b1-5eb0722d1d81"));
	assert_null(saved_find_vm(saved, v.vm, 0));
	saved_free(saved);
	store_close(store);
}

/* What each kind of change leaves alone: another process may have changed it meanwhile.
 */
static void each_change_is_of_one_aspect(void **state)
{
	struct record *record = *state;
	struct store *store = record_open(record, STORE_CREATE);
	struct saved_vgpu v = fake_saved(1, 0, 3, "A40-24A", SAVED_CREATING), was, other;
	const struct saved_vgpu *got;
	struct saved *saved;
	struct error err;
	int i;

	record_insert(store, &v);
	was = v;
	other = fake_saved(1, 1, 2, "A40-1Q", SAVED_ACTIVE);
	other.row = v.row;
	other.slot = 4;
	strcpy(other.vm, "other");
	strcpy(other.vm_uuid, "3deab9a4-200a-4c54-99b1-5eb0722d1d81");
	strcpy(other.boot_id, "boot");
	for (i = 0; i < 3; i++) {
		struct saved_vgpu change = other;

		assert_int_equal(store_begin(store, &err), 0);
		assert_int_equal(
			i == 0	 ? store_set_state(store, &change, SAVED_CREATING, &err)
			: i == 1 ? store_set_place(store, &change, &err)
				 : store_set_owner(store, &change, &err),
			0);
		assert_int_equal(store_commit(store, &err), 0);
		saved = record_load(store);
		got = saved_find(saved, was.uuid);
		assert_non_null(got);
		assert_int_equal(got->state, SAVED_ACTIVE);
		assert_string_equal(got->boot_id, "boot");
		assert_int_equal(got->type_id, other.type_id);
		assert_true(bdf_equal(&got->gpu, i < 1 ? &was.gpu : &other.gpu));
		assert_true(bdf_equal(&got->vf, i < 1 ? &was.vf : &other.vf));
		assert_int_equal(got->vf_index, i < 1 ? was.vf_index : other.vf_index);
		assert_string_equal(got->vm, i < 2 ? was.vm : other.vm);
		assert_string_equal(got->vm_uuid, i < 2 ? "" : other.vm_uuid);
		assert_int_equal(got->slot, i < 2 ? was.slot : other.slot);
		assert_string_equal(got->profile, "A40-24A");
		assert_string_equal(got->type_name, "NVIDIA A40-24A");
		assert_int_equal(got->framebuffer_mib, 24576);
		saved_free(saved);
	}
	store_close(store);
}

static void a_state_is_changed_only_from_the_one_it_was_believed_to_be(void **state)
{
	struct record *record = *state;
	struct store *store = record_open(record, STORE_CREATE);
	struct saved_vgpu v = fake_saved(1, 0, 3, "A40-24A", SAVED_REMOVING);
	struct saved *saved;
	struct error err;

	record_insert(store, &v);
	v.state = SAVED_ACTIVE;
	assert_int_equal(store_begin(store, &err), 0);
	assert_true(store_set_state(store, &v, SAVED_CREATING, &err) < 0);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	v.row += 1; /* nor is there such a row */
	assert_true(store_set_state(store, &v, SAVED_REMOVING, &err) < 0);
	assert_true(store_set_place(store, &v, &err) < 0);
	assert_true(store_set_owner(store, &v, &err) < 0);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_int_equal(store_commit(store, &err), 0);
	saved = record_load(store);
	assert_int_equal(saved->vgpus[0].state, SAVED_REMOVING);
	saved_free(saved);
	store_close(store);
}

static void a_deleted_row_is_gone_and_its_number_is_never_used_again(void **state)
{
	struct record *record = *state;
	struct store *store = record_open(record, STORE_CREATE);
	struct saved_vgpu v = fake_saved(1, 0, 3, "A40-24A", SAVED_ACTIVE);
	struct saved *saved;
	struct error err;
	int64_t row;

	record_insert(store, &v);
	row = v.row;
	assert_int_equal(store_begin(store, &err), 0);
	assert_int_equal(store_delete(store, &v, &err), 0);
	assert_int_equal(store_commit(store, &err), 0);
	saved = record_load(store);
	assert_int_equal(saved->n_vgpus, 0);
	saved_free(saved);
	record_insert(store, &v);
	assert_true(v.row >
		    row); /* it is a byte of the lock file that may still be held */
	store_close(store);
}

static void what_would_make_two_owners_of_one_thing_is_a_conflict(void **state)
{
	static const struct {
		const char *name;
		uint32_t n, slot;
		const char *vm;
		int vf;
		bool ok;
	} cases[] = {
		{ "another in all", 2, 0, "vm-2", 1, true },
		{ "same UUID", 1, 0, "vm-2", 1, false },
		{ "same VF", 2, 0, "vm-2", 0, false },
		{ "same VM and slot", 2, 0, "vm-1", 1, false },
		{ "same VM, next slot", 2, 1, "vm-1", 1, true },
		{ "VMs are told apart by case", 2, 0, "VM-1", 1, true },
	};
	struct record *record = *state;
	struct store *store = record_open(record, STORE_CREATE);
	struct saved_vgpu first = fake_saved(1, 0, 0, "A40-4Q", SAVED_STOPPED);
	size_t i;

	record_insert(store, &first);
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct saved_vgpu v =
			fake_saved(cases[i].n, 0, cases[i].vf, "A40-4Q", SAVED_ACTIVE);
		struct error err;
		int r;

		strcpy(v.vm, cases[i].vm);
		v.slot = cases[i].slot;
		assert_int_equal(store_begin(store, &err), 0);
		r = store_insert(store, &v, &err);
		check_case(cases[i].name, r == (cases[i].ok ? 0 : -EEXIST));
		if (!cases[i].ok)
			assert_int_equal(err.kind, ERROR_CONFLICT);
		store_rollback(store);
	}
	store_close(store);
}

static void a_gpu_that_is_its_own_parent_holds_several(void **state)
{
	struct record *record = *state;
	struct store *store = record_open(record, STORE_CREATE);
	struct saved_vgpu a = fake_saved(1, 0, -1, "A40-4Q", SAVED_ACTIVE),
			  b = fake_saved(2, 0, -1, "A40-4Q", SAVED_ACTIVE);
	struct saved *saved;

	record_insert(store, &a);
	record_insert(store, &b);
	saved = record_load(store);
	assert_int_equal(saved->n_vgpus, 2);
	saved_free(saved);
	store_close(store);
}

static void parked_vgpus_change_places_in_one_transaction(void **state)
{
	struct record *record = *state;
	struct store *store = record_open(record, STORE_CREATE);
	struct saved_vgpu a = fake_saved(1, 0, 0, "A40-4Q", SAVED_ACTIVE),
			  b = fake_saved(2, 0, 1, "A40-4Q", SAVED_ACTIVE);
	struct saved *saved;
	struct error err;

	record_insert(store, &a);
	record_insert(store, &b);
	a.vf = fake_bdf(0, 1);
	b.vf = fake_bdf(0, 0);
	assert_int_equal(store_begin(store, &err), 0);
	assert_int_equal(store_set_place(store, &a, &err), -EEXIST);
	assert_int_equal(store_park(store, &a, &err), 0);
	assert_int_equal(store_park(store, &b, &err), 0);
	assert_int_equal(store_set_place(store, &a, &err), 0);
	assert_int_equal(store_set_place(store, &b, &err), 0);
	assert_int_equal(store_commit(store, &err), 0);
	saved = record_load(store);
	assert_string_equal(saved->vgpus[0].uuid, b.uuid); /* sorted by place */
	assert_string_equal(saved->vgpus[1].uuid, a.uuid);
	saved_free(saved);
	store_close(store);
}

static void a_row_that_makes_no_sense_is_refused_by_the_schema(void **state)
{
	static const struct {
		const char *column, *value;
	} cases[] = {
		{ "uuid", "'3DEAB9A4-200A-4C54-99B1-5EB0722D1D81'" },
		{ "uuid", "'short'" },
		{ "uuid", "'3deab9a4-200a-4c54-99b1-5eb0722d1d8x'" },
		{ "uuid", "NULL" },
		{ "vm", "''" },
		{ "vm", "'a/b'" },
		{ "vm", "NULL" },
		{ "vm", "printf('%.256c', 'x')" },
		{ "vm",
		  "printf('%.128c', 'x') || printf('%.64c', 'x') || 'ääääääääääääääää"
		  "ääääääääääääääää'" }, /* 224 characters, 256 bytes */
		{ "vm_uuid", "'short'" },
		{ "slot", "-1" },
		{ "slot", "4294967296" },
		{ "slot", "NULL" },
		{ "slot", "'many'" },
		{ "profile", "''" },
		{ "type_name", "''" },
		{ "type_id", "-1" },
		{ "framebuffer_mib", "-1" },
		{ "framework", "'gvt'" },
		{ "gpu", "'e8:00.0'" },
		{ "gpu", "''" },
		{ "vf", "'0000:e8:20.0'" },
		{ "vf", "'0000:e8:00.8'" },
		{ "vf", "'0000:e8:00.0/../x'" },
		{ "vf_index", "-1" },
		{ "state", "'missing'" },
		{ "state", "NULL" },
		{ "boot_id", "NULL" },
		{ "created_at", "NULL" },
	};
	struct record *record = *state;
	struct saved_vgpu v = fake_saved(1, 0, 0, "A40-4Q", SAVED_ACTIVE);
	struct store *store = record_open(record, STORE_CREATE);
	char sql[512];
	size_t i;

	record_insert(store, &v);
	store_close(store);
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		(void)snprintf(sql, sizeof(sql), "UPDATE vgpu SET %s = %s",
			       cases[i].column, cases[i].value);
		if (record_sql(record, sql) != RECORD_CONSTRAINT)
			fail_msg("%s", sql);
	}
	assert_int_equal(record_sql(record, "UPDATE vgpu SET slot = 4294967295"), 0);
	assert_int_equal(record_sql(record, "UPDATE vgpu SET vm = printf('%.255c', 'x')"),
			 0);
}

static uint64_t generation(struct store *store)
{
	struct saved *saved = record_load(store);
	uint64_t value = saved->generation;

	saved_free(saved);
	return value;
}

static void the_generation_grows_once_for_each_commit_that_changes_something(void **state)
{
	struct record *record = *state;
	struct store *store = record_open(record, STORE_CREATE);
	struct saved_vgpu v = fake_saved(1, 0, 0, "A40-4Q", SAVED_ACTIVE),
			  w = fake_saved(2, 0, 1, "A40-4Q", SAVED_ACTIVE);
	uint64_t before = generation(store);
	struct error err;

	assert_int_equal(store_begin(store, &err), 0);
	assert_int_equal(store_insert(store, &v, &err), 0);
	assert_int_equal(store_insert(store, &w, &err), 0);
	assert_int_equal(store_event(store, "create", EVENT_DONE, &v, "both", &err), 0);
	assert_int_equal(store_commit(store, &err), 0);
	assert_int_equal(generation(store), before + 1);
	assert_int_equal(store_begin(store, &err), 0);
	assert_int_equal(store_commit(store, &err), 0);
	assert_int_equal(generation(store), before + 1);
	assert_int_equal(store_begin(store, &err), 0);
	assert_int_equal(store_delete(store, &v, &err), 0);
	store_rollback(store);
	store_rollback(store);
	assert_int_equal(generation(store), before + 1);
	store_close(store);
}

static void a_change_that_was_rolled_back_leaves_nothing(void **state)
{
	struct record *record = *state;
	struct store *store = record_open(record, STORE_CREATE);
	struct saved_vgpu v = fake_saved(1, 0, 0, "A40-4Q", SAVED_ACTIVE);
	struct saved *saved;
	struct error err;

	assert_int_equal(store_begin(store, &err), 0);
	assert_int_equal(store_insert(store, &v, &err), 0);
	saved = record_load(store); /* as it would be */
	assert_int_equal(saved->n_vgpus, 1);
	saved_free(saved);
	store_rollback(store);
	saved = record_load(store);
	assert_int_equal(saved->n_vgpus, 0);
	saved_free(saved);
	/* closing is rolling back */
	assert_int_equal(store_begin(store, &err), 0);
	assert_int_equal(store_insert(store, &v, &err), 0);
	store_close(store);
	store = record_open(record, STORE_WRITE);
	saved = record_load(store);
	assert_int_equal(saved->n_vgpus, 0);
	saved_free(saved);
	store_close(store);
}

static void events_say_who_did_what_and_are_part_of_the_change(void **state)
{
	struct record *record = *state;
	const struct actor alice = { 1000, "alice", "create" };
	struct store *store = record_open(record, STORE_CREATE);
	struct error err;

	store_set_actor(store, &alice);
	assert_int_equal(store_begin(store, &err), 0);
	assert_int_equal(store_event(store, "create", EVENT_BEGUN, NULL,
				     "'; DROP TABLE vgpu; --", &err),
			 0);
	assert_int_equal(store_commit(store, &err), 0);
	assert_int_equal(store_begin(store, &err), 0);
	assert_int_equal(store_event(store, "remove", EVENT_DONE, NULL, "never", &err),
			 0);
	store_rollback(store);
	store_close(store);
	assert_int_equal(record_count(record, "SELECT count(*) FROM event"), 1);
	assert_int_equal(record_count(record,
				      "SELECT count(*) FROM event WHERE actor = 'alice'"
				      " AND uid = 1000 AND command = 'create'"
				      " AND operation = 'create' AND outcome = 'begun'"
				      " AND uuid IS NULL AND vm IS NULL"
				      " AND detail = '''; DROP TABLE vgpu; --'"),
			 1);
}

static void gpus_are_recorded_once_each_and_come_back_by_address(void **state)
{
	struct record *record = *state;
	struct store *store = record_open(record, STORE_CREATE);
	struct saved_gpu g = { .model = "NVIDIA A40",
			       .vendor = 0x10de,
			       .device = 0x2235 };
	struct saved *saved;
	struct error err;
	size_t i;

	assert_int_equal(store_begin(store, &err), 0);
	for (i = 4; i-- > 0;) {
		g.bdf = fake_bdf(i, -1);
		g.wanted_vfs = 32;
		assert_int_equal(store_put_gpu(store, &g, &err), 0);
	}
	g.wanted_vfs = 0;
	assert_int_equal(store_put_gpu(store, &g, &err), 0);
	assert_int_equal(store_commit(store, &err), 0);
	saved = record_load(store);
	assert_int_equal(saved->n_gpus, 4);
	for (i = 0; i < 4; i++) {
		struct bdf bdf = fake_bdf(i, -1);
		const struct saved_gpu *got = saved_find_gpu(saved, &bdf);

		assert_non_null(got);
		assert_int_equal(got->wanted_vfs, i ? 32 : 0);
		assert_string_equal(got->model, "NVIDIA A40");
		assert_int_equal(got->device, 0x2235);
		assert_ptr_equal(got, &saved->gpus[i]);
	}
	saved_free(saved);
	store_close(store);
}

static void wishes_about_a_gpu_are_kept_beside_what_it_is(void **state)
{
	struct record *record = *state;
	struct store *store = record_open(record, STORE_CREATE);
	struct saved_gpu g = { .bdf = fake_bdf(0, -1),
			       .wanted_vfs = 4,
			       .cordoned = true,
			       .heterogeneous = WISH_OFF,
			       .mig = "1g.5gb=7" };
	struct saved *saved;
	struct error err;

	assert_int_equal(store_begin(store, &err), 0);
	assert_int_equal(store_put_gpu(store, &g, &err), 0);
	assert_int_equal(store_put_wishes(store, &g, &err), 0);
	g = (struct saved_gpu){ .bdf = g.bdf, .wanted_vfs = 8 };
	assert_int_equal(store_put_gpu(store, &g, &err), 0);
	assert_int_equal(store_commit(store, &err), 0);
	saved = record_load(store);
	assert_int_equal(saved->gpus[0].wanted_vfs, 8);
	assert_true(saved->gpus[0].cordoned);
	assert_int_equal(saved->gpus[0].heterogeneous, WISH_OFF);
	assert_string_equal(saved->gpus[0].mig, "1g.5gb=7");
	assert_int_equal(store_begin(store, &err), 0);
	assert_int_equal(store_import(store, saved, &err), 0);
	assert_int_equal(store_commit(store, &err), 0);
	saved_free(saved);
	saved = record_load(store);
	assert_true(saved->gpus[0].cordoned);
	assert_string_equal(saved->gpus[0].mig, "1g.5gb=7");
	assert_int_equal(store_begin(store, &err), 0);
	assert_int_equal(store_put_wishes(store, &g, &err), 0);
	assert_int_equal(store_commit(store, &err), 0);
	saved_free(saved);
	saved = record_load(store);
	assert_false(saved->gpus[0].cordoned);
	assert_int_equal(saved->gpus[0].heterogeneous, WISH_NONE);
	assert_string_equal(saved->gpus[0].mig, "");
	saved_free(saved);
	store_close(store);
}

/* From the mark of its removal to whatever comes next. */
static void a_target_lasts_as_long_as_the_removal_it_goes_with(void **state)
{
	struct record *record = *state;
	struct store *store = record_open(record, STORE_CREATE);
	struct saved_vgpu v = fake_saved(1, 0, 3, "A40-24A", SAVED_ACTIVE);
	struct saved *saved;
	struct error err;

	record_insert(store, &v);
	v.state = SAVED_REMOVING;
	v.to_gpu = fake_bdf(1, -1);
	v.to_vf = fake_bdf(1, 2);
	v.to_vf_index = 2;
	assert_int_equal(store_begin(store, &err), 0);
	assert_int_equal(store_set_state(store, &v, SAVED_ACTIVE, &err), 0);
	assert_int_equal(store_set_target(store, &v, &err), 0);
	assert_int_equal(store_commit(store, &err), 0);
	saved = record_load(store);
	assert_true(saved->vgpus[0].is_moving);
	assert_true(bdf_equal(&saved->vgpus[0].to_gpu, &v.to_gpu));
	assert_true(bdf_equal(&saved->vgpus[0].to_vf, &v.to_vf));
	assert_int_equal(saved->vgpus[0].to_vf_index, 2);
	assert_int_equal(store_begin(store, &err), 0);
	assert_int_equal(store_import(store, saved, &err), 0);
	assert_int_equal(store_commit(store, &err), 0);
	saved_free(saved);
	saved = record_load(store);
	assert_true(saved->vgpus[0].is_moving);
	saved_free(saved);
	v.state = SAVED_ACTIVE;
	assert_int_equal(store_begin(store, &err), 0);
	assert_int_equal(store_set_state(store, &v, SAVED_REMOVING, &err), 0);
	assert_int_equal(store_commit(store, &err), 0);
	saved = record_load(store);
	assert_false(saved->vgpus[0].is_moving);
	saved_free(saved);
	store_close(store);
	/* with any other state it makes no sense */
	assert_int_equal(record_sql(record, "UPDATE vgpu SET to_gpu = gpu, to_vf = vf,"
					    " to_vf_index = 0"),
			 0);
	store = record_open(record, STORE_READ);
	assert_int_equal(store_load(store, &saved, &err), -EUCLEAN);
	store_close(store);
}

/* A store as the second version made it, holding one vGPU. */
static void make_second_schema(struct record *record)
{
	store_close(record_open(record, STORE_CREATE)); /* for the directory */
	assert_int_equal(unlink(record->place.file), 0);
	assert_int_equal(record_sql(record, sql_migrations[0]), 0);
	assert_int_equal(record_sql(record, sql_migrations[1]), 0);
	assert_int_equal(chmod(record->place.file, 0600), 0);
	assert_int_equal(
		record_sql(record,
			   "INSERT INTO vgpu (uuid, vm, slot, profile, type_name,"
			   " type_id, framebuffer_mib, framework, gpu, vf, vf_index,"
			   " state, boot_id, created_at, changed_at) VALUES"
			   " ('00000000-0000-0000-0000-000000000001', 'a', 0,"
			   " 'L40S-24Q', 'NVIDIA L40S-24Q', 1155, 24576, 'vfio',"
			   " '0000:26:00.0', '0000:26:00.4', 0, 'active', '', '2026',"
			   " '2026');"
			   "INSERT INTO gpu (bdf, wanted_vfs) VALUES ('0000:26:00.0', 8);"
			   "INSERT INTO catalog VALUES (1, 2, '550', 7, 'NVIDIA L40S-1Q',"
			   " 1024, 32, 4, '')"),
		0);
}

static void check_second(struct store *store)
{
	struct saved *saved = record_load(store);
	struct catalog *catalog;
	struct error err;

	assert_int_equal(saved->n_vgpus, 1);
	assert_int_equal(saved->vgpus[0].attached, FRAMEWORK_VFIO);
	assert_string_equal(saved->vgpus[0].params, "");
	assert_string_equal(saved->vgpus[0].driver_version, "");
	assert_false(saved->vgpus[0].is_moving || saved->vgpus[0].has_placement_id);
	assert_int_equal(saved->gpus[0].wanted_vfs, 8);
	assert_true(!saved->gpus[0].cordoned && !saved->gpus[0].heterogeneous);
	assert_int_equal(store_load_catalog(store, 1, 2, "550", &catalog, &err), 0);
	assert_int_equal(catalog->types[0].max_instances, 32);
	assert_int_equal(catalog->types[0].max_mixed, 0);
	catalog_unref(catalog);
	saved_free(saved);
}

static void a_store_of_the_second_schema_is_read_as_it_is(void **state)
{
	struct record *record = *state;
	struct store *store, *old;
	struct saved *saved;

	make_second_schema(record);
	old = record_open(record, STORE_READ);
	check_second(old);
	assert_int_equal(record_count(record, "PRAGMA user_version"), 2);
	store = record_open(record, STORE_WRITE);
	check_second(store);
	assert_int_equal(record_count(record, "PRAGMA user_version"), SQL_N_MIGRATIONS);
	/* whoever had it open sees what others write from then on */
	assert_int_equal(record_sql(record, "UPDATE vgpu SET driver_version = '550'"), 0);
	saved = record_load(old);
	assert_string_equal(saved->vgpus[0].driver_version, "550");
	saved_free(saved);
	store_close(old);
	store_close(store);
}

static void a_catalog_is_remembered_per_model_and_driver(void **state)
{
	struct record *record = *state;
	struct store *store = record_open(record, STORE_CREATE);
	struct host *host = fake_host(1, 1);
	const struct catalog *was = host->gpus[0].catalog;
	struct catalog *got = (struct catalog *)was;
	struct error err;
	size_t i;

	assert_int_equal(store_load_catalog(store, 0x10de, 0x2235, "550", &got, &err), 0);
	assert_null(got);
	assert_int_equal(store_begin(store, &err), 0);
	assert_int_equal(store_put_catalog(store, 0x10de, 0x2235, "550", was, &err), 0);
	assert_int_equal(store_put_catalog(store, 0x10de, 0x2235, "550", was, &err), 0);
	assert_int_equal(store_commit(store, &err), 0);
	assert_int_equal(store_load_catalog(store, 0x10de, 0x2235, "551", &got, &err), 0);
	assert_null(got);
	assert_int_equal(store_load_catalog(store, 0x10de, 0x25b6, "550", &got, &err), 0);
	assert_null(got);
	assert_int_equal(store_load_catalog(store, 0x10de, 0x2235, "550", &got, &err), 0);
	assert_non_null(got);
	assert_true(got->remembered);
	assert_int_equal(got->n_types, was->n_types);
	for (i = 0; i < was->n_types; i++) {
		assert_int_equal(got->types[i].id, was->types[i].id);
		assert_string_equal(got->types[i].name, was->types[i].name);
		assert_string_equal(got->types[i].profile, was->types[i].profile);
		assert_int_equal(got->types[i].framebuffer_mib,
				 was->types[i].framebuffer_mib);
		assert_int_equal(got->types[i].max_instances,
				 was->types[i].max_instances);
		assert_int_equal(got->types[i].max_mixed, was->types[i].max_mixed);
		assert_int_equal(got->types[i].num_heads, was->types[i].num_heads);
		assert_string_equal(got->types[i].max_resolution,
				    was->types[i].max_resolution);
		assert_int_equal(got->types[i].series, was->types[i].series);
	}
	catalog_unref(got);
	host_free(host);
	store_close(store);
}

#define on_record(test)                                                                  \
	cmocka_unit_test_setup_teardown(test, record_setup, record_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_record(a_vgpu_comes_back_as_it_was_saved),
		on_record(each_change_is_of_one_aspect),
		on_record(a_state_is_changed_only_from_the_one_it_was_believed_to_be),
		on_record(a_deleted_row_is_gone_and_its_number_is_never_used_again),
		on_record(what_would_make_two_owners_of_one_thing_is_a_conflict),
		on_record(a_gpu_that_is_its_own_parent_holds_several),
		on_record(parked_vgpus_change_places_in_one_transaction),
		on_record(a_row_that_makes_no_sense_is_refused_by_the_schema),
		on_record(
			the_generation_grows_once_for_each_commit_that_changes_something),
		on_record(a_change_that_was_rolled_back_leaves_nothing),
		on_record(events_say_who_did_what_and_are_part_of_the_change),
		on_record(gpus_are_recorded_once_each_and_come_back_by_address),
		on_record(wishes_about_a_gpu_are_kept_beside_what_it_is),
		on_record(a_target_lasts_as_long_as_the_removal_it_goes_with),
		on_record(a_store_of_the_second_schema_is_read_as_it_is),
		on_record(a_catalog_is_remembered_per_model_and_driver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
