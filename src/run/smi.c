/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run/smi.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/program.h"
#include "util/cleanup.h"
#include "util/text.h"

#define MOST_WORDS 8
#define MOST_OUTPUT (4 << 20)
#define MOST_TYPES ((size_t)SMI_MAX_GPUS * 32) /* of a host */
#define MOST_ROWS 256			       /* of a GPU's list */
#define MOST_GIS 64			       /* at once */

/* One run of the program and what came of it. */
struct run {
	char path[2 * PATH_MAX];
	char line[160]; /* "vgpu -i 00000000:E8:00.0 -shm 1" */
	int status;
	char *said;	   /* all of stdout */
	char errors[1024]; /* the end of stderr */
};

static void run_free(struct run *run)
{
	free(run->said);
}

static int find_program(const struct smi_tool *tool, struct run *run, struct error *err)
{
	int r = program_trust(tool->root_fd, tool->program, err);

	if (r == -ENOENT)
		error_hint(err,
			   "NVIDIA's vGPU manager brings it; nvidia_smi in vgpumgr.conf "
			   "says where it is");
	if (r == -ELOOP)
		error_hint(err, "nvidia_smi in vgpumgr.conf names the file itself");
	(void)snprintf(run->path, sizeof(run->path), "%s/%s",
		       strcmp(tool->root, "/") ? tool->root : "",
		       tool->program + strspn(tool->program, "/"));
	return r;
}

/* Runs it with WORDS, up to a NULL. Its status is not looked at. */
static int run_words(const struct smi_tool *tool, const char *const words[],
		     struct run *run, struct error *err)
{
	char *argv[MOST_WORDS + 2] = { run->path };
	struct program_result result = { .status = 0 };
	size_t i, used = 0;
	int r = find_program(tool, run, err);

	for (i = 0; i < MOST_WORDS && words[i]; i++) {
		argv[i + 1] = (char *)words[i]; /* execve(2) changes none */
		if (used < sizeof(run->line))
			used += (size_t)snprintf(run->line + used,
						 sizeof(run->line) - used, "%s%s",
						 i ? " " : "", words[i]);
	}
	if (r == 0)
		r = program_read(run->path, argv, tool->keep_fd, tool->deadline,
				 MOST_OUTPUT, &result, &run->said, err);
	if (r < 0)
		return r;
	run->status = result.status;
	(void)text_copy(run->errors, sizeof(run->errors), result.output);
	return 0;
}

/* The end of WORDS, without what is blank behind it. */
static void copy_end(char *buf, size_t size, const char *words)
{
	size_t len = strlen(words), skip;

	while (len && strchr(" \r\n", words[len - 1]))
		len--;
	skip = len < size ? 0 : len - (size - 1);
	memcpy(buf, words + skip, len - skip);
	buf[len - skip] = '\0';
}

/* What it said last, for a message. */
static const char *last_words(const struct run *run, char *buf, size_t size)
{
	char said[200], errors[200], both[sizeof(said) + sizeof(errors)];

	copy_end(said, sizeof(said), run->said);
	copy_end(errors, sizeof(errors), run->errors);
	(void)snprintf(both, sizeof(both), "%s%s%s", said, *said && *errors ? " " : "",
		       errors);
	return text_escape(buf, size, both);
}

static int fail(const struct run *run, int errnum, struct error *err)
{
	static const struct {
		int errnum;
		enum error_kind kind;
		const char *hint;
	} kinds[] = {
		{ EBUSY, ERROR_IN_USE, "vGPUs, VFs or programs use this GPU" },
		{ ENODEV, ERROR_NOT_FOUND,
		  "nvidia-smi sees no GPU that is bound to another driver" },
		{ ENOSPC, ERROR_CAPACITY, "" },
		{ EOPNOTSUPP, ERROR_CONFLICT, "" },
		{ EPERM, ERROR_PERMISSION, "" },
		{ ENXIO, ERROR_SYSTEM, "the nvidia driver is not loaded" },
	};
	enum error_kind kind = ERROR_SYSTEM;
	char shown[1024];
	size_t i = 0;

	while (i < ARRAY_SIZE(kinds) && kinds[i].errnum != errnum)
		i++;
	if (i < ARRAY_SIZE(kinds))
		kind = kinds[i].kind;
	(void)error_set(err, kind, 0, "%s %s ended with status %d and said '%s'",
			run->path, run->line, run->status,
			last_words(run, shown, sizeof(shown)));
	if (i < ARRAY_SIZE(kinds) && kinds[i].hint[0])
		error_hint(err, "%s", kinds[i].hint);
	return -errnum;
}

static int judge(const struct run *run, struct error *err)
{
	int errnum = smi_errno(run->status, run->said);

	if (errnum == EIO)
		errnum = smi_errno(run->status, run->errors);
	return errnum ? fail(run, errnum, err) : 0;
}

/* Runs it, and is content only where it was. */
static int ask(const struct smi_tool *tool, const char *const words[], struct run *run,
	       struct error *err)
{
	int r = run_words(tool, words, run, err);

