/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/mix.h"

#include <string.h>

/* Steps of the search before it gives up. */
#define MAX_NODES 100000
/* Of one class, since every subset of it is looked at. */
#define MAX_CLASS 10

/*
 * Items that can be on one GPU together, those of one size, are a class; a GPU is used
 * for one class. What a GPU of a class takes: with as many X[p] of each item p as there
 * are, and room R[p] for each alone, any order that starts with those of least room shows
 * that X is possible if and only if, for every bound B, the sum of X[p] with R[p] <= B is
 * at most B. The most it takes of a set S of items is then the largest R[p] in S. That is
 * a polymatroid's rank, so that demands fit on several GPUs together if and only if for
 * each S they are at most the sum of these over the GPUs.
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
	uint32_t size_mib[MIX_MAX_ITEMS];
	size_t classes[MIX_MAX_ITEMS + 1]; /* the largest size first */
	size_t n_classes;
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

/* Would they, with all that are left of the kinds from FIRST on, in their order? */
static bool can_be_satisfied(struct search *s, size_t class, size_t first)
{
	struct mix_gpu *gpus = s->gpus;
	bool can;
	size_t i;

	for (i = first; i < s->n_gpus; i++)
		gpus[gpus[i].order].use[class] += gpus[gpus[i].order].left;
	can = satisfied(s, class);
	for (i = first; i < s->n_gpus; i++)
		gpus[gpus[i].order].use[class] -= gpus[gpus[i].order].left;
	return can;
}

/* Is there any of the kind that is the INDEXth in order left, and of use to CLASS? */
static bool usable(const struct search *s, size_t class, size_t index)
{
	const struct mix_gpu *gpu = &s->gpus[s->gpus[index].order];

	return gpu->left && rank(s, gpu->room, s->members[class]);
}

/* Can each of the classes from the one numbered NTH on be, as far as the others let it?
 */
static bool others_can_be(struct search *s, size_t nth)
{
	for (; nth < s->n_classes; nth++)
		if (!can_be_satisfied(s, s->classes[nth], 0))
			return false;
	return true;
}

/* Gives the NTH class and those after it GPUs of the kinds that are from NEXT on in the
 * order of their use for others: as many as it needs of the first ones, and fewer where
 * that leaves the others with too little. */
static bool assign(struct search *s, size_t nth, size_t next)
{
	size_t class = s->classes[nth];
	struct mix_gpu *gpu;

	if (nth == s->n_classes)
		return true;
	if (++s->nodes > MAX_NODES) {
		s->gave_up = true;
		return false;
	}
	if (satisfied(s, class))
		return others_can_be(s, nth + 1) && assign(s, nth + 1, 0);
	while (next < s->n_gpus && !usable(s, class, next))
		next++;
	if (next == s->n_gpus || !can_be_satisfied(s, class, next))
		return false;
	gpu = &s->gpus[s->gpus[next].order];
	while (gpu->left && !satisfied(s, class)) {
		gpu->left--;
		gpu->use[class]++;
	}
	for (;;) {
		if (assign(s, nth, next + 1))
			return true;
		if (s->gave_up || !gpu->use[class])
			break;
		gpu->use[class]--;
		gpu->left++;
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

static uint64_t worth(const struct search *s, size_t gpu)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < s->n; i++)
		sum += s->gpus[gpu].room[i];
	return sum;
}

/* Those first that are worth least to others, and the classes that need most of a GPU. */
static void find_order(struct search *s)
{
	size_t i, j;

	for (i = 0; i < s->n_gpus; i++) {
		for (j = i; j > 0 && worth(s, s->gpus[j - 1].order) > worth(s, i); j--)
			s->gpus[j].order = s->gpus[j - 1].order;
		s->gpus[j].order = i;
	}
	s->n_classes = 0;
	for (i = 0; i < s->n; i++) {
		if (s->class_of[i] != i)
			continue;
		for (j = s->n_classes++; j > 0; j--) {
			if (s->size_mib[s->classes[j - 1]] >= s->size_mib[i])
				break;
			s->classes[j] = s->classes[j - 1];
		}
		s->classes[j] = i;
	}
}

/* Would CLASS fit if nothing else was wanted?  What cannot be told counts as no. */
static bool fits_alone(struct search *s, size_t class)
{
	size_t i, n = 0;

	for (i = 0; i < MIX_MAX_ITEMS; i++)
		n += is_member(s->members[class], i);
	if (n <= MAX_CLASS)
		return can_be_satisfied(s, class, 0);
	s->gave_up = true;
	return false;
}

