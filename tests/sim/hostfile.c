/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The description of a host: lines of words, NAME=VALUE after the first ones. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define WORDS_MAX 24

struct parser {
	const char *path;
	unsigned line;
	struct sim *sim;
};

__attribute__((format(printf, 2, 3))) static bool bad(const struct parser *p,
						      const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "vgpusim: %s:%u: ", p->path, p->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return false;
}

static size_t split(char *line, const char *separators, char **words)
{
	size_t n = 0;
	char *save = NULL, *w;

	line[strcspn(line, "#\n")] = '\0';
	for (w = strtok_r(line, separators, &save); w && n < WORDS_MAX;
	     w = strtok_r(NULL, separators, &save))
		words[n++] = w;
	return n;
}

/* The value of NAME=VALUE among the words, or NULL. */
static const char *value(char **words, size_t n, const char *name)
{
	size_t len = strlen(name), i;

	for (i = 0; i < n; i++) {
		if (!strncmp(words[i], name, len) && words[i][len] == '=')
			return words[i] + len + 1;
	}
	return NULL;
}

static bool number(const struct parser *p, char **words, size_t n, const char *name,
		   uint64_t fallback, uint64_t max, uint64_t *ret)
{
	const char *v = value(words, n, name);

	if (!v) {
		*ret = fallback;
		return true;
	}
	if (!number_parse(v, 0, ret) || *ret > max)
		return bad(p, "%s=%s is not a number up to %llu", name, v,
			   (unsigned long long)max);
	return true;
}

static bool address(const struct parser *p, char **words, size_t n, uint32_t *bdf,
		    uint32_t *port)
{
	const char *v = value(words, n, "port");

	if (n < 2 || !bdf_parse(words[1], bdf))
		return bad(p, "no address such as 0000:e8:00.0");
	if (!v || !bdf_parse(v, port))
		return bad(p, "no port=ADDRESS");
	return true;
}

/* Is ID in a list such as "555-576,581"? */
static bool listed(const char *list, unsigned id)
{
	unsigned from, to;
	int end;

	while (list && *list) {
		if (sscanf(list, "%u-%u%n", &from, &to, &end) != 2) {
			if (sscanf(list, "%u%n", &from, &end) != 1)
				return false;
			to = from;
		}
		if (id >= from && id <= to)
			return true;
		list += end;
		list += *list == ',';
	}
	return false;
}

/* Takes the text up to the next comma off *P. */
static char *field(char **p)
{
	char *f = *p, *end = f + strcspn(f, ",\n");

	*p = *end == ',' ? end + 1 : end;
	*end = '\0';
	return f;
}

static bool field_number(char **p, unsigned *ret)
{
	uint64_t n = 0;
	const char *f = field(p);

	if (*f && (!number_parse(f, 10, &n) || n > 1 << 24))
		return false;
	*ret = (unsigned)n;
	return true;
}

/* The CSV file FILE, which is named relative to the host file. */
static FILE *open_csv(const struct parser *p, const char *file, char *path, size_t size)
{
	const char *slash = strrchr(p->path, '/');
	FILE *f;

	put(path, size, "%.*s%s", slash && *file != '/' ? (int)(slash - p->path) + 1 : 0,
	    p->path, file);
	f = fopen(path, "re");
	if (!f)
		bad(p, "%s: %s", path, strerror(errno));
	return f;
}

/* The next line of a CSV file that is neither a comment nor its header HEADER. */
static bool next_row(struct parser *csv, FILE *f, const char *header, char line[256])
{
	while (fgets(line, 256, f)) {
		csv->line++;
		if (line[0] != '#' && line[0] != '\n' &&
		    strncmp(line, header, strlen(header)) != 0)
			return true;
	}
	return false;
}

/* The last two fields may be missing altogether. */
static bool parse_type(char *line, struct vgpu_type *ret)
{
	*ret = (struct vgpu_type){ 0 };
	if (!field_number(&line, &ret->id))
		return false;
	put(ret->name, sizeof(ret->name), "%s", field(&line));
	if (!field_number(&line, &ret->framebuffer_mib) ||
	    !field_number(&line, &ret->max_instance) ||
	    !field_number(&line, &ret->max_mixed))
		return false;
	put(ret->mig_profile, sizeof(ret->mig_profile), "%s", field(&line));
	return ret->id && ret->name[0] && ret->framebuffer_mib && ret->max_instance;
}

