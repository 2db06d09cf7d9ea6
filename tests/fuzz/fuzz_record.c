/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "out/record.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "fuzz.h"

#define WHAT "backup.json"

DEFINE_CLEANUP(struct saved *, saved_free)

static bool is_uuid(const char *text)
{
	static const char form[] = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";
	size_t i;

	for (i = 0; i < sizeof(form) - 1; i++)
		if (form[i] == '-' ? text[i] != '-'
				   : !text[i] || !strchr("0123456789abcdef", text[i]))
			return false;
	return !text[i];
}

/* It ends, and can be shown. */
#define check_text(array)                                                                \
	do {                                                                             \
		must_hold(memchr(array, 0, sizeof(array)));                              \
		must_hold(fuzz_is_clean(array));                                         \
	} while (0)

static void check_vgpu(const struct saved_vgpu *v)
{
	must_hold(is_uuid(v->uuid));
	must_hold(!v->vm_uuid[0] || is_uuid(v->vm_uuid));
	check_text(v->vm);
	must_hold(v->vm[0] && !strchr(v->vm, '/'));
	check_text(v->profile);
	check_text(v->type_name);
	must_hold(v->profile[0] && v->type_name[0]);
	check_text(v->boot_id);
	check_text(v->params);
	check_text(v->driver_version);
	must_hold(v->attached == FRAMEWORK_MDEV || v->attached == FRAMEWORK_VFIO);
	must_hold(!v->is_moving || v->state == SAVED_REMOVING);
	check_text(v->created_at);
	check_text(v->changed_at);
	must_hold(v->state <= SAVED_STOPPED && saved_state_name(v->state));
	must_hold(v->framework == FRAMEWORK_MDEV || v->framework == FRAMEWORK_VFIO);
	must_hold(v->gpu.device < 32 && v->gpu.function < 8);
	must_hold(v->vf.device < 32 && v->vf.function < 8);
}

static void check_pair(const struct saved_vgpu *a, const struct saved_vgpu *b)
{
	must_hold(saved_compare_place(a, b) <= 0);
	must_hold(strcmp(a->uuid, b->uuid));
	must_hold(strcmp(a->vm, b->vm) || a->slot != b->slot);
	must_hold(!bdf_equal(&a->vf, &b->vf) || bdf_equal(&a->vf, &a->gpu) ||
		  bdf_equal(&b->vf, &b->gpu));
}

static void check(const struct saved *s)
{
	size_t i, j;

	check_text(s->as_of);
	check_text(s->machine_id);
	must_hold(s->as_of[0] && is_uuid(s->store_id));
	must_hold(s->generation <= INT64_MAX);
	for (i = 0; i < s->n_vgpus; i++) {
		check_vgpu(&s->vgpus[i]);
		for (j = 0; j < i; j++)
			check_pair(&s->vgpus[j], &s->vgpus[i]);
	}
	for (i = 0; i < s->n_gpus; i++) {
		check_text(s->gpus[i].model);
		check_text(s->gpus[i].mig);
	}
	for (i = 1; i < s->n_gpus; i++)
		must_hold(bdf_compare(&s->gpus[i - 1].bdf, &s->gpus[i].bdf) < 0);
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
	       !strcmp(a->params, b->params) && a->attached == b->attached &&
	       a->has_placement_id == b->has_placement_id &&
	       a->placement_id == b->placement_id && a->is_moving == b->is_moving &&
	       bdf_equal(&a->to_gpu, &b->to_gpu) && bdf_equal(&a->to_vf, &b->to_vf) &&
	       a->to_vf_index == b->to_vf_index &&
	       !strcmp(a->driver_version, b->driver_version) &&
	       !strcmp(a->created_at, b->created_at) &&
	       !strcmp(a->changed_at, b->changed_at);
}

static void check_equal(const struct saved *a, const struct saved *b)
{
	size_t i;

	must_hold(a->generation == b->generation && !strcmp(a->store_id, b->store_id));
	must_hold(!strcmp(a->machine_id, b->machine_id));
	must_hold(a->n_vgpus == b->n_vgpus && a->n_gpus == b->n_gpus);
	for (i = 0; i < a->n_vgpus; i++)
		must_hold(equal_vgpus(&a->vgpus[i], &b->vgpus[i]));
	for (i = 0; i < a->n_gpus; i++) {
		const struct saved_gpu *x = &a->gpus[i], *y = &b->gpus[i];

		must_hold(bdf_equal(&x->bdf, &y->bdf) && !strcmp(x->model, y->model));
		must_hold(x->vendor == y->vendor && x->device == y->device);
		must_hold(x->wanted_vfs == y->wanted_vfs);
		must_hold(x->cordoned == y->cordoned && !strcmp(x->mig, y->mig));
		must_hold(x->heterogeneous == y->heterogeneous);
	}
}

