/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

/* Tables by libsmartcols. Every value is escaped before it reaches a terminal. */

struct column {
	const char *name;
	bool right; /* numbers stand to the right */
};

struct table;

int table_new(const struct column *columns, size_t n, struct table **ret,
	      struct error *err);
void table_free(struct table *table);

/* Adds a line of as many VALUES as there are columns; NULL is an empty cell. */
int table_add(struct table *table, const char *const *values, struct error *err);

/* Prints to stdout; an empty table prints its heading alone. */
int table_print(struct table *table, struct error *err);
