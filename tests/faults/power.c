/* SPDX-License-Identifier: GPL-2.0-or-later */
/* power MODE [WORKER WORKERS]: the power goes after each single operation that the store
 * asks of the disk; what may be on the disk then is opened as a command opens it.
 * What must hold: it opens, nothing in it is damaged, each transaction is there as a
 * whole or not at all, and each that was acknowledged is there. It must hold also where
 * the power goes again while the store is being repaired. Prints "violation: ..." lines,
 * and at last "POINTS VIOLATIONS WORDS". */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "power_disk.h"
#include "power_log.h"
#include "power_work.h"
#include "util/cleanup.h"

DEFINE_CLEANUP(struct store *, store_close)

#define STORE_DIR "var/lib/vgpumgr"
#define STORE_FILE STORE_DIR "/state.db"

/* How many points are tried. */
static const struct effort {
	const char *mode;
	size_t stride;	  /* every so manyth operation */
	uint64_t numbers; /* all ends of a cut, where there are no more than that */
	uint64_t random;  /* this many random ends of each */
	size_t again;	  /* every so manyth repair is cut again */
} efforts[] = {
	{ "sample", 23, 4, 2, 40 },
	{ "default", 1, 16, 6, 15 },
	{ "full", 1, 1024, 40, 10 },
};

struct site {
	char root[PATH_MAX];
	char dir[sizeof(STORE_DIR)];
	char file[PATH_MAX];
	struct store_place place;
};

struct run {
	const struct effort *effort;
	struct site site;
	struct power_log *log;
	struct power_models models;
	size_t points, violations, repairs, again;
};

/* Where a cut is, for messages, and what it may leave. */
struct point {
	const struct power_log *log;
	size_t cut;
	const char *what;
	struct power_picker picker;
	unsigned must, may; /* the last acknowledged, the last tried transaction */
};

static void site_open(struct site *site)
{
	const char *tmp = getenv("TMPDIR");
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/power.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(path) || !realpath(path, site->root))
		power_die(path);
	strcpy(site->dir, STORE_DIR);
	if (snprintf(site->file, sizeof(site->file), "%s/%s", site->root, STORE_FILE) >=
	    (int)sizeof(site->file))
		power_die(site->root);
	site->place = (struct store_place){ .root = site->root,
					    .dir = site->dir,
					    .file = site->file };
	site->place.root_fd = open(site->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (site->place.root_fd < 0)
		power_die(site->root);
}

static void remove_all(const struct site *site, const struct power_log *log)
{
	size_t i;

	for (i = log->n_names; i-- > 0;)
		if (unlinkat(site->place.root_fd, log->names[i], 0) < 0 &&
		    errno == EISDIR &&
		    unlinkat(site->place.root_fd, log->names[i], AT_REMOVEDIR) < 0)
			power_die(log->names[i]);
}

static void site_close(struct site *site, const struct power_log *log)
{
	remove_all(site, log);
	close_fd(site->place.root_fd);
	if (rmdir(site->root) < 0)
		power_die(site->root);
}

static void lay_out(const struct site *site, const struct power_log *log,
		    const struct power_image *image)
{
	size_t i;

	for (i = 0; i < image->n; i++) {
		const struct power_found *f = &image->found[i];
		int fd;

		if (f->there && f->is_directory &&
		    mkdirat(site->place.root_fd, log->names[i], 0700) < 0)
			power_die(log->names[i]);
		if (!f->there || f->is_directory)
			continue;
		fd = openat(site->place.root_fd, log->names[i],
			    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0 || write(fd, f->data, f->size) != (ssize_t)f->size)
			power_die(log->names[i]);
		close_fd(fd);
	}
}

/* What the names hold now. */
static void take_image(const struct site *site, const struct power_log *log,
		       struct power_image *ret)
{
	size_t i;

	ret->n = log->n_names;
	ret->found = power_alloc(NULL, ret->n * sizeof(*ret->found));
	for (i = 0; i < ret->n; i++) {
		struct power_found *f = &ret->found[i];
		struct stat st;
		int fd;

		*f = (struct power_found){ .there = false };
		if (fstatat(site->place.root_fd, log->names[i], &st, 0) < 0)
			continue;
		f->there = true;
		f->is_directory = S_ISDIR(st.st_mode);
		if (f->is_directory)
			continue;
		f->size = (size_t)st.st_size;
		f->data = power_alloc(NULL, f->size);
		fd = openat(site->place.root_fd, log->names[i], O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, f->data, f->size) != (ssize_t)f->size)
			power_die(log->names[i]);
		close_fd(fd);
	}
}

