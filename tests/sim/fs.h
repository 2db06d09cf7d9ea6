/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#define FUSE_USE_VERSION 31
#include <fuse_lowlevel.h>

#include "node.h"

/* A request to read or write, which may continue in its own thread. */
struct job {
	fuse_req_t req;
	struct sim *sim;
	uint64_t ino;
	bool write;
	size_t size;
	off_t off;
	const char *data; /* of a write */
	char *copy;	  /* the same, when it is the job's own */
};

/* What the server answers; its user data is the struct sim. */
extern const struct fuse_lowlevel_ops fs_ops;
/* The kernel forgets what it knows of an entry. Without the lock. */
void fs_forget(fuse_ino_t dir, const char *name);
/* Frees what clients still had open. */
void fs_close(void);
/* Gives the lock up, at the end of a request. */
void fs_done(struct sim *sim);
void reply_slice(fuse_req_t req, const char *buf, size_t len, size_t size, off_t off);

/* --- jobs.c --- */

/* Answers now, or, if it may have to wait, from a thread. Gives the lock up. */
void job_run(struct sim *sim, const struct job *job, bool waits);
