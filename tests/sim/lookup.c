/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From names to nodes, and what a directory lists. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tree.h"

/* --- looking up --- */

static struct device *device_named(const struct sim *sim, const char *name)
{
	uint32_t bdf;

	return bdf_parse(name, &bdf) ? device_find(sim, bdf) : NULL;
}

static struct mdev *mdev_named(const struct sim *sim, const char *name)
{
	char uuid[UUID_SIZE];

	if (strlen(name) != UUID_SIZE - 1 || !uuid_parse(name, uuid) ||
	    strcmp(uuid, name))
		return NULL;
	return mdev_find(sim, uuid);
}

/* The object of IOMMU group NAME, or NULL. */
static struct object *group_named(const struct sim *sim, const char *name)
{
	uint64_t n;

	if ((name[0] == '0' && name[1]) || !number_parse(name, 10, &n) ||
	    n >= sim->n_groups)
		return NULL;
	return sim->groups[n];
}

static uint64_t find_fixed(const struct sim *sim, enum fixed dir, const char *name)
{
	const struct device *dev = NULL;
	const struct object *obj = NULL;
	const struct mdev *m = NULL;
	size_t i;

	if (fixed_find(dir, name))
		return fixed_find(dir, name);
	switch (dir) {
	case FIXED_PCI_DEVICES:
	case FIXED_MDEV_BUS:
		dev = device_named(sim, name);
		return !dev ? 0
			    : part(&dev->obj,
				   dir == FIXED_MDEV_BUS ? SUB_LINK_CLASS : SUB_LINK_BUS);
	case FIXED_MDEV_DEVICES:
	case FIXED_MDEV_DRIVER:
		m = mdev_named(sim, name);
		return !m ? 0
			  : part(&m->obj, dir == FIXED_MDEV_DRIVER ? SUB_LINK_DRIVER
								   : SUB_LINK_BUS);
	case FIXED_PCI_DRIVERS:
		return driver_find(sim, name)
			       ? part(&driver_find(sim, name)->obj, SUB_SELF)
			       : 0;
	case FIXED_GROUPS:
		obj = group_named(sim, name);
		return obj ? part(obj, SUB_GROUP) : 0;
	case FIXED_DEVICES:
		for (i = 0; i < sim->n_roots; i++) {
			if (!strcmp(sim->roots[i]->name, name))
				return part(&sim->roots[i]->obj, SUB_SELF);
		}
		return 0;
	default:
		return 0;
	}
}

static uint64_t find_in_device(const struct sim *sim, const struct device *dev,
			       const char *name)
{
	const struct device *child;
	const struct mdev *m;
	uint64_t i;

	if (!strcmp(name, "mdev_supported_types"))
		return part(&dev->obj, SUB_TYPES);
	if (!strcmp(name, "nvidia"))
		return part(&dev->obj, SUB_NVIDIA);
	if (!strncmp(name, "virtfn", 6) && number_parse(name + 6, 10, &i) &&
	    i < VFS_MAX && (name[6] != '0' || !name[7]))
		return part(&dev->obj, SUB_VIRTFN + (unsigned)i);
	if (dev->role == ROLE_PORT) {
		child = device_named(sim, name);
		return child && child->port == dev ? part(&child->obj, SUB_SELF) : 0;
	}
	m = dev->mdevs ? mdev_named(sim, name) : NULL;
	return m && m->parent == dev ? part(&m->obj, SUB_SELF) : 0;
}

static uint64_t find_type(const struct sim *sim, const struct node *dir, const char *name)
{
	const struct device *dev = DEVICE(dir->obj);
	size_t len = dev->driver ? strlen(dev->driver->name) : 0, i;
	uint64_t id;

	if (!len || strncmp(name, dev->driver->name, len) || name[len] != '-' ||
	    !number_parse(name + len + 1, 10, &id))
		return 0;
	for (i = 0; i < dev->gpu->table->n; i++) {
		if (dev->gpu->table->types[i].id + sim->type_offset == id)
			return part(dir->obj, SUB_TYPE + (unsigned)i);
	}
	return 0;
}

static uint64_t find_in_object(const struct sim *sim, const struct node *dir,
			       const char *name)
{
	const struct device *dev;
	const struct mdev *m;
	char own[64];

	if (dir->sub == SUB_GROUP)
		return !strcmp(name, "devices") ? part(dir->obj, SUB_GROUP_DEVICES) : 0;
	if (dir->sub == SUB_GROUP_DEVICES) {
		object_name(dir->obj, own, sizeof(own));
		return !strcmp(name, own) ? part(dir->obj, SUB_LINK_GROUP) : 0;
	}
	if (dir->obj->kind == OBJECT_MDEV)
		return !strcmp(name, "nvidia") ? part(dir->obj, SUB_NVIDIA) : 0;
	if (dir->sub == SUB_TYPES)
		return find_type(sim, dir, name);
	if (is_type(dir->sub))
		return strcmp(name, "devices")
			       ? 0
			       : part(dir->obj, dir->sub - SUB_TYPE + SUB_TYPE_DEVICES);
	if (is_type_devices(dir->sub)) {
		m = mdev_named(sim, name);
		return m && &m->parent->obj == dir->obj &&
				       m->type == dir->sub - SUB_TYPE_DEVICES
			       ? part(&m->obj, SUB_LINK_TYPE)
			       : 0;
	}
	if (dir->obj->kind == OBJECT_DEVICE)
		return dir->sub ? 0 : find_in_device(sim, DEVICE(dir->obj), name);
	dev = device_named(sim, name);
	if (dir->obj->kind == OBJECT_DRIVER)
		return dev && dev->driver == DRIVER(dir->obj)
			       ? part(&dev->obj, SUB_LINK_DRIVER)
			       : 0;
	return dev && !dev->port && dev->root == ROOT(dir->obj)
		       ? part(&dev->obj, SUB_SELF)
		       : 0;
}