	return r == 0 ? judge(run, err) : r;
}

/* Where its words make no sense. */
static int doubt(const struct run *run, const struct smi_fault *fault, int r,
		 struct error *err)
{
	const char *at = run->said;
	char line[128], shown[512];
	unsigned i;

	for (i = 1; i < fault->line; i++)
		at += strcspn(at, "\n") + 1;
	if (fault->line)
		(void)snprintf(line, sizeof(line), "line %u, %.*s", fault->line,
			       (int)strcspn(at, "\n"), at);
	else
		(void)text_copy(line, sizeof(line), "its output");
	(void)error_set(err, ERROR_SYSTEM, 0, "%s %s: %s: %s", run->path, run->line,
			text_escape(shown, sizeof(shown), line), fault->why);
	return r;
}

static int no_room(const struct run *run, struct error *err)
{
	return error_set(err, ERROR_SYSTEM, ENOMEM, "read what %s said", run->path);
}

int smi_query(const struct smi_tool *tool, const struct bdf *gpu, struct smi_gpu **ret,
	      size_t *ret_n, struct error *err)
{
	_cleanup_(run_free) struct run run = { .said = NULL };
	_cleanup_(freep) struct smi_gpu *gpus = calloc(SMI_MAX_GPUS, sizeof(*gpus));
	char name[BDF_SIZE];
	const char *const words[] = { "-q", gpu ? "-i" : NULL,
				      gpu ? smi_bus_id(gpu, name) : NULL, NULL };
	struct smi_fault fault;
	int n, r = ask(tool, words, &run, err);

	if (r < 0)
		return r;
	if (!gpus)
		return no_room(&run, err);
	n = smi_parse_query(run.said, gpus, SMI_MAX_GPUS, &fault);
	if (n < 0)
		return doubt(&run, &fault, n, err);
	if (gpu && (n != 1 || !bdf_equal(&gpus[0].bdf, gpu))) {
		fault = (struct smi_fault){ 0, "it tells of another GPU" };
		return doubt(&run, &fault, -EPROTO, err);
	}
	*ret = TAKE_PTR(gpus);
	*ret_n = (size_t)n;
	return 0;
}

typedef int parse_types(const char *text, struct smi_type *ret, size_t max,
			struct smi_fault *fault);

static int list_types(const struct smi_tool *tool, const char *which,
		      const struct bdf *gpu, parse_types *parse, struct smi_type **ret,
		      size_t *ret_n, struct error *err)
{
	_cleanup_(run_free) struct run run = { .said = NULL };
	_cleanup_(freep) struct smi_type *types = calloc(MOST_TYPES, sizeof(*types));
	char name[BDF_SIZE];
	const char *const words[] = { "vgpu",
				      which,
				      "-v",
				      gpu ? "-i" : NULL,
				      gpu ? smi_bus_id(gpu, name) : NULL,
				      NULL };
	struct smi_fault fault;
	int i, n, r = ask(tool, words, &run, err);

	if (r < 0)
		return r;
	if (!types)
		return no_room(&run, err);
	n = parse(run.said, types, MOST_TYPES, &fault);
	if (n < 0)
		return doubt(&run, &fault, n, err);
	for (i = 0; i < n; i++)
		if (gpu && !bdf_equal(&types[i].gpu, gpu)) {
			fault = (struct smi_fault){ 0, "it tells of another GPU" };
			return doubt(&run, &fault, -EPROTO, err);
		}
	*ret = TAKE_PTR(types);
	*ret_n = (size_t)n;
	return 0;
}

int smi_types(const struct smi_tool *tool, const struct bdf *gpu, struct smi_type **ret,
	      size_t *ret_n, struct error *err)
{
	return list_types(tool, "-s", gpu, smi_parse_types, ret, ret_n, err);
}

int smi_creatable(const struct smi_tool *tool, const struct bdf *gpu,
		  struct smi_type **ret, size_t *ret_n, struct error *err)
{
	return list_types(tool, "-c", gpu, smi_parse_creatable_placements, ret, ret_n,
			  err);
}

static int change(const struct smi_tool *tool, const char *const words[],
		  struct error *err)
{
	_cleanup_(run_free) struct run run = { .said = NULL };

	return ask(tool, words, &run, err);
}

static int look(const struct smi_tool *tool, const struct bdf *gpu, struct smi_gpu *ret,
		struct error *err)
{
	_cleanup_(freep) struct smi_gpu *gpus = NULL;
	size_t n;
	int r = smi_query(tool, gpu, &gpus, &n, err);

	if (gpus)
		*ret = gpus[0];
	return r;
}

/* What cannot be on is off. */
static bool is_so(enum smi_switch is, bool on)
{
	return on ? is == SMI_ON : is == SMI_OFF || is == SMI_UNSUPPORTED;
}

