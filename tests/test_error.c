/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/error.h"

#include <errno.h>
#include <stdbool.h>

#include "lib/check.h"

static void returns_the_negative_errno_or_eio(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(error_set(&err, ERROR_SYSTEM, ENOSPC, "write x"), -ENOSPC);
	assert_int_equal(error_set(&err, ERROR_STORE, 0, "damaged"), -EIO);
	assert_int_equal(error_set(NULL, ERROR_SYSTEM, ENOSPC, "write x"), -ENOSPC);
	assert_int_equal(error_set(NULL, ERROR_SYSTEM, 0, "x"), -EIO);
}

static void appends_the_words_of_errno_only_where_there_is_one(void **state)
{
	struct error err;

	(void)state;
	error_set(&err, ERROR_SYSTEM, ENOSPC, "write %s", "x");
	assert_string_equal(err.message, "write x: No space left on device");
	assert_int_equal(err.errnum, ENOSPC);
	error_set(&err, ERROR_STORE, 0, "damaged");
	assert_string_equal(err.message, "damaged");
	assert_int_equal(err.errnum, 0);
}

static void an_errno_refines_a_system_error_and_no_other(void **state)
{
	static const struct {
		enum error_kind given;
		int errnum;
		enum error_kind want;
	} cases[] = {
		{ ERROR_SYSTEM, EACCES, ERROR_PERMISSION },
		{ ERROR_SYSTEM, EPERM, ERROR_PERMISSION },
		{ ERROR_SYSTEM, ETIMEDOUT, ERROR_TIMEOUT },
		{ ERROR_SYSTEM, EIO, ERROR_SYSTEM },
		{ ERROR_CONFLICT, EPERM, ERROR_CONFLICT },
		{ ERROR_STORE, ETIMEDOUT, ERROR_STORE },
	};
	struct error err;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		error_set(&err, cases[i].given, cases[i].errnum, "x");
		assert_int_equal(err.kind, cases[i].want);
	}
}

static void context_goes_in_front_and_keeps_everything_else(void **state)
{
	struct error err;

	(void)state;
	error_set(&err, ERROR_SYSTEM, ENOENT, "open a");
	error_hint(&err, "make it");
	assert_int_equal(error_context(&err, "load %d", 7), -ENOENT);
	assert_string_equal(err.message, "load 7: open a: No such file or directory");
	assert_string_equal(err.hint, "make it");
	assert_int_equal(err.errnum, ENOENT);
	error_set(&err, ERROR_STORE, 0, "damaged");
	assert_int_equal(error_context(&err, "load"), -EIO);
	assert_true(error_context(NULL, "load") < 0);
}

static void the_deepest_hint_wins(void **state)
{
	struct error err;

	(void)state;
	error_set(&err, ERROR_SYSTEM, 0, "x");
	assert_string_equal(err.hint, "");
	error_hint(&err, "first %d", 1);
	error_hint(&err, "second");
	assert_string_equal(err.hint, "first 1");
	error_hint(NULL, "nobody");
	error_set(&err, ERROR_SYSTEM, 0, "anew");
	assert_string_equal(err.hint, "");
}

static bool ends_in_dots(const char *text)
{
	size_t len = strlen(text);

	return len >= 3 && !strcmp(text + len - 3, "...");
}

static void what_is_too_long_says_so_and_stays_within_its_buffer(void **state)
{
	char much[3000];
	struct {
		struct error err;
		char guard[8];
	} it = { .guard = "guarded" };
	size_t len;

	(void)state;
	memset(much, 'x', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	/* every length around the end of the buffer, where an errno's words may not fit
	 */
	for (len = sizeof(it.err.message) - 40; len < sizeof(it.err.message) + 3; len++) {
		error_set(&it.err, ERROR_SYSTEM, EIO, "%.*s", (int)len, much);
		if (len + strlen(": Input/output error") < sizeof(it.err.message))
			assert_contains(it.err.message, ": Input/output error");
		else
			assert_true(ends_in_dots(it.err.message));
		assert_true(strlen(it.err.message) < sizeof(it.err.message));
	}
	error_set(&it.err, ERROR_SYSTEM, 0, "short");
	error_context(&it.err, "%s", much);
	assert_contains(it.err.message, "...: short");
	error_set(&it.err, ERROR_SYSTEM, 0, "%.*s", 1000, much);
	error_context(&it.err, "%.*s", 100, much);
	assert_true(ends_in_dots(it.err.message));
	error_hint(&it.err, "%s", much);
	assert_true(ends_in_dots(it.err.hint));
	assert_string_equal(it.guard, "guarded");
}

static void every_kind_has_the_name_and_number_that_scripts_know(void **state)
{
	static const char *const names[] = { "system",	    "usage",	"not-found",
					     "no-capacity", "conflict", "in-use",
					     "drift",	    "store",	"timeout",
					     "permission" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(names); i++)
		assert_string_equal(error_kind_name((enum error_kind)(i + 1)), names[i]);
	assert_int_equal(ERROR_PERMISSION, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(returns_the_negative_errno_or_eio),
		cmocka_unit_test(appends_the_words_of_errno_only_where_there_is_one),
		cmocka_unit_test(an_errno_refines_a_system_error_and_no_other),
		cmocka_unit_test(context_goes_in_front_and_keeps_everything_else),
		cmocka_unit_test(the_deepest_hint_wins),
		cmocka_unit_test(what_is_too_long_says_so_and_stays_within_its_buffer),
		cmocka_unit_test(every_kind_has_the_name_and_number_that_scripts_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
