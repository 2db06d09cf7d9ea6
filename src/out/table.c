/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "out/table.h"

#include <errno.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/text.h"

struct table {
	struct libscols_table *scols;
	const struct column *columns;
	size_t n_columns;
	bool has_lines;
};

DEFINE_CLEANUP(struct table *, table_free)

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_SYSTEM, ENOMEM, "print a table");
}

void table_free(struct table *table)
{
	if (!table)
		return;
	scols_unref_table(table->scols);
	free(table);
}

int table_new(const struct column *columns, size_t n, struct table **ret,
	      struct error *err)
{
	_cleanup_(table_freep) struct table *table = calloc(1, sizeof(*table));
	size_t i;

	if (!table)
		return no_memory(err);
	table->columns = columns;
	table->n_columns = n;
	table->scols = scols_new_table();
	if (!table->scols)
		return no_memory(err);
	for (i = 0; i < n; i++)
		if (!scols_table_new_column(table->scols, columns[i].name, 0,
					    columns[i].right ? SCOLS_FL_RIGHT : 0))
			return no_memory(err);
	*ret = TAKE_PTR(table);
	return 0;
}

int table_add(struct table *table, const char *const *values, struct error *err)
{
	struct libscols_line *line = scols_table_new_line(table->scols, NULL);
	char shown[1100];
	size_t i;

	if (!line)
		return no_memory(err);
	table->has_lines = true;
	for (i = 0; i < table->n_columns; i++)
		if (values[i] &&
		    scols_line_set_data(line, i,
					text_escape(shown, sizeof(shown), values[i])))
			return no_memory(err);
	return 0;
}

/* libsmartcols prints no heading without lines. */
static void print_heading(const struct table *table)
{
	size_t i;

	for (i = 0; i < table->n_columns; i++)
		printf("%s%s", i ? " " : "", table->columns[i].name);
	printf("\n");
}

int table_print(struct table *table, struct error *err)
{
	if (!table->has_lines) {
		print_heading(table);
		return 0;
	}
	errno = 0;
	if (scols_print_table(table->scols) || errno == ENOMEM) /* it leaves cells out */
		return error_set(err, ERROR_SYSTEM, errno ? errno : EIO, "print a table");
	return 0;
}
