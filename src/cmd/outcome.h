/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/rows.h"

/* How record and kernel compare, as check finds them and as reconcile leaves them. */
struct outcome {
	struct row row;
	char error[512]; /* why it is not as saved, "" if it is */
};

struct outcome_summary {
	unsigned as_saved, created, moved, failed, foreign;
	json_t *warnings; /* an array of text, borrowed; NULL: not of this command */
};

/* Judges O->row by its verdict: fills O->error and counts it in SUMMARY. */
void outcome_judge(struct outcome *o, struct outcome_summary *summary);

/* Prints the document, or a line for each vGPU that is not simply as saved, and the
 * summary. RET_TEXT (may be NULL) gets the document as text; the caller frees it. */
int outcomes_print(const struct context *ctx, const struct view *view,
		   const struct outcome *outcomes, size_t n,
		   const struct outcome_summary *summary, char **ret_text,
		   struct error *err);
