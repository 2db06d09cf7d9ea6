/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/view.h"

#include "cmd/repair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/claim.h"
#include "host/catalog.h"
#include "host/vgpu.h"
#include "out/publish.h"
#include "sysfs/pci.h"
#include "sysfs/sysfs.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/text.h"

#define NEAR_NAMES 3

DEFINE_CLEANUP(struct store *, store_close)
DEFINE_CLEANUP(struct saved *, saved_free)
DEFINE_CLEANUP(struct catalog *, catalog_unref)

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_SYSTEM, ENOMEM, "look at the host");
}

static void warn(void *arg, const struct error *err)
{
	(void)arg;
	warning("%s", err->message);
}

static void mark_excluded(const struct context *ctx, struct host *host)
{
	size_t i;

	for (i = 0; i < ctx->settings.n_exclude_gpus; i++) {
		struct gpu *gpu = host_find_gpu(host, &ctx->settings.exclude_gpus[i]);

		if (gpu)
			gpu->excluded = true;
	}
}

int context_scan(struct context *ctx, unsigned what, struct host **ret, struct error *err)
{
	struct scan_options options = { .what = what, .warn = warn };
	int r = scan_host(ctx->root_fd, &options, ret, err);

	if (r == 0)
		mark_excluded(ctx, *ret);
	return r;
}

int context_scan_others(struct context *ctx, const struct host *host,
			struct other_parents *ret, struct error *err)
{
	struct scan_options options = { .warn = warn };

	return other_parents_scan(ctx->root_fd, host, &options, ret, err);
}

int context_rescan_gpu(struct context *ctx, struct host *host, const struct bdf *bdf,
		       struct error *err)
{
	struct scan_options options = { .what = SCAN_NAMES | SCAN_GPUS | SCAN_STUCK,
					.warn = warn };
	struct host *fresh;
	int r = scan_gpu(ctx->root_fd, bdf, &options, &fresh, err);

	if (r < 0)
		return r;
	if (!host_replace_gpu(host, fresh, bdf)) {
		host_free(fresh);
		return no_memory(err);
	}
	mark_excluded(ctx, host);
	return 0;
}

static bool is_live(int root_fd, const struct live_vgpu *live)
{
	struct vgpu_id id = vgpu_id_of_live(live);

	return live->stuck ? !vgpu_is_gone(root_fd, &id) : vgpu_is_listed(root_fd, &id);
}

/* A VF that is being taken away while somebody has its vGPU open is no longer among those
 * of its GPU, but still there, and so is the vGPU. */
static bool hides(int root_fd, const struct host *host, const struct saved_vgpu *v)
{
	char path[128], name[BDF_SIZE];

	if (host_find_parent(host, &v->vf) || host_find_live(host, v->uuid))
		return false;
	(void)snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", bdf_format(&v->vf, name),
		       v->uuid);
	return sysfs_exists(root_fd, path);
}

static int add_hidden(struct context *ctx, struct host *host, const struct saved *saved,
		      struct error *err)
{
	size_t i;

	for (i = 0; i < saved->n_vgpus; i++) {
		const struct saved_vgpu *v = &saved->vgpus[i];
		const struct gpu *gpu = host_find_gpu(host, &v->gpu);
		struct live_vgpu *grown, *live;

		if (!hides(ctx->root_fd, host, v))
			continue;
		grown = reallocarray(host->live, host->n_live + 1, sizeof(*grown));
		if (!grown)
			return no_memory(err);
		host->live = grown;
		live = &grown[host->n_live++];
		*live = (struct live_vgpu){ .parent = v->vf,
					    .gpu = gpu ? (int)(gpu - host->gpus) : -1,
					    .at = -1,
					    .framework = FRAMEWORK_MDEV,
					    .framebuffer_mib = v->framebuffer_mib,
					    .stuck = true };
		(void)text_copy(live->uuid, sizeof(live->uuid), v->uuid);
		(void)bdf_format(&v->vf, live->parent_name);
		host_sort(host);
	}
	return 0;
}

