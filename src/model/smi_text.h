/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/smi.h"

/* What the readers of nvidia-smi's texts share. */

/* A part of a text, not ended by NUL. */
struct span {
	const char *at;
	size_t len;
};

bool span_is(struct span span, const char *word);
/* False where it does not fit. */
bool span_copy(struct span span, char *buf, size_t size);
/* Decimal digits only. */
bool span_u32(struct span span, uint32_t *ret);
/* Takes the next word off SPAN, up to a blank or one of ALSO. */
bool span_word(struct span *span, const char *also, struct span *ret);

/* Lines of a text, one after the other. */
struct smi_lines {
	const char *next;
	unsigned number; /* of the line that was taken last */
};

/* Takes the next line that is not blank, without what is blank at its end. */
bool smi_take_line(struct smi_lines *lines, struct span *ret);

/* Fills FAULT and returns -ERRNUM. */
int smi_fail(struct smi_fault *fault, int errnum, unsigned line, const char *why);
