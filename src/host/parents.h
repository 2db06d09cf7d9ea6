/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "host/scan.h"

/* A parent of mediated devices that is no function of a GPU: the kernel's mtty, an Intel
 * GPU. What it offers is shown; nothing is ever made on it. */
struct other_parent {
	char name[TYPE_DIR_SIZE]; /* as in sys/class/mdev_bus: "mtty" */
	struct catalog *catalog;
};

struct other_parents {
	struct other_parent *parents; /* by name */
	size_t n;
};

/* Reads the parents that HOST's GPUs do not have. One that cannot be read is told to the
 * options' warn() and left out. */
int other_parents_scan(int root_fd, const struct host *host,
		       const struct scan_options *options, struct other_parents *ret,
		       struct error *err);

void other_parents_free(struct other_parents *parents);
