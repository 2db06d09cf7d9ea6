/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/model.h"
#include "model/saved.h"

/* Where the kernel knows no UUIDs, as under FRAMEWORK_VFIO, a vGPU is ours if it was set
 * for the record of its VF in this boot, by the note of who set it or by the record
 * itself: those get their record's UUID, and are sorted in. What was set in another boot,
 * or has another type, is somebody else's. To be called after each reading of the
 * record. */
void claim_live(struct host *host, const struct saved_vgpu *saved, size_t n_saved);
