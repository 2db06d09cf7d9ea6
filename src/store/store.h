/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/saved.h"
#include "util/error.h"

/* The record, a SQLite file; doc comments of the tables are in sql/migrations. Failures
 * are ERROR_STORE for a store that is damaged, foreign or newer, ERROR_TIMEOUT where
 * another process keeps it locked, ERROR_PERMISSION and ERROR_SYSTEM as the file system
 * says. */
struct store;

/* Where the store is: a file in a directory below a root that trust starts at. */
struct store_place {
	int root_fd;
	char *root; /* real path of the root, "/" or without a slash at the end */
	char *dir;  /* path of the store's directory below the root: "var/lib/vgpumgr" */
	char *file; /* real path of the store, for SQLite */
};

enum store_mode {
	STORE_READ,   /* changes nothing; a journal left by a killed writer is rolled back
		       */
	STORE_WRITE,  /* changes what is there; read-only where the file system is */
	STORE_CREATE, /* makes directory, file and schema where they are missing */
};

/* Opens the store and brings its schema up to date. -ENOENT: there is none (STORE_READ
 * and STORE_WRITE only), which is no error to most callers. TIMEOUT_MS is how long to
 * wait for another process's transaction. Free with store_close(). */
int store_open(const struct store_place *place, enum store_mode mode, unsigned timeout_ms,
	       struct store **ret, struct error *err);
void store_close(struct store *store);

bool store_is_writable(const struct store *store);

/* Who the event table shall name. Borrowed until store_close(). */
void store_set_actor(struct store *store, const char *actor);

/* Looks for damage in what a restore needs; ERROR_STORE says what was found first. */
int store_quick_check(struct store *store, struct error *err);

/* All that is saved, as of one moment. */
struct saved {
	struct saved_vgpu *vgpus; /* by place */
	size_t n_vgpus;
	struct saved_gpu *gpus; /* by BDF */
	size_t n_gpus;
	uint64_t generation;
	char store_id[UUID_SIZE];
	char as_of[TIME_SIZE]; /* when it was published, "" if it was read from the store
				*/
};

void saved_free(struct saved *saved);
int store_load(struct store *store, struct saved **ret, struct error *err);

/* How often the store has been changed; cheap, to see whether what was loaded still
 * holds. */
int store_generation(struct store *store, uint64_t *ret, struct error *err);

/* The record of UUID, or of (VM, SLOT); NULL if there is none. */
struct saved_vgpu *saved_find(const struct saved *saved, const char *uuid);
struct saved_vgpu *saved_find_vm(const struct saved *saved, const char *vm,
				 uint32_t slot);
struct saved_gpu *saved_find_gpu(const struct saved *saved, const struct bdf *bdf);

/* A transaction that changes something. store_commit() makes it durable and, if anything
 * was changed, raises the generation; store_rollback() may be called at any time. */
int store_begin(struct store *store, struct error *err);
int store_commit(struct store *store, struct error *err);
void store_rollback(struct store *store);

/* The following need a transaction. Sets VGPU->row, created_at, changed_at. */
int store_insert(struct store *store, struct saved_vgpu *vgpu, struct error *err);
/* Each changes one aspect of the row VGPU->row and leaves the rest to whoever has changed
 * it since it was read. The state changes from FROM to VGPU->state, with boot id and type
 * id; ERROR_CONFLICT where the record is in another state by now, or gone. */
int store_set_state(struct store *store, struct saved_vgpu *vgpu, enum saved_state from,
		    struct error *err);
int store_set_place(struct store *store, struct saved_vgpu *vgpu, struct error *err);
int store_set_owner(struct store *store, struct saved_vgpu *vgpu, struct error *err);
int store_delete(struct store *store, const struct saved_vgpu *vgpu, struct error *err);
/* Frees the VF in the record until store_set_place() names another, so that several vGPUs
 * can change places in one transaction. */
int store_park(struct store *store, const struct saved_vgpu *vgpu, struct error *err);

/* Adds or changes what is wanted of a GPU. */
int store_put_gpu(struct store *store, const struct saved_gpu *gpu, struct error *err);

/* UUID may be NULL. DETAIL is one line for people. */
int store_event(struct store *store, const char *operation, const char *uuid,
		const char *detail, struct error *err);

/* What GPUs of this model offered under this driver; RET is NULL if that is not known. */
int store_load_catalog(struct store *store, uint32_t vendor, uint32_t device,
		       const char *driver_version, struct catalog **ret,
		       struct error *err);
int store_put_catalog(struct store *store, uint32_t vendor, uint32_t device,
		      const char *driver_version, const struct catalog *catalog,
		      struct error *err);

/* A lock file's descriptor of its own open file description, beside the store; the caller
 * closes it. Byte 0 is for SR-IOV, byte N for the record with row N. */
int store_open_lock(const struct store_place *place, struct error *err);
