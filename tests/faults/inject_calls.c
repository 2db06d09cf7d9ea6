/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inject_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Which arguments tell what a call is about. */
enum about { NOTHING, PATH, AT_PATH, TO_AT_PATH, DESCRIPTOR };

/* Which errors it can give. */
enum class {
	PLAIN, /* none is tried */
	OPEN,
	READ,
	WRITE,
	SYNC,
	CHANGE, /* of a directory or of an inode */
	LOOK,	/* at an inode */
	LIST,
	CONTROL, /* fcntl: locks and duplicates */
	MAKE,	 /* a descriptor of something else than a file */
};

#define CALL(name, about, class)                                                         \
	{                                                                                \
		SYS_##name, #name, about, class                                          \
	}

static const struct known {
	uint64_t nr;
	const char *name;
	enum about about;
	enum class class;
} known[] = {
/* those that only some architectures have */
#ifdef SYS_open
	CALL(open, PATH, OPEN),
	CALL(stat, PATH, LOOK),
	CALL(lstat, PATH, LOOK),
	CALL(access, PATH, LOOK),
	CALL(readlink, PATH, LOOK),
	CALL(rename, PATH, CHANGE),
	CALL(unlink, PATH, CHANGE),
	CALL(mkdir, PATH, CHANGE),
	CALL(rmdir, PATH, CHANGE),
	CALL(chmod, PATH, CHANGE),
	CALL(getdents, DESCRIPTOR, LIST),
	CALL(dup2, DESCRIPTOR, PLAIN),
	CALL(pipe, NOTHING, MAKE),
	CALL(poll, NOTHING, PLAIN),
	CALL(fork, NOTHING, PLAIN),
	CALL(vfork, NOTHING, PLAIN),
	CALL(arch_prctl, NOTHING, PLAIN),
#endif
#ifdef SYS_newfstatat
	CALL(newfstatat, AT_PATH, LOOK),
#endif
#ifdef SYS_renameat
	CALL(renameat, TO_AT_PATH, CHANGE),
#endif
#ifdef SYS_clone3
	CALL(clone3, NOTHING, PLAIN),
#endif
#ifdef SYS_close_range
	CALL(close_range, NOTHING, PLAIN),
#endif
#ifdef SYS_faccessat2
	CALL(faccessat2, AT_PATH, LOOK),
#endif
#ifdef SYS_rseq
	CALL(rseq, NOTHING, PLAIN),
#endif
	CALL(openat, AT_PATH, OPEN),
	CALL(fstat, DESCRIPTOR, LOOK),
	CALL(statx, AT_PATH, LOOK),
	CALL(faccessat, AT_PATH, LOOK),
	CALL(readlinkat, AT_PATH, LOOK),
	CALL(renameat2, TO_AT_PATH, CHANGE),
	CALL(linkat, TO_AT_PATH, CHANGE),
	CALL(symlinkat, NOTHING, CHANGE),
	CALL(unlinkat, AT_PATH, CHANGE),
	CALL(mkdirat, AT_PATH, CHANGE),
	CALL(fchmodat, AT_PATH, CHANGE),
	CALL(fchownat, AT_PATH, CHANGE),
	CALL(fchmod, DESCRIPTOR, CHANGE),
	CALL(fchown, DESCRIPTOR, CHANGE),
	CALL(ftruncate, DESCRIPTOR, SYNC),
	CALL(fallocate, DESCRIPTOR, SYNC),
	CALL(fsync, DESCRIPTOR, SYNC),
	CALL(fdatasync, DESCRIPTOR, SYNC),
	CALL(read, DESCRIPTOR, READ),
	CALL(pread64, DESCRIPTOR, READ),
	CALL(write, DESCRIPTOR, WRITE),
	CALL(pwrite64, DESCRIPTOR, WRITE),
	CALL(writev, DESCRIPTOR, WRITE),
	CALL(getdents64, DESCRIPTOR, LIST),
	CALL(fcntl, DESCRIPTOR, CONTROL),
	CALL(dup, DESCRIPTOR, MAKE),
	CALL(pipe2, NOTHING, MAKE),
	CALL(socketpair, NOTHING, MAKE),
	CALL(memfd_create, NOTHING, MAKE),
	CALL(pidfd_open, NOTHING, MAKE),
	CALL(dup3, DESCRIPTOR, PLAIN),
	CALL(close, DESCRIPTOR, PLAIN),
	CALL(lseek, DESCRIPTOR, PLAIN),
	CALL(ioctl, DESCRIPTOR, PLAIN),
	CALL(sendmsg, DESCRIPTOR, PLAIN),
	CALL(recvmsg, DESCRIPTOR, PLAIN),
	CALL(execve, PATH, PLAIN),
	CALL(ppoll, NOTHING, PLAIN),
	CALL(clone, NOTHING, PLAIN),
	CALL(wait4, NOTHING, PLAIN),
	CALL(waitid, NOTHING, PLAIN),
	CALL(brk, NOTHING, PLAIN),
	CALL(mmap, NOTHING, PLAIN),
	CALL(munmap, NOTHING, PLAIN),
	CALL(mprotect, NOTHING, PLAIN),
	CALL(rt_sigaction, NOTHING, PLAIN),
	CALL(rt_sigprocmask, NOTHING, PLAIN),
	CALL(rt_sigtimedwait, NOTHING, PLAIN),
	CALL(prctl, NOTHING, PLAIN),
	CALL(prlimit64, NOTHING, PLAIN),
	CALL(setsid, NOTHING, PLAIN),
	CALL(umask, NOTHING, PLAIN),
	CALL(getrandom, NOTHING, PLAIN),
	CALL(getpid, NOTHING, PLAIN),
	CALL(getuid, NOTHING, PLAIN),
	CALL(geteuid, NOTHING, PLAIN),
	CALL(clock_nanosleep, NOTHING, PLAIN),
	CALL(set_robust_list, NOTHING, PLAIN),
	CALL(set_tid_address, NOTHING, PLAIN),
	CALL(exit, NOTHING, PLAIN),
	CALL(exit_group, NOTHING, PLAIN),
};

