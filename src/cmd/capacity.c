/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/capacity.h"
#include "cmd/words.h"
#include "out/json.h"
#include "out/table.h"
#include "util/cleanup.h"
#include "util/text.h"

DEFINE_CLEANUP(struct table *, table_free)

enum { OPT_MIX = 0x200, OPT_ALL, OPT_MAKE_ROOM };

static const struct argp_option options[] = {
	{ "all", OPT_ALL, NULL, 0, "A row for each profile of this host", 0 },
	{ "mix", OPT_MIX, "PROFILE=N,...", 0,
	  "Would all of these fit at once, and where?  Exit status 4 if not", 0 },
	{ "make-room", OPT_MAKE_ROOM, NULL, 0,
	  "Where none fits: which vGPUs that nobody uses would have to move where", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static error_t check_args(struct argp_state *state, const struct capacity_args *a)
{
	if ((a->n_mix > 0) + a->all + a->make_room > 1)
		return usage_error(state,
				   "--mix, --all and --make-room exclude each other");
	if ((a->n_mix || a->all) && a->n_profiles)
		return usage_error(state, "--%s takes no other profile: '%s'",
				   a->all ? "all" : "mix", a->profiles[0]);
	if (a->make_room && a->n_profiles != 1)
		return usage_error(state, "--make-room is about one profile. For "
					  "example: vgpumgr capacity A40-24A "
					  "--make-room");
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct capacity_args *a = p->args;

	switch (key) {
	case OPT_MIX:
		return capacity_parse_mix(state, arg, a);
	case OPT_ALL:
		a->all = true;
		return 0;
	case OPT_MAKE_ROOM:
		a->make_room = true;
		return 0;
	case ARGP_KEY_ARGS:
		a->profiles = state->argv + state->next;
		a->n_profiles = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_END:
		return p->help ? 0 : check_args(state, a);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

uint32_t capacity_total(const struct view *view, const struct usage *usage,
			const char *profile)
{
	uint32_t total = 0;
	enum limit limit;
	size_t i;

	for (i = 0; i < view->host->n_gpus; i++)
		total += alloc_room(view->host, usage, i, profile, &limit);
	return total;
}

json_t *capacity_per_gpu(const struct view *view, const struct usage *usage,
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
	return per_gpu;
}

static json_t *profile_json(const struct view *view, const struct usage *usage,
			    const char *profile)
{
	return json_pack("{s:s, s:I, s:o}", "profile", profile, "free",
			 (json_int_t)capacity_total(view, usage, profile), "per_gpu",
			 capacity_per_gpu(view, usage, profile));
}

json_t *capacity_document(const struct view *view, const struct usage *usage,
			  char (*profiles)[PROFILE_SIZE], size_t n)
{
	json_t *document = json_document("capacity", view->as_of, view->host);
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < n; i++)
		(void)json_array_append_new(array,
					    profile_json(view, usage, profiles[i]));
	(void)json_object_set_new(document, "capacity", array);
	return document;
}

static int add_lines(struct table *table, const struct view *view,
		     const struct usage *usage, const char *profile, struct error *err)
{
	char free_now[16], name[BDF_SIZE], why[256];
	size_t i;
	int r;

	(void)snprintf(free_now, sizeof(free_now), "%u",
		       capacity_total(view, usage, profile));
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

/* One row for all GPUs: how many have room, and what stops the next one on how many. */
static int add_summary(struct table *table, const struct view *view,
		       const struct usage *usage, const char *profile, struct error *err)
{
	char free_now[16], gpus[16], limits[256] = "";
	uint32_t n_limit[LIMIT_UNKNOWN + 1] = { 0 }, with_room = 0;
	enum limit limit;
	size_t i;

	for (i = 0; i < view->host->n_gpus; i++) {
		with_room += alloc_room(view->host, usage, i, profile, &limit) > 0;
		n_limit[limit]++;
	}
	for (i = 0; i <= LIMIT_UNKNOWN; i++) {
		size_t len = strlen(limits);

		if (n_limit[i])
			(void)snprintf(limits + len, sizeof(limits) - len, "%s%s %u",
				       len ? ", " : "", limit_name((enum limit)i),
				       n_limit[i]);
	}
	(void)snprintf(free_now, sizeof(free_now), "%u",
		       capacity_total(view, usage, profile));
	(void)snprintf(gpus, sizeof(gpus), "%u", with_room);
	return table_add(table, (const char *[]){ profile, free_now, gpus, limits }, err);
}

static int print_all(const struct view *view, const struct usage *usage,
		     char (*profiles)[PROFILE_SIZE], size_t n, struct error *err)
{
	static const struct column columns[] = {
		{ "PROFILE", false },
		{ "FREE", true },
		{ "GPUS", true },
		{ "LIMITS", false },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	size_t i;
	int r = table_new(columns, ARRAY_SIZE(columns), &table, err);

	for (i = 0; i < n && r == 0; i++)
		r = add_summary(table, view, usage, profiles[i], err);
	return r == 0 ? table_print(table, err) : r;
}

static int print(const struct context *ctx, const struct view *view,
		 const struct usage *usage, char (*profiles)[PROFILE_SIZE], size_t n,
		 bool all, struct error *err)
{
	static const struct column columns[] = {
		{ "PROFILE", false }, { "GPU", false }, { "FREE", true },
		{ "LIMIT", false },   { "WHY", false },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	size_t i;
	int r = 0;

	if (ctx->json)
		return context_print(ctx, capacity_document(view, usage, profiles, n),
				     err);
	for (i = 0; i < n && ctx->quiet; i++)
		printf("%u\n", capacity_total(view, usage, profiles[i]));
	if (ctx->quiet)
		return 0;
	if (all)
		return print_all(view, usage, profiles, n, err);
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

/* The profiles that are asked about, as the drivers spell them; all there are where none
 * is named. Allocates *RET. */
static int name_profiles(const struct view *view, const struct capacity_args *a,
			 char (**ret)[PROFILE_SIZE], size_t *ret_n, struct error *err)
{
	size_t i, n, room = a->n_profiles + a->n_mix + 1;
	char(*profiles)[PROFILE_SIZE];
	int r = 0;

	for (i = 0; i < view->host->n_gpus; i++)
		room += view->host->gpus[i].catalog ? view->host->gpus[i].catalog->n_types
						    : 0;
	profiles = *ret = calloc(room, sizeof(*profiles));
	if (!profiles)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "work out the capacity");
	n = a->n_mix ? a->n_mix : a->n_profiles;
	for (i = 0; i < n && r == 0; i++)
		r = view_resolve(view->host,
				 a->n_mix ? a->mix[i].profile : a->profiles[i],
				 profiles[i], err);
	*ret_n = n ? n : all_profiles(view->host, profiles);
	return r;
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = {
		options,
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
	struct capacity_args a = { .profiles = NULL };
	size_t n = 0;
	int r = command_parse(ctx, &argp, argc, argv, &a, err);

	if (r)
		return r < 0 ? r : 0;
	r = view_open(ctx,
		      SCAN_NAMES | SCAN_OTHERS | SCAN_GPUS | SCAN_TYPES | SCAN_AVAILABLE |
			      SCAN_STUCK,
		      &view, err);
	if (r == 0)
		r = usage_make(view.host, view.saved, &usage, err);
	if (r == 0)
		r = name_profiles(&view, &a, &profiles, &n, err);
	if (r < 0)
		return r;
	if (a.n_mix)
		return capacity_mix(ctx, &view, &usage, &a, profiles, err);
	if (a.make_room)
		return capacity_make_room(ctx, &view, &usage, profiles, err);
	return print(ctx, &view, &usage, profiles, n, a.all, err);
}

const struct command cmd_capacity = { "capacity", "tell how many more vGPUs fit, and why",
				      run };
