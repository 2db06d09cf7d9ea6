/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The FUSE server. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs.h"
#include "smi.h"

#define FOREVER 86400.0
#define ATTR_SIZE 4096
#define NONCE_SHIFT 48

static uint64_t nonce;
static struct handle *handles;

/* An open directory, or an open file of the simulator's own with its last answer. */
struct handle {
	struct handle **from, *next; /* all of them, so that none is lost at the end */
	struct listing listing;
	struct reply reply;
	off_t base; /* where the answer begins: behind the question */
};

static struct sim *sim_of(fuse_req_t req)
{
	struct sim *sim = fuse_req_userdata(req);

	pthread_mutex_lock(&sim->lock);
	return sim;
}

void fs_done(struct sim *sim)
{
	sim_reap(sim);
	pthread_mutex_unlock(&sim->lock);
}

static void fill_stat(const struct sim *sim, const struct node *n, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = n->ino;
	st->st_mode = n->mode;
	st->st_nlink = node_nlink(sim, n);
	st->st_uid = getuid();
	st->st_gid = getgid();
	st->st_size = S_ISREG(n->mode) ? ATTR_SIZE : 0;
	st->st_blksize = ATTR_SIZE;
	st->st_atime = st->st_mtime = st->st_ctime = sim->started;
}

static void count(struct sim *sim, const struct node *n, enum counter c)
{
	if (!node_own(n))
		sim->counters[c]++;
}

/* Is it a file that answers what is written to it? */
static bool is_dialogue(const struct node *n)
{
	return n->fixed == FIXED_CONTROL || n->fixed == FIXED_SMI;
}

/* --- names --- */

/* The kernel lets one writer at a time into an inode. Where a write may stay
 * inside for long, every opening gets an inode to itself. */
static uint64_t private_ino(const struct sim *sim, const struct node *n)
{
	if (!S_ISREG(n->mode) || !(n->mode & 0200) || is_dialogue(n))
		return n->ino;
	if (!sim->n_async && !attr_store_waits(sim))
		return n->ino;
	return n->ino | (++nonce & 0xffff) << NONCE_SHIFT;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct sim *sim = sim_of(req);
	struct fuse_entry_param e = { 0 };
	struct node dir, n;
	bool found;

	found = node_get(sim, parent, &dir) && node_lookup(sim, &dir, name, &n);
	if (!(found && node_own(&n)) && !node_own(&dir))
		sim->counters[COUNT_LOOKUP]++;
	if (found) {
		e.ino = private_ino(sim, &n);
		fill_stat(sim, &n, &e.attr);
		e.attr_timeout = FOREVER;
		e.entry_timeout = node_permanent(&n) ? FOREVER : 0;
	}
	fs_done(sim);
	if (found)
		fuse_reply_entry(req, &e);
	else
		fuse_reply_err(req, ENOENT);
}

static bool stat_of(struct sim *sim, fuse_ino_t ino, struct stat *st)
{
	struct node n;
	bool found = node_get(sim, ino, &n);

	if (found) {
		if (n.fixed != FIXED_ROOT)
			count(sim, &n, COUNT_GETATTR);
		fill_stat(sim, &n, st);
	}
	return found;
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct sim *sim = sim_of(req);
	struct stat st;
	bool found = stat_of(sim, ino, &st);

	(void)fi;
	fs_done(sim);
	if (found)
		fuse_reply_attr(req, &st, FOREVER);
	else
		fuse_reply_err(req, ENOENT);
}

/* Truncation, times and modes are accepted and change nothing. */
static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		       struct fuse_file_info *fi)
{
	(void)attr;
	(void)to_set;
	op_getattr(req, ino, fi);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct sim *sim = sim_of(req);
	struct text target = { 0 }, path = { 0 };
	const struct override *o;
	struct node n;
	int r = node_get(sim, ino, &n) ? plan_refuses(sim, &n) : ENOENT;

	if (!r) {
		count(sim, &n, COUNT_READLINK);
		plan_trace(sim, "link", &n);
		node_path(sim, &n, &path);
		o = override_find(sim, OVERRIDE_LINK, path.buf);
		if (o)
			text_add(&target, "%s", o->text);
		else
			node_readlink(sim, &n, &target);
	}
	fs_done(sim);
	if (r)
		fuse_reply_err(req, r);
	else
		fuse_reply_readlink(req, target.buf);
}

/* --- directories --- */

static struct handle *handle_new(struct fuse_file_info *fi)
{
	struct handle *h = xcalloc(1, sizeof(*h));

