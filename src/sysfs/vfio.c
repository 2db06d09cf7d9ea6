/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sysfs/vfio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/type_table.h"
#include "sysfs/pci.h"
#include "util/cleanup.h"
#include "util/text.h"

#define CREATABLE "nvidia/creatable_vgpu_types"
#define SMALLEST_PAGE 4096
#define LARGEST_PAGE 65536 /* arm64's and ppc64's, where they are configured so */

int vfio_current_type(int devices_fd, const char *name, uint32_t *ret, struct error *err)
{
	char path[64];
	uint64_t value;
	int r;

	(void)snprintf(path, sizeof(path), "%s/nvidia/current_vgpu_type", name);
	r = sysfs_read_u64(devices_fd, path, &value, err);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (value > UINT32_MAX)
		return error_set(err, ERROR_SYSTEM, EPROTO,
				 "%s/nvidia/current_vgpu_type is "
				 "no type id",
				 name);
	*ret = (uint32_t)value;
	return 1;
}

int vfio_write_type(int root_fd, const struct bdf *vf, uint32_t id, struct error *err)
{
	char path[128], name[BDF_SIZE], text[16];

	(void)snprintf(path, sizeof(path), PCI_DEVICES "/%s/nvidia/current_vgpu_type",
		       bdf_format(vf, name));
	(void)snprintf(text, sizeof(text), "%u", id);
	return sysfs_write(root_fd, path, text, err);
}

void vfio_types_free(struct vfio_types *types)
{
	free(types->types);
	*types = (struct vfio_types){ NULL, 0 };
}

/* A list that is being read. */
struct reading {
	const char *path;
	void (*warn)(void *arg, const struct error *err);
	void *arg;
	size_t line; /* its number, from 1 on */
	struct vfio_types types;
	size_t room;
};

/* Tells of the line, which is SHOWN. */
static void tell_line(const struct reading *reading, const char *what, const char *shown)
{
	struct error err;

	if (!reading->warn)
		return;
	(void)error_set(&err, ERROR_SYSTEM, EPROTO, "%s: line %zu %s ('%s')",
			reading->path, reading->line, what, shown);
	reading->warn(reading->arg, &err);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts off blanks at both ends. */
static char *trim(char *text)
{
	size_t len;

	while (is_blank(*text))
		text++;
	for (len = strlen(text); len && is_blank(text[len - 1]);)
		len--;
	text[len] = '\0';
	return text;
}

/* "ID    : vGPU Name" */
static bool is_title(const char *line)
{
	return text_starts_nocase(line, "ID") &&
	       (!line[2] || line[2] == ':' || is_blank(line[2]));
}

/* Cuts "NVIDIA A40-1Q 557" in two; a name may end in a number of its own, so what stands
 * before the id has to be a profile's. NULL where it is none. */
static char *split_id(char *line)
{
	char *id = line + strlen(line);
	struct profile ignored;

	while (id > line && !is_blank(id[-1]))
		id--;
	if (id == line)
		return NULL;
	id[-1] = '\0';
	return profile_parse(trim(line), &ignored) ? id : NULL;
}

/* One line without blanks around it, which is written to. */
static bool parse_line(char *line, struct vgpu_type *ret)
{
	char *colon = strchr(line, ':'), *name = line, *id;
	uint32_t value;

	if (colon) {
		*colon = '\0';
		name = colon + 1;
		id = trim(line);
	} else {
		id = split_id(line);
	}
	return id && parse_u32(id, &value) && value &&
	       vgpu_type_parse(value, trim(name), "", ret);
}

static bool has_id(const struct vfio_types *types, uint32_t id)
{
	size_t i;

	for (i = 0; i < types->n; i++)
		if (types->types[i].id == id)
			return true;
	return false;
}

static bool add_type(struct reading *reading, const struct vgpu_type *type)
{
	struct vfio_types *types = &reading->types;

	if (types->n == reading->room) {
		size_t more = reading->room ? reading->room * 2 : 32;
		struct vgpu_type *grown =
			reallocarray(types->types, more, sizeof(*grown));

		if (!grown)
			return false;
		types->types = grown;
		reading->room = more;
	}
	types->types[types->n] = *type;
	type_table_complete(&types->types[types->n++]);
	return true;
}

/* False for want of memory alone. */
static bool read_line(struct reading *reading, char *line)
{
	struct vgpu_type type;
	char shown[160];

	reading->line++;
	line = trim(line);
	if (!*line || is_title(line))
		return true;
	(void)text_escape(shown, sizeof(shown), line);
	if (!parse_line(line, &type)) {
		tell_line(reading, "is no vGPU type", shown);
		return true;
	}
	if (has_id(&reading->types, type.id)) {
		tell_line(reading, "has the id of a line before it", shown);
		return true;
	}
	return add_type(reading, &type);
}

/* What is below /sys is at most a page less one byte (fs/sysfs/file.c), and a driver that
 * has more to say is cut off there. Pages are multiples of the smallest. Where TEXT is
 * that long, it is told, and a last line without its newline is cut off: it may be half a
 * name, that of another type. */
static void check_page(const struct reading *reading, char *text)
{
	size_t len = strlen(text), over = (len + 2) % SMALLEST_PAGE;
	char *last = strrchr(text, '\n');
	struct error err;

	if (len + 2 < SMALLEST_PAGE || over > 2)
		return;
	if (over) /* else there was a newline, which sysfs_read() has dropped */
		*(last ? last : text) = '\0';
	if (!reading->warn)
		return;
	(void)error_set(&err, ERROR_SYSTEM, 0,
			"%s is as long as a file there can be: "
			"types at its end may be missing",
			reading->path);
	reading->warn(reading->arg, &err);
}

int vfio_parse_creatable(char *text, const char *path,
			 void (*warn)(void *arg, const struct error *err), void *arg,
			 struct vfio_types *ret, struct error *err)
{
	struct reading reading = { .path = path, .warn = warn, .arg = arg };

	check_page(&reading, text);
	while (text) {
		char *line = strsep(&text, "\n");

		if (!read_line(&reading, line)) {
			vfio_types_free(&reading.types);
			return error_set(err, ERROR_SYSTEM, ENOMEM, "read %s", path);
		}
	}
	*ret = reading.types;
	return 0;
}

int vfio_read_creatable(int vf_fd, void (*warn)(void *arg, const struct error *err),
			void *arg, struct vfio_types *ret, struct error *err)
{
	_cleanup_(freep) char *text = malloc(LARGEST_PAGE + 1);
	char path[512];
	int r;

	if (!text)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "read " CREATABLE);
	r = sysfs_read(vf_fd, CREATABLE, text, LARGEST_PAGE + 1, err);
	if (r < 0)
		return r;
	return vfio_parse_creatable(text,
				    sysfs_path(vf_fd, CREATABLE, path, sizeof(path)),
				    warn, arg, ret, err);
}

int vfio_read_text(int vf_fd, const char *attr, char *buf, size_t size, struct error *err)
{
	char path[64], whole[512];
	int r;

	(void)snprintf(path, sizeof(path), "nvidia/%s", attr);
	r = sysfs_read(vf_fd, path, buf, size, err);
	if (r < 0 && r != -ENXIO && r != -ENOENT)
		return r;
	if (r < 0 || !buf[strspn(buf, " \t\r\n")]) {
		buf[0] = '\0';
		return 0;
	}
	if (!text_is_printable(buf, strlen(buf)))
		return error_set(err, ERROR_SYSTEM, EPROTO, "%s holds what is no text",
				 sysfs_path(vf_fd, path, whole, sizeof(whole)));
	return 1;
}
