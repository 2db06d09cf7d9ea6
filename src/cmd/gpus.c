/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include "cmd/cmd.h"
#include "cmd/gpu_summary.h"
#include "out/json.h"
#include "out/table.h"
#include "pci/names.h"
#include "util/cleanup.h"

DEFINE_CLEANUP(struct table *, table_free)
DEFINE_CLEANUP(struct pci_names *, pci_names_close)

static int add_line(struct table *table, const struct view *view, size_t index,
		    const struct gpu_summary *s, struct error *err)
{
	const struct gpu *gpu = &view->host->gpus[index];
	char name[BDF_SIZE], vfs[32], memory[32], count[16], numa[16] = "-";
	const char *mode = gpu_mode_name(gpu_mode(gpu));
	char shown_mode[32];
	const char *framework = framework_name(gpu_framework(view->host, gpu));

	(void)snprintf(shown_mode, sizeof(shown_mode), "%s%s", mode ? mode : "",
		       gpu->cordoned ? ",cordoned" : "");
	(void)snprintf(vfs, sizeof(vfs), "%zu/%u", gpu_vfs(gpu), gpu->total_vfs);
	(void)snprintf(count, sizeof(count), "%u", s->n_vgpus);
	if (gpu->numa_node >= 0)
		(void)snprintf(numa, sizeof(numa), "%d", gpu->numa_node);
	return table_add(table,
			 (const char *[]){
				 bdf_format(&gpu->bdf, name),
				 s->model[0] ? s->model : "-", numa,
				 gpu->driver[0] ? gpu->driver : "-",
				 mode ? shown_mode : "-", framework ? framework : "-",
				 vfs, s->sriov_state, gpu_memory_text(s, memory), count },
			 err);
}

static int print(const struct context *ctx, const struct view *view,
		 const struct usage *usage, struct pci_names *names, struct error *err)
{
	static const struct column columns[] = {
		{ "ADDRESS", false }, { "MODEL", false }, { "NUMA", true },
		{ "DRIVER", false },  { "MODE", false },  { "FRAMEWORK", false },
		{ "VFS", true },      { "SRIOV", false }, { "USED/MIB", true },
		{ "VGPUS", true },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	json_t *array = ctx->json ? json_array() : NULL, *document;
	size_t i;
	int r = ctx->json ? 0 : table_new(columns, ARRAY_SIZE(columns), &table, err);

	for (i = 0; i < view->host->n_gpus && r == 0; i++) {
		struct gpu_summary summary;

		gpu_summarise(view, usage, i, names, &summary);
		if (ctx->json)
			(void)json_array_append_new(array, gpu_json(view, i, &summary));
		else
			r = add_line(table, view, i, &summary, err);
	}
	if (!ctx->json)
		return r == 0 ? table_print(table, err) : r;
	document = json_document("gpus", view->as_of, view->host);
	(void)json_object_set_new(document, "gpus", array);
	return context_print(ctx, document, err);
}

static int run(struct context *ctx, int argc, char **argv, struct error *err)
{
	const struct argp argp = { NULL, NULL, NULL, "List the GPUs of this host.",
				   NULL, NULL, NULL };
	_cleanup_(view_close) struct view view = { .host = NULL };
	_cleanup_(usage_free) struct usage usage = { NULL, NULL };
	_cleanup_(pci_names_closep) struct pci_names *names = NULL;
	int r = command_parse(ctx, &argp, argc, argv, NULL, err);

	if (r)
		return r < 0 ? r : 0;
	r = view_open(ctx, SCAN_NAMES | SCAN_OTHERS | SCAN_GPUS | SCAN_TYPES | SCAN_STUCK,
		      &view, err);
	if (r == 0)
		r = usage_make(view.host, view.saved, &usage, err);
	if (r < 0)
		return r;
	if (!view.host->n_gpus)
		note(ctx, "no NVIDIA GPU was found on this host");
	names = pci_names_open();
	return print(ctx, &view, &usage, names, err);
}

const struct command cmd_gpus = { "gpus", "list the GPUs of this host", run };
