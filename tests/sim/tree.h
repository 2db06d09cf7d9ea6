/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "node.h"

/* 16 bits of nonce (see fs.c), 28 of serial, 12 of sub, 8 of leaf. */
#define SERIAL_OF(ino) ((ino) >> 20 & 0xfffffff)
#define INO(serial, sub, leaf)                                                           \
	((uint64_t)(serial) << 20 | (uint64_t)(sub) << 8 | (uint64_t)(leaf))

#define DEVICE(obj_) CONTAINER_OF(obj_, struct device, obj)
#define MDEV(obj_) CONTAINER_OF(obj_, struct mdev, obj)
#define DRIVER(obj_) CONTAINER_OF(obj_, struct driver, obj)
#define ROOT(obj_) CONTAINER_OF(obj_, struct root, obj)

static inline uint64_t fixed_ino(enum fixed f)
{
	return f == FIXED_ROOT ? INO_ROOT : INO(f, 0, 0);
}

static inline uint64_t part(const struct object *obj, unsigned sub)
{
	return INO(obj->by_serial.key, sub, 0);
}

static inline bool is_type(unsigned sub)
{
	return sub >= SUB_TYPE && sub < SUB_TYPE_DEVICES;
}

static inline bool is_type_devices(unsigned sub)
{
	return sub >= SUB_TYPE_DEVICES && sub < SUB_VIRTFN;
}

static inline bool is_link(unsigned sub)
{
	return sub >= SUB_VIRTFN || (sub >= SUB_LINK_BUS && sub <= SUB_LINK_TYPE);
}

/* The leaves that the directory N may have, ended by LEAF_NONE. */
const enum leaf *leaves_of(const struct node *n);
const char *leaf_name(enum leaf leaf);
/* The node at the other end of a link. */
uint64_t link_target(const struct node *link);
/* The directory that OBJ's own directory is in. */
uint64_t self_parent(const struct object *obj);
/* The fixed node NAME in the directory DIR, or 0. */
uint64_t fixed_find(enum fixed dir, const char *name);
/* The directory a fixed node is in. */
enum fixed fixed_parent(enum fixed f);
void object_name(const struct object *obj, char *buf, size_t size);
void node_name(const struct sim *sim, const struct node *n, char *buf, size_t size);
