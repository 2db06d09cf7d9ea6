/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "power_disk.h"

#include <stdlib.h>
#include <string.h>

#define SECTOR 512

struct bytes {
	unsigned char *data;
	size_t size;
};

/* Operations of the log that are not sure to have reached the disk. */
struct pending {
	size_t *ops;
	size_t n;
};

struct power_disk {
	const struct power_log *log;
	struct bytes *files; /* as synced, by number */
	struct pending *writes;
	size_t n_files;
	int *names; /* as synced: file number, POWER_ABSENT or POWER_DIRECTORY */
	struct pending *changes;
	size_t n_names;
};

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15; /* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* One of N possibilities, of which 0 is the least that may have happened. */
static size_t pick(struct power_picker *picker, size_t n)
{
	size_t got;

	switch (picker->how) {
	case POWER_PICK_ALL:
		return n - 1;
	case POWER_PICK_SYNCED:
		return 0;
	case POWER_PICK_RANDOM:
		return (size_t)(next_random(&picker->number) % n);
	case POWER_PICK_NUMBER:
		break;
	}
	got = (size_t)(picker->number % n);
	picker->number /= n;
	return got;
}

static void pending_add(struct pending *p, size_t op)
{
	p->ops = power_alloc(p->ops, (p->n + 1) * sizeof(*p->ops));
	p->ops[p->n++] = op;
}

/* Grown by zeros, or by noise. */
static void resize(struct bytes *b, size_t size, uint64_t *noise)
{
	size_t i;

	if (size > b->size) {
		b->data = power_alloc(b->data, size);
		for (i = b->size; i < size; i++)
			b->data[i] = noise ? (unsigned char)next_random(noise) : 0;
	}
	b->size = size;
}

static void put(struct bytes *b, const struct power_op *op, size_t from, size_t to,
		uint64_t *noise)
{
	if (to <= from)
		return;
	if (b->size < op->offset + to)
		resize(b, op->offset + to, noise);
	memcpy(b->data + op->offset + from, op->data + from, to - from);
}

static void apply(struct bytes *b, const struct power_op *op)
{
	if (op->kind == POWER_TRUNCATE)
		resize(b, op->offset, NULL);
	else
		put(b, op, 0, op->len, NULL);
}

/* A write of which only some sectors, or the bytes up to somewhere, have arrived. */
static void apply_torn(struct bytes *b, const struct power_op *op,
		       struct power_picker *picker, uint64_t *noise)
{
	size_t at, end;

	if (pick(picker, 4) == 0) {
		put(b, op, 0, pick(picker, op->len), noise);
		return;
	}
	for (at = 0; at < op->len; at = end) {
		end = at + SECTOR - (op->offset + at) % SECTOR;
		end = end < op->len ? end : op->len;
		if (pick(picker, 2))
			put(b, op, at, end, noise);
	}
}

static void apply_random(struct bytes *b, const struct power_op *op,
			 struct power_picker *picker)
{
	uint64_t seed = picker->number, *noise = pick(picker, 2) ? &seed : NULL;
	size_t how = pick(picker, 5), end = op->offset + op->len;

	if (op->kind == POWER_TRUNCATE) {
		if (how)
			resize(b, op->offset, noise);
		return;
	}
	if (how >= 3)
		apply(b, op);
	else if (how)
		apply_torn(b, op, picker, noise);
	if (b->size < end && pick(picker, 2))
		resize(b, end, noise);
}

static void shuffle(size_t *ops, size_t n, struct power_picker *picker)
{
	size_t i, other, op;

	for (i = n; i > 1; i--) {
		other = pick(picker, i);
		op = ops[i - 1];
		ops[i - 1] = ops[other];
		ops[other] = op;
	}
}

/* What is in file I after a cut. */
static void cut_file(const struct power_disk *disk, size_t i, struct power_picker *picker,
		     struct bytes *ret)
{
	const struct pending *p = &disk->writes[i];
	size_t *ops = power_alloc(NULL, p->n * sizeof(*ops)), j;
	const struct bytes *old = &disk->files[i];

