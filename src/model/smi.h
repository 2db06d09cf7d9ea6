/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/bdf.h"
#include "model/profile.h"

/* What nvidia-smi prints, read by its words: columns differ between drivers, and lines
 * come and go. Unknown lines are passed over; a line that is known and makes no sense is
 * an error, since a number that is wrong is worse than none. */

#define SMI_MAX_GPUS 128
#define SMI_MAX_TYPES 512 /* of one GPU */
#define SMI_MAX_PLACEMENTS 64
#define SMI_NO_GI_PROFILE UINT32_MAX
#define SMI_PROFILE_SIZE 24

enum smi_switch {
	SMI_UNKNOWN, /* the driver says nothing of it, or nothing that is understood */
	SMI_OFF,
	SMI_ON,
	SMI_UNSUPPORTED, /* "N/A", "Not Supported" */
};

enum smi_host_mode {
	SMI_HOST_UNKNOWN,
	SMI_HOST_NONE, /* "N/A": the driver is no vGPU manager, or the GPU has no vGPUs */
	SMI_HOST_SRIOV,
	SMI_HOST_NON_SRIOV, /* vGPUs on the PF itself */
};

/* One GPU as `nvidia-smi -q` shows it. */
struct smi_gpu {
	struct bdf bdf;
	enum smi_host_mode host_mode;  /* "Host VGPU Mode" */
	enum smi_switch mixed_size;    /* can it be: "Heterogeneous Time-Slice Sizes" */
	enum smi_switch heterogeneous; /* is it: "vGPU Heterogeneous Mode"; unsupported
					  while MIG mode is on */
	enum smi_switch mig_current, mig_pending;
};

/* One vGPU type on one GPU, as `nvidia-smi vgpu -s -v` or `-c -v` shows it. What it does
 * not say is 0. */
struct smi_type {
	struct bdf gpu;
	uint32_t id;
	char name[TYPE_NAME_SIZE]; /* "NVIDIA A40-24A" */
	uint32_t framebuffer_mib;
	uint32_t max_instances;	       /* per GPU, in equal-size mode */
	uint32_t max_instances_per_gi; /* per GPU instance */
	uint32_t gi_profile;	       /* id of a GPU instance profile, where 0 is one, or
					  SMI_NO_GI_PROFILE: it is time-sliced */
	uint32_t placement_size;
	uint32_t placements[SMI_MAX_PLACEMENTS]; /* supported ones, or creatable now */
	size_t n_placements;
};

/* One GPU instance profile, as `nvidia-smi mig -lgip` shows it. */
struct smi_gi_profile {
	uint32_t gpu;		     /* nvidia-smi's number of it, not to be kept */
	char name[SMI_PROFILE_SIZE]; /* "1g.10gb", "1g.10gb+me", "1g.24gb-me" */
	uint32_t id;
	uint32_t free, total; /* instances */
	uint32_t memory_mib;
};

/* One GPU instance, as `nvidia-smi mig -lgi` shows it. */
struct smi_gi {
	uint32_t gpu;
	char profile[SMI_PROFILE_SIZE];
	uint32_t profile_id;
	uint32_t id;
	uint32_t start, size; /* in memory slices of the GPU */
};

/* What is wrong with a text: in words that need no escaping, and in which line, from 1
 * on; 0 is all of it. */
struct smi_fault {
	unsigned line;
	const char *why;
};

/* Each reads TEXT into RET, which has room for MAX, in the order of the text, and returns
 * how many there are; -EPROTO where the text makes no sense and -E2BIG where there are
 * more than MAX, or more than the limits above; then FAULT says why. */
int smi_parse_query(const char *text, struct smi_gpu *ret, size_t max,
		    struct smi_fault *fault);
int smi_parse_types(const char *text, struct smi_type *ret, size_t max,
		    struct smi_fault *fault);
/* Types that can be made now, with the placements that are free. */
int smi_parse_creatable_placements(const char *text, struct smi_type *ret, size_t max,
				   struct smi_fault *fault);
int smi_parse_gi_profiles(const char *text, struct smi_gi_profile *ret, size_t max,
			  struct smi_fault *fault);
/* None where nvidia-smi says that there are none, or that no GPU is in MIG mode. */
int smi_parse_gis(const char *text, struct smi_gi *ret, size_t max,
		  struct smi_fault *fault);

/* Does TEXT say that there are no GPU instances? nvidia-smi then ends as if it failed. */
bool smi_says_no_gis(const char *text);

/* What an exit status of nvidia-smi means, as a positive errno value; 0 is success. They
 * are the numbers of nvmlReturn_t; OUTPUT's last words count where a status is none of
 * those. EBUSY: in use. ENODEV: the driver has no such GPU. ENOSPC: no room for a GPU
 * instance. EOPNOTSUPP: the GPU cannot do that, or is not in MIG mode. EINVAL, EPERM as
 * they say; ENXIO: the driver is not loaded. EIO: anything else. */
int smi_errno(int status, const char *output);

/* As nvidia-smi names a GPU and takes it after -i, "00000000:E8:00.0"; returns BUF.
 * Source: nvidia-smi(1), "domain:bus:device.function in hex". */
const char *smi_bus_id(const struct bdf *bdf, char buf[BDF_SIZE]);
