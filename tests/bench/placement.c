/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much room each placement policy keeps: random requests that come and go, the same
 * for each policy, and for small hosts what is the best that can be done at all. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "model/type_table.h"
#include "util/cleanup.h"

#define N_VFS 32 /* of an A40 */
#define N_SEEDS 10
#define MAX_REQUESTS 8000

static const char *const profiles[] = { "A40-1Q",  "A40-2Q",  "A40-4Q", "A40-8Q",
					"A40-12Q", "A40-24Q", "A40-48Q" };
#define N_PROFILES ARRAY_SIZE(profiles)
#define LARGEST (N_PROFILES - 1)

/* First-fit is none of ours: the lowest address that has room. */
enum { BREADTH = POLICY_BREADTH, DEPTH = POLICY_DEPTH, FIT = POLICY_FIT, FIRST, N_WAYS };
/* order of columns */
static const int shown[] = { FIRST, BREADTH, DEPTH, FIT };

struct mix {
	const char *name;
	bool large; /* large profiles are a good part of it */
	double weights[N_PROFILES];
};

static const struct mix mixes[] = {
	{ "desktops", false, { 50, 35, 15, 0, 0, 0, 0 } },
	{ "workstations", false, { 0, 0, 40, 35, 25, 0, 0 } },
	{ "each size", true, { 1, 1, 1, 1, 1, 1, 1 } },
	{ "large", true, { 0, 0, 0, 0, 20, 40, 40 } },
	{ "extremes", true, { 0, 90, 0, 0, 0, 0, 10 } },
};
static const double loads[] = { 0.8, 0.9, 1.0 };

static uint64_t seed_state;

static double random_unit(void)
{
	seed_state ^= seed_state << 13;
	seed_state ^= seed_state >> 7;
	seed_state ^= seed_state << 17;
	return ((double)(seed_state >> 11) + 0.5) / 9007199254740992.0;
}

static void *need(void *ptr)
{
	if (!ptr) {
		fputs("placement: out of memory\n", stderr);
		exit(1);
	}
	return ptr;
}

/* --- hosts of A40s */

struct scene {
	struct host host;
	struct usage usage;
	struct catalog catalog;
	struct vgpu_type types[N_PROFILES];
};

static void open_scene(struct scene *s, size_t n_gpus)
{
	size_t i, j;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < N_PROFILES; i++) {
		(void)vgpu_type_parse((uint32_t)i + 1, profiles[i], "", &s->types[i]);
		type_table_complete(&s->types[i]);
	}
	s->catalog = (struct catalog){ .types = s->types, .n_types = N_PROFILES };
	s->host.n_gpus = n_gpus;
	s->host.n_parents = n_gpus * N_VFS;
	s->host.gpus = need(calloc(n_gpus, sizeof(*s->host.gpus)));
	s->host.parents = need(calloc(s->host.n_parents, sizeof(*s->host.parents)));
	s->usage.gpus = need(calloc(n_gpus, sizeof(*s->usage.gpus)));
	s->usage.taken = need(calloc(s->host.n_parents, sizeof(*s->usage.taken)));
	for (i = 0; i < n_gpus; i++) {
		s->host.gpus[i] = (struct gpu){ .bdf = { .bus = (uint8_t)(i + 1) },
						.driver = "nvidia",
						.numa_node = -1,
						.total_vfs = N_VFS,
						.first_parent = i * N_VFS,
						.n_parents = N_VFS,
						.catalog = &s->catalog };
		for (j = 0; j < N_VFS; j++)
			s->host.parents[i * N_VFS + j] =
				(struct parent){ .bdf = { .bus = (uint8_t)(i + 1),
							  .device = (uint8_t)(j / 8 + 1),
							  .function = (uint8_t)(j % 8) },
						 .index = (uint32_t)j,
						 .gpu = (uint32_t)i,
						 .framework = FRAMEWORK_MDEV };
	}
	usage_fill(&s->host, NULL, 0, &s->usage);
}

