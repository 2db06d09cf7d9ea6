/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run/jobs.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/lane.h"
#include "util/cleanup.h"
#include "util/clock.h"

enum entry_state { ENTRY_QUEUED, ENTRY_RUNNING, ENTRY_DONE };

struct entry {
	struct job job;
	int hold_fd;
	enum entry_state state;
	int64_t deadline; /* while it is running */
};

/* One lane's own state: at most one job of it is with the child at any time, so that
 * nothing is left over there when this process gives up. */
struct lane_state {
	bool running, hanging;
	size_t current; /* the entry that is running */
	size_t next;	/* the first entry of the lane that may still be queued */
};

struct jobs {
	int requests, replies;
	pid_t broker;
	struct entry *entries;
	size_t n, room, n_done;
	struct lane_state *lanes;
	size_t n_lanes;
	uint64_t *keys; /* of lanes, by number */
	size_t n_keys;
};

DEFINE_CLEANUP(struct jobs *, jobs_free)

void jobs_free(struct jobs *jobs)
{
	if (!jobs)
		return;
	close_fd(jobs->requests);
	close_fd(jobs->replies);
	/* It never touches a device itself, so it ends at once; a lane that hangs does
	 * not. */
	if (jobs->broker > 0)
		while (waitpid(jobs->broker, NULL, 0) < 0 && errno == EINTR)
			;
	free(jobs->entries);
	free(jobs->lanes);
	free(jobs->keys);
	free(jobs);
}

int jobs_start(int root_fd, const struct sriov_tool *tool, struct jobs **ret,
	       struct error *err)
{
	_cleanup_(jobs_freep) struct jobs *jobs = calloc(1, sizeof(*jobs));
	int requests[2], replies[2];
	pid_t pid;

	if (!jobs)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "start a child process");
	jobs->requests = jobs->replies = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, requests) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "start a child process");
	jobs->requests = requests[0];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, replies) < 0) {
		close_fd(requests[1]);
		return error_set(err, ERROR_SYSTEM, errno, "start a child process");
	}
	jobs->replies = replies[0];
	pid = fork();
	if (pid == 0)
		lane_broker(root_fd, tool, requests[1], replies[1]);
	close_fd(requests[1]);
	close_fd(replies[1]);
	if (pid < 0)
		return error_set(err, ERROR_SYSTEM, EAGAIN, "start a child process");
	jobs->broker = pid;
	*ret = TAKE_PTR(jobs);
	return 0;
}

int jobs_lane(struct jobs *jobs, uint64_t key, uint32_t *ret, struct error *err)
{
	uint64_t *grown;
	size_t i;

	for (i = 0; i < jobs->n_keys && jobs->keys[i] != key; i++)
		;
	if (i == jobs->n_keys) {
		grown = reallocarray(jobs->keys, i + 1, sizeof(*grown));
		if (!grown)
			return error_set(err, ERROR_SYSTEM, ENOMEM, "queue a write");
		grown[i] = key;
		jobs->keys = grown;
		jobs->n_keys++;
	}
	*ret = (uint32_t)i;
	return 0;
}

int jobs_add(struct jobs *jobs, const struct job *job, int hold_fd, struct error *err)
{
	if (jobs->n == jobs->room) {
		size_t room = jobs->room ? jobs->room * 2 : 16;
		struct entry *grown = reallocarray(jobs->entries, room, sizeof(*grown));

		if (!grown)
			return error_set(err, ERROR_SYSTEM, ENOMEM, "queue a write");
		jobs->entries = grown;
		jobs->room = room;
	}
	if (job->lane >= jobs->n_lanes) {
		struct lane_state *grown =
			reallocarray(jobs->lanes, (size_t)job->lane + 1, sizeof(*grown));
		size_t i;

		if (!grown)
			return error_set(err, ERROR_SYSTEM, ENOMEM, "queue a write");
		for (i = jobs->n_lanes; i <= job->lane; i++)
			grown[i] = (struct lane_state){ .next = jobs->n };
		jobs->lanes = grown;
		jobs->n_lanes = (size_t)job->lane + 1;
	}
	jobs->entries[jobs->n] = (struct entry){ *job, hold_fd, ENTRY_QUEUED, 0 };
	jobs->entries[jobs->n].job.serial = jobs->n;
	jobs->n++;
	return 0;
}

size_t jobs_pending(const struct jobs *jobs)
{
	return jobs->n - jobs->n_done;
}

