/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "out/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "out/json.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/text.h"

#define RUN_DIR "run/vgpumgr"
#define INVENTORY "inventory.json"
#define MAX_SIZE (64 * 1024 * 1024)

DEFINE_CLEANUP(struct saved *, saved_free)

static json_t *vgpu_record(const struct saved_vgpu *v)
{
	return json_pack(
		"{s:s, s:s, s:o, s:I, s:s, s:s, s:I, s:I, s:s, s:o, s:o, s:I, s:s,"
		" s:o, s:s, s:s}",
		"uuid", v->uuid, "vm", v->vm, "vm_uuid", json_text(v->vm_uuid), "slot",
		(json_int_t)v->slot, "profile", v->profile, "type_name", v->type_name,
		"type_id", (json_int_t)v->type_id, "framebuffer_mib",
		(json_int_t)v->framebuffer_mib, "framework", framework_name(v->framework),
		"gpu", json_bdf(&v->gpu), "vf", json_bdf(&v->vf), "vf_index",
		(json_int_t)v->vf_index, "state", saved_state_name(v->state), "boot_id",
		json_text(v->boot_id), "created_at", v->created_at, "changed_at",
		v->changed_at);
}

static json_t *gpu_record(const struct saved_gpu *g)
{
	return json_pack("{s:o, s:o, s:I, s:I, s:I}", "address", json_bdf(&g->bdf),
			 "model", json_text(g->model), "vendor", (json_int_t)g->vendor,
			 "device", (json_int_t)g->device, "wanted_vfs",
			 (json_int_t)g->wanted_vfs);
}

static json_t *record(const struct saved *saved, const char *machine_id)
{
	json_t *vgpus = json_array(), *gpus = json_array();
	char now[TIME_SIZE];
	size_t i;

	for (i = 0; i < saved->n_vgpus; i++)
		(void)json_array_append_new(vgpus, vgpu_record(&saved->vgpus[i]));
	for (i = 0; i < saved->n_gpus; i++)
		(void)json_array_append_new(gpus, gpu_record(&saved->gpus[i]));
	return json_pack("{s:i, s:s, s:s, s:I, s:o, s:o, s:o}", "schema_version",
			 JSON_SCHEMA_VERSION, "as_of", clock_now(now, sizeof(now)),
			 "store_id", saved->store_id, "generation",
			 (json_int_t)saved->generation, "machine_id",
			 json_text(machine_id), "vgpus", vgpus, "gpus", gpus);
}

static int write_all(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		left -= (size_t)n;
	}
	return 0;
}

/* Replaces DIR_FD/NAME whole or not at all. */
static int replace(int dir_fd, const char *name, mode_t mode, const char *text,
		   struct error *err)
{
	char temporary[64];
	int r;

	(void)snprintf(temporary, sizeof(temporary), ".%.40s.%d", name, (int)getpid());

	_cleanup_(closep) int fd =
		openat(dir_fd, temporary,
		       O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);

	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "write %s", name);
	r = write_all(fd, text);
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (r == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	(void)unlinkat(dir_fd, temporary, 0);
	return error_set(err, ERROR_SYSTEM, -r, "write %s", name);
}

int publish_run_file(int root_fd, const char *name, const char *text, struct error *err)
{
	_cleanup_(closep) int dir_fd = -1;

	if ((mkdirat(root_fd, "run", 0755) < 0 && errno != EEXIST) ||
	    (mkdirat(root_fd, RUN_DIR, 0755) < 0 && errno != EEXIST))
		return error_set(err, ERROR_SYSTEM, errno, "make directory " RUN_DIR);
	dir_fd = openat(root_fd, RUN_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir_fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open " RUN_DIR);
	return replace(dir_fd, name, 0644, text, err);
}

int publish(int root_fd, const struct store_place *place, const struct saved *saved,
	    const char *machine_id, struct error *err)
{
	_cleanup_(json_decrefp) json_t *document = record(saved, machine_id);
	_cleanup_(freep) char *text =
		document ? json_dumps(document, JSON_INDENT(1)) : NULL;
	_cleanup_(closep) int dir_fd = -1;
	struct error inner;
	int r, run;

	if (!text)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "write backup.json");
	dir_fd = openat(place->root_fd, place->dir,
			O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	r = dir_fd < 0 ? error_set(err, ERROR_SYSTEM, errno, "open %s", place->dir)
		       : replace(dir_fd, "backup.json", 0600, text, err);
	run = publish_run_file(root_fd, INVENTORY, text, &inner);
	if (r == 0 && run < 0 && err)
		*err = inner;
	return r < 0 ? r : run;
}

static bool get(json_t *object, const char *key, char *buf, size_t size)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text_copy(buf, size, text ? text : "");
}

