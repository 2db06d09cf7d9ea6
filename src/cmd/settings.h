/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <limits.h>

#include "core/alloc.h"
#include "core/ready.h"
#include "util/error.h"

/* vgpumgr.conf; etc/vgpumgr.conf explains each key. */
struct settings {
	struct bdf *exclude_gpus;
	size_t n_exclude_gpus;
	enum policy policy;
	char sriov_manage[PATH_MAX]; /* below the root */
	char nvidia_smi[PATH_MAX];   /* likewise */
	uint32_t timeout_s, sriov_timeout_s;
	/* at boot, for each step a GPU waits for, without any progress of it */
	uint32_t wait_s[READY_STEPS];
	uint32_t
		wait_no_driver_s; /* its driver, while no module of that name is loaded */
	uint32_t creates_per_gpu; /* how many creates may be in flight on one GPU */
};

/* Sets every key to its default. */
void settings_defaults(struct settings *settings);

/* Reads TEXT, the contents of FILE, over what SETTINGS holds. Every mistake is
 * ERROR_USAGE and names file and line: an unknown key, a wrong type, a number out of its
 * range, @include. */
int settings_parse(struct settings *settings, const char *file, const char *text,
		   struct error *err);

/* Reads the file PATH below ROOT_FD. It must be a regular file of root or the caller that
 * nobody else can write, of at most 64 KiB. -ENOENT where it does not exist. */
int settings_read(struct settings *settings, int root_fd, const char *path,
		  struct error *err);

void settings_free(struct settings *settings);
