/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/saved.h"
#include "util/error.h"

/* The record, a SQLite file; doc comments of the tables are in sql/migrations. Failures
 * are ERROR_STORE for a store that is damaged (-EUCLEAN), or that is none of ours or
 * newer (-EPROTO), ERROR_TIMEOUT where another process keeps it locked, ERROR_PERMISSION
 * and ERROR_SYSTEM as the file system says. */
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

/* An empty store in memory, for what stands in for a store that cannot be read. It takes
 * writes until store_seal(), and is never writable by store_is_writable(). Its locks are
 * those of PLACE. */
int store_open_memory(const struct store_place *place, struct store **ret,
		      struct error *err);
void store_seal(struct store *store);

bool store_is_writable(const struct store *store);

/* Has another file, or none, taken the place of the one that is open?  What is read here
 * is history then, and nothing can be written. */
bool store_is_replaced(const struct store *store);

/* Who is at work, as history shall name it. */
struct actor {
	uint32_t uid;
	char name[64];	     /* of that user now, "" where it has none */
	const char *command; /* "create", "reconcile --boot" */
};

/* Borrowed until store_close(). */
void store_set_actor(struct store *store, const struct actor *actor);

/* Looks for damage in what a restore needs; ERROR_STORE says what was found first. */
int store_quick_check(struct store *store, struct error *err);

/* Looks for any damage, the history included, and for rows that nobody refers to. */
int store_full_check(struct store *store, struct error *err);

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
	char machine_id[64];   /* of the host it was written on, likewise */
	size_t n_bad;  /* rows that make no sense and were left out: store_tolerate() */
	char bad[128]; /* what is wrong with the first */
};

void saved_free(struct saved *saved);

/* -EUCLEAN where a row makes no sense. */
int store_load(struct store *store, struct saved **ret, struct error *err);

/* Lets store_load() leave such rows out, where what is left is better than nothing. */
void store_tolerate(struct store *store);

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
 * id, and its target, if it had one, goes; ERROR_CONFLICT where the record is in another
 * state by now, or gone. */
int store_set_state(struct store *store, struct saved_vgpu *vgpu, enum saved_state from,
		    struct error *err);
int store_set_place(struct store *store, struct saved_vgpu *vgpu, struct error *err);
int store_set_owner(struct store *store, struct saved_vgpu *vgpu, struct error *err);
int store_set_attached(struct store *store, struct saved_vgpu *vgpu, struct error *err);
int store_delete(struct store *store, const struct saved_vgpu *vgpu, struct error *err);
/* Frees the VF in the record until store_set_place() names another, so that several vGPUs
 * can change places in one transaction. */
int store_park(struct store *store, const struct saved_vgpu *vgpu, struct error *err);

/* Says where VGPU is to be made once its device is away. It is in state `removing` by
 * then; store_set_state() takes the target back. */
int store_set_target(struct store *store, struct saved_vgpu *vgpu, struct error *err);

/* Adds or changes what a GPU is, and how many of its virtual functions are wanted. */
int store_put_gpu(struct store *store, const struct saved_gpu *gpu, struct error *err);
/* Changes what else is wanted of a GPU that is on record. */
int store_put_wishes(struct store *store, const struct saved_gpu *gpu, struct error *err);

/* What became of what was done. */
enum event_outcome { EVENT_BEGUN, EVENT_DONE, EVENT_FAILED, EVENT_UNDONE };

/* Adds a line to the history, in the transaction of the change it tells of. VGPU, whose
 * UUID and VM it names, may be NULL. DETAIL is one line for people. */
int store_event(struct store *store, const char *operation, enum event_outcome outcome,
		const struct saved_vgpu *vgpu, const char *detail, struct error *err);

/* What GPUs of this model offered under this driver; RET is NULL if that is not known. */
int store_load_catalog(struct store *store, uint32_t vendor, uint32_t device,
		       const char *driver_version, struct catalog **ret,
		       struct error *err);
int store_put_catalog(struct store *store, uint32_t vendor, uint32_t device,
		      const char *driver_version, const struct catalog *catalog,
		      struct error *err);

/* Makes what is saved the same as in SAVED: records of other UUIDs go, those with a row
 * keep it, the others get one. The caller has seen to it that no device is left without a
 * record, and that nobody is at work on one. Needs a transaction. */
int store_import(struct store *store, const struct saved *saved, struct error *err);

/* Makes sure that the generation is at least AT_LEAST, and gives the store the id that
 * SAVED has. For a store that takes the place of another. Needs a transaction. */
int store_succeed(struct store *store, const struct saved *saved, uint64_t at_least,
		  struct error *err);

/* The store's directory, open for listing and syncing; the caller closes it. */
int store_open_dir(const struct store_place *place, struct error *err);

/* --- src/store/replace.c: a store that is damaged gives way to another */

/* Renames the store, and its journal, to FILE.damaged-TIME, when nobody is in the midst
 * of reading or writing it; whoever has it open finds out at its next write. RET_NAME
 * gets the new name, in the store's directory, "" where there was nothing to rename.
 * ERROR_TIMEOUT where it stays in use until DEADLINE (clock_monotonic_ms()). */
int store_set_aside(const struct store_place *place, int64_t deadline, char ret_name[128],
		    struct error *err);

/* The place to build the store's successor at: a file beside it, of which nothing is
 * there. Free with store_place_free(). */
int store_place_new(const struct store_place *place, struct store_place *ret,
		    struct error *err);
void store_place_free(struct store_place *place);

/* Puts the store at BUILT, which must be closed, where PLACE says and none may be; it is
 * on disk there when this returns. */
int store_put_in_place(const struct store_place *built, const struct store_place *place,
		       struct error *err);

/* A line of the history. Texts are as they were written: nobody has checked them since.
 * "" where nothing is known, as of most that an older vgpumgr wrote. */
struct event {
	int64_t seq;
	int64_t uid; /* -1: not known */
	char *at, *user, *command, *operation, *outcome, *uuid, *vm, *detail;
};

struct events {
	struct event *events; /* in the order in which they came about */
	size_t n;
};

void events_free(struct events *events);

/* Which ones. */
struct event_query {
	const char *uuid;  /* NULL: of whatever vGPU, and of none */
	const char *vm;	   /* NULL: of whatever VM, and of none */
	const char *since; /* not older than that, as clock_now() writes it; "": all */
	int64_t limit;	   /* the last so many, -1: all */
};

int store_load_events(struct store *store, const struct event_query *query,
		      struct events **ret, struct error *err);

/* The UUID in the history that begins with PREFIX. RET_N is how many do; RET is the first
 * of them, "" where there is none. */
int store_find_event_uuid(struct store *store, const char *prefix, char ret[UUID_SIZE],
			  size_t *ret_n, struct error *err);

/* A lock file's descriptor of its own open file description, beside the store; the caller
 * closes it. util/lock.h says what its bytes
 * are for. */
int store_open_lock(const struct store_place *place, struct error *err);
