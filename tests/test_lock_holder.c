/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/lock_holder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/check.h"
#include "util/clock.h"
#include "util/lock.h"

static void lines_of_fdinfo(void **state)
{
	static const struct {
		const char *line;
		int64_t first, n;
		bool covers;
	} cases[] = {
		{ "lock:\t1: OFDLCK ADVISORY  WRITE -1 08:01:4711 5 5\n", 5, 1, true },
		{ "lock:\t1: OFDLCK ADVISORY  WRITE -1 08:01:4711 5 5\n", 4, 1, false },
		{ "lock:\t1: OFDLCK ADVISORY  WRITE -1 08:01:4711 5 5\n", 6, 9, false },
		{ "lock:\t1: OFDLCK ADVISORY  WRITE -1 08:01:4711 5 5\n", 0, 6, true },
		{ "lock:\t1: POSIX  ADVISORY  READ 12 00:2b:9 1073741826 1073742335\n",
		  1073741824, 512, true },
		{ "lock:\t1: FLOCK  ADVISORY  WRITE 12 00:2b:9 0 EOF\n", 77, 1, true },
		{ "lock:\t1: -> POSIX  ADVISORY  WRITE 12 00:2b:9 0 EOF\n", 0, 1, false },
		{ "lock:\t1: POSIX  ADVISORY  WRITE 12 00:2b:9 0\n", 0, 1, false },
		{ "lock:\t1: POSIX  ADVISORY  WRITE 12 00:2b:9 x EOF\n", 0, 1, false },
		{ "pos:\t0\n", 0, 1, false },
		{ "lock:", 0, 1, false },
		{ "", 0, 1, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++)
		check_case(cases[i].line,
			   lock_line_covers(cases[i].line, cases[i].first, cases[i].n) ==
				   cases[i].covers);
}

/* A child that holds byte 7 of PATH, stopped if STOPPED; ends when its pipe is closed. */
static pid_t hold(const char *path, bool stopped)
{
	int ready[2], status;
	char c;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		int fd = open(path, O_RDWR);
		struct error err;

		if (fd < 0 || lock_take(fd, 7, 0, &err) < 0 ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		if (stopped)
			(void)raise(SIGSTOP);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	(void)close(ready[1]);
	if (stopped)
		assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	return pid;
}

static void the_holder_is_named_with_its_command(void **state)
{
	char path[] = "/tmp/test_lock_holder.XXXXXX", holder[LOCK_HOLDER_SIZE],
	     pid_text[32];
	int fd = mkstemp(path), stopped;
	struct error err;

	(void)state;
	assert_true(fd >= 0);
	assert_string_equal(lock_holder(path, 7, 1, holder), "");
	for (stopped = 0; stopped < 2; stopped++) {
		pid_t pid = hold(path, stopped);

		assert_string_equal(lock_holder(path, 8, 100, holder), "");
		(void)lock_holder(path, 0, 100, holder);
		(void)snprintf(pid_text, sizeof(pid_text), "pid %d (", (int)pid);
		assert_contains(holder, pid_text);
		assert_contains(holder, "test_lock_holder");
		assert_int_equal(!strncmp(holder, "stopped: ", 9), stopped);
		/* who waits in vain is told; who does not wait does not search */
		assert_int_equal(lock_take(fd, 7, clock_monotonic_ms() + 50, &err),
				 -ETIMEDOUT);
		assert_int_equal(err.kind, ERROR_TIMEOUT);
		assert_contains(err.message, pid_text);
		assert_int_equal(lock_take(fd, 7, 0, &err), -ETIMEDOUT);
		assert_null(strstr(err.message, "pid "));
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	assert_string_equal(lock_holder("/nowhere/at/all", 7, 1, holder), "");
	(void)close(fd);
	(void)unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_fdinfo),
		cmocka_unit_test(the_holder_is_named_with_its_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