static const struct {
	const char *name;
	int number;
} errors[] = {
	{ "EIO", EIO },	      { "ENOSPC", ENOSPC }, { "EROFS", EROFS },
	{ "EACCES", EACCES }, { "EINTR", EINTR },   { "EMFILE", EMFILE },
	{ "ENOLCK", ENOLCK },
};

static const struct known *find(uint64_t nr)
{
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].nr == nr)
			return &known[i];
	return NULL;
}

const char *call_name(uint64_t nr, char *buf, size_t size)
{
	const struct known *k = find(nr);

	if (k)
		return k->name;
	snprintf(buf, size, "call-%llu", (unsigned long long)nr);
	return buf;
}

/* The text at ADDRESS, as much as fits; "?" where there is none. */
static void read_text(pid_t pid, uint64_t address, char *ret, size_t size)
{
	size_t n = 0;

	/* up to the end of a page at a time, since the next may be missing */
	while (n < size - 1) {
		size_t here = 4096 - (address + n) % 4096;
		struct iovec to = { ret + n, here < size - 1 - n ? here : size - 1 - n };
		struct iovec from = { (void *)(uintptr_t)(address + n), to.iov_len };
		ssize_t got = process_vm_readv(pid, &to, 1, &from, 1, 0);

		if (got <= 0)
			break;
		if (memchr(ret + n, '\0', (size_t)got))
			return;
		n += (size_t)got;
	}
	ret[n] = '\0';
	if (n == 0)
		snprintf(ret, size, "?");
}

static void read_descriptor(pid_t pid, int fd, char *ret, size_t size)
{
	char link[64];
	ssize_t n;

	if (fd == AT_FDCWD)
		snprintf(link, sizeof(link), "/proc/%d/cwd", (int)pid);
	else
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, fd);
	n = readlink(link, ret, size - 1);
	if (n < 0)
		n = snprintf(ret, size, "fd:%d", fd);
	ret[n] = '\0';
}

