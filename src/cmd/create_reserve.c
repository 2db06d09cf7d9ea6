/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/create.h"
#include "cmd/learn.h"
#include "cmd/words.h"
#include "host/vgpu.h"
#include "util/cleanup.h"
#include "util/text.h"

/* Counts the VFs that the driver refused in this call as taken, and as a hint that their
 * GPU may be full. */
static void mark_refused(struct create *c)
{
	size_t i;

	for (i = 0; i < c->n_refused; i++) {
		const struct parent *vf = host_find_parent(c->view.host, &c->refused[i]);

		if (!vf)
			continue;
		c->usage.gpus[vf->gpu].n_refused++;
		usage_take(c->view.host, &c->usage, (size_t)(vf - c->view.host->parents));
	}
}

static int conflict(struct error *err, const struct saved_vgpu *v, const char *what,
		    const char *has, const char *asked)
{
	char vm[4 * VM_NAME_SIZE];

	(void)error_set(err, ERROR_CONFLICT, EEXIST, "%s slot %u has %s %s, not %s",
			text_escape(vm, sizeof(vm), v->vm), v->slot, what, has, asked);
	error_hint(err, "'vgpumgr show %.8s' tells about it", v->uuid);
	return -EEXIST;
}

/* Is what the slot holds what is asked for? */
static int check_existing(const struct create *c, const struct saved_vgpu *v,
			  struct error *err)
{
	const struct create_args *a = &c->args;
	char has[BDF_SIZE], asked[BDF_SIZE];

	if (!text_equal_nocase(v->profile, c->profile))
		return conflict(err, v, "the profile", v->profile, c->profile);
	if (a->uuid[0] && strcmp(a->uuid, v->uuid))
		return conflict(err, v, "the UUID", v->uuid, a->uuid);
	if (a->have_gpu && !bdf_equal(&a->gpu, &v->gpu))
		return conflict(err, v, "the GPU", bdf_format(&v->gpu, has),
				bdf_format(&a->gpu, asked));
	if (a->have_vf && !bdf_equal(&a->vf, &v->vf))
		return conflict(err, v, "the VF", bdf_format(&v->vf, has),
				bdf_format(&a->vf, asked));
	if (a->vm_uuid[0] && strcmp(a->vm_uuid, v->vm_uuid))
		return conflict(err, v, "the VM UUID",
				v->vm_uuid[0] ? v->vm_uuid : "(none)", a->vm_uuid);
	if (a->params[0] && strcmp(a->params, v->params))
		return conflict(err, v, "the parameters",
				v->params[0] ? v->params : "(none)", a->params);
	return 0;
}

/* Records of vGPUs that live elsewhere on their GPU follow them first: the VFs they give
 * free may be those that others are to move to. */
static int correct_records(struct create *c, struct error *err)
{
	const struct saved *saved = c->view.saved;
	char detail[64], vf[BDF_SIZE];
	size_t i;
	int r = 0;

	for (i = 0; i < saved->n_vgpus && r == 0; i++)
		if (c->view.plan.verdicts[i].action == ACTION_ADOPT_VF)
			r = store_park(c->store, &saved->vgpus[i], err);
	for (i = 0; i < saved->n_vgpus && r == 0; i++) {
		const struct verdict *verdict = &c->view.plan.verdicts[i];
		struct saved_vgpu v = saved->vgpus[i];

		if (verdict->action != ACTION_ADOPT_VF)
			continue;
		v.vf = c->view.host->parents[verdict->at].bdf;
		v.vf_index = c->view.host->parents[verdict->at].index;
		r = store_set_place(c->store, &v, err);
		(void)snprintf(detail, sizeof(detail), "found on %s",
			       bdf_format(&v.vf, vf));
		if (r == 0)
			r = store_event(c->store, "adopt-vf", EVENT_DONE, &v, detail,
					err);
	}
	return r;
}

