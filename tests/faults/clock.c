/* SPDX-License-Identifier: GPL-2.0-or-later */
/* To be preloaded: the wall clock of one program is wrong, and the machine's is as it
 * was. The file that FAULT_CLOCK names holds two numbers: by how many seconds the clock
 * is wrong, and how many more it is each time that somebody asks for it. The file is read
 * anew for each of them, so that the clock can be set while the program runs. Monotonic
 * time is left alone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long long
	asked; /* how often so far; who counts it wrongly sees another wrong time */

static long long seconds_wrong(void)
{
	const char *path = getenv("FAULT_CLOCK");
	int saved = errno, fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	long long offset = 0, step = 0;
	char text[128];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (sscanf(text, "%lld %lld", &offset, &step) < 1) {
		static const char words[] = "clock.so: FAULT_CLOCK names no clock\n";

		(void)!write(2, words, sizeof(words) - 1);
		abort();
	}
	errno = saved;
	return offset + step * asked++;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int r = (int)syscall(SYS_clock_gettime, clock, ts);

	if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ||
		       clock == CLOCK_TAI))
		ts->tv_sec += seconds_wrong();
	return r;
}

time_t time(time_t *ret)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_REALTIME, &ts) < 0)
		return -1;
	if (ret)
		*ret = ts.tv_sec;
	return ts.tv_sec;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;
	int r = clock_gettime(CLOCK_REALTIME, &ts);

	(void)zone;
	if (r == 0)
		*tv = (struct timeval){ ts.tv_sec, ts.tv_nsec / 1000 };
	return r;
}
