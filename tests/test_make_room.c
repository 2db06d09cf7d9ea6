/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/make_room.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/fake.h"

#define MAX_GPUS 8
#define MAX_VFS 64
#define MAX_VGPUS 256 /* as many as a fake host takes */

struct scene {
	struct host *host;
	struct gpu_usage gpus[MAX_GPUS];
	bool taken[MAX_GPUS * MAX_VFS];
	struct usage usage;
	struct room_vgpu vgpus[MAX_VGPUS];
	size_t n;
	struct room_result result;
};

static void open_scene(struct scene *s, size_t n_gpus, size_t n_vfs)
{
	memset(s, 0, sizeof(*s));
	s->host = fake_host(n_gpus, n_vfs);
	s->usage = (struct usage){ s->gpus, s->taken };
}

static void put(struct scene *s, size_t gpu, int vf, const char *profile, bool movable)
{
	struct room_vgpu *v = &s->vgpus[s->n++];

	fake_live(s->host, (uint32_t)s->n, gpu, vf, profile);
	*v = (struct room_vgpu){ .gpu = gpu,
				 .size_mib = fake_type(profile)->framebuffer_mib,
				 .movable = movable,
				 .framework = gpu_framework(s->host, &s->host->gpus[gpu]),
				 .has_vf = true };
	(void)snprintf(v->profile, sizeof(v->profile), "%s", profile);
}

static void search(struct scene *s, const char *profile)
{
	fake_ready(s->host);
	usage_fill(s->host, NULL, 0, &s->usage);
	make_room(s->host, &s->usage, profile, s->vgpus, s->n, &s->result);
}

static void the_gpu_with_least_to_move_is_emptied(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, 3, 16);
	put(&s, 0, 0, "A40-4Q", true);
	put(&s, 0, 1, "A40-4A", true);
	put(&s, 1, 0, "A40-4Q", true);
	put(&s, 2, 0, "A40-24A", false);
	search(&s, "A40-48Q");
	assert_true(s.result.found);
	assert_int_equal(s.result.n_moves, 1);
	assert_int_equal(s.result.gpu, 1);
	assert_int_equal(s.vgpus[2].to, 0);
	assert_int_equal(s.vgpus[0].to, 0);
	host_free(s.host);
}

static void what_is_in_use_or_foreign_stays(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, 3, 16);
	put(&s, 0, 0, "A40-4Q", true);
	put(&s, 0, 1, "A40-4A", true);
	put(&s, 1, 0, "A40-4Q", false);
	put(&s, 2, 0, "A40-24A", false);
	search(&s, "A40-48Q");
	assert_true(s.result.found);
	assert_int_equal(s.result.n_moves, 2);
	assert_int_equal(s.result.gpu, 0);
	assert_int_equal(s.vgpus[0].to, 1);
	s.vgpus[1].movable = false;
	search(&s, "A40-48Q");
	assert_false(s.result.found);
	assert_false(s.result.gave_up);
	assert_int_equal(s.vgpus[0].to, 0);
	host_free(s.host);
}

/* There, the only free VF is on a GPU of another framework. */
static void nothing_moves_to_another_framework(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, 2, 1);
	s.host->parents[1].framework = FRAMEWORK_VFIO;
	put(&s, 0, 0, "A40-4Q", true);
	search(&s, "A40-48Q");
	assert_true(s.result.found);
	assert_int_equal(s.result.n_moves, 0); /* GPU 1 is empty */
	put(&s, 1, 0, "A40-24A", false);
	search(&s, "A40-48Q");
	assert_false(s.result.found);
	host_free(s.host);
}

/* The 24 GB one goes to where the 4 GB one was, which has another place to go. */
static void moves_may_depend_on_each_other(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, 3, 16);
	put(&s, 0, 0, "A40-24A", true);
	put(&s, 1, 0, "A40-4Q", true);
	put(&s, 2, 0, "A40-4Q", false);
	search(&s, "A40-2B");
	assert_true(s.result.found);
	assert_int_equal(s.result.n_moves, 1);
	s.vgpus[1].movable = false;
	search(&s, "A40-2B");
	assert_false(s.result.found);
	host_free(s.host);
}

/* With every GPU full there is no way, and much to be tried; with room on each there is
 * one that is found at once. */
static void large_hosts_are_answered(void **state)
{
	struct scene s;
	size_t i;

	(void)state;
	open_scene(&s, MAX_GPUS, 32);
	for (i = 0; i < 12 * (MAX_GPUS - 1); i++)
		put(&s, i / 12, (int)(i % 12), "A40-4Q", true);
	for (i = 0; i < 8; i++)
		put(&s, MAX_GPUS - 1, (int)i, "A40-2B", true);
	search(&s, "A40-48Q");
	assert_false(s.result.found);
	s.n = 0;
	s.host->n_live = 0;
	for (i = 0; i < 10 * MAX_GPUS; i++)
		put(&s, i / 10, (int)(i % 10), "A40-4Q", true);
	search(&s, "A40-48Q");
	assert_true(s.result.found);
	assert_int_equal(s.result.n_moves, 10);
	host_free(s.host);
}

/* May PROFILE be on GPU at all, on a fake host?  Not so on one that is excluded. */
static bool may_be_on(const struct scene *s, const struct gpu *gpu)
{
	return !gpu->excluded && gpu_framework(s->host, gpu);
}