static bool hidden(const struct sim *sim, const struct node *n)
{
	struct text path = { 0 };

	if (!sim->n_overrides)
		return false;
	node_path(sim, n, &path);
	return override_find(sim, OVERRIDE_HIDE, path.buf);
}

bool node_lookup(const struct sim *sim, const struct node *dir, const char *name,
		 struct node *ret)
{
	const enum leaf *leaf;
	uint64_t ino = 0;

	for (leaf = leaves_of(dir); *leaf && !ino; leaf++) {
		if (!strcmp(name, leaf_name(*leaf)))
			ino = part(dir->obj, dir->sub) | *leaf;
	}
	if (!ino)
		ino = dir->fixed ? find_fixed(sim, dir->fixed, name)
				 : find_in_object(sim, dir, name);
	return ino && node_get(sim, ino, ret) && !hidden(sim, ret);
}

/* --- listing --- */

static void list_add(const struct sim *sim, struct listing *l, uint64_t ino)
{
	struct entry *e;
	struct node n;

	if (!node_get(sim, ino, &n) || hidden(sim, &n) || n.fixed == FIXED_SIM)
		return;
	if (l->n == l->size) {
		l->size = l->size * 2 + 32;
		l->v = xrealloc(l->v, l->size, sizeof(*l->v));
	}
	e = &l->v[l->n++];
	e->ino = ino;
	e->mode = n.mode;
	node_name(sim, &n, e->name, sizeof(e->name));
	e->order = hash_bytes(e->name, strlen(e->name));
}

static void list_fixed(const struct sim *sim, enum fixed dir, struct listing *l)
{
	unsigned link = dir == FIXED_MDEV_BUS ? SUB_LINK_CLASS : SUB_LINK_BUS;
	size_t i;

	for (i = FIXED_SIM; i < N_FIXED; i++) {
		if (fixed_parent((enum fixed)i) == dir)
			list_add(sim, l, fixed_ino((enum fixed)i));
	}
	if (dir == FIXED_PCI_DEVICES || dir == FIXED_MDEV_BUS) {
		for (i = 0; i < sim->n_devices; i++)
			list_add(sim, l, part(&sim->devices[i]->obj, link));
	} else if (dir == FIXED_PCI_DRIVERS) {
		for (i = 0; i < sim->n_drivers; i++)
			list_add(sim, l, part(&sim->drivers[i]->obj, SUB_SELF));
	} else if (dir == FIXED_DEVICES) {
		for (i = 0; i < sim->n_roots; i++)
			list_add(sim, l, part(&sim->roots[i]->obj, SUB_SELF));
	} else if (dir == FIXED_GROUPS) {
		for (i = 0; i < sim->n_groups; i++) {
			if (sim->groups[i])
				list_add(sim, l, part(sim->groups[i], SUB_GROUP));
		}
	} else if (dir == FIXED_MDEV_DEVICES || dir == FIXED_MDEV_DRIVER) {
		link = dir == FIXED_MDEV_DRIVER ? SUB_LINK_DRIVER : SUB_LINK_BUS;
		for (i = 0; i < sim->by_uuid.n_slots; i++) {
			const struct hnode *h;

			for (h = sim->by_uuid.slots[i]; h; h = h->next)
				list_add(sim, l,
					 part(&CONTAINER_OF(h, struct mdev, by_uuid)->obj,
					      link));
		}
	}
}

static void list_device(const struct sim *sim, const struct device *dev,
			struct listing *l)
{
	const struct mdev *m;
	unsigned i;

	list_add(sim, l, part(&dev->obj, SUB_TYPES));
	list_add(sim, l, part(&dev->obj, SUB_NVIDIA));
	for (m = dev->mdevs; m; m = m->sibling)
		list_add(sim, l, part(&m->obj, SUB_SELF));
	for (i = 0; dev->role == ROLE_PF && i < dev->gpu->num_vfs; i++)
		list_add(sim, l, part(&dev->obj, SUB_VIRTFN + i));
}

