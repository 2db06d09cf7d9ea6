/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "out/backup.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/thin.h"
#include "out/file.h"
#include "out/record.h"
#include "util/cleanup.h"
#include "util/text.h"
#include "util/trust.h"

#define THIN_FROM 64 /* fewer are not worth a look at each */
#define PREFIX "backup-"
#define SUFFIX ".json"

DEFINE_CLEANUP(struct saved *, saved_free)

bool backup_parse_name(const char *name, uint64_t *ret_generation)
{
	char digits[24];
	size_t n;

	if (strncmp(name, PREFIX, sizeof(PREFIX) - 1))
		return false;
	name += sizeof(PREFIX) - 1;
	n = strspn(name, "0123456789");
	if (!n || n >= sizeof(digits) || name[n] != '-' ||
	    strlen(name) < sizeof(SUFFIX) ||
	    strcmp(name + strlen(name) - (sizeof(SUFFIX) - 1), SUFFIX))
		return false;
	memcpy(digits, name, n);
	digits[n] = '\0';
	return parse_u64(digits, ret_generation) &&
	       *ret_generation <= (uint64_t)SAVED_MAX_GENERATION;
}

/* The newest first. */
static int compare(const void *a, const void *b)
{
	const struct backup *x = a, *y = b;

	if (x->generation != y->generation)
		return x->generation < y->generation ? 1 : -1;
	return strcmp(y->name, x->name);
}

/* The archived ones, in no order; *RET grows. */
static ssize_t list_archive(int archive_fd, struct backup **ret, struct error *err)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	int copy = openat(archive_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	size_t n = 0, room = 0;

	dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		int r = error_set(err, ERROR_SYSTEM, errno, "list " ARCHIVE_NAME);

		close_fd(copy);
		return r;
	}
	while ((errno = 0, entry = readdir(dir))) {
		struct backup *grown, b = { .generation = 0 };

		if (!backup_parse_name(entry->d_name, &b.generation) ||
		    strlen(entry->d_name) + sizeof(ARCHIVE_NAME "/") > sizeof(b.name))
			continue;
		if (n == room) {
			room = room ? 2 * room : 64;
			grown = reallocarray(*ret, room + 1, sizeof(*grown));
			if (!grown)
				return error_set(err, ERROR_SYSTEM, ENOMEM,
						 "list " ARCHIVE_NAME);
			*ret = grown;
		}
		(void)snprintf(b.name, sizeof(b.name), ARCHIVE_NAME "/%.60s",
			       entry->d_name);
		(*ret)[n++] = b;
	}
	if (errno)
		return error_set(err, ERROR_SYSTEM, errno, "list " ARCHIVE_NAME);
	if (n)
		qsort(*ret, n, sizeof(**ret), compare);
	return (ssize_t)n;
}

