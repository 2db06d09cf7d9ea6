/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands about the driver: its version, its types, its frameworks, nvidia-smi. */
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "tree.h"

/* Which of N words is word number I. */
static bool one_of(struct command *c, size_t i, const char *const *names, size_t n,
		   size_t *ret)
{
	for (*ret = 0; *ret < n; (*ret)++) {
		if (!strcmp(arg(c, i), names[*ret]))
			return true;
	}
	return bad(c, "'%s'?", arg(c, i));
}

bool do_reboot(struct command *c)
{
	struct sim *sim = c->sim;
	bool changes = false;
	size_t i;

	for (i = 0; i < sim->n_gpus; i++)
		changes |= sim->gpus[i].framework != sim->gpus[i].next_framework;
	sim_reboot(sim);
	if (changes) {
		forget_entry(sim, fixed_ino(FIXED_BUS), "mdev");
		forget_entry(sim, fixed_ino(FIXED_CLASS), "mdev_bus");
	}
	return true;
}

bool do_renumber(struct command *c)
{
	return number(c, 1, 100000, &c->sim->next_type_offset);
}

bool do_driver_version(struct command *c)
{
	if (c->n != 2 || strlen(arg(c, 1)) >= VERSION_SIZE)
		return bad(c, "which version?");
	put(c->sim->next_version, VERSION_SIZE, "%s", arg(c, 1));
	return true;
}

bool do_framework(struct command *c)
{
	struct gpu *gpu = gpu_arg(c);

	if (!gpu)
		return false;
	if (!framework_parse(arg(c, 2), &gpu->next_framework))
		return bad(c, "mdev, vfio or pf, not '%s'", arg(c, 2));
	return true;
}

/* --- types --- */

static bool type_known(const struct sim *sim, const char *name)
{
	size_t t, i;

	for (t = 0; t < sim->n_tables; t++) {
		for (i = 0; i < sim->tables[t].n; i++) {
			if (!strcmp(sim->tables[t].types[i].name, name))
				return true;
		}
	}
	return false;
}

bool do_drop_type(struct command *c)
{
	struct sim *sim = c->sim;
	char name[TYPE_NAME_SIZE];

	rest(c, 1, name, sizeof(name));
	if (!type_known(sim, name))
		return bad(c, "no type '%s'", name);
	sim->next_dropped =
		xrealloc(sim->next_dropped, sim->n_next_dropped + 1, sizeof(char *));
	sim->next_dropped[sim->n_next_dropped++] = xstrdup(name);
	return true;
}

bool do_restore_types(struct command *c)
{
	while (c->sim->n_next_dropped)
		free(c->sim->next_dropped[--c->sim->n_next_dropped]);
	return true;
}

/* Names hold blanks: each is one word in quotes. */
bool do_rename_type(struct command *c)
{
	struct sim *sim = c->sim;
	struct rename rename;

	if (c->n != 3 || !*arg(c, 2) || strlen(arg(c, 2)) >= TYPE_NAME_SIZE)
		return bad(c, "rename-type OLD NEW");
	if (!type_known(sim, arg(c, 1)))
		return bad(c, "no type '%s'", arg(c, 1));
	put(rename.from, sizeof(rename.from), "%s", arg(c, 1));
	put(rename.to, sizeof(rename.to), "%s", arg(c, 2));
	sim->renames = xrealloc(sim->renames, sim->n_renames + 1, sizeof(rename));
	sim->renames[sim->n_renames++] = rename;
	return true;
}

/* --- the vendor-specific framework --- */

bool do_newline(struct command *c)
{
	return on_off(c, "strict", "lax", &c->sim->strict_newline);
}

bool do_spelling(struct command *c)
{
	static const char *const names[] = { "header", "bare", "name-first" };
	size_t i;

	if (!one_of(c, 1, names, ARRAY_SIZE(names), &i))
		return false;
	c->sim->spelling = (enum spelling)i;
	return true;
}

/* Those that are held or refuse now begin anew, too. */
bool do_release(struct command *c)
{
	static const char *const names[] = { "strict", "lax", "late" };
	struct sim *sim = c->sim;
	unsigned tries = 0;
	size_t i;

	if (!one_of(c, 1, names, ARRAY_SIZE(names), &i) ||
	    (i != RELEASE_STRICT && !number(c, 2, 1 << 30, &tries)))
		return false;
	sim->release = (enum release_mode)i;
	sim->release_tries = tries;
	for (i = 0; i < sim->n_devices; i++)
		sim->devices[i]->refusals =
			sim->devices[i]->holder && sim->release == RELEASE_LAX ? tries
									       : 0;
	return true;
}

/* --- nvidia-smi --- */

bool do_nvidia_smi(struct command *c)
{
	static const char *const names[] = { "normal", "fail", "hang", "missing" };
	struct sim *sim = c->sim;
	unsigned runs = 0;
	size_t i;

	if (!sim->has_smi)
		return bad(c, "this host has none");
	if (!one_of(c, 1, names, ARRAY_SIZE(names), &i))
		return false;
	if (c->n > 2 && (!number(c, 2, 1 << 30, &runs) || !runs))
		return runs ? false : bad(c, "for how many runs?");
	sim->smi = (enum smi_mode)i;
	sim->smi_left = c->n > 2 ? runs : UINT64_MAX;
	sim->smi_hangs = i == SMI_HANG;
	return disk_smi(sim) || bad(c, "cannot write the program");
}
