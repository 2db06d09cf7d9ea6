/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run/lane.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
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
	*ret = (struct job_result){ .tag = job->tag, .serial = job->serial };
	switch (job->kind) {
	case JOB_MAKE:
		ret->r = vgpu_make(root_fd, &job->make, memo, &ret->made, &ret->err);
		break;
	case JOB_PARAMS:
		ret->r = vgpu_set_params(root_fd, &job->make, &ret->err);
		ret->made.present = true;
		break;
	case JOB_REMOVE:
		ret->r = vgpu_remove(root_fd, &job->remove, &ret->err);
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

/* One child, as the broker knows it. */
struct lane {
	int sock; /* -1: there is none, or none any more */
	pid_t pid;
	uint64_t tag, serial; /* of the job that it was given last */
};

struct broker {
	int root_fd, requests, reply, signals;
	const struct sriov_tool *tool;
	struct lane *lanes;
	size_t n_lanes;
};

static int make_room(struct broker *b, uint32_t n)
{
	struct lane *grown;
	size_t i;

	if (n < b->n_lanes)
		return 0;
	grown = reallocarray(b->lanes, (size_t)n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	for (i = b->n_lanes; i <= n; i++)
		grown[i] = (struct lane){ .sock = -1 };
	b->lanes = grown;
	b->n_lanes = (size_t)n + 1;
	return 0;
}

/* Lane N, forked when it is first used; negative errno if it cannot be. */
static int start_lane(struct broker *b, uint32_t n)
{
	int pair[2], r = make_room(b, n);
	struct lane *lane;

	if (r < 0)
		return r;
	lane = &b->lanes[n];
	if (lane->sock >= 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	lane->pid = fork();
	if (lane->pid == 0) {
		/* Nothing of the broker's lives on here, least of all the lock that came
		 * with the request at hand. */
		if (dup3(pair[1], b->requests, O_CLOEXEC) < 0)
			_exit(127);
		(void)close_range(FIRST_FREE_FD, ~0U, 0);
		work(b->root_fd, b->tool, b->requests, b->reply);
	}
	close_fd(pair[1]);
	if (lane->pid < 0) {
		close_fd(pair[0]);
		return -EAGAIN;
	}
	lane->sock = pair[0];
	return 0;
}

static void answer(const struct broker *b, uint64_t tag, uint64_t serial, int errnum,
		   const char *what)
{
	struct job_result failed = { .tag = tag, .serial = serial, .r = -errnum };

	(void)error_set(&failed.err, ERROR_SYSTEM, errnum, "%s", what);
	(void)lane_send(b->reply, &failed, sizeof(failed), -1);
}

/* A lane that is gone while it has a job was killed: nobody would answer for it. If it
 * had answered already, this comes too late to be listened to. */
static void bury(struct broker *b)
{
	struct signalfd_siginfo ignored;
	pid_t pid;
	size_t i;

	while (read(b->signals, &ignored, sizeof(ignored)) > 0)
		;
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		for (i = 0; i < b->n_lanes; i++) {
			struct lane *lane = &b->lanes[i];

			if (lane->sock < 0 || lane->pid != pid)
				continue;
			close_fd(TAKE_FD(lane->sock));
			answer(b, lane->tag, lane->serial, ECHILD,
			       "the process that was to write was killed");
		}
}

static void hand_on(struct broker *b, const struct job *job, int hold_fd)
{
	int r = start_lane(b, job->lane);

	if (r == 0)
		r = lane_send(b->lanes[job->lane].sock, job, sizeof(*job), hold_fd);
	if (r < 0) {
		answer(b, job->tag, job->serial, -r, "start a child process");
		return;
	}
	b->lanes[job->lane].tag = job->tag;
	b->lanes[job->lane].serial = job->serial;
}

/* Lanes that are idle end when their socket is closed, and are gone before the command
 * is: a service manager wonders about processes that are left. One that hangs is not
 * waited for for long. SIGCHLD is blocked here. */
static void __attribute__((noreturn)) end_lanes(struct broker *b)
{
	const struct timespec limit = { 0, LANES_END_MS * 1000000L };
	sigset_t child;
	size_t i;

	for (i = 0; i < b->n_lanes; i++)
		close_fd(b->lanes[i].sock);
	free(b->lanes);
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
	struct broker b = { .tool = tool };
	struct sigaction dfl = { .sa_handler = SIG_DFL };
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
	b.root_fd = root_fd;
	b.requests = requests;
	b.reply = reply;
	/* Without it a job whose lane is killed ends at its deadline. */
	b.signals = signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC);
	for (;;) {
		struct pollfd p[] = { { .fd = requests, .events = POLLIN },
				      { .fd = b.signals, .events = POLLIN } };
		struct job job;
		int hold_fd;

		if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
			_exit(1);
		if (p[1].revents)
			bury(&b);
		if (!p[0].revents)
			continue;
		if (lane_receive(requests, &job, sizeof(job), &hold_fd) <= 0)
			end_lanes(&b);
		hand_on(&b, &job, hold_fd);
		close_fd(hold_fd);
	}
}
