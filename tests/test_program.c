/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/tree.h"
#include "util/clock.h"
#include "util/lock.h"

#define SOON 20000 /* ms: a deadline that is not to pass */

static char sh[] = "/bin/sh", dash_c[] = "-c";

/* Runs SCRIPT by /bin/sh; KEEP_FD as in program_run(). */
static int run(const char *script, int keep_fd, int64_t timeout_ms,
	       struct program_result *result, struct error *err)
{
	char *copy = strdup(script);
	char *argv[] = { sh, dash_c, copy, NULL };
	int r = program_run(sh, argv, keep_fd, clock_monotonic_ms() + timeout_ms, result,
			    err);

	free(copy);
	return r;
}

static void a_program_gets_a_fixed_environment_whatever_ours_is(void **state)
{
	static const char *const hostile[] = { "LD_PRELOAD", "LD_LIBRARY_PATH",
					       "BASH_ENV",   "ENV",
					       "PATH",	     "IFS",
					       "LC_ALL",     "HOME" };
	char env[] = "/usr/bin/env";
	char *argv[] = { env, NULL }, *saved[ARRAY_SIZE_OF(hostile)];
	struct program_result result;
	struct error err;
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(hostile); i++) {
		const char *value = getenv(hostile[i]);

		saved[i] = value ? strdup(value) : NULL;
		(void)setenv(hostile[i], "/tmp/evil", 1);
	}
	r = program_run(env, argv, -1, clock_monotonic_ms() + SOON, &result, &err);
	for (i = 0; i < ARRAY_SIZE_OF(hostile); i++) {
		if (saved[i])
			(void)setenv(hostile[i], saved[i], 1);
		else
			(void)unsetenv(hostile[i]);
		free(saved[i]);
	}
	assert_int_equal(r, 0);
	assert_int_equal(result.status, 0);
	assert_string_equal(result.output,
			    "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C");
}

static void it_gets_no_descriptor_of_ours_but_the_one_it_shall_keep(void **state)
{
	static const char list[] =
		"exec /bin/ls -1 /proc/self/fd"; /* ls opens one itself */
	int fds[20], keep = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct program_result result;
	struct error err;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(fds); i++)
		fds[i] = dup(keep); /* these do not close on exec */
	assert_int_equal(run(list, -1, SOON, &result, &err), 0);
	assert_string_equal(result.output, "0\n1\n2\n3");
	assert_int_equal(run(list, keep, SOON, &result, &err), 0);
	assert_string_equal(result.output, "0\n1\n2\n3\n4");
	assert_int_equal(run(list, fds[19], SOON, &result, &err), 0);
	assert_string_equal(result.output, "0\n1\n2\n3\n4");
	assert_int_equal(
		run("/usr/bin/readlink /proc/self/fd/0", -1, SOON, &result, &err), 0);
	assert_string_equal(result.output, "/dev/null");
	for (i = 0; i < ARRAY_SIZE_OF(fds); i++)
		(void)close(fds[i]);
	(void)close(keep);
}

static void it_has_a_session_of_its_own_and_no_blocked_or_ignored_signals(void **state)
{
	struct program_result result;
	struct error err;
	unsigned long long blocked, ignored;
	sigset_t all, before;
	int sid, pid;

	(void)state;
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &before);
	(void)signal(SIGINT, SIG_IGN);
	assert_int_equal(run("exec /bin/grep -E 'Sig(Blk|Ign)' /proc/self/status", -1,
			     SOON, &result, &err),
			 0);
	(void)signal(SIGINT, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	assert_int_equal(
		sscanf(result.output, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored),
		2);
	assert_true(blocked == 0);
	/* 32 and 33 are the C library's own: posix_spawn() ignores them, nobody may
	 * change it */
	assert_true((ignored & ~0x180000000ULL) == 0);
	assert_int_equal(run("read -r a b c d e s rest < /proc/$$/stat; echo $s $$", -1,
			     SOON, &result, &err),
			 0);
	assert_int_equal(sscanf(result.output, "%d %d", &sid, &pid), 2);
	assert_int_equal(sid, pid);
	assert_int_not_equal(sid, getsid(0));
}

