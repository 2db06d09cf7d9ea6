/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/text.h"

#include <stdlib.h>

#include "lib/check.h"

static void numbers_are_digits_alone_and_never_overflow(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		uint64_t want;
	} cases[] = {
		{ "0", true, 0 },
		{ "007", true, 7 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "18446744073709551616", false, 0 },
		{ "99999999999999999999", false, 0 },
		{ "184467440737095516150", false, 0 },
		{ "", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "1\n", false, 0 },
		{ "+1", false, 0 },
		{ "-1", false, 0 },
		{ "0x1", false, 0 },
		{ "1k", false, 0 },
		{ "/", false, 0 },
		{ ":", false, 0 },
		{ "\xd9\xa1", false, 0 }, /* an Arabic one */
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		uint64_t value = 4242;

		check_case(cases[i].text,
			   parse_u64(cases[i].text, &value) == cases[i].ok);
		check_case(cases[i].text, value == (cases[i].ok ? cases[i].want : 4242));
	}
}

static void a_32_bit_number_is_refused_where_it_does_not_fit(void **state)
{
	uint32_t value = 42;

	(void)state;
	assert_true(parse_u32("4294967295", &value));
	assert_true(value == UINT32_MAX);
	value = 42;
	assert_false(parse_u32("4294967296", &value));
	assert_false(parse_u32("-1", &value));
	assert_false(parse_u32("", &value));
	assert_int_equal(value, 42);
}

static void a_copy_is_whole_or_says_that_it_is_not(void **state)
{
	char buf[5] = "????";

	(void)state;
	assert_true(text_copy(buf, sizeof(buf), "abcd"));
	assert_string_equal(buf, "abcd");
	assert_false(text_copy(buf, sizeof(buf), "uvwxyz"));
	assert_string_equal(buf, "uvwx");
	assert_true(text_copy(buf, sizeof(buf), ""));
	assert_string_equal(buf, "");
	assert_false(text_copy(buf, 1, "x"));
	assert_string_equal(buf, "");
}

static void letter_case_is_that_of_ascii(void **state)
{
	(void)state;
	assert_int_equal(text_compare_nocase("A40-24a", "a40-24A"), 0);
	assert_true(text_compare_nocase("a40-24A", "A40-48A") < 0);
	assert_true(text_compare_nocase("B", "a") > 0);
	assert_true(text_compare_nocase("A40", "a40-1Q") < 0);
	assert_true(text_compare_nocase("a40-1Q", "A40") > 0);
	assert_true(text_compare_nocase("\xff", "a") > 0);
	assert_true(text_equal_nocase("A40-24a", "a40-24A"));
	assert_true(text_equal_nocase("", ""));
	assert_false(text_equal_nocase("A40-24A", "A40-24"));
	assert_false(text_equal_nocase("A40-24", "A40-24A"));
	assert_false(text_equal_nocase("@", "`")); /* 32 apart, as 'A' and 'a' are */
	assert_false(text_equal_nocase("[", "{"));
	assert_true(text_starts_nocase("nvidia a40", "NVIDIA "));
	assert_true(text_starts_nocase("x", ""));
	assert_false(text_starts_nocase("NVIDI", "NVIDIA "));
	assert_false(text_starts_nocase("", "x"));
}

static void printable_text_is_utf8_that_cannot_deceive_a_terminal(void **state)
{
	static const struct {
		const char *name, *text;
		bool want;
	} cases[] = {
		{ "plain", "vm-1 (web)", true },
		{ "empty", "", true },
		{ "umlaut",
		  "K\xc3\xbc"
		  "che",
		  true },
		{ "three bytes", "\xe4\xb8\xad\xe6\x96\x87", true },
		{ "four bytes", "\xf0\x9f\x90\xa7", true },
		{ "newline", "a\nb", false },
		{ "tab", "a\tb", false },
		{ "escape", "\x1b[31m", false },
		{ "DEL", "\x7f", false },
		{ "C1",
		  "\xc2\x9b"
		  "31m",
		  false },
		{ "last C1", "\xc2\x9f", false },
		{ "no-break space", "\xc2\xa0", true },
		{ "left-to-right mark", "\xe2\x80\x8e", false },
		{ "bidi embedding", "\xe2\x80\xaa", false },
		{ "bidi override",
		  "a\xe2\x80\xae"
		  "b",
		  false },
		{ "bidi isolate", "\xe2\x81\xa6", false },
		{ "pop isolate", "\xe2\x81\xa9", false },
		{ "dash beside them", "\xe2\x80\x93", true },
		{ "lone continuation", "\x80", false },
		{ "cut short", "\xc3", false },
		{ "cut in the middle", "\xe4\xb8", false },
		{ "continuation missing",
		  "\xc3"
		  "a",
		  false },
		{ "overlong slash", "\xc0\xaf", false },
		{ "overlong in three", "\xe0\x80\xaf", false },
		{ "overlong in four", "\xf0\x80\x80\xaf", false },
		{ "surrogate", "\xed\xa0\x80", false },
		{ "beyond Unicode", "\xf4\x90\x80\x80", false },
		{ "five bytes", "\xf8\x88\x80\x80\x80", false },
		{ "0xff", "\xff", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		const char *text = cases[i].text;

		check_case(cases[i].name,
			   text_is_printable(text, strlen(text)) == cases[i].want);
	}
	assert_false(text_is_printable("a\0b", 3));
	assert_true(text_is_printable("a\nb", 1)); /* LEN counts, not the NUL */
}

/* A sanitizer sees a read beyond the text's own memory. */
static void no_byte_is_read_behind_the_length_given(void **state)
{
	static const char *const cut[] = { "\xc3", "\xe4\xb8", "\xf0\x9f\x90", "a\xf0" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cut); i++) {
		size_t len = strlen(cut[i]);
		char *copy = malloc(len);

		assert_non_null(copy);
		memcpy(copy, cut[i], len);
		assert_false(text_is_printable(copy, len));
		free(copy);
	}
}

