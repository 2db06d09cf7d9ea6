/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What shall go wrong, and when. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

struct plan plan_next(struct sim *sim, enum operation op)
{
	struct plan plan = { 0 };
	uint64_t n = ++sim->op_count[op];
	size_t i;

	for (i = 0; i < sim->n_rules; i++) {
		const struct rule *r = &sim->rules[i];

		if (r->op != op || !(r->onward ? n >= r->from : n == r->from))
			continue;
		plan.delay_ms += r->delay_ms;
		if (r->errnum) {
			plan.errnum = r->errnum;
			plan.after = r->after;
		}
	}
	return plan;
}

bool plan_delays(const struct sim *sim)
{
	size_t i;

	for (i = 0; i < sim->n_rules; i++) {
		const struct rule *r = &sim->rules[i];

		if (r->delay_ms && (r->onward || r->from > sim->op_count[r->op]))
			return true;
	}
	return false;
}

static struct override *find(const struct sim *sim, enum override_kind kind,
			     const char *path)
{
	size_t i;

	for (i = 0; i < sim->n_overrides; i++) {
		if (sim->overrides[i].kind == kind &&
		    !strcmp(sim->overrides[i].path, path))
			return &sim->overrides[i];
	}
	return NULL;
}

const struct override *override_find(const struct sim *sim, enum override_kind kind,
				     const char *path)
{
	return find(sim, kind, path);
}

void override_set(struct sim *sim, enum override_kind kind, const char *path,
		  const char *text, size_t len, unsigned ms)
{
	struct override *o = find(sim, kind, path);

	if (o) {
		free(o->path);
		free(o->text);
		*o = sim->overrides[--sim->n_overrides];
	}
	if (!text)
		return;
	sim->overrides = xrealloc(sim->overrides, sim->n_overrides + 1, sizeof(*o));
	o = &sim->overrides[sim->n_overrides++];
	*o = (struct override){
		.kind = kind, .path = xstrdup(path), .text_len = len, .ms = ms
	};
	o->text = memcpy(xcalloc(len + 1, 1), text, len);
}

void plan_free(struct sim *sim)
{
	while (sim->n_overrides) {
		const struct override *o = &sim->overrides[sim->n_overrides - 1];

		override_set(sim, o->kind, o->path, NULL, 0, 0);
	}
	while (sim->n_next_dropped)
		free(sim->next_dropped[--sim->n_next_dropped]);
	free(sim->next_dropped);
	free(sim->overrides);
	free(sim->rules);
}

const char *manage_next(struct sim *sim)
{
	static const char *const names[] = { "normal", "noop", "fail", "unbound",
					     "hang" };
	enum manage_mode mode = sim->manage;

	if (mode != MANAGE_NORMAL && sim->manage_left != UINT64_MAX &&
	    !--sim->manage_left)
		sim->manage = MANAGE_NORMAL;
	return names[mode];
}
