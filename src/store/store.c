/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uuid/uuid.h>

#include "store/store_internal.h"
#include "util/cleanup.h"
#include "util/lock.h"
#include "util/lock_holder.h"
#include "util/trust.h"

#define APPLICATION_ID 0x76677075 /* "vgpu" */

DEFINE_CLEANUP(struct store *, store_close)

int store_damaged(const struct store *store, struct error *err, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	(void)error_set(err, ERROR_STORE, 0, "%s%s", store->place->file, what);
	return -EUCLEAN;
}

int store_fail(struct store *store, struct error *err, const char *what)
{
	int code = sqlite3_errcode(store->db), system = sqlite3_system_errno(store->db);
	const char *words = sqlite3_errmsg(store->db);
	char locked[64 + LOCK_HOLDER_SIZE], holder[LOCK_HOLDER_SIZE];
	enum error_kind kind = ERROR_SYSTEM;
	int errnum = 0;

	switch (code & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return store_damaged(store, err, ": %s: %s", what, words);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		kind = ERROR_TIMEOUT;
		errnum = ETIMEDOUT;
		(void)lock_holder(store->place->file, STORE_LOCKS, N_STORE_LOCKS, holder);
		(void)snprintf(locked, sizeof(locked),
			       "another process keeps the store locked%s%s",
			       holder[0] ? ": " : "", holder);
		words = locked;
		break;
	case SQLITE_FULL:
		errnum = ENOSPC;
		break;
	case SQLITE_READONLY:
		errnum = EROFS;
		break;
	case SQLITE_CONSTRAINT:
		kind = ERROR_CONFLICT;
		errnum = EEXIST;
		break;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		errnum = EACCES;
		break;
	case SQLITE_NOMEM:
		errnum = ENOMEM;
		break;
	default:
		errnum = system;
	}
	return error_set(err, kind, errnum, "%s: %s: %s", store->place->file, what,
			 words);
}

sqlite3_stmt *store_query(struct store *store, enum sql_query query, struct error *err)
{
	sqlite3_stmt **s = &store->statements[query];

	if (!*s && sqlite3_prepare_v3(store->db, sql_queries[query], -1,
				      SQLITE_PREPARE_PERSISTENT, s, NULL)) {
		(void)store_fail(store, err, "prepare a statement");
		return NULL;
	}
	(void)sqlite3_reset(*s);
	(void)sqlite3_clear_bindings(*s);
	return *s;
}

int store_run(struct store *store, sqlite3_stmt *statement, const char *what,
	      struct error *err)
{
	int code, r = 0;

	if (!statement)
		return -EIO; /* store_query() has said why */
	code = sqlite3_step(statement);
	assert(code != SQLITE_ROW);
	if (code != SQLITE_DONE)
		r = store_fail(store, err, what);
	(void)sqlite3_reset(statement);
	return r;
}

static int index_of(sqlite3_stmt *statement, const char *name)
{
	int i = sqlite3_bind_parameter_index(statement, name);

	assert(i > 0);
	return i;
}

/* A value that cannot be bound for want of memory makes the step fail by a NOT NULL. */
void bind_text(sqlite3_stmt *statement, const char *name, const char *value)
{
	(void)sqlite3_bind_text(statement, index_of(statement, name), value, -1,
				SQLITE_TRANSIENT);
}

/* NULL is allowed here, so no step would fail for want of memory: SQLite makes no copy.
 */
void bind_text_or_null(sqlite3_stmt *statement, const char *name, const char *value)
{
	if (value && *value)
		(void)sqlite3_bind_text(statement, index_of(statement, name), value, -1,
					SQLITE_STATIC);
}

void bind_int(sqlite3_stmt *statement, const char *name, int64_t value)
{
	(void)sqlite3_bind_int64(statement, index_of(statement, name), value);
}

static int execute(struct store *store, const char *sql, const char *what,
		   struct error *err)
{
	if (sqlite3_exec(store->db, sql, NULL, NULL, NULL))
		return store_fail(store, err, what);
	return 0;
}

