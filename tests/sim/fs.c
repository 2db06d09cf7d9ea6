/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The FUSE server. Operations that may wait get a thread of their own, so
 * that they hold up nothing and finish even when their caller was killed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs.h"

#define FOREVER 86400.0
#define ATTR_SIZE 4096
#define NONCE_SHIFT 48

static uint64_t nonce;
static struct handle *handles;

/* An open directory, or an open control file with its last answer. */
struct handle {
	struct handle **from, *next; /* all of them, so that none is lost at the end */
	struct listing listing;
	struct reply reply;
};

/* A request that continues in its own thread. */
struct job {
	fuse_req_t req;
	struct sim *sim;
	uint64_t ino;
	bool write;
	size_t size;
	off_t off;
	const char *data; /* of a write */
	char *copy;	  /* the same, when it is the job's own */
};

static struct sim *sim_of(fuse_req_t req)
{
	struct sim *sim = fuse_req_userdata(req);

	pthread_mutex_lock(&sim->lock);
	return sim;
}

static void done(struct sim *sim)
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

/* --- names --- */

/* The kernel lets one writer at a time into an inode. Where a write may stay
 * inside for long, every opening gets an inode to itself. */
static uint64_t private_ino(const struct sim *sim, const struct node *n)
{
	if (!S_ISREG(n->mode) || !(n->mode & 0200) || n->fixed == FIXED_CONTROL)
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
	done(sim);
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
	done(sim);
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
	done(sim);
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
	done(sim);
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
	done(sim);
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
		if (n.fixed == FIXED_CONTROL)
			handle_new(fi);
		else if (n.fixed == FIXED_MANAGE) /* a run, however many reads it takes */
			fi->fh = (uint64_t)(uintptr_t)manage_next(sim);
	}
	done(sim);
	if (r)
		fuse_reply_err(req, r);
	else
		fuse_reply_open(req, fi);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (ino == (uint64_t)FIXED_CONTROL << 20)
		op_releasedir(req, ino, fi);
	else
		fuse_reply_err(req, 0);
}

static void reply_slice(fuse_req_t req, const char *buf, size_t len, size_t size,
			off_t off)
{
	if (off >= (off_t)len)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_buf(req, buf + off,
			       len - (size_t)off < size ? len - (size_t)off : size);
}

static int read_attr(struct sim *sim, uint64_t ino, struct text *t)
{
	struct node n;

	if (!node_get(sim, ino, &n))
		return -ENODEV;
	return attr_show(sim, &n, t);
}

/* Does what a request asks for; it may wait. */
static int perform(struct sim *sim, const struct job *job, struct text *t)
{
	if (job->write)
		return attr_store(sim, job->ino, job->data, job->size);
	return read_attr(sim, job->ino, t);
}

static void answer(const struct job *job, int r, const struct text *t)
{
	if (r < 0)
		fuse_reply_err(job->req, -r);
	else if (job->write)
		fuse_reply_write(job->req, job->size);
	else
		reply_slice(job->req, t->buf, t->len, job->size, job->off);
}

static void *perform_alone(void *arg)
{
	struct job *job = arg;
	struct sim *sim = job->sim;
	struct text t;
	int r;

	t.len = 0;
	pthread_mutex_lock(&sim->lock);
	r = perform(sim, job, &t);
	pthread_mutex_unlock(&sim->lock);
	answer(job, r, &t);
	free(job->copy);
	free(job);
	pthread_mutex_lock(&sim->lock);
	sim->n_async--;
	sim_changed(sim);
	done(sim);
	return NULL;
}

/* Hands JOB over to a new thread. */
static bool detach(struct sim *sim, struct job *job)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	sim->n_async++;
	r = pthread_create(&thread, &attr, perform_alone, job);
	if (r)
		sim->n_async--;
	pthread_attr_destroy(&attr);
	return !r;
}

/* Answers now, or, if it may have to wait, from a thread. Gives the lock up. */
static void dispatch(struct sim *sim, const struct job *job, bool waits)
{
	struct job *own;
	struct text t;
	int r = -ENOMEM;

	t.len = 0;
	if (!waits) {
		r = perform(sim, job, &t);
		done(sim);
		answer(job, r, &t);
		return;
	}
	own = xcalloc(1, sizeof(*own));
	*own = *job;
	if (job->write)
		own->data = own->copy =
			memcpy(xcalloc(job->size, 1), job->data, job->size);
	waits = detach(sim, own);
	pthread_mutex_unlock(&sim->lock);
	if (waits)
		return;
	answer(job, r, &t);
	free(own->copy);
	free(own);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct sim *sim = sim_of(req);
	struct job job = { .req = req, .sim = sim, .ino = ino, .size = size, .off = off };
	const struct reply *reply;
	const char *text = NULL;
	struct node n;
	bool found = node_get(sim, ino, &n);

	if (found && n.fixed == FIXED_MANAGE)
		text = (const char *)(uintptr_t)fi->fh;
	else if (found && n.fixed == FIXED_HANG)
		text = sim->manage_hangs ? "hang" : "go";
	if (text || (found && n.fixed == FIXED_CONTROL)) {
		char line[32];

		done(sim);
		put(line, sizeof(line), "%s\n", text ? text : "");
		reply = text ? NULL : &handle_of(fi)->reply;
		if (reply)
			reply_slice(req, reply->buf, reply->len, size, off);
		else
			reply_slice(req, line, strlen(line), size, off);
		return;
	}
	if (found)
		count(sim, &n, COUNT_READ);
	if (sim->chunk && job.size > sim->chunk)
		job.size = sim->chunk;
	dispatch(sim, &job, found && attr_show_waits(sim, &n));
}

/* The answer's first line is "ok" or "error", what follows is its text. */
static void control(fuse_req_t req, struct sim *sim, struct reply *ret, const char *buf,
		    size_t size)
{
	char *line = memcpy(xcalloc(size + 1, 1), buf, size);
	struct reply reply = { 0 };
	bool ok = control_run(sim, line, &reply);
	uint64_t dir = sim->forget_dir;
	char name[64];

	put(name, sizeof(name), "%s", sim->forget_name);
	sim->forget_dir = 0;
	done(sim);
	ret->len = 0;
	reply_add(ret, "%s\n%s", ok ? "ok" : "error", reply.buf ? reply.buf : "");
	if (dir)
		fs_forget(dir, name);
	free(reply.buf);
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

	(void)off; /* sysfs hands every write to the driver whole */
	if (node_get(sim, ino, &n)) {
		if (n.fixed == FIXED_CONTROL) {
			control(req, sim, &handle_of(fi)->reply, buf, size);
			return;
		}
		count(sim, &n, COUNT_WRITE);
	}
	dispatch(sim, &job, attr_store_waits(sim));
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
