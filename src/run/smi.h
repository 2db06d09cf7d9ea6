/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/smi.h"
#include "util/error.h"

/* nvidia-smi, for what sysfs cannot tell or do: mixed-size mode, MIG mode and GPU
 * instances, and what vGPU types are where no file describes them. It is run without a
 * shell and by full addresses, and never asked to reset a GPU. */

/* The program, where it is executed from, and until when. Borrowed. */
struct smi_tool {
	int root_fd;
	const char *root;    /* path of the root directory */
	const char *program; /* nvidia-smi, below the root */
	int64_t deadline;    /* clock_monotonic_ms(), of each run */
	int keep_fd; /* a lock that a run past its deadline goes on holding, or -1 */
};

/* All of these start the program at least once and wait for it. -ENOENT: it is not there,
 * and the hint says which setting names it. -ELOOP, -EPERM: it is a link, or somebody
 * else could have changed it, or the driver refuses the caller. -ETIMEDOUT: it has not
 * ended by the deadline, and is left running. -EBUSY: a vGPU, VFs or a program use the
 * GPU (ERROR_IN_USE). -ENODEV: the driver has no such GPU (ERROR_NOT_FOUND). -ENOSPC: no
 * room for a GPU instance (ERROR_CAPACITY). -EOPNOTSUPP: the GPU cannot do that, or not
 * in its present mode (ERROR_CONFLICT). -EINVAL, -ENXIO, -EIO: it failed otherwise, see
 * smi_errno(). -EPROTO, -E2BIG, -EFBIG: what it said makes no sense, or is too much.
 *
 * Messages quote what it said. A GPU in trouble can make it fail for all: then ask for
 * each by itself. Where it says that a thing is done, that is looked at. */

/* What GPU is set to, or all of them where it is NULL. The caller frees RET. */
int smi_query(const struct smi_tool *tool, const struct bdf *gpu, struct smi_gpu **ret,
	      size_t *ret_n, struct error *err);

/* The vGPU types of GPU, or of all where it is NULL, whatever is made on them. The caller
 * frees RET. */
int smi_types(const struct smi_tool *tool, const struct bdf *gpu, struct smi_type **ret,
	      size_t *ret_n, struct error *err);

/* Likewise, those that can be made now, with the placements that are free. */
int smi_creatable(const struct smi_tool *tool, const struct bdf *gpu,
		  struct smi_type **ret, size_t *ret_n, struct error *err);

/* Mixed-size mode on or off. It can be changed while the GPU has no vGPU, and is lost
 * when VFs are switched: VFs come first. Nothing is done where it is so already. */
int smi_set_heterogeneous(const struct smi_tool *tool, const struct bdf *gpu, bool on,
			  struct error *err);

/* MIG mode on or off. 0 it is so, 1 it will be after a reset of the GPU or a reboot,
 * since somebody has the GPU open. The driver itself resets an idle Ampere for it, so
 * this is for GPUs without vGPUs; off, for those without VFs. Nothing is done where it is
 * so already. Source: NVIDIA Multi-Instance GPU User Guide. */
int smi_set_mig(const struct smi_tool *tool, const struct bdf *gpu, bool on,
		struct error *err);

/* GPU instance profiles of a GPU in MIG mode, with how many of each still fit. The caller
 * frees RET. */
int smi_list_gi_profiles(const struct smi_tool *tool, const struct bdf *gpu,
			 struct smi_gi_profile **ret, size_t *ret_n, struct error *err);

/* GPU instances of a GPU; none where it is not in MIG mode. The caller frees RET. */
int smi_list_gis(const struct smi_tool *tool, const struct bdf *gpu, struct smi_gi **ret,
		 size_t *ret_n, struct error *err);

/* Makes GPU instances of these profiles, by id, in this order, each with a compute
 * instance that takes all of it. Not all or nothing: those made before one that failed
 * stay. Large profiles first, or they may not find their place. VFs come first, which
 * switching takes all instances away from. */
int smi_create_gis(const struct smi_tool *tool, const struct bdf *gpu,
		   const uint32_t *profiles, size_t n_profiles, struct error *err);