static void finish(struct jobs *jobs, struct entry *entry, int r, const char *what,
		   struct job_result *ret)
{
	struct lane_state *lane = &jobs->lanes[entry->job.lane];

	*ret = (struct job_result){ .tag = entry->job.tag,
				    .r = r,
				    .hanging = entry->state == ENTRY_RUNNING };
	(void)error_set(&ret->err, ERROR_SYSTEM, -r, "%s", what);
	if (entry->state == ENTRY_RUNNING)
		lane->hanging = true;
	entry->state = ENTRY_DONE;
	jobs->n_done++;
}

/* Gives each idle lane its next job. 1: RET got a result at once, since the lane hangs or
 * the job could not be sent. */
static int feed(struct jobs *jobs, struct job_result *ret)
{
	size_t i, j;

	for (i = 0; i < jobs->n_lanes; i++) {
		struct lane_state *lane = &jobs->lanes[i];

		if (lane->running && !lane->hanging)
			continue;
		for (j = lane->next; j < jobs->n; j++) {
			struct entry *e = &jobs->entries[j];

			lane->next = j + 1;
			if (e->job.lane != i || e->state != ENTRY_QUEUED)
				continue;
			if (lane->hanging) {
				finish(jobs, e, -ETIMEDOUT,
				       "not tried, since an earlier write on its GPU "
				       "hangs",
				       ret);
				return 1;
			}
			if (lane_send(jobs->requests, &e->job, sizeof(e->job),
				      e->hold_fd)) {
				finish(jobs, e, -EPIPE, "hand a write to a child process",
				       ret);
				return 1;
			}
			e->state = ENTRY_RUNNING;
			e->deadline =
				clock_monotonic_ms() + (int64_t)e->job.timeout_s * 1000;
			lane->running = true;
			lane->current = j;
			break;
		}
	}
	return 0;
}

/* The running job whose deadline is nearest, NULL if none runs. */
static struct entry *nearest(struct jobs *jobs)
{
	struct entry *best = NULL;
	size_t i;

	for (i = 0; i < jobs->n_lanes; i++) {
		struct lane_state *lane = &jobs->lanes[i];
		struct entry *e = &jobs->entries[lane->current];

		if (lane->running && !lane->hanging &&
		    (!best || e->deadline < best->deadline))
			best = e;
	}
	return best;
}

/* Takes a result from the socket; 0 where it belongs to a job that was given up before.
 */
static int take_result(struct jobs *jobs, struct job_result *ret)
{
	int fd, r = lane_receive(jobs->replies, ret, sizeof(*ret), &fd);
	size_t i;

	close_fd(fd);
	if (r <= 0)
		return -EPIPE;
	for (i = 0; i < jobs->n_lanes; i++) {
		struct lane_state *lane = &jobs->lanes[i];
		struct entry *e = &jobs->entries[lane->current];

		if (!lane->running || lane->hanging || e->job.serial != ret->serial)
			continue;
		e->state = ENTRY_DONE;
		lane->running = false;
		jobs->n_done++;
		return 1;
	}
	return 0;
}

static int64_t min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int jobs_next(struct jobs *jobs, int timeout_ms, struct job_result *ret,
	      struct error *err)
{
	int64_t until = timeout_ms < 0 ? INT64_MAX : clock_monotonic_ms() + timeout_ms;

	for (;;) {
		struct pollfd p = { .fd = jobs->replies, .events = POLLIN };
		int64_t now = clock_monotonic_ms(), wake;
		struct entry *soonest;
		int r;

		if (feed(jobs, ret))
			return 1;
		soonest = nearest(jobs);
		if (!soonest && timeout_ms < 0)
			return 0; /* nothing is under way */
		wake = soonest ? min64(until, soonest->deadline) : until;
		r = poll(&p, 1, wake <= now ? 0 : (int)min64(wake - now, INT32_MAX));
		if (r > 0) {
			r = take_result(jobs, ret);
			if (r < 0)
				return error_set(err, ERROR_SYSTEM, EPIPE,
						 "the child processes are lost");
			if (r > 0)
				return 1;
			continue;
		}
		now = clock_monotonic_ms();
		if (soonest && now >= soonest->deadline) {
			finish(jobs, soonest, -ETIMEDOUT, "the write has not returned",
			       ret);
			return 1;
		}
		if (now >= until)
			return 0;
	}
}
