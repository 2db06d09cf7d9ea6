/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads and writes of attributes. Those that may wait get a thread of their own, so that
 * they hold up nothing and finish even when their caller was killed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs.h"

static int read_attr(struct sim *sim, uint64_t ino, struct text *t)
{
	struct node n;

	if (!node_get(sim, ino, &n))
		return -ENODEV;
	return attr_show(sim, &n, t);
}

/* Does what a request asks for; it may wait. */
static int perform(struct sim *sim, const struct job *job, struct text *t)
{
	if (job->write)
		return attr_store(sim, job->ino, job->data, job->size);
	return read_attr(sim, job->ino, t);
}

static void answer(const struct job *job, int r, const struct text *t)
{
	if (r < 0)
		fuse_reply_err(job->req, -r);
	else if (job->write)
		fuse_reply_write(job->req, job->size);
	else
		reply_slice(job->req, t->buf, t->len, job->size, job->off);
}

static void *perform_alone(void *arg)
{
	struct job *job = arg;
	struct sim *sim = job->sim;
	struct text t;
	int r;

	t.len = 0;
	pthread_mutex_lock(&sim->lock);
	r = perform(sim, job, &t);
	pthread_mutex_unlock(&sim->lock);
	answer(job, r, &t);
	free(job->copy);
	free(job);
	pthread_mutex_lock(&sim->lock);
	sim->n_async--;
	sim_changed(sim);
	fs_done(sim);
	return NULL;
}

/* Hands JOB over to a new thread. */
static bool detach(struct sim *sim, struct job *job)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	sim->n_async++;
	r = pthread_create(&thread, &attr, perform_alone, job);
	if (r)
		sim->n_async--;
	pthread_attr_destroy(&attr);
	return !r;
}

void job_run(struct sim *sim, const struct job *job, bool waits)
{
	struct job *own;
	struct text t;
	int r = -ENOMEM;

	t.len = 0;
	if (!waits) {
		r = perform(sim, job, &t);
		fs_done(sim);
		answer(job, r, &t);
		return;
	}
	own = xcalloc(1, sizeof(*own));
	*own = *job;
	if (job->write)
		own->data = own->copy =
			memcpy(xcalloc(job->size, 1), job->data, job->size);
	waits = detach(sim, own);
	pthread_mutex_unlock(&sim->lock);
	if (waits)
		return;
	answer(job, r, &t);
	free(own->copy);
	free(own);
}