/* Are the demands of the first N items satisfiable?  Leaves in USE how. */
static bool solve(struct search *s, size_t n)
{
	size_t i;

	s->n = n;
	s->nodes = 0;
	s->gave_up = false;
	find_kinds(s);
	settle(s);
	find_order(s);
	for (i = 0; i < s->n_classes; i++)
		if (!fits_alone(s, s->classes[i]))
			return false;
	return assign(s, 0, 0);
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

/* Can what is still demanded of CLASS go to those of its GPUs that have not had theirs,
 * and to GPU, which has been given USED and takes more of the items in OPEN only? */
static bool rest_fits(const struct search *s, size_t class, const struct mix_gpu *gpu,
		      uint32_t used, size_t open)
{
	size_t all = s->members[class], set, i;

	for (set = all; set; set = (set - 1) & all) {
		uint32_t here = rank(s, gpu->room, set & open);
		uint64_t sum = here > used ? here - used : 0;

		for (i = 0; i < s->n_gpus; i++)
			if (s->gpus[i].class == class)
				sum += rank(s, s->gpus[i].room, set);
		if (sum < demanded(s, set))
			return false;
	}
	return true;
}

/* Gives one GPU as much as leaves to the others of its class what they can take. */
static void give(struct search *s, struct mix_gpu *gpu)
{
	size_t class = gpu->class, open = s->members[class];
	uint32_t used = 0;

	gpu->class = MIX_MAX_ITEMS;
	while (open) {
		size_t i = least_room(s, gpu, open);
		uint32_t x = gpu->room[i] > used ? gpu->room[i] - used : 0;

		if (x > s->demand[i])
			x = s->demand[i];
		open &= ~((size_t)1 << i);
		s->demand[i] -= x;
		while (x > 0 && !rest_fits(s, class, gpu, used + x, open)) {
			s->demand[i]++;
			x--;
		}
		gpu->given[i] = x;
		used += x;
	}
}

/* Turns how many GPUs of each kind are used for a class into who gets what. */
static void hand_out(struct search *s, const struct usage *usage)
{
	size_t i, class;
	int pass;

	for (i = 0; i < s->n_gpus; i++) {
		struct mix_gpu *first = &s->gpus[s->gpus[i].kind];

		for (class = 0; class < s->n && !first->use[class];)
			class ++;
		s->gpus[i].class = class < s->n ? class : MIX_MAX_ITEMS;
		if (class < s->n)
			first->use[class]--;
	}
	for (pass = 0; pass < 2; pass++) /* to empty ones what is left */
		for (i = 0; i < s->n_gpus; i++)
			if ((usage->gpus[i].n_vgpus ? 0 : 1) == pass &&
			    s->gpus[i].class < s->n)
				give(s, &s->gpus[i]);
}

/* The framebuffer of PROFILE, which is the same on every GPU; 0 where no GPU tells. */
static uint32_t size_of(const struct host *host, const char *profile)
{
	size_t i;

	for (i = 0; i < host->n_gpus; i++) {
		const struct vgpu_type *type =
			catalog_find(host->gpus[i].catalog, profile);

		if (type && type->framebuffer_mib)
			return type->framebuffer_mib;
	}
	return 0;
}

static void find_rooms(const struct host *host, const struct usage *usage,
		       const struct mix_item *items, size_t n, struct search *s)
{
	enum limit limit;
	size_t i, j;

	for (j = 0; j < n; j++) {
		uint32_t size_mib = size_of(host, items[j].profile);

		for (i = 0; i < host->n_gpus; i++) {
			const struct vgpu_type *type =
				catalog_find(host->gpus[i].catalog, items[j].profile);

			s->gpus[i].given[j] = 0;
			s->gpus[i].room[j] =
				type && type->framebuffer_mib == size_mib
					? alloc_room(host, usage, i, items[j].profile,
						     &limit)
					: 0;
		}
		s->members[j] = 0;
		s->size_mib[j] = size_mib;
		for (i = 0; i < j; i++) /* of one size, whatever the board */
			if (s->size_mib[i] == size_mib)
				break;
		s->class_of[j] = i;
		s->members[i] |= (size_t)1 << j;
	}
}

/* How many of item I fit beside those before it; fewer than COUNT do. */
static uint32_t most_of(struct search *s, size_t i, uint32_t count)
{
	uint32_t low = 0, high = count;

	while (high - low > 1) {
		s->demand[i] = low + (high - low) / 2;
		if (solve(s, i + 1))
			low = s->demand[i];
		else
			high = s->demand[i];
	}
	return low;
}

void mix_fit(const struct host *host, const struct usage *usage,
	     const struct mix_item *items, size_t n, struct mix_gpu *gpus,
	     struct mix_result *ret)
{
	struct search s = { .gpus = gpus, .n_gpus = host->n_gpus };
	size_t i;

	*ret = (struct mix_result){ .fits = true, .unfit = n };
	find_rooms(host, usage, items, n, &s);
	for (i = 0; i < n && ret->fits; i++) {
		s.demand[i] = items[i].count;
		ret->fits = solve(&s, i + 1);
	}
	if (!ret->fits) {
		ret->unfit = i - 1;
		ret->gave_up = s.gave_up;
		ret->taken = most_of(&s, i - 1, items[i - 1].count);
		s.demand[i - 1] = ret->taken;
		(void)solve(&s, i); /* as it was found to fit, or with nothing of it */
	}
	if (i)
		hand_out(&s, usage);
}

bool mix_take(const struct host *host, struct usage *usage, const struct mix_item *items,
	      size_t n, const struct mix_gpu *gpus)
{
	size_t i, j, k;

	for (i = 0; i < host->n_gpus; i++) {
		bool done[MIX_MAX_ITEMS] = { false };

		for (k = 0; k < n; k++) { /* those of least room first */
			struct alloc_request request = { .gpu = &host->gpus[i].bdf,
							 .numa_node = -1 };
			struct placement placement;
			size_t least = n;
			uint32_t left;

			for (j = 0; j < n; j++)
				if (!done[j] &&
				    (least == n || gpus[i].room[j] < gpus[i].room[least]))
					least = j;
			done[least] = true;
			request.profile = items[least].profile;
			for (left = gpus[i].given[least]; left; left--) {
				if (!alloc_place(host, usage, &request, &placement))
					return false;
				alloc_take(host, usage, &placement);
			}
		}
	}
	return true;
}
