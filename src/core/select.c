/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/select.h"

#include <string.h>

bool selection_covers(const struct selection *s, const struct saved_vgpu *vgpu)
{
	if (s->vm)
		return !strcmp(vgpu->vm, s->vm) &&
		       (!s->have_slot || vgpu->slot == s->slot);
	if (s->have_gpu)
		return bdf_equal(&vgpu->gpu, &s->gpu);
	return s->all;
}
