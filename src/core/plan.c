/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plan.h"

#include <string.h>

#include "util/text.h"

static const char *const state_names[] = {
	[STATE_ACTIVE] = "active",     [STATE_MISSING] = "missing",
	[STATE_CREATING] = "creating", [STATE_REMOVING] = "removing",
	[STATE_STOPPED] = "stopped",   [STATE_STUCK] = "stuck",
	[STATE_CONFLICT] = "conflict", [STATE_FOREIGN] = "foreign",
};
static const char *const action_names[] = {
	[ACTION_NONE] = "none",
	[ACTION_CREATE] = "create",
	[ACTION_MOVE] = "move",
	[ACTION_ADOPT_VF] = "adopt-vf",
	[ACTION_ROLL_FORWARD] = "roll-forward",
	[ACTION_FORGET] = "forget",
	[ACTION_REPORT] = "report",
};

const char *vgpu_state_name(enum vgpu_state state)
{
	return state_names[state];
}

bool vgpu_state_parse(const char *name, enum vgpu_state *ret)
{
	int i = text_index(state_names, sizeof(state_names) / sizeof(state_names[0]),
			   name);

	if (i >= 0)
		*ret = (enum vgpu_state)i;
	return i >= 0;
}

const char *plan_action_name(enum plan_action action)
{
	return action_names[action];
}

bool plan_same_profile(const struct saved_vgpu *saved, const struct live_vgpu *live)
{
	if (live->type_name[0])
		return text_equal_nocase(profile_short_name(live->type_name),
					 saved->profile);
	return live->type_id && live->type_id == saved->type_id;
}

enum plan_reason plan_gpu_ready(const struct host *host, const struct gpu *gpu)
{
	if (gpu->excluded)
		return REASON_EXCLUDED;
	if (!gpu->driver[0])
		return REASON_NO_DRIVER;
	if (strcmp(gpu->driver, "nvidia"))
		return REASON_OTHER_DRIVER;
	if (!gpu->n_parents)
		return REASON_SRIOV_OFF;
	return gpu_framework(host, gpu) ? REASON_NONE : REASON_NO_TYPES;
}

/* May vgpumgr touch the GPU's virtual functions?  Whether it has any is not asked. */
static bool can_enable(const struct gpu *gpu)
{
	return !gpu->excluded && !strcmp(gpu->driver, "nvidia") &&
	       !gpu->driver_override[0];
}

bool plan_wants_sriov(const struct gpu *gpu, const struct saved_vgpu *saved,
		      size_t n_saved, const struct saved_gpu *wishes, size_t n_wishes)
{
	size_t i;

	if (!can_enable(gpu) || gpu_vfs(gpu) || !gpu->total_vfs)
		return false;
	for (i = 0; i < n_wishes; i++)
		if (wishes[i].wanted_vfs && bdf_equal(&wishes[i].bdf, &gpu->bdf))
			return true;
	for (i = 0; i < n_saved; i++)
		if (saved[i].state != SAVED_STOPPED &&
		    bdf_equal(&saved[i].gpu, &gpu->bdf) &&
		    !bdf_equal(&saved[i].vf, &gpu->bdf))
			return true;
	return false;
}

static struct verdict report(enum vgpu_state state, enum plan_reason reason, int vf)
{
	return (struct verdict){ state, ACTION_REPORT, reason, vf };
}