static void the_status_is_that_of_a_shell(void **state)
{
	struct program_result result;
	char nowhere[] = "/nowhere/sriov-manage";
	char *argv[] = { nowhere, NULL };
	struct error err;

	(void)state;
	assert_int_equal(run("exit 7", -1, SOON, &result, &err), 0);
	assert_int_equal(result.status, 7);
	assert_string_equal(result.output, "");
	assert_int_equal(run("kill -9 $$", -1, SOON, &result, &err), 0);
	assert_int_equal(result.status, 128 + 9);
	assert_int_equal(program_run(nowhere, argv, -1, clock_monotonic_ms() + SOON,
				     &result, &err),
			 0);
	assert_int_equal(result.status, 127);
	assert_contains(result.output,
			"/nowhere/sriov-manage: No such file or directory");
}

static void the_end_of_what_it_said_is_kept(void **state)
{
	struct program_result result;
	struct error err;

	(void)state;
	assert_int_equal(
		run("echo one; echo two >&2; echo; echo", -1, SOON, &result, &err), 0);
	assert_string_equal(result.output, "one\ntwo");
	assert_int_equal(run("i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done",
			     -1, SOON, &result, &err),
			 0);
	assert_int_equal(result.status, 0); /* much output blocks nobody */
	assert_true(strlen(result.output) > sizeof(result.output) - 8);
	assert_string_equal(result.output + strlen(result.output) - 10, "\n2998\n2999");
}

static void all_that_it_said_on_stdout_is_read_up_to_a_bound(void **state)
{
	static const struct {
		const char *script;
		int want, status;
		const char *said, *errors;
	} cases[] = {
		{ "printf 'one\\n\\n'; echo two >&2; exit 3", 0, 3, "one\n\n", "two" },
		{ "", 0, 0, "", "" },
		{ "printf 0123456789012345", 0, 0, "0123456789012345", "" },
		{ "printf 01234567890123456", -EFBIG, 0, NULL, "" },
		{ "exec yes", -EFBIG, 128 + SIGXFSZ, NULL, "" },
		{ "printf 'a\\000b'", -EPROTO, 0, NULL, "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		char *copy = strdup(cases[i].script), *said = NULL;
		char *argv[] = { sh, dash_c, copy, NULL };
		struct program_result result = { .status = -1 };
		struct error err;

		check_case(cases[i].script,
			   program_read(sh, argv, -1, clock_monotonic_ms() + SOON, 16,
					&result, &said, &err) == cases[i].want);
		check_case(cases[i].script, result.status == cases[i].status);
		assert_string_equal(result.output, cases[i].errors);
		if (cases[i].said)
			assert_string_equal(said, cases[i].said);
		else
			assert_null(said);
		free(said);
		free(copy);
	}
}

/* Waits up to five seconds for a file to appear. */
static bool appears(int dirfd, const char *name)
{
	int i;

	for (i = 0; i < 500; i++) {
		if (faccessat(dirfd, name, F_OK, 0) == 0)
			return true;
		clock_sleep_ms(10);
	}
	return false;
}

static void
past_its_deadline_it_is_left_running_with_its_lock_and_never_signalled(void **state)
{
	struct tree *tree = *state;
	struct program_result result;
	char script[2 * PATH_MAX];
	struct error err;
	int64_t before;
	int i, lock_fd = lock_open(tree->fd, "lock", &err), look_fd;

	(void)snprintf(script, sizeof(script),
		       "cd '%s'; trap ': > signalled' HUP INT TERM PIPE;"
		       "while [ ! -e go ]; do sleep 0.02; done;"
		       "echo to whom it may concern || echo > signalled; : > done",
		       tree->root);
	assert_int_equal(lock_take(lock_fd, 0, 0, &err), 0);
	before = clock_monotonic_ms();
	assert_int_equal(run(script, lock_fd, 200, &result, &err), -ETIMEDOUT);
	assert_true(clock_monotonic_ms() - before >= 190);
	assert_true(clock_monotonic_ms() - before < 5000);
	assert_int_equal(err.kind, ERROR_TIMEOUT);
	assert_contains(err.message, "pid ");
	(void)close(lock_fd);
	look_fd = lock_peek(tree->fd, ".", "lock");
	assert_true(lock_is_held(look_fd, 0));
	host_tree_text(tree->root, "go", "");
	assert_true(appears(tree->fd, "done"));
	assert_false(faccessat(tree->fd, "signalled", F_OK, 0) == 0);
	for (i = 0; lock_is_held(look_fd, 0) && i < 500; i++)
		clock_sleep_ms(10);
	assert_false(lock_is_held(look_fd, 0));
	(void)close(look_fd);
}

static void a_deadline_that_has_passed_before_is_no_endless_wait(void **state)
{
	struct program_result result;
	struct error err;

	(void)state;
	assert_int_equal(run("sleep 0.2", -1, -1000, &result, &err), -ETIMEDOUT);
}

static void only_a_program_that_root_or_the_caller_keeps_is_trusted(void **state)
{
	static const struct {
		const char *name;
		mode_t root, usr, lib, program; /* modes */
		uid_t owner;
		int want;
	} cases[] = {
		{ "as installed", 0755, 0755, 0755, 0755, 0, 0 },
		{ "all private", 0700, 0700, 0700, 0700, 0, 0 },
		{ "program writable by its group", 0755, 0755, 0755, 0775, 0, -EPERM },
		{ "program writable by others", 0755, 0755, 0755, 0757, 0, -EPERM },
		{ "its directory writable", 0755, 0755, 0777, 0755, 0, -EPERM },
		/* others cannot rename there what is not theirs */
		{ "root's sticky directory", 0755, 01777, 0755, 0755, 0, 0 },
		{ "a directory above writable", 0755, 0775, 0755, 0755, 0, -EPERM },
		{ "the root directory writable", 0777, 0755, 0755, 0755, 0, -EPERM },
		{ "somebody else's", 0755, 0755, 0755, 0755, 4242, -EPERM },
	};
	static const char program[] = "usr/lib/sriov-manage";
	struct tree *tree = *state;
	struct error err;
	size_t i;

	host_tree_text(tree->root, program, "#!/bin/sh\n");
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		char path[PATH_MAX + 64];

		if (geteuid() && (cases[i].owner || cases[i].usr & 01000))
			continue; /* only root can give files away */
		assert_int_equal(chmod(tree->root, cases[i].root), 0);
		(void)snprintf(path, sizeof(path), "%s/usr", tree->root);
		assert_int_equal(chmod(path, cases[i].usr), 0);
		(void)snprintf(path, sizeof(path), "%s/usr/lib", tree->root);
		assert_int_equal(chmod(path, cases[i].lib), 0);
		(void)snprintf(path, sizeof(path), "%s/%s", tree->root, program);
		if (!geteuid())
			assert_int_equal(chown(path, cases[i].owner, 0), 0);
		assert_int_equal(chmod(path, cases[i].program), 0);
		check_case(cases[i].name,
			   program_trust(tree->fd, program, &err) == cases[i].want);
		if (cases[i].want)
			assert_int_equal(err.kind, ERROR_PERMISSION);
	}
}

