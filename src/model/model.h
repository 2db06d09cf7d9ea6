/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/bdf.h"
#include "model/uuid.h"
#include "model/vgpu_type.h"

#define DRIVER_NAME_SIZE 64
#define TYPE_DIR_SIZE 96
#define AVAILABLE_UNKNOWN UINT32_MAX

/* How the driver offers vGPUs on one PCI function; decided from what sysfs shows there.
 */
enum framework {
	FRAMEWORK_NONE, /* no types to be seen (yet) */
	FRAMEWORK_MDEV,
	FRAMEWORK_VFIO, /* NVIDIA's vendor-specific VFIO: nvidia/current_vgpu_type */
};

/* What a GPU is used for, as far as its driver tells. */
enum gpu_mode { MODE_UNKNOWN, MODE_VGPU, MODE_PASSTHROUGH, MODE_HOST };

/* A PCI function that vGPUs are made on: a VF, or a GPU from before SR-IOV itself. */
struct parent {
	struct bdf bdf;
	uint32_t index; /* N of the PF's virtfnN link; 0 of a PF */
	uint32_t gpu;	/* index into host->gpus */
	enum framework framework;
	uint32_t vfio_type; /* nvidia/current_vgpu_type, 0 where nothing is made on it */
};

/* The types a GPU offers. May be shared between GPUs of one model. */
struct catalog {
	struct vgpu_type *types; /* sorted by id */
	size_t n_types;
	bool remembered; /* from the store, not read from this host now */
	bool partial;	 /* what can be made at this moment, which may not be all */
	unsigned refs;
};

/* A physical GPU, that is a PF. */
struct gpu {
	struct bdf bdf;
	uint32_t vendor, device;		/* 0 where not read */
	char model[64];				/* "NVIDIA A40", "" where not known */
	char driver[DRIVER_NAME_SIZE];		/* bound driver, "" if none */
	char driver_override[DRIVER_NAME_SIZE]; /* "" if none is set, or not read */
	int numa_node;				/* -1 where there is none */
	uint32_t total_vfs;			/* sriov_totalvfs; 0 without SR-IOV */
	bool total_is_known;			/* and it was read */
	size_t first_parent, n_parents;		/* its part of host->parents, by index */
	bool is_parent; /* vGPUs are made on the PF itself: it is its only parent */
	bool excluded;	/* the operator's config leaves it alone */
	bool cordoned;	/* by the record: it gets no new vGPUs */
	struct catalog *catalog; /* NULL where not known */
	uint32_t *available; /* per catalog entry, what one free parent takes of it now */
};

/* A vGPU the kernel shows, on a GPU or on any other mdev parent. */
struct live_vgpu {
	char uuid[UUID_SIZE];	 /* "" where the kernel does not know one, and no record
				    claims it */
	char set_for[UUID_SIZE]; /* whose it is by a note of this boot, "" where there is
				    none */
	char parent_name[TYPE_DIR_SIZE]; /* "0000:e8:00.4", "mtty" */
	struct bdf parent;		 /* zero where the parent is no PCI function */
	int gpu; /* index into host->gpus, -1: its parent is no GPU */
	int at;	 /* index into host->parents, -1: on none of them */
	enum framework framework;
	char type_dir[TYPE_DIR_SIZE];	/* "nvidia-575" */
	uint32_t type_id;		/* 0 where not known */
	char type_name[TYPE_NAME_SIZE]; /* "" where not known */
	uint32_t framebuffer_mib;	/* 0 where not known */
	bool unfinished;		/* it is about to be made: it has no type yet */
	bool other_params;		/* than its record has */
	bool stuck; /* a removal or create of it hangs in the kernel */
};

/* What one look at a host showed. Everything is sorted, so that choices repeat. */
struct host {
	char hostname[256], machine_id[64], boot_id[64],
		driver_version[64]; /* "" if unknown */
	struct gpu *gpus;	    /* by BDF */
	size_t n_gpus;
	struct parent *parents; /* grouped by GPU, by index within one */
	size_t n_parents;
	uint32_t *parents_by_bdf; /* indices into parents, sorted by BDF */
	struct live_vgpu *live;	  /* by UUID, then parent */
	size_t n_live;
};

/* Frees what HOST points to and HOST; NULL is fine. */
void host_free(struct host *host);
/* Frees only what HOST points to, and leaves the pointers dangling. */
void host_clear(struct host *host);

/* All return NULL where there is none; the result borrows from HOST. */
struct gpu *host_find_gpu(const struct host *host, const struct bdf *bdf);
struct parent *host_find_parent(const struct host *host, const struct bdf *bdf);
struct live_vgpu *host_find_live(const struct host *host, const char *uuid);

/* Sorts HOST->parents_by_bdf and HOST->live anew after somebody has filled them. */
void host_sort(struct host *host);

struct catalog *catalog_ref(struct catalog *catalog);
void catalog_unref(struct catalog *catalog);

/* The type called NAME or PROFILE, letter case aside, NULL if CATALOG (may be NULL) has
 * none. "NVIDIA A40-24A", "A40-24A" and "GRID A40-24A" are one. */
const struct vgpu_type *catalog_find(const struct catalog *catalog, const char *name);
const struct vgpu_type *catalog_find_id(const struct catalog *catalog, uint32_t id);

/* Sorts by id, as catalog_find_id() needs it. */
void catalog_sort(struct catalog *catalog);

/* Might GPU offer PROFILE, in any letter case, which its catalog does not list?  Where that
 * is not known it might; where it lists what can be made at the moment, which is all only
 * while nothing is made, it might if that is a type of the same board. */
bool gpu_may_offer(const struct host *host, const struct gpu *gpu, const char *profile);

/* Is PROFILE, of FRAMEBUFFER_MIB, none that CATALOG's driver offers?  All series of one
 * size can be made at one time, so what lists others of the size would list it, too. */
bool catalog_lacks(const struct catalog *catalog, const char *profile,
		   uint32_t framebuffer_mib);

/* Names what is live on GPUs by their catalogs, where the kernel does not tell. */
void host_name_live(struct host *host);

enum gpu_mode gpu_mode(const struct gpu *gpu);
enum framework gpu_framework(const struct host *host, const struct gpu *gpu);

/* Does HOST->parents[PARENT] hold several vGPUs?  A VF holds one. */
bool parent_is_shared(const struct host *host, size_t parent);

/* How many virtual functions GPU has now. */
size_t gpu_vfs(const struct gpu *gpu);

/* How many of them show types, under whatever framework. */
size_t gpu_ready_vfs(const struct host *host, const struct gpu *gpu);

/* The words of the command line and the JSON: "mdev", "vgpu"; NULL for none or unknown.
 */
const char *framework_name(enum framework framework);
bool framework_parse(const char *name, enum framework *ret); /* never FRAMEWORK_NONE */
const char *gpu_mode_name(enum gpu_mode mode);