/* A new place for a record whose own is taken or gone. */
static int move_record(struct create *c, struct saved_vgpu *v, int vf, struct error *err)
{
	const struct parent *target = &c->view.host->parents[vf];
	char from[BDF_SIZE], to[BDF_SIZE], detail[64];
	int r;

	(void)snprintf(detail, sizeof(detail), "from %s to %s", bdf_format(&v->vf, from),
		       bdf_format(&target->bdf, to));
	v->vf = target->bdf;
	v->vf_index = target->index;
	if (c->rehearsal)
		return 0;
	r = correct_records(c, err);
	if (r == 0)
		r = store_set_place(c->store, v, err);
	return r == 0 ? store_event(c->store, "move", EVENT_DONE, v, detail, err) : r;
}

static int is_stopped(const struct saved_vgpu *v, struct error *err)
{
	char vm[4 * VM_NAME_SIZE];

	(void)error_set(err, ERROR_CONFLICT, 0, "%s slot %u has been stopped",
			text_escape(vm, sizeof(vm), v->vm), v->slot);
	error_hint(err, "'vgpumgr start %s' makes it live again", v->uuid);
	return -EEXIST;
}

/* Its record stands, but it is not live and cannot be made so now. What only the GPU's
 * state forbids is want of room; a conflict is with something else that is there. */
static int cannot_be_made(const struct saved_vgpu *v, const struct verdict *verdict,
			  struct error *err)
{
	bool forget = verdict->action == ACTION_FORGET;
	char why[256], gpu[BDF_SIZE];

	(void)error_set(err,
			verdict->reason >= REASON_GPU_ABSENT &&
					verdict->reason <= REASON_NO_FREE_VF
				? ERROR_CAPACITY
				: ERROR_CONFLICT,
			0, "%s is recorded for it, but %s", v->uuid,
			forget ? "its removal was cut short"
			       : reason_sentence(v, verdict->reason, why, sizeof(why)));
	if (forget)
		error_hint(err, "'vgpumgr remove %s' finishes it", v->uuid);
	else if (verdict->reason == REASON_MOVE_CUT_SHORT)
		error_hint(err, "'vgpumgr reconcile' finishes it");
	else if (verdict->reason == REASON_SRIOV_OFF)
		error_hint(err, "vgpumgr sriov enable %s; or vgpumgr reconcile, for all",
			   bdf_format(&v->gpu, gpu));
	else
		error_hint(err, "'vgpumgr show %s' tells about it", v->uuid);
	return -EEXIST;
}

/* The slot is taken by what is asked for: keep it, or see that it is made again. */
static int take_existing(struct context *ctx, struct create *c,
			 const struct saved_vgpu *v, struct create_slot *slot,
			 struct work *work, struct error *err)
{
	const struct verdict *verdict = &c->view.plan.verdicts[v - c->view.saved->vgpus];
	const struct live_vgpu *live = host_find_live(c->view.host, v->uuid);
	int r;

	slot->vgpu = *v;
	work->vgpu = &slot->vgpu;
	switch (verdict->action) {
	case ACTION_NONE:
		slot->live = verdict->state == STATE_ACTIVE;
		if (slot->live)
			return 0;
		break;
	case ACTION_ADOPT_VF:
		slot->live = true;
		return move_record(c, &slot->vgpu, verdict->at, err);
	case ACTION_CREATE:
	case ACTION_MOVE:
	case ACTION_ROLL_FORWARD:
		if (verdict->at < 0)
			break; /* its VFs are off */
		slot->vgpu.framework = c->view.host->parents[verdict->at].framework;
		r = c->rehearsal ? 0 : work_lock(ctx, work, err);
		work->is_live = verdict->reason == REASON_PARAMS;
		if (r == 0 && live &&
		    !work->is_live) { /* made by one that could not say so any more */
			work->done = true;
			work->made = (struct vgpu_made){ .type_id = live->type_id,
							 .present = true };
			return 0;
		}
		if (r < 0 || bdf_equal(&c->view.host->parents[verdict->at].bdf, &v->vf))
			return r;
		return move_record(c, &slot->vgpu, verdict->at, err);
	case ACTION_FORGET:
	case ACTION_REPORT:
		break;
	}
	if (verdict->state == STATE_STOPPED)
		return is_stopped(v, err);
	return cannot_be_made(v, verdict, err);
}

