/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/move.h"

enum move_step move_decide(const struct saved_vgpu *saved, const struct verdict *verdict,
			   const struct live_vgpu *live, bool there)
{
	if (verdict->state == STATE_STUCK || (verdict->state == STATE_CONFLICT && live))
		return MOVE_REFUSE;
	if (saved->state == SAVED_REMOVING && !saved->is_moving)
		return MOVE_REFUSE;
	if (!live && saved->is_moving)
		return MOVE_MAKE;
	if (live && saved->state == SAVED_STOPPED)
		return MOVE_REFUSE;
	if (there)
		return MOVE_NOTHING;
	return live ? MOVE_DEVICE : MOVE_RECORD;
}

/* A parent of its own GPU: what it holds there goes with it. */
static bool place_at_home(const struct host *host, const struct usage *usage,
			  const struct saved_vgpu *saved, size_t index,
			  const struct bdf *vf, struct placement *ret,
			  enum limit *ret_limit)
{
	const struct gpu *gpu = &host->gpus[index];
	const struct vgpu_type *type = catalog_find(gpu->catalog, saved->profile);
	enum plan_reason reason = plan_gpu_ready(host, gpu);
	size_t i;

	*ret_limit = reason == REASON_EXCLUDED	  ? LIMIT_EXCLUDED
		     : reason == REASON_SRIOV_OFF ? LIMIT_SRIOV_OFF
		     : reason == REASON_NO_TYPES  ? LIMIT_NO_FREE_VF
		     : reason			  ? LIMIT_MODE
		     : !type			  ? LIMIT_NOT_OFFERED
						  : LIMIT_NO_FREE_VF;
	if (reason || !type)
		return false;
	for (i = gpu->first_parent; i < gpu->first_parent + gpu->n_parents; i++) {
		if (usage->taken[i] || !host->parents[i].framework ||
		    (vf && !bdf_equal(vf, &host->parents[i].bdf)))
			continue;
		*ret = (struct placement){ index, i, type };
		return true;
	}
	return false;
}

bool move_place(const struct host *host, const struct usage *usage,
		const struct saved_vgpu *saved, size_t gpu, const struct bdf *vf,
		struct placement *ret, enum limit *ret_limit)
{
	struct alloc_request request = { .profile = saved->profile,
					 .gpu = &host->gpus[gpu].bdf,
					 .vf = vf,
					 .numa_node = -1 };

	if (bdf_equal(&saved->gpu, request.gpu))
		return place_at_home(host, usage, saved, gpu, vf, ret, ret_limit);
	if (!alloc_room(host, usage, gpu, saved->profile, ret_limit))
		return false;
	*ret_limit = LIMIT_NO_FREE_VF; /* that is: not the one asked for */
	return alloc_place(host, usage, &request, ret);
}

enum move_rest move_rest(const struct saved_vgpu *saved, bool gone)
{
	if (!saved->is_moving || saved->in_progress)
		return MOVE_REST_NONE;
	return gone ? MOVE_REST_FINISH : MOVE_REST_UNDO;
}
