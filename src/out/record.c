/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "out/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "out/json.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/text.h"

#define MAX_SIZE ((off_t)64 * 1024 * 1024)

DEFINE_CLEANUP(struct saved *, saved_free)

/* Where it is on its way to. */
static json_t *target_record(const struct saved_vgpu *v)
{
	if (!v->is_moving)
		return json_null();
	return json_pack("{s:o, s:o, s:I}", "gpu", json_bdf(&v->to_gpu), "vf",
			 json_bdf(&v->to_vf), "vf_index", (json_int_t)v->to_vf_index);
}

static json_t *vgpu_record(const struct saved_vgpu *v)
{
	return json_pack(
		"{s:s, s:s, s:o, s:I, s:s, s:s, s:I, s:I, s:s, s:o, s:o, s:I, s:s,"
		" s:o, s:s, s:s, s:o, s:o, s:o, s:s, s:o}",
		"uuid", v->uuid, "vm", v->vm, "vm_uuid", json_text(v->vm_uuid), "slot",
		(json_int_t)v->slot, "profile", v->profile, "type_name", v->type_name,
		"type_id", (json_int_t)v->type_id, "framebuffer_mib",
		(json_int_t)v->framebuffer_mib, "framework", framework_name(v->framework),
		"gpu", json_bdf(&v->gpu), "vf", json_bdf(&v->vf), "vf_index",
		(json_int_t)v->vf_index, "state", saved_state_name(v->state), "boot_id",
		json_text(v->boot_id), "created_at", v->created_at, "changed_at",
		v->changed_at, "params", json_text(v->params), "placement_id",
		v->has_placement_id ? json_integer(v->placement_id) : json_null(),
		"driver_version", json_text(v->driver_version), "attached",
		framework_name(v->attached ? v->attached : v->framework), "moving_to",
		target_record(v));
}

static json_t *gpu_record(const struct saved_gpu *g)
{
	return json_pack("{s:o, s:o, s:I, s:I, s:I, s:b, s:o, s:o}", "address",
			 json_bdf(&g->bdf), "model", json_text(g->model), "vendor",
			 (json_int_t)g->vendor, "device", (json_int_t)g->device,
			 "wanted_vfs", (json_int_t)g->wanted_vfs, "cordoned", g->cordoned,
			 "heterogeneous",
			 g->heterogeneous ? json_boolean(g->heterogeneous == WISH_ON)
					  : json_null(),
			 "mig", json_text(g->mig));
}

json_t *record_document(const struct saved *saved, const char *machine_id)
{
	_cleanup_(json_decrefp) json_t *vgpus = json_array(), *gpus = json_array();
	char now[TIME_SIZE];
	size_t i;

	for (i = 0; i < saved->n_vgpus; i++)
		if (json_array_append_new(vgpus, vgpu_record(&saved->vgpus[i])) < 0)
			return NULL;
	for (i = 0; i < saved->n_gpus; i++)
		if (json_array_append_new(gpus, gpu_record(&saved->gpus[i])) < 0)
			return NULL;
	return json_pack("{s:i, s:s, s:s, s:I, s:o, s:O, s:O}", "schema_version",
			 JSON_SCHEMA_VERSION, "as_of", clock_now(now, sizeof(now)),
			 "store_id", saved->store_id, "generation",
			 (json_int_t)saved->generation, "machine_id",
			 json_text(machine_id), "vgpus", vgpus, "gpus", gpus);
}

char *record_text(const struct saved *saved, const char *machine_id)
{
	_cleanup_(json_decrefp) json_t *document = record_document(saved, machine_id);
	_cleanup_(freep) char *text =
		document ? json_dumps(document, JSON_INDENT(1)) : NULL;
	size_t length = text ? strlen(text) : 0;
	char *grown = text ? realloc(text, length + 2) : NULL;

	if (!grown)
		return NULL;
	text = NULL;
	memcpy(grown + length, "\n", 2);
	return grown;
}

/* One object that is being read. The first key that is missing or malformed stays. */
struct reader {
	json_t *object;
	const char *bad;
};

static void reject(struct reader *r, const char *key)
{
	if (!r->bad)
		r->bad = key;
}