static void list_object(const struct sim *sim, const struct node *dir, struct listing *l)
{
	const struct object *obj = dir->obj;
	const struct mdev *m;
	size_t i;

	if (dir->sub == SUB_GROUP) {
		list_add(sim, l, part(obj, SUB_GROUP_DEVICES));
	} else if (dir->sub == SUB_GROUP_DEVICES) {
		list_add(sim, l, part(obj, SUB_LINK_GROUP));
	} else if (obj->kind == OBJECT_MDEV) {
		if (dir->sub == SUB_SELF) /* nvidia/ itself holds attributes alone */
			list_add(sim, l, part(obj, SUB_NVIDIA));
	} else if (dir->sub == SUB_TYPES) {
		for (i = 0; i < DEVICE(obj)->gpu->table->n; i++)
			list_add(sim, l, part(obj, SUB_TYPE + (unsigned)i));
	} else if (is_type(dir->sub)) {
		list_add(sim, l, part(obj, dir->sub - SUB_TYPE + SUB_TYPE_DEVICES));
	} else if (is_type_devices(dir->sub)) {
		for (m = DEVICE(obj)->mdevs; m; m = m->sibling) {
			if (m->type == dir->sub - SUB_TYPE_DEVICES)
				list_add(sim, l, part(&m->obj, SUB_LINK_TYPE));
		}
	} else if (obj->kind == OBJECT_DEVICE && dir->sub == SUB_SELF) {
		list_device(sim, DEVICE(obj), l);
	}
	if (dir->sub != SUB_SELF || obj->kind == OBJECT_MDEV ||
	    (obj->kind == OBJECT_DEVICE && DEVICE(obj)->role != ROLE_PORT))
		return;
	for (i = 0; i < sim->n_devices; i++) {
		const struct device *dev = sim->devices[i];

		if (obj->kind == OBJECT_DRIVER && dev->driver == DRIVER(obj))
			list_add(sim, l, part(&dev->obj, SUB_LINK_DRIVER));
		else if (obj->kind != OBJECT_DRIVER &&
			 self_parent(&dev->obj) == part(obj, SUB_SELF))
			list_add(sim, l, part(&dev->obj, SUB_SELF));
	}
}

static int by_order(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->order < y->order ? -1 : x->order > y->order;
}

void node_list(const struct sim *sim, const struct node *dir, struct listing *ret)
{
	const enum leaf *leaf;

	for (leaf = leaves_of(dir); *leaf; leaf++)
		list_add(sim, ret, part(dir->obj, dir->sub) | *leaf);
	if (dir->fixed)
		list_fixed(sim, dir->fixed, ret);
	else
		list_object(sim, dir, ret);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_order);
}

unsigned node_nlink(const struct sim *sim, const struct node *node)
{
	struct listing l = { 0 };
	const struct mdev *m;
	unsigned n = 2;
	size_t i;

	if (!S_ISDIR(node->mode))
		return 1;
	if (!node->fixed && node->obj->kind == OBJECT_DEVICE && node->sub == SUB_SELF &&
	    DEVICE(node->obj)->role != ROLE_PORT) {
		for (m = DEVICE(node->obj)->mdevs; m; m = m->sibling)
			n++;
		return n + mdev_parent(DEVICE(node->obj)) +
		       vfio_parent(DEVICE(node->obj));
	}
	if (!node->fixed && (is_type(node->sub) || node->sub == SUB_GROUP))
		return 3;
	if (!node->fixed &&
	    (is_type_devices(node->sub) || node->obj->kind == OBJECT_DRIVER ||
	     node->sub == SUB_NVIDIA || node->sub == SUB_GROUP_DEVICES))
		return 2;
	if (node->fixed == FIXED_PCI_DEVICES || node->fixed == FIXED_MDEV_BUS ||
	    node->fixed == FIXED_MDEV_DEVICES || node->fixed == FIXED_MDEV_DRIVER)
		return 2;
	if (!node->fixed && node->sub == SUB_TYPES && !sim->n_dropped)
		return n + (unsigned)DEVICE(node->obj)->gpu->table->n;
	node_list(sim, node, &l);
	for (i = 0; i < l.n; i++)
		n += S_ISDIR(l.v[i].mode);
	free(l.v);
	return n;
}

/* --- paths from outside --- */

bool path_resolve(const struct sim *sim, const char *path, struct text *canonical,
		  struct node *ret)
{
	char *copy = xstrdup(path), *save = NULL, *name, *next;
	struct node n, child;
	bool found = true;

	node_get(sim, INO_ROOT, &n);
	for (name = strtok_r(copy, "/", &save); name; name = next) {
		next = strtok_r(NULL, "/", &save);
		if (!found || !node_lookup(sim, &n, name, &child)) {
			if (found)
				node_path(sim, &n, canonical);
			found = false;
			text_add(canonical, "%s%s", canonical->len ? "/" : "", name);
			continue;
		}
		n = child;
		if (next && S_ISLNK(n.mode)) {
			node_get(sim, link_target(&n), &child);
			n = child;
		}
	}
	if (found)
		node_path(sim, &n, canonical);
	free(copy);
	*ret = n;
	return found;
}