/* Is GPU in order once all is where TO says, and one of PROFILE on TARGET? */
static bool in_order(const struct scene *s, size_t gpu, const size_t *to,
		     const char *profile, size_t target)
{
	uint32_t n = 0, arrived = 0, left = 0, size_mib = 0, max = UINT32_MAX;
	size_t i;

	for (i = 0; i <= s->n; i++) {
		const struct room_vgpu *v = &s->vgpus[i];
		bool new = i == s->n || v->gpu != gpu;
		const struct vgpu_type *type =
			fake_type(i == s->n ? profile : v->profile);

		left += i < s->n && v->gpu == gpu && to[i] != gpu;
		if ((i == s->n ? target : to[i]) != gpu)
			continue;
		n++;
		arrived += new;
		if (new &&
		    (!may_be_on(s, &s->host->gpus[gpu]) ||
		     (i < s->n &&
		      v->framework != gpu_framework(s->host, &s->host->gpus[gpu]))))
			return false;
		if (new && type->max_instances < max)
			max = type->max_instances;
		if (size_mib && size_mib != type->framebuffer_mib)
			size_mib = UINT32_MAX;
		else
			size_mib = type->framebuffer_mib;
	}
	return !arrived || (size_mib != UINT32_MAX && n <= max &&
			    arrived <= left + s->gpus[gpu].n_free);
}

/* The least number of moves, of all ways there are; -1 if none makes room. */
static int fewest(const struct scene *s, const char *profile)
{
	size_t to[MAX_VGPUS] = { 0 }, i, target;
	int best = -1;

	for (;;) {
		int n = 0;
		bool allowed = true;

		for (i = 0; i < s->n; i++) {
			n += to[i] != s->vgpus[i].gpu;
			allowed = allowed &&
				  (to[i] == s->vgpus[i].gpu || s->vgpus[i].movable);
		}
		for (target = 0; target < s->host->n_gpus && allowed; target++) {
			bool fine = best < 0 || n < best;

			for (i = 0; i < s->host->n_gpus && fine; i++)
				fine = in_order(s, i, to, profile, target);
			if (fine)
				best = n;
		}
		for (i = 0; i < s->n && ++to[i] == s->host->n_gpus; i++)
			to[i] = 0;
		if (i == s->n)
			return best;
	}
}

static void check_result(struct scene *s, const char *profile, uint32_t seed)
{
	int want = fewest(s, profile),
	    got = s->result.found ? (int)s->result.n_moves : -1;
	size_t to[MAX_VGPUS], i;
	int n = 0;

	if (got != want || s->result.gave_up)
		fail_msg("seed %u: %d moves for %s; the least is %d", seed, got, profile,
			 want);
	for (i = 0; i < s->n; i++) {
		to[i] = s->vgpus[i].to;
		n += to[i] != s->vgpus[i].gpu;
		if (to[i] != s->vgpus[i].gpu && !s->vgpus[i].movable)
			fail_msg("seed %u: vGPU %zu cannot move", seed, i);
	}
	if (n != (got < 0 ? 0 : got))
		fail_msg("seed %u: %d moves, %d are promised", seed, n, got);
	for (i = 0; i < s->host->n_gpus && got >= 0; i++)
		if (!in_order(s, i, to, profile, s->result.gpu))
			fail_msg("seed %u: GPU %zu is not in order then", seed, i);
}

static void no_way_needs_fewer_moves(void **state)
{
	static const char *const profiles[] = { "A40-48Q", "A40-24A", "A40-4Q",
						"A40-4A" };
	uint32_t seed, moved[MAX_VGPUS] = { 0 }, none = 0;

	(void)state;
	for (seed = 1; seed <= 2000; seed++) {
		uint32_t dice = seed * 2654435761u;
		const char *profile = profiles[random_below(&dice, 8) / 3];
		size_t i, n_gpus = 2 + random_below(&dice, 3);
		struct scene s;

		open_scene(&s, n_gpus, 4);
		for (i = 0; i < s.host->n_parents; i++)
			if (s.host->parents[i].gpu == n_gpus - 1 && seed % 3 == 0)
				s.host->parents[i].framework = FRAMEWORK_VFIO;
		for (i = 0; i < s.host->n_parents && s.n < 7; i++) {
			const struct parent *vf = &s.host->parents[i];

			if (!vf->index || !random_below(&dice, 4))
				put(&s, vf->gpu, (int)vf->index,
				    profiles[1 +
					     (vf->gpu + random_below(&dice, 5) / 4) % 3],
				    random_below(&dice, 5) > 0);
		}
		s.host->gpus[0].excluded = !random_below(&dice, 6);
		search(&s, profile);
		check_result(&s, profile, seed);
		if (s.result.found)
			moved[s.result.n_moves]++;
		else
			none++;
		host_free(s.host);
	}
	print_message("%u hosts: %u with room, %u after one move, %u after two, %u after "
		      "three, %u without a way\n",
		      seed - 1, moved[0], moved[1], moved[2], moved[3], none);
	assert_true(moved[0] && moved[1] && moved[2] && none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_gpu_with_least_to_move_is_emptied),
		cmocka_unit_test(what_is_in_use_or_foreign_stays),
		cmocka_unit_test(nothing_moves_to_another_framework),
		cmocka_unit_test(moves_may_depend_on_each_other),
		cmocka_unit_test(large_hosts_are_answered),
		cmocka_unit_test(no_way_needs_fewer_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