/* The text of KEY; "" for null where that may be. */
static void get(struct reader *r, const char *key, bool nullable, char *buf, size_t size)
{
	json_t *value = json_object_get(r->object, key);
	const char *text = json_string_value(value);

	buf[0] = '\0';
	if (nullable && value && json_is_null(value))
		return;
	if (!text || (!nullable && !*text) || strlen(text) != json_string_length(value) ||
	    !text_is_printable(text, strlen(text)) || !text_copy(buf, size, text))
		reject(r, key);
}

static void get_number(struct reader *r, const char *key, uint32_t *ret)
{
	json_t *value = json_object_get(r->object, key);
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value) || number < 0 || number > UINT32_MAX)
		reject(r, key);
	*ret = (uint32_t)number;
}

static void get_bdf(struct reader *r, const char *key, struct bdf *ret)
{
	const char *text = json_string_value(json_object_get(r->object, key));

	if (!text || !bdf_parse(text, ret))
		reject(r, key);
}

static void get_uuid(struct reader *r, const char *key, bool nullable,
		     char buf[UUID_SIZE])
{
	char text[UUID_SIZE];

	get(r, key, nullable, text, sizeof(text));
	buf[0] = '\0';
	if (text[0] && !uuid_normalise(text, buf))
		reject(r, key);
}

/* Is KEY there?  An earlier vgpumgr, whose document is read as well, did not write it. */
static bool has(const struct reader *r, const char *key)
{
	return json_object_get(r->object, key) != NULL;
}

static bool has_value(const struct reader *r, const char *key)
{
	return has(r, key) && !json_is_null(json_object_get(r->object, key));
}

static bool get_switch(struct reader *r, const char *key)
{
	json_t *value = json_object_get(r->object, key);

	if (!json_is_boolean(value))
		reject(r, key);
	return json_is_true(value);
}

static void get_params(struct reader *r, const char *key, char ret[PARAMS_SIZE])
{
	char text[PARAMS_SIZE], bad[PARAMS_BAD_SIZE];

	get(r, key, true, text, sizeof(text));
	if (text[0] &&
	    (params_normalise(text, ret, bad) != PARAMS_FINE || strcmp(text, ret) != 0))
		reject(r, key);
}

/* Only what is on its way out is on its way to somewhere. */
static void read_target(struct reader *r, struct saved_vgpu *v)
{
	struct reader to = { .object = json_object_get(r->object, "moving_to") };

	get_bdf(&to, "gpu", &v->to_gpu);
	get_bdf(&to, "vf", &v->to_vf);
	get_number(&to, "vf_index", &v->to_vf_index);
	v->is_moving = true;
	if (to.bad || v->state != SAVED_REMOVING)
		reject(r, "moving_to");
}

/* What earlier records do not have. */
static void read_more(struct reader *r, struct saved_vgpu *v)
{
	char attached[8];

	v->attached = v->framework;
	if (has(r, "params"))
		get_params(r, "params", v->params);
	v->has_placement_id = has_value(r, "placement_id");
	if (v->has_placement_id)
		get_number(r, "placement_id", &v->placement_id);
	if (has(r, "driver_version"))
		get(r, "driver_version", true, v->driver_version,
		    sizeof(v->driver_version));
	if (has(r, "attached")) {
		get(r, "attached", false, attached, sizeof(attached));
		if (!framework_parse(attached, &v->attached))
			reject(r, "attached");
	}
	if (has_value(r, "moving_to"))
		read_target(r, v);
}

static void read_vgpu(struct reader *r, struct saved_vgpu *v)
{
	char framework[8], state[16];

	*v = (struct saved_vgpu){ .row = 0 };
	get_uuid(r, "uuid", false, v->uuid);
	get(r, "vm", false, v->vm, sizeof(v->vm));
	if (!vm_name_is_valid(v->vm))
		reject(r, "vm");
	get_uuid(r, "vm_uuid", true, v->vm_uuid);
	get_number(r, "slot", &v->slot);
	get(r, "profile", false, v->profile, sizeof(v->profile));
	get(r, "type_name", false, v->type_name, sizeof(v->type_name));
	get_number(r, "type_id", &v->type_id);
	get_number(r, "framebuffer_mib", &v->framebuffer_mib);
	get(r, "framework", false, framework, sizeof(framework));
	if (!framework_parse(framework, &v->framework))
		reject(r, "framework");
	get_bdf(r, "gpu", &v->gpu);
	get_bdf(r, "vf", &v->vf);
	get_number(r, "vf_index", &v->vf_index);
	get(r, "state", false, state, sizeof(state));
	if (!saved_state_parse(state, &v->state))
		reject(r, "state");
	get(r, "boot_id", true, v->boot_id, sizeof(v->boot_id));
	get(r, "created_at", false, v->created_at, sizeof(v->created_at));
	get(r, "changed_at", false, v->changed_at, sizeof(v->changed_at));
	read_more(r, v);
}

