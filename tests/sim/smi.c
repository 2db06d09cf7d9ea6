/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stand-in for nvidia-smi: its command line, its program, and what changes modes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smi.h"

#define ARGS_MAX 32

/* Each run asks twice: what is planned for it, then what to print. */
const char smi_script[] = "#!/bin/sh\n"
			  "# Asks the simulation what nvidia-smi would print.\n"
			  "case $0 in */*) here=${0%/*} ;; *) here=. ;; esac\n"
			  "own=$here/../../sys/.vgpusim\n"
			  "IFS='\t'\n"
			  "\n"
			  "exec 3<>\"$own/nvidia-smi\" || exit 9\n"
			  "ask()\n"
			  "{\n"
			  "	printf %s \"$1\" >&3\n"
			  "	read -r status <&3\n"
			  "}\n"
			  "\n"
			  "ask \"begin\t$*\"\n"
			  "if [ \"$status\" = hang ]; then\n"
			  "	while read -r state <\"$own/nvidia-smi-hang\" && [ "
			  "\"$state\" = hang ]; do\n"
			  "		sleep 0.05\n"
			  "	done\n"
			  "fi\n"
			  "ask \"$status\t$*\"\n"
			  "cat <&3\n"
			  "exit \"$status\"\n";

/* --- lines --- */

bool smi_since(const struct smi *s, unsigned major, unsigned minor)
{
	unsigned has_major = 0, has_minor = 0;

	if (sscanf(s->sim->version, "%u.%u", &has_major, &has_minor) < 1)
		return false;
	return has_major > major || (has_major == major && has_minor >= minor);
}

