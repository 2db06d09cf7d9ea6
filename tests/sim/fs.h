/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#define FUSE_USE_VERSION 31
#include <fuse_lowlevel.h>

#include "node.h"

/* What the server answers; its user data is the struct sim. */
extern const struct fuse_lowlevel_ops fs_ops;
/* The kernel forgets what it knows of an entry. Without the lock. */
void fs_forget(fuse_ino_t dir, const char *name);
/* Frees what clients still had open. */
void fs_close(void);