	h->next = handles;
	h->from = &handles;
	if (handles)
		handles->from = &h->next;
	handles = h;
	fi->fh = (uint64_t)(uintptr_t)h;
	return h;
}

static struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

static void handle_free(struct handle *h)
{
	*h->from = h->next;
	if (h->next)
		h->next->from = h->from;
	free(h->listing.v);
	free(h->reply.buf);
	free(h);
}

void fs_close(void)
{
	while (handles)
		handle_free(handles);
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct sim *sim = sim_of(req);
	struct node n;
	int r = node_get(sim, ino, &n) ? plan_refuses(sim, &n) : ENOENT;

	if (!r) {
		count(sim, &n, COUNT_READDIR);
		plan_trace(sim, "list", &n);
		node_list(sim, &n, &handle_new(fi)->listing);
	}
	fs_done(sim);
	if (r)
		fuse_reply_err(req, r);
	else
		fuse_reply_open(req, fi);
}

/* Entries are numbered from 1, behind "." and "..". */
static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	const struct listing *l = &handle_of(fi)->listing;
	char *buf = xcalloc(size, 1);
	size_t used = 0, i, len;

	for (i = (size_t)off; i < l->n + 2; i++) {
		struct stat st = { .st_ino = ino, .st_mode = S_IFDIR };
		const char *name = i ? ".." : ".";

		if (i >= 2) {
			name = l->v[i - 2].name;
			st.st_ino = l->v[i - 2].ino;
			st.st_mode = l->v[i - 2].mode;
		}
		len = fuse_add_direntry(req, buf + used, size - used, name, &st,
					(off_t)i + 1);
		if (len > size - used)
			break;
		used += len;
	}
	fuse_reply_buf(req, buf, used);
	free(buf);
}

static void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct sim *sim = sim_of(req);

	(void)ino;
	handle_free(handle_of(fi));
	fs_done(sim);
	fuse_reply_err(req, 0);
}

/* --- files --- */

static void count_open(struct sim *sim, const struct node *n, int flags)
{
	enum counter which = COUNT_ATTR_READ_OTHER;

	count(sim, n, COUNT_OPEN);
	if (n->fixed || n->sub == SUB_GROUP || n->obj->kind == OBJECT_DRIVER ||
	    (flags & O_ACCMODE) == O_WRONLY)
		return;
	if (n->leaf == LEAF_NAME)
		which = COUNT_ATTR_READ_NAME;
	else if (n->leaf == LEAF_DESCRIPTION)
		which = COUNT_ATTR_READ_DESCRIPTION;
	else if (n->leaf == LEAF_AVAILABLE)
		which = COUNT_ATTR_READ_AVAILABLE;
	sim->counters[COUNT_ATTR_READ]++;
	sim->counters[which]++;
}

/* Even root may not open what has no permission bit for it at all. */
static int may_open(const struct node *n, int flags)
{
	int mode = flags & O_ACCMODE;

	if (mode != O_RDONLY && !(n->mode & 0222))
		return EACCES;
	if (mode != O_WRONLY && !(n->mode & 0444))
		return EACCES;
	return 0;
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct sim *sim = sim_of(req);
	struct node n;
	int r = node_get(sim, ino, &n) ? may_open(&n, fi->flags) : ENODEV;

	if (!r) {
		count_open(sim, &n, fi->flags);
		plan_trace(sim, (fi->flags & O_ACCMODE) == O_RDONLY ? "read" : "write",
			   &n);
		fi->direct_io = 1;
		if (is_dialogue(&n))
			handle_new(fi);
		else if (n.fixed == FIXED_MANAGE) /* a run, however many reads it takes */
			fi->fh = (uint64_t)(uintptr_t)manage_next(sim);
	}
	fs_done(sim);
	if (r)
		fuse_reply_err(req, r);
	else
		fuse_reply_open(req, fi);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (ino == (uint64_t)FIXED_CONTROL << 20 || ino == (uint64_t)FIXED_SMI << 20)
		op_releasedir(req, ino, fi);
	else
		fuse_reply_err(req, 0);
}

