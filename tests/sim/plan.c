/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What shall go wrong, and when. */
#include <stdlib.h>
#include <string.h>

#include "node.h"

/* The function at BDF is gone from now on. */
static void vanish(struct sim *sim, uint32_t bdf)
{
	int vf;
	struct gpu *gpu = gpu_of_bdf(sim, bdf, &vf);

	if (vf >= 0) {
		gpu_take_vf(sim, gpu, (unsigned)vf);
		return;
	}
	gpu_unplug(sim, gpu);
	gpu->taken = true;
}

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
		if (r->vanish)
			vanish(sim, r->vanish);
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

void plan_drop_rules(struct sim *sim, enum rule_kind kind)
{
	size_t i, kept = 0;

	for (i = 0; i < sim->n_rules; i++) {
		const struct rule *r = &sim->rules[i];

		if (kind != (r->vanish	 ? RULE_VANISH
			     : r->errnum ? RULE_FAIL
					 : RULE_DELAY))
			sim->rules[kept++] = *r;
	}
	sim->n_rules = kept;
}

void plan_end_hangs(struct sim *sim)
{
	size_t i = 0;

	plan_drop_rules(sim, RULE_DELAY);
	while (i < sim->n_overrides) {
		const struct override *o = &sim->overrides[i];

		if (o->kind == OVERRIDE_HANG)
			override_set(sim, o->kind, o->path, NULL, 0, 0);
		else
			i++;
	}
	sim_wake(sim);
}

int plan_refuses(const struct sim *sim, const struct node *n)
{
	struct text path = { 0 };
	const struct override *o;

	if (!sim->n_overrides)
		return 0;
	node_path(sim, n, &path);
	o = override_find(sim, OVERRIDE_REFUSE, path.buf);
	return o ? (int)o->ms : 0;
}

void plan_trace_line(struct sim *sim, const char *line)
{
	size_t i;

	if (!sim->tracing)
		return;
	for (i = 0; i < sim->n_trace; i++)
		if (!strcmp(sim->trace[i], line))
			return;
	sim->trace = xrealloc(sim->trace, sim->n_trace + 1, sizeof(*sim->trace));
	sim->trace[sim->n_trace++] = xstrdup(line);
}

void plan_trace(struct sim *sim, const char *what, const struct node *n)
{
	struct text line = { 0 }, path = { 0 };

	if (!sim->tracing || node_own(n))
		return;
	node_path(sim, n, &path);
	text_add(&line, "%s %s", what, path.buf);
	plan_trace_line(sim, line.buf);
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
	while (sim->n_trace)
		free(sim->trace[--sim->n_trace]);
	free(sim->trace);
	free(sim->next_dropped);
	free(sim->renames);
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
