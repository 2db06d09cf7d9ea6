/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/learn.h"

#include <errno.h>

#include "host/catalog.h"
#include "host/scan.h"
#include "store/store.h"
#include "sysfs/pci.h"
#include "util/cleanup.h"

DEFINE_CLEANUP(struct catalog *, catalog_unref)

bool learn_model(struct context *ctx, struct gpu *gpu)
{
	_cleanup_(closep) int devices_fd = -1;

	if (gpu->device)
		return true;
	devices_fd = sysfs_walk(ctx->root_fd, PCI_DEVICES, NULL);
	return devices_fd >= 0 && pci_read_device(devices_fd, gpu, NULL) == 0;
}

bool learn_gpu(struct context *ctx, struct host *host, struct gpu *gpu, unsigned what)
{
	struct scan_options options = { .what = what };

	return learn_model(ctx, gpu) &&
	       scan_types(ctx->root_fd, host, gpu, &options, NULL) == 0 && gpu->catalog &&
	       !gpu->catalog->remembered;
}

/* What is to be remembered of GPU's model, NULL where that is so already. */
static int find_news(struct store *store, const struct host *host, const struct gpu *gpu,
		     struct catalog **ret, struct error *err)
{
	_cleanup_(catalog_unrefp) struct catalog *known = NULL, *all = NULL;
	int r = store_load_catalog(store, gpu->vendor, gpu->device, host->driver_version,
				   &known, err);

	*ret = NULL;
	if (r < 0)
		return r;
	all = catalog_join(gpu->catalog, gpu->catalog->partial ? known : NULL);
	if (!all)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "remember vGPU types");
	all->partial = false; /* it is put in the place of what is there */
	if (all->n_types && !catalog_same(all, known))
		*ret = TAKE_PTR(all);
	return 0;
}

int learn_remember(struct store *store, const struct host *host, const struct gpu *gpu,
		   struct error *err)
{
	_cleanup_(catalog_unrefp) struct catalog *news = NULL;
	int r = find_news(store, host, gpu, &news, err);

	return r < 0 || !news ? r
			      : store_put_catalog(store, gpu->vendor, gpu->device,
						  host->driver_version, news, err);
}

static int learn(struct store *store, const struct host *host, const struct gpu *gpu,
		 bool *ret_changed, struct error *err)
{
	_cleanup_(catalog_unrefp) struct catalog *news = NULL;
	int r = find_news(store, host, gpu, &news, err);

	if (r < 0 || !news)
		return r;
	r = store_begin(store, err);
	if (r < 0)
		return r;
	r = learn_remember(store, host, gpu, err);
	if (r == 0)
		r = store_commit(store, err);
	else
		store_rollback(store);
	*ret_changed = *ret_changed || r == 0;
	return r;
}

void learn_early(struct context *ctx, struct store *store, struct host *host,
		 const struct bdf *bdf, bool *ret_changed)
{
	struct gpu *gpu = host_find_gpu(host, bdf);
	char name[BDF_SIZE];
	struct error err;

	if (!gpu || !store || !store_is_writable(store) ||
	    gpu_framework(host, gpu) != FRAMEWORK_VFIO ||
	    !learn_gpu(ctx, host, gpu, SCAN_TYPES))
		return;
	if (learn(store, host, gpu, ret_changed, &err) < 0)
		warning("what %s offers could not be remembered: %s",
			bdf_format(bdf, name), err.message);
}
