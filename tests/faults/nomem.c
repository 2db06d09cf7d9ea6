/* SPDX-License-Identifier: GPL-2.0-or-later */
/* To be preloaded: lets an allocation fail with ENOMEM. Processes are numbered in the
 * order in which they were forked, the first one is 0; allocations are counted from 1 on
 * in each. The environment says which one fails:
 *   NOMEM_PROCESS=P NOMEM_AT=N   the N-th in process P (0, or none: no one)
 *   NOMEM_ALWAYS=1               ... and all that follow in it
 *   NOMEM_FILE=FILE              32-bit words: how many processes there were, how many
 *                                allocations failed, the signal that one of them died by,
 *                                whether it died within a library that is known to do so,
 *                                and how many allocations each of them asked for */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_PROCESSES 60
#define MAX_FRAMES 64

struct report {
	uint32_t processes, failed, died_by, in_library;
	uint32_t asked[MAX_PROCESSES];
};

/* There is no context that malloc() could be handed. */
static struct report *report; /* NULL: nothing is counted yet */
static uint32_t number, fail_process, fail_at;
static bool fail_always;

/* What the C library calls its own. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static bool must_fail(void)
{
	uint32_t n;

	if (!report || number >= MAX_PROCESSES)
		return false;
	n = ++report->asked[number];
	if (number != fail_process || !fail_at || n < fail_at ||
	    (n > fail_at && !fail_always))
		return false;
	__atomic_fetch_add(&report->failed, 1, __ATOMIC_SEQ_CST);
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return must_fail() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return must_fail() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return must_fail() ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, bytes);
}

void *memalign(size_t alignment, size_t size)
{
	return must_fail() ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
	void *p = memalign(alignment, size);

	if (!p)
		return ENOMEM;
	*ret = p;
	return 0;
}

static void note_child(void)
{
	number = __atomic_fetch_add(&report->processes, 1, __ATOMIC_SEQ_CST);
}

/* libconfig writes through the NULL that it got. It reads what was asked for, before
 * anything is done about it, and its callers are not asked. */
static bool is_in_library(void)
{
	void *frames[MAX_FRAMES];
	int i, n = backtrace(frames, MAX_FRAMES);

	for (i = 0; i < n; i++) {
		Dl_info info;

		if (dladdr(frames[i], &info) && strstr(info.dli_fname, "libconfig"))
			return true;
	}
	return false;
}

/* A child's death is seen by nobody else. */
static void note_death(int sig)
{
	report->died_by = (uint32_t)sig;
	fail_at = 0;
	report->in_library = is_in_library();
	(void)signal(sig, SIG_DFL);
	(void)raise(sig);
}

static uint32_t number_of(const char *name)
{
	const char *text = getenv(name);

	return text ? (uint32_t)strtoul(text, NULL, 10) : 0;
}

static void __attribute__((constructor)) start(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	const char *file = getenv("NOMEM_FILE");
	int fd = open(file ? file : "", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t i;
	void *p = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, sizeof(*report)) == 0)
		p = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 0);
	if (p == MAP_FAILED || pthread_atfork(NULL, NULL, note_child))
		_exit(98);
	(void)close(fd);
	(void)is_in_library(); /* what it loads, it loads now */
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)signal(signals[i], note_death);
	fail_process = number_of("NOMEM_PROCESS");
	fail_at = number_of("NOMEM_AT");
	fail_always = number_of("NOMEM_ALWAYS") != 0;
	report = p;
	report->processes = 1;
}