static void violation(struct run *run, const struct point *p, const char *why)
{
	static const char *const ends[] = { "all written", "synced only", "end number",
					    "random end" };
	char words[256] = "anything";

	if (p->cut)
		(void)power_op_words(p->log, &p->log->ops[p->cut - 1], words,
				     sizeof(words));
	if (run->violations++ < 40)
		printf("violation: %s after operation %zu of %zu, %s; %s %" PRIu64
		       "; acknowledged %u, tried %u: %s\n",
		       p->what, p->cut, p->log->n_ops, words, ends[p->picker.how],
		       p->picker.number, p->must, p->may, why);
}

/* Where there is no store yet, one can be made. */
static bool can_be_made(const struct site *site, char *why, size_t size)
{
	_cleanup_(store_closep) struct store *store = NULL;
	struct error err = { .message = "" };
	struct power_model model;

	if (store_open(&site->place, STORE_CREATE, 0, &store, &err) < 0) {
		(void)snprintf(why, size, "it cannot be made: %s", err.message);
		return false;
	}
	return power_model_read(store, &model, why, size);
}

static void judge(const struct run *run, const struct point *p,
		  const struct power_model *got, char *why, size_t size)
{
	const struct power_model *models = run->models.models;
	unsigned i;

	for (i = run->models.n; i-- > 1;)
		if (models[i].tables == got->tables)
			break;
	if (!i)
		(void)snprintf(why, size, "it holds what no transaction has left");
	else if (i < p->must)
		(void)snprintf(why, size, "transaction %u is lost", i + 1);
	else if (i > p->may)
		(void)snprintf(why, size, "transaction %u is there already", i);
	else if (models[i].loaded != got->loaded)
		(void)snprintf(why, size, "what is loaded is not what is there");
}

/* Opens what the site holds, with which a recording ends; why it is not right, or "". */
static void look(const struct run *run, const struct point *p, enum store_mode mode,
		 char *why, size_t size)
{
	_cleanup_(store_closep) struct store *store = NULL;
	struct error err = { .message = "" };
	struct power_model model;
	int r = store_open(&run->site.place, mode, 0, &store, &err);

	power_log_stop();
	why[0] = '\0';
	if (r == -ENOENT && !p->must)
		(void)can_be_made(&run->site, why, size);
	else if (r == -ENOENT)
		(void)snprintf(why, size, "the store is lost");
	else if (r < 0)
		(void)snprintf(why, size, "it cannot be opened: %s", err.message);
	else if (power_model_read(store, &model, why, size))
		judge(run, p, &model, why, size);
}

static void cut_all(struct run *run, struct point *p, const struct power_disk *disk,
		    const struct effort *effort);

/* A log of what is done to IMAGE, none yet. */
static struct power_log log_of(const struct power_log *old,
			       const struct power_image *image)
{
	struct power_log log = { .n_ops = 0 };
	size_t i;

	for (i = 0; i < image->n; i++) {
		unsigned name = power_log_name(&log, old->names[i]);
		const struct power_found *f = &image->found[i];

		if (f->there)
			log.files[name] =
				f->is_directory ? POWER_DIRECTORY : (int)log.n_files++;
	}
	return log;
}

/* The power goes again, at each operation of a repair of IMAGE. */
static void cut_repair(struct run *run, const struct point *p, struct power_log *log,
		       const struct power_image *image)
{
	static const struct effort once = { "", 1, 2, 2, 0 };
	struct power_disk *disk;
	struct point again = *p;

	disk = power_disk_new(log, image);
	again.log = log;
	again.what = "repair";
	for (again.cut = 1; again.cut <= log->n_ops; again.cut++) {
		power_disk_step(disk, again.cut - 1);
		cut_all(run, &again, disk, &once);
	}
	power_disk_free(disk);
}

