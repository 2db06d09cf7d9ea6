/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/gpu_summary.h"
#include "out/json.h"
#include "pci/names.h"
#include "util/cleanup.h"

#define LOOK (SCAN_NAMES | SCAN_OTHERS | SCAN_GPUS | SCAN_TYPES | SCAN_STUCK)

DEFINE_CLEANUP(struct store *, store_close)
DEFINE_CLEANUP(struct saved *, saved_free)
DEFINE_CLEANUP(struct pci_names *, pci_names_close)

enum { OPT_CORDON = 0x200 };

static const struct argp_option options[] = {
	{ "cordon", OPT_CORDON, "on|off", 0,
	  "Whether it gets no new vGPUs; what it has, and what is on record for it, "
	  "stays and is restored",
	  0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

struct gpu_args {
	bool set, have_gpu, have_cordon, cordon;
	struct bdf gpu;
};

static error_t parse_argument(struct argp_state *state, struct gpu_args *a,
			      const char *arg)
{
	if (!a->set) {
		a->set = !strcmp(arg, "set");
		return a->set ? 0 : usage_error(state, "'%s' is not set", arg);
	}
	if (a->have_gpu)
		return usage_error(state, "more than one GPU: '%s'", arg);
	a->have_gpu = true;
	return parse_bdf_option(state, arg, &a->gpu);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct gpu_args *a = p->args;

	switch (key) {
	case OPT_CORDON:
		a->have_cordon = true;
		a->cordon = !strcmp(arg, "on");
		if (!a->cordon && strcmp(arg, "off") != 0)
			return usage_error(state, "--cordon: '%s' is not on or off", arg);
		return 0;
	case ARGP_KEY_ARG:
		return parse_argument(state, a, arg);
	case ARGP_KEY_END:
		if (!p->help && (!a->have_gpu || !a->have_cordon))
			return usage_error(state, "say: gpu set BDF --cordon on|off");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* One that is gone can still be named, as long as something is on record for it. */
static bool is_on_record(const struct saved *saved, const struct bdf *gpu)
{
	size_t i;

	for (i = 0; i < saved->n_vgpus; i++)
		if (bdf_equal(&saved->vgpus[i].gpu, gpu))
			return true;
	return saved_find_gpu(saved, gpu) != NULL;
}

/* In a transaction; 1 where it is as asked for already. */
static int change(struct store *store, const struct gpu_args *a, const struct gpu *gpu,
		  struct error *err)
{
	_cleanup_(pci_names_closep) struct pci_names *names = NULL;
	_cleanup_(saved_freep) struct saved *saved = NULL;
	struct saved_gpu wish = { .bdf = a->gpu };
	const struct saved_gpu *old;
	char name[BDF_SIZE];
	int r = store_load(store, &saved, err);

	if (r < 0)
		return r;
	old = saved_find_gpu(saved, &a->gpu);
	if ((old && old->cordoned) == a->cordon)
		return 1;
	if (old) {
		wish = *old;
	} else if (gpu) {
		wish.vendor = gpu->vendor;
		wish.device = gpu->device;
		names = pci_names_open();
		(void)pci_names_model(names, gpu->vendor, gpu->device, wish.model,
				      sizeof(wish.model));
	}
	wish.cordoned = a->cordon;
	r = store_put_gpu(store, &wish, err);
	if (r == 0)
		r = store_put_wishes(store, &wish, err);
	return r == 0 ? store_event(store, a->cordon ? "cordon" : "uncordon", EVENT_DONE,
				    NULL, bdf_format(&a->gpu, name), err)
		      : r;
}

static int set(struct context *ctx, const struct gpu_args *a, const struct view *view,
	       const struct gpu *gpu, struct error *err)
{
	_cleanup_(store_closep) struct store *store = NULL;
	int r = context_open_store(ctx, a->cordon ? STORE_CREATE : STORE_WRITE, &store,
				   err);

	if (r == -ENOENT)
		return 0; /* no record: nothing is cordoned */
	if (r == 0)
		r = store_begin(store, err);
	if (r < 0)
		return r;
	r = change(store, a, gpu, err);
	if (r == 0)
		r = store_commit(store, err);
	else
		store_rollback(store);
	if (r == 0)
		context_publish(ctx, store, view->host->machine_id);
	if (r == 1)
		context_publish_late(ctx, store, view->host->machine_id);
	return r < 0 ? r : 0;
}

static int print_json(const struct context *ctx, const struct view *view,
		      const struct gpu *gpu, struct error *err)
{
	_cleanup_(pci_names_closep) struct pci_names *names = pci_names_open();
	_cleanup_(usage_free) struct usage usage = { NULL, NULL };
	json_t *document, *gpus = json_array();
	struct gpu_summary summary;
	int r = usage_make(view->host, view->saved, &usage, err);

	if (r < 0) {
		json_decref(gpus);
		return r;
	}
	if (gpu) {
		size_t i = (size_t)(gpu - view->host->gpus);

		gpu_summarise(view, &usage, i, names, &summary);
		(void)json_array_append_new(gpus, gpu_json(view, i, &summary));
	}
	document = json_document("gpu", view->as_of, view->host);
	(void)json_object_set_new(document, "gpus", gpus);
	return context_print(ctx, document, err);
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = { options,   parse,
				   "set BDF", "Say what is wanted of a GPU.",
				   NULL,      NULL,
				   NULL };
	_cleanup_(view_close) struct view view = { .host = NULL };
	struct gpu_args a = { .set = false };
	struct gpu *gpu = NULL;
	char name[BDF_SIZE];
	int r = command_parse(ctx, &argp, argc, argv, &a, err);

	if (r)
		return r < 0 ? r : 0;
	ctx->recorded_as = "gpu set";
	ctx->changes = !ctx->dry_run;
	r = view_open(ctx, LOOK, &view, err);
	if (r == 0)
		gpu = host_find_gpu(view.host, &a.gpu);
	if (r == 0 && !gpu && !is_on_record(view.saved, &a.gpu))
		r = view_find_gpu(view.host, &a.gpu, &gpu, err);
	if (r == 0 && ctx->dry_run && !ctx->json && (!gpu || gpu->cordoned != a.cordon))
		printf("%s %s\n", a.cordon ? "cordon" : "uncordon",
		       bdf_format(&a.gpu, name));
	if (r == 0 && !ctx->dry_run)
		r = set(ctx, &a, &view, gpu, err);
	if (r < 0 || !ctx->json)
		return r;
	if (gpu && !ctx->dry_run)
		gpu->cordoned = a.cordon;
	return print_json(ctx, &view, gpu, err);
}

const struct command cmd_gpu = { "gpu", "say what is wanted of a GPU", run };
