/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "power_log.h"

/* A disk whose power may go at any moment, and what may then be on it.
 *
 * What is assumed is what SQLite says that it needs (sqlite.org/atomiccommit.html,
 * section 2) and what POSIX gives, not what one file system happens to do:
 * - What was written to a file is sure to be there only when the file was synced after
 *   it. Until then each write, and each sector of 512 bytes of it, is there or not,
 *   whatever its neighbours are; a write may also end in the middle of a sector.
 * - Writes reach the disk in any order: of two that overlap, the earlier may win.
 * - A file may have grown though what it grew by was not written. What is found there
 *   then is zeros or noise, but not what another file held before: a file system that
 *   showed that would give away secrets.
 * - Names are made and removed at once or not at all, but are sure only when their
 *   directory was synced; syncing a file does not sync its name. What is done to one name
 *   keeps its order, names among each other do not.
 * - Bytes outside of what a write covers stay as they are ("powersafe overwrite"): that
 * is what the unix VFS tells SQLite of every disk, and vgpumgr uses no other. */
struct power_disk;

/* One way in which a cut may end: where there are N possibilities, which. */
struct power_picker {
	enum {
		POWER_PICK_ALL,	   /* everything asked for has reached the disk */
		POWER_PICK_SYNCED, /* only what was synced has */
		POWER_PICK_NUMBER, /* whole operations, as NUMBER says */
		POWER_PICK_RANDOM, /* sectors, orders, sizes, as NUMBER's sequence says */
	} how;
	uint64_t number;
};

/* What is found by name after the power is back. */
struct power_image {
	struct power_found {
		bool there, is_directory;
		unsigned char *data;
		size_t size;
	} * found; /* per name of the log */
	size_t n;
};

/* A disk on which all of IMAGE is safe, NULL for an empty one. LOG is borrowed; it is
 * complete, and the files of IMAGE have the numbers from 0 on in it, in order of names.
 */
struct power_disk *power_disk_new(const struct power_log *log,
				  const struct power_image *image);
void power_disk_free(struct power_disk *disk);
/* Does operation I of the log. */
void power_disk_step(struct power_disk *disk, size_t i);

/* How many ends POWER_PICK_NUMBER tells apart: its numbers are below that. */
uint64_t power_disk_ends(const struct power_disk *disk);

void power_disk_cut(const struct power_disk *disk, struct power_picker picker,
		    struct power_image *ret);
void power_image_clear(struct power_image *image);
bool power_image_equal(const struct power_image *a, const struct power_image *b);