static int refuse(struct store *store, const char *why, const char *hint,
		  struct error *err)
{
	(void)error_set(err, ERROR_STORE, 0, "%s %s", store->place->file, why);
	error_hint(err, "%s", hint);
	return -EPROTO;
}

/* In one statement, so that the three belong together: another process may be making the
 * store. */
static int read_version(struct store *store, int64_t *ret_version,
			int64_t *ret_application, int64_t *ret_tables, struct error *err)
{
	sqlite3_stmt *s = store_query(store, SQL_VERSION, err);
	int r = 0;

	if (!s)
		return -EIO;
	if (sqlite3_step(s) == SQLITE_ROW) {
		*ret_version = sqlite3_column_int64(s, 0);
		*ret_application = sqlite3_column_int64(s, 1);
		*ret_tables = sqlite3_column_int64(s, 2);
	} else {
		r = store_fail(store, err, "read its version");
	}
	(void)sqlite3_reset(s);
	return r;
}

/* -ENOENT for a file that holds nothing yet, as a crash right after its birth leaves it.
 */
static int check_version(struct store *store, int64_t *ret, struct error *err)
{
	int64_t application = 0, tables = 0;
	int r = read_version(store, ret, &application, &tables, err);

	if (r < 0)
		return r;
	if (!tables && !*ret && !application)
		return -ENOENT;
	if (application != APPLICATION_ID)
		return refuse(store, "is another program's database",
			      "name the right file with --store", err);
	if (*ret > SQL_N_MIGRATIONS)
		return refuse(store, "was written by a newer vgpumgr",
			      "use that version; this one changes nothing", err);
	return 0;
}

int store_put_meta(struct store *store, const char *key, const char *value,
		   struct error *err)
{
	sqlite3_stmt *s = store_query(store, SQL_META_PUT, err);

	if (!s)
		return -EIO;
	bind_text(s, ":key", key);
	bind_text(s, ":value", value);
	return store_run(store, s, "write meta", err);
}

static int name_store(struct store *store, struct error *err)
{
	char text[UUID_SIZE];
	uuid_t id;

	uuid_generate(id);
	uuid_unparse_lower(id, text);
	return store_put_meta(store, "store_id", text, err);
}

/* Brings the schema up to date in one transaction; reads the version after the lock. */
static int migrate(struct store *store, struct error *err)
{
	int64_t version = 0;
	int r = store_begin(store, err);

	if (r < 0)
		return r;
	r = check_version(store, &version, err);
	if (r == -ENOENT)
		r = 0;
	for (; r == 0 && version < SQL_N_MIGRATIONS; version++) {
		r = execute(store, sql_migrations[version], "make the schema", err);
		if (r == 0 && version == 0)
			r = name_store(store, err);
	}
	if (r == 0)
		return store_commit(store, err);
	store_rollback(store);
	return r;
}

/* What a disk that is full or read-only holds can still be restored from; what is damaged
 * would be made worse by a change. */
static int bring_up_to_date(struct store *store, enum store_mode mode, struct error *err)
{
	int r = store->version ? store_quick_check(store, err) : 0;

	if (r < 0)
		return r;
	r = migrate(store, err);
	if (r == 0)
		store->version = SQL_N_MIGRATIONS;
	else if (err)
		store->outdated = *err;
	return mode == STORE_WRITE && (r == -EROFS || r == -ENOSPC) ? 0 : r;
}

int store_look_at_version(struct store *store, struct error *err)
{
	return store->version == SQL_N_MIGRATIONS
		       ? 0
		       : check_version(store, &store->version, err);
}

int store_is_current(const struct store *store, struct error *err)
{
	if (store->version == SQL_N_MIGRATIONS)
		return 0;
	if (err)
		*err = store->outdated;
	return error_context(err, "bring the record up to date");
}

static int configure(struct store *store, enum store_mode mode, unsigned timeout_ms,
		     struct error *err)
{
	int r;

