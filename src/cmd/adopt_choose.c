/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/adopt.h"
#include "cmd/work.h"
#include "cmd/words.h"
#include "host/vgpu.h"
#include "host/holders.h"
#include "util/cleanup.h"
#include "util/text.h"

#define SHORTEST_PREFIX 8

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_SYSTEM, ENOMEM, "adopt");
}

void adopt_end(struct adopt *a)
{
	store_close(a->store);
	view_close(&a->view);
	free(a->names);
	free(a->items);
}

int adopt_read_names(struct context *ctx, struct adopt *a, struct error *err)
{
	const struct host *host = a->view.host;
	size_t i;

	free(a->names);
	a->n_names = 0;
	a->names = calloc(host->n_live + 1, sizeof(*a->names));
	if (!a->names)
		return no_memory(err);
	for (i = 0; i < host->n_live && !a->args.vm; i++) {
		const struct live_vgpu *live = &host->live[i];
		struct driver_name *name = &a->names[a->n_names];
		struct error inner;

		if (!live->uuid[0] || live->gpu < 0 || live->stuck)
			continue;
		(void)text_copy(name->uuid, sizeof(name->uuid), live->uuid);
		if (holders_vm_name(ctx->root_fd, live->uuid, name->vm, sizeof(name->vm),
				    &inner) < 0)
			warning("%s", inner.message);
		a->n_names++;
	}
	return 0;
}

/* Who shall own it: one that is neither told nor shown gets a name of its own. */
static void name_owner(const struct adopt *a, struct adopt_item *item)
{
	char *vm = item->vgpu.vm;
	size_t i;

	item->naming = NAMED_BY_CALLER;
	if (a->args.vm) {
		(void)text_copy(vm, VM_NAME_SIZE, a->args.vm);
		return;
	}
	item->naming = NAMED_BY_DRIVER;
	for (i = 0; i < a->n_names; i++)
		if (!strcmp(a->names[i].uuid, item->vgpu.uuid) &&
		    vm_name_is_valid(a->names[i].vm)) {
			(void)text_copy(vm, VM_NAME_SIZE, a->names[i].vm);
			return;
		}
	item->naming = NAMED_BY_UUID;
	(void)snprintf(vm, VM_NAME_SIZE, "adopted-%.8s", item->vgpu.uuid);
}

static int refuse_vf(const struct saved_vgpu *owner, struct error *err)
{
	char vf[BDF_SIZE], vm[4 * VM_NAME_SIZE];

	(void)error_set(err, ERROR_CONFLICT, 0, "its VF %s is on record for %s of %s",
			bdf_format(&owner->vf, vf), owner->uuid,
			text_escape(vm, sizeof(vm), owner->vm));
	error_hint(err,
		   "'vgpumgr reconcile' gives that one another VF, if there is one; "
		   "'vgpumgr show %.8s' tells about it",
		   owner->uuid);
	return -EEXIST;
}

static int refuse(const struct adopt *a, const struct live_vgpu *live,
		  const struct saved_vgpu *v, enum adopt_bar bar, enum plan_reason reason,
		  struct error *err)
{
	char why[256];

	switch (bar) {
	case ADOPT_FINE:
		return 0;
	case ADOPT_STUCK:
		return error_set(err, ERROR_CONFLICT, 0, "%s",
				 reason_sentence(v, REASON_STUCK, why, sizeof(why)));
	case ADOPT_UNFINISHED:
		(void)error_set(err, ERROR_CONFLICT, 0, "it is not made yet");
		error_hint(err, "try again once whoever makes it is done");
		return -EBUSY;
	case ADOPT_PARENT:
		return error_set(err, ERROR_CONFLICT, 0,
				 "its parent %s is no virtual function of its GPU, nor "
				 "the GPU itself",
				 text_escape(why, sizeof(why), live->parent_name));
	case ADOPT_GPU:
		return error_set(err, ERROR_CONFLICT, 0, "%s",
				 reason_sentence(v, reason, why, sizeof(why)));
	case ADOPT_TYPE:
		return error_set(err, ERROR_CONFLICT, 0,
				 "its driver does not tell which profile it is (type "
				 "directory '%s')",
				 text_escape(why, sizeof(why), live->type_dir));
	case ADOPT_VF_OWNED:
		break;
	}
	return refuse_vf(adopt_find_owner(a->view.saved->vgpus, a->view.saved->n_vgpus,
					  &live->parent),
			 err);
}

/* Is it what the record of its VF says, only not set by us in this boot?  Then that
 * record is taken to mean it. */