static int not_so(const struct smi_tool *tool, const struct bdf *gpu, const char *mode,
		  bool on, struct error *err)
{
	char name[BDF_SIZE];

	(void)error_set(err, ERROR_SYSTEM, 0,
			"%s said that %s of %s is %s now, and it is not", tool->program,
			mode, bdf_format(gpu, name), on ? "on" : "off");
	return -EIO;
}

int smi_set_heterogeneous(const struct smi_tool *tool, const struct bdf *gpu, bool on,
			  struct error *err)
{
	char name[BDF_SIZE];
	const char *const words[] = { "vgpu", "-i",	      smi_bus_id(gpu, name),
				      "-shm", on ? "1" : "0", NULL };
	struct smi_gpu now = { .heterogeneous = SMI_UNKNOWN };
	/* asked again where there are vGPUs, it says that it is in use */
	int r = look(tool, gpu, &now, err);

	if (r < 0 || is_so(now.heterogeneous, on))
		return r;
	r = change(tool, words, err);
	if (r == 0)
		r = look(tool, gpu, &now, err);
	if (r == 0 && !is_so(now.heterogeneous, on))
		r = not_so(tool, gpu, "the mixed-size mode", on, err);
	return r;
}

int smi_set_mig(const struct smi_tool *tool, const struct bdf *gpu, bool on,
		struct error *err)
{
	char name[BDF_SIZE];
	const char *const words[] = { "-i", smi_bus_id(gpu, name), "-mig", on ? "1" : "0",
				      NULL };
	struct smi_gpu now = { .heterogeneous = SMI_UNKNOWN };
	int r = look(tool, gpu, &now, err);

	if (r < 0 || (is_so(now.mig_current, on) && is_so(now.mig_pending, on)))
		return r;
	r = change(tool, words, err);
	if (r == 0)
		r = look(tool, gpu, &now, err);
	if (r < 0)
		return r;
	if (!is_so(now.mig_pending, on))
		return not_so(tool, gpu, "MIG mode", on, err);
	return is_so(now.mig_current, on) ? 0 : 1;
}

int smi_list_gi_profiles(const struct smi_tool *tool, const struct bdf *gpu,
			 struct smi_gi_profile **ret, size_t *ret_n, struct error *err)
{
	_cleanup_(run_free) struct run run = { .said = NULL };
	_cleanup_(freep) struct smi_gi_profile *rows = calloc(MOST_ROWS, sizeof(*rows));
	char name[BDF_SIZE];
	const char *const words[] = { "mig", "-i", smi_bus_id(gpu, name), "-lgip", NULL };
	struct smi_fault fault = { 0, "it tells of several GPUs" };
	int i, n, r = ask(tool, words, &run, err);

	if (r < 0)
		return r;
	if (!rows)
		return no_room(&run, err);
	n = smi_parse_gi_profiles(run.said, rows, MOST_ROWS, &fault);
	for (i = 0; i < n; i++)
		if (rows[i].gpu != rows[0].gpu)
			n = -EPROTO;
	if (n < 0)
		return doubt(&run, &fault, n, err);
	*ret = TAKE_PTR(rows);
	*ret_n = (size_t)n;
	return 0;
}

int smi_list_gis(const struct smi_tool *tool, const struct bdf *gpu, struct smi_gi **ret,
		 size_t *ret_n, struct error *err)
{
	_cleanup_(run_free) struct run run = { .said = NULL };
	_cleanup_(freep) struct smi_gi *rows = calloc(MOST_ROWS, sizeof(*rows));
	char name[BDF_SIZE];
	const char *const words[] = { "mig", "-i", smi_bus_id(gpu, name), "-lgi", NULL };
	struct smi_fault fault = { 0, "it tells of several GPUs" };
	int i, n, r = run_words(tool, words, &run, err);

	if (r == 0 && !smi_says_no_gis(run.said) && !smi_says_no_gis(run.errors))
		r = judge(&run, err);
	if (r < 0)
		return r;
	if (!rows)
		return no_room(&run, err);
	n = smi_says_no_gis(run.errors)
		    ? 0
		    : smi_parse_gis(run.said, rows, MOST_ROWS, &fault);
	for (i = 0; i < n; i++)
		if (rows[i].gpu != rows[0].gpu)
			n = -EPROTO;
	if (n < 0)
		return doubt(&run, &fault, n, err);
	*ret = TAKE_PTR(rows);
	*ret_n = (size_t)n;
	return 0;
}

int smi_create_gis(const struct smi_tool *tool, const struct bdf *gpu,
		   const uint32_t *profiles, size_t n_profiles, struct error *err)
{
	char name[BDF_SIZE], list[MOST_GIS * sizeof("4294967295,")];
	const char *const words[] = { "mig", "-i", smi_bus_id(gpu, name), "-cgi", list,
				      "-C",  NULL };
	size_t i, used = 0;

	if (!n_profiles || n_profiles > MOST_GIS)
		return error_set(err, ERROR_SYSTEM, EINVAL, "make %zu GPU instances",
				 n_profiles);
	for (i = 0; i < n_profiles; i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%u",
					 i ? "," : "", profiles[i]);
	return change(tool, words, err);
}
