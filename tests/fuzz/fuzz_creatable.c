/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <regex.h>
#include <stdio.h>

#include "fuzz.h"
#include "model/type_table.h"
#include "sysfs/vfio.h"

#define B "[ \t\r]" /* what counts as blank */
#define PAGE 4096

enum { TITLE, ID_FIRST, NAME_FIRST, FORMS };

struct meant {
	uint32_t id; /* 0: no type */
	char name[TYPE_NAME_SIZE];
};

static bool matches(int form, const char *line, regmatch_t *parts)
{
	static const char *const texts[FORMS] = {
		[TITLE] = "^" B "*[Ii][Dd]((" B "|:).*)?$",
		[ID_FIRST] = "^" B "*([0-9]+)" B "*:" B "*(.*[^ \t\r])" B "*$",
		[NAME_FIRST] =
			"^" B "*([^ \t\r].*[^ \t\r]|[^ \t\r])" B "+([0-9]+)" B "*$",
	};
	static regex_t made[FORMS];
	static bool is_made[FORMS];

	if (!is_made[form])
		must_hold(!regcomp(&made[form], texts[form], REG_EXTENDED));
	is_made[form] = true;
	return regexec(&made[form], line, 3, parts, 0) == 0;
}

/* What LINE means, by other means than the parser: false where it may be passed over. */
static bool read_meaning(const char *line, struct meant *ret)
{
	regmatch_t parts[3], *id, *name;
	struct profile ignored;
	size_t len;

	ret->id = 0;
	if (strspn(line, " \t\r") == strlen(line) || matches(TITLE, line, parts))
		return false;
	if (strchr(line, ':')) {
		if (!matches(ID_FIRST, line, parts))
			return true;
		id = &parts[1];
		name = &parts[2];
	} else {
		if (!matches(NAME_FIRST, line, parts))
			return true;
		id = &parts[2];
		name = &parts[1];
	}
	len = (size_t)(name->rm_eo - name->rm_so);
	if (len >= sizeof(ret->name))
		return true;
	memcpy(ret->name, line + name->rm_so, len);
	ret->name[len] = '\0';
	if (!fuzz_is_clean(ret->name) ||
	    (id == &parts[2] && !profile_parse(ret->name, &ignored)))
		return true;
	if (strtoull(line + id->rm_so, NULL, 10) <= UINT32_MAX)
		ret->id = (uint32_t)strtoull(line + id->rm_so, NULL, 10);
	return true;
}

static void listen(void *arg, const struct error *err)
{
	size_t *n = arg;

	++*n;
	fuzz_check_error(err);
	must_hold(!strncmp(err->message, "FILE", 4));
	must_hold(err->kind == ERROR_SYSTEM);
}

static size_t parse(char *text, struct vfio_types *ret)
{
	size_t told = 0;
	struct error err;

	must_hold(vfio_parse_creatable(text, "FILE", listen, &told, ret, &err) == 0);
	return told;
}

static bool was_there(const struct vfio_types *types, size_t n, uint32_t id)
{
	while (n--)
		if (types->types[n].id == id)
			return true;
	return false;
}

static void check_type(const struct vgpu_type *t, const struct meant *meant)
{
	const struct known_type *known = type_table_find(meant->name);

	must_hold(t->id == meant->id && !strcmp(t->name, meant->name));
	must_hold(!strcmp(t->profile, profile_short_name(t->name)));
	must_hold(!t->series || strchr("ABCQ", t->series));
	must_hold(!t->num_heads && !t->max_resolution[0]);
	must_hold(t->framebuffer_mib == (known ? known->framebuffer_mib : 0));
	must_hold(t->max_instances == (known ? known->max_instances : 0));
	must_hold(t->max_mixed == (known ? known->max_mixed : 0));
	must_hold(!strcmp(t->mig_profile,
			  known && known->mig_profile ? known->mig_profile : ""));
}

/* TEXT line by line; it is written to. */
static void check_all(char *text, const struct vfio_types *types, size_t told)
{
	size_t len = strlen(text), n = 0, refused = 0;
	struct meant meant;
	char *line;

	if (len && (len % PAGE == 0 || (len + 1) % PAGE == 0)) {
		line = strrchr(text, '\n');
		*(line ? line : text) = '\0';
		refused++;
	} else if ((len + 2) % PAGE == 0) {
		refused++;
	}
	while ((line = strsep(&text, "\n"))) {
		if (!read_meaning(line, &meant))
			continue;
		if (!meant.id || was_there(types, n, meant.id)) {
			refused++;
			continue;
		}
		must_hold(n < types->n);
		check_type(&types->types[n++], &meant);
	}
	must_hold(n == types->n && refused == told);
}

/* What a driver would write of TYPES is read as TYPES. */
static void check_again(const struct vfio_types *types)
{
	size_t i, len = 0, room = (types->n + 2) * (TYPE_NAME_SIZE + 32);
	_cleanup_(freep) char *text = malloc(room);
	struct vfio_types again = { NULL, 0 };

	must_hold(text);
	len += (size_t)snprintf(text, room, "ID    : vGPU Name\n");
	for (i = 0; i < types->n; i++)
		len += (size_t)snprintf(text + len, room - len, "%-5u : %s\n",
					types->types[i].id, types->types[i].name);
	while ((len + 2) % PAGE <= 2) { /* no page is to be full */
		text[len++] = '\n';
		text[len] = '\0';
	}
	must_hold(len < room && parse(text, &again) == 0 && again.n == types->n);
	for (i = 0; i < types->n; i++)
		must_hold(again.types[i].id == types->types[i].id &&
			  !strcmp(again.types[i].name, types->types[i].name));
	vfio_types_free(&again);
}

/* "\f" and a character stand for so many empty lines that what is behind them ends where
 * a page does, or up to three bytes before. */
static char *make_list(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size), *page;
	size_t len = strlen(text), end;

	if (text[0] != '\f' || !text[1])
		return text;
	end = PAGE - (unsigned char)text[1] % 4;
	if (len >= end)
		return text;
	page = malloc(end + 1);
	must_hold(page);
	memset(page, '\n', end);
	memcpy(page + end - (len - 2), text + 2, len - 2 + 1);
	free(text);
	return page;
}

/* A list of types, without its last newline. */
int fuzz_creatable(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = make_list(data, size),
			      *copy = make_list(data, size);
	struct vfio_types types = { NULL, 0 };
	size_t told = parse(text, &types);

	check_all(copy, &types, told);
	check_again(&types);
	vfio_types_free(&types);
	must_hold(!types.types && !types.n);
	return 0;
}
