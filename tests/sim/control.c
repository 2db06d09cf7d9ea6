/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands that steer a running simulation. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim.h"

#define WORDS_MAX 64

struct command {
	struct sim *sim;
	char *words[WORDS_MAX];
	size_t n;
	struct reply *reply;
};

__attribute__((format(printf, 2, 3))) static bool bad(struct command *c, const char *fmt, ...)
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

static const char *arg(const struct command *c, size_t i)
{
	return i < c->n ? c->words[i] : "";
}

/* The words from number I on as one text. */
static void rest(const struct command *c, size_t i, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (; i < c->n && len < size; i++) {
		put(buf + len, size - len, "%s%s", len ? " " : "", c->words[i]);
		len += strlen(buf + len);
	}
}

static bool number(struct command *c, size_t i, uint64_t max, unsigned *ret)
{
	uint64_t n;

	if (!number_parse(arg(c, i), 10, &n) || n > max)
		return bad(c, "'%s' is not a number up to %llu", arg(c, i),
			   (unsigned long long)max);
	*ret = (unsigned)n;
	return true;
}

static struct gpu *gpu_arg(struct command *c)
{
	uint32_t bdf;
	size_t i;

	if (bdf_parse(arg(c, 1), &bdf)) {
		for (i = 0; i < c->sim->n_gpus; i++) {
			if (c->sim->gpus[i].bdf == bdf)
				return &c->sim->gpus[i];
		}
	}
	bad(c, "no GPU %s", arg(c, 1));
	return NULL;
}

/* A VF by its address, whether it is there or not. */
static struct gpu *vf_arg(struct command *c, unsigned *index)
{
	uint32_t bdf;
	size_t i;

	for (i = 0; bdf_parse(arg(c, 1), &bdf) && i < c->sim->n_gpus; i++) {
		struct gpu *gpu = &c->sim->gpus[i];

		if (bdf < gpu->bdf + VF_OFFSET || bdf >= gpu->bdf + VF_OFFSET + gpu->total_vfs)
			continue;
		*index = bdf - gpu->bdf - VF_OFFSET;
		return gpu;
	}
	bad(c, "no VF %s", arg(c, 1));
	return NULL;
}

static struct mdev *mdev_arg(struct command *c)
{
	char uuid[UUID_SIZE];
	struct mdev *m = NULL;

