/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <argp.h>
#include <jansson.h>
#include <stdio.h>

#include "cmd/settings.h"
#include "host/scan.h"
#include "model/saved.h"
#include "run/jobs.h"
#include "store/store.h"

/* What holds for one call of the program, whatever the command. */
struct context {
	/* from the command line and the environment */
	const char *root_option, *store_option, *config_option;
	bool json, dry_run, quiet;
	unsigned verbose;
	bool color_never, color_always;
	uint32_t timeout_s; /* 0: not given */
	/* made of them by context_prepare() */
	char *root;
	int root_fd;
	struct store_place place;
	int attend_fd; /* holds LOCK_ATTENDED of what this process waits for, -1: none */
	struct settings settings;
	struct actor actor;
	const char *command, *subject; /* what messages begin with: "create A40-24A" */
	bool changes; /* nothing but the record itself will do: no backup stands in for it
		       */
	/* what is wrong with the store, although the command could do its work: it is
	 * told at the end, and the exit status is ERROR_STORE */
	struct error trouble;
	bool troubled;
	const char *recorded_as; /* the command in history, NULL: as COMMAND */
	/* what a failing command has to say beyond its one sentence */
	char *details;
	json_t *error_extra;
};

struct command {
	const char *name, *summary;
	/* 0: done; negative: failed, as ERR says; positive: this exit status, all is
	 * said. */
	int (*run)(struct context *ctx, int argc, char **argv, struct error *err);
};

extern const struct command cmd_adopt, cmd_assign, cmd_capacity, cmd_check, cmd_create,
	cmd_gpu, cmd_gpus, cmd_history, cmd_list, cmd_move, cmd_reconcile, cmd_remove,
	cmd_show, cmd_sriov, cmd_start, cmd_stop, cmd_store, cmd_types, cmd_wait;

/* What a command's own parser is given as its input. */
struct parse {
	struct context *ctx;
	void *args; /* the command's */
	struct error *err;
	bool help, version;
};

/* Parses the command's own options and the global ones, which may stand anywhere, and
 * prepares CTX. ARGV[0] is the command's name. 0: go on; 1: help was printed, end with
 * success; negative: ERR says what is wrong. */
int command_parse(struct context *ctx, const struct argp *argp, int argc, char **argv,
		  void *args, struct error *err);

/* The global options alone, up to the command's name, whose index goes to RET_INDEX (ARGC
 * where there is none). 2: --version was asked for. */
int global_parse(struct context *ctx, int argc, char **argv, const char *doc,
		 int *ret_index, struct error *err);

/* For parsers: fills the parse's error as ERROR_USAGE and returns EINVAL. */
error_t usage_error(struct argp_state *state, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* For parsers: options that several commands have. Each returns 0 or usage_error(). */
error_t parse_bdf_option(struct argp_state *state, const char *arg, struct bdf *ret);
error_t parse_vm_option(struct argp_state *state, const char *arg, const char **ret);
error_t parse_number_option(struct argp_state *state, const char *name, const char *arg,
			    uint32_t max, uint32_t *ret);

/* Opens the root, reads the config, finds the store's place. */
int context_prepare(struct context *ctx, struct error *err);
void context_end(struct context *ctx);

/* --timeout where it was given, else the setting's own. */
uint32_t context_timeout(const struct context *ctx);
uint32_t context_sriov_timeout(const struct context *ctx);

/* A line of words on stderr, "vgpumgr: …", unless -q; the text is escaped. */
void note(const struct context *ctx, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Likewise, -q or not. */
void warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Something that is wrong, beside the one error a command ends with. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Prints a document to stdout, with what is wrong with the store as its "error", if
 * anything is; takes the reference. */
int context_print(const struct context *ctx, json_t *document, struct error *err);

/* Starts the children that write, with the tool for SR-IOV. */
int context_start_jobs(struct context *ctx, struct jobs **ret, struct error *err);

/* Opens the record, its events to be the caller's. -EUCLEAN also where it is gone and its
 * backups are there: nothing is to be made in its stead before those are restored. In
 * src/cmd/repair.c, else as store_open(). */
int context_open_store(struct context *ctx, enum store_mode mode, struct store **ret,
		       struct error *err);

/* Says to STORE who changes it: the user who has logged in, also behind sudo and su. */
void context_sign(struct context *ctx, struct store *store);

/* Writes backup and inventory, once per command that changed something. What goes wrong
 * is a warning: the change itself is done and durable. */
void context_publish(struct context *ctx, struct store *store, const char *machine_id);

/* Likewise, for a command that found nothing to change: only where they are not of the
 * record's last change, since whoever made it was killed before he came to it. */
void context_publish_late(struct context *ctx, struct store *store,
			  const char *machine_id);
