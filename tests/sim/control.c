/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands that steer a running simulation. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"

bool bad(struct command *c, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	reply_add(c->reply, "%s: %s\n", c->words[0], text);
	return false;
}

/* --- arguments --- */

const char *arg(const struct command *c, size_t i)
{
	return i < c->n ? c->words[i] : "";
}

void rest(const struct command *c, size_t i, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (; i < c->n && len < size; i++) {
		put(buf + len, size - len, "%s%s", len ? " " : "", c->words[i]);
		len += strlen(buf + len);
	}
}

bool number(struct command *c, size_t i, uint64_t max, unsigned *ret)
{
	uint64_t n;

	if (!number_parse(arg(c, i), 10, &n) || n > max)
		return bad(c, "'%s' is not a number up to %llu", arg(c, i),
			   (unsigned long long)max);
	*ret = (unsigned)n;
	return true;
}

static bool operation(struct command *c, enum operation *ret)
{
	static const char *const names[] = { "create", "remove", "sriov", "bind" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(arg(c, 1), names[i])) {
			*ret = (enum operation)i;
			return true;
		}
	}
	return bad(c, "create, remove, sriov or bind, not '%s'", arg(c, 1));
}

/* K or K+, counted from now. */
static bool which(struct command *c, struct rule *rule)
{
	char text[32];
	uint64_t k;
	size_t len;

	put(text, sizeof(text), "%s", arg(c, 2));
	len = strlen(text);
	if (len && text[len - 1] == '+') {
		rule->onward = true;
		text[len - 1] = '\0';
	}
	if (!number_parse(text, 10, &k) || !k)
		return bad(c, "'%s' is not a number such as 3 or 3+", arg(c, 2));
	rule->from = c->sim->op_count[rule->op] + k;
	return true;
}

/* --- the host as a whole --- */

static bool do_prefix(struct command *c)
{
	if (c->n != 2)
		return bad(c, "which driver?");
	put(c->sim->vf_driver, sizeof(c->sim->vf_driver), "%s", arg(c, 1));
	driver_get(c->sim, c->sim->vf_driver);
	return true;
}

/* --- failures and delays --- */

static void add_rule(struct sim *sim, const struct rule *rule)
{
	sim->rules = xrealloc(sim->rules, sim->n_rules + 1, sizeof(*rule));
	sim->rules[sim->n_rules++] = *rule;
}

static bool do_fail(struct command *c)
{
	struct rule rule = { 0 };

	if (c->n == 2 && !strcmp(arg(c, 1), "off")) {
		plan_drop_rules(c->sim, RULE_FAIL);
		return true;
	}
	if (!operation(c, &rule.op) || !which(c, &rule))
		return false;
	rule.errnum = errno_parse(arg(c, 3));
	if (!rule.errnum)
		return bad(c, "'%s' is no errno", arg(c, 3));
	if (c->n > 4 && strcmp(arg(c, 4), "after"))
		return bad(c, "'%s'?", arg(c, 4));
	rule.after = c->n > 4;
	add_rule(c->sim, &rule);
	return true;
}

static bool do_delay(struct command *c)
{
	struct rule rule = { 0 };

	if (c->n == 2 && !strcmp(arg(c, 1), "off")) {
		plan_drop_rules(c->sim, RULE_DELAY);
		return true;
	}
	if (!operation(c, &rule.op) || !which(c, &rule) ||
	    !number(c, 3, 1 << 30, &rule.delay_ms))
		return false;
	add_rule(c->sim, &rule);
	return true;
}

static bool do_vanish(struct command *c)
{
	struct rule rule = { 0 };
	int vf;

	if (c->n == 2 && !strcmp(arg(c, 1), "off")) {
		plan_drop_rules(c->sim, RULE_VANISH);
		return true;
	}
	if (!operation(c, &rule.op) || !which(c, &rule))
		return false;
	if (!bdf_parse(arg(c, 3), &rule.vanish) || !gpu_of_bdf(c->sim, rule.vanish, &vf))
		return bad(c, "no function %s", arg(c, 3));
	add_rule(c->sim, &rule);
	return true;
}

static bool do_latency(struct command *c)
{
	if (strcmp(arg(c, 1), "create"))
		return bad(c, "latency create MS");
	return number(c, 2, 1 << 30, &c->sim->latency_ms);
}

static bool do_errno(struct command *c)
{
	int errnum = errno_parse(arg(c, 2));

	if (strcmp(arg(c, 1), "full") || (!errnum && strcmp(arg(c, 2), "off") != 0))
		return bad(c, "errno full ERRNO, or errno full off");
	c->sim->full_errno = errnum;
	return true;
}