/* NAME below descriptor FD; "" is the descriptor itself. */
static void read_at(pid_t pid, int fd, uint64_t name, char *ret, size_t size)
{
	char text[512], dir[512];

	read_text(pid, name, text, sizeof(text));
	if (text[0] == '/') {
		snprintf(ret, size, "%s", text);
		return;
	}
	read_descriptor(pid, fd, dir, sizeof(dir));
	snprintf(ret, size, "%s%s%s", dir, *text ? "/" : "", text);
}

void call_subject(pid_t pid, const struct call *call, char *ret, size_t size)
{
	const struct known *k = find(call->nr);
	size_t i;

	snprintf(ret, size, "-");
	switch (k ? k->about : NOTHING) {
	case NOTHING:
		return;
	case PATH:
		read_at(pid, AT_FDCWD, call->args[0], ret, size);
		break;
	case AT_PATH:
		read_at(pid, (int)call->args[0], call->args[1], ret, size);
		break;
	case TO_AT_PATH:
		read_at(pid, (int)call->args[2], call->args[3], ret, size);
		break;
	case DESCRIPTOR:
		read_descriptor(pid, (int)call->args[0], ret, size);
		break;
	}
	for (i = 0; ret[i]; i++)
		if (ret[i] == ' ' || ret[i] == '\n' || ret[i] == '\t')
			ret[i] = '_';
}

static bool open_can_give(const struct call *call, const struct known *k, int errnum)
{
	uint64_t flags = call->args[k->about == PATH ? 1 : 2];
	bool writes = (flags & O_ACCMODE) != O_RDONLY;

	if (errnum == ENOSPC)
		return flags & O_CREAT;
	if (errnum == EROFS)
		return writes || (flags & O_CREAT);
	return errnum == EIO || errnum == EACCES || errnum == EINTR || errnum == EMFILE;
}

static bool fcntl_can_give(const struct call *call, bool file, int errnum)
{
	switch ((int)call->args[1]) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return errnum == EMFILE;
	case F_SETLK:
	case F_SETLKW:
	case F_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
	case F_OFD_GETLK:
		return file && (errnum == EIO || errnum == ENOLCK || errnum == EINTR);
	default:
		return false;
	}
}

int call_can_give(const struct call *call, const char *subject, int errnum)
{
	const struct known *k = find(call->nr);
	bool file = subject[0] == '/' && strncmp(subject, "/memfd:", 7) != 0;

	if (!k)
		return false;
	if (k->about == DESCRIPTOR && call->args[0] == STDERR_FILENO)
		return false; /* or it could not say what went wrong */
	switch (k->class) {
	case PLAIN:
		return false;
	case MAKE:
		return errnum == EMFILE;
	case CONTROL:
		return fcntl_can_give(call, file, errnum);
	case OPEN:
		return open_can_give(call, k, errnum);
	case READ:
		return file && (errnum == EIO || errnum == EINTR);
	case WRITE:
		return file && (errnum == EIO || errnum == ENOSPC || errnum == EINTR);
	case SYNC:
		return file && (errnum == EIO || errnum == ENOSPC || errnum == EINTR);
	case CHANGE:
		return errnum == EIO || errnum == ENOSPC || errnum == EROFS ||
		       errnum == EACCES;
	case LOOK:
		return file &&
		       (errnum == EIO || (k->about != DESCRIPTOR && errnum == EACCES));
	case LIST:
		return file && errnum == EIO;
	}
	return false;
}

void call_errors(const struct call *call, const char *subject, char *ret, size_t size)
{
	size_t i, n = 0;

	snprintf(ret, size, "-");
	for (i = 0; i < sizeof(errors) / sizeof(*errors) && n < size; i++)
		if (call_can_give(call, subject, errors[i].number))
			n += (size_t)snprintf(ret + n, size - n, "%s%s", n ? "," : "",
					      errors[i].name);
}

int error_number(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (!strcmp(errors[i].name, name))
			return errors[i].number;
	return 0;
}
