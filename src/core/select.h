/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/saved.h"

/* Saved vGPUs by what they have in common: one of VM, GPU and all. */
struct selection {
	const char *vm; /* NULL: not by VM */
	bool have_slot; /* of the VM, only ... */
	uint32_t slot;	/* ... this one */
	bool have_gpu;
	struct bdf gpu; /* the PF that their records name */
	bool all;
};

/* Is VGPU one of those that SELECTION means?  An empty selection means none. */
bool selection_covers(const struct selection *selection, const struct saved_vgpu *vgpu);