/* The saved vGPU is in the kernel. */
static struct verdict judge_live(const struct host *host, const struct saved_vgpu *saved,
				 const struct live_vgpu *live)
{
	struct verdict v = { STATE_ACTIVE, ACTION_NONE, REASON_NONE, live->at };

	if (live->stuck)
		return report(STATE_STUCK, REASON_STUCK, live->at);
	if (live->unfinished)
		return report(STATE_CREATING, REASON_IN_PROGRESS, live->at);
	if (!plan_same_profile(saved, live))
		return report(STATE_CONFLICT, REASON_OTHER_PROFILE, live->at);
	if (live->gpu < 0 || !bdf_equal(&host->gpus[live->gpu].bdf, &saved->gpu))
		return report(STATE_CONFLICT, REASON_OTHER_GPU, live->at);
	if (saved->state == SAVED_REMOVING)
		return report(STATE_REMOVING,
			      saved->is_moving ? REASON_MOVE_UNDONE
					       : REASON_REMOVAL_CUT_SHORT,
			      live->at);
	if (saved->state == SAVED_STOPPED)
		return report(STATE_STOPPED, REASON_STOP_CUT_SHORT, live->at);
	if (saved->state == SAVED_CREATING) {
		v.state = STATE_CREATING;
		v.action = ACTION_ROLL_FORWARD;
	} else if (!bdf_equal(&live->parent, &saved->vf)) {
		v.action = ACTION_ADOPT_VF;
	}
	if (live->other_params && v.action != ACTION_ADOPT_VF) {
		v.action = ACTION_ROLL_FORWARD;
		v.reason = REASON_PARAMS;
	}
	return v;
}

/* Is another size than SIZE_MIB on GPU by somebody else's doing? */
static bool foreign_size(const struct host *host, const struct gpu *gpu,
			 uint32_t size_mib, const bool *ours)
{
	size_t i;

	for (i = 0; size_mib && i < host->n_live; i++) {
		const struct live_vgpu *live = &host->live[i];

		if (!ours[i] && live->gpu == gpu - host->gpus && live->framebuffer_mib &&
		    live->framebuffer_mib != size_mib)
			return true;
	}
	return false;
}

/* The first parent of GPU that shows types and that nobody has, -1 if there is none. */
static int spare_parent(const struct host *host, const struct gpu *gpu, const bool *taken)
{
	size_t i;

	for (i = gpu->first_parent; i < gpu->first_parent + gpu->n_parents; i++)
		if (!taken[i] && host->parents[i].framework)
			return (int)i;
	return -1;
}

/* What can be said of a vGPU that is not live before VFs are looked at. */
static enum plan_reason obstacle(const struct host *host, const struct saved_vgpu *saved,
				 const struct gpu *gpu)
{
	enum plan_reason reason;

	if (!gpu)
		return REASON_GPU_ABSENT;
	reason = plan_gpu_ready(host, gpu);
	if (reason == REASON_SRIOV_OFF && bdf_equal(&saved->vf, &saved->gpu))
		reason = REASON_NO_TYPES; /* they have nothing to do with it */
	if (reason)
		return reason;
	if (!gpu->catalog || gpu->catalog->remembered ||
	    catalog_find(gpu->catalog, saved->profile))
		return REASON_NONE;
	if (!gpu_may_offer(host, gpu, saved->profile) ||
	    catalog_lacks(gpu->catalog, saved->profile, saved->framebuffer_mib))
		return REASON_NOT_OFFERED;
	return REASON_NONE;
}

static bool can_take(const struct host *host, const struct saved_vgpu *saved,
		     const struct parent *parent, const bool *taken)
{
	return parent && parent->framework && !taken[parent - host->parents] &&
	       bdf_equal(&host->gpus[parent->gpu].bdf, &saved->gpu);
}

static void take(const struct host *host, bool *taken, size_t parent)
{
	if (!parent_is_shared(host, parent))
		taken[parent] = true;
}