/* Is the UUID that --uuid names still free? */
static int check_uuid(const struct create *c, struct error *err)
{
	const char *uuid = c->args.uuid;
	const struct saved_vgpu *v = saved_find(c->view.saved, uuid);
	char vm[4 * VM_NAME_SIZE];

	if (!*uuid)
		return 0;
	if (v)
		return error_set(err, ERROR_CONFLICT, EEXIST, "%s belongs to %s slot %u",
				 uuid, text_escape(vm, sizeof(vm), v->vm), v->slot);
	if (host_find_live(c->view.host, uuid))
		return error_set(err, ERROR_CONFLICT, EEXIST,
				 "%s is live, made by somebody else", uuid);
	return 0;
}

static void fill_record(const struct create *c, const struct placement *place,
			uint32_t slot, struct saved_vgpu *v)
{
	const struct host *host = c->view.host;

	*v = (struct saved_vgpu){
		.slot = slot,
		.type_id = place->type->id,
		.framebuffer_mib = place->type->framebuffer_mib,
		.framework = host->parents[place->at].framework,
		.gpu = host->gpus[place->gpu].bdf,
		.vf = host->parents[place->at].bdf,
		.vf_index = host->parents[place->at].index,
		.state = SAVED_CREATING,
	};
	if (c->args.uuid[0])
		(void)text_copy(v->uuid, sizeof(v->uuid), c->args.uuid);
	else
		work_make_uuid(v->uuid);
	(void)text_copy(v->vm, sizeof(v->vm), c->args.vm);
	(void)text_copy(v->vm_uuid, sizeof(v->vm_uuid), c->args.vm_uuid);
	(void)text_copy(v->profile, sizeof(v->profile), place->type->profile);
	(void)text_copy(v->type_name, sizeof(v->type_name), place->type->name);
	(void)text_copy(v->boot_id, sizeof(v->boot_id), host->boot_id);
	(void)text_copy(v->params, sizeof(v->params), c->args.params);
	(void)text_copy(v->driver_version, sizeof(v->driver_version),
			host->driver_version);
}

int create_remember(struct create *c, struct error *err)
{
	const struct host *host = c->view.host;
	size_t i;
	int r = 0;

	for (i = 0; i < host->n_gpus && r == 0; i++) {
		const struct gpu *gpu = &host->gpus[i];
		struct saved_gpu record = { .bdf = gpu->bdf,
					    .vendor = gpu->vendor,
					    .device = gpu->device };

		if (gpu->device && !saved_find_gpu(c->view.saved, &gpu->bdf))
			r = store_put_gpu(c->store, &record, err);
		if (r == 0 && c->learnt[i])
			r = learn_remember(c->store, host, gpu, err);
		c->learnt[i] = false;
	}
	return r;
}

/* Records of an earlier attempt of this same call: their locks are ours already. */
static struct own_record *find_mine(struct create *c, const char *uuid)
{
	size_t i;

	for (i = 0; i < c->n_mine; i++)
		if (!strcmp(c->mine[i].uuid, uuid))
			return &c->mine[i];
	return NULL;
}

static int note_mine(struct create *c, const char *uuid, struct error *err)
{
	struct own_record *grown = reallocarray(c->mine, c->n_mine + 1, sizeof(*grown));

	if (!grown)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "create");
	c->mine = grown;
	grown[c->n_mine].lock_fd = -1; /* the slot's work has it */
	(void)text_copy(grown[c->n_mine++].uuid, UUID_SIZE, uuid);
	return 0;
}

static bool take_mine(struct create *c, const struct saved_vgpu *v,
		      struct create_slot *slot, struct work *work)
{
	const struct live_vgpu *live = host_find_live(c->view.host, v->uuid);
	struct own_record *mine = find_mine(c, v->uuid);

	if (!mine)
		return false;
	slot->vgpu = *v;
	slot->fresh = work->fresh = true;
	work->vgpu = &slot->vgpu;
	work->lock_fd = TAKE_FD(mine->lock_fd);
	work->done = live != NULL;
	if (live)
		work->made =
			(struct vgpu_made){ .type_id = live->type_id, .present = true };
	return true;
}

