/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The least that each piece of work needs of the kernel and of the disk, done by straight
 * code: what vgpumgr is measured against.
 *
 *     floor create ROOT DB VF TYPE_ID UUID    the VF is given; TYPE_ID 575 means nvidia-575
 *     floor place ROOT DB PROFILE UUID        finds type and free VF by itself
 *     floor types ROOT                        static attributes per GPU, availability on a VF
 *     floor list ROOT DB                      what is live and what is recorded
 *     floor restore ROOT DB                   a worker per GPU, one closing transaction
 *     floor forget DB UUID                    undoes the record of create and place
 *     floor forget-catalog DB                 makes vgpumgr read the types again
 *
 * DB is a copy of vgpumgr's record, for the same tables and indices. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PCI   "sys/bus/pci/devices"
#define TYPES "mdev_supported_types"
#define MDEVS "sys/bus/mdev/devices"

struct list {
	char **names;
	size_t n;
};

static int root_fd;

static void __attribute__((noreturn)) die(const char *what)
{
	perror(what);
	exit(1);
}

/* --- files --- */

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct list *list)
{
	if (list->n)
		qsort(list->names, list->n, sizeof(*list->names), compare);
}

static bool contains(const struct list *list, const char *name)
{
	return list->n && bsearch(&name, list->names, list->n, sizeof(*list->names), compare);
}

static int open_dir(const char *path)
{
	int fd = openat(root_fd, path, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		die(path);
	return fd;
}

/* Takes the descriptor. */
static void read_list(int fd, struct list *ret)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;
	size_t room = 0;

	*ret = (struct list){ NULL, 0 };
	if (!dir)
		die("list a directory");
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		if (ret->n == room) {
			room = room * 2 + 64;
			ret->names = realloc(ret->names, room * sizeof(*ret->names));
		}
		if (!ret->names || !(ret->names[ret->n++] = strdup(e->d_name)))
			die("memory");
	}
	closedir(dir);
	sort(ret);
}

static void read_attr(int dir_fd, const char *path, char *buf, size_t size)
{
	int fd = openat(dir_fd, path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (n < 0)
		die(path);
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	close(fd);
}

static void write_attr(const char *path, const char *text)
{
	int fd = openat(root_fd, path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

/* Where LINK leads: the last name of the path, or with UP the one before it. */
static void end_of(int dir_fd, const char *link, bool up, char *buf, size_t size)
{
	char target[PATH_MAX], *slash;
	ssize_t n = readlinkat(dir_fd, link, target, sizeof(target) - 1);

	if (n < 0)
		die(link);
	target[n] = '\0';
	slash = strrchr(target, '/');
	if (up && slash) {
		*slash = '\0';
		slash = strrchr(target, '/');
	}
	snprintf(buf, size, "%.63s", slash ? slash + 1 : target);
}

static void make(const char *vf, const char *type, const char *uuid)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI "/%s/" TYPES "/%s/create", vf, type);
	write_attr(path, uuid);
}

/* --- the record --- */

static sqlite3 *open_db(const char *file)
{
	sqlite3 *db;

	if (sqlite3_open(file, &db) ||
	    sqlite3_exec(db, "PRAGMA synchronous = EXTRA", NULL, NULL, NULL)) {
		fprintf(stderr, "floor: %s: %s\n", file, sqlite3_errmsg(db));
		exit(1);
	}
	return db;
}

static void execute(sqlite3 *db, const char *sql, const char *uuid, const char *vf)
{
	sqlite3_stmt *s;

	for (; *sql; sqlite3_finalize(s)) {
		if (sqlite3_prepare_v2(db, sql, -1, &s, &sql))
			break;
		if (sqlite3_bind_parameter_count(s) > 0)
			sqlite3_bind_text(s, 1, uuid, -1, SQLITE_STATIC);
		if (sqlite3_bind_parameter_count(s) > 1)
			sqlite3_bind_text(s, 2, vf, -1, SQLITE_STATIC);
		if (s && sqlite3_step(s) != SQLITE_DONE) {
			sqlite3_finalize(s);
			break;
		}
	}
	if (sqlite3_errcode(db) != SQLITE_OK && sqlite3_errcode(db) != SQLITE_DONE) {
		fprintf(stderr, "floor: %s\n", sqlite3_errmsg(db));
		exit(1);
	}
}

static void intend(sqlite3 *db, const char *uuid, const char *vf)
{
	execute(db, "BEGIN IMMEDIATE;"
		    "INSERT INTO vgpu (uuid, vm, slot, profile, type_name, type_id,"
		    " framebuffer_mib, framework, gpu, vf, vf_index, state, boot_id,"
		    " created_at, changed_at) VALUES (?1, 'floor', 0, 'P', 'T', 1, 1, 'mdev',"
		    " '0000:00:00.0', ?2, 0, 'creating', '', '', '');"
		    "INSERT INTO event (at, actor, operation, uuid, detail)"
		    " VALUES ('', '', 'intent', ?1, '');"
		    "COMMIT", uuid, vf);
}

static void settle(sqlite3 *db, const char *uuid)
{
	execute(db, "BEGIN IMMEDIATE; UPDATE vgpu SET state = 'active' WHERE uuid = ?1;"
		    "INSERT INTO event (at, actor, operation, uuid, detail)"
		    " VALUES ('', '', 'create', ?1, '');"
		    "COMMIT", uuid, NULL);
}

/* --- the work --- */

static void create(const char *file, const char *vf, const char *type, const char *uuid)
{
	sqlite3 *db = open_db(file);

	intend(db, uuid, vf);
	make(vf, type, uuid);
	settle(db, uuid);
	sqlite3_close(db);
}

/* Which VFs have a device, of all that is live. */
static void list_live(struct list *parents)
{
	int fd = open_dir(MDEVS);
	char name[64];
	size_t i;

	read_list(dup(fd), parents);
	for (i = 0; i < parents->n; i++) {
		end_of(fd, parents->names[i], true, name, sizeof(name));
		strcpy(parents->names[i], name); /* an address is shorter than a UUID */
	}
	sort(parents);
	close(fd);
}

static int open_types(const char *vf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI "/%s/" TYPES, vf);
	return open_dir(path);
}