void smi_line(struct smi *s, unsigned indent, const char *key, const char *fmt, ...)
{
	unsigned column = smi_since(s, 580, 119) ? 55 : 42;
	char value[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	reply_add(s->out, "%*s%-*s: %s\n", (int)indent, "", (int)(column - indent), key,
		  value);
}

void smi_bus_id(uint32_t bdf, char buf[SMI_BUS_ID_SIZE])
{
	put(buf, SMI_BUS_ID_SIZE, "%08X:%02X:%02X.%X", bdf >> 16, bdf >> 8 & 0xff,
	    bdf >> 3 & 31, bdf & 7);
}

/* --- which GPUs --- */

static bool has_driver(const struct gpu *gpu)
{
	return gpu->pf && gpu->pf->driver && !strcmp(gpu->pf->driver->name, "nvidia");
}

static int by_address(const void *a, const void *b)
{
	const struct gpu *const *x = a, *const *y = b;

	return (*x)->bdf < (*y)->bdf ? -1 : (*x)->bdf > (*y)->bdf;
}

/* An index, or a bus id with as many digits as one likes. */
static bool is_named(const struct smi *s, size_t i)
{
	unsigned domain, bus, dev, fn;
	uint64_t index;
	int end = 0;

	if (number_parse(s->id, 10, &index))
		return index == i;
	if (sscanf(s->id, "%x:%x:%x.%x%n", &domain, &bus, &dev, &fn, &end) != 4) {
		domain = 0;
		if (sscanf(s->id, "%x:%x.%x%n", &bus, &dev, &fn, &end) != 3)
			return false;
	}
	return !s->id[end] && domain <= 0xffff && bus <= 0xff && dev <= 31 && fn <= 7 &&
	       (domain << 16 | bus << 8 | dev << 3 | fn) == s->gpus[i]->bdf;
}

static bool find_gpus(struct smi *s)
{
	size_t i;

	for (i = 0; i < s->sim->n_gpus; i++) {
		if (has_driver(&s->sim->gpus[i]))
			s->gpus[s->n_all++] = &s->sim->gpus[i];
	}
	qsort(s->gpus, s->n_all, sizeof(*s->gpus), by_address);
	for (i = 0; i < s->n_all; i++) {
		if (s->id && !is_named(s, i))
			continue;
		s->index[s->n_gpus] = (unsigned)i;
		s->gpus[s->n_gpus++] = s->gpus[i];
	}
	return s->n_gpus;
}

/* --- modes --- */

static int set_mixed(struct gpu *gpu, bool on)
{
	if (!mixed_known(gpu) || gpu->mig_on)
		return SMI_NOT_SUPPORTED;
	if (gpu->n_used)
		return SMI_IN_USE;
	gpu->mixed = on;
	return SMI_OK;
}

static bool has_instances(const struct gpu *gpu)
{
	size_t i;

	for (i = 0; i < GIS_MAX; i++) {
		if (gpu->gis[i].profile)
			return true;
	}
	return false;
}

/* With vGPUs the mode waits for a reboot; it does not end while there are VFs. */
static int set_mig(struct gpu *gpu, bool on)
{
	if (!gpu->mig)
		return SMI_NOT_SUPPORTED;
	if (!on && (gpu->num_vfs || has_instances(gpu)))
		return SMI_IN_USE;
	gpu->mig_pending = on;
	if (gpu->n_used)
		return SMI_OK;
	gpu->mig_on = on;
	gpu->mixed = gpu->mixed && !on;
	return SMI_OK;
}

static const char *words_of(int status)
{
	return status == SMI_IN_USE ? "In use by another client" : "Not Supported";
}

int smi_set_mixed(struct smi *s)
{
	bool on = !strcmp(s->mixed, "1");
	size_t i;

	for (i = 0; i < s->n_gpus; i++) {
		char id[SMI_BUS_ID_SIZE];
		int r = set_mixed(s->gpus[i], on);

		smi_bus_id(s->gpus[i]->bdf, id);
		if (r) {
			reply_add(
				s->out,
				"Unable to set vGPU heterogeneous mode for GPU %s: %s\n",
				id, words_of(r));
			return r;
		}
		reply_add(s->out, "%s vGPU heterogeneous mode for GPU %s\n",
			  on ? "Enabled" : "Disabled", id);
	}
	reply_add(s->out, "All done.\n");
	return SMI_OK;
}

int smi_set_mig(struct smi *s)
{
	bool on = !strcmp(s->mig, "1");
	size_t i;

	for (i = 0; i < s->n_gpus; i++) {
		const struct gpu *gpu = s->gpus[i];
		char id[SMI_BUS_ID_SIZE];
		int r = set_mig(s->gpus[i], on);

		smi_bus_id(gpu->bdf, id);
		if (r) {
			reply_add(s->out, "Unable to %s MIG Mode for GPU %s: %s\n",
				  on ? "enable" : "disable", id, words_of(r));
			return r;
		}
		if (gpu->mig_on != on)
			reply_add(
				s->out,
				"Warning: MIG mode is in pending enable state for GPU "
				"%s:In use by another client\n"
				"%s is currently being used by one or more other "
				"processes (e.g. CUDA application or a monitoring "
				"application such as another instance of nvidia-smi). "
				"Please first kill all processes using the device and "
				"retry the command or reboot the system to make MIG mode "
				"effective.\n",
				id, id);
		else
			reply_add(s->out, "%s MIG Mode for GPU %s\n",
				  on ? "Enabled" : "Disabled", id);
	}
	reply_add(s->out, "All done.\n");
	return SMI_OK;
}

/* --- the command line --- */

static bool is_switch(const char *value)
{
	return value && (!strcmp(value, "0") || !strcmp(value, "1"));
}

/* The option NAME takes a value, which is stored at the place returned. */
static const char **valued(struct smi *s, const char *name)
{
	if (!strcmp(name, "-i") || !strcmp(name, "--id"))
		return &s->id;
	if (!strcmp(name, "-shm"))
		return &s->mixed;
	if (!strcmp(name, "-mig"))
		return &s->mig;
	return !strcmp(name, "-cgi") ? &s->create : NULL;
}

static bool *flagged(struct smi *s, const char *name)
{
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{ "-q", &s->query },	   { "-s", &s->supported },
		{ "-c", &s->creatable },   { "-v", &s->verbose },
		{ "-lgip", &s->profiles }, { "-lgipp", &s->places },
		{ "-lgi", &s->instances }, { "-C", &s->compute },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		if (!strcmp(name, flags[i].name))
			return flags[i].flag;
	}
	return NULL;
}