void create_release(struct create *c)
{
	size_t i;

	for (i = 0; i < c->n_slots; i++) {
		struct work *w = &c->works[i];
		struct own_record *mine = w->vgpu ? find_mine(c, w->vgpu->uuid) : NULL;

		if (mine && w->lock_fd >= 0 && mine->lock_fd < 0)
			mine->lock_fd = TAKE_FD(w->lock_fd);
		work_unlock(w);
	}
}

static int take_new(struct context *ctx, struct create *c, uint32_t number,
		    struct create_slot *slot, struct work *work, struct error *err)
{
	char detail[WHAT_SIZE];
	struct placement place;
	int r = check_uuid(c, err);

	if (r < 0)
		return r;
	if (!alloc_place(c->view.host, &c->usage, &c->request, &place))
		return CREATE_NO_ROOM;
	if (c->view.host->parents[place.at].framework == FRAMEWORK_VFIO &&
	    !c->view.host->boot_id[0])
		return vgpu_no_boot_id(err);
	fill_record(c, &place, number, &slot->vgpu);
	slot->fresh = work->fresh = true;
	work->vgpu = &slot->vgpu;
	alloc_take(c->view.host, &c->usage, &place);
	if (c->rehearsal)
		return 0;
	r = store_insert(c->store, &slot->vgpu, err);
	if (r == 0)
		r = work_lock(ctx, work, err);
	if (r == 0)
		r = note_mine(c, slot->vgpu.uuid, err);
	return r == 0 ? store_event(c->store, "create", EVENT_BEGUN, &slot->vgpu,
				    work_what(&slot->vgpu, detail), err)
		      : r;
}

int create_count(struct context *ctx, struct create *c, struct error *err)
{
	int r;

	if (c->store) {
		saved_free(c->view.saved);
		c->view.saved = NULL;
		r = store_load(c->store, &c->view.saved, err);
		if (r < 0)
			return r;
	}
	usage_free(&c->usage);
	c->usage = (struct usage){ NULL, NULL };
	r = context_match(ctx, c->view.host, c->view.saved, err);
	if (r == 0)
		r = usage_make(c->view.host, c->view.saved, &c->usage, err);
	if (r == 0)
		r = plan_make(c->view.host, c->view.saved, &c->view.plan, err);
	if (r == 0)
		mark_refused(c);
	return r;
}

/* Is another process at work on V, or was, when the host was looked at?  It had begun to
 * make the device then, and its record says by now what came of it. */
static bool is_busy(const struct create *c, const struct saved_vgpu *v)
{
	return v->in_progress || c->view.plan.verdicts[v - c->view.saved->vgpus].reason ==
					 REASON_IN_PROGRESS;
}

static int fill_slots(struct context *ctx, struct create *c, struct saved_vgpu *ret_busy,
		      struct error *err)
{
	size_t i;
	int r = create_count(ctx, c, err);

	for (i = 0; i < c->n_slots && r == 0; i++) {
		uint32_t number = c->args.have_slot ? c->args.slot : (uint32_t)i;
		const struct saved_vgpu *v =
			saved_find_vm(c->view.saved, c->args.vm, number);

		if (!v) {
			r = take_new(ctx, c, number, &c->slots[i], &c->works[i], err);
			continue;
		}
		r = check_existing(c, v, err);
		if (r == 0 && take_mine(c, v, &c->slots[i], &c->works[i]))
			continue;
		if (r == 0 && !is_busy(c, v))
			r = take_existing(ctx, c, v, &c->slots[i], &c->works[i], err);
		if (is_busy(c, v) || (r == -ETIMEDOUT && err->kind == ERROR_TIMEOUT)) {
			*ret_busy = *v;
			return r < 0 && r != -ETIMEDOUT ? r : CREATE_AGAIN;
		}
	}
	return r;
}

