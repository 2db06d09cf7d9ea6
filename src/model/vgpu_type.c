/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/vgpu_type.h"

#include <string.h>

#include "util/text.h"

bool type_dir_parse(const char *dir, uint32_t *ret_id)
{
	const char *dash = strrchr(dir, '-');

	return dash && dash != dir && parse_u32(dash + 1, ret_id);
}

/* Finds "KEY=value" among items joined by commas; the value goes to BUF. */
static bool find_value(const char *description, const char *key, char *buf, size_t size)
{
	size_t key_len = strlen(key), len;
	const char *item = description;

	while (*item) {
		item += strspn(item, ", \t\n");
		len = strcspn(item, ",\n");
		if (len > key_len && item[key_len] == '=' &&
		    !strncmp(item, key, key_len)) {
			len -= key_len + 1;
			if (len >= size)
				return false;
			memcpy(buf, item + key_len + 1, len);
			buf[len] = '\0';
			return true;
		}
		item += len;
	}
	return false;
}

/* The number before UNIT, 0 where there is none. */
static uint32_t find_number(const char *description, const char *key, const char *unit)
{
	char text[24];
	uint32_t value;
	size_t len, unit_len = strlen(unit);

	if (!find_value(description, key, text, sizeof(text)))
		return 0;
	len = strlen(text);
	if (len < unit_len || strcmp(text + len - unit_len, unit))
		return 0;
	text[len - unit_len] = '\0';
	return parse_u32(text, &value) ? value : 0;
}

static bool is_resolution(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits && text[digits] == 'x' && text[digits + 1] &&
	       !text[digits + 1 + strspn(text + digits + 1, "0123456789")];
}

bool vgpu_type_parse(uint32_t id, const char *name, const char *description,
		     struct vgpu_type *ret)
{
	struct vgpu_type type = { .id = id };
	struct profile profile;

	if (!*name || !text_is_printable(name, strlen(name)) ||
	    !text_copy(type.name, sizeof(type.name), name) ||
	    !text_copy(type.profile, sizeof(type.profile), profile_short_name(name)))
		return false;
	if (profile_parse(name, &profile))
		type.series = profile.series;
	type.framebuffer_mib = find_number(description, "framebuffer", "M");
	type.max_instances = find_number(description, "max_instance", "");
	type.num_heads = find_number(description, "num_heads", "");
	if (!find_value(description, "max_resolution", type.max_resolution,
			sizeof(type.max_resolution)) ||
	    !is_resolution(type.max_resolution))
		type.max_resolution[0] = '\0';
	*ret = type;
	return true;
}