static bool parse(struct smi *s, char **args, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const char **value = valued(s, args[i]);
		bool *flag = flagged(s, args[i]);

		if (value && i + 1 < n)
			*value = args[++i];
		else if (flag)
			*flag = true;
		else
			return false;
	}
	return (!s->mixed || is_switch(s->mixed)) && (!s->mig || is_switch(s->mig));
}

typedef int run_fn(struct smi *s);

/* The one thing that is asked for, or NULL. */
static run_fn *chosen(const struct smi *s, const char *group)
{
	if (!strcmp(group, "vgpu")) {
		if (s->mixed)
			return smi_set_mixed;
		if (s->supported || s->creatable)
			return smi_types;
		return s->query ? smi_vgpus : NULL;
	}
	if (!strcmp(group, "mig")) {
		if (s->create)
			return smi_gi_create;
		if (s->profiles || s->places)
			return s->profiles ? smi_gi_profiles : smi_gi_places;
		return s->instances ? smi_gi_list : NULL;
	}
	if (s->mig)
		return smi_set_mig;
	return s->query ? smi_query : NULL;
}

static int run(struct sim *sim, char **args, size_t n, struct reply *out)
{
	struct smi s = { .sim = sim, .out = out };
	const char *group = n && args[0][0] != '-' ? args[0] : "";
	run_fn *fn;

	if (n == 1 && !strcmp(args[0], "-L")) {
		fn = smi_list;
	} else {
		fn = parse(&s, args + !!*group, n - !!*group) ? chosen(&s, group) : NULL;
	}
	if (!fn) {
		reply_add(out, "Invalid combination of input arguments. Please run "
			       "'nvidia-smi -h' for help.\n");
		return SMI_BAD_ARGUMENT;
	}
	if (!find_gpus(&s)) {
		reply_add(out, "No devices were found\n");
		return SMI_NOT_FOUND;
	}
	return fn(&s);
}

/* --- being asked --- */

/* What is planned for this run, which it takes from the plan. */
static const char *begin(struct sim *sim)
{
	static const char *const names[] = { "normal", "fail", "hang", "normal" };
	enum smi_mode mode = sim->smi;

	sim->counters[COUNT_SMI]++;
	if (mode != SMI_NORMAL && sim->smi_left != UINT64_MAX && !--sim->smi_left)
		sim->smi = SMI_NORMAL;
	return names[mode];
}

void smi_ask(struct sim *sim, char *line, struct reply *ret)
{
	char *args[ARGS_MAX], *word, *save = NULL;
	struct reply out = { 0 };
	struct text trace = { 0 };
	size_t n = 0, i;
	int status;

	for (word = strtok_r(line, "\t", &save); word && n < ARGS_MAX;
	     word = strtok_r(NULL, "\t", &save))
		args[n++] = word;
	ret->len = 0;
	if (n && !strcmp(args[0], "begin")) {
		text_add(&trace, "run nvidia-smi");
		for (i = 1; i < n; i++)
			text_add(&trace, " %s", args[i]);
		plan_trace_line(sim, trace.buf);
		reply_add(ret, "%s\n", begin(sim));
		return;
	}
	if (n && !strcmp(args[0], "fail")) {
		reply_add(&out,
			  "NVIDIA-SMI has failed because it couldn't communicate with "
			  "the NVIDIA driver. Make sure that the latest NVIDIA "
			  "driver is installed and running.\n\n");
		status = SMI_NO_DRIVER;
	} else {
		status = run(sim, args + !!n, n - !!n, &out);
	}
	reply_add(ret, "%d\n%s", status, out.buf ? out.buf : "");
	free(out.buf);
}
