/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/view.h"

/* One vGPU as people and programs see it: saved, live, or both. */
struct row {
	const struct saved_vgpu *saved; /* NULL: foreign */
	const struct live_vgpu *live;	/* NULL: not in the kernel */
	struct verdict verdict;
	int in_use; /* 0, 1, or -1 where nobody looked */
};

/* All vGPUs of the view: saved ones by VM and slot, then foreign ones by address.
 * Allocates *RET, which borrows from VIEW; returns how many, or -ENOMEM. */
ssize_t rows_make(const struct view *view, struct row **ret, struct error *err);

/* {"uuid", "profile", …} of list, create and show. */
json_t *row_json(const struct view *view, const struct row *row);

/* Prints rows as list does: a table, or the document of COMMAND. */
int rows_print(const struct context *ctx, const struct view *view, const struct row *rows,
	       size_t n, const char *command, struct error *err);

/* Prints the document of CTX->command with the one vGPU whose record, in VIEW, is VGPU.
 */
int rows_print_one(const struct context *ctx, const struct view *view,
		   const struct saved_vgpu *vgpu, struct error *err);

/* Where it is: the live place before the saved one. PARENT is the VF's address, or the
 * name of a parent that is no PCI function; GPU is "" where there is none. */
void row_place(const struct view *view, const struct row *row, char gpu[BDF_SIZE],
	       char parent[TYPE_DIR_SIZE]);
const char *row_profile(const struct row *row);
const char *row_uuid(const struct row *row);
