/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a command, counts the system calls of each of its processes, and lets one of them
 * be the last, or fail.
 *
 *     inject [-m PATH] [-t SECONDS] -o FILE record           COMMAND [ARGUMENT...]
 *     inject [...] -o FILE kill P K                          COMMAND [ARGUMENT...]
 *     inject [...] -o FILE kill-all P K                      COMMAND [ARGUMENT...]
 *     inject [...] -o FILE fail P K ERRNO                    COMMAND [ARGUMENT...]
 *     inject [...] -o FILE fail-from P K ERRNO               COMMAND [ARGUMENT...]
 *
 * P is a process: 1 is the command, others are numbered in the order of their forking. K
 * is a call of that process, from 1, which for the command itself is its execve().
 *
 * record: writes a line for each call: P K PHASE NAME ERRORS SUBJECT. PHASE is "start"
 * until the command opens the PATH of -m, that is, while it is the loader's and the C
 * library's; "main" from then on; "other" in a process that has executed another program.
 * ERRORS are those that make sense for the call.
 *
 * kill: sends SIGKILL to that process at the entry of the call, which is not done. The
 * others go on.
 *
 * kill-all: likewise, to the whole family.
 *
 * fail: the call is not done and fails with ERRNO. One that ERRNO makes no sense for is
 * done, and the point is missed.
 *
 * fail-from: and so does every call of phase "main" for which ERRNO makes sense, from
 * there on in that process, and in all that were forked later.
 *
 * FILE ends with what was seen: "hit NAME SUBJECT" or "missed", "crash P SIGNAL" for each
 * process of the program itself that a signal ended which inject did not send, "hang" if
 * not all had ended within SECONDS and were killed, "ended STATUS" for the command.
 * inject waits until the whole family has ended, and exits with the status of the
 * command, or with 125 if it could not do its work.
 *
 * Why not "strace --inject": its when= counts per name of the call and per process, and
 * cannot be told which process is meant. A call of a forked writer that the command
 * itself makes more often, or earlier, can never be singled out with it. */
#include "inject_calls.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <linux/limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_TRACEES 256
#define OWN_FAILURE 125

enum action { RECORD, KILL, KILL_ALL, FAIL, FAIL_FROM };

struct tracee {
	pid_t pid;	/* 0: the place is free */
	unsigned p;	/* 0: seen before its fork was */
	unsigned calls; /* that it has entered */
	bool parked;	/* stopped, until its number is known */
	bool counting;	/* false in the command until its execve() */
	bool marked;	/* its calls are the program's own */
	bool other;	/* it has executed another program */
	int failing;	/* the errno that the call it is in is to give */
};

struct inject {
	enum action action;
	unsigned p, k;
	int errnum;
	const char *marker;
	FILE *out;
	pid_t command;
	int status;
	bool hit, killing;
	unsigned n_processes;
	struct tracee tracees[MAX_TRACEES];
};

static volatile sig_atomic_t time_is_up;

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(OWN_FAILURE); /* which kills the tracees */
}

static void on_alarm(int sig)
{
	(void)sig;
	time_is_up = 1;
}

static struct tracee *find(struct inject *in, pid_t pid)
{
	size_t i;

	for (i = 0; i < MAX_TRACEES; i++)
		if (in->tracees[i].pid == pid)
			return &in->tracees[i];
	return NULL;
}

static struct tracee *add(struct inject *in, pid_t pid)
{
	struct tracee *t = find(in, 0);

	if (!t) {
		errno = ENFILE;
		die("too many processes");
	}
	*t = (struct tracee){ .pid = pid };
	return t;
}

/* Lets T go on. Once the deed is done nobody needs to be stopped at each call any more.
 */
static void resume(const struct inject *in, const struct tracee *t, int sig)
{
	bool watch =
		in->action == RECORD || in->action == FAIL_FROM || !in->hit || t->failing;

	/* ESRCH: it was killed meanwhile, which waitpid() will tell */
	if (ptrace(watch ? PTRACE_SYSCALL : PTRACE_CONT, t->pid, 0, sig) &&
	    errno != ESRCH)
		die("resume");
}

static void kill_all(const struct inject *in)
{
	size_t i;

	for (i = 0; i < MAX_TRACEES; i++)
		if (in->tracees[i].pid)
			(void)kill(in->tracees[i].pid, SIGKILL);
}