/* The saved vGPU is not in the kernel and is wanted there. */
static struct verdict judge_absent(const struct host *host,
				   const struct saved_vgpu *saved,
				   const struct plan *plan)
{
	const struct gpu *gpu = host_find_gpu(host, &saved->gpu);
	const struct parent *parent = host_find_parent(host, &saved->vf);
	bool creating = saved->state == SAVED_CREATING;
	struct verdict v = { creating ? STATE_CREATING : STATE_MISSING,
			     creating ? ACTION_ROLL_FORWARD : ACTION_CREATE,
			     obstacle(host, saved, gpu), -1 };

	if (v.reason == REASON_SRIOV_OFF && can_enable(gpu))
		return v; /* once its VF is there */
	if (v.reason)
		return report(v.reason == REASON_NOT_OFFERED ? STATE_CONFLICT : v.state,
			      v.reason, -1);
	if (foreign_size(host, gpu, saved->framebuffer_mib, plan->ours))
		return report(STATE_CONFLICT, REASON_OTHER_SIZE, -1);
	if (can_take(host, saved, parent, plan->taken)) {
		v.at = (int)(parent - host->parents);
	} else {
		v.reason = parent && parent->framework ? REASON_VF_TAKEN : REASON_VF_GONE;
		/* there, the VM's config names the VF */
		if (gpu_framework(host, gpu) == FRAMEWORK_VFIO)
			return report(STATE_CONFLICT, v.reason, -1);
		v.action = ACTION_MOVE;
		v.at = spare_parent(host, gpu, plan->taken);
		if (v.at < 0)
			return report(v.state, REASON_NO_FREE_VF, -1);
	}
	take(host, plan->taken, (size_t)v.at);
	return v;
}

/* Whatever the process that holds the lock is about to do: is there something to be said
 * of the device itself?  One that is being made has no type yet. One on its way out looks
 * as if it hung, from the kernel's first step to its last: whether it does is known when
 * the command no longer waits for it. */
static bool is_settled(const struct saved_vgpu *saved, const struct live_vgpu *live)
{
	if (!live) /* nor is it to be, once it is stopped */
		return saved->state == SAVED_STOPPED;
	if (live->stuck)
		return !saved->attended;
	return saved->state == SAVED_ACTIVE && !live->unfinished;
}

/* What a vGPU is while a process is at work on it. */
static enum vgpu_state state_in_progress(enum saved_state saved)
{
	switch (saved) {
	case SAVED_REMOVING:
		return STATE_REMOVING;
	case SAVED_STOPPED:
		return STATE_STOPPED;
	case SAVED_CREATING:
	case SAVED_ACTIVE:
		break;
	}
	return STATE_CREATING;
}

/* The verdicts that need no VF: live, stopped, at work on, to be forgotten. False where
 * one must be found for it. */
static bool judge_at_once(const struct host *host, const struct saved_vgpu *saved,
			  struct verdict *ret)
{
	const struct live_vgpu *live = host_find_live(host, saved->uuid);

	*ret = (struct verdict){ STATE_ACTIVE, ACTION_NONE, REASON_NONE, -1 };
	if (saved->in_progress && !is_settled(saved, live)) {
		ret->state = state_in_progress(saved->state);
		ret->reason = REASON_IN_PROGRESS;
	} else if (live) {
		*ret = judge_live(host, saved, live);
	} else if (saved->state == SAVED_STOPPED) {
		ret->state = STATE_STOPPED;
	} else if (saved->is_moving) {
		*ret = (struct verdict){ STATE_CREATING, ACTION_ROLL_FORWARD,
					 REASON_MOVE_CUT_SHORT, -1 };
	} else if (saved->state == SAVED_REMOVING) {
		if (host_find_gpu(host, &saved->gpu))
			*ret = (struct verdict){ STATE_REMOVING, ACTION_FORGET,
						 REASON_NONE, -1 };
		else
			*ret = report(STATE_REMOVING, REASON_GPU_ABSENT, -1);
	} else {
		return false;
	}
	return true;
}

static void mark_live(const struct host *host, const struct saved_vgpu *saved,
		      size_t n_saved, struct plan *plan)
{
	size_t i;

	memset(plan->ours, 0, host->n_live * sizeof(*plan->ours));
	memset(plan->taken, 0, host->n_parents * sizeof(*plan->taken));
	for (i = 0; i < n_saved; i++) {
		const struct live_vgpu *live = host_find_live(host, saved[i].uuid);

		if (live)
			plan->ours[live - host->live] = true;
	}
	for (i = 0; i < host->n_live; i++)
		if (host->live[i].at >= 0)
			take(host, plan->taken, (size_t)host->live[i].at);
}