static void close_scene(struct scene *s)
{
	free(s->host.gpus);
	free(s->host.parents);
	free(s->usage.gpus);
	free(s->usage.taken);
}

static bool place(const struct scene *s, int way, size_t profile, struct placement *ret)
{
	struct alloc_request request = { .profile = profiles[profile], .numa_node = -1 };
	enum limit limit;
	size_t i;

	if (way != FIRST) {
		request.policy = (enum policy)way;
		return alloc_place(&s->host, &s->usage, &request, ret);
	}
	for (i = 0; i < s->host.n_gpus; i++)
		if (alloc_room(&s->host, &s->usage, i, profiles[profile], &limit))
			break;
	if (i == s->host.n_gpus)
		return false;
	request.gpu = &s->host.gpus[i].bdf;
	return alloc_place(&s->host, &s->usage, &request, ret);
}

static void give_back(struct scene *s, const struct placement *p)
{
	struct gpu_usage *u = &s->usage.gpus[p->gpu];

	s->usage.taken[p->at] = false;
	u->n_free++;
	u->n_promised--;
	u->used_mib -= p->type->framebuffer_mib;
	if (!--u->n_vgpus)
		u->size_mib = 0;
}

/* --- requests that come and go */

struct request {
	double at, until;
	size_t profile;
};

struct tally {
	double accepted, largest_left, most;
};

/* The part of a GPU that a request of MIX needs on average. */
static double mean_share(const struct mix *mix, const struct vgpu_type *types)
{
	double sum = 0, weight = 0;
	size_t i;

	for (i = 0; i < N_PROFILES; i++) {
		sum += mix->weights[i] / types[i].max_instances;
		weight += mix->weights[i];
	}
	return sum / weight;
}

static size_t random_profile(const struct mix *mix)
{
	double weight = 0, x;
	size_t i;

	for (i = 0; i < N_PROFILES; i++)
		weight += mix->weights[i];
	x = random_unit() * weight;
	for (i = 0; i < N_PROFILES - 1 && x >= mix->weights[i]; i++)
		x -= mix->weights[i];
	return i;
}

/* Requests come at random, and stay for a random time of mean 1, so that on average LOAD
 * of N_GPUS are asked for. Returns how many there are. */
static size_t make_requests(struct request *r, const struct mix *mix, double rate,
			    unsigned seed)
{
	size_t i, n = (size_t)(rate * 8) < 1500 ? 1500 : (size_t)(rate * 8);
	double now = 0;

	if (n > MAX_REQUESTS)
		n = MAX_REQUESTS;
	seed_state = 88172645463325252u ^ ((uint64_t)seed * 0x9e3779b97f4a7c15u);
	for (i = 0; i < 20; i++)
		(void)random_unit();
	for (i = 0; i < n; i++) {
		now -= log(random_unit()) / rate;
		r[i] = (struct request){ now, now - log(random_unit()),
					 random_profile(mix) };
	}
	return n;
}

static void replay(const struct request *requests, size_t n, size_t n_gpus, int way,
		   struct tally *tally)
{
	static struct placement held[MAX_REQUESTS];
	static double until[MAX_REQUESTS];
	size_t i, j, n_held = 0, asked = 0, accepted = 0;
	enum limit limit;
	struct scene s;
	double most = 0;

