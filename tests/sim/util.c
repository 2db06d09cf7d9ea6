/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static size_t slot_of(const struct htab *t, uint64_t key)
{
	return (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 20) & (t->n_slots - 1);
}

static void htab_grow(struct htab *t)
{
	struct htab bigger = { .n_slots = t->n_slots ? t->n_slots * 2 : 64 };
	struct hnode *n, *next;
	size_t i;

	bigger.slots = xcalloc(bigger.n_slots, sizeof(struct hnode *));
	for (i = 0; i < t->n_slots; i++) {
		for (n = t->slots[i]; n; n = next) {
			next = n->next;
			htab_add(&bigger, n, n->key);
		}
	}
	free(t->slots);
	*t = bigger;
}

void htab_add(struct htab *t, struct hnode *node, uint64_t key)
{
	size_t s;

	if (t->n >= t->n_slots)
		htab_grow(t);
	s = slot_of(t, key);
	node->key = key;
	node->next = t->slots[s];
	t->slots[s] = node;
	t->n++;
}

void htab_del(struct htab *t, struct hnode *node)
{
	struct hnode **p = &t->slots[slot_of(t, node->key)];

	while (*p != node)
		p = &(*p)->next;
	*p = node->next;
	node->next = NULL;
	t->n--;
}

struct hnode *htab_find(const struct htab *t, uint64_t key)
{
	struct hnode *n;

	if (!t->n_slots)
		return NULL;
	for (n = t->slots[slot_of(t, key)]; n && n->key != key; n = n->next)
		;
	return n;
}

struct hnode *htab_next(struct hnode *node)
{
	uint64_t key = node->key;

	for (node = node->next; node && node->key != key; node = node->next)
		;
	return node;
}

void htab_free(struct htab *t)
{
	free(t->slots);
	*t = (struct htab){ 0 };
}

void text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, sizeof(t->buf) - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n;
	if (t->len > sizeof(t->buf) - 1)
		t->len = sizeof(t->buf) - 1;
}

void reply_add(struct reply *r, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n <= 0)
		return;
	if (r->len + (size_t)n + 1 > r->size) {
		r->size = (r->len + (size_t)n + 1) * 2;
		r->buf = xrealloc(r->buf, r->size, 1);
	}
	va_start(ap, fmt);
	vsnprintf(r->buf + r->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	r->len += (size_t)n;
}

uint64_t hash_bytes(const void *p, size_t len)
{
	const unsigned char *c = p;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	while (len--) {
		h ^= *c++;
		h *= UINT64_C(0x100000001b3);
	}
	h ^= h >> 29;
	return h * UINT64_C(0xbf58476d1ce4e5b9);
}

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void *xrealloc(void *p, size_t n, size_t size)
{
	p = reallocarray(p, n, size);
	if (!p) {
		fputs("vgpusim: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = xrealloc(NULL, n ? n : 1, size);

	return memset(p, 0, (n ? n : 1) * size);
}

char *xstrdup(const char *s)
{
	size_t len = strlen(s) + 1;

	return memcpy(xcalloc(len, 1), s, len);
}

void put(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, size, fmt, ap);
	va_end(ap);
}

bool bdf_parse(const char *s, uint32_t *ret)
{
	unsigned domain, bus, dev, fn;
	int end = 0;

	if (strlen(s) != BDF_SIZE - 1 || strspn(s, "0123456789abcdef:.") != BDF_SIZE - 1)
		return false;
	if (sscanf(s, "%4x:%2x:%2x.%1x%n", &domain, &bus, &dev, &fn, &end) != 4)
		return false;
	if (end != (int)BDF_SIZE - 1 || dev > 31 || fn > 7)
		return false;
	*ret = domain << 16 | bus << 8 | dev << 3 | fn;
	return true;
}

void bdf_format(uint32_t bdf, char buf[BDF_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	const char out[BDF_SIZE] = {
		hex[bdf >> 28],
		hex[bdf >> 24 & 15],
		hex[bdf >> 20 & 15],
		hex[bdf >> 16 & 15],
		':',
		hex[bdf >> 12 & 15],
		hex[bdf >> 8 & 15],
		':',
		hex[bdf >> 7 & 1],
		hex[bdf >> 3 & 15],
		'.',
		hex[bdf & 7],
	};

	memcpy(buf, out, BDF_SIZE);
}

bool uuid_parse(const char *s, char ret[UUID_SIZE])
{
	size_t i;

	for (i = 0; i < UUID_SIZE - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' : !isxdigit((unsigned char)s[i]))
			return false;
		ret[i] = (char)tolower((unsigned char)s[i]);
	}
	ret[UUID_SIZE - 1] = '\0';
	return true;
}

bool number_parse(const char *s, int base, uint64_t *ret)
{
	char *end;

	if (!isxdigit((unsigned char)*s))
		return false;
	errno = 0;
	*ret = strtoull(s, &end, base);
	return !errno && end != s && !*end;
}

int errno_parse(const char *s)
{
	static const struct {
		const char *name;
		int errnum;
	} names[] = {
		{ "EPERM", EPERM },	      { "ENOENT", ENOENT },
		{ "EINTR", EINTR },	      { "EIO", EIO },
		{ "ENXIO", ENXIO },	      { "EAGAIN", EAGAIN },
		{ "ENOMEM", ENOMEM },	      { "EACCES", EACCES },
		{ "EBUSY", EBUSY },	      { "EEXIST", EEXIST },
		{ "ENODEV", ENODEV },	      { "EINVAL", EINVAL },
		{ "ENOSPC", ENOSPC },	      { "EROFS", EROFS },
		{ "ERANGE", ERANGE },	      { "EUSERS", EUSERS },
		{ "EOPNOTSUPP", EOPNOTSUPP }, { "ETIMEDOUT", ETIMEDOUT },
		{ "EPROTO", EPROTO },	      { "ECANCELED", ECANCELED },
	};
	uint64_t n;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(s, names[i].name))
			return names[i].errnum;
	}
	return number_parse(s, 10, &n) && n < 4096 ? (int)n : 0;
}
