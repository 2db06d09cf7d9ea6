/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/view.h"
#include "cmd/words.h"
#include "out/json.h"
#include "out/table.h"
#include "util/cleanup.h"
#include "util/text.h"

DEFINE_CLEANUP(struct table *, table_free)

struct capacity_args {
	char **profiles;
	size_t n_profiles;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct capacity_args *a = p->args;

	(void)arg;
	if (key == ARGP_KEY_ARGS) {
		a->profiles = state->argv + state->next;
		a->n_profiles = (size_t)(state->argc - state->next);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static uint32_t total_room(const struct view *view, const struct usage *usage,
			   const char *profile)
{
	uint32_t total = 0;
	enum limit limit;
	size_t i;

	for (i = 0; i < view->host->n_gpus; i++)
		total += alloc_room(view->host, usage, i, profile, &limit);
	return total;
}

static json_t *profile_json(const struct view *view, const struct usage *usage,
			    const char *profile)
{
	json_t *per_gpu = json_array();
	size_t i;

	for (i = 0; i < view->host->n_gpus; i++) {
		enum limit limit;
		uint32_t room = alloc_room(view->host, usage, i, profile, &limit);

		(void)json_array_append_new(
			per_gpu, json_pack("{s:o, s:I, s:s}", "gpu",
					   json_bdf(&view->host->gpus[i].bdf), "free",
					   (json_int_t)room, "limit", limit_name(limit)));
	}
	return json_pack("{s:s, s:I, s:o}", "profile", profile, "free",
			 (json_int_t)total_room(view, usage, profile), "per_gpu",
			 per_gpu);
}

static int add_lines(struct table *table, const struct view *view,
		     const struct usage *usage, const char *profile, struct error *err)
{
	char free_now[16], name[BDF_SIZE], why[256];
	size_t i;
	int r;

	(void)snprintf(free_now, sizeof(free_now), "%u",
		       total_room(view, usage, profile));
	r = table_add(table, (const char *[]){ profile, "all", free_now, NULL, NULL },
		      err);
	for (i = 0; i < view->host->n_gpus && r == 0; i++) {
		enum limit limit;
		uint32_t room = alloc_room(view->host, usage, i, profile, &limit);

		(void)snprintf(free_now, sizeof(free_now), "%u", room);
		r = table_add(table,
			      (const char *[]){
				      profile, bdf_format(&view->host->gpus[i].bdf, name),
				      free_now, limit_name(limit),
				      limit_sentence(view->host, usage, i, profile, limit,
						     why, sizeof(why)) },
			      err);
	}
	return r;
}

static int print(const struct context *ctx, const struct view *view,
		 const struct usage *usage, char (*profiles)[PROFILE_SIZE], size_t n,
		 struct error *err)
{
	static const struct column columns[] = {
		{ "PROFILE", false }, { "GPU", false }, { "FREE", true },
		{ "LIMIT", false },   { "WHY", false },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	json_t *document, *array;
	size_t i;
	int r = 0;

	if (ctx->json) {
		document = json_document("capacity", view->as_of, view->host);
		array = json_array();
		for (i = 0; i < n; i++)
			(void)json_array_append_new(
				array, profile_json(view, usage, profiles[i]));
		(void)json_object_set_new(document, "capacity", array);
		return context_print(ctx, document, err);
	}
	for (i = 0; i < n && ctx->quiet; i++)
		printf("%u\n", total_room(view, usage, profiles[i]));
	if (ctx->quiet)
		return 0;
	r = table_new(columns, ARRAY_SIZE(columns), &table, err);
	for (i = 0; i < n && r == 0; i++)
		r = add_lines(table, view, usage, profiles[i], err);
	return r == 0 ? table_print(table, err) : r;
}

/* Every profile that some GPU offers, each once. */
static size_t all_profiles(const struct host *host, char (*ret)[PROFILE_SIZE])
{
	size_t i, j, k, n = 0;

	for (i = 0; i < host->n_gpus; i++) {
		const struct catalog *catalog = host->gpus[i].catalog;

		for (j = 0; catalog && j < catalog->n_types; j++) {
			for (k = 0; k < n; k++)
				if (text_equal_nocase(ret[k], catalog->types[j].profile))
					break;
			if (k == n)
				(void)text_copy(ret[n++], PROFILE_SIZE,
						catalog->types[j].profile);
		}
	}
	return n;
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = {
		NULL,
		parse,
		"[PROFILE...]",
		"Tell how many more vGPUs of each PROFILE fit, on which GPUs, "
		"and what stops the next one. With -q, the number alone, a "
		"line for each argument.",
		NULL,
		NULL,
		NULL
	};
	_cleanup_(view_close) struct view view = { .host = NULL };
	_cleanup_(usage_free) struct usage usage = { NULL, NULL };
	_cleanup_(freep) char(*profiles)[PROFILE_SIZE] = NULL;
	struct capacity_args a = { NULL, 0 };
	size_t i, n, room;
	int r = command_parse(ctx, &argp, argc, argv, &a, err);

	if (r)
		return r < 0 ? r : 0;
	r = view_open(ctx,
		      SCAN_NAMES | SCAN_OTHERS | SCAN_GPUS | SCAN_TYPES | SCAN_AVAILABLE |
			      SCAN_STUCK,
		      &view, err);
	if (r == 0)
		r = usage_make(view.host, view.saved, &usage, err);
	if (r < 0)
		return r;
	room = a.n_profiles + 1;
	for (i = 0; i < view.host->n_gpus; i++)
		room += view.host->gpus[i].catalog ? view.host->gpus[i].catalog->n_types
						   : 0;
	profiles = calloc(room, sizeof(*profiles));
	if (!profiles)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "work out the capacity");
	for (n = 0; n < a.n_profiles; n++) {
		r = view_resolve(view.host, a.profiles[n], profiles[n], err);
		if (r < 0)
			return r;
	}
	if (!n)
		n = all_profiles(view.host, profiles);
	return print(ctx, &view, &usage, profiles, n, err);
}

const struct command cmd_capacity = { "capacity", "tell how many more vGPUs fit, and why",
				      run };
