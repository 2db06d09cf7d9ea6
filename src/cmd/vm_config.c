/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/vm_config.h"

#include <stdio.h>

#include "model/hostdev.h"
#include "out/json.h"
#include "util/text.h"

/* How it is, or is to be, made. */
static enum framework framework_of(const struct view *view, size_t i)
{
	const struct saved_vgpu *v = &view->saved->vgpus[i];
	const struct live_vgpu *live = host_find_live(view->host, v->uuid);
	int at = view->plan.verdicts[i].at;

	if (live)
		return live->framework;
	return at >= 0 ? view->host->parents[at].framework : v->framework;
}

static void tell(const struct context *ctx, const struct saved_vgpu *v,
		 enum framework framework, json_t *warnings)
{
	char element[HOSTDEV_SIZE], vm[4 * VM_NAME_SIZE], text[sizeof(vm) + 128];

	(void)hostdev_element(framework, v->uuid, &v->vf, element);
	(void)snprintf(
		text, sizeof(text),
		"the config of VM %s must change: %s is no longer made as %s, but as "
		"%s",
		text_escape(vm, sizeof(vm), v->vm), v->uuid, framework_name(v->attached),
		framework_name(framework));
	if (ctx->json) {
		(void)json_array_append_new(warnings, json_text(text));
		(void)json_array_append_new(warnings, json_text(element));
		return;
	}
	note(ctx, "%s; it must say:", text);
	printf("%s", element);
}

void vm_config_tell(const struct context *ctx, const struct view *view, json_t *warnings)
{
	const struct saved_vgpu *last = NULL;
	size_t i;

	for (i = 0; i < view->saved->n_vgpus; i++) {
		const struct saved_vgpu *v = &view->saved->vgpus[i];
		enum framework framework = framework_of(view, i);

		if (!v->attached || framework == v->attached)
			continue;
		tell(ctx, v, framework, warnings);
		last = v;
	}
	if (last)
		note(ctx,
		     "once a VM's config says so, 'vgpumgr assign %.8s --vm NAME' with "
		     "the "
		     "VM that it has ends this reminder",
		     last->uuid);
}
