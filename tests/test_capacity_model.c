/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Capacity against a driver in miniature, which knows nothing of the allocator: what is
 * promised is how many vGPUs can be made one after the other until the next one fails. */
#include "core/alloc.h"
#include "model/type_table.h"

#include <stdlib.h>

#include "lib/check.h"

#define N_STATES 4000
#define MAX_GPUS 6
#define MAX_VFS 32
#define MAX_HELD 40 /* on one GPU */
#define MAX_TYPES 64

enum kind { KIND_MDEV, KIND_VFIO, KIND_PF, N_KINDS };

/* What takes a place: the driver knows of it, or only the record does, or both. */
struct held {
	const struct vgpu_type *type;
	int vf;	       /* -1: on the PF */
	int record_vf; /* -2: no record names it */
	bool live, stuck;
};

/* A GPU as the driver and the record have it. */
struct card {
	enum kind kind;
	struct catalog *catalog;
	int n_vfs;
	bool shows_types[MAX_VFS];
	bool excluded, passed_through, refuses;
	uint32_t less; /* a PF's driver takes so many less than arithmetic has it */
	struct held held[MAX_HELD];
	int n_held;
};

/* Of one board, all time-sliced types that are known in full. */
static struct catalog *catalog_of(const char *board)
{
	struct catalog *catalog = calloc(1, sizeof(*catalog));
	size_t i;

	assert_non_null(catalog);
	catalog->refs = 1;
	catalog->types = calloc(MAX_TYPES, sizeof(*catalog->types));
	assert_non_null(catalog->types);
	for (i = 0; i < type_table_size(); i++) {
		const struct known_type *known = type_table_at(i);
		struct vgpu_type *type = &catalog->types[catalog->n_types];
		struct profile profile;

		if (!profile_parse(known->name, &profile) || profile.slices ||
		    strcmp(profile.board, board) || !known->framebuffer_mib ||
		    !known->max_instances)
			continue;
		assert_in_range(catalog->n_types, 0, MAX_TYPES - 1);
		assert_true(vgpu_type_parse((uint32_t)(i + 1), known->name, "", type));
		type_table_complete(type);
		catalog->n_types++;
	}
	if (catalog->n_types < 2)
		fail_msg("the table has no types of %s", board);
	return catalog;
}

/* --- the driver in miniature */

/* Does anybody have this VF, by the kernel or by the record? */
static bool vf_is_taken(const struct card *card, int vf)
{
	int i;

	for (i = 0; i < card->n_held; i++)
		if ((card->held[i].live && card->held[i].vf == vf) ||
		    card->held[i].record_vf == vf)
			return true;
	return false;
}

/* One more of TYPE, as an operator makes it who heeds the record. */
static bool make_one(struct card *card, const struct vgpu_type *type)
{
	int i, vf = -1;

	if (card->excluded || card->passed_through || card->refuses)
		return false;
	if ((uint32_t)card->n_held + card->less >= type->max_instances)
		return false;
	for (i = 0; i < card->n_held; i++)
		if (card->held[i].type->framebuffer_mib != type->framebuffer_mib)
			return false;
	if (card->kind != KIND_PF) {
		for (vf = 0; vf < card->n_vfs; vf++)
			if (card->shows_types[vf] && !vf_is_taken(card, vf))
				break;
		if (vf == card->n_vfs)
			return false;
	}
	assert_in_range(card->n_held, 0, MAX_HELD - 1);
	card->held[card->n_held++] = (struct held){ type, vf, -2, true, false };
	return true;
}

static uint32_t make_until_it_fails(const struct card *cards, size_t n,
				    const char *profile)
{
	uint32_t made = 0;
	size_t i, j;

	for (i = 0; i < n; i++) {
		struct card card = cards[i];

		for (j = 0; j < card.catalog->n_types; j++)
			if (!strcmp(card.catalog->types[j].profile, profile))
				break;
		while (j < card.catalog->n_types &&
		       make_one(&card, &card.catalog->types[j]))
			made++;
	}
	return made;
}

/* available_instances: of a PF the count, on a free VF 1 or 0. The driver does not know
 * the record. */
static uint32_t available(const struct card *card, const struct vgpu_type *type)
{
	uint32_t live = 0;
	int i;

	for (i = 0; i < card->n_held; i++) {
		if (!card->held[i].live)
			continue;
		live++;
		if (card->held[i].type->framebuffer_mib != type->framebuffer_mib)
			return 0;
	}
	if (card->refuses || live + card->less >= type->max_instances)
		return 0;
	return card->kind == KIND_PF ? type->max_instances - live - card->less : 1;
}

/* --- random states */

static const struct {
	const char *board;
	bool is_parent; /* from before SR-IOV */
	int n_vfs;
} boards[] = {
	{ "A40", false, 32 },  { "A16", false, 16 },  { "A2", false, 16 },
	{ "A10", false, 32 },  { "L4", false, 32 },   { "L40S", false, 32 },
	{ "A100", false, 20 }, { "H100", false, 20 }, { "T4", true, 0 },
	{ "V100", true, 0 },
};
static struct catalog *catalogs[ARRAY_SIZE_OF(boards)];

