/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/adopt.h"

#include <string.h>

#include "util/text.h"

const struct saved_vgpu *adopt_find_owner(const struct saved_vgpu *saved, size_t n_saved,
					  const struct bdf *vf)
{
	size_t i;

	for (i = 0; i < n_saved; i++)
		if ((bdf_equal(&saved[i].vf, vf) && !bdf_equal(&saved[i].gpu, vf)) ||
		    (saved[i].is_moving && bdf_equal(&saved[i].to_vf, vf) &&
		     !bdf_equal(&saved[i].to_gpu, vf)))
			return &saved[i];
	return NULL;
}

static bool has_slot(const struct saved_vgpu *saved, size_t n_saved, const char *vm,
		     uint32_t slot)
{
	size_t i;

	for (i = 0; i < n_saved; i++)
		if (saved[i].slot == slot && !strcmp(saved[i].vm, vm))
			return true;
	return false;
}

uint32_t adopt_free_slot(const struct saved_vgpu *saved, size_t n_saved, const char *vm)
{
	uint32_t slot = 0;

	while (has_slot(saved, n_saved, vm, slot))
		slot++;
	return slot;
}

/* What is live on a GPU has its virtual functions on, and shows its own type whatever the
 * others show. */
static bool is_left_alone(const struct host *host, const struct gpu *gpu,
			  enum plan_reason *ret)
{
	*ret = plan_gpu_ready(host, gpu);
	return *ret == REASON_EXCLUDED || *ret == REASON_NO_DRIVER ||
	       *ret == REASON_OTHER_DRIVER;
}

enum adopt_bar adopt_judge(const struct host *host, const struct saved_vgpu *saved,
			   size_t n_saved, const struct live_vgpu *live,
			   struct saved_vgpu *ret, enum plan_reason *ret_reason)
{
	const struct gpu *gpu = &host->gpus[live->gpu];
	struct vgpu_type type;

	*ret = (struct saved_vgpu){ .type_id = live->type_id,
				    .framebuffer_mib = live->framebuffer_mib,
				    .framework = live->framework,
				    .gpu = gpu->bdf,
				    .vf = live->parent,
				    .state = SAVED_ACTIVE };
	(void)text_copy(ret->uuid, sizeof(ret->uuid), live->uuid);
	(void)text_copy(ret->boot_id, sizeof(ret->boot_id), host->boot_id);
	(void)text_copy(ret->driver_version, sizeof(ret->driver_version),
			host->driver_version);
	if (live->stuck)
		return ADOPT_STUCK;
	if (is_left_alone(host, gpu, ret_reason))
		return ADOPT_GPU;
	if (live->at < 0)
		return ADOPT_PARENT;
	if (live->unfinished)
		return ADOPT_UNFINISHED;
	if (!live->type_name[0] ||
	    !vgpu_type_parse(live->type_id, live->type_name, "", &type))
		return ADOPT_TYPE;
	(void)text_copy(ret->profile, sizeof(ret->profile), type.profile);
	(void)text_copy(ret->type_name, sizeof(ret->type_name), type.name);
	ret->vf_index = host->parents[live->at].index;
	return adopt_find_owner(saved, n_saved, &live->parent) ? ADOPT_VF_OWNED
							       : ADOPT_FINE;
}