static bool load_types(const struct parser *p, const char *file, const char *ids,
		       struct type_table *table)
{
	char path[4096], line[256];
	struct parser csv = { .path = path };
	FILE *f = open_csv(p, file, path, sizeof(path));
	struct vgpu_type t;
	bool ok = f;

	while (ok && next_row(&csv, f, "type_id,", line)) {
		ok = parse_type(line, &t);
		if (!ok)
			bad(&csv, "no type");
		if (!ok || (ids && !listed(ids, t.id)))
			continue;
		if (table->n == TYPES_MAX)
			ok = bad(&csv, "more than %d types", TYPES_MAX);
		table->types = xrealloc(table->types, table->n + 1, sizeof(t));
		table->types[table->n++] = t;
	}
	if (f)
		fclose(f);
	return ok && !table->n ? bad(p, "%s: no types", path) : ok;
}

static bool read_types(const struct parser *p, char **words, size_t n)
{
	struct sim *sim = p->sim;
	struct type_table t = { 0 };

	if (n < 3)
		return bad(p, "types NAME FILE [ids=LIST]");
	put(t.name, sizeof(t.name), "%s", words[1]);
	if (!load_types(p, words[2], value(words, n, "ids"), &t)) {
		free(t.types);
		return false;
	}
	sim->tables = xrealloc(sim->tables, sim->n_tables + 1, sizeof(t));
	sim->tables[sim->n_tables++] = t;
	return true;
}

/* profile,id,memory_gib,sm,dec,enc,ce,jpeg,ofa,slices,starts: the latter "0 2 4". */
static bool parse_profile(char *line, struct gi_profile *ret)
{
	char *starts, *end;

	*ret = (struct gi_profile){ 0 };
	put(ret->name, sizeof(ret->name), "%s", field(&line));
	if (!field_number(&line, &ret->id))
		return false;
	put(ret->memory, sizeof(ret->memory), "%s", field(&line));
	if (!field_number(&line, &ret->sm) || !field_number(&line, &ret->dec) ||
	    !field_number(&line, &ret->enc) || !field_number(&line, &ret->ce) ||
	    !field_number(&line, &ret->jpeg) || !field_number(&line, &ret->ofa) ||
	    !field_number(&line, &ret->size))
		return false;
	for (starts = field(&line); *starts; starts = end) {
		unsigned long n = strtoul(starts, &end, 10);

		if (end == starts || n + ret->size > GIS_MAX || ret->n_starts == GIS_MAX)
			return false;
		ret->starts[ret->n_starts++] = (unsigned)n;
	}
	return ret->name[0] && ret->size && ret->n_starts;
}

static bool read_mig(const struct parser *p, char **words, size_t n)
{
	struct sim *sim = p->sim;
	char path[4096], line[256];
	struct parser csv = { .path = path };
	struct mig_table t = { 0 };
	bool ok;
	FILE *f;

	if (n != 3)
		return bad(p, "mig NAME FILE");
	put(t.name, sizeof(t.name), "%s", words[1]);
	f = open_csv(p, words[2], path, sizeof(path));
	ok = f;
	while (ok && next_row(&csv, f, "profile,", line)) {
		t.profiles = xrealloc(t.profiles, t.n + 1, sizeof(*t.profiles));
		ok = parse_profile(line, &t.profiles[t.n++]) || bad(&csv, "no profile");
	}
	if (f)
		fclose(f);
	if (!ok || !t.n) {
		free(t.profiles);
		return ok ? bad(p, "%s: no profiles", path) : false;
	}
	sim->mig_tables = xrealloc(sim->mig_tables, sim->n_mig_tables + 1, sizeof(t));
	sim->mig_tables[sim->n_mig_tables++] = t;
	return true;
}

bool framework_parse(const char *name, enum framework *ret)
{
	static const char *const names[] = { "mdev", "vfio", "pf" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(name, names[i])) {
			*ret = (enum framework)i;
			return true;
		}
	}
	return false;
}

/* NAME=WORD, where WORD is ON or OFF, the latter if it is not there. */
static bool flag(const struct parser *p, char **words, size_t n, const char *name,
		 const char *on, const char *off, bool *ret)
{
	const char *v = value(words, n, name);

	*ret = v && !strcmp(v, on);
	if (v && !*ret && strcmp(v, off))
		return bad(p, "%s is %s or %s", name, on, off);
	return true;
}