static void read_gpu(struct reader *r, struct saved_gpu *g)
{
	*g = (struct saved_gpu){ .wanted_vfs = 0 };
	get_bdf(r, "address", &g->bdf);
	get(r, "model", true, g->model, sizeof(g->model));
	get_number(r, "vendor", &g->vendor);
	get_number(r, "device", &g->device);
	get_number(r, "wanted_vfs", &g->wanted_vfs);
	if (has(r, "cordoned"))
		g->cordoned = get_switch(r, "cordoned");
	if (has_value(r, "heterogeneous"))
		g->heterogeneous = get_switch(r, "heterogeneous") ? WISH_ON : WISH_OFF;
	if (has(r, "mig"))
		get(r, "mig", true, g->mig, sizeof(g->mig));
}

static int refuse(struct error *err, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct error *err, const char *what, const char *fmt, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	(void)error_set(err, ERROR_STORE, 0, "%s is no record of vgpumgr's: %s", what,
			why);
	return -EPROTO;
}

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_SYSTEM, ENOMEM, "read a record");
}

/* Orders that bring next to each other what may not be twice. */
static int by_uuid(const void *a, const void *b)
{
	return strcmp(((const struct saved_vgpu *)a)->uuid,
		      ((const struct saved_vgpu *)b)->uuid);
}

static int by_owner(const void *a, const void *b)
{
	const struct saved_vgpu *x = a, *y = b;
	int order = strcmp(x->vm, y->vm);

	return order ? order : (x->slot > y->slot) - (x->slot < y->slot);
}

/* A GPU from before SR-IOV is its own parent and holds several. */
static int by_vf(const void *a, const void *b)
{
	const struct saved_vgpu *x = a, *y = b;
	int order = bdf_compare(&x->vf, &y->vf);

	return order || !bdf_equal(&x->vf, &x->gpu) ? order : strcmp(x->uuid, y->uuid);
}

static int gpus_by_bdf(const void *a, const void *b)
{
	return bdf_compare(&((const struct saved_gpu *)a)->bdf,
			   &((const struct saved_gpu *)b)->bdf);
}

static int check_unique(struct saved *saved, const char *what, struct error *err)
{
	static const struct {
		int (*order)(const void *a, const void *b);
		const char *words;
	} keys[] = {
		{ by_uuid, "a UUID" },
		{ by_owner, "a slot of a VM" },
		{ by_vf, "a virtual function" },
		{ saved_compare_place, NULL }, /* the order to leave them in */
	};
	size_t i, k;

	for (k = 0; k < ARRAY_SIZE(keys) && saved->n_vgpus; k++) {
		qsort(saved->vgpus, saved->n_vgpus, sizeof(*saved->vgpus), keys[k].order);
		for (i = 1; keys[k].words && i < saved->n_vgpus; i++)
			if (!keys[k].order(&saved->vgpus[i - 1], &saved->vgpus[i]))
				return refuse(err, what, "%s comes twice, for %s and %s",
					      keys[k].words, saved->vgpus[i - 1].uuid,
					      saved->vgpus[i].uuid);
	}
	if (saved->n_gpus)
		qsort(saved->gpus, saved->n_gpus, sizeof(*saved->gpus), gpus_by_bdf);
	for (i = 1; i < saved->n_gpus; i++)
		if (bdf_equal(&saved->gpus[i - 1].bdf, &saved->gpus[i].bdf))
			return refuse(err, what, "a GPU comes twice");
	return 0;
}

static int read_arrays(json_t *vgpus, json_t *gpus, struct saved *saved, const char *what,
		       struct error *err)
{
	struct reader r = { .bad = NULL };

