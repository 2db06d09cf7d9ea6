/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/type_table.h"

#include <stdlib.h>

#include "util/text.h"

static int compare_name(const void *name, const void *item)
{
	const struct known_type *known = item;

	return text_compare_nocase(name, profile_short_name(known->name));
}

const struct known_type *type_table_find(const char *name)
{
	return bsearch(profile_short_name(name), type_table_at(0), type_table_size(),
		       sizeof(struct known_type), compare_name);
}

void type_table_complete(struct vgpu_type *type)
{
	const struct known_type *known = type_table_find(type->name);

	if (!known)
		return;
	if (!type->framebuffer_mib)
		type->framebuffer_mib = known->framebuffer_mib;
	if (!type->max_instances)
		type->max_instances = known->max_instances;
	if (!type->max_mixed)
		type->max_mixed = known->max_mixed;
	if (!type->mig_profile[0] && known->mig_profile)
		(void)text_copy(type->mig_profile, sizeof(type->mig_profile),
				known->mig_profile);
}