/* One end of one cut. */
static void try_image(struct run *run, const struct point *p,
		      const struct power_image *image, const struct effort *effort)
{
	struct power_log log = log_of(p->log, image);
	char why[1200];

	run->points++;
	remove_all(&run->site, p->log);
	lay_out(&run->site, p->log, image);
	if (effort->again)
		power_log_start(&log, run->site.root);
	look(run, p, run->points % 2 ? STORE_WRITE : STORE_READ, why, sizeof(why));
	if (*why)
		violation(run, p, why);
	else if (log.n_ops && run->repairs++ % effort->again == 0) {
		run->again++;
		remove_all(&run->site, &log);
		cut_repair(run, p, &log, image);
	}
	remove_all(&run->site, &log);
	power_log_clear(&log);
}

static void try_end(struct run *run, struct point *p, const struct power_disk *disk,
		    struct power_picker picker, const struct effort *effort)
{
	struct power_image image;

	p->picker = picker;
	power_disk_cut(disk, picker, &image);
	try_image(run, p, &image, effort);
	power_image_clear(&image);
}

static void cut_all(struct run *run, struct point *p, const struct power_disk *disk,
		    const struct effort *effort)
{
	uint64_t ends = power_disk_ends(disk), i;
	struct power_picker picker = { .how = POWER_PICK_ALL };

	try_end(run, p, disk, picker, effort);
	if (ends == 1)
		return; /* all is synced */
	picker.how = POWER_PICK_SYNCED;
	try_end(run, p, disk, picker, effort);
	picker.how = POWER_PICK_NUMBER;
	for (i = 1; ends <= effort->numbers && i + 1 < ends; i++) {
		picker.number = i;
		try_end(run, p, disk, picker, effort);
	}
	picker.how = POWER_PICK_RANDOM;
	for (i = 0; i < effort->random; i++) {
		picker.number = p->cut * 1000 + i;
		try_end(run, p, disk, picker, effort);
	}
}

/* Every cut that is this worker's. */
static void cut_everywhere(struct run *run, size_t worker, size_t workers)
{
	struct power_disk *disk = power_disk_new(run->log, NULL);
	struct point p = { .log = run->log, .what = "cut" };

	for (p.cut = 0; p.cut <= run->log->n_ops; p.cut++) {
		if (p.cut) {
			const struct power_op *op = &run->log->ops[p.cut - 1];

			power_disk_step(disk, p.cut - 1);
			if (op->kind == POWER_TRY)
				p.may = op->number;
			if (op->kind == POWER_ACK)
				p.must = op->number;
		}
		if (p.cut % run->effort->stride == 0 &&
		    p.cut / run->effort->stride % workers == worker)
			cut_all(run, &p, disk, run->effort);
	}
	power_disk_free(disk);
}

/* The log is right only if doing it again gives the files that SQLite has left. */
static void check_log(struct run *run)
{
	struct power_disk *disk = power_disk_new(run->log, NULL);
	struct point p = { .log = run->log, .what = "log", .cut = run->log->n_ops };
	struct power_image wanted, got;
	size_t i;

	for (i = 0; i < run->log->n_ops; i++)
		power_disk_step(disk, i);
	take_image(&run->site, run->log, &wanted);
	power_disk_cut(disk, (struct power_picker){ .how = POWER_PICK_ALL }, &got);
	if (!power_image_equal(&wanted, &got))
		violation(run, &p, "it does not tell all that was done to the files");
	power_image_clear(&wanted);
	power_image_clear(&got);
	power_disk_free(disk);
}

int main(int argc, char **argv)
{
	struct power_log log = { .n_ops = 0 };
	struct run run = { .log = &log };
	size_t i;

	for (i = 0; argc > 1 && i < ARRAY_SIZE(efforts); i++)
		if (!strcmp(argv[1], efforts[i].mode))
			run.effort = &efforts[i];
	if (!run.effort || (argc != 2 && argc != 4)) {
		fprintf(stderr, "usage: power sample|default|full [WORKER WORKERS]\n");
		return 99;
	}
	power_log_init();
	site_open(&run.site);
	power_log_start(&log, run.site.root);
	run.models = power_work(&run.site.place, &log);
	power_log_stop();
	check_log(&run);
	cut_everywhere(&run, argc == 4 ? strtoul(argv[2], NULL, 10) : 0,
		       argc == 4 ? strtoul(argv[3], NULL, 10) : 1);
	printf("%zu %zu %zu operations, %u transactions, %zu repairs cut again\n",
	       run.points, run.violations, log.n_ops, run.models.n - 1, run.again);
	site_close(&run.site, &log);
	power_log_clear(&log);
	free(run.models.models);
	return run.violations > 0;
}
