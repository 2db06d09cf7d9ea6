/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "fuzz.h"

#define FILE_NAME "vgpumgr.conf"
#define SECRET 4711 /* what an included file would set a timeout to */

static void check_ranges(const struct settings *s)
{
	size_t i;

	must_hold(s->policy == POLICY_BREADTH || s->policy == POLICY_DEPTH);
	must_hold(s->sriov_manage[0] == '/' &&
		  memchr(s->sriov_manage, 0, sizeof(s->sriov_manage)));
	must_hold(s->nvidia_smi[0] == '/' &&
		  memchr(s->nvidia_smi, 0, sizeof(s->nvidia_smi)));
	must_hold(s->timeout_s >= 1 && s->timeout_s <= 86400);
	must_hold(s->sriov_timeout_s >= 1 && s->sriov_timeout_s <= 86400);
	must_hold(s->wait_no_driver_s >= 1 && s->wait_no_driver_s <= 86400);
	for (i = 0; i < READY_STEPS; i++)
		must_hold(s->wait_s[i] <= 86400);
	must_hold(s->creates_per_gpu >= 1 && s->creates_per_gpu <= 64);
	for (i = 0; i < s->n_exclude_gpus; i++)
		must_hold(s->exclude_gpus[i].device < 32 &&
			  s->exclude_gpus[i].function < 8);
}

static void check_equal(const struct settings *a, const struct settings *b)
{
	size_t i;

	must_hold(a->policy == b->policy && a->timeout_s == b->timeout_s);
	must_hold(a->sriov_timeout_s == b->sriov_timeout_s);
	must_hold(a->wait_no_driver_s == b->wait_no_driver_s);
	must_hold(!memcmp(a->wait_s, b->wait_s, sizeof(a->wait_s)));
	must_hold(a->creates_per_gpu == b->creates_per_gpu);
	must_hold(!strcmp(a->sriov_manage, b->sriov_manage));
	must_hold(!strcmp(a->nvidia_smi, b->nvidia_smi));
	must_hold(a->n_exclude_gpus == b->n_exclude_gpus);
	for (i = 0; i < a->n_exclude_gpus; i++)
		must_hold(bdf_equal(&a->exclude_gpus[i], &b->exclude_gpus[i]));
}

/* Whatever PATH holds, by numbers. */
static void print_path(FILE *out, const char *key, const char *path)
{
	fprintf(out, "%s = \"", key);
	for (; *path; path++)
		fprintf(out, "\\x%02x", (unsigned)(unsigned char)*path);
	fprintf(out, "\";\n");
}

/* A file that sets all of S. The caller frees it. */
static char *format(const struct settings *s)
{
	char *text = NULL, name[BDF_SIZE];
	size_t i, size;
	FILE *out = open_memstream(&text, &size);

	must_hold(out);
	fprintf(out, "policy = \"%s\";\nexclude_gpus = (",
		s->policy == POLICY_FIT	    ? "fit"
		: s->policy == POLICY_DEPTH ? "depth"
					    : "breadth");
	for (i = 0; i < s->n_exclude_gpus; i++)
		fprintf(out, "%s\"%s\"", i ? ", " : "",
			bdf_format(&s->exclude_gpus[i], name));
	fprintf(out, ");\n");
	print_path(out, "sriov_manage", s->sriov_manage);
	print_path(out, "nvidia_smi", s->nvidia_smi);
	fprintf(out, "timeout = %u;\nsriov_timeout: %u\nwait_driver = %u\n", s->timeout_s,
		s->sriov_timeout_s, s->wait_s[READY_DRIVER]);
	fprintf(out, "wait_no_driver = %u;\nwait_vfs = %u;\nwait_types = 0x%x;\n",
		s->wait_no_driver_s, s->wait_s[READY_VFS], s->wait_s[READY_TYPES]);
	fprintf(out, "creates_per_gpu = %u;\n", s->creates_per_gpu);
	must_hold(fclose(out) == 0);
	return text;
}

/* Outside of comments and strings, no number is larger than libconfig can hold: it would
 * have been wrapped around. */
static void check_numbers(const char *text)
{
	const char *at;

	if (strpbrk(text, "\"/#"))
		return;
	for (at = text; *at; at++) {
		bool is_hex = at[0] == '0' && (at[1] == 'x' || at[1] == 'X');

		if (at > text &&
		    (isalnum((unsigned char)at[-1]) || strchr("_.-+*", at[-1])))
			continue;
		if (!isdigit((unsigned char)*at))
			continue;
		must_hold(is_hex || at[0] != '0' || !isdigit((unsigned char)at[1]));
		errno = 0;
		must_hold(strtoull(at, NULL, is_hex ? 16 : 10) <= INT32_MAX && !errno);
	}
}

static void check_accepted(const struct settings *s, const char *text)
{
	_cleanup_(freep) char *formatted = format(s);
	struct settings again;
	struct error err;

	check_ranges(s);
	check_numbers(text);
	must_hold(s->timeout_s != SECRET || strstr(text, "4711") || strstr(text, "1267"));
	settings_defaults(&again);
	must_hold(settings_parse(&again, FILE_NAME, formatted, &err) == 0);
	check_equal(s, &again);
	settings_free(&again);
}

/* The same from a file: what was there is found there. */
static void check_file(const uint8_t *data, size_t size, int expected,
		       const struct settings *parsed)
{
	struct settings s;
	struct error err;
	int r;

	fuzz_file(fuzz_root(), FILE_NAME, data, size);
	settings_defaults(&s);
	r = settings_read(&s, fuzz_root(), FILE_NAME, &err);
	if (memchr(data, 0, size))
		must_hold(r < 0 && err.kind == ERROR_USAGE);
	else
		must_hold(r == expected);
	if (r == 0)
		check_equal(&s, parsed);
	else
		fuzz_check_error(&err);
	settings_free(&s);
}

int fuzz_settings(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_string(data, size);
	static const char included[] = "timeout = 4711;\n";
	static bool prepared;
	struct settings s;
	struct error err;
	int r;

	if (!prepared) {
		fuzz_file(fuzz_root(), "f", included, sizeof(included) - 1);
		must_hold(fchdir(fuzz_root()) == 0);
	}
	prepared = true;
	settings_defaults(&s);
	r = settings_parse(&s, FILE_NAME, text, &err);
	if (r == 0) {
		check_accepted(&s, text);
	} else {
		must_hold(err.kind == ERROR_USAGE);
		must_hold(!strncmp(err.message, FILE_NAME ":", sizeof(FILE_NAME)));
		fuzz_check_error(&err);
	}
	check_file(data, size, r, &s);
	settings_free(&s);
	return 0;
}