static int allocate_slots(struct create *c, struct error *err)
{
	size_t i;

	works_free(c->works, c->n_slots);
	free(c->slots);
	c->n_slots = c->args.have_count ? c->args.count : 1;
	c->slots = calloc(c->n_slots, sizeof(*c->slots));
	c->works = calloc(c->n_slots, sizeof(*c->works));
	for (i = 0; c->works && i < c->n_slots; i++)
		c->works[i] = WORK_NONE;
	if (c->slots && c->works)
		return 0;
	return error_set(err, ERROR_SYSTEM, ENOMEM, "create");
}

static bool anything_fresh(const struct create *c)
{
	size_t i;

	for (i = 0; i < c->n_slots; i++)
		if (c->slots[i].fresh)
			return true;
	return false;
}

int create_reserve(struct context *ctx, struct create *c, struct error *err)
{
	size_t n_mine = c->n_mine;
	struct saved_vgpu busy;
	int r = allocate_slots(c, err);

	if (r == 0 && !c->rehearsal)
		r = store_begin(c->store, err);
	if (r < 0)
		return r;
	r = fill_slots(ctx, c, &busy, err);
	if (r == 0 && c->rehearsal)
		return 0;
	if (r == 0 && anything_fresh(c))
		r = create_remember(c, err);
	if (r == 0)
		return store_commit(c->store, err);
	/* First the locks: another process may be given the row numbers anew. */
	c->n_mine = n_mine;
	create_release(c);
	if (!c->rehearsal)
		store_rollback(c->store);
	if (r == CREATE_AGAIN) {
		int waited = wait_until_idle(ctx, &busy, err);

		return waited < 0 ? waited : CREATE_AGAIN;
	}
	return r;
}

/* Which of the slots recorded by this call shall be taken back? */
static bool to_undo(const struct create *c, size_t i, bool only_refused)
{
	const struct work *w = &c->works[i];

	if (!c->slots[i].fresh || !w->done)
		return false;
	return !only_refused || (w->r < 0 && w->made.absent);
}

/* It failed itself, or another one of the call did. */
static int record_undone(struct create *c, const struct saved_vgpu *v,
			 const struct work *w, struct error *err)
{
	char detail[WHAT_SIZE];

	if (w->r < 0)
		return store_event(c->store, "create", EVENT_FAILED, v, w->err.message,
				   err);
	return store_event(c->store, "create", EVENT_UNDONE, v, work_what(v, detail),
			   err);
}

/* Deletes the records whose devices are not there; the others are to be removed first. */
static int delete_absent(struct create *c, bool only_refused, struct error *err)
{
	size_t i;
	int r = store_begin(c->store, err);

	for (i = 0; i < c->n_slots && r == 0; i++) {
		struct saved_vgpu *v = &c->slots[i].vgpu;
		struct work *w = &c->works[i];

		if (!to_undo(c, i, only_refused))
			continue;
		if (w->made.absent) {
			r = store_delete(c->store, v, err);
			if (r == 0)
				r = record_undone(c, v, w, err);
		} else if (w->made.present && v->state == SAVED_CREATING) {
			v->state = SAVED_REMOVING;
			r = store_set_state(c->store, v, SAVED_CREATING, err);
			if (r == 0)
				r = store_event(c->store, "remove", EVENT_BEGUN, v,
						"undoes its create", err);
		}
	}
	if (r == 0)
		return store_commit(c->store, err);
	store_rollback(c->store);
	return r;
}

int create_undo(struct context *ctx, struct create *c, bool only_refused,
		struct error *err)
{
	size_t i, n_removed = 0;
	int r = delete_absent(c, only_refused, err);

	if (r < 0 || only_refused)
		return r;
	for (i = 0; i < c->n_slots && r == 0; i++) {
		struct work *w = &c->works[i];

		if (!to_undo(c, i, false) || !w->made.present) {
			w->done = false; /* what was deleted is settled */
			continue;
		}
		r = work_queue_remove(ctx, c->jobs, w, i, err);
		n_removed++;
	}
	if (r == 0 && n_removed)
		r = works_wait(c->jobs, c->works, c->n_slots, err);
	if (r < 0 || !n_removed)
		return r;
	for (i = 0; i < c->n_slots; i++)
		c->works[i].made = (struct vgpu_made){ .absent = c->works[i].done &&
								 c->works[i].r == 0 };
	return delete_absent(c, false, err);
}