static void look_at(int dir_fd, struct backup *b)
{
	struct stat st;

	if (fstatat(dir_fd, b->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	b->written_at = st.st_mtime;
	b->size = (uint64_t)st.st_size;
}

static int thin_archive(int dir_fd, int archive_fd, struct error *err)
{
	_cleanup_(freep) struct backup *backups = NULL;
	_cleanup_(freep) struct aged_file *files = NULL;
	ssize_t i, n = list_archive(archive_fd, &backups, err);

	if (n < THIN_FROM)
		return n < 0 ? (int)n : 0;
	files = calloc((size_t)n, sizeof(*files));
	if (!files)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "thin " ARCHIVE_NAME);
	for (i = 0; i < n; i++) {
		look_at(dir_fd, &backups[i]);
		files[i].written_at = backups[i].written_at;
		files[i].size = backups[i].size;
	}
	thin(files, (size_t)n, time(NULL));
	for (i = 0; i < n; i++)
		if (!files[i].keep && unlinkat(dir_fd, backups[i].name, 0) < 0 &&
		    errno != ENOENT)
			return error_set(err, ERROR_SYSTEM, errno, "remove %s",
					 backups[i].name);
	return 0;
}

/* Keeps backup.json, which is about to be replaced, under another name. */
static int keep_last(int dir_fd, struct error *err)
{
	_cleanup_(closep) int archive_fd = -1;
	char name[BACKUP_NAME_SIZE], when[32];
	struct stat st;
	struct tm tm;

	if (fstatat(dir_fd, BACKUP_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0
				       : error_set(err, ERROR_SYSTEM, errno,
						   "look at " BACKUP_NAME);
	if (mkdirat(dir_fd, ARCHIVE_NAME, 0700) < 0 && errno != EEXIST)
		return error_set(err, ERROR_SYSTEM, errno,
				 "make directory " ARCHIVE_NAME);
	archive_fd = openat(dir_fd, ARCHIVE_NAME,
			    O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (archive_fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open " ARCHIVE_NAME);
	if (!gmtime_r(&st.st_mtime, &tm) ||
	    !strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm))
		(void)snprintf(when, sizeof(when), "%lld", (long long)st.st_mtime);
	(void)snprintf(name, sizeof(name), PREFIX "%010" PRIu64 "-%s" SUFFIX,
		       record_peek_generation(dir_fd, BACKUP_NAME), when);
	/* The same generation of the same second is the same record. */
	if (linkat(dir_fd, BACKUP_NAME, archive_fd, name, 0) < 0 && errno != EEXIST)
		return error_set(err, ERROR_SYSTEM, errno,
				 "link " BACKUP_NAME " to " ARCHIVE_NAME "/%s", name);
	return thin_archive(dir_fd, archive_fd, err);
}

int backup_write(const struct store_place *place, const char *text, struct error *err)
{
	_cleanup_(closep) int dir_fd = store_open_dir(place, err);
	struct error inner;
	int r, kept;

	if (dir_fd < 0)
		return dir_fd;
	/* The newest is worth more than the one before. */
	kept = keep_last(dir_fd, &inner);
	r = file_replace(dir_fd, BACKUP_NAME, "new", 0600, text, err);
	if (r < 0 || kept == 0)
		return r;
	if (err)
		*err = inner;
	return kept;
}

bool backup_is_of(const struct store_place *place, uint64_t generation)
{
	_cleanup_(closep) int dir_fd = store_open_dir(place, NULL);

	return dir_fd >= 0 && record_peek_generation(dir_fd, BACKUP_NAME) == generation;
}

ssize_t backup_list(const struct store_place *place, struct backup **ret,
		    struct error *err)
{
	_cleanup_(closep) int archive_fd = -1, dir_fd = -1;
	_cleanup_(freep) struct backup *list = NULL;
	struct stat st;
	bool has_newest;
	ssize_t i, n;

	dir_fd = store_open_dir(place, err);
	if (dir_fd < 0)
		return dir_fd == -ENOENT ? 0 : dir_fd;
	archive_fd = openat(dir_fd, ARCHIVE_NAME,
			    O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (archive_fd >= 0)
		n = list_archive(archive_fd, &list, err);
	else
		n = errno == ENOENT
			    ? 0
			    : error_set(err, ERROR_SYSTEM, errno, "open " ARCHIVE_NAME);
	/* What is wrong with those before it says nothing of the newest. */
	has_newest = fstatat(dir_fd, BACKUP_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (n < 0 && (n == -ENOMEM || !has_newest))
		return n;
	if (n < 0) {
		free(TAKE_PTR(list));
		n = 0;
	}
	if (!list)
		list = calloc(1, sizeof(*list));
	if (!list)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "list the backups");
	if (has_newest) {
		memmove(list + 1, list, (size_t)n * sizeof(*list));
		list[0] = (struct backup){ .name = BACKUP_NAME };
		list[0].generation = record_peek_generation(dir_fd, BACKUP_NAME);
		n++;
	}
	for (i = 0; i < n; i++)
		look_at(dir_fd, &list[i]);
	*ret = TAKE_PTR(list);
	return n;
}

bool backup_exists(const struct store_place *place)
{
	_cleanup_(freep) struct backup *list = NULL;

	/* where nobody can tell, what would be read says why */
	return backup_list(place, &list, NULL) != 0;
}

int backup_read(const struct store_place *place, const char *name, struct saved **ret,
		struct error *err)
{
	_cleanup_(closep) int dir_fd = store_open_dir(place, err), fd = -1;
	char what[256];
	struct stat st;
	int r;

	if (dir_fd < 0)
		return dir_fd;
	(void)snprintf(what, sizeof(what), "%.100s/%.60s/%.80s",
		       strcmp(place->root, "/") ? place->root : "", place->dir, name);
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open %s", what);
	r = trust_stat(&st, what, err);
	return r == 0 ? record_read(fd, what, ret, err) : r;
}

int backup_read_newest(const struct store_place *place, struct saved **ret,
		       char ret_name[BACKUP_NAME_SIZE], uint64_t *ret_next,
		       struct error *err)
{
	_cleanup_(freep) struct backup *list = NULL;
	ssize_t i, n = backup_list(place, &list, err);
	uint64_t next = 0;
	int r = -ENOENT;

	if (n <= 0)
		return n < 0 ? (int)n
			     : error_set(err, ERROR_NOT_FOUND, ENOENT, "no backup");
	for (i = 0; i < n; i++)
		if (list[i].generation >= next)
			next = list[i].generation + 1;
	/* An older one is better than none, but not where the newest may be good. */
	for (i = 0; i < n && r < 0 && r != -ENOMEM; i++) {
		r = backup_read(place, list[i].name, ret, i ? NULL : err);
		if (r == 0)
			(void)text_copy(ret_name, BACKUP_NAME_SIZE, list[i].name);
	}
	if (r == -ENOMEM)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "read the backups");
	if (r < 0)
		return -ENOENT;
	if ((*ret)->generation >= next)
		next = (*ret)->generation + 1;
	*ret_next = next;
	return 0;
}
