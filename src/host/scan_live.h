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
