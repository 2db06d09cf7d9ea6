/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/trust.h"

#define KEPT_FD 3
#define USUAL_DESCRIPTORS 1024

/* In the child, between fork and exec. Nothing here may fail quietly: 127 is seen. */
static void __attribute__((noreturn))
become(const char *path, char *const argv[], int output_fd, int keep_fd)
{
	static char env_path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		    env_lc[] = "LC_ALL=C";
	char *const env[] = { env_path, env_lc, NULL };
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	struct rlimit limit;
	sigset_t none;
	int sig, null_fd = open("/dev/null", O_RDONLY);

	for (sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &dfl, NULL);
	/* main() has raised it for locks; programs that use select() want the usual one.
	 */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > USUAL_DESCRIPTORS) {
		limit.rlim_cur = USUAL_DESCRIPTORS;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	if (dup2(null_fd, 0) < 0 || dup2(output_fd, 1) < 0 || dup2(output_fd, 2) < 0)
		_exit(127);
	if (keep_fd >= 0 && keep_fd != KEPT_FD && dup2(keep_fd, KEPT_FD) < 0)
		_exit(127);
	if (keep_fd == KEPT_FD && fcntl(KEPT_FD, F_SETFD, 0) < 0)
		_exit(127);
	(void)close_range(keep_fd >= 0 ? KEPT_FD + 1 : KEPT_FD, ~0U, 0);
	(void)execve(path, argv, env);
	dprintf(2, "%s: %s\n", path, strerror(errno));
	_exit(127);
}

static void read_tail(int fd, char *buf, size_t size)
{
	off_t end = lseek(fd, 0, SEEK_END);
	off_t from = end > (off_t)size - 1 ? end - (off_t)size + 1 : 0;
	ssize_t n = pread(fd, buf, size - 1, from);

	buf[n > 0 ? n : 0] = '\0';
	while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == ' '))
		buf[--n] = '\0';
}

/* Waits for the process behind PIDFD; false where DEADLINE passes first. */
static bool await(int pidfd, int64_t deadline)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	for (;;) {
		int64_t left = deadline - clock_monotonic_ms();
		int r = poll(&p, 1,
			     left < 0		? 0
			     : left > INT32_MAX ? INT32_MAX
						: (int)left);

		if (r > 0)
			return true;
		if (r == 0 || errno != EINTR)
			return false;
	}
}

int program_run(const char *path, char *const argv[], int keep_fd, int64_t deadline,
		struct program_result *ret, struct error *err)
{
	/* A file rather than a pipe: a program that is left running must not die of
	 * SIGPIPE when nobody reads any more. */
	_cleanup_(closep) int output_fd = memfd_create("output", MFD_CLOEXEC);
	_cleanup_(closep) int pidfd = -1;
	int status;
	pid_t pid;

	if (output_fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "run %s", path);
	pid = fork();
	if (pid == 0)
		become(path, argv, output_fd, keep_fd);
	if (pid < 0)
		return error_set(err, ERROR_SYSTEM, errno, "run %s", path);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "wait for %s", path);
	if (!await(pidfd, deadline)) {
		error_set(err, ERROR_TIMEOUT, ETIMEDOUT,
			  "%s has not ended (pid %d); it is left running", path,
			  (int)pid);
		return -ETIMEDOUT;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_set(err, ERROR_SYSTEM, errno, "wait for %s", path);
	ret->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	read_tail(output_fd, ret->output, sizeof(ret->output));
	return 0;
}

int program_trust(int root_fd, const char *path, struct error *err)
{
	struct stat st;
	int r = trust_path(root_fd, path, &st, err);

	if (r < 0)
		return r;
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_SYSTEM, EINVAL, "%s is no regular file",
				 path);
	return 0;
}