	(void)sqlite3_busy_timeout(store->db, (int)timeout_ms);
	(void)sqlite3_extended_result_codes(store->db, 1);
	(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	r = execute(store,
		    "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
		    "PRAGMA cell_size_check = ON; PRAGMA synchronous = EXTRA;",
		    "open", err);
	if (r == 0 && mode == STORE_READ)
		r = execute(store, "PRAGMA query_only = ON", "open", err);
	return r;
}

/* The store's directory, made where MODE allows it; every part of the way is checked. */
static int prepare_dir(const struct store_place *place, enum store_mode mode,
		       struct error *err)
{
	char path[4096];
	const char *rest = place->dir;
	struct stat st;

	while (mode == STORE_CREATE && *rest) {
		size_t len = strcspn(rest, "/");

		rest += len;
		(void)snprintf(path, sizeof(path), "%.*s", (int)(rest - place->dir),
			       place->dir);
		rest += *rest == '/';
		if (mkdirat(place->root_fd, path, *rest ? 0755 : 0700) < 0 &&
		    errno != EEXIST)
			return error_set(err, ERROR_SYSTEM, errno, "make directory %s/%s",
					 place->root, path);
	}
	return trust_path(place->root_fd, place->dir, &st, err);
}

/* SQLite syncs the directory that the store is in, so that its name outlives a power cut,
 * but not those above. One that cannot be opened was not made here. */
static int sync_way(const struct store_place *place, struct error *err)
{
	const char *rest = place->dir;
	size_t len;

	for (len = 0; rest[len]; len += strcspn(rest + len, "/")) {
		_cleanup_(freep) char *path = len ? strndup(rest, len) : strdup(".");
		_cleanup_(closep) int fd = -1;

		if (!path)
			return error_set(err, ERROR_SYSTEM, ENOMEM, "open the store");
		fd = openat(place->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && errno == EACCES)
			continue;
		if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
			return error_set(err, ERROR_SYSTEM, errno, "sync %s/%s",
					 place->root, path);
		len += rest[len] == '/';
	}
	return 0;
}

/* By lstat alone: opening and closing the file would drop SQLite's locks on it. */
static int check_file(const struct store_place *place, struct error *err)
{
	struct stat st;

	if (lstat(place->file, &st) < 0)
		return errno == ENOENT ? -ENOENT
				       : error_set(err, ERROR_SYSTEM, errno, "open %s",
						   place->file);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
		(void)error_set(err, ERROR_STORE, 0, "%s is %s", place->file,
				S_ISREG(st.st_mode) ? "a file with several names"
						    : "no regular file");
		return -EPROTO;
	}
	return trust_stat(&st, place->file, err);
}

int store_open(const struct store_place *place, enum store_mode mode, unsigned timeout_ms,
	       struct store **ret, struct error *err)
{
	_cleanup_(store_closep) struct store *store = calloc(1, sizeof(*store));
	/* Also to read: a journal that a killed writer left must be rolled back first. */
	int flags = SQLITE_OPEN_READWRITE;
	mode_t mask;
	int r, code;

	if (!store)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "open the store");
	store->place = place;
	r = prepare_dir(place, mode, err);
	if (r == 0)
		r = check_file(place, err);
	if (r < 0 && !(r == -ENOENT && mode == STORE_CREATE))
		return r;
	if (r == -ENOENT) {
		r = sync_way(place, err);
		if (r < 0)
			return r;
	}
	if (mode == STORE_CREATE)
		flags |= SQLITE_OPEN_CREATE;
	mask = umask(077);
	code = sqlite3_open_v2(place->file, &store->db, flags | SQLITE_OPEN_NOFOLLOW,
			       NULL);
	(void)umask(mask);
	if (code)
		return store_fail(store, err, "open");
	r = configure(store, mode, timeout_ms, err);
	if (r == 0)
		r = check_version(store, &store->version, err);
	if (r == -ENOENT || (r == 0 && store->version < SQL_N_MIGRATIONS)) {
		if (mode != STORE_CREATE && r == -ENOENT)
			return r;
		r = mode == STORE_READ ? 0 : bring_up_to_date(store, mode, err);
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(store);
	return 0;
}