	*ret = (struct bytes){ power_alloc(NULL, old->size), old->size };
	if (old->size)
		memcpy(ret->data, old->data, old->size);
	if (p->n)
		memcpy(ops, p->ops, p->n * sizeof(*ops));
	if (picker->how == POWER_PICK_RANDOM && pick(picker, 4) == 0)
		shuffle(ops, p->n, picker);
	for (j = 0; j < p->n; j++) {
		if (picker->how == POWER_PICK_RANDOM)
			apply_random(ret, &disk->log->ops[ops[j]], picker);
		else if (pick(picker, 2))
			apply(ret, &disk->log->ops[ops[j]]);
	}
	free(ops);
}

/* Room for all names and files of the log. */
static void size_up(struct power_disk *disk)
{
	const struct power_log *log = disk->log;

	disk->names = power_alloc(disk->names, log->n_names * sizeof(*disk->names));
	disk->changes = power_alloc(disk->changes, log->n_names * sizeof(*disk->changes));
	for (; disk->n_names < log->n_names; disk->n_names++) {
		disk->names[disk->n_names] = POWER_ABSENT;
		disk->changes[disk->n_names] = (struct pending){ .n = 0 };
	}
	disk->files = power_alloc(disk->files, log->n_files * sizeof(*disk->files));
	disk->writes = power_alloc(disk->writes, log->n_files * sizeof(*disk->writes));
	for (; disk->n_files < log->n_files; disk->n_files++) {
		disk->files[disk->n_files] = (struct bytes){ .size = 0 };
		disk->writes[disk->n_files] = (struct pending){ .n = 0 };
	}
}

struct power_disk *power_disk_new(const struct power_log *log,
				  const struct power_image *image)
{
	struct power_disk *disk = power_alloc(NULL, sizeof(*disk));
	int file = 0;
	size_t i;

	*disk = (struct power_disk){ .log = log };
	size_up(disk);
	for (i = 0; image && i < image->n; i++) {
		const struct power_found *f = &image->found[i];

		if (f->there)
			disk->names[i] = f->is_directory ? POWER_DIRECTORY : file++;
		if (disk->names[i] >= 0) {
			struct bytes *b = &disk->files[disk->names[i]];

			resize(b, f->size, NULL);
			if (f->size)
				memcpy(b->data, f->data, f->size);
		}
	}
	return disk;
}

void power_disk_free(struct power_disk *disk)
{
	size_t i;

	for (i = 0; i < disk->n_files; i++) {
		free(disk->files[i].data);
		free(disk->writes[i].ops);
	}
	for (i = 0; i < disk->n_names; i++)
		free(disk->changes[i].ops);
	free(disk->files);
	free(disk->writes);
	free(disk->names);
	free(disk->changes);
	free(disk);
}

static int after_change(const struct power_op *op)
{
	if (op->kind == POWER_CREATE)
		return (int)op->file;
	return op->kind == POWER_MKDIR ? POWER_DIRECTORY : POWER_ABSENT;
}

/* What the name is once the first N changes of it are done. */
static int name_after(const struct power_disk *disk, size_t name, size_t n)
{
	if (!n)
		return disk->names[name];
	return after_change(&disk->log->ops[disk->changes[name].ops[n - 1]]);
}

static bool is_in(const char *name, const char *dir)
{
	size_t len = strlen(dir);

	if (len && (strncmp(name, dir, len) || name[len++] != '/'))
		return false;
	return name[len] && !strchr(name + len, '/');
}

static void sync_directory(struct power_disk *disk, const char *dir)
{
	size_t i;

	for (i = 0; i < disk->n_names; i++)
		if (is_in(disk->log->names[i], dir)) {
			disk->names[i] = name_after(disk, i, disk->changes[i].n);
			disk->changes[i].n = 0;
		}
}

