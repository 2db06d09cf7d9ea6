/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/gpu_summary.h"
#include "cmd/rows.h"
#include "cmd/words.h"
#include "host/holders.h"
#include "out/json.h"
#include "pci/names.h"
#include "util/cleanup.h"
#include "util/text.h"

#define SHORTEST_PREFIX 4

DEFINE_CLEANUP(struct pci_names *, pci_names_close)

struct show_args {
	const char *text;
};

/* What was asked for: vGPUs, and the GPU itself where that was named. */
struct shown {
	struct row *rows;
	struct holder *holders; /* one per row */
	size_t n;
	int gpu; /* index, -1: none */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct show_args *a = p->args;

	switch (key) {
	case ARGP_KEY_ARG:
		if (a->text)
			return usage_error(state, "more than one thing to show: '%s'",
					   arg);
		a->text = arg;
		return 0;
	case ARGP_KEY_END:
		if (!a->text && !p->help)
			return usage_error(state, "name a UUID, a GPU's address or a VM");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Keeps the rows on the GPU at BDF. */
static void keep_gpu(const struct view *view, struct shown *s, const struct bdf *bdf)
{
	char gpu[BDF_SIZE], parent[TYPE_DIR_SIZE], asked[BDF_SIZE];
	size_t i, n = 0;

	(void)bdf_format(bdf, asked);
	for (i = 0; i < s->n; i++) {
		row_place(view, &s->rows[i], gpu, parent);
		if (!strcmp(gpu, asked))
			s->rows[n++] = s->rows[i];
	}
	s->n = n;
}

static void keep_vm(struct shown *s, const char *vm)
{
	size_t i, n = 0;

	for (i = 0; i < s->n; i++)
		if (s->rows[i].saved && !strcmp(s->rows[i].saved->vm, vm))
			s->rows[n++] = s->rows[i];
	s->n = n;
}

static void keep_uuid(struct shown *s, const char *uuid)
{
	size_t i, n = 0;

	for (i = 0; i < s->n; i++)
		if (!strcmp(row_uuid(&s->rows[i]), uuid))
			s->rows[n++] = s->rows[i];
	s->n = n;
}

static bool is_vm(const struct saved *saved, const char *name)
{
	size_t i;

	for (i = 0; i < saved->n_vgpus; i++)
		if (!strcmp(saved->vgpus[i].vm, name))
			return true;
	return false;
}

/* An address, then a VM's name, then a UUID: so that a VM called "cafe" can be shown. */
static int choose(const struct view *view, const char *text, struct shown *s,
		  struct error *err)
{
	struct saved_vgpu *saved = NULL;
	struct live_vgpu *live = NULL;
	char shown[4 * VM_NAME_SIZE];
	struct gpu *gpu;
	struct bdf bdf;
	int r;

	if (bdf_parse(text, &bdf)) {
		r = view_find_gpu(view->host, &bdf, &gpu, err);
		if (r < 0)
			return r;
		s->gpu = (int)(gpu - view->host->gpus);
		keep_gpu(view, s, &bdf);
		return 0;
	}
	if (is_vm(view->saved, text)) {
		keep_vm(s, text);
		return 0;
	}
	r = view_find_vgpu(view, text, SHORTEST_PREFIX, &saved, &live, err);
	if (r == -EIO && err->kind == ERROR_USAGE && vm_name_is_valid(text) &&
	    !strstr(err->message, "beginning of")) {
		(void)error_set(err, ERROR_NOT_FOUND, 0, "no vGPU, GPU or VM '%s' here",
				text_escape(shown, sizeof(shown), text));
		error_hint(err, "'vgpumgr list' and 'vgpumgr gpus' show what there is");
		return -ENOENT;
	}
	if (r < 0)
		return r;
	keep_uuid(s, saved ? saved->uuid : live->uuid);
	return 0;
}

static int find_holders(struct context *ctx, struct shown *s, struct error *err)
{
	_cleanup_(freep) struct held_device *devices = calloc(s->n + 1, sizeof(*devices));
	size_t i;
	int r;

	s->holders = calloc(s->n + 1, sizeof(*s->holders));
	if (!devices || !s->holders)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "show");
	for (i = 0; i < s->n; i++) {
		const struct row *row = &s->rows[i];
		struct vgpu_id id =
			row->live ? vgpu_id_of_live(row->live) : vgpu_id_of(row->saved);

		devices[i] = held_device_of(&id);
	}
	r = holders_find(ctx->root_fd, devices, s->n, s->holders, err);
	for (i = 0; i < s->n && r == 0; i++)
		s->rows[i].in_use = s->holders[i].in_use;
	return r == -EACCES ? 0 : r; /* "in use" stays unknown */
}

static void line(const char *name, const char *value)
{
	char shown[1100];

	printf("%13s: %s\n", name, text_escape(shown, sizeof(shown), value));
}

static void print_record(const struct saved_vgpu *s)
{
	char text[VM_NAME_SIZE + 64];

	(void)snprintf(text, sizeof(text), "%s slot %u", s->vm, s->slot);
	line("VM", text);
	if (s->vm_uuid[0])
		line("VM UUID", s->vm_uuid);
	(void)snprintf(text, sizeof(text), "%s, id %u when last made", s->type_name,
		       s->type_id);
	line("type", text);
	if (s->driver_version[0])
		line("driver", s->driver_version);
	if (s->params[0])
		line("parameters", s->params);
	line("created", s->created_at);
	line("changed", s->changed_at);
}

static void print_row(const struct view *view, const struct row *row,
		      const struct holder *holder)
{
	char gpu[BDF_SIZE], parent[TYPE_DIR_SIZE], text[512];
	uint32_t mib =
		row->saved ? row->saved->framebuffer_mib : row->live->framebuffer_mib;
	const char *uuid = row_uuid(row);

	row_place(view, row, gpu, parent);
	printf("%s\n", *uuid ? uuid : "(no UUID)");
	line("state", vgpu_state_name(row->verdict.state));
	if (row->saved && row->verdict.reason)
		line("because", reason_sentence(row->saved, row->verdict.reason, text,
						sizeof(text)));
	(void)snprintf(text, sizeof(text), mib ? "%.96s, %u MiB" : "%.96s",
		       *row_profile(row) ? row_profile(row) : "unknown", mib);
	line("profile", text);
	(void)snprintf(text, sizeof(text), "%s on GPU %s", parent, *gpu ? gpu : "(none)");
	line("VF", text);
	if (row->saved)
		print_record(row->saved);
	if (row->in_use == 0)
		line("in use", "no");
	else if (row->in_use > 0)
		line("in use", holder_describe(holder, text, sizeof(text)));
	else
		line("in use", "unknown: other processes' files cannot be read");
}

static int print_gpu(const struct view *view, const struct gpu_summary *s, size_t index)
{
	const struct gpu *gpu = &view->host->gpus[index];
	char name[BDF_SIZE], text[128], memory[32];

	printf("%s\n", bdf_format(&gpu->bdf, name));
	line("model", s->model[0] ? s->model : "unknown");
	line("driver", gpu->driver[0] ? gpu->driver : "none");
	if (gpu->cordoned)
		line("cordoned", "yes: it gets no new vGPUs");
	(void)snprintf(text, sizeof(text), "%zu of %u, %s, %u wanted", gpu_vfs(gpu),
		       gpu->total_vfs, s->sriov_state, s->wanted_vfs);
	line("VFs", text);
	(void)snprintf(text, sizeof(text), "%s MiB by %u vGPUs",
		       gpu_memory_text(s, memory), s->n_vgpus);
	line("framebuffer", text);
	return 0;
}

/* As list has it, and what else there is to say. */
static json_t *shown_json(const struct view *view, const struct row *row)
{
	json_t *object = row_json(view, row);
	const struct saved_vgpu *s = row->saved;

	(void)json_object_set_new(object, "params", json_text(s ? s->params : NULL));
	(void)json_object_set_new(object, "driver_version",
				  json_text(s ? s->driver_version : NULL));
	return object;
}

static int print(struct context *ctx, const struct view *view, const struct shown *s,
		 struct error *err)
{
	_cleanup_(pci_names_closep) struct pci_names *names = NULL;
	_cleanup_(usage_free) struct usage usage = { NULL, NULL };
	json_t *document, *vgpus = json_array(), *gpus = json_array();
	struct gpu_summary summary;
	size_t i;
	int r = usage_make(view->host, view->saved, &usage, err);

