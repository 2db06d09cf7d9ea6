/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/vgpu_type.h"

#include <stdio.h>

#include "fuzz.h"

/* Does DESCRIPTION say KEY=VALUE followed by UNIT anywhere, with any zeros before it? */
static bool says(const char *description, const char *key, uint32_t value,
		 const char *unit)
{
	const char *at = description;
	char *end;

	for (at = strstr(at, key); at; at = strstr(at + 1, key)) {
		const char *digits = at + strlen(key);

		if (*digits++ != '=' || !strchr("0123456789", *digits) || !*digits)
			continue;
		if (strtoull(digits, &end, 10) == value &&
		    !strncmp(end, unit, strlen(unit)))
			return true;
	}
	return false;
}

static void check_numbers(const struct vgpu_type *t, const char *description)
{
	must_hold(!t->framebuffer_mib ||
		  says(description, "framebuffer", t->framebuffer_mib, "M"));
	must_hold(!t->max_instances ||
		  says(description, "max_instance", t->max_instances, ""));
	must_hold(!t->num_heads || says(description, "num_heads", t->num_heads, ""));
	if (t->max_resolution[0]) {
		const char *x = strchr(t->max_resolution, 'x');

		must_hold(x && x != t->max_resolution && x[1]);
		must_hold(strspn(t->max_resolution, "0123456789x") ==
			  strlen(t->max_resolution));
		must_hold(!strchr(x + 1, 'x') && strstr(description, t->max_resolution));
	}
}

/* What a driver would write of T is read as T. */
static void check_again(const struct vgpu_type *t)
{
	struct vgpu_type again;
	char text[512];

	must_hold(snprintf(text, sizeof(text),
			   "num_heads=%u, frl_config=60, framebuffer=%uM, "
			   "max_resolution=%s, "
			   "max_instance=%u",
			   t->num_heads, t->framebuffer_mib, t->max_resolution,
			   t->max_instances) < (int)sizeof(text));
	must_hold(vgpu_type_parse(t->id, t->name, text, &again));
	must_hold(!strcmp(again.name, t->name) && !strcmp(again.profile, t->profile));
	must_hold(again.framebuffer_mib == t->framebuffer_mib);
	must_hold(again.max_instances == t->max_instances &&
		  again.num_heads == t->num_heads);
	must_hold(!strcmp(again.max_resolution, t->max_resolution));
	must_hold(again.series == t->series);
}

/* Two lines, the type's directory and its name, and the description. */
int fuzz_vgpu_type(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_string(data, size);
	struct vgpu_type t = { .id = 0 };
	char *parts[3];
	uint32_t id = 0;
	bool is_fine;

	fuzz_split(text, parts, 3);
	if (type_dir_parse(parts[0], &id)) {
		const char *dash = strrchr(parts[0], '-');

		must_hold(dash && dash != parts[0] && dash[1]);
		must_hold(strspn(dash + 1, "0123456789") == strlen(dash + 1));
		must_hold(strtoull(dash + 1, NULL, 10) == id);
	}
	is_fine = parts[1][0] && strlen(parts[1]) < TYPE_NAME_SIZE &&
		  fuzz_is_clean(parts[1]);
	must_hold(vgpu_type_parse(id, parts[1], parts[2], &t) == is_fine);
	if (!is_fine)
		return 0;
	must_hold(t.id == id && !strcmp(t.name, parts[1]));
	must_hold(!strcmp(t.profile, profile_short_name(t.name)));
	must_hold(!t.series || strchr("ABCQ", t.series));
	check_numbers(&t, parts[2]);
	check_again(&t);
	return 0;
}
