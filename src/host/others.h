/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "model/model.h"
#include "model/saved.h"
#include "util/error.h"

/* Somebody else who makes vGPUs by itself, on a function of a GPU of ours. */
struct other_owner {
	struct bdf parent;
	size_t n_vgpus; /* how many it is told to make there */
	char path[512]; /* of the directory that says so, for messages */
};

/* What is on record, as far as it tells which GPUs are ours. */
struct own_gpus {
	const struct saved_vgpu *vgpus;
	size_t n_vgpus;
	const struct saved_gpu *gpus;
	size_t n_gpus;
};

/* Is the vGPU UUID one that mdevctl(8) starts, on whatever function?  RET_PATH is its
 * definition then, for messages. */
bool others_mdevctl_starts(int root_fd, const char *uuid, char *ret_path, size_t size);

/* Does TEXT, a definition of mdevctl's, say "start": "manual"? */
bool others_says_manual(const char *text);

/* What mdevctl(8) starts when a function appears: etc/mdevctl.d/PARENT/UUID, as long as
 * its udev rule is there and not masked. Of functions of GPUs that HOST shows or that are
 * on record in OURS. Allocates *RET, sorted by name; returns how many. What is missing or
 * cannot be read is nobody; links are not followed. Fails for want of memory alone. */
ssize_t others_mdevctl(int root_fd, const struct host *host, const struct own_gpus *ours,
		       struct other_owner **ret, struct error *err);
