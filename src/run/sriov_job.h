/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "model/model.h"
#include "util/error.h"

/* Virtual functions of one PF to be switched on or off, all plain data. */
struct sriov_job {
	struct bdf gpu;
	uint32_t n_vfs;	    /* how many there shall be; 0 switches them off */
	uint32_t timeout_s; /* for the locks and the program, together */
	bool restore;	    /* nobody has asked for it by hand, see sriov_may_restore() */
	bool bind_only;	    /* nothing but bind the PF to nvidia, if it has no driver */
};

/* The program that does it, and where it is executed from. Borrowed. */
struct sriov_tool {
	const char *root;    /* path of the root directory */
	const char *program; /* sriov-manage, below the root; may be absent there */
};

/* ERROR_IN_USE where somebody has one of the GPU's VFs open. */
int sriov_refuse_held(int root_fd, const struct host *host, const struct gpu *gpu,
		      struct error *err);

/* What a run that was cut short has left of the PF is mended first; BIND_ONLY is for that
 * alone. Else: switches, one GPU at a time on a host, and judges by sysfs alone: that
 * many VFs. Whether they show vGPU types yet is not asked. Refuses a PF that has a vGPU
 * (ERROR_CONFLICT) or whose VFs somebody holds (ERROR_IN_USE). A PF that the program left
 * without a driver is bound again. LOCK_FD is a lock file's descriptor of its own open
 * file description, which the program inherits: one that is left running past the
 * deadline goes on holding the byte of its GPU, but no longer LOCK_SRIOV. Blocks. */
int sriov_job_run(int root_fd, const struct sriov_tool *tool, const struct sriov_job *job,
		  int lock_fd, struct error *err);