static bool do_chunk(struct command *c)
{
	if (!strcmp(arg(c, 1), "off")) {
		c->sim->chunk = 0;
		return true;
	}
	return number(c, 1, 1 << 20, &c->sim->chunk);
}

bool on_off(struct command *c, const char *on, const char *off, bool *ret)
{
	if (strcmp(arg(c, 1), on) && strcmp(arg(c, 1), off))
		return bad(c, "%s or %s", on, off);
	*ret = !strcmp(arg(c, 1), on);
	return true;
}

static bool do_raw_sriov(struct command *c)
{
	return on_off(c, "on", "off", &c->sim->raw_sriov);
}

static bool do_sriov_manage(struct command *c)
{
	static const char *const names[] = { "normal", "noop", "fail", "unbound",
					     "hang" };
	unsigned runs = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names) && strcmp(arg(c, 1), names[i]); i++)
		;
	if (i == ARRAY_SIZE(names))
		return bad(c, "'%s'?", arg(c, 1));
	if (c->n > 2 && (!number(c, 2, 1 << 30, &runs) || !runs))
		return runs ? false : bad(c, "for how many runs?");
	c->sim->manage = (enum manage_mode)i;
	c->sim->manage_left = c->n > 2 ? runs : UINT64_MAX;
	c->sim->manage_hangs = i == MANAGE_HANG;
	return true;
}

/* --- telling --- */

static bool do_counters(struct command *c)
{
	static const char *const names[N_COUNTERS] = {
		"open",
		"read",
		"readdir",
		"readlink",
		"getattr",
		"lookup",
		"write",
		"create",
		"remove",
		"sriov",
		"bind",
		"attr-read",
		"attr-read-name",
		"attr-read-description",
		"attr-read-available_instances",
		"attr-read-other",
		"create-failed",
		"max-parallel-create",
		"max-parallel-per-gpu",
		"nvidia-smi",
	};
	size_t i;

	for (i = 0; i < N_COUNTERS; i++)
		reply_add(c->reply, "%s %llu\n", names[i],
			  (unsigned long long)c->sim->counters[i]);
	return true;
}

/* "on" begins anew; without an argument, it tells. */
static bool do_trace(struct command *c)
{
	struct sim *sim = c->sim;
	size_t i;

	if (c->n == 1) {
		for (i = 0; i < sim->n_trace; i++)
			reply_add(c->reply, "%s\n", sim->trace[i]);
		return true;
	}
	if (!on_off(c, "on", "off", &sim->tracing))
		return false;
	while (sim->tracing && sim->n_trace)
		free(sim->trace[--sim->n_trace]);
	return true;
}

static bool do_reset(struct command *c)
{
	memset(c->sim->counters, 0, sizeof(c->sim->counters));
	return true;
}

/* Where a vGPU is. */
static void dump_claim(const struct command *c, const struct claim *claim)
{
	if (!claim->held)
		return;
	if (claim->placement >= 0)
		reply_add(c->reply, " placement=%d%s", claim->placement,
			  claim->misplaced ? " misplaced" : "");
	if (claim->gi)
		reply_add(c->reply, " instance=%u", claim->gi->id);
}

static void dump_device(const struct command *c, const struct device *dev)
{
	static const char *const states[] = { "creating", "live", "removing", "stuck" };
	const struct mdev *m;

	for (m = dev->mdevs; m; m = m->sibling) {
		reply_add(c->reply,
			  "mdev %s parent=%s type=\"%s\" state=%s group=%d vm=\"%s\"",
			  m->uuid, dev->name, dev->gpu->table->types[m->type].name,
			  states[m->state], m->obj.group, m->vm_name);
		dump_claim(c, &m->claim);
		reply_add(c->reply, "\n");
	}
}

static void dump_modes(const struct command *c, const struct gpu *gpu)
{
	size_t i;

	if (gpu->mixed || gpu->mig_on)
		reply_add(c->reply, " mode=%s", gpu->mixed ? "mixed" : "mig");
	reply_add(c->reply, "%s\n", gpu->pf ? "" : " taken");
	for (i = 0; i < GIS_MAX; i++) {
		const struct gi *gi = &gpu->gis[i];

		if (gi->profile)
			reply_add(c->reply, "instance %u profile=%s place=%u:%u%s\n",
				  gi->id, gi->profile->name, gi->start, gi->profile->size,
				  gi->user ? " used" : "");
	}
}