	if (!json_is_array(vgpus) || !json_is_array(gpus))
		return refuse(err, what, "it has no 'vgpus' or no 'gpus'");
	saved->vgpus = calloc(json_array_size(vgpus) + 1, sizeof(*saved->vgpus));
	saved->gpus = calloc(json_array_size(gpus) + 1, sizeof(*saved->gpus));
	if (!saved->vgpus || !saved->gpus)
		return no_memory(err);
	while (saved->n_vgpus < json_array_size(vgpus) && !r.bad) {
		r.object = json_array_get(vgpus, saved->n_vgpus);
		read_vgpu(&r, &saved->vgpus[saved->n_vgpus]);
		if (r.bad)
			return refuse(err, what, "vgpus[%zu]: '%s' is malformed",
				      saved->n_vgpus, r.bad);
		saved->n_vgpus++;
	}
	while (saved->n_gpus < json_array_size(gpus) && !r.bad) {
		r.object = json_array_get(gpus, saved->n_gpus);
		read_gpu(&r, &saved->gpus[saved->n_gpus]);
		if (r.bad)
			return refuse(err, what, "gpus[%zu]: '%s' is malformed",
				      saved->n_gpus, r.bad);
		saved->n_gpus++;
	}
	return check_unique(saved, what, err);
}

static int read_document(json_t *document, const char *what, struct saved *saved,
			 struct error *err)
{
	struct reader r = { .object = document };
	json_t *generation = json_object_get(document, "generation");
	uint32_t version;

	get_number(&r, "schema_version", &version);
	if (!r.bad && version != JSON_SCHEMA_VERSION)
		return refuse(err, what, "its schema_version is %u, not %d", version,
			      JSON_SCHEMA_VERSION);
	get(&r, "as_of", false, saved->as_of, sizeof(saved->as_of));
	get_uuid(&r, "store_id", false, saved->store_id);
	get(&r, "machine_id", true, saved->machine_id, sizeof(saved->machine_id));
	if (!json_is_integer(generation) || json_integer_value(generation) < 0 ||
	    json_integer_value(generation) > SAVED_MAX_GENERATION)
		reject(&r, "generation");
	if (r.bad)
		return refuse(err, what, "'%s' is missing or malformed", r.bad);
	saved->generation = (uint64_t)json_integer_value(generation);
	return read_arrays(json_object_get(document, "vgpus"),
			   json_object_get(document, "gpus"), saved, what, err);
}

int record_parse(const char *text, size_t length, const char *what, struct saved **ret,
		 struct error *err)
{
	_cleanup_(saved_freep) struct saved *saved = calloc(1, sizeof(*saved));
	json_error_t where;
	char shown[224];
	_cleanup_(json_decrefp) json_t *document =
		json_loadb(text, length, JSON_REJECT_DUPLICATES, &where);
	int r;

	if (!saved)
		return no_memory(err);
	if (!document)
		return json_lacked_memory() ||
				       json_error_code(&where) == json_error_out_of_memory
			       ? no_memory(err)
			       : refuse(err, what, "line %d: %s", where.line,
					text_escape(shown, sizeof(shown), where.text));
	r = read_document(document, what, saved, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(saved);
	return 0;
}

int record_read(int fd, const char *what, struct saved **ret, struct error *err)
{
	_cleanup_(freep) char *text = NULL;
	size_t length = 0;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "read %s", what);
	if (!S_ISREG(st.st_mode) || st.st_size > MAX_SIZE)
		return refuse(err, what, "it is %s",
			      S_ISREG(st.st_mode) ? "too large" : "no regular file");
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return no_memory(err);
	while (length < (size_t)st.st_size) {
		ssize_t n = pread(fd, text + length, (size_t)st.st_size - length,
				  (off_t)length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, ERROR_SYSTEM, errno, "read %s", what);
		if (!n)
			break;
		length += (size_t)n;
	}
	return record_parse(text, length, what, ret, err);
}

uint64_t record_parse_head(const char *head)
{
	static const char key[] = "\"generation\": ";
	const char *found = strstr(head, key);
	uint64_t generation;
	char number[24];
	size_t n;

	if (!found)
		return 0;
	found += sizeof(key) - 1;
	n = strspn(found, "0123456789");
	if (n >= sizeof(number))
		return 0;
	memcpy(number, found, n);
	number[n] = '\0';
	return parse_u64(number, &generation) &&
			       generation <= (uint64_t)SAVED_MAX_GENERATION
		       ? generation
		       : 0;
}

uint64_t record_peek_generation(int dir_fd, const char *name)
{
	_cleanup_(closep) int fd =
		openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char head[512];
	ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof(head) - 1, 0);

	head[n < 0 ? 0 : n] = '\0';
	return record_parse_head(head);
}
