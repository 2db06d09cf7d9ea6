/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
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

/* A program to be run, and where its words go. */
struct run {
	const char *path;
	char *const *argv;
	int stdout_fd, stderr_fd, keep_fd;
	rlim_t most; /* bytes of a file that it may write */
};

static void lower_limit(int resource, rlim_t most)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) == 0 && limit.rlim_cur > most) {
		limit.rlim_cur = most;
		(void)setrlimit(resource, &limit);
	}
}

/* In the child, between fork and exec. Nothing here may fail quietly: 127 is seen. */
static void __attribute__((noreturn)) become(const struct run *run)
{
	static char env_path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		    env_lc[] = "LC_ALL=C";
	char *const env[] = { env_path, env_lc, NULL };
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	int sig, null_fd = open("/dev/null", O_RDONLY);
	sigset_t none;

	for (sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &dfl, NULL);
	/* main() has raised it for locks; programs that use select() want the usual one.
	 */
	lower_limit(RLIMIT_NOFILE, USUAL_DESCRIPTORS);
	lower_limit(RLIMIT_FSIZE, run->most);
	if (run->most != RLIM_INFINITY)
		lower_limit(RLIMIT_CORE, 0); /* which SIGXFSZ would leave */
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	if (dup2(null_fd, 0) < 0 || dup2(run->stdout_fd, 1) < 0 ||
	    dup2(run->stderr_fd, 2) < 0)
		_exit(127);
	if (run->keep_fd >= 0 && run->keep_fd != KEPT_FD &&
	    dup2(run->keep_fd, KEPT_FD) < 0)
		_exit(127);
	if (run->keep_fd == KEPT_FD && fcntl(KEPT_FD, F_SETFD, 0) < 0)
		_exit(127);
	(void)close_range(run->keep_fd >= 0 ? KEPT_FD + 1 : KEPT_FD, ~0U, 0);
	(void)execve(run->path, run->argv, env);
	dprintf(2, "%s: %s\n", run->path, strerror(errno));
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

static int run_until(const struct run *run, int64_t deadline, int *ret_status,
		     struct error *err)
{
	_cleanup_(closep) int pidfd = -1;
	int status;
	pid_t pid;

	pid = fork();
	if (pid == 0)
		become(run);
	if (pid < 0)
		return error_set(err, ERROR_SYSTEM, errno, "run %s", run->path);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "wait for %s", run->path);
	if (!await(pidfd, deadline)) {
		error_set(err, ERROR_TIMEOUT, ETIMEDOUT,
			  "%s has not ended (pid %d); it is left running", run->path,
			  (int)pid);
		return -ETIMEDOUT;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_set(err, ERROR_SYSTEM, errno, "wait for %s",
					 run->path);
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return 0;
}

/* A file rather than a pipe: a program that is left running must not die of SIGPIPE when
 * nobody reads any more. */
static int open_output(const char *path, struct error *err)
{
	int fd = memfd_create("output", MFD_CLOEXEC);

	return fd < 0 ? error_set(err, ERROR_SYSTEM, errno, "run %s", path) : fd;
}

int program_run(const char *path, char *const argv[], int keep_fd, int64_t deadline,
		struct program_result *ret, struct error *err)
{
	_cleanup_(closep) int output_fd = open_output(path, err);
	struct run run = { path, argv, output_fd, output_fd, keep_fd, RLIM_INFINITY };
	int r = output_fd < 0 ? output_fd : run_until(&run, deadline, &ret->status, err);

	if (r < 0)
		return r;
	read_tail(output_fd, ret->output, sizeof(ret->output));
	return 0;
}

static int read_whole(const char *path, int fd, size_t most, char **ret,
		      struct error *err)
{
	_cleanup_(freep) char *text = NULL;
	off_t size = lseek(fd, 0, SEEK_END);
	ssize_t n;

	if (size < 0)
		return error_set(err, ERROR_SYSTEM, errno, "read what %s wrote", path);
	if ((uint64_t)size > most)
		return error_set(err, ERROR_SYSTEM, EFBIG, "%s wrote more than %zu bytes",
				 path, most);
	text = malloc((size_t)size + 1);
	if (!text)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "read what %s wrote", path);
	n = pread(fd, text, (size_t)size, 0);
	if (n < 0)
		return error_set(err, ERROR_SYSTEM, errno, "read what %s wrote", path);
	text[n] = '\0';
	if (strlen(text) != (size_t)n)
		return error_set(err, ERROR_SYSTEM, EPROTO, "%s wrote a NUL byte", path);
	*ret = TAKE_PTR(text);
	return 0;
}

int program_read(const char *path, char *const argv[], int keep_fd, int64_t deadline,
		 size_t most, struct program_result *ret, char **ret_stdout,
		 struct error *err)
{
	_cleanup_(closep) int stdout_fd = open_output(path, err);
	_cleanup_(closep) int stderr_fd = stdout_fd < 0 ? -1 : open_output(path, err);
	struct run run = { path, argv, stdout_fd, stderr_fd, keep_fd, most + 1 };
	int r;

	if (stdout_fd < 0 || stderr_fd < 0)
		return stdout_fd < 0 ? stdout_fd : stderr_fd;
	r = run_until(&run, deadline, &ret->status, err);
	if (r < 0)
		return r;
	read_tail(stderr_fd, ret->output, sizeof(ret->output));
	return read_whole(path, stdout_fd, most, ret_stdout, err);
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
