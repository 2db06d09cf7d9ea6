/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/fake.h"
#include "lib/tree.h"
#include "util/clock.h"
#include "util/lock.h"

#define SOON 20 /* s: a deadline that is not to pass */

/* A root in which plain files stand for sysfs. Where one should hang, it is a FIFO:
 * opening it to write waits until somebody opens it to read. */
struct bench {
	struct tree *tree;
	struct jobs *jobs;
	char fifos[8][PATH_MAX];
	int fifo_fds[8];
	size_t n_fifos;
};

static int bench_setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	void *tree;

	if (!bench || tree_setup(&tree) < 0)
		return -1;
	bench->tree = tree;
	*state = bench;
	return 0;
}

/* Lets go of whoever hangs on FIFO number I. */
static void release(struct bench *bench, size_t i)
{
	if (bench->fifo_fds[i] < 0)
		bench->fifo_fds[i] = open(bench->fifos[i], O_RDWR | O_CLOEXEC);
}

static int bench_teardown(void **state)
{
	struct bench *bench = *state;
	void *tree = bench->tree;
	size_t i;

	jobs_free(bench->jobs);
	for (i = 0; i < bench->n_fifos; i++)
		release(bench, i);
	clock_sleep_ms(20);
	for (i = 0; i < bench->n_fifos; i++)
		(void)close(bench->fifo_fds[i]);
	free(bench);
	return tree_teardown(&tree);
}

static void start(struct bench *bench)
{
	static const struct sriov_tool tool = { "/", "usr/lib/nvidia/sriov-manage" };
	struct error err;

	if (jobs_start(bench->tree->fd, &tool, &bench->jobs, &err) < 0)
		fail_msg("%s", err.message);
}

static void vf_path(char path[PATH_MAX], int vf, const char *rest)
{
	struct bdf bdf = fake_bdf(0, vf);
	char name[BDF_SIZE];

	(void)snprintf(path, PATH_MAX, "sys/bus/pci/devices/%s/%s",
		       bdf_format(&bdf, name), rest);
}

static void vf_file(struct bench *bench, int vf, const char *rest, const char *text)
{
	char path[PATH_MAX];

	vf_path(path, vf, rest);
	host_tree_text(bench->tree->root, path, text);
}

/* A VF that offers two types of one size. */
static void add_vf(struct bench *bench, int vf)
{
	vf_file(bench, vf, "mdev_supported_types/nvidia-560/name", "NVIDIA A40-4Q\n");
	vf_file(bench, vf, "mdev_supported_types/nvidia-560/create", "");
	vf_file(bench, vf, "mdev_supported_types/nvidia-560/available_instances", "1\n");
	vf_file(bench, vf, "mdev_supported_types/nvidia-569/name", "NVIDIA A40-4A\n");
	vf_file(bench, vf, "mdev_supported_types/nvidia-569/create", "");
	vf_file(bench, vf, "mdev_supported_types/nvidia-569/available_instances", "0\n");
}

/* vGPU N as the kernel shows it once it is made. */
static void add_device(struct bench *bench, uint32_t n, int vf, unsigned type)
{
	char path[PATH_MAX], rest[256], target[256], uuid[UUID_SIZE], name[BDF_SIZE];
	struct bdf bdf = fake_bdf(0, vf);

	(void)fake_uuid(n, uuid);
	(void)snprintf(path, sizeof(path), "sys/bus/mdev/devices/%s", uuid);
	(void)snprintf(target, sizeof(target), "../../pci/devices/%s/%s",
		       bdf_format(&bdf, name), uuid);
	host_tree_link(bench->tree->root, path, target);
	(void)snprintf(rest, sizeof(rest), "%s/mdev_type", uuid);
	(void)snprintf(target, sizeof(target), "../mdev_supported_types/nvidia-%u", type);
	vf_path(path, vf, rest);
	host_tree_link(bench->tree->root, path, target);
	(void)snprintf(rest, sizeof(rest), "mdev_supported_types/nvidia-%u/devices/%s",
		       type, uuid);
	(void)snprintf(target, sizeof(target), "../../../%s", uuid);
	vf_path(path, vf, rest);
	host_tree_link(bench->tree->root, path, target);
}

/* Makes the VF's `create` of A40-4Q hang; returns the FIFO's number. */
static size_t make_hang(struct bench *bench, int vf)
{
	char path[PATH_MAX], *fifo = bench->fifos[bench->n_fifos];

	vf_path(path, vf, "mdev_supported_types/nvidia-560/create");
	if (snprintf(fifo, PATH_MAX, "%s/%s", bench->tree->root, path) >= PATH_MAX ||
	    unlink(fifo) < 0 || mkfifo(fifo, 0600) < 0)
		fail_msg("mkfifo %s", fifo);
	bench->fifo_fds[bench->n_fifos] = -1;
	return bench->n_fifos++;
}