void reply_slice(fuse_req_t req, const char *buf, size_t len, size_t size, off_t off)
{
	if (off >= (off_t)len)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_buf(req, buf + off,
			       len - (size_t)off < size ? len - (size_t)off : size);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct sim *sim = sim_of(req);
	struct job job = { .req = req, .sim = sim, .ino = ino, .size = size, .off = off };
	const char *text = NULL;
	struct node n;
	bool found = node_get(sim, ino, &n);

	if (found && n.fixed == FIXED_MANAGE)
		text = (const char *)(uintptr_t)fi->fh;
	else if (found && n.fixed == FIXED_HANG)
		text = sim->manage_hangs ? "hang" : "go";
	else if (found && n.fixed == FIXED_SMI_HANG)
		text = sim->smi_hangs ? "hang" : "go";
	if (text) {
		char line[32];

		fs_done(sim);
		put(line, sizeof(line), "%s\n", text);
		reply_slice(req, line, strlen(line), size, off);
		return;
	}
	if (found && is_dialogue(&n)) {
		const struct handle *h = handle_of(fi);

		fs_done(sim);
		reply_slice(req, h->reply.buf, h->reply.len, size,
			    off < h->base ? off : off - h->base);
		return;
	}
	if (found)
		count(sim, &n, COUNT_READ);
	if (sim->chunk && job.size > sim->chunk)
		job.size = sim->chunk;
	job_run(sim, &job, found && attr_show_waits(sim, &n));
}

/* The answer's first line is "ok" or "error", what follows is its text. */
static void control(fuse_req_t req, struct sim *sim, struct reply *ret, const char *buf,
		    size_t size)
{
	char *line = memcpy(xcalloc(size + 1, 1), buf, size);
	struct reply reply = { 0 };
	bool ok = control_run(sim, line, &reply);
	struct forgotten forget[ARRAY_SIZE(sim->forget)];
	size_t n = sim->n_forget, i;

	memcpy(forget, sim->forget, sizeof(forget));
	sim->n_forget = 0;
	fs_done(sim);
	ret->len = 0;
	reply_add(ret, "%s\n%s", ok ? "ok" : "error", reply.buf ? reply.buf : "");
	for (i = 0; i < n; i++)
		fs_forget(forget[i].dir, forget[i].name);
	free(reply.buf);
	free(line);
	fuse_reply_write(req, size);
}

/* An answer to the stand-in for nvidia-smi, which reads on where it has written. */
static void smi(fuse_req_t req, struct sim *sim, struct handle *h, const char *buf,
		size_t size, off_t off)
{
	char *line = memcpy(xcalloc(size + 1, 1), buf, size);

	smi_ask(sim, line, &h->reply);
	h->base = off + (off_t)size;
	fs_done(sim);
	free(line);
	fuse_reply_write(req, size);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
		     off_t off, struct fuse_file_info *fi)
{
	struct sim *sim = sim_of(req);
	struct job job = {
		.req = req,
		.sim = sim,
		.ino = ino,
		.write = true,
		.size = size,
		.data = buf,
	};
	struct node n;

	/* sysfs hands every write to the driver whole, whatever its offset is */
	if (node_get(sim, ino, &n)) {
		if (n.fixed == FIXED_CONTROL) {
			control(req, sim, &handle_of(fi)->reply, buf, size);
			return;
		}
		if (n.fixed == FIXED_SMI) {
			smi(req, sim, handle_of(fi), buf, size, off);
			return;
		}
		count(sim, &n, COUNT_WRITE);
	}
	job_run(sim, &job, attr_store_waits(sim));
}

/* --- what sysfs does not have --- */

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	(void)parent;
	(void)name;
	(void)mode;
	(void)fi;
	fuse_reply_err(req, EACCES);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		     dev_t dev)
{
	(void)parent;
	(void)name;
	(void)mode;
	(void)dev;
	fuse_reply_err(req, EPERM);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	op_mknod(req, parent, name, mode, 0);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	op_mknod(req, parent, name, 0, 0);
}

static void op_symlink(fuse_req_t req, const char *link, fuse_ino_t parent,
		       const char *name)
{
	(void)link;
	op_mknod(req, parent, name, 0, 0);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		      fuse_ino_t newparent, const char *newname, unsigned flags)
{
	(void)newparent;
	(void)newname;
	(void)flags;
	op_mknod(req, parent, name, 0, 0);
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	/* Listings are names alone; a truncating open must not shrink the file. */
	conn->want &= ~(unsigned)(FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO |
				  FUSE_CAP_ATOMIC_O_TRUNC);
}

const struct fuse_lowlevel_ops fs_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.releasedir = op_releasedir,
	.open = op_open,
	.release = op_release,
	.read = op_read,
	.write = op_write,
	.create = op_create,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.unlink = op_unlink,
	.rmdir = op_unlink,
	.symlink = op_symlink,
	.rename = op_rename,
};
