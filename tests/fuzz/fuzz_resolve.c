/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/resolve.h"

#include <strings.h>

#include "fuzz.h"
#include "util/text.h"

#define NEAR 4

static struct vgpu_type a40[] = {
	{ 556, "NVIDIA A40-2B", "A40-2B", 2048, 24, 16, 4, "5120x2880", "", 'B' },
	{ 565, "NVIDIA A40-48Q", "A40-48Q", 49152, 1, 1, 4, "7680x4320", "", 'Q' },
	{ 574, "NVIDIA A40-24A", "A40-24A", 24576, 2, 2, 1, "1280x1024", "", 'A' },
};
static struct vgpu_type others[] = {
	{ 63, "GRID P4-1Q", "P4-1Q", 1024, 8, 0, 4, "5120x2880", "", 'Q' },
	{ 1142, "NVIDIA RTX Pro 6000 Blackwell DC-1-24Q",
	  "RTX Pro 6000 Blackwell DC-1-24Q", 24576, 4, 0, 4, "7680x4320", "1g.24gb",
	  'Q' },
};

/* Is it one of the texts that name TYPE: its profile, its number, its directory? */
static bool names_type(const char *text, const struct vgpu_type *type)
{
	const char *dash = strrchr(text, '-'), *digits = dash ? dash + 1 : text;

	if (!strcasecmp(profile_short_name(text), type->profile))
		return true;
	return *digits && strspn(digits, "0123456789") == strlen(digits) &&
	       strtoull(digits, NULL, 10) == type->id;
}

static bool is_known(const struct host *host, const char *profile, const char *text)
{
	size_t i, j;

	for (i = 0; i < host->n_gpus; i++)
		for (j = 0; host->gpus[i].catalog && j < host->gpus[i].catalog->n_types;
		     j++) {
			const struct vgpu_type *t = &host->gpus[i].catalog->types[j];

			if (!strcmp(t->profile, profile) &&
			    (!text || names_type(text, t)))
				return true;
		}
	return false;
}

static void check_near(const struct host *host, const char *text)
{
	const char *near[NEAR];
	size_t i, j, n = resolve_near(host, text, NEAR, near);

	must_hold(n <= NEAR);
	for (i = 0; i < n; i++) {
		must_hold(is_known(host, near[i], NULL));
		must_hold(text_distance(profile_short_name(text), near[i]) <= 6);
		for (j = 0; j < i; j++)
			must_hold(
				strcmp(near[i], near[j]) &&
				text_distance(profile_short_name(text), near[j]) <=
					text_distance(profile_short_name(text), near[i]));
	}
}

/* The first byte says what is known of two GPUs' types; then what a user typed. */
int fuzz_resolve(const uint8_t *data, size_t size)
{
	unsigned known = size ? data[0] : 0;
	_cleanup_(freep) char *text = fuzz_string(data + (size > 0), size - (size > 0));
	struct catalog catalogs[] = { { a40, ARRAY_SIZE(a40), .refs = 1 },
				      { others, ARRAY_SIZE(others), .refs = 1 } };
	struct gpu gpus[] = { { .catalog = known & 1 ? &catalogs[0] : NULL },
			      { .catalog = known & 2 ? &catalogs[1] : NULL } };
	struct host host = { .gpus = gpus, .n_gpus = known & 4 ? 2 : 1 };
	char profile[PROFILE_SIZE];

	switch (resolve_profile(&host, text, profile)) {
	case MATCH_FOUND:
		must_hold(is_known(&host, profile, text));
		break;
	case MATCH_UNSEEN:
		must_hold(!gpus[0].catalog || (host.n_gpus == 2 && !gpus[1].catalog));
		must_hold(profile_is_wellformed(text));
		must_hold(!strcmp(profile, profile_short_name(text)));
		break;
	case MATCH_UNKNOWN:
		must_hold(!profile[0]);
		break;
	case MATCH_MALFORMED:
		must_hold(!profile[0] && !profile_is_wellformed(text));
		break;
	}
	must_hold(fuzz_is_clean(profile));
	check_near(&host, text);
	return 0;
}
