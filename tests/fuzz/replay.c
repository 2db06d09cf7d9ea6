/* SPDX-License-Identifier: GPL-2.0-or-later */
/* replay [TARGET…]: feeds every target the inputs that are kept, corpus/TARGET/ and
 * regress/TARGET/ below tests/fuzz, without a fuzzer. A target is one process; where that
 * fails, each input is given to a process of its own, to tell which it is. The last line
 * says how many inputs there were. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fuzz.h"

#define MOST_SECONDS 300 /* for all inputs of a target: a hang is a finding, too */

struct target {
	const char *name;
	int (*run)(const uint8_t *data, size_t size);
};

struct inputs {
	char **paths;
	size_t n;
};

static void add_input(struct inputs *inputs, const char *dir, const char *name)
{
	char **grown = reallocarray(inputs->paths, inputs->n + 1, sizeof(*grown));

	must_hold(grown);
	inputs->paths = grown;
	must_hold(asprintf(&grown[inputs->n], "%s/%s", dir, name) > 0);
	inputs->n++;
}

/* How many there were; none where there is no such directory. */
static size_t add_inputs(struct inputs *inputs, const char *top, const char *kind,
			 const char *target)
{
	struct dirent **entries = NULL;
	char dir[PATH_MAX];
	int i, n;

	must_hold(snprintf(dir, sizeof(dir), "%s/tests/fuzz/%s/%s", top, kind, target) <
		  (int)sizeof(dir));
	n = scandir(dir, &entries, NULL, alphasort);
	must_hold(n >= 0 || errno == ENOENT);
	for (i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.')
			add_input(inputs, dir, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return inputs->n;
}

static void feed(const struct target *target, const char *path)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_(freep) uint8_t *data = NULL;
	struct stat st;

	must_hold(fd >= 0 && fstat(fd, &st) == 0);
	data = malloc(st.st_size ? (size_t)st.st_size : 1);
	must_hold(data && read(fd, data, (size_t)st.st_size) == st.st_size);
	(void)target->run(data, (size_t)st.st_size);
}

/* Gives inputs FIRST to END to a process. Its status, as waitpid() tells. */
static int feed_child(const struct target *target, const struct inputs *inputs,
		      size_t first, size_t end)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	must_hold(pid >= 0);
	if (!pid) {
		(void)alarm(MOST_SECONDS);
		for (; first < end; first++)
			feed(target, inputs->paths[first]);
		exit(0);
	}
	must_hold(waitpid(pid, &status, 0) == pid);
	return status;
}

/* How many inputs broke something. */
static size_t replay(const struct target *target, const struct inputs *inputs)
{
	size_t i, failed = 0;

	if (!feed_child(target, inputs, 0, inputs->n))
		return 0;
	for (i = 0; i < inputs->n; i++) {
		int status = feed_child(target, inputs, i, i + 1);

		if (!status)
			continue;
		failed++;
		printf("violation: %s: %s (status %d)\n", target->name, inputs->paths[i],
		       status);
	}
	if (!failed)
		printf("violation: %s: all inputs together\n", target->name);
	return failed ? failed : 1;
}

static bool is_wanted(const char *name, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
#define ENTRY(name) { #name, fuzz_##name },
	static const struct target targets[] = { FUZZ_TARGETS(ENTRY) };
#undef ENTRY
	const char *top = getenv("top_srcdir") ? getenv("top_srcdir") : ".";
	size_t i, j, fed = 0, failed = 0, n_targets = 0;

	for (i = 0; i < ARRAY_SIZE(targets); i++) {
		struct inputs inputs = { NULL, 0 };

		if (!is_wanted(targets[i].name, argc, argv))
			continue;
		n_targets++;
		if (!add_inputs(&inputs, top, "corpus", targets[i].name)) {
			printf("violation: %s: has no corpus\n", targets[i].name);
			failed++;
		}
		(void)add_inputs(&inputs, top, "regress", targets[i].name);
		failed += replay(&targets[i], &inputs);
		fed += inputs.n;
		for (j = 0; j < inputs.n; j++)
			free(inputs.paths[j]);
		free(inputs.paths);
	}
	printf("summary %zu %zu inputs replayed, %zu targets\n", fed, failed, n_targets);
	return failed || !n_targets;
}
