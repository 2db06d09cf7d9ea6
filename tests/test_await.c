/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/await.h"

#include "lib/check.h"
#include "lib/fake.h"

/* One letter per vGPU: a active, m missing, c creating, t stuck, s stopped, S stopped
 * with somebody at work on it; x stopped and stuck; in capitals A, M: not chosen. */
static void add(char letter, struct saved_vgpu *v, struct verdict *verdict, bool *chosen)
{
	*v = fake_saved(1, 0, 0, "A40-4Q",
			strchr("sSx", letter) ? SAVED_STOPPED : SAVED_ACTIVE);
	v->in_progress = letter == 'S';
	*chosen = !strchr("AM", letter);
	verdict->state = strchr("aA", letter)	? STATE_ACTIVE
			 : strchr("mM", letter) ? STATE_MISSING
			 : strchr("tx", letter) ? STATE_STUCK
			 : letter == 'c'	? STATE_CREATING
						: STATE_STOPPED;
}

static void waiting_ends_with_all_live_or_with_nothing_to_hope_for(void **state)
{
	static const struct {
		const char *vgpus;
		enum await want;
	} cases[] = {
		{ "", AWAIT_NOTHING },	{ "a", AWAIT_NOTHING },	 { "aMa", AWAIT_NOTHING },
		{ "A", AWAIT_NOTHING }, { "m", AWAIT_MORE },	 { "am", AWAIT_MORE },
		{ "c", AWAIT_MORE },	{ "t", AWAIT_MORE },	 { "s", AWAIT_NOBODY },
		{ "as", AWAIT_NOBODY }, { "ssx", AWAIT_NOBODY }, { "sm", AWAIT_MORE },
		{ "sM", AWAIT_NOBODY }, { "S", AWAIT_MORE },	 { "sS", AWAIT_MORE },
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct saved_vgpu v[4];
		struct verdict verdicts[4];
		bool chosen[4];
		size_t n = strlen(cases[i].vgpus);

		for (j = 0; j < n; j++)
			add(cases[i].vgpus[j], &v[j], &verdicts[j], &chosen[j]);
		check_case(cases[i].vgpus,
			   await_decide(v, verdicts, chosen, n) == cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waiting_ends_with_all_live_or_with_nothing_to_hope_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