/* The pointer stays good because no table may follow the first GPU. */
static bool find_table(const struct parser *p, const char *v, struct type_table **ret)
{
	size_t i;

	for (i = 0; i < p->sim->n_tables; i++) {
		if (v && !strcmp(v, p->sim->tables[i].name)) {
			*ret = &p->sim->tables[i];
			return true;
		}
	}
	return bad(p, "no types %s", v ? v : "");
}

static bool read_gpu_mig(const struct parser *p, char **words, size_t n, struct gpu *gpu)
{
	const char *name = value(words, n, "mig");
	size_t i;

	if (!flag(p, words, n, "mig-mode", "on", "off", &gpu->mig_on) ||
	    !flag(p, words, n, "mig-over-reboot", "yes", "no", &gpu->mig_over_reboot))
		return false;
	if (!name)
		return gpu->mig_on ? bad(p, "mig-mode without mig") : true;
	for (i = 0; i < p->sim->n_mig_tables; i++) {
		if (!strcmp(name, p->sim->mig_tables[i].name))
			gpu->mig = &p->sim->mig_tables[i];
	}
	return gpu->mig || bad(p, "no mig %s", name);
}

static bool read_gpu(const struct parser *p, char **words, size_t n)
{
	const char *model = value(words, n, "model"), *driver = value(words, n, "driver");
	const char *framework = value(words, n, "framework");
	struct gpu *gpu = &p->sim->gpus[p->sim->n_gpus];
	uint64_t device, subdevice, numa, vfs, mib;

	if (p->sim->n_gpus == GPUS_MAX)
		return bad(p, "more than %d GPUs", GPUS_MAX);
	if (!address(p, words, n, &gpu->bdf, &gpu->port) ||
	    !number(p, words, n, "device", 0x2235, 0xffff, &device) ||
	    !number(p, words, n, "subdevice", 0x145a, 0xffff, &subdevice) ||
	    !number(p, words, n, "numa", 0, 63, &numa) ||
	    !number(p, words, n, "vfs", 0, VFS_MAX, &vfs) ||
	    !number(p, words, n, "framebuffer", 0, 1 << 20, &mib) ||
	    !find_table(p, value(words, n, "types"), &gpu->table) ||
	    !read_gpu_mig(p, words, n, gpu))
		return false;
	if (!framework || !framework_parse(framework, &gpu->framework))
		return bad(p, "framework is mdev, vfio or pf");
	gpu->next_framework = gpu->framework;
	gpu->mig_pending = gpu->mig_on;
	gpu->device = (uint16_t)device;
	gpu->subdevice = (uint16_t)subdevice;
	gpu->numa = (int)numa;
	gpu->total_vfs = (unsigned)vfs;
	gpu->framebuffer_mib = (unsigned)mib;
	put(gpu->model, sizeof(gpu->model), "%s", model ? model : "GPU");
	put(gpu->driver, sizeof(gpu->driver), "%s", driver ? driver : "nvidia");
	p->sim->n_gpus++;
	return true;
}

static bool read_device(const struct parser *p, char **words, size_t n)
{
	const char *driver = value(words, n, "driver");
	uint64_t vendor, device, subvendor, subdevice, class, numa;
	struct device_conf c = { 0 };

	if (!address(p, words, n, &c.bdf, &c.port) ||
	    !number(p, words, n, "vendor", 0x8086, 0xffff, &vendor) ||
	    !number(p, words, n, "device", 0, 0xffff, &device) ||
	    !number(p, words, n, "subvendor", vendor, 0xffff, &subvendor) ||
	    !number(p, words, n, "subdevice", 0, 0xffff, &subdevice) ||
	    !number(p, words, n, "class", 0xff0000, 0xffffff, &class) ||
	    !number(p, words, n, "numa", 0, 63, &numa))
		return false;
	c.vendor = (uint16_t)vendor;
	c.device = (uint16_t)device;
	c.subvendor = (uint16_t)subvendor;
	c.subdevice = (uint16_t)subdevice;
	c.class = (uint32_t) class;
	c.numa = (int)numa;
	put(c.driver, sizeof(c.driver), "%s", driver ? driver : "");
	p->sim->confs = xrealloc(p->sim->confs, p->sim->n_confs + 1, sizeof(c));
	p->sim->confs[p->sim->n_confs++] = c;
	return true;
}

