/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "store/store.h"

/* What is saved, as text files: backup.json beside the store, for repairs, and the
 * inventory in run/vgpumgr, for those who cannot open the store. */

/* Writes both, each by a temporary file and a rename, and syncs neither: only the store
 * is synced. ROOT_FD is where run/ is. MACHINE_ID may be "". A failure is the caller's to
 * report: the change itself is durable by then. */
int publish(int root_fd, const struct store_place *place, const struct saved *saved,
	    const char *machine_id, struct error *err);

/* Reads the published inventory; -ENOENT where there is none. RET->as_of says how old it
 * is. */
int publish_read(int root_fd, struct saved **ret, struct error *err);

/* Writes TEXT to run/vgpumgr/NAME in the same way. */
int publish_run_file(int root_fd, const char *name, const char *text, struct error *err);