static void place(const char *file, const char *profile, const char *uuid)
{
	struct list vfs, live, types;
	char path[PATH_MAX], text[256];
	int types_fd;
	size_t i, j;

	read_list(open_dir("sys/class/mdev_bus"), &vfs);
	list_live(&live);
	for (i = 0; i < vfs.n && contains(&live, vfs.names[i]); i++)
		;
	if (i == vfs.n)
		exit(4);
	types_fd = open_types(vfs.names[i]);
	read_list(dup(types_fd), &types);
	for (j = 0; j < types.n; j++) {
		snprintf(path, sizeof(path), "%s/name", types.names[j]);
		read_attr(types_fd, path, text, sizeof(text));
		if (strrchr(text, ' ') && !strcmp(strrchr(text, ' ') + 1, profile))
			break;
	}
	if (j == types.n)
		exit(3);
	snprintf(path, sizeof(path), "%s/available_instances", types.names[j]);
	read_attr(types_fd, path, text, sizeof(text));
	create(file, vfs.names[i], types.names[j], uuid);
}

/* One VF of a GPU tells all of its types. */
static void print_types(const char *gpu, const char *vf)
{
	static const char *const attrs[] = { "name", "description", "available_instances" };
	int types_fd = open_types(vf);
	char path[PATH_MAX], text[512];
	struct list types;
	size_t i, j;

	read_list(dup(types_fd), &types);
	for (i = 0; i < types.n; i++) {
		printf("%s %s", gpu, types.names[i]);
		for (j = 0; j < 3; j++) {
			snprintf(path, sizeof(path), "%s/%s", types.names[i], attrs[j]);
			read_attr(types_fd, path, text, sizeof(text));
			printf(" %s", text);
		}
		putchar('\n');
	}
	close(types_fd);
}

static void types(void)
{
	struct list live, bound, vfs;
	char path[64], vf[64];
	size_t i, j;
	int pci_fd = open_dir(PCI);

	list_live(&live);
	read_list(open_dir("sys/class/mdev_bus"), &vfs);
	read_list(open_dir("sys/bus/pci/drivers/nvidia"), &bound);
	for (i = 0; i < bound.n; i++) {
		if (contains(&vfs, bound.names[i]) || !strchr(bound.names[i], ':'))
			continue;
		for (j = 0; j < 32; j++) {
			snprintf(path, sizeof(path), "%.32s/virtfn%zu", bound.names[i], j);
			end_of(pci_fd, path, false, vf, sizeof(vf));
			if (contains(&live, vf))
				continue;
			print_types(bound.names[i], vf);
			break;
		}
	}
}

static sqlite3_stmt *all_rows(sqlite3 *db)
{
	sqlite3_stmt *s;

	if (sqlite3_prepare_v2(db, "SELECT gpu, vf, uuid, type_id, vm, slot, profile, state "
				   "FROM vgpu ORDER BY gpu, vf_index", -1, &s, NULL)) {
		fprintf(stderr, "floor: %s\n", sqlite3_errmsg(db));
		exit(1);
	}
	return s;
}