void store_close(struct store *store)
{
	size_t i;

	if (!store)
		return;
	for (i = 0; i < SQL_COUNT; i++)
		(void)sqlite3_finalize(store->statements[i]);
	(void)sqlite3_close(store->db);
	free(store);
}

int store_open_memory(const struct store_place *place, struct store **ret,
		      struct error *err)
{
	_cleanup_(store_closep) struct store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "open the store");
	store->place = place;
	store->version = SQL_N_MIGRATIONS;
	store->in_memory = true;
	if (sqlite3_open_v2(":memory:", &store->db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL))
		return store_fail(store, err, "open in memory");
	r = configure(store, STORE_CREATE, 0, err);
	if (r == 0)
		r = migrate(store, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(store);
	return 0;
}

void store_seal(struct store *store)
{
	(void)execute(store, "PRAGMA query_only = ON", "seal", NULL);
}

void store_tolerate(struct store *store)
{
	store->tolerant = true;
}

bool store_is_writable(const struct store *store)
{
	return !store->in_memory && sqlite3_db_readonly(store->db, "main") == 0;
}

bool store_is_replaced(const struct store *store)
{
	int moved = 0;

	return !store->in_memory &&
	       !sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) &&
	       moved;
}

void store_set_actor(struct store *store, const struct actor *actor)
{
	store->actor = actor;
}

/* Runs a PRAGMA that answers "ok". */
static int run_check(struct store *store, const char *pragma, struct error *err)
{
	sqlite3_stmt *s = NULL;
	const char *found;
	int r = 0;

	if (sqlite3_prepare_v2(store->db, pragma, -1, &s, NULL) ||
	    sqlite3_step(s) != SQLITE_ROW) {
		r = store_fail(store, err, "check");
	} else {
		found = (const char *)sqlite3_column_text(s, 0);
		if (!found || strcmp(found, "ok"))
			r = store_damaged(store, err, " is damaged: %s",
					  found ? found : "unreadable");
	}
	(void)sqlite3_finalize(s);
	return r;
}

/* History may be long, and nothing depends on it. */
int store_quick_check(struct store *store, struct error *err)
{
	static const char *const checks[] = { "PRAGMA quick_check(vgpu)",
					      "PRAGMA quick_check(gpu)",
					      "PRAGMA quick_check(meta)" };
	size_t i;
	int r = 0;

	for (i = 0; i < ARRAY_SIZE(checks) && r == 0; i++)
		r = run_check(store, checks[i], err);
	return r;
}

int store_full_check(struct store *store, struct error *err)
{
	return run_check(store, "PRAGMA integrity_check", err);
}

int store_begin(struct store *store, struct error *err)
{
	int r = store_run(store, store_query(store, SQL_BEGIN, err), "begin", err);

	if (r < 0)
		return r;
	store->in_transaction = true;
	store->changes_before = sqlite3_total_changes(store->db);
	return 0;
}

int store_commit(struct store *store, struct error *err)
{
	int r = 0;

	if (sqlite3_total_changes(store->db) != store->changes_before)
		r = store_run(store, store_query(store, SQL_GENERATION_NEXT, err),
			      "count the change", err);
	if (r == 0)
		r = store_run(store, store_query(store, SQL_COMMIT, err), "commit", err);
	if (r < 0)
		store_rollback(store);
	store->in_transaction = false;
	return r;
}

void store_rollback(struct store *store)
{
	if (store->in_transaction && !sqlite3_get_autocommit(store->db))
		(void)store_run(store, store_query(store, SQL_ROLLBACK, NULL), "", NULL);
	store->in_transaction = false;
}

int store_open_lock(const struct store_place *place, struct error *err)
{
	_cleanup_(closep) int dir_fd =
		openat(place->root_fd, place->dir,
		       O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int fd;

	if (dir_fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open %s/%s", place->root,
				 place->dir);
	fd = lock_open(dir_fd, LOCK_NAME, err);
	if (fd < 0)
		(void)error_context(err, "%s/%s", place->root, place->dir);
	return fd;
}
