/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "out/json.h"
#include "out/table.h"
#include "util/cleanup.h"
#include "util/text.h"

DEFINE_CLEANUP(struct table *, table_free)

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (!x->saved != !y->saved)
		return x->saved ? -1 : 1;
	if (x->saved)
		return saved_compare_vm(x->saved, y->saved);
	return bdf_compare(&x->live->parent, &y->live->parent);
}

ssize_t rows_make(const struct view *view, struct row **ret, struct error *err)
{
	const struct saved *saved = view->saved;
	const struct host *host = view->host;
	struct row *rows = calloc(saved->n_vgpus + host->n_live + 1, sizeof(*rows));
	size_t i, n = 0;

	if (!rows)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "list vGPUs");
	for (i = 0; i < saved->n_vgpus; i++)
		rows[n++] = (struct row){ &saved->vgpus[i],
					  host_find_live(host, saved->vgpus[i].uuid),
					  view->plan.verdicts[i], -1 };
	for (i = 0; i < host->n_live; i++) {
		const struct live_vgpu *live = &host->live[i];
		struct verdict v = { live->stuck ? STATE_STUCK : STATE_FOREIGN,
				     ACTION_REPORT,
				     live->stuck ? REASON_STUCK : REASON_NONE, live->at };

		if (!view->plan.ours[i])
			rows[n++] = (struct row){ NULL, live, v, -1 };
	}
	if (n)
		qsort(rows, n, sizeof(*rows), compare_rows);
	*ret = rows;
	return (ssize_t)n;
}

const char *row_uuid(const struct row *row)
{
	return row->saved ? row->saved->uuid : row->live->uuid;
}

const char *row_profile(const struct row *row)
{
	if (row->saved)
		return row->saved->profile;
	return profile_short_name(row->live->type_name);
}

void row_place(const struct view *view, const struct row *row, char gpu[BDF_SIZE],
	       char parent[TYPE_DIR_SIZE])
{
	gpu[0] = '\0';
	if (row->live) {
		(void)text_copy(parent, TYPE_DIR_SIZE, row->live->parent_name);
		if (row->live->gpu >= 0)
			(void)bdf_format(&view->host->gpus[row->live->gpu].bdf, gpu);
		return;
	}
	(void)bdf_format(&row->saved->gpu, gpu);
	(void)bdf_format(&row->saved->vf, parent);
}

json_t *row_json(const struct view *view, const struct row *row)
{
	const struct saved_vgpu *s = row->saved;
	const struct live_vgpu *l = row->live;
	char gpu[BDF_SIZE], parent[TYPE_DIR_SIZE];

	row_place(view, row, gpu, parent);
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o}",
		"uuid", json_text(row_uuid(row)), "profile", json_text(row_profile(row)),
		"type_name", json_text(s ? s->type_name : l->type_name), "type_id",
		json_known(l && l->type_id ? l->type_id
			   : s		   ? s->type_id
					   : 0),
		"framebuffer_mib",
		json_known(s ? s->framebuffer_mib : l->framebuffer_mib), "vm",
		json_text(s ? s->vm : NULL), "vm_uuid", json_text(s ? s->vm_uuid : NULL),
		"slot", s ? json_integer(s->slot) : json_null(), "gpu", json_text(gpu),
		"vf", json_text(parent), "framework",
		json_text(framework_name(l ? l->framework : s->framework)), "state",
		vgpu_state_name(row->verdict.state), "in_use",
		row->in_use < 0 ? json_null() : json_boolean(row->in_use), "created_at",
		json_text(s ? s->created_at : NULL));
}

static int print_json(const struct context *ctx, const struct view *view,
		      const struct row *rows, size_t n, const char *command,
		      struct error *err)
{
	json_t *document = json_document(command, view->as_of, view->host);
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < n; i++)
		(void)json_array_append_new(array, row_json(view, &rows[i]));
	(void)json_object_set_new(document, "vgpus", array);
	return context_print(ctx, document, err);
}

int rows_print(const struct context *ctx, const struct view *view, const struct row *rows,
	       size_t n, const char *command, struct error *err)
{
	static const struct column columns[] = {
		{ "UUID", false },  { "PROFILE", false }, { "VM", false },
		{ "SLOT", true },   { "GPU", false },	  { "VF", false },
		{ "STATE", false },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	size_t i;
	int r;

	if (ctx->json)
		return print_json(ctx, view, rows, n, command, err);
	r = table_new(columns, ARRAY_SIZE(columns), &table, err);
	for (i = 0; i < n && r == 0; i++) {
		char gpu[BDF_SIZE], parent[TYPE_DIR_SIZE], slot[16] = "";
		const struct row *row = &rows[i];

		row_place(view, row, gpu, parent);
		if (row->saved)
			(void)snprintf(slot, sizeof(slot), "%u", row->saved->slot);
		r = table_add(table,
			      (const char *[]){ row_uuid(row), row_profile(row),
						row->saved ? row->saved->vm : NULL, slot,
						gpu, parent,
						vgpu_state_name(row->verdict.state) },
			      err);
	}
	return r == 0 ? table_print(table, err) : r;
}

int rows_print_one(const struct context *ctx, const struct view *view,
		   const struct saved_vgpu *vgpu, struct error *err)
{
	struct row row = { vgpu, host_find_live(view->host, vgpu->uuid),
			   view->plan.verdicts[vgpu - view->saved->vgpus], -1 };

	return print_json(ctx, view, &row, 1, ctx->command, err);
}