static void fill_card(struct card *card, uint32_t *dice)
{
	size_t board = random_below(dice, ARRAY_SIZE_OF(boards));
	const struct vgpu_type *type;
	uint32_t n, size_mib;
	int i;

	memset(card, 0, sizeof(*card));
	card->catalog = catalogs[board];
	card->kind = boards[board].is_parent ? KIND_PF
					     : (enum kind)random_below(dice, KIND_PF);
	if (card->kind != KIND_PF)
		card->n_vfs =
			random_below(dice, 3)
				? boards[board].n_vfs
				: (int)random_below(dice, (uint32_t)boards[board].n_vfs);
	for (i = 0; i < card->n_vfs; i++)
		card->shows_types[i] = random_below(dice, 20) > 0;
	card->excluded = !random_below(dice, 12);
	card->passed_through = !random_below(dice, 12);
	card->refuses = !random_below(dice, 12);
	if (card->kind == KIND_PF && !random_below(dice, 4))
		card->less = 1 + random_below(dice, 3);
	type = &card->catalog
			->types[random_below(dice, (uint32_t)card->catalog->n_types)];
	size_mib = type->framebuffer_mib;
	n = random_below(dice, 2) ? random_below(dice, type->max_instances + 1) : 0;
	while (n--) {
		struct held h = { .vf = -1, .record_vf = -2 };
		uint32_t how = random_below(dice, 6);

		/* the series may differ, the size may not, as the driver sees to it; what
		 * is on record and not live may have any */
		do {
			h.type = &card->catalog->types[random_below(
				dice, (uint32_t)card->catalog->n_types)];
		} while (h.type->framebuffer_mib != size_mib &&
			 (how || random_below(dice, 50)));
		for (i = 0; i < card->n_vfs; i++)
			if (card->shows_types[i] && !vf_is_taken(card, i))
				break;
		if (card->kind != KIND_PF && i == card->n_vfs)
			return;
		h.vf = card->kind == KIND_PF ? -1 : i;
		h.live = how > 0;
		h.stuck = how == 1;
		if (how < 4)
			h.record_vf = h.vf;
		if (how == 3 && card->kind == KIND_MDEV && i + 1 < card->n_vfs &&
		    !vf_is_taken(card, i + 1))
			h.record_vf = i + 1; /* it lives elsewhere than on record */
		card->held[card->n_held++] = h;
	}
}

/* --- the same as the program sees it */

static struct bdf address(size_t gpu, int vf)
{
	unsigned at = vf < 0 ? 0 : 4 + (unsigned)vf;

	return (struct bdf){ 0, (uint8_t)(0x10 * (gpu + 1)), (uint8_t)(at / 8),
			     (uint8_t)(at % 8) };
}

struct seen {
	struct host host;
	struct gpu gpus[MAX_GPUS];
	struct parent parents[MAX_GPUS * MAX_VFS];
	uint32_t parents_by_bdf[MAX_GPUS * MAX_VFS];
	struct live_vgpu live[MAX_GPUS * MAX_HELD];
	uint32_t available[MAX_GPUS][MAX_TYPES];
	struct saved_vgpu saved[MAX_GPUS * MAX_HELD];
	size_t n_saved;
	struct gpu_usage usage_gpus[MAX_GPUS];
	bool taken[MAX_GPUS * MAX_VFS];
	struct usage usage;
};

static void see_held(struct seen *s, size_t gpu, const struct card *card, int index)
{
	const struct held *h = &card->held[index];
	enum framework framework =
		card->kind == KIND_VFIO ? FRAMEWORK_VFIO : FRAMEWORK_MDEV;
	char uuid[UUID_SIZE];

	(void)snprintf(uuid, sizeof(uuid), "00000000-0000-0000-%04x-0000%08x",
		       (unsigned)gpu & 0xffff, (unsigned)index);
	if (h->live) {
		struct live_vgpu *live = &s->live[s->host.n_live++];

		*live = (struct live_vgpu){ .parent = address(gpu, h->vf),
					    .gpu = (int)gpu,
					    .framework = framework,
					    .stuck = h->stuck };
		if (framework == FRAMEWORK_MDEV || h->record_vf > -2)
			strcpy(live->uuid, uuid);
		/* where it is on record, the kernel need not say what hangs there */
		if (!h->stuck || h->record_vf == -2) {
			strcpy(live->type_name, h->type->name);
			live->type_id = h->type->id;
			live->framebuffer_mib = h->type->framebuffer_mib;
		}
	}
	if (h->record_vf > -2) {
		struct saved_vgpu *saved = &s->saved[s->n_saved++];

		*saved = (struct saved_vgpu){ .gpu = address(gpu, -1),
					      .vf = address(gpu, h->record_vf),
					      .framework = framework,
					      .framebuffer_mib = h->type->framebuffer_mib,
					      .state = index % 2 ? SAVED_STOPPED
								 : SAVED_ACTIVE };
		strcpy(saved->uuid, uuid);
		strcpy(saved->profile, h->type->profile);
	}
}