static void whatever_is_escaped_is_printable_and_unambiguous(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "plain", "plain" },
		{ "K\xc3\xbc"
		  "che",
		  "K\xc3\xbc"
		  "che" },
		{ "a\nb", "a\\x0ab" },
		{ "\x1b[0m", "\\x1b[0m" },
		{ "a\\nb", "a\\nb" },
		{ "\xff\xc3", "\\xff\\xc3" },
		{ "\xe2\x80\xae", "\\xe2\\x80\\xae" },
		{ "", "" },
	};
	char buf[64];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++)
		assert_string_equal(text_escape(buf, sizeof(buf), cases[i].text),
				    cases[i].want);
}

static void an_escape_that_does_not_fit_ends_in_dots_at_a_whole_character(void **state)
{
	char text[] = "ab\xc3\xbc\x1b\x1b", whole[64], buf[64];
	size_t size, len;

	(void)state;
	text_escape(whole, sizeof(whole), text);
	for (size = 4; size < strlen(whole) + 1; size++) {
		memset(buf, '#', sizeof(buf));
		text_escape(buf, size, text);
		len = strlen(buf);
		assert_true(len < size);
		assert_string_equal(buf + len - 3, "...");
		assert_memory_equal(buf, whole, len - 3);
		assert_true(text_is_printable(buf, len));
		assert_int_equal(buf[size], '#');
	}
}

static void four_bytes_for_each_of_the_text_are_enough_to_escape_it(void **state)
{
	char buf[4 * 3 + 1];

	(void)state;
	assert_string_equal(text_escape(buf, sizeof(buf), "\x01\x02\x03"),
			    "\\x01\\x02\\x03");
	assert_string_equal(text_escape(buf, 4, "abc"), "abc");
}

static void distance_counts_edits_and_swaps_of_neighbours(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned want;
	} cases[] = {
		{ "", "", 0 },
		{ "abc", "", 3 },
		{ "", "abc", 3 },
		{ "A40-24A", "a40-24a", 0 },
		{ "A40-24A", "A40-24Q", 1 },
		{ "A40-24A", "A40-2A", 1 },
		{ "A40-24A", "A40-42A", 1 },
		{ "A40-24A", "A4-240A", 2 },
		{ "ab", "ba", 1 },
		{ "abcd", "badc", 2 },
		{ "kitten", "sitting", 3 },
		{ "ca", "abc", 3 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		check_case(cases[i].a,
			   text_distance(cases[i].a, cases[i].b) == cases[i].want);
		check_case(cases[i].b,
			   text_distance(cases[i].b, cases[i].a) == cases[i].want);
	}
}

static void distance_compares_long_texts_by_their_first_63_bytes(void **state)
{
	char a[200], b[200];

	(void)state;
	memset(a, 'a', sizeof(a) - 1);
	a[sizeof(a) - 1] = '\0';
	memcpy(b, a, sizeof(a));
	b[70] = 'b';
	assert_int_equal(text_distance(a, b), 0);
	b[62] = 'b';
	assert_int_equal(text_distance(a, b), 1);
	assert_int_equal(text_distance(a, ""), 63);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_digits_alone_and_never_overflow),
		cmocka_unit_test(a_32_bit_number_is_refused_where_it_does_not_fit),
		cmocka_unit_test(a_copy_is_whole_or_says_that_it_is_not),
		cmocka_unit_test(letter_case_is_that_of_ascii),
		cmocka_unit_test(printable_text_is_utf8_that_cannot_deceive_a_terminal),
		cmocka_unit_test(no_byte_is_read_behind_the_length_given),
		cmocka_unit_test(whatever_is_escaped_is_printable_and_unambiguous),
		cmocka_unit_test(
			an_escape_that_does_not_fit_ends_in_dots_at_a_whole_character),
		cmocka_unit_test(four_bytes_for_each_of_the_text_are_enough_to_escape_it),
		cmocka_unit_test(distance_counts_edits_and_swaps_of_neighbours),
		cmocka_unit_test(distance_compares_long_texts_by_their_first_63_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
