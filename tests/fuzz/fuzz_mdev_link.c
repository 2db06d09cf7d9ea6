/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <limits.h>
#include <stdio.h>

#include "fuzz.h"
#include "sysfs/mdev.h"

static size_t count(const char *text, char c)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == c;
	return n;
}

int fuzz_mdev_link(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *target = fuzz_string(data, size),
			      *was = fuzz_string(data, size);
	char dir[PATH_MAX], parent[TYPE_DIR_SIZE], whole[2 * PATH_MAX];
	const char *stripped = was, *name = strrchr(was, '/');
	bool split = mdev_split_link(target, name ? name + 1 : "", dir, parent);

	while (!strncmp(stripped, "../", 3))
		stripped += 3;
	if (count(stripped, '/') < 2) {
		must_hold(!split);
		return 0;
	}
	if (strlen(stripped) < TYPE_DIR_SIZE)
		must_hold(split);
	if (!split)
		return 0;
	must_hold(strlen(dir) < PATH_MAX && strlen(parent) < TYPE_DIR_SIZE);
	must_hold(!strchr(parent, '/'));
	must_hold(snprintf(whole, sizeof(whole), "%s/%s%s", dir, parent,
			   strrchr(stripped, '/')) < (int)sizeof(whole));
	must_hold(!strncmp(whole, "sys/", 4) && !strcmp(whole + 4, stripped));
	(void)strcpy(target, was);
	must_hold(!mdev_split_link(target, "another", dir, parent) ||
		  !strcmp(name, "/another"));
	return 0;
}
