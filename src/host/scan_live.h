/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "host/scan.h"

/* Adds to HOST, whose GPUs and parents are known and sorted, what is made on them and on
 * every other mdev parent. Does not sort HOST->live. */
int scan_live(int root_fd, const struct scan_options *options, struct host *host,
	      struct error *err);

/* Adds to HOST what is made on its parents, without a look at the bus. */
int scan_live_on_parents(int root_fd, const struct scan_options *options,
			 struct host *host, struct error *err);

/* Hands ERR to whoever asked to be told. */
void scan_warn(const struct scan_options *options, const struct error *err);

/* Reads every type of one parent, whose mdev_supported_types TYPES_FD is; a type that
 * cannot be read is reported and left out. Free RET with catalog_unref(). */
int scan_catalog(int types_fd, const struct scan_options *options, struct catalog **ret,
		 struct error *err);