static struct job make_job(uint32_t n, uint32_t lane, int vf, const char *profile,
			   uint32_t timeout_s)
{
	const struct vgpu_type *type = fake_type(profile);
	struct job job = {
		.kind = JOB_MAKE, .lane = lane, .tag = n, .timeout_s = timeout_s
	};

	job.make.id = (struct vgpu_id){ .framework = FRAMEWORK_MDEV,
					.parent = fake_bdf(0, vf),
					.type_id = type->id };
	(void)fake_uuid(n, job.make.id.uuid);
	(void)snprintf(job.make.type_name, sizeof(job.make.type_name), "%s", type->name);
	return job;
}

static void add(struct bench *bench, struct job job, int hold_fd)
{
	struct error err;

	if (jobs_add(bench->jobs, &job, hold_fd, &err) < 0)
		fail_msg("%s", err.message);
}

static struct job_result next(struct bench *bench)
{
	struct job_result result;
	struct error err;
	int r = jobs_next(bench->jobs, SOON * 1000, &result, &err);

	if (r != 1)
		fail_msg("no result: %d", r);
	return result;
}

static void a_device_that_is_there_as_asked_for_is_success(void **state)
{
	struct bench *bench = *state;
	struct job_result result;
	struct error err;

	start(bench);
	add_vf(bench, 0);
	add_device(bench, 1, 0, 560);
	add(bench, make_job(1, 0, 0, "A40-4Q", SOON), -1);
	assert_int_equal(jobs_pending(bench->jobs), 1);
	result = next(bench);
	if (result.r)
		fail_msg("%s", result.err.message);
	assert_int_equal(result.tag, 1);
	assert_false(result.hanging);
	assert_true(result.made.present);
	assert_false(result.made.absent);
	assert_string_equal(result.made.type_dir, "nvidia-560");
	assert_int_equal(jobs_pending(bench->jobs), 0);
	assert_int_equal(jobs_next(bench->jobs, -1, &result, &err), 0);
}

static void a_write_that_was_accepted_and_did_nothing_is_a_failure(void **state)
{
	struct bench *bench = *state;
	struct job_result result;

	start(bench);
	add_vf(bench, 0);
	add(bench, make_job(1, 0, 0, "A40-4Q", SOON), -1);
	result = next(bench);
	assert_int_equal(result.r, -EIO);
	assert_false(result.made.present);
	assert_true(result.made.absent);
	assert_contains(result.err.message, "00000000-0000-0000-0000-000000000001");
}

static void what_goes_wrong_comes_back_with_its_words(void **state)
{
	struct bench *bench = *state;
	struct job ask = make_job(2, 0, 0, "A40-4A", SOON), removal = {
		.kind = JOB_REMOVE, .lane = 1, .tag = 4, .timeout_s = SOON
	};
	struct job_result result;

	start(bench);
	add_vf(bench, 0);
	add_device(bench, 4, 0, 560);
	add(bench, make_job(1, 0, 7, "A40-4Q", SOON), -1); /* no such VF */
	result = next(bench);
	assert_int_equal(result.r, -ENOENT);
	assert_contains(result.err.message, "0000:10:01.3");
	ask.make.ask_driver = true;
	add(bench, ask, -1);
	result = next(bench);
	assert_int_equal(result.err.kind, ERROR_CAPACITY);
	assert_contains(result.err.message, "nvidia-569/available_instances is 0");
	add(bench, make_job(3, 2, 0, "A40-1Q", SOON), -1); /* not offered */
	result = next(bench);
	assert_int_equal(result.err.kind, ERROR_NOT_FOUND);
	assert_contains(result.err.message, "NVIDIA A40-1Q");
	removal.remove.framework = FRAMEWORK_MDEV;
	(void)fake_uuid(4, removal.remove.uuid);
	removal.remove.parent = fake_bdf(0, 0);
	add(bench, removal, -1); /* there is no `remove`: one hangs already */
	result = next(bench);
	assert_true(result.r < 0);
	assert_contains(result.err.message, "stuck");
	(void)fake_uuid(5, removal.remove.uuid);
	add(bench, removal, -1);
	result = next(bench);
	assert_int_equal(result.r, 0); /* gone already */
}

static void each_job_of_a_lane_makes_its_own_type(void **state)
{
	struct bench *bench = *state;
	struct job_result result;

	start(bench);
	add_vf(bench, 0);
	add_vf(bench, 1);
	add_device(bench, 1, 0, 560);
	add_device(bench, 2, 1, 569);
	add(bench, make_job(1, 0, 0, "A40-4Q", SOON), -1);
	add(bench, make_job(2, 0, 1, "A40-4A", SOON), -1);
	result = next(bench);
	assert_string_equal(result.made.type_dir, "nvidia-560");
	result = next(bench);
	assert_string_equal(result.made.type_dir, "nvidia-569");
	assert_true(result.made.present);
}