/* Those that are to get no new vGPUs. */
static void mark_cordoned(struct host *host, const struct saved *saved)
{
	size_t i;

	for (i = 0; i < host->n_gpus; i++) {
		const struct saved_gpu *g = saved_find_gpu(saved, &host->gpus[i].bdf);

		host->gpus[i].cordoned = g && g->cordoned;
	}
}

/* Which of what is live lacks the parameters that its record has? */
static void compare_params(int root_fd, const struct host *host,
			   const struct saved *saved)
{
	size_t i;

	for (i = 0; i < saved->n_vgpus; i++) {
		const struct saved_vgpu *v = &saved->vgpus[i];
		struct live_vgpu *live =
			v->params[0] ? host_find_live(host, v->uuid) : NULL;
		struct vgpu_id id;

		if (!live || live->stuck || live->unfinished)
			continue;
		id = vgpu_id_of_live(live);
		live->other_params = vgpu_params_differ(root_fd, &id, v->params);
	}
}

int context_match(struct context *ctx, struct host *host, const struct saved *saved,
		  struct error *err)
{
	_cleanup_(freep) bool *ours = calloc(host->n_live + 1, sizeof(*ours));
	size_t i, n = 0;

	if (!ours)
		return no_memory(err);
	claim_live(host, saved->vgpus, saved->n_vgpus);
	for (i = 0; i < saved->n_vgpus; i++) {
		const struct live_vgpu *live = host_find_live(host, saved->vgpus[i].uuid);

		if (live)
			ours[live - host->live] = true;
	}
	for (i = 0; i < host->n_live; i++)
		if ((ours[i] && !host->live[i].stuck) ||
		    is_live(ctx->root_fd, &host->live[i]))
			host->live[n++] = host->live[i];
	host->n_live = n;
	compare_params(ctx->root_fd, host, saved);
	mark_cordoned(host, saved);
	return add_hidden(ctx, host, saved, err);
}

void plan_free(struct plan *plan)
{
	free(plan->verdicts);
	free(plan->ours);
	free(plan->taken);
	free(plan->stays);
	*plan = (struct plan){ NULL, NULL, NULL, NULL };
}

int plan_make(const struct host *host, const struct saved *saved, struct plan *plan,
	      struct error *err)
{
	plan_free(plan);
	plan->verdicts = calloc(saved->n_vgpus + 1, sizeof(*plan->verdicts));
	plan->ours = calloc(host->n_live + 1, sizeof(*plan->ours));
	plan->taken = calloc(host->n_parents + 1, sizeof(*plan->taken));
	plan->stays = calloc(saved->n_vgpus + 1, sizeof(*plan->stays));
	if (!plan->verdicts || !plan->ours || !plan->taken || !plan->stays)
		return no_memory(err);
	plan_reconcile(host, saved->vgpus, saved->n_vgpus, plan);
	return 0;
}

int view_check_types(struct context *ctx, struct view *view, struct error *err)
{
	struct scan_options options = { .what = SCAN_TYPES, .warn = warn };
	struct error inner;
	bool any = false;
	size_t i;

	for (i = 0; i < view->saved->n_vgpus; i++) {
		const struct verdict *v = &view->plan.verdicts[i];
		struct gpu *gpu =
			v->at < 0 || v->action == ACTION_NONE
				? NULL
				: &view->host->gpus[view->host->parents[v->at].gpu];

		if (!gpu || (gpu->catalog && !gpu->catalog->remembered))
			continue;
		any = true;
		if (scan_types(ctx->root_fd, view->host, gpu, &options, &inner) == 0)
			continue;
		if (inner.no_memory)
			return no_memory(err);
		warning("%s", inner.message);
	}
	return any ? plan_make(view->host, view->saved, &view->plan, err) : 0;
}

void usage_free(struct usage *usage)
{
	free(usage->gpus);
	free(usage->taken);
}

int usage_make(const struct host *host, const struct saved *saved, struct usage *ret,
	       struct error *err)
{
	ret->gpus = calloc(host->n_gpus + 1, sizeof(*ret->gpus));
	ret->taken = calloc(host->n_parents + 1, sizeof(*ret->taken));
	if (!ret->gpus || !ret->taken)
		return no_memory(err);
	usage_fill(host, saved->vgpus, saved->n_vgpus, ret);
	return 0;
}

