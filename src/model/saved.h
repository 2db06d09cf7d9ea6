/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"
#include "model/params.h"

#define VM_NAME_SIZE 256 /* 255 bytes and the NUL */
#define MIG_WISH_SIZE 256
#define TIME_SIZE 32 /* "2026-01-02T03:04:05Z" */

/* More changes than there ever are: what says more is damaged, and would leave no number
 * for those that follow. */
#define SAVED_MAX_GENERATION (INT64_C(1) << 53)

/* What the store says of a vGPU; see sql/migrations for the column of each. */
enum saved_state { SAVED_CREATING, SAVED_ACTIVE, SAVED_REMOVING, SAVED_STOPPED };

struct saved_vgpu {
	int64_t row; /* also the byte of the lock file that says "in progress" */
	char uuid[UUID_SIZE];
	char vm[VM_NAME_SIZE];
	char vm_uuid[UUID_SIZE]; /* "" where none was given */
	uint32_t slot;
	char profile[PROFILE_SIZE];
	char type_name[TYPE_NAME_SIZE];
	uint32_t type_id; /* a hint: ids may change with the driver */
	uint32_t framebuffer_mib;
	enum framework framework;
	struct bdf gpu, vf; /* the PF, and the parent, which may be the PF */
	uint32_t vf_index;
	/* where it is being moved to, from the mark on until its old device is away */
	bool is_moving;
	struct bdf to_gpu, to_vf;
	uint32_t to_vf_index;
	char params[PARAMS_SIZE]; /* as params_normalise() writes them, "" for none */
	bool has_placement_id;	  /* mixed-size mode: */
	uint32_t placement_id;
	enum framework attached; /* what its VM's config was last written for;
				    FRAMEWORK_NONE: as FRAMEWORK */
	char driver_version[64]; /* under which it was last made, "" where unknown */
	enum saved_state state;
	bool in_progress; /* a living process holds its lock: it is at work on the device
			   */
	bool attended; /* likewise, and the command that started it waits for it still */
	char boot_id[64]; /* of the boot it was last made in */
	char created_at[TIME_SIZE], changed_at[TIME_SIZE];
};

/* What somebody wants of a switch: it may be left as it is. */
enum wish { WISH_NONE, WISH_OFF, WISH_ON };

/* What is wanted of a GPU. */
struct saved_gpu {
	struct bdf bdf;
	char model[64];
	uint32_t vendor, device;
	uint32_t wanted_vfs; /* 0: nothing was asked for */
	bool cordoned;	     /* it gets no new vGPUs */
	enum wish heterogeneous;
	char mig[MIG_WISH_SIZE]; /* GPU instances, "" where nothing was asked for */
};

/* A VM name is 1 to 255 bytes of UTF-8 without control, bidi or '/' characters. */
bool vm_name_is_valid(const char *name);

const char *saved_state_name(enum saved_state state);
bool saved_state_parse(const char *name, enum saved_state *ret);

/* By PF, VF, UUID: the order in which reconcile works. */
int saved_compare_place(const void *a, const void *b);
/* By VM, slot: the order in which people read. */
int saved_compare_vm(const void *a, const void *b);
