/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/saved.h"

/* What changes when one record takes the place of another. */

enum change {
	CHANGE_NONE,
	CHANGE_ADD,   /* it is in the other record alone */
	CHANGE_ALTER, /* it is in both, and not the same */
	CHANGE_DROP,  /* it is in this record alone */
};

struct difference {
	enum change change;
	struct saved_vgpu *now, *then; /* NULL where that record has none */
};

/* Compares N_NOW records with N_THEN others by UUID. RET has room for N_NOW + N_THEN;
 * those of THEN come first, in their order, then what is dropped. Returns how many. */
size_t compare_records(struct saved_vgpu *now, size_t n_now, struct saved_vgpu *then,
		       size_t n_then, struct difference *ret);

/* The same in all that is decided: not in when it was written, nor in hints. */
bool compare_same(const struct saved_vgpu *a, const struct saved_vgpu *b);

/* Is the same wanted of the GPU? */
bool compare_same_wishes(const struct saved_gpu *a, const struct saved_gpu *b);

/* "none", "add", "alter", "drop". */
const char *change_name(enum change change);
