/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/model.h"
#include "util/error.h"

/* What a scan looks at beyond GPUs by driver, their VFs and the live mdevs. Each costs
 * reads, so a command asks for what it needs. */
enum scan_what {
	SCAN_OTHERS = 1 << 0, /* NVIDIA GPUs that the nvidia driver does not hold, too */
	SCAN_GPUS = 1 << 1,   /* ids, override, NUMA node, total VFs of each GPU */
	SCAN_TYPES = 1 << 2,  /* each GPU's catalog */
	SCAN_AVAILABLE = 1 << 3, /* and its available_instances on one free VF */
	SCAN_STUCK = 1 << 4,	 /* devices whose removal or create hangs */
	SCAN_NAMES = 1 << 5,	 /* type name and framebuffer of what is live */
};

struct scan_options {
	unsigned what;
	/* Is told of each device that could not be read; the others go on. May be NULL.
	 */
	void (*warn)(void *arg, const struct error *err);
	void *arg;
};

/* Hands ERR to whoever asked to be told. */
void scan_warn(const struct scan_options *options, const struct error *err);

/* Looks at the host below ROOT_FD. Fails only where nothing at all can be said, or where
 * there is no memory to say it all: a host without GPUs, drivers or /sys/bus/mdev is an
 * answer. Free RET with host_free(). */
int scan_host(int root_fd, const struct scan_options *options, struct host **ret,
	      struct error *err);

/* Looks at the GPU at BDF alone, which costs no more on a host of many: RET holds that
 * GPU, its VFs, and what is under them, stuck or not; no GPU where there is none at BDF.
 */
int scan_gpu(int root_fd, const struct bdf *bdf, const struct scan_options *options,
	     struct host **ret, struct error *err);

/* Puts what FRESH shows of the GPU at BDF, and of nothing else, in the place of what HOST
 * shows of it. FRESH is used up. False for want of memory: HOST is unchanged then. */
bool host_replace_gpu(struct host *host, struct host *fresh, const struct bdf *bdf);

/* Reads the catalog GPU's parents show, with AVAILABLE as scan_host() would. Leaves
 * GPU->catalog NULL where no parent shows types. */
int scan_types(int root_fd, struct host *host, struct gpu *gpu,
	       const struct scan_options *options, struct error *err);

/* Reads names and ids of the host, and the version of its driver, into HOST. */
void scan_identity(int root_fd, struct host *host);

/* Reads the boot id, "" where there is none. */
void scan_boot_id(int root_fd, char *buf, size_t size);
