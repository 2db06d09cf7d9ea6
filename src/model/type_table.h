/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "model/vgpu_type.h"

/* What is known of vGPU types by their names, for drivers that say no more of them than
 * that: etc/vgpu-types.csv, which tells where each figure is from. */
struct known_type {
	const char *name;	  /* "NVIDIA A40-24A" */
	uint32_t framebuffer_mib; /* 0 where not known, as are those below */
	uint32_t max_instances;	  /* per GPU, in equal-size mode */
	uint32_t max_mixed;	  /* per GPU, in mixed-size mode */
	const char *mig_profile;  /* "1g.10gb"; NULL: time-sliced, or not known */
};

/* The type called NAME or PROFILE, letter case aside, NULL where it is not known: "NVIDIA
 * A40-24A", "A40-24A" and "GRID A40-24A" are one. */
const struct known_type *type_table_find(const char *name);

/* Fills from the table what is 0 or "" in TYPE: what its driver says of it stands. */
void type_table_complete(struct vgpu_type *type);

/* All of them, in the order of their names without vendor and case. */
size_t type_table_size(void);
const struct known_type *type_table_at(size_t i); /* NULL behind the last */
