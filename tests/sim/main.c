/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vgpusim: the /sys of a vGPU host, simulated. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim.h"

#ifndef VGPUSIM_HOSTS_DIR
#define VGPUSIM_HOSTS_DIR "tests/sim/hosts"
#endif

#define CONTROL "sys/.vgpusim/control"

struct options {
	bool foreground, smi;
	const char *hosts;
	unsigned vfs, gpus, latency_ms;
	char **command; /* NULL: none */
};

/* AddressSanitizer looks at what writev() was given once more after it has returned. By
 * then the reader has had libfuse's reply, and may have closed the file and so freed it.
 */
const char *__asan_default_suppressions(void);
const char *__asan_default_suppressions(void)
{
	return "interceptor_via_lib:libfuse3\n";
}

static void usage(FILE *f)
{
	fputs("Usage: vgpusim [OPTIONS] HOSTFILE DIR           mount at DIR/sys\n"
	      "       vgpusim [OPTIONS] HOSTFILE DIR -- CMD    ... only while CMD runs\n"
	      "       vgpusim ctl DIR COMMAND [ARG…]           steer a running "
	      "simulation\n"
	      "       vgpusim stop DIR                         end it\n"
	      "  -f, --foreground   do not become a daemon\n"
	      "  --hosts DIR        where host files are looked up by name\n"
	      "  --vfs N            VFs per GPU\n"
	      "  --gpus N           number of GPUs, up to 128\n"
	      "  --latency MS       time that a create takes\n"
	      "  --nvidia-smi       there is an nvidia-smi, whatever the host file "
	      "says\n",
	      f);
}

/* --- the directory --- */

