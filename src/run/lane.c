/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run/lane.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"

#define LANES_END_MS 200

/* Where the broker and its lanes keep what they were started with. */
enum { ROOT_FD = 3, REQUEST_FD, REPLY_FD, FIRST_FREE_FD };

union fd_buffer {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int lane_send(int sock, const void *message, size_t size, int fd)
{
	struct iovec iov = { (void *)(uintptr_t)message, size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union fd_buffer control;
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int lane_receive(int sock, void *message, size_t size, int *ret_fd)
{
	struct iovec iov = { message, size };
	union fd_buffer control;
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c;
	ssize_t n;

	*ret_fd = -1;
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(c), sizeof(*ret_fd));
	return (size_t)n == size ? 1 : -EPROTO;
}

static void run_job(int root_fd, const struct sriov_tool *tool, const struct job *job,
		    int hold_fd, struct gpu_memo *memo, struct job_result *ret)
{
	*ret = (struct job_result){ .tag = job->tag };
	switch (job->kind) {
	case JOB_MAKE:
		ret->r = vgpu_make(root_fd, &job->make, memo, &ret->made, &ret->err);
		break;
	case JOB_REMOVE:
		ret->r = vgpu_remove(root_fd, job->remove.uuid, &job->remove.parent,
				     &ret->err);
		break;
	case JOB_SRIOV:
		ret->r = sriov_job_run(root_fd, tool, &job->sriov, hold_fd, &ret->err);
		break;
	}
}

/* Does jobs until nobody can send any more. */
static void __attribute__((noreturn))
work(int root_fd, const struct sriov_tool *tool, int requests, int reply)
{
	struct gpu_memo memo = MEMO_NONE; /* a lane serves one GPU */

	for (;;) {
		_cleanup_(closep) int hold_fd = -1;
		struct job_result result;
		struct job job;

		if (lane_receive(requests, &job, sizeof(job), &hold_fd) <= 0)
			_exit(0);
		run_job(root_fd, tool, &job, hold_fd, &memo, &result);
		/* Let go of the lock first: whoever reads the result may look at it. */
		close_fd(TAKE_FD(hold_fd));
		if (lane_send(reply, &result, sizeof(result), -1) < 0)
			_exit(0);
	}
}

/* Descriptors of our caller must not live on in a child that hangs: a shell would wait
 * for its pipe, a script for its flock. */
static void drop_descriptors(int *root_fd, int *requests, int *reply)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int high[3] = { fcntl(*root_fd, F_DUPFD_CLOEXEC, 64),
			fcntl(*requests, F_DUPFD_CLOEXEC, 64),
			fcntl(*reply, F_DUPFD_CLOEXEC, 64) };
	int i;

	for (i = 0; i < 3; i++)
		if (dup2(null_fd, i) < 0 || dup3(high[i], ROOT_FD + i, O_CLOEXEC) < 0)
			_exit(127);
	(void)close_range(FIRST_FREE_FD, ~0U, 0);
	*root_fd = ROOT_FD;
	*requests = REQUEST_FD;
	*reply = REPLY_FD;
}

/* The socket of lane N, forked when it is first used; negative errno if it cannot be. */
static int lane_socket(int **lanes, size_t *n_lanes, uint32_t n, int root_fd,
		       const struct sriov_tool *tool, int requests, int reply)
{
	int pair[2];
	pid_t pid;

	if (n >= *n_lanes) {
		int *grown = reallocarray(*lanes, (size_t)n + 1, sizeof(*grown));
		size_t i;

		if (!grown)
			return -ENOMEM;
		for (i = *n_lanes; i <= n; i++)
			grown[i] = -1;
		*lanes = grown;
		*n_lanes = (size_t)n + 1;
	}
	if ((*lanes)[n] >= 0)
		return (*lanes)[n];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		/* Nothing of the broker's lives on here, least of all the lock that came
		 * with the request at hand. */
		if (dup3(pair[1], requests, O_CLOEXEC) < 0)
			_exit(127);
		(void)close_range(FIRST_FREE_FD, ~0U, 0);
		work(root_fd, tool, requests, reply);
	}
	close_fd(pair[1]);
	if (pid < 0) {
		close_fd(pair[0]);
		return -EAGAIN;
	}
	return (*lanes)[n] = pair[0];
}

/* Lanes that are idle end when their socket is closed, and are gone before the command
 * is: a service manager wonders about processes that are left. One that hangs is not
 * waited for for long. SIGCHLD is blocked here. */
static void __attribute__((noreturn)) end_lanes(int *lanes, size_t n_lanes)
{
	const struct timespec limit = { 0, LANES_END_MS * 1000000L };
	sigset_t child;
	size_t i;

	for (i = 0; i < n_lanes; i++)
		close_fd(lanes[i]);
	free(lanes);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0 || (pid == 0 && sigtimedwait(&child, NULL, &limit) < 0 &&
				errno == EAGAIN))
			_exit(0);
	}
}

void lane_broker(int root_fd, const struct sriov_tool *tool, int requests, int reply)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	size_t n_lanes = 0;
	int *lanes = NULL;
	sigset_t child;

	/* A terminal that hangs up or Ctrl-C ends the command, not a write in the kernel.
	 */
	(void)setsid();
	(void)sigaction(SIGCHLD, &dfl, NULL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &child, NULL);
	(void)prctl(PR_SET_NAME, "vgpumgr-writer");
	drop_descriptors(&root_fd, &requests, &reply);
	for (;;) {
		int hold_fd, sock;
		struct job job;

		if (lane_receive(requests, &job, sizeof(job), &hold_fd) <= 0)
			end_lanes(lanes, n_lanes);
		sock = lane_socket(&lanes, &n_lanes, job.lane, root_fd, tool, requests,
				   reply);
		if (sock < 0 || lane_send(sock, &job, sizeof(job), hold_fd) < 0) {
			struct job_result failed = { .tag = job.tag, .r = -EAGAIN };

			(void)error_set(&failed.err, ERROR_SYSTEM,
					sock < 0 ? -sock : EPIPE,
					"start a child process");
			(void)lane_send(reply, &failed, sizeof(failed), -1);
		}
		close_fd(hold_fd);
	}
}
