/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What nvidia-smi tells of GPU instances, and how it makes them. */
#include <stdlib.h>
#include <string.h>

#include "smi.h"

/* Tables grew wider with driver 570. */
struct widths {
	int profiles, profile_name, instances, instance_name;
};

static const struct widths *widths(const struct smi *s)
{
	static const struct widths narrow = { 77, 10, 52, 10 }, wide = { 79, 12, 57, 15 };

	return smi_since(s, 570, 0) ? &wide : &narrow;
}

static void rule(struct smi *s, int width, char border, char fill)
{
	char line[96];

	memset(line, fill, (size_t)width);
	line[width] = '\0';
	reply_add(s->out, "%c%s%c\n", border, line, border);
}

/* --- profiles --- */

/* How many there could be of it on an empty GPU. */
static unsigned total(const struct gi_profile *p)
{
	return strstr(p->name, "+me") ? 1 : p->n_starts;
}

static bool no_mig(struct smi *s)
{
	size_t i;

	for (i = 0; i < s->n_gpus; i++) {
		if (s->gpus[i]->mig && s->gpus[i]->mig_on)
			return false;
	}
	reply_add(s->out, "No MIG-enabled devices found.\n");
	return true;
}

int smi_gi_profiles(struct smi *s)
{
	const struct widths *w = widths(s);
	size_t i, p;

	if (no_mig(s))
		return SMI_NOT_FOUND;
	rule(s, w->profiles, '+', '-');
	reply_add(s->out, "| %-*s|\n", w->profiles - 1, "GPU instance profiles:");
	reply_add(s->out,
		  "| GPU   %-*s      ID    Instances   Memory     P2P    SM    DEC   ENC "
		  " |\n",
		  w->profile_name + 1, "Name");
	reply_add(s->out,
		  "|       %-*s            Free/Total   GiB              CE    JPEG  OFA "
		  " |\n",
		  w->profile_name + 1, "");
	rule(s, w->profiles, '|', '=');
	for (i = 0; i < s->n_gpus; i++) {
		const struct gpu *gpu = s->gpus[i];

		for (p = 0; gpu->mig && gpu->mig_on && p < gpu->mig->n; p++) {
			const struct gi_profile *g = &gpu->mig->profiles[p];

			reply_add(s->out,
				  "|%4u  MIG %-*s  %3u     %u/%u        %-5s      No   "
				  "%4u   %3u   %3u   |\n",
				  s->index[i], w->profile_name + 1, g->name, g->id,
				  gi_room(gpu, g), total(g), g->memory, g->sm, g->dec,
				  g->enc);
			reply_add(s->out,
				  "|      %-*s                                        "
				  "%4u   "
				  "%3u   %3u   |\n",
				  w->profile_name + 1, "", g->ce, g->jpeg, g->ofa);
			rule(s, w->profiles, '+', '-');
		}
	}
	return SMI_OK;
}

int smi_gi_places(struct smi *s)
{
	size_t i, p;
	unsigned n;

	if (no_mig(s))
		return SMI_NOT_FOUND;
	for (i = 0; i < s->n_gpus; i++) {
		const struct gpu *gpu = s->gpus[i];

		for (p = 0; gpu->mig && gpu->mig_on && p < gpu->mig->n; p++) {
			const struct gi_profile *g = &gpu->mig->profiles[p];

			reply_add(s->out, "GPU %2u Profile ID %2u %s: {", s->index[i],
				  g->id, g->n_starts > 1 ? "Placements" : "Placement ");
			for (n = 0; n < g->n_starts; n++)
				reply_add(s->out, "%s%u", n ? "," : "", g->starts[n]);
			reply_add(s->out, "}:%u\n", g->size);
		}
	}
	return SMI_OK;
}

/* --- instances --- */

static size_t count_instances(const struct smi *s)
{
	size_t i, g, n = 0;

	for (i = 0; i < s->n_gpus; i++) {
		for (g = 0; g < GIS_MAX; g++)
			n += s->gpus[i]->gis[g].profile != NULL;
	}
	return n;
}

