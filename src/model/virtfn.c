/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/virtfn.h"

#include <string.h>

#include "util/text.h"

bool virtfn_parse(const char *name, uint32_t *ret)
{
	return !strncmp(name, "virtfn", 6) && parse_u32(name + 6, ret);
}

static int64_t routing_id(const struct parent *vf)
{
	return vf->bdf.bus << 8 | vf->bdf.device << 3 | vf->bdf.function;
}

bool virtfn_derive(struct parent *vfs, size_t n)
{
	const struct parent *second, *last;
	int64_t stride;
	size_t i;

	if (n < 4)
		return false;
	second = &vfs[1];
	last = &vfs[n - 1];
	stride = routing_id(second) - routing_id(vfs);
	if (second->index != vfs->index + 1 || vfs->bdf.domain != second->bdf.domain ||
	    vfs->bdf.domain != last->bdf.domain ||
	    routing_id(last) - routing_id(vfs) !=
		    stride * (int64_t)(last->index - vfs->index))
		return false;
	for (i = 2; i < n - 1; i++) {
		int64_t id =
			routing_id(vfs) + stride * (int64_t)(vfs[i].index - vfs->index);

		vfs[i].bdf = (struct bdf){ vfs->bdf.domain, (uint8_t)(id >> 8),
					   (uint8_t)(id >> 3 & 31), (uint8_t)(id & 7) };
	}
	return true;
}
