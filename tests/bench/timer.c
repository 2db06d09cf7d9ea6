/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs commands in turns, so that a busy moment of the machine hits all of them alike, and
 * tells for each: LABEL MEDIAN_MS LEAST_MS RSS_KIB RUNS STATUS.
 *
 *     timer [-n RUNS] [-b BUDGET_MS] [-a AFTER] < SUBJECTS
 *
 * SUBJECTS has three lines for each: label, preparation, command. The preparation goes to the
 * shell and is not timed, neither is AFTER, which finds the label in $LABEL. The command is
 * split at blanks and executed without a shell; "&&" between two makes them one measurement.
 * A command has its runs once they took BUDGET_MS together, but at least three if they take
 * less than twice that. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_SUBJECTS 32
#define MAX_WORDS 64
#define MAX_RUNS  1000

struct subject {
	char *label, *prepare;
	char *words[MAX_WORDS + 1]; /* NULL where "&&" stood, two NULLs at the end */
	double ms[MAX_RUNS], spent;
	int runs, status;
	long rss_kib;
};

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void split(struct subject *s, char *command)
{
	size_t n = 0;
	char *word;

	for (word = strtok(command, " "); word && n < MAX_WORDS - 1; word = strtok(NULL, " "))
		s->words[n++] = strcmp(word, "&&") ? word : NULL;
	s->words[n] = s->words[n + 1] = NULL;
}

static int run_one(char **words, long *rss_kib)
{
	struct rusage usage;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int null_fd = open("/dev/null", O_RDWR);

		dup2(null_fd, 0);
		dup2(null_fd, 1);
		if (!getenv("BENCH_DEBUG"))
			dup2(null_fd, 2);
		execvp(words[0], words);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
		return 126;
	if (usage.ru_maxrss > *rss_kib)
		*rss_kib = usage.ru_maxrss;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void run(struct subject *s, const char *after)
{
	char **words = s->words;
	double start;
	int status;

	if (*s->prepare && system(s->prepare) != 0) {
		fprintf(stderr, "timer: %s: this failed: %s\n", s->label, s->prepare);
		s->status = 125;
	}
	start = now_ms();
	while (*words) {
		status = run_one(words, &s->rss_kib);
		if (status)
			s->status = status;
		while (*words)
			words++;
		words++;
	}
	s->ms[s->runs] = now_ms() - start;
	s->spent += s->ms[s->runs++];
	setenv("LABEL", s->label, 1);
	if (*after && system(after) != 0)
		s->status = 125;
}

static char *read_line(void)
{
	char *line = NULL;
	size_t size = 0;

	if (getline(&line, &size, stdin) < 0)
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static int read_subjects(struct subject *subjects)
{
	char *label, *command;
	int n;

	for (n = 0; n < MAX_SUBJECTS && (label = read_line()); n++) {
		subjects[n].label = label;
		subjects[n].prepare = read_line();
		command = read_line();
		if (!command)
			return 0;
		split(&subjects[n], command);
	}
	return n;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static struct subject subjects[MAX_SUBJECTS];
	const char *after = "";
	double budget = 1500;
	int max = 15, i, n, again, option;

	while ((option = getopt(argc, argv, "n:b:a:")) != -1) {
		if (option == 'n')
			max = atoi(optarg);
		else if (option == 'b')
			budget = atof(optarg);
		else if (option == 'a')
			after = optarg;
		else
			return 2;
	}
	n = read_subjects(subjects);
	if (!n || max < 1 || max > MAX_RUNS)
		return 2;
	do {
		again = 0;
		for (i = 0; i < n; i++) {
			struct subject *s = &subjects[i];

			if (s->runs == max || s->spent > budget * (s->runs < 3 ? 2 : 1))
				continue;
			run(s, after);
			again = 1;
		}
	} while (again);
	for (i = 0; i < n; i++) {
		struct subject *s = &subjects[i];

		qsort(s->ms, (size_t)s->runs, sizeof(*s->ms), compare);
		printf("%s %.3f %.3f %ld %d %d\n", s->label, s->ms[s->runs / 2], s->ms[0],
		       s->rss_kib, s->runs, s->status);
	}
	return 0;
}
