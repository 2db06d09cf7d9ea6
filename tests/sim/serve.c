/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mounting, serving and coming down again. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs.h"

#define N_WORKERS 4 /* none of them ever waits for more than the lock */

/* The one mounted session, for those who have no request at hand. */
static struct fuse_session *session;

void fs_forget(fuse_ino_t dir, const char *name)
{
	fuse_lowlevel_notify_inval_entry(session, dir, name, strlen(name));
}

void fs_stop(struct sim *sim)
{
	(void)sim;
	if (session)
		kill(getpid(), SIGTERM);
}

/* Ends what still waits and lets its threads come back. */
static void drain(struct sim *sim)
{
	size_t i;

	pthread_mutex_lock(&sim->lock);
	sim->stopping = true;
	while (sim->n_async) {
		struct timespec ts;

		pthread_cond_broadcast(&sim->halted);
		pthread_cond_broadcast(&sim->changed);
		for (i = 0; i < sim->n_gpus; i++)
			pthread_cond_broadcast(&sim->gpus[i].lane);
		clock_gettime(CLOCK_MONOTONIC, &ts);
		ts.tv_sec++;
		pthread_cond_timedwait(&sim->changed, &sim->lock, &ts);
	}
	pthread_mutex_unlock(&sim->lock);
}

/* Answers requests until the session ends, of its own accord or by stop(). */
static void *work(void *arg)
{
	struct fuse_buf buf = { .mem = NULL };
	sigset_t poke;
	int r;

	(void)arg;
	sigemptyset(&poke);
	sigaddset(&poke, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &poke, NULL);
	while (!fuse_session_exited(session)) {
		r = fuse_session_receive_buf(session, &buf);
		if (r == -EINTR)
			continue;
		if (r <= 0)
			break; /* unmounted by someone else */
		fuse_session_process_buf(session, &buf);
	}
	free(buf.mem);
	kill(getpid(), SIGTERM);
	return NULL;
}

static void poked(int sig)
{
	(void)sig;
}

/* Gets the workers out of read(2), also one that was just about to enter it. */
static void stop(pthread_t *workers, size_t n)
{
	struct timespec ts;
	size_t i;

	fuse_session_exit(session);
	for (i = 0; i < n; i++) {
		do {
			pthread_kill(workers[i], SIGUSR1);
			clock_gettime(CLOCK_REALTIME, &ts);
			ts.tv_nsec += 2000000;
			if (ts.tv_nsec >= 1000000000) {
				ts.tv_sec++;
				ts.tv_nsec -= 1000000000;
			}
		} while (pthread_timedjoin_np(workers[i], NULL, &ts) == ETIMEDOUT);
	}
}

static int loop(void)
{
	struct sigaction act = { .sa_handler = poked };
	pthread_t workers[N_WORKERS];
	sigset_t end;
	size_t n;
	int sig;

	sigaction(SIGUSR1, &act, NULL);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGINT);
	sigaddset(&end, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &end, NULL);
	for (n = 0; n < N_WORKERS; n++) {
		if (pthread_create(&workers[n], NULL, work, NULL))
			break;
	}
	if (n)
		sigwait(&end, &sig);
	stop(workers, n);
	return n ? 0 : 1;
}

static int serve(struct sim *sim, const char *mountpoint, void (*mounted)(int), int arg)
{
	int r;

	if (fuse_session_mount(session, mountpoint) < 0)
		return 1;
	if (mounted)
		mounted(arg);
	r = loop();
	drain(sim);
	fuse_session_unmount(session);
	fs_close();
	return r;
}

int fs_serve(struct sim *sim, void (*mounted)(int), int arg)
{
	const char *options = getuid() ? "default_permissions,fsname=vgpusim"
				       : "default_permissions,fsname=vgpusim,allow_other";
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	char mountpoint[4096];
	int r = 1;

	put(mountpoint, sizeof(mountpoint), "%s/sys", sim->dir);
	sim->started = time(NULL);
	if (fuse_opt_add_arg(&args, "vgpusim") == 0 &&
	    fuse_opt_add_arg(&args, "-o") == 0 && fuse_opt_add_arg(&args, options) == 0)
		session = fuse_session_new(&args, &fs_ops, sizeof(fs_ops), sim);
	if (session) {
		r = serve(sim, mountpoint, mounted, arg);
		fuse_session_destroy(session);
	}
	session = NULL;
	fuse_opt_free_args(&args);
	return r;
}
