/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/saved.h"

#include <string.h>

#include "util/text.h"

static const char *const state_names[] = { "creating", "active", "removing", "stopped" };

bool vm_name_is_valid(const char *name)
{
	size_t len = strlen(name);

	return len && len < VM_NAME_SIZE && !strchr(name, '/') &&
	       text_is_printable(name, len);
}

const char *saved_state_name(enum saved_state state)
{
	return state_names[state];
}

bool saved_state_parse(const char *name, enum saved_state *ret)
{
	int i = text_index(state_names, sizeof(state_names) / sizeof(state_names[0]),
			   name);

	if (i >= 0)
		*ret = (enum saved_state)i;
	return i >= 0;
}

int saved_compare_place(const void *a, const void *b)
{
	const struct saved_vgpu *x = a, *y = b;
	int order = bdf_compare(&x->gpu, &y->gpu);

	if (!order)
		order = bdf_compare(&x->vf, &y->vf);
	return order ? order : strcmp(x->uuid, y->uuid);
}

int saved_compare_vm(const void *a, const void *b)
{
	const struct saved_vgpu *x = a, *y = b;
	int order = strverscmp(x->vm, y->vm); /* vm2 before vm10 */

	return order ? order : (x->slot > y->slot) - (x->slot < y->slot);
}
