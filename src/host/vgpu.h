/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/model.h"
#include "util/error.h"

/* A vGPU to be made, all plain data: it travels to the process that does the write. */
struct vgpu_make {
	char uuid[UUID_SIZE];
	struct bdf vf;
	char type_name[TYPE_NAME_SIZE]; /* what it is resolved by at run time */
	uint32_t type_id;		/* where to look first */
	bool ask_driver;		/* read available_instances before the write */
};

/* What came of it, as the kernel shows it afterwards. */
struct vgpu_made {
	char type_dir[TYPE_DIR_SIZE];
	uint32_t type_id;
	bool present; /* the device is there, as asked for, whatever the write said */
	bool absent; /* it surely is not: the bus has no such UUID, nor has its parent, if
		      * that is there
		      */
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

/* Makes a vGPU and verifies it. MEMO is for the VFs of one GPU. RET is filled on failure,
 * too. Errors: -ENOENT where the parent or the type is not there, ERROR_CAPACITY where
 * the driver has no room, ERROR_CONFLICT where the UUID is live otherwise, else the errno
 * of the write. May block for as long as the driver does. */
int vgpu_make(int root_fd, const struct vgpu_make *make, struct gpu_memo *memo,
	      struct vgpu_made *ret, struct error *err);

/* Removes UUID and waits until neither the bus nor its parent has it. A device that is
 * gone already is success. Blocks for as long as somebody has it open. */
int vgpu_remove(int root_fd, const char *uuid, const struct bdf *parent,
		struct error *err);

/* Is the device on the bus, with no removal of it under way? */
bool vgpu_is_whole(int root_fd, const char *uuid);

/* Is the device neither on the bus nor under its parent? */
bool vgpu_is_gone(int root_fd, const char *uuid, const struct bdf *parent);