/* Those of one GPU, by profile and place. */
static void list_instances(struct smi *s, size_t i)
{
	const struct widths *w = widths(s);
	const struct gpu *gpu = s->gpus[i];
	size_t p, g;
	unsigned start;

	for (p = 0; gpu->mig && p < gpu->mig->n; p++) {
		for (start = 0; start < GIS_MAX; start++) {
			for (g = 0; g < GIS_MAX; g++) {
				const struct gi *gi = &gpu->gis[g];

				if (gi->profile != &gpu->mig->profiles[p] ||
				    gi->start != start)
					continue;
				reply_add(s->out,
					  "|%4u  MIG %-*s  %3u  %7u       %4u:%-5u |\n",
					  s->index[i], w->instance_name,
					  gi->profile->name, gi->profile->id, gi->id,
					  gi->start, gi->profile->size);
				rule(s, w->instances, '+', '-');
			}
		}
	}
}

int smi_gi_list(struct smi *s)
{
	const struct widths *w = widths(s);
	size_t i;

	if (no_mig(s))
		return SMI_NOT_FOUND;
	if (!count_instances(s)) {
		reply_add(s->out, "No GPU instances found: Not Found\n");
		return SMI_NOT_FOUND;
	}
	rule(s, w->instances, '+', '-');
	reply_add(s->out, "| %-*s|\n", w->instances - 1, "GPU instances:");
	reply_add(s->out, "| GPU   %-*s Profile  Instance   Placement  |\n",
		  w->instance_name + 3, "Name");
	reply_add(s->out, "|       %-*s   ID       ID       Start:Size |\n",
		  w->instance_name + 3, "");
	rule(s, w->instances, '|', '=');
	for (i = 0; i < s->n_gpus; i++)
		list_instances(s, i);
	return SMI_OK;
}

/* --- making them --- */

/* By its number or its name. */
static const struct gi_profile *find_profile(const struct gpu *gpu, const char *word)
{
	uint64_t id;
	bool by_id = number_parse(word, 10, &id);
	size_t i;

	for (i = 0; i < gpu->mig->n; i++) {
		const struct gi_profile *p = &gpu->mig->profiles[i];

		if (by_id ? p->id == id : !strcmp(p->name, word))
			return p;
	}
	return NULL;
}

static int create_one(struct smi *s, size_t i, const char *word)
{
	struct gpu *gpu = s->gpus[i];
	const struct gi_profile *profile = find_profile(gpu, word);
	struct gi *gi = profile ? gi_create(gpu, profile) : NULL;
	const char *why = profile ? "Insufficient Resources" : "Invalid Argument";

	if (!gi) {
		reply_add(s->out,
			  "Unable to create a GPU instance on GPU %2u using profile %s: "
			  "%s\nFailed to create GPU instances: %s\n",
			  s->index[i], word, why, why);
		return profile ? SMI_NO_RESOURCES : SMI_BAD_ARGUMENT;
	}
	reply_add(s->out,
		  "Successfully created GPU instance ID %2u on GPU %2u using profile MIG "
		  "%s (ID %2u)\n",
		  gi->id, s->index[i], profile->name, profile->id);
	gi->compute = s->compute;
	if (gi->compute)
		reply_add(s->out,
			  "Successfully created compute instance ID  0 on GPU %2u GPU "
			  "instance ID %2u using profile MIG %s (ID %2u)\n",
			  s->index[i], gi->id, profile->name, profile->size / 2);
	return SMI_OK;
}

/* Those before one that fails stay. */
int smi_gi_create(struct smi *s)
{
	char *list, *word, *save = NULL;
	int r = SMI_OK;
	size_t i;

	if (no_mig(s))
		return SMI_NOT_FOUND;
	for (i = 0; i < s->n_gpus && !r; i++) {
		if (!s->gpus[i]->mig_on)
			continue;
		list = xstrdup(s->create);
		for (word = strtok_r(list, ",", &save); word && !r;
		     word = strtok_r(NULL, ",", &save))
			r = create_one(s, i, word);
		free(list);
	}
	return r;
}