static void sync_file(struct power_disk *disk, unsigned file)
{
	struct pending *p = &disk->writes[file];
	size_t i;

	for (i = 0; i < p->n; i++)
		apply(&disk->files[file], &disk->log->ops[p->ops[i]]);
	p->n = 0;
}

void power_disk_step(struct power_disk *disk, size_t i)
{
	const struct power_op *op = &disk->log->ops[i];

	switch (op->kind) {
	case POWER_CREATE:
	case POWER_MKDIR:
	case POWER_UNLINK:
		pending_add(&disk->changes[op->name], i);
		break;
	case POWER_WRITE:
	case POWER_TRUNCATE:
		pending_add(&disk->writes[op->file], i);
		break;
	case POWER_SYNC:
		sync_file(disk, op->file);
		break;
	case POWER_DIRSYNC:
		sync_directory(disk, disk->log->names[op->name]);
		break;
	case POWER_TRY:
	case POWER_ACK:
		break;
	}
}

/* Whether any end of a cut shows FILE. */
static bool may_be_seen(const struct power_disk *disk, size_t file)
{
	size_t i, j;

	for (i = 0; i < disk->n_names; i++)
		for (j = 0; j <= disk->changes[i].n; j++)
			if (name_after(disk, i, j) == (int)file)
				return true;
	return false;
}

static uint64_t times(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

uint64_t power_disk_ends(const struct power_disk *disk)
{
	uint64_t ends = 1;
	size_t i, j;

	for (i = 0; i < disk->n_names; i++)
		ends = times(ends, disk->changes[i].n + 1);
	for (i = 0; i < disk->n_files; i++)
		for (j = 0; j < disk->writes[i].n && may_be_seen(disk, i); j++)
			ends = times(ends, 2);
	return ends;
}

/* Without the directory that a name is in, it is not there either. */
static bool has_parent(const struct power_disk *disk, const struct power_image *image,
		       size_t name)
{
	size_t i;

	for (i = 0; i < disk->n_names; i++)
		if (disk->log->files[i] == POWER_DIRECTORY &&
		    is_in(disk->log->names[name], disk->log->names[i]))
			return image->found[i].there;
	return true;
}

void power_disk_cut(const struct power_disk *disk, struct power_picker picker,
		    struct power_image *ret)
{
	int *is = power_alloc(NULL, disk->n_names * sizeof(*is));
	size_t i, j;

	*ret = (struct power_image){
		power_alloc(NULL, disk->n_names * sizeof(*ret->found)), disk->n_names
	};
	for (i = 0; i < disk->n_names; i++) {
		is[i] = name_after(disk, i, pick(&picker, disk->changes[i].n + 1));
		ret->found[i] = (struct power_found){ .there = false };
		/* Directories were made, and so named, before what is in them. */
		ret->found[i].there = is[i] != POWER_ABSENT && has_parent(disk, ret, i);
		ret->found[i].is_directory = is[i] == POWER_DIRECTORY;
	}
	for (i = 0; i < disk->n_files; i++) {
		struct bytes b;

		if (!may_be_seen(disk, i))
			continue;
		cut_file(disk, i, &picker, &b);
		for (j = 0; j < disk->n_names; j++)
			if (is[j] == (int)i && ret->found[j].there)
				break;
		if (j == disk->n_names) {
			free(b.data);
			continue;
		}
		ret->found[j].data = b.data;
		ret->found[j].size = b.size;
	}
	free(is);
}

void power_image_clear(struct power_image *image)
{
	size_t i;

	for (i = 0; i < image->n; i++)
		free(image->found[i].data);
	free(image->found);
	*image = (struct power_image){ .n = 0 };
}

bool power_image_equal(const struct power_image *a, const struct power_image *b)
{
	size_t i;

	for (i = 0; i < a->n && i < b->n; i++) {
		const struct power_found *x = &a->found[i], *y = &b->found[i];

		if (x->there != y->there || x->is_directory != y->is_directory ||
		    x->size != y->size || (x->size && memcmp(x->data, y->data, x->size)))
			return false;
	}
	return a->n == b->n;
}