/* A port of a switch; what is below it names it as its port. */
static bool read_bridge(const struct parser *p, char **words, size_t n)
{
	const char *behind = value(words, n, "behind");
	struct bridge_conf c = { 0 };
	uint64_t vendor, device, numa;
	unsigned first, last;

	if (!address(p, words, n, &c.bdf, &c.port) ||
	    !number(p, words, n, "vendor", 0x10b5, 0xffff, &vendor) ||
	    !number(p, words, n, "device", 0x8747, 0xffff, &device) ||
	    !number(p, words, n, "numa", 0, 63, &numa))
		return false;
	if (!behind || sscanf(behind, "%x-%x", &first, &last) != 2 || first > last ||
	    last > 0xff)
		return bad(p, "no behind=FIRST-LAST, the buses behind it");
	c.vendor = (uint16_t)vendor;
	c.device = (uint16_t)device;
	c.bus_first = (uint8_t)first;
	c.bus_last = (uint8_t)last;
	c.numa = (int)numa;
	p->sim->bridges = xrealloc(p->sim->bridges, p->sim->n_bridges + 1, sizeof(c));
	p->sim->bridges[p->sim->n_bridges++] = c;
	return true;
}

static bool read_line(const struct parser *p, char *line)
{
	char *words[WORDS_MAX];
	size_t n = split(line, " \t", words);

	if (!n)
		return true;
	if (!strcmp(words[0], "host") && n == 2) {
		put(p->sim->name, sizeof(p->sim->name), "%s", words[1]);
		return true;
	}
	if (!strcmp(words[0], "driver-version") && n == 2) {
		put(p->sim->version, sizeof(p->sim->version), "%s", words[1]);
		return true;
	}
	if (!strcmp(words[0], "nvidia-smi") && n == 2 && !strcmp(words[1], "yes"))
		return p->sim->has_smi = true;
	if (p->sim->n_gpus && (!strcmp(words[0], "types") || !strcmp(words[0], "mig")))
		return bad(p, "%s after a gpu", words[0]);
	if (!strcmp(words[0], "types"))
		return read_types(p, words, n);
	if (!strcmp(words[0], "mig"))
		return read_mig(p, words, n);
	if (!strcmp(words[0], "bridge"))
		return read_bridge(p, words, n);
	if (!strcmp(words[0], "gpu"))
		return read_gpu(p, words, n);
	if (!strcmp(words[0], "device"))
		return read_device(p, words, n);
	return bad(p, "%s?", words[0]);
}

bool hostfile_load(struct sim *sim, const char *path)
{
	struct parser p = { .path = path, .sim = sim };
	char line[1024];
	bool ok = true;
	FILE *f;

	f = fopen(path, "re");
	if (!f) {
		fprintf(stderr, "vgpusim: %s: %s\n", path, strerror(errno));
		return false;
	}
	put(sim->version, sizeof(sim->version), "%s", DRIVER_VERSION);
	sim->gpus = xcalloc(GPUS_MAX, sizeof(*sim->gpus));
	while (ok && fgets(line, sizeof(line), f)) {
		p.line++;
		ok = read_line(&p, line);
	}
	fclose(f);
	if (ok && !sim->n_gpus)
		ok = bad(&p, "no gpu");
	if (!ok)
		hostfile_free(sim);
	return ok;
}

void hostfile_resize(struct sim *sim, unsigned n, unsigned vfs)
{
	size_t given = sim->n_gpus, i;

	if (n > GPUS_MAX)
		n = GPUS_MAX;
	if (n)
		sim->n_gpus = n;
	for (i = given; i < sim->n_gpus; i++) {
		uint32_t k = (uint32_t)(i - given), domain = 1 + k / 16;

		sim->gpus[i] = sim->gpus[given - 1];
		sim->gpus[i].port = domain << 16 | (1 + k % 16) << 3;
		sim->gpus[i].bdf = domain << 16 | (0x11 + k % 16) << 8;
		sim->gpus[i].numa = (int)(domain % 2);
	}
	for (i = 0; vfs && i < sim->n_gpus; i++) {
		if (sim->gpus[i].framework != FRAMEWORK_PF)
			sim->gpus[i].total_vfs = vfs > VFS_MAX ? VFS_MAX : vfs;
	}
}

void hostfile_free(struct sim *sim)
{
	size_t i;

	for (i = 0; i < sim->n_tables; i++)
		free(sim->tables[i].types);
	for (i = 0; i < sim->n_mig_tables; i++)
		free(sim->mig_tables[i].profiles);
	free(sim->mig_tables);
	free(sim->bridges);
	free(sim->tables);
	free(sim->gpus);
	free(sim->confs);
}
