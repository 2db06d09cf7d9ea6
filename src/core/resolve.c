/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/resolve.h"

#include <string.h>

#include "util/text.h"

#define TOO_FAR 6 /* edits; "A40-24A" and "L4-2Q" have nothing to do with each other */

const struct vgpu_type *resolve_type(const struct host *host, const char *profile)
{
	size_t i;

	for (i = 0; i < host->n_gpus; i++) {
		const struct vgpu_type *t = catalog_find(host->gpus[i].catalog, profile);

		if (t)
			return t;
	}
	return NULL;
}

/* Is TEXT "575" or a type directory's name, "nvidia-575"? */
static bool parse_type_id(const char *text, uint32_t *ret)
{
	const char *dash = strrchr(text, '-');

	if (parse_u32(text, ret))
		return true;
	if (!dash || strspn(text, "abcdefghijklmnopqrstuvwxyz-_") < (size_t)(dash - text))
		return false;
	return type_dir_parse(text, ret);
}

static const struct vgpu_type *find_id(const struct host *host, uint32_t id)
{
	size_t i;

	for (i = 0; i < host->n_gpus; i++) {
		const struct vgpu_type *t = catalog_find_id(host->gpus[i].catalog, id);

		if (t)
			return t;
	}
	return NULL;
}

static bool some_gpu_may_offer(const struct host *host, const char *text)
{
	size_t i;

	for (i = 0; i < host->n_gpus; i++)
		if (gpu_may_offer(host, &host->gpus[i], text))
			return true;
	return false;
}

enum match resolve_profile(const struct host *host, const char *text,
			   char ret[PROFILE_SIZE])
{
	const struct vgpu_type *type = resolve_type(host, text);
	bool is_id = false;
	uint32_t id;

	ret[0] = '\0';
	if (!type) {
		is_id = parse_type_id(text, &id);
		type = is_id ? find_id(host, id) : NULL;
	}
	if (type) {
		(void)text_copy(ret, PROFILE_SIZE, type->profile);
		return MATCH_FOUND;
	}
	if (is_id)
		return MATCH_UNKNOWN;
	if (!profile_is_wellformed(text))
		return MATCH_MALFORMED;
	if (!some_gpu_may_offer(host, text))
		return MATCH_UNKNOWN;
	(void)text_copy(ret, PROFILE_SIZE, profile_short_name(text));
	return MATCH_UNSEEN;
}

/* Puts NAME among the N best, which are sorted by distance to TEXT; returns the new N. */
static size_t insert_near(const char *text, const char *name, size_t n, size_t max,
			  const char *ret[])
{
	unsigned distance = text_distance(text, name);
	size_t i, at = n;

	for (i = 0; i < n; i++)
		if (text_equal_nocase(ret[i], name))
			return n;
	while (at > 0 && text_distance(text, ret[at - 1]) > distance)
		at--;
	if (distance > TOO_FAR || at >= max)
		return n;
	if (n < max)
		n++;
	memmove(&ret[at + 1], &ret[at], (n - at - 1) * sizeof(ret[0]));
	ret[at] = name;
	return n;
}

size_t resolve_near(const struct host *host, const char *text, size_t max,
		    const char *ret[])
{
	size_t i, j, n = 0;

	text = profile_short_name(text);
	for (i = 0; i < host->n_gpus; i++) {
		const struct catalog *catalog = host->gpus[i].catalog;

		for (j = 0; catalog && j < catalog->n_types; j++)
			n = insert_near(text, catalog->types[j].profile, n, max, ret);
	}
	return n;
}
