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

#define MAX_COUNT 65536 /* of one profile: no host takes more than that */

DEFINE_CLEANUP(struct table *, table_free)

error_t capacity_parse_mix(struct argp_state *state, const char *arg,
			   struct capacity_args *a)
{
	const char *at = arg;

	for (;;) {
		size_t len = strcspn(at, ","), name = strcspn(at, "=,");
		struct mix_text *item = &a->mix[a->n_mix];
		char count[16] = "";

		if (a->n_mix == MIX_MAX_ITEMS)
			return usage_error(state, "--mix: more than %d profiles",
					   MIX_MAX_ITEMS);
		if (name < len && len - name - 1 < sizeof(count))
			(void)snprintf(count, sizeof(count), "%.*s",
				       (int)(len - name - 1), at + name + 1);
		if (!name || name >= PROFILE_SIZE || !parse_u32(count, &item->count) ||
		    !item->count || item->count > MAX_COUNT)
			return usage_error(state,
					   "--mix: '%.*s' is not PROFILE=N, such as "
					   "A40-24A=3, N being 1 to %d",
					   len < 128 ? (int)len : 128, at, MAX_COUNT);
		(void)snprintf(item->profile, sizeof(item->profile), "%.*s", (int)name,
			       at);
		a->n_mix++;
		if (!at[len])
			return 0;
		at += len + 1;
	}
}

/* Merges what is named twice, in PROFILES as well. */
static size_t make_items(const struct capacity_args *a, char (*profiles)[PROFILE_SIZE],
			 struct mix_item *items)
{
	size_t i, j, n = 0;

	for (i = 0; i < a->n_mix; i++) {
		for (j = 0; j < n; j++)
			if (text_equal_nocase(items[j].profile, profiles[i]))
				break;
		if (j == n) {
			memmove(profiles[n], profiles[i], PROFILE_SIZE);
			items[n] = (struct mix_item){ profiles[n], 0 };
			n++;
		}
		items[j].count += a->mix[i].count;
	}
	return n;
}

/* How many of item I are placed. */
static uint32_t placed(const struct view *view, const struct mix_gpu *gpus, size_t i)
{
	uint32_t n = 0;
	size_t g;

	for (g = 0; g < view->host->n_gpus; g++)
		n += gpus[g].given[i];
	return n;
}

/* What stops the first that does not fit, of all GPUs' limits the one that tells most. */
static enum limit main_limit(const struct view *view, const struct usage *usage,
			     const char *profile)
{
	enum limit most = LIMIT_NOT_OFFERED, limit;
	bool any = false;
	size_t i;

	for (i = 0; i < view->host->n_gpus; i++) {
		(void)alloc_room(view->host, usage, i, profile, &limit);
		if (limit == LIMIT_NOT_OFFERED || (any && limit >= most))
			continue;
		most = limit;
		any = true;
	}
	return most;
}

static json_t *mix_json(const struct view *view, const struct usage *usage,
			const struct mix_item *items, size_t n,
			const struct mix_gpu *gpus, const struct mix_result *result)
{
	json_t *placements = json_array(), *unfit = json_null();
	size_t i, g;

	for (i = 0; i < n; i++)
		for (g = 0; g < view->host->n_gpus; g++)
			if (gpus[g].given[i])
				(void)json_array_append_new(
					placements,
					json_pack("{s:s, s:o, s:I}", "profile",
						  items[i].profile, "gpu",
						  json_bdf(&view->host->gpus[g].bdf),
						  "count", (json_int_t)gpus[g].given[i]));
	if (!result->fits) {
		const struct mix_item *item = &items[result->unfit];

		unfit = json_pack(
			"{s:s, s:I, s:I, s:s, s:o}", "profile", item->profile, "count",
			(json_int_t)item->count, "fit", (json_int_t)result->taken,
			"limit", limit_name(main_limit(view, usage, item->profile)),
			"per_gpu", capacity_per_gpu(view, usage, item->profile));
	}
	return json_pack("{s:b, s:b, s:o, s:o}", "fits", result->fits, "gave_up",
			 result->gave_up, "placements", placements, "first_unfit", unfit);
}

static int print_table(const struct view *view, const struct mix_item *items, size_t n,
		       const struct mix_gpu *gpus, struct error *err)
{
	static const struct column columns[] = {
		{ "PROFILE", false },
		{ "GPU", false },
		{ "COUNT", true },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	char name[BDF_SIZE], count[16];
	size_t i, g;
	int r = table_new(columns, ARRAY_SIZE(columns), &table, err);

	for (i = 0; i < n; i++)
		for (g = 0; g < view->host->n_gpus && r == 0; g++) {
			if (!gpus[g].given[i])
				continue;
			(void)snprintf(count, sizeof(count), "%u", gpus[g].given[i]);
			r = table_add(table,
				      (const char *[]){
					      items[i].profile,
					      bdf_format(&view->host->gpus[g].bdf, name),
					      count },
				      err);
		}
	return r == 0 ? table_print(table, err) : r;
}

/* Says which is the first that does not fit, and what each GPU has against it. */
static void explain(const struct view *view, const struct usage *usage,
		    const struct mix_item *item, const struct mix_result *result)
{
	char name[BDF_SIZE], why[256];
	size_t i;

	if (result->gave_up)
		complain("the search took too long at %s: %u of %u were found to fit, "
			 "perhaps more do",
			 item->profile, result->taken, item->count);
	else
		complain("not all of it fits: of %u %s, %u %s beside what is before them",
			 item->count, item->profile, result->taken,
			 result->taken == 1 ? "does" : "do");
	for (i = 0; i < view->host->n_gpus; i++) {
		enum limit limit;

		(void)alloc_room(view->host, usage, i, item->profile, &limit);
		(void)fprintf(stderr, "  %s %s: %s\n",
			      bdf_format(&view->host->gpus[i].bdf, name),
			      limit_name(limit),
			      limit_sentence(view->host, usage, i, item->profile, limit,
					     why, sizeof(why)));
	}
}

int capacity_mix(struct context *ctx, const struct view *view, struct usage *usage,
		 const struct capacity_args *a, char (*profiles)[PROFILE_SIZE],
		 struct error *err)
{
	_cleanup_(freep) struct mix_gpu *gpus =
		calloc(view->host->n_gpus + 1, sizeof(*gpus));
	struct mix_item items[MIX_MAX_ITEMS];
	size_t i, n = make_items(a, profiles, items);
	struct mix_result result;
	json_t *document;
	int r = 0;

	if (!gpus)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "work out the capacity");
	document = ctx->json ? capacity_document(view, usage, profiles, n) : NULL;
	mix_fit(view->host, usage, items, n, gpus, &result);
	if (!mix_take(view->host, usage, items, n, gpus)) {
		json_decref(document);
		return error_set(err, ERROR_SYSTEM, 0,
				 "what was found for this mix does not fit after all; "
				 "this is a bug");
	}
	if (ctx->json) {
		(void)json_object_set_new(document, "mix",
					  mix_json(view, usage, items, n, gpus, &result));
		r = context_print(ctx, document, err);
	} else if (ctx->quiet) {
		for (i = 0; i < n; i++)
			printf("%u\n", placed(view, gpus, i));
	} else {
		r = print_table(view, items, n, gpus, err);
	}
	if (r < 0 || result.fits)
		return r;
	if (!ctx->json)
		explain(view, usage, &items[result.unfit], &result);
	return ERROR_CAPACITY;
}