static bool reclaim(const struct adopt *a, const struct live_vgpu *live,
		    struct adopt_item *item)
{
	const struct saved_vgpu *owner = adopt_find_owner(
		a->view.saved->vgpus, a->view.saved->n_vgpus, &live->parent);

	if (live->uuid[0] || owner->in_progress || !plan_same_profile(owner, live) ||
	    (a->args.vm && strcmp(a->args.vm, owner->vm) != 0) ||
	    (a->args.have_slot && a->args.slot != owner->slot))
		return false;
	item->was = owner->state;
	item->vgpu = *owner;
	item->vgpu.state = SAVED_ACTIVE;
	item->vgpu.framework = live->framework;
	item->vgpu.type_id = live->type_id;
	(void)text_copy(item->vgpu.boot_id, sizeof(item->vgpu.boot_id),
			a->view.host->boot_id);
	item->reclaimed = true;
	return true;
}

/* It is foreign: may it be adopted? */
static int judge_foreign(struct adopt *a, const struct live_vgpu *live,
			 struct adopt_item *item, struct error *err)
{
	const struct saved *saved = a->view.saved;
	enum plan_reason reason = REASON_NONE;
	enum adopt_bar bar;

	if (live->gpu < 0)
		return error_set(err, ERROR_CONFLICT, 0, "its parent %s is no GPU",
				 live->parent_name);
	if (live->framework == FRAMEWORK_VFIO && !a->view.host->boot_id[0])
		return vgpu_no_boot_id(err);
	bar = adopt_judge(a->view.host, saved->vgpus, saved->n_vgpus, live, &item->vgpu,
			  &reason);
	if (bar == ADOPT_VF_OWNED && reclaim(a, live, item))
		return 0;
	if (!item->vgpu.uuid[0]) /* the kernel does not know one */
		work_make_uuid(item->vgpu.uuid);
	name_owner(a, item);
	return refuse(a, live, &item->vgpu, bar, reason, err);
}

/* It is on record: is that what is asked for?  Then nothing is to be done. */
static int judge_saved(const struct adopt *a, const struct saved_vgpu *v,
		       struct adopt_item *item, struct error *err)
{
	const struct verdict *verdict = &a->view.plan.verdicts[v - a->view.saved->vgpus];
	char why[256], vm[4 * VM_NAME_SIZE];

	item->vgpu = *v;
	item->known = true;
	item->state = verdict->state;
	if (v->in_progress)
		return -ESTALE;
	if (verdict->state == STATE_CONFLICT || verdict->state == STATE_STUCK ||
	    verdict->state == STATE_REMOVING) {
		(void)error_set(
			err, ERROR_CONFLICT, 0, "it is on record, but %s",
			verdict->action == ACTION_FORGET
				? "its removal was cut short"
				: reason_sentence(v, verdict->reason, why, sizeof(why)));
		error_hint(err, "'vgpumgr show %.8s' tells about it", v->uuid);
		return -EEXIST;
	}
	if ((a->args.vm && strcmp(a->args.vm, v->vm) != 0) ||
	    (a->args.have_slot && a->args.slot != v->slot)) {
		(void)error_set(err, ERROR_CONFLICT, 0,
				"it is on record already, for %s slot %u",
				text_escape(vm, sizeof(vm), v->vm), v->slot);
		error_hint(err, "'vgpumgr assign %.8s --vm NAME' gives it another owner",
			   v->uuid);
		return -EEXIST;
	}
	return 0;
}

/* Nobody is chosen twice. */
static bool is_chosen(const struct adopt *a, const char *uuid)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		if (*uuid && !strcmp(a->items[i].vgpu.uuid, uuid))
			return true;
	return false;
}

/* By UUID, or by the parent that holds it alone: not every kernel knows UUIDs. */
static int find(const struct adopt *a, const char *text, struct saved_vgpu **ret_saved,
		struct live_vgpu **ret_live, struct error *err)
{
	const struct host *host = a->view.host;
	char name[BDF_SIZE];
	struct bdf bdf;
	size_t i;

	if (!bdf_parse(text, &bdf))
		return view_find_vgpu(&a->view, text, SHORTEST_PREFIX, ret_saved,
				      ret_live, err);
	for (i = 0; i < host->n_live; i++)
		if (bdf_equal(&host->live[i].parent, &bdf) && host->live[i].at >= 0 &&
		    !parent_is_shared(host, (size_t)host->live[i].at)) {
			*ret_live = &host->live[i];
			*ret_saved = saved_find(a->view.saved, host->live[i].uuid);
			return 0;
		}
	(void)error_set(err, ERROR_NOT_FOUND, 0, "no vGPU is live on a VF at %s",
			bdf_format(&bdf, name));
	error_hint(err, "'vgpumgr list' shows the vGPUs of this host");
	return -ENOENT;
}

