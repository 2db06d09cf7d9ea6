/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/model.h"
#include "model/params.h"
#include "util/error.h"

/* What makes a vGPU findable in the kernel; plain data. */
struct vgpu_id {
	enum framework framework;
	char uuid[UUID_SIZE]; /* of an mdev; elsewhere the kernel does not know it */
	struct bdf parent;
	uint32_t type_id; /* tells ours from another's where there is no UUID */
};

/* A vGPU to be made, all plain data: it travels to the process that does the write. */
struct vgpu_make {
	struct vgpu_id id;		/* its type id: where to look first */
	char type_name[TYPE_NAME_SIZE]; /* what it is resolved by at run time */
	char params[PARAMS_SIZE];	/* set once it is made; "": left alone */
	uint32_t framebuffer_mib;	/* 0 where not known */
	bool ask_driver;		/* read before the write whether one more fits */
};

/* What came of it, as the kernel shows it afterwards. */
struct vgpu_made {
	char type_dir[TYPE_DIR_SIZE]; /* "" where types have no directory */
	uint32_t type_id;
	bool present; /* the device is there, as asked for, whatever the write said */
	bool absent; /* it surely is not, and its parent, if that is there, shows types */
};

/* What holds for the next VF of the same GPU, too: where its functions are, and where the
 * last type that was resolved is found. MEMO_NONE at first, and one for each GPU. */
struct gpu_memo {
	char type_name[TYPE_NAME_SIZE], dir[TYPE_DIR_SIZE];
	int port_fd; /* the directory its functions are in */
};

#define MEMO_NONE                                                                        \
	{                                                                                \
		"", "", -1                                                               \
	}

/* Makes a vGPU and verifies it. MEMO is for the parents of one GPU. RET is filled on
 * failure, too. Errors: -ENOENT where the parent or the type is not there, ERROR_CAPACITY
 * where the driver has no room, ERROR_CONFLICT where it is live otherwise or something
 * else is in its place, else the errno of the write. May block for as long as the driver
 * does. */
int vgpu_make(int root_fd, const struct vgpu_make *make, struct gpu_memo *memo,
	      struct vgpu_made *ret, struct error *err);

/* Gives a vGPU that is live its parameters, MAKE->params, and reads them back. They hold
 * from the next start of its VM on. */
int vgpu_set_params(int root_fd, const struct vgpu_make *make, struct error *err);

/* Has the vGPU other parameters than PARAMS, as far as anybody can tell?  A device that
 * is gone, and a file that the caller may not read, are taken to be right. */
bool vgpu_params_differ(int root_fd, const struct vgpu_id *id, const char *params);

/* Takes ID away and waits until nothing of it is left. A device that is gone already is
 * success. Blocks for as long as somebody has it open. */
int vgpu_remove(int root_fd, const struct vgpu_id *id, struct error *err);

/* Is the device there, with no removal of it under way? */
bool vgpu_is_whole(int root_fd, const struct vgpu_id *id);

/* Is the device where those are found that are not on their way out? */
bool vgpu_is_listed(int root_fd, const struct vgpu_id *id);

/* Is nothing left of the device? */
bool vgpu_is_gone(int root_fd, const struct vgpu_id *id);

/* ID was not live when HOST was looked at: has nothing come of it since? 1 yes, 0 no,
 * negative where it cannot be told. */
int vgpu_is_still_away(int root_fd, const struct host *host, const struct vgpu_id *id,
		       struct error *err);

/* The error of what cannot be made, or claimed, since the boot id cannot be read: where
 * the kernel knows no UUIDs, nothing but the boot tells whose a vGPU is. */
int vgpu_no_boot_id(struct error *err);

/* That of the record, and that of what the kernel shows. */
struct saved_vgpu;
struct vgpu_id vgpu_id_of(const struct saved_vgpu *saved);
struct vgpu_id vgpu_id_of_live(const struct live_vgpu *live);
