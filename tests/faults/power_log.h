/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What was asked of the file system below one directory, in order: SQLite's system calls,
 * which its "unix" VFS lets others take over one by one (xSetSystemCall), and those of
 * which it asks the C library by name, fsync(), fdatasync(), mkdirat(), which power_log.c
 * defines anew. The calls are carried out, except that nothing is ever synced. */
enum power_kind {
	POWER_CREATE, /* FILE is the number of the new file */
	POWER_MKDIR,
	POWER_UNLINK,
	POWER_WRITE,
	POWER_TRUNCATE, /* to OFFSET */
	POWER_SYNC,	/* FILE, all of it */
	POWER_DIRSYNC,	/* the names in the directory NAME */
	POWER_TRY,	/* transaction NUMBER may be there from now on */
	POWER_ACK,	/* ... and must */
};

struct power_op {
	enum power_kind kind;
	unsigned name; /* index into power_log.names */
	unsigned file;
	uint64_t offset;
	size_t len;
	unsigned char *data;
	unsigned number;
};

struct power_log {
	char **names; /* relative to the root; a directory before what is in it */
	size_t n_names;
	int *files; /* per name, the file that it is now, or one of the following */
	struct power_op *ops;
	size_t n_ops, room;
	unsigned n_files;
};

#define POWER_ABSENT (-1)
#define POWER_DIRECTORY (-2)

/* Once, before SQLite is used. */
void power_log_init(void);

/* Starts and ends the recording of what happens below ROOT, a real path. LOG may know
 * names already, see power_log_name(). Both are borrowed. */
void power_log_start(struct power_log *log, const char *root);
void power_log_stop(void);

/* The index of NAME, which is added as absent where it is not known yet. */
unsigned power_log_name(struct power_log *log, const char *name);
/* TRY or ACK of transaction NUMBER. */
void power_log_mark(struct power_log *log, enum power_kind kind, unsigned number);
/* "write 512 bytes at 4096 of state.db" */
const char *power_op_words(const struct power_log *log, const struct power_op *op,
			   char *buf, size_t size);
/* Empties it. */
void power_log_clear(struct power_log *log);

/* Memory without which no test can go on: ends the program where there is none. */
void *power_alloc(void *old, size_t size);
_Noreturn void power_die(const char *what);