static int choose_one(struct adopt *a, const char *text,
		      const struct saved_vgpu **ret_busy, struct error *err)
{
	struct adopt_item *item = &a->items[a->n];
	struct saved_vgpu *v = NULL;
	struct live_vgpu *live = NULL;
	int r = find(a, text, &v, &live, err);

	if (r < 0)
		return r;
	if (is_chosen(a, v ? v->uuid : live->uuid))
		return 0;
	r = v ? judge_saved(a, v, item, err) : judge_foreign(a, live, item, err);
	if (r == -ESTALE && v->in_progress)
		*ret_busy = v;
	else if (r < 0)
		(void)error_context(err, "%s", v ? v->uuid : live->uuid);
	a->n++;
	return r;
}

/* Everything foreign; what cannot be adopted is kept beside the others. */
static void choose_all(struct adopt *a)
{
	const struct host *host = a->view.host;
	size_t i;

	for (i = 0; i < host->n_live; i++) {
		const struct live_vgpu *live = &host->live[i];
		struct adopt_item *item = &a->items[a->n];

		if (a->view.plan.ours[i] || is_chosen(a, live->uuid))
			continue;
		if (live->gpu < 0) {
			a->n_others++;
			continue;
		}
		item->refused = judge_foreign(a, live, item, &item->err) < 0;
		a->n++;
	}
}

static int compare_items(const void *a, const void *b)
{
	const struct adopt_item *x = a, *y = b;
	int order = bdf_compare(&x->vgpu.vf, &y->vgpu.vf);

	return order ? order : strcmp(x->vgpu.uuid, y->vgpu.uuid);
}

/* What is on record, and then what this call adds, in RECORDS. Where an earlier one of
 * the call has taken what this one needs, that is a conflict like any other. */
static int place(struct adopt *a, struct adopt_item *item, struct saved_vgpu *records,
		 size_t *n, struct error *err)
{
	const struct saved_vgpu *owner = adopt_find_owner(records, *n, &item->vgpu.vf);
	struct saved_vgpu *v = &item->vgpu;
	char vm[4 * VM_NAME_SIZE];
	size_t i;

	if (owner)
		return refuse_vf(owner, err);
	v->slot = a->args.have_slot ? a->args.slot : adopt_free_slot(records, *n, v->vm);
	for (i = 0; i < *n; i++)
		if (records[i].slot == v->slot && !strcmp(records[i].vm, v->vm))
			return error_set(err, ERROR_CONFLICT, EEXIST,
					 "%s slot %u has %s already",
					 text_escape(vm, sizeof(vm), v->vm), v->slot,
					 records[i].uuid);
	records[(*n)++] = *v;
	return 0;
}

static int place_all(struct adopt *a, struct error *err)
{
	const struct saved *saved = a->view.saved;
	_cleanup_(freep) struct saved_vgpu *records =
		calloc(saved->n_vgpus + a->n + 1, sizeof(*records));
	size_t i, n = saved->n_vgpus;
	int r = 0;

	if (!records)
		return no_memory(err);
	if (n)
		memcpy(records, saved->vgpus, n * sizeof(*records));
	if (a->n)
		qsort(a->items, a->n, sizeof(*a->items), compare_items);
	for (i = 0; i < a->n && r == 0; i++) {
		struct adopt_item *item = &a->items[i];

		if (item->known || item->refused || item->reclaimed)
			continue;
		r = place(a, item, records, &n, &item->err);
		if (r == 0)
			continue;
		item->refused = a->args.all;
		*err = item->err;
		r = a->args.all ? 0 : error_context(err, "%s", item->vgpu.uuid);
	}
	return r;
}

int adopt_choose(struct adopt *a, const struct saved_vgpu **ret_busy, struct error *err)
{
	size_t i;
	int r = 0;

	free(a->items);
	a->n = a->n_others = 0;
	a->items = calloc(a->args.n_uuids + a->view.host->n_live + 1, sizeof(*a->items));
	if (!a->items)
		return no_memory(err);
	for (i = 0; i < a->args.n_uuids && r == 0; i++)
		r = choose_one(a, a->args.uuids[i], ret_busy, err);
	if (r == 0 && a->args.all)
		choose_all(a);
	return r == 0 ? place_all(a, err) : r;
}

size_t adopt_count_new(const struct adopt *a)
{
	size_t i, n = 0;

	for (i = 0; i < a->n; i++)
		n += !a->items[i].known && !a->items[i].refused;
	return n;
}