static void a_link_a_directory_or_nothing_is_no_program(void **state)
{
	struct tree *tree = *state;
	struct error err;

	host_tree_text(tree->root, "usr/lib/real", "");
	host_tree_link(tree->root, "usr/lib/link", "real");
	host_tree_link(tree->root, "lib", "usr/lib");
	assert_int_equal(program_trust(tree->fd, "/usr/lib//real", &err), 0);
	assert_true(program_trust(tree->fd, "usr/lib/link", &err) < 0);
	assert_int_equal(err.kind, ERROR_PERMISSION);
	assert_contains(err.message, "/usr/lib/link");
	assert_true(program_trust(tree->fd, "lib/real", &err) < 0);
	assert_true(program_trust(tree->fd, "usr/lib", &err) < 0);
	assert_int_equal(program_trust(tree->fd, "usr/lib/none", &err), -ENOENT);
	assert_contains(err.message, "/usr/lib/none");
	assert_int_equal(program_trust(tree->fd, "usr/lib/real/x", &err), -ENOTDIR);
}

#define on_tree(test) cmocka_unit_test_setup_teardown(test, tree_setup, tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_gets_a_fixed_environment_whatever_ours_is),
		cmocka_unit_test(it_gets_no_descriptor_of_ours_but_the_one_it_shall_keep),
		cmocka_unit_test(
			it_has_a_session_of_its_own_and_no_blocked_or_ignored_signals),
		cmocka_unit_test(the_status_is_that_of_a_shell),
		cmocka_unit_test(the_end_of_what_it_said_is_kept),
		cmocka_unit_test(all_that_it_said_on_stdout_is_read_up_to_a_bound),
		on_tree(past_its_deadline_it_is_left_running_with_its_lock_and_never_signalled),
		cmocka_unit_test(a_deadline_that_has_passed_before_is_no_endless_wait),
		on_tree(only_a_program_that_root_or_the_caller_keeps_is_trusted),
		on_tree(a_link_a_directory_or_nothing_is_no_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