static void a_lane_that_hangs_keeps_no_other_from_its_work(void **state)
{
	struct bench *bench = *state;
	struct job_result result;
	struct error err;
	size_t fifo;

	start(bench);
	add_vf(bench, 0);
	add_vf(bench, 1);
	add_device(bench, 1, 0, 560);
	add_device(bench, 2, 1, 560);
	fifo = make_hang(bench, 0);
	add(bench, make_job(1, 0, 0, "A40-4Q", SOON), -1);
	add(bench, make_job(2, 1, 1, "A40-4Q", SOON), -1);
	result = next(bench);
	assert_int_equal(result.tag, 2);
	add(bench, make_job(2, 1, 1, "A40-4Q", SOON), -1); /* it takes more */
	assert_int_equal(next(bench).r, 0);
	assert_int_equal(jobs_next(bench->jobs, 50, &result, &err), 0);
	assert_int_equal(jobs_pending(bench->jobs), 1);
	release(bench, fifo);
	result = next(bench);
	assert_int_equal(result.tag, 1);
	assert_int_equal(result.r, 0);
}

static void jobs_of_one_lane_are_done_in_turn(void **state)
{
	struct bench *bench = *state;
	uint64_t last[2] = { 0, 0 };
	uint32_t n;

	start(bench);
	add_vf(bench, 0);
	for (n = 0; n < 40; n++)
		add(bench, make_job(100 + n, n % 2, 0, "A40-4Q", SOON), -1);
	for (n = 0; n < 40; n++) {
		struct job_result result = next(bench);

		assert_true(result.tag > last[result.tag % 2]);
		last[result.tag % 2] = result.tag;
	}
	assert_int_equal(jobs_pending(bench->jobs), 0);
}

static void past_its_deadline_a_job_is_given_up_and_its_lane_with_it(void **state)
{
	struct bench *bench = *state;
	struct job_result result;
	struct error err;
	int64_t before;
	char path[PATH_MAX];
	struct stat st;
	int i;

	start(bench);
	for (i = 0; i < 3; i++) {
		add_vf(bench, i);
		add_device(bench, 1 + (uint32_t)i, i, 560);
	}
	(void)make_hang(bench, 0);
	add(bench, make_job(1, 0, 0, "A40-4Q", 1), -1);
	add(bench, make_job(2, 0, 1, "A40-4Q", 1), -1);
	before = clock_monotonic_ms();
	result = next(bench);
	assert_true(clock_monotonic_ms() - before >= 990);
	assert_int_equal(result.tag, 1);
	assert_int_equal(result.r, -ETIMEDOUT);
	assert_true(result.hanging);
	assert_int_equal(result.err.kind, ERROR_TIMEOUT);
	before = clock_monotonic_ms();
	result = next(bench);
	assert_int_equal(result.tag, 2);
	assert_int_equal(result.r, -ETIMEDOUT);
	assert_false(result.hanging);
	assert_contains(result.err.message, "not tried");
	add(bench, make_job(3, 0, 2, "A40-4Q", 1), -1); /* added too late */
	result = next(bench);
	assert_int_equal(result.tag, 3);
	assert_contains(result.err.message, "not tried");
	assert_true(clock_monotonic_ms() - before < 500);
	release(bench, 0);
	/* what comes back after all belongs to nobody, and nothing else was begun */
	assert_int_equal(jobs_next(bench->jobs, 300, &result, &err), 0);
	for (i = 1; i < 3; i++) {
		char whole[2 * PATH_MAX];

		vf_path(path, i, "mdev_supported_types/nvidia-560/create");
		(void)snprintf(whole, sizeof(whole), "%s/%s", bench->tree->root, path);
		assert_int_equal(stat(whole, &st), 0);
		assert_int_equal(st.st_size, 0);
	}
}

static void a_lock_is_held_while_the_job_runs_and_let_go_when_it_is_done(void **state)
{
	struct bench *bench = *state;
	struct error err;
	int lock_fd, look_fd;
	size_t fifo;

	start(bench);
	add_vf(bench, 0);
	fifo = make_hang(bench, 0);
	lock_fd = lock_open(bench->tree->fd, "lock", &err);
	look_fd = lock_peek(bench->tree->fd, ".", "lock");
	assert_int_equal(lock_take(lock_fd, 5, 0, &err), 0);
	add(bench, make_job(1, 0, 0, "A40-4Q", SOON), lock_fd);
	assert_int_equal(
		jobs_next(bench->jobs, 100, &(struct job_result){ .r = 0 }, &err), 0);
	(void)close(lock_fd); /* sooner than is allowed; the child has its own */
	assert_true(lock_is_held(look_fd, 5));
	release(bench, fifo);
	(void)next(bench);
	assert_false(lock_is_held(look_fd, 5));
	(void)close(look_fd);
}