static bool do_dump(struct command *c)
{
	const struct sim *sim = c->sim;
	size_t i;
	unsigned v;

	reply_add(c->reply, "host %s boots=%llu mdevs=%zu\n", sim->name,
		  (unsigned long long)sim->epoch, sim->n_mdevs);
	for (i = 0; i < sim->n_gpus; i++) {
		const struct gpu *gpu = &sim->gpus[i];
		char name[BDF_SIZE];

		bdf_format(gpu->bdf, name);
		reply_add(c->reply,
			  "gpu %s model=%s driver=%s vfs=%u/%u vgpus=%u size=%u", name,
			  gpu->model,
			  gpu->pf && gpu->pf->driver ? gpu->pf->driver->name : "-",
			  gpu->num_vfs, gpu->total_vfs, gpu->n_used, gpu->used_mib);
		dump_modes(c, gpu);
		if (gpu->pf)
			dump_device(c, gpu->pf);
		for (v = 0; v < gpu->num_vfs; v++) {
			const struct device *vf = gpu->vfs[v];

			if (!vf)
				continue;
			reply_add(c->reply, "vf %s driver=%s group=%d", vf->name,
				  vf->driver ? vf->driver->name : "-", vf->obj.group);
			if (vf->claim.held)
				reply_add(c->reply, " type=\"%s\"",
					  gpu->table->types[vf->claim.type].name);
			dump_claim(c, &vf->claim);
			reply_add(c->reply, "\n");
			dump_device(c, vf);
		}
	}
	return true;
}

static bool do_pid(struct command *c)
{
	reply_add(c->reply, "%d\n", (int)getpid());
	return true;
}

static bool do_stop(struct command *c)
{
	do_pid(c);
	fs_stop(c->sim);
	return true;
}

static const struct {
	const char *name;
	bool (*run)(struct command *c);
} commands[] = {
	{ "busy", do_busy },
	{ "chunk", do_chunk },
	{ "counters", do_counters },
	{ "delay", do_delay },
	{ "driver-version", do_driver_version },
	{ "drop-type", do_drop_type },
	{ "dump", do_dump },
	{ "errno", do_errno },
	{ "fail", do_fail },
	{ "framework", do_framework },
	{ "garbage", do_garbage },
	{ "give-gpu", do_give_gpu },
	{ "give-vf", do_give_vf },
	{ "hang", do_hang },
	{ "hide", do_hide },
	{ "hold-vf", do_hold_vf },
	{ "idle", do_idle },
	{ "latency", do_latency },
	{ "lie", do_lie },
	{ "link", do_link },
	{ "newline", do_newline },
	{ "nvidia-smi", do_nvidia_smi },
	{ "override", do_override },
	{ "pid", do_pid },
	{ "prefix", do_prefix },
	{ "raw-sriov", do_raw_sriov },
	{ "reboot", do_reboot },
	{ "refuse", do_refuse },
	{ "release", do_release },
	{ "release-vf", do_release_vf },
	{ "rename-type", do_rename_type },
	{ "renumber", do_renumber },
	{ "reset", do_reset },
	{ "restore-types", do_restore_types },
	{ "show", do_show },
	{ "spelling", do_spelling },
	{ "sriov-manage", do_sriov_manage },
	{ "stick", do_stick },
	{ "stop", do_stop },
	{ "take-gpu", do_take_gpu },
	{ "take-vf", do_take_vf },
	{ "trace", do_trace },
	{ "types-late", do_types_late },
	{ "unbind-pf", do_unbind_pf },
	{ "unstick", do_unstick },
	{ "vanish", do_vanish },
};

/* Words are apart by blanks; "..." keeps blanks, with \" for a quote in it. */
static void split(char *s, struct command *c)
{
	char *to;

	while (c->n < WORDS_MAX) {
		bool quoted = false;

		s += strspn(s, " \t\n");
		if (!*s)
			return;
		c->words[c->n++] = to = s;
		for (; *s && (quoted || !strchr(" \t\n", *s)); s++) {
			if (*s == '"')
				quoted = !quoted;
			else if (quoted && s[0] == '\\' && s[1] == '"')
				*to++ = *++s;
			else
				*to++ = *s;
		}
		if (*s)
			s++;
		*to = '\0';
	}
}

bool control_run(struct sim *sim, const char *line, struct reply *ret)
{
	struct command c = { .sim = sim, .reply = ret };
	char *copy = xstrdup(line);
	bool ok = false;
	size_t i;

	split(copy, &c);
	for (i = 0; c.n && i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(c.words[0], commands[i].name))
			break;
	}
	if (!c.n)
		reply_add(ret, "no command\n");
	else if (i == ARRAY_SIZE(commands))
		reply_add(ret, "unknown command %s\n", c.words[0]);
	else
		ok = commands[i].run(&c);
	free(copy);
	return ok;
}
