/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands about single devices and single paths. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "control.h"
#include "node.h"

struct gpu *gpu_arg(struct command *c)
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
	struct gpu *gpu = NULL;
	uint32_t bdf;
	int vf = -1;

	if (bdf_parse(arg(c, 1), &bdf))
		gpu = gpu_of_bdf(c->sim, bdf, &vf);
	*index = (unsigned)vf;
	if (gpu && vf >= 0)
		return gpu;
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

/* --- devices --- */

bool do_busy(struct command *c)
{
	struct mdev *m = mdev_arg(c);
	char vm[128];

	if (!m)
		return false;
	rest(c, 2, vm, sizeof(vm));
	if (m->state != MDEV_LIVE || !vm[0])
		return bad(c, vm[0] ? "%s is not live" : "%s: which VM?", m->uuid);
	if (m->claim.misplaced)
		return bad(c, "%s: the VM does not start: no such placement", m->uuid);
	mdev_busy(c->sim, m, vm);
	return true;
}

bool do_idle(struct command *c)
{
	struct mdev *m = mdev_arg(c);

	if (m)
		mdev_idle(c->sim, m);
	return m;
}

bool do_stick(struct command *c)
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

bool do_unstick(struct command *c)
{
	struct mdev *m = mdev_arg(c);

	if (m)
		mdev_del(c->sim, m);
	return m;
}

bool do_hold_vf(struct command *c)
{
	unsigned i;
	struct gpu *gpu = vf_arg(c, &i);
	struct device *vf = gpu ? gpu->vfs[i] : NULL;

	if (!vf)
		return gpu ? bad(c, "%s is not enabled", arg(c, 1)) : false;
	if (vf->claim.misplaced)
		return bad(c, "%s: the VM does not start: no such placement", vf->name);
	vfio_hold(c->sim, vf);
	return true;
}

bool do_release_vf(struct command *c)
{
	unsigned i;
	struct gpu *gpu = vf_arg(c, &i);

	if (gpu && gpu->vfs[i])
		vfio_let_go(c->sim, gpu->vfs[i]);
	return gpu;
}

bool do_take_vf(struct command *c)
{
	unsigned i;
	struct gpu *gpu = vf_arg(c, &i);

	if (gpu)
		gpu_take_vf(c->sim, gpu, i);
	return gpu;
}

bool do_give_vf(struct command *c)
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

bool do_take_gpu(struct command *c)
{
	struct gpu *gpu = gpu_arg(c);

	if (gpu) {
		gpu_unplug(c->sim, gpu);
		gpu->taken = true;
	}
	return gpu;
}

bool do_give_gpu(struct command *c)
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

bool do_unbind_pf(struct command *c)
{
	struct device *pf = pf_arg(c);

	if (pf)
		driver_release_now(c->sim, pf);
	return pf;
}

bool do_override(struct command *c)
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

bool do_types_late(struct command *c)
{
	struct gpu *gpu = gpu_arg(c);
	unsigned ms;

	if (!gpu || !number(c, 2, 1 << 30, &ms))
		return false;
	gpu->types_late_ms = ms;
	return true;
}

bool do_lie(struct command *c)
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
			   isxdigit((unsigned char)from[3]) &&
			   sscanf(from + 2, "%2x", &hex) == 1) {
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

void forget_entry(struct sim *sim, uint64_t dir, const char *name)
{
	if (sim->n_forget == ARRAY_SIZE(sim->forget))
		return;
	sim->forget[sim->n_forget].dir = dir;
	put(sim->forget[sim->n_forget].name, sizeof(sim->forget[0].name), "%s", name);
	sim->n_forget++;
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
	if (path_resolve(sim, slash ? path : "", &parent, &dir))
		forget_entry(sim, dir.ino, slash ? slash + 1 : path);
}

static bool set_override(struct command *c, enum override_kind kind, const char *text,
			 size_t len, unsigned ms)
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

bool do_garbage(struct command *c)
{
	char text[TEXT_SIZE];
	size_t len;

	rest(c, 2, text, sizeof(text));
	if (!strcmp(text, "off"))
		return set_override(c, OVERRIDE_GARBAGE, NULL, 0, 0);
	len = unescape(text);
	return set_override(c, OVERRIDE_GARBAGE, text, len, 0);
}

bool do_hide(struct command *c)
{
	return set_override(c, OVERRIDE_HIDE, "", 0, 0);
}

bool do_show(struct command *c)
{
	return set_override(c, OVERRIDE_HIDE, NULL, 0, 0);
}

bool do_link(struct command *c)
{
	const char *target = arg(c, 2);

	if (c->n != 3 || !*target)
		return bad(c, "which target?");
	if (!strcmp(target, "off"))
		return set_override(c, OVERRIDE_LINK, NULL, 0, 0);
	return set_override(c, OVERRIDE_LINK, target, strlen(target), 0);
}

bool do_refuse(struct command *c)
{
	int errnum = errno_parse(arg(c, 2));

	if (!strcmp(arg(c, 2), "off"))
		return set_override(c, OVERRIDE_REFUSE, NULL, 0, 0);
	if (!errnum)
		return bad(c, "'%s' is no errno", arg(c, 2));
	return set_override(c, OVERRIDE_REFUSE, "", 0, (unsigned)errnum);
}

bool do_hang(struct command *c)
{
	unsigned ms;

	if (c->n == 2 && !strcmp(arg(c, 1), "off")) {
		plan_end_hangs(c->sim);
		return true;
	}
	if (!number(c, 2, 1 << 30, &ms))
		return false;
	return set_override(c, OVERRIDE_HANG, ms ? "" : NULL, 0, ms);
}
