/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/compare.h"

#include <string.h>

static bool same_target(const struct saved_vgpu *a, const struct saved_vgpu *b)
{
	return a->is_moving == b->is_moving &&
	       (!a->is_moving ||
		(bdf_equal(&a->to_gpu, &b->to_gpu) && bdf_equal(&a->to_vf, &b->to_vf)));
}

bool compare_same(const struct saved_vgpu *a, const struct saved_vgpu *b)
{
	return !strcmp(a->uuid, b->uuid) && !strcmp(a->vm, b->vm) &&
	       !strcmp(a->vm_uuid, b->vm_uuid) && a->slot == b->slot &&
	       !strcmp(a->profile, b->profile) && !strcmp(a->type_name, b->type_name) &&
	       a->framework == b->framework && bdf_equal(&a->gpu, &b->gpu) &&
	       bdf_equal(&a->vf, &b->vf) && a->state == b->state &&
	       !strcmp(a->params, b->params) && a->attached == b->attached &&
	       a->has_placement_id == b->has_placement_id &&
	       (!a->has_placement_id || a->placement_id == b->placement_id) &&
	       same_target(a, b);
}

bool compare_same_wishes(const struct saved_gpu *a, const struct saved_gpu *b)
{
	return a->wanted_vfs == b->wanted_vfs && a->cordoned == b->cordoned &&
	       a->heterogeneous == b->heterogeneous && !strcmp(a->mig, b->mig);
}

static struct saved_vgpu *find(struct saved_vgpu *vgpus, size_t n, const char *uuid)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!strcmp(vgpus[i].uuid, uuid))
			return &vgpus[i];
	return NULL;
}

size_t compare_records(struct saved_vgpu *now, size_t n_now, struct saved_vgpu *then,
		       size_t n_then, struct difference *ret)
{
	size_t i, n = 0;

	for (i = 0; i < n_then; i++) {
		struct saved_vgpu *old = find(now, n_now, then[i].uuid);

		ret[n++] = (struct difference){
			.change = !old				? CHANGE_ADD
				  : compare_same(old, &then[i]) ? CHANGE_NONE
								: CHANGE_ALTER,
			.now = old,
			.then = &then[i],
		};
	}
	for (i = 0; i < n_now; i++)
		if (!find(then, n_then, now[i].uuid))
			ret[n++] = (struct difference){ CHANGE_DROP, &now[i], NULL };
	return n;
}

const char *change_name(enum change change)
{
	static const char *const names[] = { "none", "add", "alter", "drop" };

	return names[change];
}