/* The call at whose entry T is stopped becomes none. */
static void skip_call(const struct tracee *t)
{
#if defined(__x86_64__)
	if (ptrace(PTRACE_POKEUSER, t->pid, offsetof(struct user, regs.orig_rax), -1L))
		die("skip a call");
#elif defined(__aarch64__)
	int none = -1;
	struct iovec iov = { &none, sizeof(none) };

	if (ptrace(PTRACE_SETREGSET, t->pid, NT_ARM_SYSTEM_CALL, &iov))
		die("skip a call");
#else
	(void)t;
	errno = ENOSYS;
	die("calls cannot be made to fail on this architecture");
#endif
}

/* At the exit of a call that was skipped. */
static void set_result(const struct tracee *t, long result)
{
#if defined(__x86_64__)
	if (ptrace(PTRACE_POKEUSER, t->pid, offsetof(struct user, regs.rax), result))
		die("set a result");
#elif defined(__aarch64__)
	struct user_regs_struct regs;
	struct iovec iov = { &regs, sizeof(regs) };

	if (ptrace(PTRACE_GETREGSET, t->pid, NT_PRSTATUS, &iov))
		die("set a result");
	regs.regs[0] = (unsigned long long)result;
	if (ptrace(PTRACE_SETREGSET, t->pid, NT_PRSTATUS, &iov))
		die("set a result");
#else
	(void)t;
	(void)result;
#endif
}

static const char *phase(const struct tracee *t)
{
	return t->other ? "other" : t->marked ? "main" : "start";
}

static void record(const struct inject *in, const struct tracee *t,
		   const struct call *call, const char *subject)
{
	char name[32], errors[128];

	call_errors(call, subject, errors, sizeof(errors));
	fprintf(in->out, "%u %u %s %s %s %s\n", t->p, t->calls, phase(t),
		call_name(call->nr, name, sizeof(name)), errors, subject);
}

static bool at_point(const struct inject *in, const struct tracee *t)
{
	return t->p == in->p && t->calls == in->k;
}

/* Is CALL after the point at which failing starts, and one that can fail so? */
static bool fails_later(const struct inject *in, const struct tracee *t,
			const struct call *call, const char *subject)
{
	return in->action == FAIL_FROM && in->hit && t->marked && !t->other &&
	       (t->p > in->p || (t->p == in->p && t->calls > in->k)) &&
	       call_can_give(call, subject, in->errnum);
}

/* T is at the entry of CALL. */
static void entered(struct inject *in, struct tracee *t, const struct call *call)
{
	char subject[PATH_MAX] = "-", name[32];

	if (!t->counting && call->nr != SYS_execve)
		return;
	t->counting = true;
	t->calls++;
	if (in->action == RECORD || in->action == FAIL_FROM || at_point(in, t) ||
	    !t->marked)
		call_subject(t->pid, call, subject, sizeof(subject));
	if (!t->marked && (!in->marker || !strcmp(subject, in->marker)))
		t->marked = true;
	if (in->action == RECORD) {
		record(in, t, call, subject);
		return;
	}
	if (fails_later(in, t, call, subject)) {
		t->failing = in->errnum;
		skip_call(t);
	}
	if (in->hit || !at_point(in, t))
		return;
	/* timing may have shifted the calls: not every one may fail like this */
	if (in->errnum && !call_can_give(call, subject, in->errnum))
		return;
	in->hit = true;
	fprintf(in->out, "hit %s %s\n", call_name(call->nr, name, sizeof(name)), subject);
	switch (in->action) {
	case RECORD:
		break;
	case KILL:
		(void)kill(t->pid, SIGKILL);
		break;
	case KILL_ALL:
		in->killing = true;
		kill_all(in);
		break;
	case FAIL:
	case FAIL_FROM:
		t->failing = in->errnum;
		skip_call(t);
		break;
	}
}

static void on_call(struct inject *in, struct tracee *t)
{
	struct __ptrace_syscall_info info;
	struct call call;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof(info), &info) < 0) {
		if (errno == ESRCH)
			return;
		die("PTRACE_GET_SYSCALL_INFO");
	}
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		call.nr = info.entry.nr;
		memcpy(call.args, info.entry.args, sizeof(call.args));
		entered(in, t, &call);
	} else if (t->failing) {
		set_result(t, -(long)t->failing);
		t->failing = 0;
	}
}

/* T has forked: its child gets the next number. */
static void on_fork(struct inject *in, const struct tracee *t)
{
	unsigned long pid;
	struct tracee *child;

	if (ptrace(PTRACE_GETEVENTMSG, t->pid, 0, &pid))
		return;
	child = find(in, (pid_t)pid);
	if (!child)
		child = add(in, (pid_t)pid);
	child->p = ++in->n_processes;
	child->counting = true;
	child->marked = t->marked;
	child->other = t->other;
	if (child->parked) {
		child->parked = false;
		resume(in, child, 0);
	}
}