	open_scene(&s, n_gpus);
	for (i = 0; i < n; i++) {
		uint32_t here = 0;

		for (j = 0; j < n_held;) {
			if (until[j] > requests[i].at) {
				j++;
				continue;
			}
			give_back(&s, &held[j]);
			held[j] = held[--n_held];
			until[j] = until[n_held];
		}
		asked += i >= n / 4; /* the host has filled up by then */
		if (place(&s, way, requests[i].profile, &held[n_held])) {
			alloc_take(&s.host, &s.usage, &held[n_held]);
			until[n_held++] = requests[i].until;
			accepted += i >= n / 4;
		}
		for (j = 0; j < n_gpus; j++)
			if (s.usage.gpus[j].n_vgpus > here)
				here = s.usage.gpus[j].n_vgpus;
		most += here;
	}
	tally->accepted += 100.0 * (double)accepted / (double)asked / N_SEEDS;
	tally->most += most / (double)n / N_SEEDS;
	for (i = 0; i < n_gpus; i++)
		tally->largest_left += (double)alloc_room(&s.host, &s.usage, i,
							  profiles[LARGEST], &limit) /
				       N_SEEDS;
	close_scene(&s);
}

struct worst {
	double against_first, large_sum;
	unsigned n_large, breadth_not_least;
};

static void judge(const struct mix *mix, const struct tally *t, struct worst *w)
{
	double gain = t[FIT].accepted - t[FIRST].accepted;
	int way;

	if (gain < w->against_first)
		w->against_first = gain;
	if (mix->large) {
		w->large_sum += gain;
		w->n_large++;
	}
	for (way = 0; way < N_WAYS; way++)
		if (t[way].most < t[BREADTH].most - 0.005) {
			w->breadth_not_least++;
			break;
		}
}

static void print_row(const struct mix *mix, size_t n_gpus, double load,
		      const struct tally *t)
{
	size_t i;

	printf("| %s | %zu | %.0f |", mix->name, n_gpus, load * 100);
	for (i = 0; i < ARRAY_SIZE(shown); i++)
		printf(" %.2f |", t[shown[i]].accepted);
	for (i = 0; i < ARRAY_SIZE(shown); i++)
		printf(" %.1f |", t[shown[i]].largest_left);
	for (i = 0; i < ARRAY_SIZE(shown); i++)
		printf(" %.1f |", t[shown[i]].most);
	puts("");
	fflush(stdout);
}

