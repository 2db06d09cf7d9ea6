/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define BDF_SIZE sizeof("0000:00:00.0")
#define UUID_SIZE sizeof("00000000-0000-0000-0000-000000000000")
#define TEXT_SIZE 8192

/* A hash table of nodes embedded in the objects they find. */
struct hnode {
	struct hnode *next;
	uint64_t key;
};

struct htab {
	struct hnode **slots;
	size_t n_slots; /* a power of two, 0 before the first insertion */
	size_t n;
};

/* Adds NODE under KEY; equal keys may occur several times. */
void htab_add(struct htab *t, struct hnode *node, uint64_t key);
/* Takes NODE out; it must be in T. */
void htab_del(struct htab *t, struct hnode *node);
/* First node under KEY, or NULL. */
struct hnode *htab_find(const struct htab *t, uint64_t key);
/* Next node under the key of NODE, or NULL. */
struct hnode *htab_next(struct hnode *node);
void htab_free(struct htab *t);

/* A bounded text under construction; what does not fit is dropped. */
struct text {
	size_t len;
	char buf[TEXT_SIZE];
};

__attribute__((format(printf, 2, 3))) void text_add(struct text *t, const char *fmt, ...);

/* A growing text, for answers without a bound. */
struct reply {
	char *buf;
	size_t len, size;
};

__attribute__((format(printf, 2, 3))) void reply_add(struct reply *r, const char *fmt,
						     ...);

/* 64 bits that depend on every byte of the LEN bytes at P. */
uint64_t hash_bytes(const void *p, size_t len);
/* Milliseconds of the monotonic clock. */
uint64_t now_ms(void);
/* calloc() and strdup() that do not return without memory. */
void *xcalloc(size_t n, size_t size);
char *xstrdup(const char *s);
void *xrealloc(void *p, size_t n, size_t size);
/* snprintf() for names that are known to fit: cuts silently. */
__attribute__((format(printf, 3, 4))) void put(char *buf, size_t size, const char *fmt,
					       ...);

/* PCI addresses are one number here: domain << 16 | bus << 8 | device << 3 | function. */
bool bdf_parse(const char *s, uint32_t *ret);
void bdf_format(uint32_t bdf, char buf[BDF_SIZE]);
/* Reads 36 characters, any letter case, and writes them in lower case. */
bool uuid_parse(const char *s, char ret[UUID_SIZE]);
/* A whole string that is one number in the notation of BASE (0: by prefix). */
bool number_parse(const char *s, int base, uint64_t *ret);
/* An errno by number or name ("ENOSPC"); 0 when it is neither. */
int errno_parse(const char *s);