static void on_stop(struct inject *in, struct tracee *t, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;

	/* One whose parent was killed before it could tell of it: nothing would ever let
	 * it go on. */
	if (in->killing) {
		(void)kill(t->pid, SIGKILL);
		return;
	}
	if (sig == (SIGTRAP | 0x80)) {
		on_call(in, t);
		sig = 0;
	} else if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
		   event == PTRACE_EVENT_CLONE) {
		on_fork(in, t);
		sig = 0;
	} else if (event == PTRACE_EVENT_EXEC) {
		t->other = t->pid != in->command;
		sig = 0;
	} else if (sig == SIGSTOP && t->calls == 0) { /* how a child starts */
		sig = 0;
		t->parked = t->p == 0;
	}
	if (!t->parked)
		resume(in, t, sig);
}

static void on_end(struct inject *in, struct tracee *t, int status)
{
	if (t->pid == in->command)
		in->status =
			WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	/* other programs may die of what befell their family: sriov-manage of SIGPIPE */
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL && !t->other)
		fprintf(in->out, "crash %u %d\n", t->p, WTERMSIG(status));
	*t = (struct tracee){ 0 };
}

/* Until the whole family has ended. */
static void follow(struct inject *in)
{
	bool hung = false;

	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);
		struct tracee *t;

		if (time_is_up && !hung) {
			hung = in->killing = true;
			fprintf(in->out, "hang\n");
			kill_all(in);
		}
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0 && errno == ECHILD)
			return;
		if (pid < 0)
			die("wait");
		t = find(in, pid);
		if (!t)
			t = add(in, pid); /* its parent's stop is still to come */
		if (WIFSTOPPED(status))
			on_stop(in, t, status);
		else
			on_end(in, t, status);
	}
}

static void start(struct inject *in, char **argv)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		       PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	struct tracee *t;
	int status;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) || raise(SIGSTOP))
			_exit(OWN_FAILURE);
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		die("start the command");
	if (ptrace(PTRACE_SETOPTIONS, pid, 0, options))
		die("trace the command");
	t = add(in, pid);
	t->p = in->n_processes = 1;
	in->command = pid;
	resume(in, t, 0);
}

static int usage(void)
{
	fprintf(stderr, "usage: inject [-m PATH] [-t SECONDS] -o FILE\n"
			"       record | kill P K | kill-all P K | fail P K ERRNO | "
			"fail-from P K ERRNO\n"
			"       COMMAND [ARGUMENT...]\n");
	return OWN_FAILURE;
}

/* Takes ACTION and its arguments from ARGV; how many they are, 0 if they are not right.
 */
static int parse_action(struct inject *in, int argc, char **argv)
{
	static const char *const names[] = { "record", "kill", "kill-all", "fail",
					     "fail-from" };
	static const int counts[] = { 1, 3, 3, 4, 4 };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (argc < 1 || strcmp(argv[0], names[i]))
			continue;
		in->action = (enum action)i;
		if (argc <= counts[i])
			return 0;
		if (counts[i] > 1) {
			in->p = (unsigned)strtoul(argv[1], NULL, 10);
			in->k = (unsigned)strtoul(argv[2], NULL, 10);
		}
		if (counts[i] > 3)
			in->errnum = error_number(argv[3]);
		if (counts[i] > 1 && (!in->p || !in->k || (counts[i] > 3 && !in->errnum)))
			return 0;
		return counts[i];
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct inject in;
	struct sigaction on_time = { .sa_handler = on_alarm };
	/* more than once, since the first may come just before a wait */
	struct itimerval limit = { { 1, 0 }, { 60, 0 } };
	int c, n;

	while ((c = getopt(argc, argv, "+m:o:t:")) != -1) {
		if (c == 'm')
			in.marker = optarg;
		else if (c == 't')
			limit.it_value.tv_sec = strtol(optarg, NULL, 10);
		else if (c != 'o')
			return usage();
		else if (!(in.out = fopen(optarg, "we")))
			die(optarg);
	}
	n = parse_action(&in, argc - optind, argv + optind);
	if (!in.out || !n || limit.it_value.tv_sec <= 0)
		return usage();
	if (sigaction(SIGALRM, &on_time, NULL) || setitimer(ITIMER_REAL, &limit, NULL))
		die("setitimer");
	start(&in, argv + optind + n);
	follow(&in);
	if (in.action != RECORD && !in.hit)
		fprintf(in.out, "missed\n");
	fprintf(in.out, "ended %d\n", in.status);
	if (fclose(in.out))
		die("write what was seen");
	return in.status;
}