	if (r == 0 && s->gpu >= 0) {
		names = pci_names_open();
		gpu_summarise(view, &usage, (size_t)s->gpu, names, &summary);
		(void)json_array_append_new(gpus,
					    gpu_json(view, (size_t)s->gpu, &summary));
		if (!ctx->json)
			r = print_gpu(view, &summary, (size_t)s->gpu);
	}
	for (i = 0; i < s->n; i++) {
		(void)json_array_append_new(vgpus, shown_json(view, &s->rows[i]));
		if (!ctx->json)
			print_row(view, &s->rows[i], &s->holders[i]);
	}
	if (r < 0 || !ctx->json) {
		json_decref(vgpus);
		json_decref(gpus);
		return r;
	}
	document = json_document("show", view->as_of, view->host);
	(void)json_object_set_new(document, "vgpus", vgpus);
	(void)json_object_set_new(document, "gpus", gpus);
	return context_print(ctx, document, err);
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = {
		NULL,
		parse,
		"UUID|GPU|VM",
		"Show everything about a vGPU, about a GPU and what is on "
		"it, or about a VM's vGPUs.",
		NULL,
		NULL,
		NULL
	};
	_cleanup_(view_close) struct view view = { .host = NULL };
	struct shown s = { .gpu = -1 };
	struct show_args a = { NULL };
	ssize_t n;
	int r = command_parse(ctx, &argp, argc, argv, &a, err);

	if (r)
		return r < 0 ? r : 0;
	r = view_open(ctx, SCAN_NAMES | SCAN_OTHERS | SCAN_GPUS | SCAN_TYPES | SCAN_STUCK,
		      &view, err);
	if (r < 0)
		return r;
	n = rows_make(&view, &s.rows, err);
	s.n = n > 0 ? (size_t)n : 0;
	r = n < 0 ? (int)n : choose(&view, a.text, &s, err);
	if (r == 0)
		r = find_holders(ctx, &s, err);
	if (r == 0)
		r = print(ctx, &view, &s, err);
	free(s.rows);
	free(s.holders);
	return r;
}

const struct command cmd_show = { "show", "show everything about a vGPU, a GPU or a VM",
				  run };
