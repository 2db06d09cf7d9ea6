/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/store_internal.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock.h"

#define JOURNAL "-journal"
#define MAX_NAMES 100 /* of one second */

static const char *name_of(const struct store_place *place)
{
	return strrchr(place->file, '/') + 1;
}

int store_open_dir(const struct store_place *place, struct error *err)
{
	int fd = openat(place->root_fd, place->dir,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd >= 0 ? fd
		       : error_set(err, ERROR_SYSTEM, errno, "open %s/%s", place->root,
				   place->dir);
}

/* Waits until nobody is reading or writing the file, and keeps it so until the descriptor
 * is closed. This process must not have it open by SQLite: closing would drop its locks.
 */
static int hold(const struct store_place *place, int fd, int64_t deadline,
		struct error *err)
{
	int r = lock_take_range(fd, STORE_LOCKS, N_STORE_LOCKS, deadline, err);

	return r < 0 ? error_context(err, "%s", place->file) : 0;
}

static int rename_free(int dir_fd, const char *from, const char *to)
{
	return renameat2(dir_fd, from, dir_fd, to, RENAME_NOREPLACE) < 0 ? -errno : 0;
}

/* Both under one name, the journal first: were the file renamed and then the power lost,
 * the journal would be played into its successor. */
static int rename_both(int dir_fd, const char *name, const char *to)
{
	char journal[160], journal_to[160];
	int r;

	(void)snprintf(journal, sizeof(journal), "%s" JOURNAL, name);
	(void)snprintf(journal_to, sizeof(journal_to), "%s" JOURNAL, to);
	if (faccessat(dir_fd, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	r = rename_free(dir_fd, journal, journal_to);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0 && fsync(dir_fd) < 0)
		return -errno;
	return rename_free(dir_fd, name, to);
}

int store_set_aside(const struct store_place *place, int64_t deadline, char ret_name[128],
		    struct error *err)
{
	_cleanup_(closep) int dir_fd = store_open_dir(place, err), fd = -1;
	char when[32], name[128];
	time_t now = time(NULL);
	struct tm tm;
	int i, r = -EEXIST;

	if (dir_fd < 0)
		return dir_fd;
	fd = openat(dir_fd, name_of(place), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno != ENOENT)
		return error_set(err, ERROR_SYSTEM, errno, "open %s", place->file);
	r = fd < 0 ? 0 : hold(place, fd, deadline, err);
	if (r < 0)
		return r;
	if (!gmtime_r(&now, &tm) || !strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm))
		(void)snprintf(when, sizeof(when), "%lld", (long long)now);
	r = -EEXIST;
	for (i = 1; i < MAX_NAMES && r == -EEXIST; i++) {
		(void)snprintf(name, sizeof(name),
			       i == 1 ? "%.64s.damaged-%s" : "%.64s.damaged-%s-%d",
			       name_of(place), when, i);
		r = rename_both(dir_fd, name_of(place), name);
	}
	if (r < 0 && r != -ENOENT)
		return error_set(err, ERROR_SYSTEM, -r, "rename %s to %s", place->file,
				 name);
	if (fsync(dir_fd) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "sync %s/%s", place->root,
				 place->dir);
	(void)snprintf(ret_name, sizeof(name), "%s", r < 0 ? "" : name);
	return 0;
}

int store_place_new(const struct store_place *place, struct store_place *ret,
		    struct error *err)
{
	_cleanup_(freep) char *journal = NULL;

	*ret = (struct store_place){ .root_fd = place->root_fd };
	ret->root = strdup(place->root);
	ret->dir = strdup(place->dir);
	if (asprintf(&ret->file, "%s.new", place->file) < 0)
		ret->file = NULL;
	if (!ret->root || !ret->dir || !ret->file ||
	    asprintf(&journal, "%s" JOURNAL, ret->file) < 0) {
		store_place_free(ret);
		return error_set(err, ERROR_SYSTEM, ENOMEM, "make a store");
	}
	/* What an earlier attempt left. */
	if ((unlink(journal) < 0 && errno != ENOENT) ||
	    (unlink(ret->file) < 0 && errno != ENOENT)) {
		int r = error_set(err, ERROR_SYSTEM, errno, "remove %s", ret->file);

		store_place_free(ret);
		return r;
	}
	return 0;
}

void store_place_free(struct store_place *place)
{
	free(place->root);
	free(place->dir);
	free(place->file);
	*place = (struct store_place){ .root_fd = -1 };
}

int store_put_in_place(const struct store_place *built, const struct store_place *place,
		       struct error *err)
{
	_cleanup_(closep) int dir_fd = store_open_dir(place, err);
	int r;

	if (dir_fd < 0)
		return dir_fd;
	r = rename_free(dir_fd, name_of(built), name_of(place));
	if (r == 0 && fsync(dir_fd) < 0)
		r = -errno;
	return r < 0 ? error_set(err, ERROR_SYSTEM, -r, "rename %s to %s", built->file,
				 place->file)
		     : 0;
}
