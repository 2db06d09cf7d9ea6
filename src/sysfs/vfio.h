/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/bdf.h"
#include "model/vgpu_type.h"
#include "sysfs/sysfs.h"

/* NVIDIA's vendor-specific VFIO framework: files in nvidia/ of a VF's device directory,
 * whose descriptor VF_FD is. DEVICES_FD is that of sys/bus/pci/devices. Source: NVIDIA's
 * vGPU user guide 17, and captures of real hosts, which count where they differ. */

/* Does the function offer vGPUs in this way?  If so, RET gets nvidia/current_vgpu_type,
 * the id of what is made on it, 0 for nothing. 1 yes, 0 no, negative where it cannot be
 * told. */
int vfio_current_type(int devices_fd, const char *name, uint32_t *ret, struct error *err);

/* Writes current_vgpu_type: makes a vGPU of type ID on VF, or removes what is there where
 * ID is 0. In decimal with one write(2) and no newline, which some drivers answer with
 * EINVAL. EIO, EINVAL: the driver refuses. Read the file afterwards whatever it says. */
int vfio_write_type(int root_fd, const struct bdf *vf, uint32_t id, struct error *err);

/* Types in the order of the file that lists them. */
struct vfio_types {
	struct vgpu_type *types;
	size_t n;
};

void vfio_types_free(struct vfio_types *types);

/* Reads nvidia/creatable_vgpu_types: what can be made on this VF now. Nothing can where
 * it has a vGPU, so an empty list is no error. What the driver does not say of a type is
 * taken from the table, as far as it is known. WARN, which may be NULL, is told of what
 * could not be used of the list; the rest is. -ENOENT where there is no such file. Free
 * RET with vfio_types_free(), or take its array over. */
int vfio_read_creatable(int vf_fd, void (*warn)(void *arg, const struct error *err),
			void *arg, struct vfio_types *ret, struct error *err);

/* The same for TEXT, as sysfs_read() gives it, which is written to: lines of "1145  :
 * NVIDIA L40S-1B" below a title, as the driver writes them, or of "NVIDIA A40-1Q 557", as
 * the user guide prints them. WARN is told of lines that are neither or whose id is 0, of
 * an id that was there before, and of a list that fills its page, where the last line, if
 * it has no end, is not believed. PATH is for messages. -ENOMEM alone fails. */
int vfio_parse_creatable(char *text, const char *path,
			 void (*warn)(void *arg, const struct error *err), void *arg,
			 struct vfio_types *ret, struct error *err);

/* Reads nvidia/ATTR: "placement_id", "gpu_instance_id". 1; 0 and "" where it has nothing
 * to say, that is a newline, ENXIO (there is no vGPU, or it has none of this), or no such
 * file (older drivers); negative where it cannot be told or is not printable. */
int vfio_read_text(int vf_fd, const char *attr, char *buf, size_t size,
		   struct error *err);