/* In a process of its own: starts a job that hangs and gives it a lock; dies at once. */
static void begin_and_die(struct bench *bench)
{
	struct job_result result;
	struct error err;
	int fd = lock_open(bench->tree->fd, "lock", &err);

	if (fd < 0 || lock_take(fd, 5, 0, &err) < 0)
		_exit(1);
	start(bench);
	add(bench, make_job(1, 0, 0, "A40-4Q", SOON), fd);
	_exit(jobs_next(bench->jobs, 200, &result, &err) == 0 ? 0 : 2);
}

static void a_lock_outlives_its_taker_for_as_long_as_the_write_hangs(void **state)
{
	struct bench *bench = *state;
	int i, status, look_fd;
	size_t fifo;
	pid_t pid;

	add_vf(bench, 0);
	fifo = make_hang(bench, 0);
	pid = fork();
	if (pid == 0)
		begin_and_die(bench);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	look_fd = lock_peek(bench->tree->fd, ".", "lock");
	clock_sleep_ms(100);
	assert_true(lock_is_held(look_fd, 5));
	release(bench, fifo);
	for (i = 0; lock_is_held(look_fd, 5) && i < 500; i++)
		clock_sleep_ms(10);
	assert_false(lock_is_held(look_fd, 5));
	(void)close(look_fd);
}

static void a_child_that_hangs_keeps_no_pipe_of_its_caller_open(void **state)
{
	struct bench *bench = *state;
	int fds[2][2], i, status;
	pid_t pid;

	add_vf(bench, 0);
	(void)make_hang(bench, 0);
	assert_int_equal(pipe(fds[0]), 0);
	assert_int_equal(pipe(fds[1]), 0);
	pid = fork();
	if (pid == 0) {
		/* stdout and stderr as a shell gives them, and one it does not know of */
		if (dup2(fds[0][1], 1) < 0 || dup2(fds[0][1], 2) < 0 ||
		    fcntl(fds[1][1], F_DUPFD, 100) < 0)
			_exit(1);
		begin_and_die(bench);
	}
	for (i = 0; i < 2; i++) {
		struct pollfd p = { .fd = fds[i][0], .events = POLLIN };
		char byte;

		(void)close(fds[i][1]);
		assert_int_equal(poll(&p, 1, 5000), 1);
		assert_int_equal(read(fds[i][0], &byte, 1), 0);
		(void)close(fds[i][0]);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void with_its_children_lost_a_job_fails_instead_of_waiting(void **state)
{
	struct bench *bench = *state;
	char path[64], text[64] = "";
	struct job_result result;
	int broker, r;
	struct error err;
	FILE *children;

	start(bench);
	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	children = fopen(path, "r");
	if (!children)
		skip(); /* a kernel without CONFIG_PROC_CHILDREN */
	assert_non_null(fgets(text, sizeof(text), children));
	(void)fclose(children);
	assert_int_equal(sscanf(text, "%d", &broker), 1);
	assert_int_equal(kill(broker, SIGKILL), 0);
	assert_int_equal(waitpid(broker, NULL, 0), broker);
	add_vf(bench, 0);
	add(bench, make_job(1, 0, 0, "A40-4Q", SOON), -1);
	r = jobs_next(bench->jobs, -1, &result, &err);
	if (r == 1)
		assert_int_equal(result.r, -EPIPE);
	else
		assert_int_equal(r, -EPIPE);
}

#define on_bench(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_bench(with_its_children_lost_a_job_fails_instead_of_waiting),
		on_bench(a_device_that_is_there_as_asked_for_is_success),
		on_bench(a_write_that_was_accepted_and_did_nothing_is_a_failure),
		on_bench(what_goes_wrong_comes_back_with_its_words),
		on_bench(each_job_of_a_lane_makes_its_own_type),
		on_bench(a_lane_that_hangs_keeps_no_other_from_its_work),
		on_bench(jobs_of_one_lane_are_done_in_turn),
		on_bench(past_its_deadline_a_job_is_given_up_and_its_lane_with_it),
		on_bench(a_lock_is_held_while_the_job_runs_and_let_go_when_it_is_done),
		on_bench(a_lock_outlives_its_taker_for_as_long_as_the_write_hangs),
		on_bench(a_child_that_hangs_keeps_no_pipe_of_its_caller_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
