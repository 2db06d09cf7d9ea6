/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/mix.h"

#include <string.h>

/* Steps of the search before it gives up. */
#define MAX_NODES 100000
/* Of one class, since every subset of it is looked at. */
#define MAX_CLASS 10

/*
 * Items that can be on one GPU together, those of one size, are a class; a GPU is used for
 * one class. What a GPU of a class takes: with as many X[p] of each item p as there are,
 * and room R[p] for each alone, any order that starts with those of least room shows that
 * X is possible if and only if, for every bound B, the sum of X[p] with R[p] <= B is at
 * most B. The most it takes of a set S of items is then the largest R[p] in S. That is a
 * polymatroid's rank, so that demands fit on several GPUs together if and only if for each
 * S they are at most the sum of these over the GPUs.
 *
 * GPUs with the same rooms are of one kind; which of them is used makes no difference.
 */
struct search {
	struct mix_gpu *gpus;
	size_t n_gpus;
	size_t n; /* items that are looked at, the first ones */
	uint32_t demand[MIX_MAX_ITEMS];
	size_t class_of[MIX_MAX_ITEMS]; /* the index of the class's first item */
	size_t members[MIX_MAX_ITEMS];	/* of a class, as bits, by its first item */
	unsigned nodes;
	bool gave_up;
};

static bool is_member(size_t set, size_t item)
{
	return set >> item & 1;
}

/* The most that a GPU takes of a set of items that are of one class. */
static uint32_t rank(const struct search *s, const uint32_t *room, size_t set)
{
	uint32_t most = 0;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (is_member(set, i) && room[i] > most)
			most = room[i];
	return most;
}

static uint64_t demanded(const struct search *s, size_t set)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (is_member(set, i))
			sum += s->demand[i];
	return sum;
}

/* Do the GPUs that are used for CLASS take its demands? */
static bool satisfied(const struct search *s, size_t class)
{
	size_t all = s->members[class], set, i;

	for (set = all; set; set = (set - 1) & all) {
		uint64_t sum = 0;

		for (i = 0; i < s->n_gpus; i++)
			if (s->gpus[i].kind == i && s->gpus[i].use[class])
				sum += (uint64_t)s->gpus[i].use[class] *
				       rank(s, s->gpus[i].room, set);
		if (sum < demanded(s, set))
			return false;
	}
	return true;
}

/* Would they, with all that are left of the kinds from FIRST on? */
static bool can_be_satisfied(struct search *s, size_t class, size_t first)
{
	bool can;
	size_t i;

	for (i = first; i < s->n_gpus; i++)
		s->gpus[i].use[class] += s->gpus[i].left;
	can = satisfied(s, class);
	for (i = first; i < s->n_gpus; i++)
		s->gpus[i].use[class] -= s->gpus[i].left;
	return can;
}

static size_t next_class(const struct search *s, size_t class)
{
	while (class < s->n && s->class_of[class] != class)
		class ++;
	return class;
}

/* Gives GPUs of the kinds from KIND on to CLASS, as few as will do, and then to the
 * classes after it. */
static bool assign(struct search *s, size_t class, size_t kind)
{
	struct mix_gpu *gpu = &s->gpus[kind];
	size_t next;

	if (++s->nodes > MAX_NODES) {
		s->gave_up = true;
		return false;
	}
	if (satisfied(s, class)) {
		next = next_class(s, class + 1);
		return next == s->n || assign(s, next, 0);
	}
	if (!can_be_satisfied(s, class, kind))
		return false;
	while (kind < s->n_gpus && (!gpu->left || !rank(s, gpu->room, s->members[class])))
		gpu = &s->gpus[++kind];
	for (;;) {
		if (assign(s, class, kind + 1))
			return true;
		if (s->gave_up || !gpu->left)
			break;
		gpu->left--;
		gpu->use[class]++;
	}
	gpu->left += gpu->use[class];
	gpu->use[class] = 0;
	return false;
}

/* GPUs that are of no use but to one class are given to it at once. */
static void settle(struct search *s)
{
	size_t i, j;

	for (i = 0; i < s->n_gpus; i++) {
		struct mix_gpu *gpu = &s->gpus[i];
		size_t class = s->n;
		bool one = true;

		memset(gpu->use, 0, sizeof(gpu->use));
		for (j = 0; j < s->n && gpu->kind == i; j++) {
			if (!gpu->room[j])
				continue;
			one = one && (class == s->n || class == s->class_of[j]);
			class = s->class_of[j];
		}
		if (class == s->n || !one)
			continue;
		gpu->use[class] = gpu->left;
		gpu->left = 0;
	}
}

static void find_kinds(struct search *s)
{
	size_t i, j;

	for (i = 0; i < s->n_gpus; i++)
		s->gpus[i].left = 0;
	for (i = 0; i < s->n_gpus; i++) {
		for (j = 0; j < i; j++)
			if (s->gpus[j].kind == j &&
			    !memcmp(s->gpus[i].room, s->gpus[j].room,
				    s->n * sizeof(s->gpus[i].room[0])))
				break;
		s->gpus[i].kind = j;
		s->gpus[j].left++;
	}
}

/* Are the demands of the first N items satisfiable?  Leaves in USE how. */
static bool solve(struct search *s, size_t n)
{
	size_t i, class;

	s->n = n;
	s->nodes = 0;
	find_kinds(s);
	settle(s);
	for (i = 0; i < n; i++)
		if (s->class_of[i] == i && !can_be_satisfied(s, i, 0))
			return false;
	class = next_class(s, 0);
	return class == n || assign(s, class, 0);
}

/* What the rest of CLASS's GPUs, those after GPU, and GPU itself with its room reduced by
 * USED for those of its items that are in OPEN, take of S->demand. */
static bool rest_fits(const struct search *s, size_t class, const size_t *rest,
		      size_t n_rest, const struct mix_gpu *gpu, uint32_t used,
		      size_t open)
{
	size_t all = s->members[class], set, i;

	for (set = all; set; set = (set - 1) & all) {
		uint32_t here = rank(s, gpu->room, set & open);
		uint64_t sum = here > used ? here - used : 0;

		for (i = 0; i < n_rest; i++)
			sum += rank(s, s->gpus[rest[i]].room, set);
		if (sum < demanded(s, set))
			return false;
	}
	return true;
}

/* Of the set OPEN, the item that GPU has least room for. */
static size_t least_room(const struct search *s, const struct mix_gpu *gpu, size_t open)
{
	size_t i, least = s->n;

	for (i = 0; i < s->n; i++)
		if (is_member(open, i) &&
		    (least == s->n || gpu->room[i] < gpu->room[least]))
			least = i;
	return least;
}

/* Gives one GPU as much of CLASS as leaves to the REST what that can take. */
static void give(struct search *s, size_t class, struct mix_gpu *gpu, const size_t *rest,
		 size_t n_rest)
{
	size_t open = s->members[class];
	uint32_t used = 0;

	while (open) {
		size_t i = least_room(s, gpu, open);
		uint32_t most = gpu->room[i] > used ? gpu->room[i] - used : 0, x;

		if (most > s->demand[i])
			most = s->demand[i];
		open &= ~((size_t)1 << i);
		for (x = most; x > 0; x--) {
			s->demand[i] -= x;
			if (rest_fits(s, class, rest, n_rest, gpu, used + x, open))
				break;
			s->demand[i] += x;
		}
		gpu->given[i] = x;
		used += x;
	}
}
