/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/claim.h"

#include <string.h>

#include "util/text.h"

/* By the note of who set it, else by the record. An unknown boot proves nothing. */
static bool is_ours(const struct host *host, const struct live_vgpu *live,
		    const struct saved_vgpu *saved)
{
	if (!bdf_equal(&saved->vf, &live->parent))
		return false;
	if (live->set_for[0])
		return !strcmp(live->set_for, saved->uuid);
	/* A create that left no note may not have got as far as to set it. */
	return saved->state != SAVED_CREATING && saved->framework == live->framework &&
	       saved->boot_id[0] && !strcmp(saved->boot_id, host->boot_id) &&
	       saved->type_id == live->type_id;
}

/* What it was set as is what it is, whatever its number meant under another driver. */
static void claim(struct live_vgpu *live, const struct saved_vgpu *saved)
{
	(void)text_copy(live->uuid, sizeof(live->uuid), saved->uuid);
	(void)text_copy(live->type_name, sizeof(live->type_name), saved->type_name);
	if (saved->framebuffer_mib)
		live->framebuffer_mib = saved->framebuffer_mib;
}

void claim_live(struct host *host, const struct saved_vgpu *saved, size_t n_saved)
{
	bool any = false;
	size_t i, j;

	for (i = 0; i < host->n_live; i++) {
		if (host->live[i].framework != FRAMEWORK_VFIO)
			continue;
		host->live[i].uuid[0] = '\0';
		any = true;
	}
	for (i = 0; any && i < n_saved; i++) {
		const struct parent *parent = host_find_parent(host, &saved[i].vf);

		if (!parent || parent->framework != FRAMEWORK_VFIO || !parent->vfio_type)
			continue;
		for (j = 0; j < host->n_live; j++) {
			struct live_vgpu *live = &host->live[j];

			if (live->at == parent - host->parents &&
			    is_ours(host, live, &saved[i]))
				claim(live, &saved[i]);
		}
	}
	if (any)
		host_sort(host);
}
