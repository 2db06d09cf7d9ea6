/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "store/store.h"

/* backup.json beside the store: the record as text (out/record.h), written once per
 * changing command. The one before is kept in archive/, as backup-GENERATION-TIME.json;
 * core/thin.h says for how long. */

#define BACKUP_NAME "backup.json"
#define ARCHIVE_NAME "archive"
#define BACKUP_NAME_SIZE 80

struct backup {
	char name[BACKUP_NAME_SIZE]; /* below the store's directory */
	uint64_t generation;	     /* as its name says; of backup.json, as it says */
	int64_t written_at;	     /* seconds since 1970 */
	uint64_t size;		     /* bytes */
};

/* Writes TEXT as backup.json, having kept the one before. The caller holds LOCK_PUBLISH.
 */
int backup_write(const struct store_place *place, const char *text, struct error *err);

/* Is backup.json of that generation? */
bool backup_is_of(const struct store_place *place, uint64_t generation);

/* All there are, the newest first: backup.json, then the archive by generation, for time
 * may have run backwards. Returns how many; the caller frees RET. No directory: none.
 * An archive that cannot be read does not hide backup.json. */
ssize_t backup_list(const struct store_place *place, struct backup **ret,
		    struct error *err);

/* Is there any? */
bool backup_exists(const struct store_place *place);

/* Reads the one of that name below the store's directory. The errors of record_parse(),
 * and ERROR_PERMISSION for a file that others could have written. */
int backup_read(const struct store_place *place, const char *name, struct saved **ret,
		struct error *err);

/* Reads the newest that can be read and makes sense; RET_NAME gets its name and RET_NEXT
 * a generation that none of them has reached. -ENOENT where there is none, with what is
 * wrong with the newest in ERR. */
int backup_read_newest(const struct store_place *place, struct saved **ret,
		       char ret_name[BACKUP_NAME_SIZE], uint64_t *ret_next,
		       struct error *err);

/* The generation of "backup-0000000042-20260102T030405Z.json", the name of one that is
 * archived; false where NAME is none, or the number one that no store can have reached
 * (SAVED_MAX_GENERATION). */
bool backup_parse_name(const char *name, uint64_t *ret_generation);