static void replay_all(void)
{
	static const size_t sizes[] = { 8, 16, 64 };
	static struct request requests[MAX_REQUESTS];
	struct worst worst = { 0, 0, 0, 0 };
	size_t m, g, l, n;
	unsigned seed;
	int way;

	puts("Requests accepted (%), 48 GB requests that still fit at the end, and the "
	     "most vGPUs\non one GPU, mean over time; each of first-fit, breadth, "
	     "depth, fit.\n");
	puts("| mix | GPUs | load % | acc. first | breadth | depth | fit | 48 GB first | "
	     "breadth | depth | fit | most first | breadth | depth | fit |");
	puts("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
	for (m = 0; m < ARRAY_SIZE(mixes); m++)
		for (g = 0; g < ARRAY_SIZE(sizes); g++)
			for (l = 0; l < ARRAY_SIZE(loads); l++) {
				struct tally t[N_WAYS] = { { 0, 0, 0 } };
				struct scene s;
				double rate;

				open_scene(&s, 1);
				rate = loads[l] * (double)sizes[g] /
				       mean_share(&mixes[m], s.types);
				close_scene(&s);
				for (seed = 1; seed <= N_SEEDS; seed++) {
					n = make_requests(requests, &mixes[m], rate,
							  seed);
					for (way = 0; way < N_WAYS; way++)
						replay(requests, n, sizes[g], way,
						       &t[way]);
				}
				print_row(&mixes[m], sizes[g], loads[l], t);
				judge(&mixes[m], t, &worst);
			}
	printf("\nfit against first-fit: at worst %+.2f points; on mixes with large "
	       "profiles %+.2f on average\n",
	       worst.against_first, worst.large_sum / worst.n_large);
	printf("rows where another policy has fewer vGPUs on its fullest GPU than "
	       "breadth: %u\n\n",
	       worst.breadth_not_least);
}

/* --- small hosts, all of whose states can be looked at */

#define SMALL_GPUS 3
#define MAX_LOCAL 40
#define MAX_STATES 20000
#define STEPS 600

/* What is on one GPU: so many of one profile. */
struct local {
	size_t profile;
	uint32_t n;
	size_t fewer, more[N_PROFILES]; /* MAX_LOCAL: not possible */
};

struct small {
	struct local locals[MAX_LOCAL];
	size_t n_locals, n_states;
	uint32_t most;					    /* vGPUs that a GPU holds */
	signed char choice[N_WAYS][MAX_STATES][N_PROFILES]; /* the GPU; -1: none */
};

static void list_locals(struct small *c, const struct mix *mix, const struct scene *s)
{
	size_t p, q;
	uint32_t n;

	c->n_locals = 1;
	c->most = 0;
	c->locals[0] = (struct local){ .n = 0 };
	for (p = 0; p < N_PROFILES; p++) {
		c->locals[0].more[p] = MAX_LOCAL;
		for (n = 1; mix->weights[p] > 0 && n <= s->types[p].max_instances; n++) {
			struct local *l = &c->locals[c->n_locals];

			*l = (struct local){ .profile = p, .n = n };
			for (q = 0; q < N_PROFILES; q++)
				l->more[q] = MAX_LOCAL;
			if (n == 1)
				c->locals[0].more[p] = c->n_locals;
			else
				c->locals[c->n_locals - 1].more[p] = c->n_locals;
			c->most = n > c->most ? n : c->most;
			l->fewer = n == 1 ? 0 : c->n_locals - 1;
			c->n_locals++;
		}
	}
	c->n_states = c->n_locals * c->n_locals * c->n_locals;
}

static void split(const struct small *c, size_t state, size_t ret[SMALL_GPUS])
{
	size_t i;

	for (i = 0; i < SMALL_GPUS; i++) {
		ret[i] = state % c->n_locals;
		state /= c->n_locals;
	}
}

/* The state after GPU has become LOCAL. */
static size_t with(const struct small *c, const size_t *locals, size_t gpu, size_t local)
{
	size_t i, state = 0;

	for (i = SMALL_GPUS; i-- > 0;)
		state = state * c->n_locals + (i == gpu ? local : locals[i]);
	return state;
}

/* What each policy does in each state: asks the allocator itself. */
static void find_choices(struct small *c, struct scene *s)
{
	size_t state, i, p, at[SMALL_GPUS];
	struct placement placement;
	int way;

	for (state = 0; state < c->n_states; state++) {
		split(c, state, at);
		for (i = 0; i < SMALL_GPUS; i++) {
			const struct local *l = &c->locals[at[i]];
			uint32_t size_mib = s->types[l->profile].framebuffer_mib;

			s->usage.gpus[i] =
				(struct gpu_usage){ .n_vgpus = l->n,
						    .size_mib = l->n ? size_mib : 0,
						    .n_free = N_VFS - l->n };
		}
		for (way = 0; way < N_WAYS; way++)
			for (p = 0; p < N_PROFILES; p++)
				c->choice[way][state][p] =
					place(s, way, p, &placement)
						? (signed char)placement.gpu
						: -1;
	}
}

/* The best that placing one of profile P can lead to, as VALUES are. */
static double best(const struct small *c, const double *values, const size_t *at,
		   size_t state, size_t p, bool may_refuse)
{
	double most = may_refuse ? values[state] : -1;
	size_t i;

	for (i = 0; i < SMALL_GPUS; i++) {
		size_t more = c->locals[at[i]].more[p];
		double value;

		if (more == MAX_LOCAL)
			continue;
		value = 1 + values[with(c, at, i, more)];
		most = value > most ? value : most;
	}
	return most < 0 ? values[state] : most;
}

/* The share of requests that is accepted in the long run: by a policy (WAY), or by what
 * is best in each state, knowing the odds but not the future. By value iteration: each
 * step is a request, one vGPU that goes, or nothing. */
static double long_run(const struct small *c, const struct mix *mix, double rate, int way,
		       bool may_refuse)
{
	static double values[2][MAX_STATES];
	double odds = rate + SMALL_GPUS * (double)c->most, weight = 0, half = 0;
	size_t step, state, i, p, at[SMALL_GPUS];

	for (p = 0; p < N_PROFILES; p++)
		weight += mix->weights[p];
	memset(values, 0, sizeof(values));
	for (step = 0; step < STEPS; step++) {
		const double *v = values[step % 2];
		double *next = values[(step + 1) % 2];

		if (step == STEPS / 2)
			half = v[0];
		for (state = 0; state < c->n_states; state++) {
			double sum = 0, left = 1 - rate / odds;

			split(c, state, at);
			for (p = 0; p < N_PROFILES; p++) {
				double w = rate / odds * mix->weights[p] / weight;
				int to;

				if (mix->weights[p] <= 0)
					continue;
				if (way == N_WAYS) {
					sum += w * best(c, v, at, state, p, may_refuse);
					continue;
				}
				to = c->choice[way][state][p];
				sum += w *
				       (to < 0 ? v[state]
					       : 1 + v[with(c, at, (size_t)to,
							    c->locals[at[to]].more[p])]);
			}
			for (i = 0; i < SMALL_GPUS; i++) {
				const struct local *l = &c->locals[at[i]];

				if (!l->n)
					continue;
				sum += l->n / odds * v[with(c, at, i, l->fewer)];
				left -= l->n / odds;
			}
			next[state] = sum + left * v[state];
		}
	}
	return 100 * (values[STEPS % 2][0] - half) / (STEPS / 2.0 * rate / odds);
}

static void small_cases(void)
{
	static const struct mix cases[] = {
		{ "12 24 48 GB", true, { 0, 0, 0, 0, 20, 40, 40 } },
		{ "8 12 24 48 GB", true, { 0, 0, 0, 25, 25, 25, 25 } },
		{ "4 24 48 GB", true, { 0, 0, 50, 0, 0, 30, 20 } },
		{ "4 48 GB", true, { 0, 0, 80, 0, 0, 0, 20 } },
		{ "4 8 12 GB", false, { 0, 0, 40, 35, 25, 0, 0 } },
	};
	static struct small c;
	double worst = 100;
	size_t m, l, i;

	puts("Three GPUs, in the long run, all states looked at: requests accepted (%). "
	     "Best: the most\nthat any policy reaches that knows the odds, not the "
	     "future, and takes what fits; the last\ncolumn: one that may refuse what "
	     "would fit.\n");
	puts("| mix | load % | first-fit | breadth | depth | fit | best | fit of best % "
	     "| "
	     "best that refuses |");
	puts("|---|---|---|---|---|---|---|---|---|");
	for (m = 0; m < ARRAY_SIZE(cases); m++) {
		struct scene s;

		open_scene(&s, SMALL_GPUS);
		list_locals(&c, &cases[m], &s);
		find_choices(&c, &s);
		for (l = 0; l < ARRAY_SIZE(loads); l++) {
			double rate = loads[l] * SMALL_GPUS /
				      mean_share(&cases[m], s.types),
			       top = long_run(&c, &cases[m], rate, N_WAYS, false), fit;

			printf("| %s | %.0f |", cases[m].name, loads[l] * 100);
			for (i = 0; i < ARRAY_SIZE(shown); i++)
				printf(" %.2f |",
				       long_run(&c, &cases[m], rate, shown[i], false));
			fit = 100 * long_run(&c, &cases[m], rate, FIT, false) / top;
			worst = fit < worst ? fit : worst;
			printf(" %.2f | %.2f | %.2f |\n", top, fit,
			       long_run(&c, &cases[m], rate, N_WAYS, true));
			fflush(stdout);
		}
		close_scene(&s);
	}
	printf("\nfit reaches at worst %.2f %% of the best\n", worst);
}

int main(void)
{
	replay_all();
	small_cases();
	return 0;
}