/* What was read may be less than all that the model offers. */
static int remember_catalog(struct store *store, const struct host *host, struct gpu *gpu,
			    struct error *err)
{
	_cleanup_(catalog_unrefp) struct catalog *known = NULL;
	int r = store_load_catalog(store, gpu->vendor, gpu->device, host->driver_version,
				   &known, err);

	if (r < 0 || !known)
		return r;
	if (!gpu->catalog)
		gpu->catalog = TAKE_PTR(known);
	else if (!gpu_add_types(gpu, known))
		return no_memory(err);
	return 0;
}

int view_remember_catalogs(struct store *store, struct host *host,
			   const struct saved *saved, struct error *err)
{
	size_t i, j;

	for (i = 0; i < host->n_gpus; i++) {
		struct gpu *gpu = &host->gpus[i];
		const struct saved_gpu *known = saved_find_gpu(saved, &gpu->bdf);
		int r;

		if (!gpu->device && known) {
			gpu->vendor = known->vendor;
			gpu->device = known->device;
		}
		if (!gpu->device || (gpu->catalog && !gpu->catalog->partial))
			continue;
		for (j = 0; j < i && !gpu->catalog; j++)
			if (host->gpus[j].device == gpu->device &&
			    host->gpus[j].catalog && host->gpus[j].catalog->remembered)
				gpu->catalog = catalog_ref(host->gpus[j].catalog);
		r = gpu->catalog && gpu->catalog->remembered
			    ? 0
			    : remember_catalog(store, host, gpu, err);
		if (r < 0)
			return r;
	}
	host_name_live(host);
	return 0;
}

int view_read_published(struct context *ctx, struct view *view, struct error *err)
{
	char age[TEXT_AGE_SIZE];
	int64_t written_at;
	struct error inner;

	if (publish_read(ctx->root_fd, &view->saved, &written_at, &inner) < 0) {
		error_hint(err,
			   "run this as root: nothing readable was published (%.120s)",
			   inner.message);
		return -EACCES;
	}
	(void)text_copy(view->as_of, sizeof(view->as_of), view->saved->as_of);
	note(ctx, "the record is shown as root published it at %s, %s", view->as_of,
	     text_age(age, (int64_t)time(NULL) - written_at));
	return 0;
}

/* One record that makes no sense does not hide the others. */
static int load_what_makes_sense(struct context *ctx, struct store *store,
				 struct view *view, struct error *err)
{
	int r;

	store_tolerate(store);
	r = store_load(store, &view->saved, err);
	if (r < 0 || !view->saved->n_bad)
		return r;
	ctx->troubled = true;
	(void)error_set(&ctx->trouble, ERROR_STORE, 0,
			"%s: %s; left out: %zu of the records", ctx->place.file,
			view->saved->bad, view->saved->n_bad);
	error_hint(&ctx->trouble, "'vgpumgr reconcile' sets the store aside and restores "
				  "the newest good backup");
	return 0;
}

static int read_record(struct context *ctx, struct view *view, struct error *err)
{
	_cleanup_(store_closep) struct store *store = NULL;
	int r = context_open_store(ctx, STORE_READ, &store, err);

	if (r == -ENOENT) {
		view->saved = calloc(1, sizeof(*view->saved));
		return view->saved ? 0 : no_memory(err);
	}
	if (r == -EACCES && err->kind == ERROR_PERMISSION)
		return view_read_published(ctx, view, err);
	if (r == 0)
		r = ctx->changes ? store_load(store, &view->saved, err)
				 : load_what_makes_sense(ctx, store, view, err);
	if (r < 0 && ctx->changes)
		return r;
	if (r < 0) {
		r = repair_read_backup(ctx, r, &view->saved, err);
		if (r == 0)
			(void)text_copy(view->as_of, sizeof(view->as_of),
					view->saved->as_of);
		return r;
	}
	return view_remember_catalogs(store, view->host, view->saved, err);
}