static void see_card(struct seen *s, size_t index, const struct card *card, bool asked)
{
	struct gpu *gpu = &s->gpus[index];
	int i, n = card->kind == KIND_PF ? 1 : card->n_vfs;
	size_t j;

	*gpu = (struct gpu){ .bdf = address(index, -1),
			     .numa_node = -1,
			     .total_vfs = card->kind == KIND_PF ? 0 : MAX_VFS,
			     .first_parent = s->host.n_parents,
			     .n_parents = (size_t)n,
			     .is_parent = card->kind == KIND_PF,
			     .excluded = card->excluded,
			     .catalog = card->catalog };
	strcpy(gpu->driver, card->passed_through ? "vfio-pci" : "nvidia");
	for (i = 0; i < n; i++)
		s->parents[s->host.n_parents++] = (struct parent){
			.bdf = address(index, card->kind == KIND_PF ? -1 : i),
			.index = (uint32_t)i,
			.gpu = (uint32_t)index,
			.framework = card->kind != KIND_PF && !card->shows_types[i]
					     ? FRAMEWORK_NONE
				     : card->kind == KIND_VFIO ? FRAMEWORK_VFIO
							       : FRAMEWORK_MDEV
		};
	for (i = 0; i < card->n_held; i++)
		see_held(s, index, card, i);
	if (!asked && !card->refuses && !card->less)
		return;
	gpu->available = s->available[index];
	for (j = 0; j < card->catalog->n_types; j++)
		gpu->available[j] = available(card, &card->catalog->types[j]);
}

static void see(struct seen *s, const struct card *cards, size_t n, bool asked)
{
	size_t i;

	memset(s, 0, sizeof(*s));
	s->host.gpus = s->gpus;
	s->host.parents = s->parents;
	s->host.parents_by_bdf = s->parents_by_bdf;
	s->host.live = s->live;
	s->host.n_gpus = n;
	for (i = 0; i < n; i++)
		see_card(s, i, &cards[i], asked);
	host_sort(&s->host);
	for (i = 0; i < s->host.n_live; i++) {
		const struct parent *at = host_find_parent(&s->host, &s->live[i].parent);

		s->live[i].at = at ? (int)(at - s->parents) : -1;
	}
	/* of a GPU that is gone */
	s->saved[s->n_saved] = (struct saved_vgpu){ .gpu = address(14, -1),
						    .vf = address(14, 0),
						    .framebuffer_mib = 4096,
						    .state = SAVED_ACTIVE };
	strcpy(s->saved[s->n_saved++].uuid, "00000000-0000-0000-ffff-000000000000");
	s->usage = (struct usage){ s->usage_gpus, s->taken };
	usage_fill(&s->host, s->saved, s->n_saved, &s->usage);
}

static void capacity_is_how_many_can_be_made_until_one_fails(void **state)
{
	static struct card cards[MAX_GPUS];
	static struct seen seen;
	uint32_t seed, answers = 0, not_zero = 0, kinds[N_KINDS] = { 0 };
	size_t i, j, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(boards); i++)
		catalogs[i] = catalog_of(boards[i].board);
	for (seed = 1; seed <= N_STATES; seed++) {
		uint32_t dice = seed * 2654435761u;
		size_t n = 1 + random_below(&dice, MAX_GPUS);

		for (i = 0; i < n; i++) {
			fill_card(&cards[i], &dice);
			kinds[cards[i].kind]++;
		}
		see(&seen, cards, n, random_below(&dice, 2));
		for (i = 0; i < ARRAY_SIZE_OF(boards); i++)
			for (j = 0; j < catalogs[i]->n_types; j++) {
				const char *profile = catalogs[i]->types[j].profile;
				uint32_t want = make_until_it_fails(cards, n, profile),
					 got = 0;
				enum limit limit;

				for (k = 0; k < n; k++)
					got += alloc_room(&seen.host, &seen.usage, k,
							  profile, &limit);
				if (got != want)
					fail_msg("seed %u: %u of %s promised, %u made",
						 seed, got, profile, want);
				answers++;
				not_zero += want > 0;
			}
	}
	for (i = 0; i < ARRAY_SIZE_OF(boards); i++)
		catalog_unref(catalogs[i]);
	print_message("%u states (%u GPUs with mdev, %u with vendor VFIO, %u that are "
		      "parents), %u answers, %u of them not 0\n",
		      seed - 1, kinds[KIND_MDEV], kinds[KIND_VFIO], kinds[KIND_PF],
		      answers, not_zero);
	assert_in_range(not_zero, N_STATES, answers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(capacity_is_how_many_can_be_made_until_one_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
