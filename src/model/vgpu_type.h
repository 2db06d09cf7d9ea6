/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/profile.h"

#define MIG_PROFILE_SIZE 24

/* One vGPU type. Static: says nothing of what is free. Source: on an mdev parent, what
 * the driver says in PARENT/mdev_supported_types/DIR/{name,description,device_api}; under
 * vendor-specific VFIO it says id and name, and type_table_complete() adds what is known.
 */
struct vgpu_type {
	uint32_t id;		    /* 575 of "nvidia-575"; differs between drivers */
	char name[TYPE_NAME_SIZE];  /* "NVIDIA A40-24A" */
	char profile[PROFILE_SIZE]; /* "A40-24A": stable, what users ask for */
	uint32_t framebuffer_mib;   /* 0 where the driver does not say */
	uint32_t max_instances; /* per GPU, not per VF; 0 where the driver does not say */
	uint32_t max_mixed;	/* per GPU in mixed-size mode; 0 where not known */
	uint32_t num_heads;	/* 0 where the driver does not say */
	char max_resolution[24];	    /* "5120x2880" or "" */
	char mig_profile[MIG_PROFILE_SIZE]; /* "1g.10gb"; "": time-sliced, or not known */
	char series;			    /* 'A' 'B' 'C' 'Q' or 0 */
};

/* Splits the name of a type directory at its last '-': "nvidia-575", "vfio-pci-575".
 * The left part is the name of the driver bound to the parent and means nothing.
 * Source: drivers/vfio/mdev/mdev_sysfs.c, dev_driver_string(). */
bool type_dir_parse(const char *dir, uint32_t *ret_id);

/* Fills RET from the texts of one type; DESCRIPTION is "" where there is no such file.
 * Keys that are missing or that make no sense are left 0: drivers differ. False where the
 * name is empty, too long or not printable. */
bool vgpu_type_parse(uint32_t id, const char *name, const char *description,
		     struct vgpu_type *ret);