static void list(const char *file)
{
	char path[PATH_MAX], parent[64], type[64];
	int mdevs_fd = open_dir(MDEVS), pci_fd = open_dir(PCI);
	sqlite3 *db = open_db(file);
	sqlite3_stmt *s = all_rows(db);
	struct list live;
	size_t i;

	read_list(dup(mdevs_fd), &live);
	for (i = 0; i < live.n; i++) {
		end_of(mdevs_fd, live.names[i], true, parent, sizeof(parent));
		snprintf(path, sizeof(path), "%s/%s/mdev_type", parent, live.names[i]);
		end_of(pci_fd, path, false, type, sizeof(type));
		printf("%s %s %s\n", live.names[i], parent, type);
	}
	while (sqlite3_step(s) == SQLITE_ROW)
		printf("%s %s %s\n", sqlite3_column_text(s, 2), sqlite3_column_text(s, 4),
		       sqlite3_column_text(s, 6));
	sqlite3_finalize(s);
	sqlite3_close(db);
}

struct row {
	char gpu[16], vf[16], uuid[40], type[24];
};

static size_t read_rows(sqlite3 *db, struct row **ret)
{
	sqlite3_stmt *s = all_rows(db);
	size_t n = 0, room = 0;

	*ret = NULL;
	for (; sqlite3_step(s) == SQLITE_ROW; n++) {
		struct row *r;

		if (n == room) {
			room = room * 2 + 64;
			*ret = realloc(*ret, room * sizeof(**ret));
		}
		r = *ret + n;
		snprintf(r->gpu, sizeof(r->gpu), "%s", sqlite3_column_text(s, 0));
		snprintf(r->vf, sizeof(r->vf), "%s", sqlite3_column_text(s, 1));
		snprintf(r->uuid, sizeof(r->uuid), "%s", sqlite3_column_text(s, 2));
		snprintf(r->type, sizeof(r->type), "nvidia-%d", sqlite3_column_int(s, 3));
	}
	sqlite3_finalize(s);
	return n;
}

static void restore(const char *file)
{
	sqlite3 *db = open_db(file);
	struct row *rows;
	size_t i, j, n = read_rows(db, &rows);
	sqlite3_stmt *s;
	int status;

	for (i = 0; i < n; i = j) {
		for (j = i; j < n && !strcmp(rows[i].gpu, rows[j].gpu); j++)
			;
		if (fork() == 0) {
			for (; i < j; i++)
				make(rows[i].vf, rows[i].type, rows[i].uuid);
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		if (status)
			exit(1);
	execute(db, "BEGIN IMMEDIATE", NULL, NULL);
	sqlite3_prepare_v2(db, "UPDATE vgpu SET state = 'active', changed_at = 'now' "
			       "WHERE uuid = ?1", -1, &s, NULL);
	for (i = 0; i < n; i++) {
		sqlite3_bind_text(s, 1, rows[i].uuid, -1, SQLITE_STATIC);
		sqlite3_step(s);
		sqlite3_reset(s);
	}
	sqlite3_finalize(s);
	execute(db, "COMMIT", NULL, NULL);
	sqlite3_close(db);
	free(rows);
}

static int usage(void)
{
	fprintf(stderr, "usage: floor create|place|types|list|restore|forget|forget-catalog …\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	char type[64];

	if (!strcmp(what, "forget-catalog") && argc == 3) {
		execute(open_db(argv[2]), "DELETE FROM catalog", NULL, NULL);
		return 0;
	}
	if (!strcmp(what, "forget") && argc == 4) {
		execute(open_db(argv[2]), "DELETE FROM vgpu WHERE uuid = ?1", argv[3], NULL);
		return 0;
	}
	root_fd = argc > 2 ? open(argv[2], O_PATH | O_DIRECTORY) : -1;
	if (!strcmp(what, "create") && argc == 7) {
		snprintf(type, sizeof(type), "nvidia-%.32s", argv[5]);
		create(argv[3], argv[4], type, argv[6]);
	} else if (!strcmp(what, "place") && argc == 6) {
		place(argv[3], argv[4], argv[5]);
	} else if (!strcmp(what, "types") && argc == 3) {
		types();
	} else if (!strcmp(what, "list") && argc == 4) {
		list(argv[3]);
	} else if (!strcmp(what, "restore") && argc == 4) {
		restore(argv[3]);
	} else {
		return usage();
	}
	return 0;
}
