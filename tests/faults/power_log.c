/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "power_log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* System calls come without a context, so this is the one that they have. */
static struct {
	struct power_log *log; /* NULL: nothing is recorded */
	const char *root;
} recorder;

_Noreturn void power_die(const char *what)
{
	fprintf(stderr, "power: %s: %s\n", what, strerror(errno));
	exit(99);
}

void *power_alloc(void *old, size_t size)
{
	void *p = realloc(old, size ? size : 1);

	if (!p)
		power_die("allocate");
	return p;
}

unsigned power_log_name(struct power_log *log, const char *name)
{
	unsigned i;

	for (i = 0; i < log->n_names; i++)
		if (!strcmp(log->names[i], name))
			return i;
	log->names = power_alloc(log->names, (i + 1) * sizeof(*log->names));
	log->files = power_alloc(log->files, (i + 1) * sizeof(*log->files));
	log->names[i] = strcpy(power_alloc(NULL, strlen(name) + 1), name);
	log->files[i] = POWER_ABSENT;
	log->n_names++;
	return i;
}

static struct power_op *add(struct power_log *log, enum power_kind kind)
{
	if (log->n_ops == log->room) {
		log->room = log->room ? log->room * 2 : 256;
		log->ops = power_alloc(log->ops, log->room * sizeof(*log->ops));
	}
	log->ops[log->n_ops] = (struct power_op){ .kind = kind };
	return &log->ops[log->n_ops++];
}

void power_log_mark(struct power_log *log, enum power_kind kind, unsigned number)
{
	add(log, kind)->number = number;
}

/* PATH relative to the recorded directory, "" for that itself; NULL if it is not below it
 * or nothing is recorded. */
static const char *below_root(const char *path)
{
	size_t len;

	if (!recorder.log)
		return NULL;
	len = strlen(recorder.root);
	if (strncmp(path, recorder.root, len) || (path[len] && path[len] != '/'))
		return NULL;
	return path[len] ? path + len + 1 : "";
}

static bool path_of(int fd, char *buf, size_t size)
{
	char link[64];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, buf, size - 1);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* Adds an operation of KIND on the name that FD was opened by; NULL if it is no matter of
 * ours. */
static struct power_op *add_for(int fd, enum power_kind kind)
{
	char path[PATH_MAX];
	const char *name;
	struct power_op *op;
	unsigned i;

	if (!recorder.log || !path_of(fd, path, sizeof(path)))
		return NULL;
	name = below_root(path);
	if (!name)
		return NULL;
	i = power_log_name(recorder.log, name);
	op = add(recorder.log, kind);
	op->name = i;
	if (kind != POWER_DIRSYNC) {
		if (recorder.log->files[i] < 0)
			power_die(path);
		op->file = (unsigned)recorder.log->files[i];
	}
	return op;
}

static void add_name(const char *path, enum power_kind kind)
{
	const char *name = below_root(path);
	struct power_log *log = recorder.log;
	struct power_op *op;
	unsigned i;

	if (!name)
		return;
	i = power_log_name(log, name);
	op = add(log, kind);
	op->name = i;
	log->files[i] = POWER_ABSENT;
	if (kind == POWER_CREATE)
		log->files[i] = (int)(op->file = log->n_files++);
	if (kind == POWER_MKDIR)
		log->files[i] = POWER_DIRECTORY;
}

static int hook_open(const char *path, int flags, int mode)
{
	struct stat st;
	bool is_new = flags & O_CREAT && lstat(path, &st) < 0;
	int fd = open(path, flags, mode);

	if (fd >= 0 && is_new)
		add_name(path, POWER_CREATE);
	return fd;
}

static int hook_unlink(const char *path)
{
	int r = unlink(path);

	if (r == 0)
		add_name(path, POWER_UNLINK);
	return r;
}

static ssize_t hook_pwrite(int fd, const void *data, size_t len, off_t offset)
{
	ssize_t n = pwrite(fd, data, len, offset);
	struct power_op *op = n > 0 ? add_for(fd, POWER_WRITE) : NULL;

	if (op) {
		op->offset = (uint64_t)offset;
		op->len = (size_t)n;
		op->data = memcpy(power_alloc(NULL, op->len), data, op->len);
	}
	return n;
}

static ssize_t hook_write(int fd, const void *data, size_t len)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	ssize_t n = hook_pwrite(fd, data, len, at);

	if (n > 0)
		(void)lseek(fd, at + n, SEEK_SET);
	return n;
}

static int hook_ftruncate(int fd, off_t size)
{
	int r = ftruncate(fd, size);
	struct power_op *op = r == 0 ? add_for(fd, POWER_TRUNCATE) : NULL;

	if (op)
		op->offset = (uint64_t)size;
	return r;
}

/* The answer of a sync, of which the disk learns nothing: it would only take time. */
static int note_sync(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	(void)add_for(fd, S_ISDIR(st.st_mode) ? POWER_DIRSYNC : POWER_SYNC);
	return 0;
}

int fsync(int fd)
{
	return note_sync(fd);
}

int fdatasync(int fd)
{
	return note_sync(fd);
}

int mkdirat(int dir_fd, const char *path, mode_t mode)
{
	char whole[2 * PATH_MAX];
	long r = syscall(SYS_mkdirat, dir_fd, path, mode);
	size_t len;

	if (r == 0 && recorder.log && path_of(dir_fd, whole, PATH_MAX)) {
		len = strlen(whole);
		(void)snprintf(whole + len, sizeof(whole) - len, "/%s", path);
		add_name(whole, POWER_MKDIR);
	}
	return (int)r;
}

void power_log_init(void)
{
	static const struct {
		const char *name;
		sqlite3_syscall_ptr call;
	} hooks[] = {
		{ "open", (sqlite3_syscall_ptr)(void (*)(void))hook_open },
		{ "unlink", (sqlite3_syscall_ptr)(void (*)(void))hook_unlink },
		{ "pwrite", (sqlite3_syscall_ptr)(void (*)(void))hook_pwrite },
		{ "pwrite64", (sqlite3_syscall_ptr)(void (*)(void))hook_pwrite },
		{ "write", (sqlite3_syscall_ptr)(void (*)(void))hook_write },
		{ "ftruncate", (sqlite3_syscall_ptr)(void (*)(void))hook_ftruncate },
	};
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
	size_t i;

	for (i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++)
		if (!vfs || vfs->xSetSystemCall(vfs, hooks[i].name, hooks[i].call))
			power_die(hooks[i].name);
}

void power_log_start(struct power_log *log, const char *root)
{
	recorder.log = log;
	recorder.root = root;
}

void power_log_stop(void)
{
	recorder.log = NULL;
}

const char *power_op_words(const struct power_log *log, const struct power_op *op,
			   char *buf, size_t size)
{
	static const char *const verbs[] = {
		"create", "make directory", "unlink", "write",	    "truncate",
		"sync",	  "sync dir",	    "try",    "acknowledge"
	};

	if (op->kind >= POWER_TRY)
		(void)snprintf(buf, size, "%s transaction %u", verbs[op->kind],
			       op->number);
	else
		(void)snprintf(buf, size, "%s '%s' %llu %zu", verbs[op->kind],
			       log->names[op->name], (unsigned long long)op->offset,
			       op->len);
	return buf;
}

void power_log_clear(struct power_log *log)
{
	size_t i;

	for (i = 0; i < log->n_names; i++)
		free(log->names[i]);
	for (i = 0; i < log->n_ops; i++)
		free(log->ops[i].data);
	free(log->names);
	free(log->files);
	free(log->ops);
	*log = (struct power_log){ .n_ops = 0 };
}
