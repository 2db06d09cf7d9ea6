/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "fuzz.h"
#include "out/publish.h"

#define INVENTORY "run/vgpumgr/inventory.json"

DEFINE_CLEANUP(struct saved *, saved_free)

/* The reader that is tried: 0, and *RET, or negative, and ERR. */
static int read_document(const uint8_t *data, size_t size, struct saved **ret,
			 struct error *err)
{
	fuzz_file(fuzz_root(), INVENTORY, data, size);
	return publish_read(fuzz_root(), ret, err);
}

#define check_ended(array) must_hold(memchr(array, 0, sizeof(array)))

static void check_vgpu(const struct saved_vgpu *v)
{
	check_ended(v->uuid);
	check_ended(v->vm);
	check_ended(v->vm_uuid);
	check_ended(v->profile);
	check_ended(v->type_name);
	check_ended(v->boot_id);
	check_ended(v->created_at);
	check_ended(v->changed_at);
	must_hold(v->state <= SAVED_STOPPED && saved_state_name(v->state));
	must_hold(v->framework == FRAMEWORK_MDEV || v->framework == FRAMEWORK_VFIO);
	must_hold(v->gpu.device < 32 && v->gpu.function < 8);
	must_hold(v->vf.device < 32 && v->vf.function < 8);
}

static void check(const struct saved *s)
{
	size_t i;

	check_ended(s->as_of);
	check_ended(s->store_id);
	must_hold(s->as_of[0]);
	for (i = 0; i < s->n_vgpus; i++)
		check_vgpu(&s->vgpus[i]);
	for (i = 1; i < s->n_vgpus; i++)
		must_hold(saved_compare_place(&s->vgpus[i - 1], &s->vgpus[i]) <= 0);
	for (i = 0; i < s->n_gpus; i++)
		check_ended(s->gpus[i].model);
}

static bool equal_vgpus(const struct saved_vgpu *a, const struct saved_vgpu *b)
{
	return !strcmp(a->uuid, b->uuid) && !strcmp(a->vm, b->vm) &&
	       !strcmp(a->vm_uuid, b->vm_uuid) && a->slot == b->slot &&
	       !strcmp(a->profile, b->profile) && !strcmp(a->type_name, b->type_name) &&
	       a->type_id == b->type_id && a->framebuffer_mib == b->framebuffer_mib &&
	       a->framework == b->framework && bdf_equal(&a->gpu, &b->gpu) &&
	       bdf_equal(&a->vf, &b->vf) && a->vf_index == b->vf_index &&
	       a->state == b->state && !strcmp(a->boot_id, b->boot_id) &&
	       !strcmp(a->created_at, b->created_at) &&
	       !strcmp(a->changed_at, b->changed_at);
}

/* Two of one place and UUID may change places. */
static bool has_vgpu(const struct saved *s, const struct saved_vgpu *v)
{
	size_t i;

	for (i = 0; i < s->n_vgpus; i++)
		if (equal_vgpus(&s->vgpus[i], v))
			return true;
	return false;
}

static void check_equal(const struct saved *a, const struct saved *b)
{
	size_t i;

	must_hold(a->generation == b->generation && !strcmp(a->store_id, b->store_id));
	must_hold(a->n_vgpus == b->n_vgpus && a->n_gpus == b->n_gpus);
	for (i = 0; i < a->n_vgpus; i++)
		must_hold(has_vgpu(b, &a->vgpus[i]));
	for (i = 0; i < a->n_gpus; i++) {
		const struct saved_gpu *x = &a->gpus[i], *y = &b->gpus[i];

		must_hold(bdf_equal(&x->bdf, &y->bdf) && !strcmp(x->model, y->model));
		must_hold(x->vendor == y->vendor && x->device == y->device);
		must_hold(x->wanted_vfs == y->wanted_vfs);
	}
}

/* What is published of it is read as the same. */
static void check_again(const struct saved *s)
{
	_cleanup_(saved_freep) struct saved *again = NULL;
	char store[] = "store", root[] = "/", file[] = "state.db";
	struct store_place place = { .root = root, .dir = store, .file = file };
	struct error err;

	place.root_fd = fuzz_root();
	fuzz_dir(fuzz_root(), store);
	must_hold(publish(fuzz_root(), &place, s, "", &err) == 0);
	must_hold(publish_read(fuzz_root(), &again, &err) == 0);
	check_equal(s, again);
}

int fuzz_published(const uint8_t *data, size_t size)
{
	_cleanup_(saved_freep) struct saved *saved = NULL;
	struct error err;
	int r = read_document(data, size, &saved, &err);

	if (r < 0) {
		must_hold(r == -EPROTO && !saved);
		fuzz_check_error(&err);
		return 0;
	}
	must_hold(saved);
	check(saved);
	check_again(saved);
	return 0;
}
