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

static bool load_types(const struct parser *p, const char *file, const char *ids,
		       struct type_table *table)
{
	const char *slash = strrchr(p->path, '/');
	char path[4096], line[256];
	struct vgpu_type t;
	FILE *f;

	put(path, sizeof(path), "%.*s%s",
	    slash && *file != '/' ? (int)(slash - p->path) + 1 : 0, p->path, file);
	f = fopen(path, "re");
	if (!f)
		return bad(p, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f) && table->n < TYPES_MAX) {
		if (sscanf(line, "%u,%63[^,],%u,%u", &t.id, t.name, &t.framebuffer_mib,
			   &t.max_instance) != 4)
			continue; /* the header */
		if (ids && !listed(ids, t.id))
			continue;
		table->types = xrealloc(table->types, table->n + 1, sizeof(t));
		table->types[table->n++] = t;
	}
	fclose(f);
	return table->n ? true : bad(p, "%s: no types", path);
}

static bool read_types(const struct parser *p, char **words, size_t n)
{
	struct sim *sim = p->sim;
	struct type_table t = { 0 };

	if (n < 3)
		return bad(p, "types NAME FILE [ids=LIST]");
	put(t.name, sizeof(t.name), "%s", words[1]);
	if (!load_types(p, words[2], value(words, n, "ids"), &t))
		return false;
	sim->tables = xrealloc(sim->tables, sim->n_tables + 1, sizeof(t));
	sim->tables[sim->n_tables++] = t;
	return true;
}

static bool read_framework(const struct parser *p, const char *v, enum framework *ret)
{
	static const char *const names[] = { "mdev", "vfio", "pf" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (v && !strcmp(v, names[i])) {
			*ret = (enum framework)i;
			return true;
		}
	}
	return bad(p, "framework is mdev, vfio or pf");
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

static bool read_gpu(const struct parser *p, char **words, size_t n)
{
	const char *model = value(words, n, "model"), *driver = value(words, n, "driver");
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
	    !read_framework(p, value(words, n, "framework"), &gpu->framework))
		return false;
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
	if (!strcmp(words[0], "types"))
		return p->sim->n_gpus ? bad(p, "types after a gpu")
				      : read_types(p, words, n);
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
	free(sim->tables);
	free(sim->gpus);
	free(sim->confs);
}