int view_open(struct context *ctx, unsigned what, struct view *ret, struct error *err)
{
	int r;

	*ret = (struct view){ .host = NULL };
	(void)clock_now(ret->as_of, sizeof(ret->as_of));
	r = context_scan(ctx, what, &ret->host, err);
	if (r == 0)
		r = read_record(ctx, ret, err);
	if (r == 0)
		r = context_match(ctx, ret->host, ret->saved, err);
	if (r == 0)
		r = plan_make(ret->host, ret->saved, &ret->plan, err);
	if (r < 0)
		view_close(ret);
	return r;
}

void view_close(struct view *view)
{
	plan_free(&view->plan);
	saved_free(view->saved);
	host_free(view->host);
	*view = (struct view){ .host = NULL };
}

int view_resolve(const struct host *host, const char *text, char ret[PROFILE_SIZE],
		 struct error *err)
{
	const char *near[NEAR_NAMES];
	char shown[128];
	enum match match = resolve_profile(host, text, ret);
	size_t n;

	text_escape(shown, sizeof(shown), text);
	if (match == MATCH_MALFORMED)
		return error_set(
			err, ERROR_USAGE, 0,
			"'%s' is not spelled like a vGPU profile, such as A40-24A",
			shown);
	if (match != MATCH_UNKNOWN)
		return 0;
	(void)error_set(err, ERROR_NOT_FOUND, 0, "no GPU of this host offers '%s'",
			shown);
	n = resolve_near(host, text, NEAR_NAMES, near);
	if (!host->n_gpus)
		error_hint(err, "no NVIDIA GPU was found on this host");
	else if (n)
		error_hint(err, "did you mean %s%s%s%s%s?", near[0], n > 1 ? ", " : "",
			   n > 1 ? near[1] : "", n > 2 ? ", " : "", n > 2 ? near[2] : "");
	else
		error_hint(err, "'vgpumgr types' lists what there is");
	return -ENOENT;
}

int view_find_gpu(const struct host *host, const struct bdf *bdf, struct gpu **ret,
		  struct error *err)
{
	const struct parent *vf = host_find_parent(host, bdf);
	char name[BDF_SIZE], gpu[BDF_SIZE];

	*ret = host_find_gpu(host, bdf);
	if (*ret)
		return 0;
	(void)error_set(err, ERROR_NOT_FOUND, 0, "no GPU at %s", bdf_format(bdf, name));
	if (vf)
		error_hint(err, "that is a VF of the GPU %s",
			   bdf_format(&host->gpus[vf->gpu].bdf, gpu));
	else
		error_hint(err, "'vgpumgr gpus' lists the GPUs of this host");
	return -ENOENT;
}

/* Counts MATCH as a hit unless it is the UUID found already. */
static void count_match(const char *uuid, const char *prefix, char found[UUID_SIZE],
			int *n)
{
	if (strncmp(uuid, prefix, strlen(prefix)) || !strcmp(uuid, found))
		return;
	(void)text_copy(found, UUID_SIZE, uuid);
	(*n)++;
}

int view_find_vgpu(const struct view *view, const char *text, unsigned min_length,
		   struct saved_vgpu **ret_saved, struct live_vgpu **ret_live,
		   struct error *err)
{
	char prefix[UUID_SIZE], found[UUID_SIZE] = "", shown[128];
	size_t i;
	int n = 0;

	text_escape(shown, sizeof(shown), text);
	if (!uuid_prefix(text, min_length, prefix))
		return error_set(
			err, ERROR_USAGE, 0,
			"'%s' is not a UUID, nor the first %u or more characters of one",
			shown, min_length);
	for (i = 0; i < view->saved->n_vgpus; i++)
		count_match(view->saved->vgpus[i].uuid, prefix, found, &n);
	for (i = 0; i < view->host->n_live; i++)
		if (!view->plan.ours[i])
			count_match(view->host->live[i].uuid, prefix, found, &n);
	if (n > 1)
		return error_set(err, ERROR_USAGE, 0, "'%s' is the beginning of %d UUIDs",
				 shown, n);
	if (!n) {
		(void)error_set(err, ERROR_NOT_FOUND, 0, "no vGPU '%s' here", shown);
		error_hint(err, "'vgpumgr list' shows the vGPUs of this host");
		return -ENOENT;
	}
	*ret_saved = saved_find(view->saved, found);
	*ret_live = host_find_live(view->host, found);
	return 0;
}