static void check_number(json_t *object, const char *key, uint32_t value)
{
	json_t *said = json_object_get(object, key);

	must_hold(json_is_integer(said) && json_integer_value(said) == (json_int_t)value);
}

static void check_string(json_t *object, const char *key, const char *value)
{
	const char *said = json_string_value(json_object_get(object, key));

	must_hold(!strcmp(said ? said : "", value));
}

static void check_said_vgpu(json_t *o, const struct saved_vgpu *v)
{
	check_string(o, "vm", v->vm);
	check_number(o, "slot", v->slot);
	check_string(o, "profile", v->profile);
	check_string(o, "type_name", v->type_name);
	check_number(o, "type_id", v->type_id);
	check_number(o, "framebuffer_mib", v->framebuffer_mib);
	check_number(o, "vf_index", v->vf_index);
	check_string(o, "framework", framework_name(v->framework));
	check_string(o, "state", saved_state_name(v->state));
	check_string(o, "boot_id", v->boot_id);
	check_string(o, "created_at", v->created_at);
	check_string(o, "changed_at", v->changed_at);
	check_string(o, "params", v->params);
	check_string(o, "driver_version", v->driver_version);
}

/* What is read is what the document says, as jansson alone reads it. */
static void check_said(const uint8_t *data, size_t size, const struct saved *s)
{
	json_t *document = json_loadb((const char *)data, size, 0, NULL), *o;
	json_t *vgpus = json_object_get(document, "vgpus");
	json_t *gpus = json_object_get(document, "gpus");
	struct bdf bdf;
	size_t i, j;

	must_hold(json_array_size(vgpus) == s->n_vgpus);
	must_hold(json_array_size(gpus) == s->n_gpus);
	check_string(document, "as_of", s->as_of);
	check_string(document, "machine_id", s->machine_id);
	for (i = 0; i < s->n_vgpus; i++) {
		o = json_array_get(vgpus, i);
		for (j = 0; j < s->n_vgpus; j++)
			if (!strcasecmp(json_string_value(json_object_get(o, "uuid")),
					s->vgpus[j].uuid))
				break;
		must_hold(j < s->n_vgpus);
		check_said_vgpu(o, &s->vgpus[j]);
	}
	for (i = 0; i < s->n_gpus; i++) {
		o = json_array_get(gpus, i);
		must_hold(bdf_parse(json_string_value(json_object_get(o, "address")),
				    &bdf));
		for (j = 0; j < s->n_gpus && !bdf_equal(&bdf, &s->gpus[j].bdf); j++)
			;
		must_hold(j < s->n_gpus);
		check_string(o, "model", s->gpus[j].model);
		check_number(o, "vendor", s->gpus[j].vendor);
		check_number(o, "device", s->gpus[j].device);
		check_number(o, "wanted_vfs", s->gpus[j].wanted_vfs);
	}
	json_decref(document);
}

/* What is written of it is read as the same. */
static void check_again(const struct saved *s)
{
	_cleanup_(freep) char *text = record_text(s, s->machine_id);
	_cleanup_(saved_freep) struct saved *again = NULL;
	struct error err;

	must_hold(text);
	must_hold(record_parse(text, strlen(text), WHAT, &again, &err) == 0);
	check_equal(s, again);
}

int fuzz_record(const uint8_t *data, size_t size)
{
	_cleanup_(saved_freep) struct saved *saved = NULL;
	struct error err;
	int r = record_parse((const char *)data, size, WHAT, &saved, &err);

	if (r < 0) {
		must_hold(r == -EPROTO && !saved && err.kind == ERROR_STORE);
		must_hold(!strncmp(err.message, WHAT " ", sizeof(WHAT)));
		fuzz_check_error(&err);
		return 0;
	}
	must_hold(saved);
	check(saved);
	check_said(data, size, saved);
	check_again(saved);
	return 0;
}
