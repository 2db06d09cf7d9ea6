/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "host/scan.h"
#include "host/vgpu.h"

/* How the driver offers vGPUs: what stands behind enum framework, so that nobody else
 * needs to know one by name. PARENT_FD is the directory of a parent, its PCI device's.
 * Sources: the ABI of mediated devices (sysfs/mdev.h) and NVIDIA's vGPU user guide, which
 * describes the vendor-specific framework (sysfs/vfio.h). */
struct framework_ops {
	/* Reads the types that the parent shows into RET, which the caller frees with
	 * catalog_unref(); one that cannot be read is reported and left out. -ENOENT
	 * where it shows none of the framework's files. */
	int (*read_types)(int parent_fd, const struct scan_options *options,
			  struct catalog **ret, struct error *err);

	/* How many more of each type in GPU->catalog the parent takes now, into
	 * GPU->available, which has room for each. */
	int (*read_available)(int parent_fd, const struct scan_options *options,
			      struct gpu *gpu, struct error *err);

	/* Refuses where something else is in the way, by ERROR_CONFLICT. RET_ABSENT,
	 * which is false before: what is wanted surely is not there. */
	int (*clear)(int root_fd, int parent_fd, const struct vgpu_make *make,
		     bool *ret_absent, struct error *err);

	/* Finds what MAKE->type_name is called here: fills RET->type_dir and type_id.
	 * -ENOENT where the parent does not offer it. */
	int (*resolve)(int parent_fd, const struct vgpu_make *make, struct gpu_memo *memo,
		       struct vgpu_made *ret, struct error *err);

	/* ERROR_CAPACITY where the driver says that no more of it fit. */
	int (*ask)(int parent_fd, const struct vgpu_made *made, struct error *err);

	/* The one write that makes it. ERROR_CONFLICT: it surely made nothing. */
	int (*write)(int root_fd, int parent_fd, const struct vgpu_make *make,
		     const struct vgpu_made *made, struct error *err);

	/* What the kernel shows now: 1 it is there, as asked for; 0 it is not there,
	 * -EEXIST it is there but otherwise. RET_ABSENT: it surely is not there. */
	int (*verify)(int root_fd, int parent_fd, const struct vgpu_make *make,
		      const struct vgpu_made *made, bool *ret_absent, struct error *err);

	/* Opens the directory of the device itself, whose nvidia/vgpu_params it is. */
	int (*open_device)(int parent_fd, const struct vgpu_id *id, struct error *err);

	/* Asks the kernel to take ID away; what is not ID is left alone. Blocks for as
	 * long as the kernel does. */
	int (*remove)(int root_fd, const struct vgpu_id *id, struct error *err);

	/* Is it where devices that are not on their way out are found? */
	bool (*is_listed)(int root_fd, const struct vgpu_id *id);

	/* Is nothing of it left, neither where it is found nor on its parent? */
	bool (*is_gone)(int root_fd, const struct vgpu_id *id);

	/* It was not live when HOST was looked at: has nothing come of it since? 1 yes, 0
	 * no, negative where it cannot be told. */
	int (*is_still_away)(int root_fd, const struct host *host,
			     const struct vgpu_id *id, struct error *err);

	/* Is it there, with no removal of it under way? */
	bool (*is_whole)(int root_fd, const struct vgpu_id *id);
};

extern const struct framework_ops framework_mdev, framework_vfio;

/* The parent's directory: beside the last one, or by its link on the bus. */
int vgpu_open_parent(int root_fd, const struct bdf *parent, struct gpu_memo *memo,
		     struct error *err);

/* Gives the vGPU that is live on the parent its parameters, if it has any. */
int vgpu_apply_params(int parent_fd, const struct vgpu_make *make, struct error *err);

/* Those of FRAMEWORK; NULL for FRAMEWORK_NONE. */
const struct framework_ops *framework_ops(enum framework framework);