/* Absolute and private: "/" holds the real host. */
static bool use_dir(struct sim *sim, const char *path, bool *made)
{
	struct stat dir, top;

	*made = mkdir(path, 0755) == 0;
	sim->dir = realpath(path, NULL);
	sim->dir_fd = sim->dir ? open(sim->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (sim->dir_fd < 0 || fstat(sim->dir_fd, &dir) < 0 || stat("/", &top) < 0) {
		fprintf(stderr, "vgpusim: %s: %s\n", path, strerror(errno));
		return false;
	}
	if (dir.st_dev == top.st_dev && dir.st_ino == top.st_ino) {
		fprintf(stderr, "vgpusim: %s is the root directory\n", path);
		return false;
	}
	return true;
}

/* A server has DIR locked until the last of it is gone. False after 10 s. */
static bool lock_dir(const struct sim *sim)
{
	int i;

	for (i = 0; i < 2000; i++) {
		if (flock(sim->dir_fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		usleep(5000);
	}
	return false;
}

/* Takes a mount away that no server answers for any more. */
static void unmount_stale(const char *dir)
{
	char path[PATH_MAX];
	pid_t pid;
	int fd;

	put(path, sizeof(path), "%s/" CONTROL, dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 || (errno != ENOTCONN && errno != ECONNABORTED))
		return;
	put(path, sizeof(path), "%s/sys", dir);
	if (umount2(path, MNT_DETACH) == 0)
		return;
	pid = fork();
	if (!pid) {
		execlp("fusermount3", "fusermount3", "-u", "-z", path, (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* Makes DIR ours, waiting for a server that is just going away. */
static bool take_dir(struct sim *sim, const char *path, bool *made)
{
	struct stat st;

	for (;;) {
		if (!use_dir(sim, path, made))
			return false;
		unmount_stale(sim->dir);
		if (fstatat(sim->dir_fd, CONTROL, &st, 0) == 0 || !lock_dir(sim)) {
			fprintf(stderr, "vgpusim: %s: a simulation is running\n",
				sim->dir);
			return false;
		}
		if (fstat(sim->dir_fd, &st) == 0 && st.st_nlink)
			return true;
		close(sim->dir_fd); /* the other one had made it, and removed it */
		free(sim->dir);
	}
}

static void clean(struct sim *sim)
{
	disk_clean(sim->dir_fd);
	unlinkat(sim->dir_fd, "sys", AT_REMOVEDIR);
}

/* --- talking to a running simulation --- */

/* Sends LINE, prints the answer unless QUIET. 0, 1 or, if nobody is there, -1. */
static int converse(const char *dir, const char *line, bool quiet)
{
	char path[PATH_MAX], buf[65536];
	bool ok = false, first = true;
	off_t off = 0;
	ssize_t n;
	int fd;

	put(path, sizeof(path), "%s/" CONTROL, dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (write(fd, line, strlen(line)) < 0) {
		close(fd);
		return -1;
	}
	while ((n = pread(fd, buf, sizeof(buf), off)) > 0) {
		const char *p = buf;

		off += n;
		if (first) {
			ok = buf[0] == 'o';
			p = memchr(buf, '\n', (size_t)n);
			p = p ? p + 1 : buf + n;
			first = false;
			if (!ok)
				fputs("vgpusim: ", stderr);
		}
		if (!quiet)
			fwrite(p, 1, (size_t)(buf + n - p), ok ? stdout : stderr);
	}
	close(fd);
	return ok ? 0 : 1;
}

/* The words in quotes, so that they arrive as they are. */
static char *quote(char **words)
{
	struct reply line = { 0 };
	const char *c;

	for (; *words; words++) {
		reply_add(&line, "%s\"", line.len ? " " : "");
		for (c = *words; *c; c++)
			reply_add(&line, *c == '"' ? "\\%c" : "%c", *c);
		reply_add(&line, "\"");
	}
	return line.buf;
}

static int main_ctl(char **argv)
{
	char *line;
	int r;

	if (!argv[0] || !argv[1]) {
		usage(stderr);
		return 2;
	}
	line = quote(argv + 1);
	r = converse(argv[0], line, false);
	free(line);
	if (r < 0)
		fprintf(stderr, "vgpusim: no simulation at %s: %s\n", argv[0],
			strerror(errno));
	return r != 0;
}

/* A mount that is being taken down may answer anything but ENOENT. */
static bool is_mounted(const struct sim *sim)
{
	struct stat st;

	return fstatat(sim->dir_fd, "sys", &st, 0) == 0 || errno != ENOENT;
}

static int main_stop(char **argv)
{
	struct sim sim = { 0 };
	struct stat st;
	bool made;
	int r;

	if (!argv[0] || argv[1]) {
		usage(stderr);
		return 2;
	}
	if (stat(argv[0], &st) < 0 && errno == ENOENT)
		return 0;
	if (!use_dir(&sim, argv[0], &made))
		return 1;
	r = converse(sim.dir, "stop", true);
	if (r < 0)
		unmount_stale(sim.dir);
	if (lock_dir(&sim) && r < 0)
		clean(&sim);
	r = is_mounted(&sim);
	if (r)
		fprintf(stderr, "vgpusim: %s/sys is still there\n", sim.dir);
	close(sim.dir_fd);
	free(sim.dir);
	return r;
}

/* --- serving --- */

/* Lets go of the caller's terminal and pipes, then tells that all is set. */
static void announce(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0 && !getenv("VGPUSIM_STDERR")) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		close(null);
	}
	if (write(fd, "", 1) != 1)
		_exit(1);
	close(fd);
}

/* Forgets SIM without touching what its server has on disk. */
static void discard(struct sim *sim)
{
	sim_free(sim);
	if (sim->dir_fd >= 0)
		close(sim->dir_fd);
	free(sim->dir);
}

static int serve(struct sim *sim, bool made, void (*mounted)(int), int arg)
{
	int r = 1;

	mkdirat(sim->dir_fd, "sys", 0755);
	if (disk_start(sim))
		r = fs_serve(sim, mounted, arg);
	else
		perror("vgpusim: files below DIR");
	clean(sim);
	if (made)
		rmdir(sim->dir);
	discard(sim);
	return r;
}

/* A server in the background; returns its process once the mount answers. */
static pid_t start(struct sim *sim, bool made, bool attached)
{
	char path[PATH_MAX], byte;
	struct stat st;
	int ready[2];
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		perror("vgpusim");
		return -1;
	}
	if (!pid) {
		close(ready[0]);
		setsid();
		if (attached)
			prctl(PR_SET_PDEATHSIG, SIGTERM);
		exit(serve(sim, made, announce, ready[1]));
	}
	close(ready[1]);
	put(path, sizeof(path), "%s/sys/bus", sim->dir);
	discard(sim);
	if (read(ready[0], &byte, 1) != 1 || stat(path, &st) < 0) {
		waitpid(pid, NULL, 0);
		pid = -1;
	}
	close(ready[0]);
	return pid;
}

static volatile sig_atomic_t command_pid;

static void forward(int sig)
{
	if (command_pid > 0)
		kill((pid_t)command_pid, sig);
}

/* Runs the command and returns its exit status, the shell's way for signals. */
static int run(char **command)
{
	struct sigaction act = { .sa_handler = forward };
	int status = 0;
	pid_t pid;

	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGTERM); /* never without its host */
		execvp(command[0], command);
		fprintf(stderr, "vgpusim: %s: %s\n", command[0], strerror(errno));
		_exit(errno == ENOENT ? 127 : 126);
	}
	command_pid = pid;
	signal(SIGINT, SIG_IGN); /* the terminal sends it to the command as well */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int serve_while(struct sim *sim, bool made, char **command)
{
	pid_t server = start(sim, made, true);
	int r;

	if (server < 0)
		return 125;
	r = run(command);
	kill(server, SIGTERM);
	while (waitpid(server, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}

/* A name without a slash is a file NAME.host of the hosts directory. */
static bool find_host(const struct options *o, const char *name, char *path)
{
	const char *dir = o->hosts ? o->hosts : getenv("VGPUSIM_HOSTS");

	if (!strchr(name, '/')) {
		put(path, PATH_MAX, "%s/%s.host", dir ? dir : VGPUSIM_HOSTS_DIR, name);
		if (access(path, R_OK) == 0)
			return true;
	}
	put(path, PATH_MAX, "%s", name);
	if (access(path, R_OK) == 0)
		return true;
	fprintf(stderr, "vgpusim: no host %s\n", name);
	return false;
}

static int main_serve(const struct options *o, const char *host, const char *dir)
{
	struct sim sim = { .dir_fd = -1 };
	char path[PATH_MAX];
	bool made;

	if (!find_host(o, host, path) || !hostfile_load(&sim, path))
		return 125;
	hostfile_resize(&sim, o->gpus, o->vfs);
	sim_init(&sim);
	sim.latency_ms = o->latency_ms;
	sim.has_smi |= o->smi;
	if (!take_dir(&sim, dir, &made)) {
		discard(&sim);
		return 125;
	}
	clean(&sim);
	if (o->command)
		return serve_while(&sim, made, o->command);
	if (o->foreground)
		return serve(&sim, made, NULL, 0);
	return start(&sim, made, false) < 0;
}

static bool number(const char *name, const char *text, unsigned *ret)
{
	uint64_t n;

	if (!number_parse(text, 10, &n) || n > 1 << 30) {
		fprintf(stderr, "vgpusim: --%s %s: no such number\n", name, text);
		return false;
	}
	*ret = (unsigned)n;
	return true;
}

/* Options, up to the first operand or "--". Returns its index, or -1. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {
		{ "foreground", no_argument, NULL, 'f' },
		{ "hosts", required_argument, NULL, 'H' },
		{ "vfs", required_argument, NULL, 'v' },
		{ "gpus", required_argument, NULL, 'g' },
		{ "latency", required_argument, NULL, 'l' },
		{ "nvidia-smi", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool ok = true;
	int c;

	while (ok && (c = getopt_long(argc, argv, "+fh", names, NULL)) != -1) {
		if (c == 'f')
			o->foreground = true;
		else if (c == 's')
			o->smi = true;
		else if (c == 'H')
			o->hosts = optarg;
		else if (c == 'v')
			ok = number("vfs", optarg, &o->vfs);
		else if (c == 'g')
			ok = number("gpus", optarg, &o->gpus);
		else if (c == 'l')
			ok = number("latency", optarg, &o->latency_ms);
		else if (c == 'h') {
			usage(stdout);
			exit(0);
		} else
			ok = false;
	}
	return ok ? optind : -1;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	int i;

	if (argc > 1 && !strcmp(argv[1], "ctl"))
		return main_ctl(argv + 2);
	if (argc > 1 && !strcmp(argv[1], "stop"))
		return main_stop(argv + 2);
	i = parse(argc, argv, &o);
	if (i < 0)
		return 2;
	if (argc - i > 3 && !strcmp(argv[i + 2], "--"))
		o.command = argv + i + 3;
	else if (argc - i != 2) {
		usage(stderr);
		return 2;
	}
	return main_serve(&o, argv[i], argv[i + 1]);
}
