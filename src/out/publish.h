/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "store/store.h"

/* What is for everybody to read, in run/vgpumgr. */

/* Writes the inventory: TEXT is a record (out/record.h). ROOT_FD is where run/ is. */
int publish_inventory(int root_fd, const char *text, struct error *err);

/* Reads it back; -ENOENT where there is none. RET->as_of says of when it is, and
 * RET_WRITTEN_AT (seconds since 1970, may be NULL) when the file was written. */
int publish_read(int root_fd, struct saved **ret, int64_t *ret_written_at,
		 struct error *err);

/* Is the published inventory of that generation? */
bool publish_is_of(int root_fd, uint64_t generation);

/* Writes TEXT to run/vgpumgr/NAME, by a temporary file and a rename, not synced. */
int publish_run_file(int root_fd, const char *name, const char *text, struct error *err);
