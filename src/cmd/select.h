/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/view.h"
#include "core/select.h"

/* The options by which several commands are told which saved vGPUs they are about. */

/* The ways to choose that a command offers. */
enum { SELECT_UUIDS = 1, SELECT_VM = 2, SELECT_GPU = 4, SELECT_ALL = 8 };

/* Keys of argp, apart from those of the commands' own options. */
enum {
	SELECT_OPT_VM = 0x300,
	SELECT_OPT_SLOT,
	SELECT_OPT_GPU,
	SELECT_OPT_ALL,
	SELECT_OPT_IF_EXISTS
};

/* Lines for a command's table of options, one for each way it offers. */
#define SELECT_OPTION_VM                                                                 \
	{ "vm", SELECT_OPT_VM, "NAME", 0, "The vGPUs of this VM", 0 },                   \
	{                                                                                \
		"slot", SELECT_OPT_SLOT, "N", 0, "Of the VM, only this one", 0           \
	}
#define SELECT_OPTION_GPU                                                                \
	{                                                                                \
		"gpu", SELECT_OPT_GPU, "BDF", 0, "Those on record for this GPU", 0       \
	}
#define SELECT_OPTION_ALL                                                                \
	{                                                                                \
		"all", SELECT_OPT_ALL, NULL, 0, "All that are on record", 0              \
	}
#define SELECT_OPTION_IF_EXISTS                                                          \
	{                                                                                \
		"if-exists", SELECT_OPT_IF_EXISTS, NULL, 0,                              \
			"What is not there is no failure", 0                             \
	}

struct select_args {
	unsigned ways;	  /* SELECT_…; this and VERB are set before parsing */
	const char *verb; /* what the command does to them, "remove" */
	struct selection by;
	char **uuids; /* point into argv */
	size_t n_uuids;
	bool if_exists;
};

/* For a command's parser: handles the options above and the arguments, and sees to it at
 * the end that one way was chosen. ARGP_ERR_UNKNOWN where KEY is none of its own. ARGS is
 * NULL where help is printed. */
error_t select_parse(int key, char *arg, struct argp_state *state,
		     struct select_args *args);

/* The saved vGPUs of VIEW that ARGS mean, each once: UUIDs in their order, others in that
 * of the record. Allocates *RET, which borrows from VIEW. By GPU, or all: none is an
 * answer; else ERROR_NOT_FOUND, unless --if-exists. ERROR_CONFLICT where a UUID is that
 * of a foreign vGPU. */
int select_choose(const struct select_args *args, const struct view *view,
		  struct saved_vgpu ***ret, size_t *ret_n, struct error *err);