static bool get_number(json_t *object, const char *key, uint32_t *ret)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	*ret = (uint32_t)value;
	return value >= 0 && value <= UINT32_MAX;
}

static bool get_bdf(json_t *object, const char *key, struct bdf *ret)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && bdf_parse(text, ret);
}

static bool read_vgpu(json_t *o, struct saved_vgpu *v)
{
	char framework[8], state[16];

	*v = (struct saved_vgpu){ .row = 0 };
	if (!get(o, "uuid", v->uuid, sizeof(v->uuid)) ||
	    !get(o, "vm", v->vm, sizeof(v->vm)) ||
	    !get(o, "vm_uuid", v->vm_uuid, sizeof(v->vm_uuid)) ||
	    !get_number(o, "slot", &v->slot) ||
	    !get(o, "profile", v->profile, sizeof(v->profile)) ||
	    !get(o, "type_name", v->type_name, sizeof(v->type_name)) ||
	    !get_number(o, "type_id", &v->type_id) ||
	    !get_number(o, "framebuffer_mib", &v->framebuffer_mib) ||
	    !get(o, "framework", framework, sizeof(framework)) ||
	    !get_bdf(o, "gpu", &v->gpu) || !get_bdf(o, "vf", &v->vf) ||
	    !get_number(o, "vf_index", &v->vf_index) ||
	    !get(o, "state", state, sizeof(state)) ||
	    !get(o, "boot_id", v->boot_id, sizeof(v->boot_id)) ||
	    !get(o, "created_at", v->created_at, sizeof(v->created_at)) ||
	    !get(o, "changed_at", v->changed_at, sizeof(v->changed_at)))
		return false;
	v->framework = !strcmp(framework, "vfio") ? FRAMEWORK_VFIO : FRAMEWORK_MDEV;
	return saved_state_parse(state, &v->state);
}

static bool read_gpu(json_t *o, struct saved_gpu *g)
{
	*g = (struct saved_gpu){ .wanted_vfs = 0 };
	return get_bdf(o, "address", &g->bdf) &&
	       get(o, "model", g->model, sizeof(g->model)) &&
	       get_number(o, "vendor", &g->vendor) &&
	       get_number(o, "device", &g->device) &&
	       get_number(o, "wanted_vfs", &g->wanted_vfs);
}

/* False where the document is not what publish() writes. */
static bool read_record(json_t *document, struct saved *saved)
{
	json_t *vgpus = json_object_get(document, "vgpus"), *item;
	json_t *gpus = json_object_get(document, "gpus");
	size_t i;

	saved->vgpus = calloc(json_array_size(vgpus) + 1, sizeof(*saved->vgpus));
	saved->gpus = calloc(json_array_size(gpus) + 1, sizeof(*saved->gpus));
	if (!saved->vgpus || !saved->gpus || !json_is_array(vgpus) ||
	    !json_is_array(gpus) ||
	    !get(document, "as_of", saved->as_of, sizeof(saved->as_of)) ||
	    !saved->as_of[0])
		return false;
	json_array_foreach(
		vgpus, i,
		item) if (!read_vgpu(item, &saved->vgpus[saved->n_vgpus++])) return false;
	json_array_foreach(
		gpus, i,
		item) if (!read_gpu(item, &saved->gpus[saved->n_gpus++])) return false;
	saved->generation =
		(uint64_t)json_integer_value(json_object_get(document, "generation"));
	return get(document, "store_id", saved->store_id, sizeof(saved->store_id));
}

int publish_read(int root_fd, struct saved **ret, struct error *err)
{
	_cleanup_(saved_freep) struct saved *saved = calloc(1, sizeof(*saved));
	_cleanup_(json_decrefp) json_t *document = NULL;
	_cleanup_(closep) int fd = openat(root_fd, RUN_DIR "/" INVENTORY,
					  O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open " RUN_DIR "/" INVENTORY);
	if (!saved)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "read " INVENTORY);
	if (S_ISREG(st.st_mode) && st.st_size <= MAX_SIZE)
		document = json_loadfd(fd, 0, NULL);
	if (!document || !read_record(document, saved))
		return error_set(err, ERROR_SYSTEM, EPROTO,
				 RUN_DIR "/" INVENTORY " is not what vgpumgr publishes");
	if (saved->n_vgpus)
		qsort(saved->vgpus, saved->n_vgpus, sizeof(*saved->vgpus),
		      saved_compare_place);
	*ret = TAKE_PTR(saved);
	return 0;
}