	if (strlen(arg(c, 1)) == UUID_SIZE - 1 && uuid_parse(arg(c, 1), uuid))
		m = mdev_find(c->sim, uuid);
	if (!m)
		bad(c, "no mdev %s", arg(c, 1));
	return m;
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

static bool do_reboot(struct command *c)
{
	sim_reboot(c->sim);
	return true;
}

static bool do_renumber(struct command *c)
{
	return number(c, 1, 100000, &c->sim->next_type_offset);
}

static bool do_prefix(struct command *c)
{
	if (c->n != 2)
		return bad(c, "which driver?");
	put(c->sim->vf_driver, sizeof(c->sim->vf_driver), "%s", arg(c, 1));
	driver_get(c->sim, c->sim->vf_driver);
	return true;
}

static bool do_drop_type(struct command *c)
{
	struct sim *sim = c->sim;
	char name[64];
	size_t t, i;

	rest(c, 1, name, sizeof(name));
	for (t = 0; t < sim->n_tables; t++) {
		for (i = 0; i < sim->tables[t].n; i++) {
			if (strcmp(sim->tables[t].types[i].name, name))
				continue;
			sim->next_dropped = xrealloc(sim->next_dropped, sim->n_next_dropped + 1,
						     sizeof(char *));
			sim->next_dropped[sim->n_next_dropped++] = xstrdup(name);
			return true;
		}
	}
	return bad(c, "no type '%s'", name);
}

static bool do_restore_types(struct command *c)
{
	while (c->sim->n_next_dropped)
		free(c->sim->next_dropped[--c->sim->n_next_dropped]);
	return true;
}

/* --- failures and delays --- */

static void add_rule(struct sim *sim, const struct rule *rule)
{
	sim->rules = xrealloc(sim->rules, sim->n_rules + 1, sizeof(*rule));
	sim->rules[sim->n_rules++] = *rule;
}

/* Drops the rules that fail, or those that delay. */
static void drop_rules(struct sim *sim, bool failing)
{
	size_t i, kept = 0;

	for (i = 0; i < sim->n_rules; i++) {
		if (failing ? !sim->rules[i].errnum : sim->rules[i].errnum)
			sim->rules[kept++] = sim->rules[i];
	}
	sim->n_rules = kept;
}

static bool do_fail(struct command *c)
{
	struct rule rule = { 0 };

	if (c->n == 2 && !strcmp(arg(c, 1), "off")) {
		drop_rules(c->sim, true);
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
		drop_rules(c->sim, false);
		return true;
	}
	if (!operation(c, &rule.op) || !which(c, &rule) || !number(c, 3, 1 << 30, &rule.delay_ms))
		return false;
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

	if (strcmp(arg(c, 1), "full") || !errnum)
		return bad(c, "errno full ERRNO");
	c->sim->full_errno = errnum;
	return true;
}

static bool on_off(struct command *c, const char *on, const char *off, bool *ret)
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

static bool do_newline(struct command *c)
{
	return on_off(c, "strict", "lax", &c->sim->strict_newline);
}

static bool do_sriov_manage(struct command *c)
{
	static const char *const names[] = { "normal", "noop", "fail", "unbound", "hang" };
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

/* --- devices --- */

static bool do_busy(struct command *c)
{
	struct mdev *m = mdev_arg(c);
	char vm[128];

	if (!m)
		return false;
	rest(c, 2, vm, sizeof(vm));
	if (m->state != MDEV_LIVE || !vm[0])
		return bad(c, vm[0] ? "%s is not live" : "%s: which VM?", m->uuid);
	mdev_busy(c->sim, m, vm);
	return true;
}

static bool do_idle(struct command *c)
{
	struct mdev *m = mdev_arg(c);

	if (m)
		mdev_idle(c->sim, m);
	return m;
}

static bool do_stick(struct command *c)
{
	struct mdev *m = mdev_arg(c);

	if (!m)
		return false;
	if (m->state != MDEV_LIVE)
		return bad(c, "%s is not live", m->uuid);
	m->state = MDEV_STUCK;
	c->sim->n_blockers++;
	return true;
}

static bool do_unstick(struct command *c)
{
	struct mdev *m = mdev_arg(c);

	if (m)
		mdev_del(c->sim, m);
	return m;
}

static bool do_hold_vf(struct command *c)
{
	unsigned i;
	struct gpu *gpu = vf_arg(c, &i);
	struct device *vf = gpu ? gpu->vfs[i] : NULL;

	if (!vf)
		return gpu ? bad(c, "%s is not enabled", arg(c, 1)) : false;
	if (!vf->holder)
		vf->holder = disk_process(c->sim, "holder", vf->name, vf->obj.group);
	return true;
}

static bool do_release_vf(struct command *c)
{
	unsigned i;
	struct gpu *gpu = vf_arg(c, &i);

	if (gpu && gpu->vfs[i]) {
		disk_process_end(c->sim, gpu->vfs[i]->holder);
		gpu->vfs[i]->holder = 0;
	}
	return gpu;
}

static bool do_take_vf(struct command *c)
{
	unsigned i;
	struct gpu *gpu = vf_arg(c, &i);

	if (!gpu)
		return false;
	gpu->vf_taken[i] = true;
	if (gpu->vfs[i])
		device_del(c->sim, gpu->vfs[i]);
	sim_changed(c->sim);
	return true;
}

static bool do_give_vf(struct command *c)
{
	unsigned i;
	struct gpu *gpu = vf_arg(c, &i);

	if (!gpu)
		return false;
	gpu->vf_taken[i] = false;
	if (i < gpu->num_vfs && !gpu->vfs[i] && gpu->pf)
		gpu_add_vf(c->sim, gpu, i);
	return true;
}

static bool do_take_gpu(struct command *c)
{
	struct gpu *gpu = gpu_arg(c);

	if (gpu) {
		gpu_unplug(c->sim, gpu);
		gpu->taken = true;
	}
	return gpu;
}

static bool do_give_gpu(struct command *c)
{
	struct gpu *gpu = gpu_arg(c);

	if (gpu && !gpu->pf)
		gpu_plug(c->sim, gpu);
	return gpu;
}

static struct device *pf_arg(struct command *c)
{
	struct gpu *gpu = gpu_arg(c);

	if (gpu && !gpu->pf)
		bad(c, "%s is taken away", arg(c, 1));
	return gpu ? gpu->pf : NULL;
}

static bool do_unbind_pf(struct command *c)
{
	struct device *pf = pf_arg(c);

	if (pf)
		driver_release_now(c->sim, pf);
	return pf;
}

static bool do_override(struct command *c)
{
	struct device *pf = pf_arg(c);

	if (!pf)
		return false;
	driver_release_now(c->sim, pf);
	put(pf->override, sizeof(pf->override), "%s", arg(c, 2));
	if (pf->override[0])
		driver_get(c->sim, pf->override);
	driver_probe(c->sim, pf);
	return true;
}

static bool do_types_late(struct command *c)
{
	struct gpu *gpu = gpu_arg(c);
	unsigned ms;

	if (!gpu || !number(c, 2, 1 << 30, &ms))
		return false;
	gpu->types_late_ms = ms;
	return true;
}

static bool do_lie(struct command *c)
{
	struct gpu *gpu = gpu_arg(c);
	unsigned n;

	if (!gpu)
		return false;
	if (!strcmp(arg(c, 2), "off")) {
		gpu->lie = -1;
		return true;
	}
	if (!number(c, 2, 1 << 20, &n))
		return false;
	gpu->lie = (int)n;
	return true;
}

/* --- single paths --- */

/* Decodes \n, \t, \\ and \xHH in place; returns the length. */
static size_t unescape(char *s)
{
	char *to = s, *from = s;
	unsigned hex;

	while (*from) {
		if (from[0] != '\\' || !from[1]) {
			*to++ = *from++;
		} else if (from[1] == 'x' && isxdigit((unsigned char)from[2]) &&
			   isxdigit((unsigned char)from[3]) && sscanf(from + 2, "%2x", &hex) == 1) {
			*to++ = (char)hex;
			from += 4;
		} else {
			*to++ = from[1] == 'n' ? '\n' : from[1] == 't' ? '\t' : from[1];
			from += 2;
		}
	}
	*to = '\0';
	return (size_t)(to - s);
}

/* The kernel keeps entries that never change: it has to forget this one. */
static void forget(struct sim *sim, char *path)
{
	struct text parent;
	struct node dir;
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
	parent.len = 0;
	if (path_resolve(sim, slash ? path : "", &parent, &dir)) {
		sim->forget_dir = dir.ino;
		put(sim->forget_name, sizeof(sim->forget_name), "%s", slash ? slash + 1 : path);
	}
}

static bool set_override(struct command *c, enum override_kind kind, const char *text, size_t len,
			 unsigned ms)
{
	struct text path = { 0 };
	const char *given = arg(c, 1);
	struct node n;

	given += strspn(given, "/");
	if (!strncmp(given, "sys/", 4))
		given += 4;
	if (!*given)
		return bad(c, "which path?");
	path_resolve(c->sim, given, &path, &n);
	override_set(c->sim, kind, path.buf, text, len, ms);
	if (kind == OVERRIDE_HIDE)
		forget(c->sim, path.buf);
	return true;
}

static bool do_garbage(struct command *c)
{
	char text[TEXT_SIZE];
	size_t len;

	rest(c, 2, text, sizeof(text));
	if (!strcmp(text, "off"))
		return set_override(c, OVERRIDE_GARBAGE, NULL, 0, 0);
	len = unescape(text);
	return set_override(c, OVERRIDE_GARBAGE, text, len, 0);
}

static bool do_hide(struct command *c)
{
	return set_override(c, OVERRIDE_HIDE, "", 0, 0);
}

static bool do_show(struct command *c)
{
	return set_override(c, OVERRIDE_HIDE, NULL, 0, 0);
}

static bool do_hang(struct command *c)
{
	unsigned ms;

	if (!number(c, 2, 1 << 30, &ms))
		return false;
	return set_override(c, OVERRIDE_HANG, ms ? "" : NULL, 0, ms);
}

/* --- telling --- */

static bool do_counters(struct command *c)
{
	static const char *const names[N_COUNTERS] = {
		"open", "read", "readdir", "readlink", "getattr", "lookup", "write", "create",
		"remove", "sriov", "bind", "attr-read", "attr-read-name", "attr-read-description",
		"attr-read-available_instances", "attr-read-other", "create-failed",
		"max-parallel-create", "max-parallel-per-gpu",
	};
	size_t i;

	for (i = 0; i < N_COUNTERS; i++)
		reply_add(c->reply, "%s %llu\n", names[i],
			  (unsigned long long)c->sim->counters[i]);
	return true;
}

static bool do_reset(struct command *c)
{
	memset(c->sim->counters, 0, sizeof(c->sim->counters));
	return true;
}

static void dump_device(const struct command *c, const struct device *dev)
{
	static const char *const states[] = { "creating", "live", "removing", "stuck" };
	const struct mdev *m;

	for (m = dev->mdevs; m; m = m->sibling)
		reply_add(c->reply, "mdev %s parent=%s type=\"%s\" state=%s group=%d vm=\"%s\"\n",
			  m->uuid, dev->name, dev->gpu->table->types[m->type].name,
			  states[m->state], m->obj.group, m->vm_name);
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
		reply_add(c->reply, "gpu %s model=%s driver=%s vfs=%u/%u vgpus=%u size=%u%s\n",
			  name, gpu->model,
			  gpu->pf && gpu->pf->driver ? gpu->pf->driver->name : "-", gpu->num_vfs,
			  gpu->total_vfs, gpu->n_used, gpu->used_mib,
			  gpu->pf ? "" : " taken");
		if (gpu->pf)
			dump_device(c, gpu->pf);
		for (v = 0; v < gpu->num_vfs; v++) {
			const struct device *vf = gpu->vfs[v];

			if (!vf)
				continue;
			reply_add(c->reply, "vf %s driver=%s group=%d", vf->name,
				  vf->driver ? vf->driver->name : "-", vf->obj.group);
			if (vf->current_type)
				reply_add(c->reply, " type=\"%s\"",
					  gpu->table->types[vf->current_type - 1].name);
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
	{ "busy", do_busy },		 { "counters", do_counters },
	{ "delay", do_delay },		 { "drop-type", do_drop_type },
	{ "dump", do_dump },		 { "errno", do_errno },
	{ "fail", do_fail },		 { "garbage", do_garbage },
	{ "give-gpu", do_give_gpu },	 { "give-vf", do_give_vf },
	{ "hang", do_hang },		 { "hide", do_hide },
	{ "hold-vf", do_hold_vf },	 { "idle", do_idle },
	{ "latency", do_latency },	 { "lie", do_lie },
	{ "newline", do_newline },	 { "override", do_override },
	{ "pid", do_pid },		 { "prefix", do_prefix },
	{ "raw-sriov", do_raw_sriov },	 { "reboot", do_reboot },
	{ "release-vf", do_release_vf }, { "renumber", do_renumber },
	{ "reset", do_reset },		 { "restore-types", do_restore_types },
	{ "show", do_show },		 { "sriov-manage", do_sriov_manage },
	{ "stick", do_stick },		 { "stop", do_stop },
	{ "take-gpu", do_take_gpu },	 { "take-vf", do_take_vf },
	{ "types-late", do_types_late }, { "unbind-pf", do_unbind_pf },
	{ "unstick", do_unstick },
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
