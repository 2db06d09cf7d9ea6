/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/cmd.h"

/* What `store check|backup|export|restore` were called with. */
struct store_args {
	const char *verb, *file;
	bool list, force;
};

/* Each runs one of them. 0: done; positive: this exit status, all is said. */
int store_check_run(struct context *ctx, struct error *err);
int store_restore_run(struct context *ctx, const struct store_args *args,
		      struct error *err);