/* A vGPU that is stopped, or that somebody is at work on, keeps its VF, and the one it is
 * on its way to. */
static void keep_vf(const struct host *host, const struct saved_vgpu *saved,
		    struct plan *plan)
{
	const struct parent *parent = host_find_parent(host, &saved->vf);

	if (parent)
		take(host, plan->taken, (size_t)(parent - host->parents));
	parent = saved->is_moving ? host_find_parent(host, &saved->to_vf) : NULL;
	if (parent)
		take(host, plan->taken, (size_t)(parent - host->parents));
}

/* What judge_at_once() leaves behind until a VF has been looked for. */
static bool is_open(const struct verdict *v)
{
	return v->action == ACTION_CREATE && v->at < 0;
}

bool plan_leaves_vf(const struct verdict *v)
{
	return v->action == ACTION_FORGET || v->action == ACTION_ADOPT_VF;
}

/* The verdicts as they are if those that PLAN->stays says keep their record as it is. */
static void judge_all(const struct host *host, const struct saved_vgpu *saved,
		      size_t n_saved, struct plan *plan)
{
	struct verdict *v = plan->verdicts;
	size_t i;

	for (i = 0; i < n_saved; i++) {
		bool at_once = judge_at_once(host, &saved[i], &v[i]);

		if (!at_once)
			v[i].action = ACTION_CREATE;
		if (at_once && plan->stays[i])
			v[i].action = ACTION_NONE;
		if (at_once && !plan_leaves_vf(&v[i]))
			keep_vf(host, &saved[i], plan);
	}
	/* Who can have its own VF gets it before anybody is moved. A record that is only
	 * reported keeps its VF as well. */
	for (i = 0; i < n_saved; i++)
		if (is_open(&v[i]) &&
		    can_take(host, &saved[i], host_find_parent(host, &saved[i].vf),
			     plan->taken)) {
			v[i] = judge_absent(host, &saved[i], plan);
			keep_vf(host, &saved[i], plan);
		}
	for (i = 0; i < n_saved; i++)
		if (is_open(&v[i]))
			v[i] = judge_absent(host, &saved[i], plan);
}

/* Does another record name the VF that this one's vGPU lives on, and stay there? */
static bool is_barred(const struct host *host, const struct saved_vgpu *saved,
		      size_t n_saved, const struct verdict *verdicts, size_t index)
{
	const struct bdf *home = &host->parents[verdicts[index].at].bdf;
	size_t i;

	for (i = 0; i < n_saved; i++)
		if (i != index && bdf_equal(&saved[i].vf, home) &&
		    verdicts[i].action != ACTION_MOVE &&
		    !(verdicts[i].action == ACTION_ROLL_FORWARD && verdicts[i].reason &&
		      verdicts[i].reason != REASON_PARAMS &&
		      verdicts[i].reason != REASON_MOVE_CUT_SHORT) &&
		    !plan_leaves_vf(&verdicts[i]))
			return true;
	return false;
}

/* Finds records that cannot follow their vGPU; the plan must be made without them then.
 */
static bool find_barred(const struct host *host, const struct saved_vgpu *saved,
			size_t n_saved, struct plan *plan)
{
	bool found = false;
	size_t i;

	for (i = 0; i < n_saved; i++)
		if (plan->verdicts[i].action == ACTION_ADOPT_VF &&
		    is_barred(host, saved, n_saved, plan->verdicts, i))
			found = plan->stays[i] = true;
	return found;
}

void plan_reconcile(const struct host *host, const struct saved_vgpu *saved,
		    size_t n_saved, struct plan *ret)
{
	memset(ret->stays, 0, n_saved * sizeof(*ret->stays));
	do {
		mark_live(host, saved, n_saved, ret);
		judge_all(host, saved, n_saved, ret);
	} while (find_barred(host, saved, n_saved, ret));
}
