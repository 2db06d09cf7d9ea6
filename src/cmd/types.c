/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/view.h"
#include "host/parents.h"
#include "out/json.h"
#include "out/table.h"
#include "util/cleanup.h"
#include "util/text.h"

DEFINE_CLEANUP(struct table *, table_free)

struct types_args {
	bool have_gpu, all;
	struct bdf gpu;
	const char *profile;
};

/* One profile, merged over the GPUs that offer it. */
struct type_row {
	const struct vgpu_type *type; /* of the first of them */
	uint32_t free;
	json_t *ids, *gpus;
	uint32_t n_gpus;
	const char *parent; /* of one that no GPU offers; nothing is made on it */
};

enum { OPT_GPU = 0x200, OPT_ALL };

static const struct argp_option options[] = {
	{ "gpu", OPT_GPU, "BDF", 0, "Only what this GPU offers", 0 },
	{ "all", OPT_ALL, NULL, 0, "A row for each GPU and profile", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct types_args *a = p->args;

	switch (key) {
	case OPT_GPU:
		a->have_gpu = true;
		return parse_bdf_option(state, arg, &a->gpu);
	case OPT_ALL:
		a->all = true;
		return 0;
	case ARGP_KEY_ARG:
		if (a->profile)
			return usage_error(state, "more than one profile: '%s'", arg);
		a->profile = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The row of TYPE's profile; a new one where there is none yet or each GPU has its own.
 */
static struct type_row *row_of(struct type_row *rows, size_t *n,
			       const struct vgpu_type *type, bool own)
{
	size_t i;

	for (i = 0; i < *n && !own; i++)
		if (text_equal_nocase(rows[i].type->profile, type->profile))
			return &rows[i];
	rows[*n] = (struct type_row){ type, 0, json_array(), json_array(), 0, NULL };
	return &rows[(*n)++];
}

static void add_unique(json_t *array, json_t *value)
{
	json_t *item;
	size_t i;

	json_array_foreach(array, i, item) if (json_equal(item, value))
	{
		json_decref(value);
		return;
	}
	(void)json_array_append_new(array, value);
}

static size_t collect(const struct view *view, const struct usage *usage,
		      const struct types_args *a, const char *profile,
		      struct type_row *rows)
{
	const struct host *host = view->host;
	size_t i, j, n = 0;

	for (i = 0; i < host->n_gpus; i++) {
		const struct gpu *gpu = &host->gpus[i];

		if (a->have_gpu && !bdf_equal(&gpu->bdf, &a->gpu))
			continue;
		for (j = 0; gpu->catalog && j < gpu->catalog->n_types; j++) {
			const struct vgpu_type *type = &gpu->catalog->types[j];
			struct type_row *row;
			enum limit limit;

			if (*profile && !text_equal_nocase(type->profile, profile))
				continue;
			row = row_of(rows, &n, type, a->all);
			row->free += alloc_room(host, usage, i, type->profile, &limit);
			row->n_gpus++;
			add_unique(row->ids, json_integer(type->id));
			(void)json_array_append_new(row->gpus, json_bdf(&gpu->bdf));
		}
	}
	return n;
}

/* What other parents offer, for whoever asks for all there is. */
static size_t collect_others(const struct other_parents *others, struct type_row *rows,
			     size_t n)
{
	size_t i, j;

	for (i = 0; i < others->n; i++)
		for (j = 0; j < others->parents[i].catalog->n_types; j++) {
			const struct vgpu_type *type =
				&others->parents[i].catalog->types[j];
			struct type_row *row = row_of(rows, &n, type, true);

			row->parent = others->parents[i].name;
			(void)json_array_append_new(row->ids, json_integer(type->id));
		}
	return n;
}

static json_t *type_json(const struct type_row *row)
{
	const struct vgpu_type *t = row->type;
	char series[2] = { t->series, '\0' };
	json_t *object = json_pack(
		"{s:s, s:s, s:O, s:o, s:o, s:o, s:o, s:o, s:o, s:O}", "profile",
		t->profile, "type_name", t->name, "type_ids", row->ids, "framebuffer_mib",
		json_known(t->framebuffer_mib), "max_instances",
		json_known(t->max_instances), "num_heads", json_known(t->num_heads),
		"max_resolution", json_text(t->max_resolution), "series",
		json_text(series), "free",
		row->parent ? json_null() : json_integer(row->free), "gpus", row->gpus);

	if (row->parent)
		(void)json_object_set_new(object, "parent", json_text(row->parent));
	return object;
}

static const char *known(uint32_t value, char *buf, size_t size)
{
	(void)snprintf(buf, size, value ? "%u" : "?", value);
	return buf;
}

static int add_line(struct table *table, const struct type_row *row, bool all,
		    struct error *err)
{
	char size[16], max[16], free_now[16], heads[16], gpus[TYPE_DIR_SIZE];
	const struct vgpu_type *t = row->type;

	(void)snprintf(free_now, sizeof(free_now), row->parent ? "-" : "%u", row->free);
	if (row->parent)
		(void)text_copy(gpus, sizeof(gpus), row->parent);
	else if (all)
		(void)snprintf(gpus, sizeof(gpus), "%s",
			       json_string_value(json_array_get(row->gpus, 0)));
	else
		(void)snprintf(gpus, sizeof(gpus), "%u", row->n_gpus);
	return table_add(
		table,
		(const char *[]){ t->profile,
				  known(t->framebuffer_mib, size, sizeof(size)),
				  known(t->max_instances, max, sizeof(max)), free_now,
				  known(t->num_heads, heads, sizeof(heads)),
				  t->max_resolution[0] ? t->max_resolution : "?", gpus },
		err);
}

static int print(const struct context *ctx, const struct view *view,
		 const struct types_args *a, const struct type_row *rows, size_t n,
		 struct error *err)
{
	const struct column columns[] = {
		{ "PROFILE", false },
		{ "MIB", true },
		{ "MAX/GPU", true },
		{ "FREE", true },
		{ "HEADS", true },
		{ "RESOLUTION", true },
		{ a->all ? "GPU" : "GPUS", !a->all },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	json_t *document, *array;
	size_t i;
	int r;

	if (ctx->json) {
		document = json_document("types", view->as_of, view->host);
		array = json_array();
		for (i = 0; i < n; i++)
			(void)json_array_append_new(array, type_json(&rows[i]));
		(void)json_object_set_new(document, "types", array);
		return context_print(ctx, document, err);
	}
	r = table_new(columns, ARRAY_SIZE(columns), &table, err);
	for (i = 0; i < n && r == 0; i++)
		r = add_line(table, &rows[i], a->all, err);
	return r == 0 ? table_print(table, err) : r;
}

/* Empty tables need a word: is there no GPU, or are its VFs off? */
static void explain_nothing(const struct context *ctx, const struct host *host)
{
	char name[BDF_SIZE];
	size_t i;

	if (!host->n_gpus)
		note(ctx, "no NVIDIA GPU was found on this host");
	for (i = 0; i < host->n_gpus; i++)
		if (!host->gpus[i].n_parents && host->gpus[i].total_vfs)
			note(ctx,
			     "%s shows no types while its virtual functions are off: "
			     "vgpumgr sriov enable %s",
			     bdf_format(&host->gpus[i].bdf, name), name);
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = {
		options,
		parse,
		"[PROFILE]",
		"List the vGPU profiles of this host, one row each: "
		"framebuffer, how many a GPU takes, how many still fit.",
		NULL,
		NULL,
		NULL
	};
	_cleanup_(view_close) struct view view = { .host = NULL };
	_cleanup_(usage_free) struct usage usage = { NULL, NULL };
	_cleanup_(other_parents_free) struct other_parents others = { NULL, 0 };
	_cleanup_(freep) struct type_row *rows = NULL;
	struct types_args a = { .profile = NULL };
	char profile[PROFILE_SIZE] = "";
	size_t i, n, room = 1;
	struct gpu *gpu;
	int r = command_parse(ctx, &argp, argc, argv, &a, err);

	if (r)
		return r < 0 ? r : 0;
	r = view_open(ctx,
		      SCAN_NAMES | SCAN_OTHERS | SCAN_GPUS | SCAN_TYPES | SCAN_AVAILABLE |
			      SCAN_STUCK,
		      &view, err);
	if (r == 0 && a.profile)
		r = view_resolve(view.host, a.profile, profile, err);
	if (r == 0 && a.have_gpu)
		r = view_find_gpu(view.host, &a.gpu, &gpu, err);
	if (r == 0 && !a.profile && !a.have_gpu)
		r = context_scan_others(ctx, view.host, &others, err);
	if (r == 0)
		r = usage_make(view.host, view.saved, &usage, err);
	if (r < 0)
		return r;
	for (i = 0; i < view.host->n_gpus; i++)
		room += view.host->gpus[i].catalog ? view.host->gpus[i].catalog->n_types
						   : 0;
	for (i = 0; i < others.n; i++)
		room += others.parents[i].catalog->n_types;
	rows = calloc(room, sizeof(*rows));
	if (!rows)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "list types");
	n = collect(&view, &usage, &a, profile, rows);
	if (!n)
		explain_nothing(ctx, view.host);
	n = collect_others(&others, rows, n);
	r = print(ctx, &view, &a, rows, n, err);
	for (i = 0; i < n; i++) {
		json_decref(rows[i].ids);
		json_decref(rows[i].gpus);
	}
	return r;
}

const struct command cmd_types = { "types", "list the vGPU profiles of this host", run };
