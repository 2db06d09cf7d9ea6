/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/parents.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/framework.h"
#include "sysfs/mdev.h"
#include "util/cleanup.h"
#include "util/text.h"

void other_parents_free(struct other_parents *parents)
{
	size_t i;

	for (i = 0; i < parents->n; i++)
		catalog_unref(parents->parents[i].catalog);
	free(parents->parents);
	*parents = (struct other_parents){ NULL, 0 };
}

static bool is_of_gpu(const struct host *host, const char *name)
{
	struct bdf bdf;

	return bdf_parse(name, &bdf) &&
	       (host_find_gpu(host, &bdf) || host_find_parent(host, &bdf));
}

static int read_parent(int root_fd, const char *name, const struct scan_options *options,
		       struct other_parent *ret, struct error *err)
{
	_cleanup_(closep) int fd = -1;
	char path[sizeof(ret->name) + 64];

	if (!text_copy(ret->name, sizeof(ret->name), name))
		return error_set(err, ERROR_SYSTEM, ENAMETOOLONG,
				 "read the types of a parent");
	(void)snprintf(path, sizeof(path), MDEV_PARENTS "/%s", name);
	fd = sysfs_walk(root_fd, path, err);
	return fd < 0 ? fd : framework_mdev.read_types(fd, options, &ret->catalog, err);
}

int other_parents_scan(int root_fd, const struct host *host,
		       const struct scan_options *options, struct other_parents *ret,
		       struct error *err)
{
	_cleanup_(names_free) struct names names = { NULL, 0 };
	size_t i;
	int r = mdev_list_parents(root_fd, &names, err);

	*ret = (struct other_parents){ NULL, 0 };
	if (r < 0)
		return r;
	ret->parents = calloc(names.n + 1, sizeof(*ret->parents));
	if (!ret->parents)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "list parents");
	for (i = 0; i < names.n; i++) {
		struct error inner;

		if (is_of_gpu(host, names.names[i]))
			continue;
		r = read_parent(root_fd, names.names[i], options, &ret->parents[ret->n],
				&inner);
		if (r == 0)
			ret->n++;
		else if (inner.no_memory)
			return error_set(err, ERROR_SYSTEM, ENOMEM, "list parents");
		else
			scan_warn(options, &inner);
	}
	return 0;
}
