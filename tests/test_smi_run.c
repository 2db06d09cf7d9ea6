/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run/smi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/tree.h"
#include "util/clock.h"

#define SOON 20000 /* ms: a deadline that is not to pass */
#define PROGRAM "usr/bin/nvidia-smi"

static const struct bdf a40 = { 0, 0xe8, 0, 0 };

/* Puts SCRIPT where nvidia-smi is. It finds the root in $root, and its words are in the
 * file "asked", a line for each run. */
static void stand_in(const struct tree *tree, const char *script)
{
	char *text = NULL, path[PATH_MAX + 32];

	assert_true(asprintf(&text,
			     "#!/bin/sh\nroot=%s\necho \"$*\" >> \"$root/asked\"\n%s\n",
			     tree->root, script) > 0);
	host_tree_text(tree->root, PROGRAM, text);
	(void)snprintf(path, sizeof(path), "%s/" PROGRAM, tree->root);
	assert_int_equal(chmod(path, 0755), 0);
	free(text);
}

/* Lays down the text of tests/smi/NAME.txt, for a script to show. */
static void lay_down(const struct tree *tree, const char *name)
{
	char path[64];
	char *text;

	(void)snprintf(path, sizeof(path), "smi/%s.txt", name);
	text = tests_text(path);
	host_tree_text(tree->root, name, text);
	free(text);
}

static struct smi_tool tool_of(const struct tree *tree)
{
	return (struct smi_tool){ tree->fd, tree->root, "/" PROGRAM,
				  clock_monotonic_ms() + SOON, -1 };
}

/* What it was asked, all runs. The caller frees it. */
static char *asked(const struct tree *tree)
{
	char path[PATH_MAX + 16], *text = NULL;
	size_t room = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/asked", tree->root);
	file = fopen(path, "r");
	if (!file || getdelim(&text, &room, '\0', file) < 0)
		fail_msg("nothing was asked");
	(void)fclose(file);
	return text;
}

static void check_asked(const struct tree *tree, const char *want)
{
	char *got = asked(tree);

	assert_string_equal(got, want);
	free(got);
}

static void one_gpu_is_asked_for_by_its_address_and_all_by_none(void **state)
{
	struct tree *tree = *state;
	struct smi_tool tool = tool_of(tree);
	struct smi_gpu *gpus;
	struct error err;
	size_t n;

	lay_down(tree, "query-550");
	stand_in(tree, "echo noise >&2\n"
		       "if [ $# -eq 1 ]; then cat \"$root/query-550\"; exit; fi\n"
		       "echo 'GPU 00000000:E8:00.0'");
	assert_int_equal(smi_query(&tool, NULL, &gpus, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(gpus[1].heterogeneous, SMI_ON);
	free(gpus);
	assert_int_equal(smi_query(&tool, &a40, &gpus, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(gpus[0].heterogeneous, SMI_UNKNOWN);
	free(gpus);
	check_asked(tree, "-q\n-q -i 00000000:E8:00.0\n");
}

static void types_are_asked_for_of_one_gpu_or_of_all(void **state)
{
	struct tree *tree = *state;
	struct smi_tool tool = tool_of(tree);
	struct smi_type *types;
	struct error err;
	size_t n;

	lay_down(tree, "types-550");
	lay_down(tree, "creatable-550");
	stand_in(tree, "case $2 in -s) cat \"$root/types-550\" ;; "
		       "-c) cat \"$root/creatable-550\" ;; esac");
	assert_int_equal(smi_types(&tool, NULL, &types, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_string_equal(types[1].name, "NVIDIA A40-24A");
	free(types);
	assert_int_equal(smi_creatable(&tool, &a40, &types, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(types[0].placements[1], 18);
	free(types);
	check_asked(tree, "vgpu -s -v\nvgpu -c -v -i 00000000:E8:00.0\n");
}

static void answers_about_another_gpu_or_without_sense_are_refused(void **state)
{
	static const struct {
		const char *says, *message;
	} cases[] = {
		{ "GPU 00000000:E7:00.0", "another GPU" },
		{ "GPU 00000000:E8:00.0\nGPU 00000000:E7:00.0", "another GPU" },
		{ "Hello", "no GPU" },
		{ "\nGPU 00000000:E8:00.9\033[2J:0",
		  "line 2, GPU 00000000:E8:00.9\\x1b" },
	};
	struct tree *tree = *state;
	struct smi_tool tool = tool_of(tree);
	struct smi_type *types;
	struct smi_gpu *gpus;
	struct smi_gi *gis;
	struct error err;
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		host_tree_text(tree->root, "says", cases[i].says);
		stand_in(tree, "cat \"$root/says\"");
		check_case(cases[i].says,
			   smi_query(&tool, &a40, &gpus, &n, &err) == -EPROTO);
		assert_contains(err.message, cases[i].message);
		assert_contains(err.message, "nvidia-smi -q -i 00000000:E8:00.0");
	}
	lay_down(tree, "types-580");
	stand_in(tree, "cat \"$root/types-580\"");
	assert_int_equal(smi_types(&tool, &a40, &types, &n, &err), -EPROTO);
	lay_down(tree, "gis-two-gpus");
	stand_in(tree, "cat \"$root/gis-two-gpus\"");
	assert_int_equal(smi_list_gis(&tool, &a40, &gis, &n, &err), -EPROTO);
	assert_contains(err.message, "several GPUs");
}

static void a_program_that_is_missing_or_not_trusted_is_not_run(void **state)
{
	struct tree *tree = *state;
	struct smi_tool tool = tool_of(tree);
	struct smi_gpu *gpus;
	struct error err;
	char path[PATH_MAX + 32];
	size_t n;

	assert_int_equal(smi_query(&tool, NULL, &gpus, &n, &err), -ENOENT);
	assert_contains(err.message, "/usr");
	assert_contains(err.hint, "nvidia_smi");
	stand_in(tree, "echo 'GPU 00000000:E8:00.0'");
	(void)snprintf(path, sizeof(path), "%s/" PROGRAM, tree->root);
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(smi_query(&tool, NULL, &gpus, &n, &err), -EPERM);
	assert_int_equal(err.kind, ERROR_PERMISSION);
	assert_int_equal(smi_set_mig(&tool, &a40, true, &err), -EPERM);
	host_tree_link(tree->root, "opt/smi", "../" PROGRAM);
	tool.program = "/opt/smi";
	assert_int_equal(smi_query(&tool, NULL, &gpus, &n, &err), -ELOOP);
	assert_contains(err.hint, "nvidia_smi");
	assert_int_not_equal(faccessat(tree->fd, "asked", F_OK, 0), 0);
}

static void past_its_deadline_it_is_left_running(void **state)
{
	struct tree *tree = *state;
	struct smi_tool tool = tool_of(tree);
	struct smi_gpu *gpus;
	struct error err;
	int64_t before = clock_monotonic_ms();
	size_t n;
	int i;

	stand_in(tree, "trap 'echo > \"$root/signalled\"' HUP INT TERM\n"
		       "i=0\n"
		       "while [ ! -e \"$root/go\" ] && [ $i -lt 500 ]; do sleep 0.02; "
		       "i=$((i + 1)); done\n"
		       ": > \"$root/done\"");
	tool.deadline = before + 200;
	assert_int_equal(smi_query(&tool, NULL, &gpus, &n, &err), -ETIMEDOUT);
	assert_int_equal(err.kind, ERROR_TIMEOUT);
	assert_true(clock_monotonic_ms() - before < 5000);
	host_tree_text(tree->root, "go", "");
	for (i = 0; i < 500 && faccessat(tree->fd, "done", F_OK, 0) < 0; i++)
		clock_sleep_ms(10);
	assert_int_equal(faccessat(tree->fd, "done", F_OK, 0), 0);
	assert_int_not_equal(faccessat(tree->fd, "signalled", F_OK, 0), 0);
}

static void words_without_end_are_cut_off(void **state)
{
	struct tree *tree = *state;
	struct smi_tool tool = tool_of(tree);
	struct smi_gpu *gpus;
	struct error err;
	size_t n;

	stand_in(tree, "exec yes 'GPU 00000000:E8:00.0'");
	assert_int_equal(smi_query(&tool, NULL, &gpus, &n, &err), -EFBIG);
	assert_contains(err.message, "4194304");
}

static void how_it_ended_is_told_with_its_words(void **state)
{
	static const struct {
		const char *script;
		int want;
		enum error_kind kind;
	} cases[] = {
		{ "echo 'No devices were found'; exit 6", -ENODEV, ERROR_NOT_FOUND },
		{ "echo 'In use by another client'; exit 19", -EBUSY, ERROR_IN_USE },
		{ "echo one; echo 'so: In use by another client' >&2; exit 255", -EBUSY,
		  ERROR_IN_USE },
		{ "echo 'Not Supported'; exit 3", -EOPNOTSUPP, ERROR_CONFLICT },
		{ "echo 'so: Insufficient Resources'; exit 23", -ENOSPC, ERROR_CAPACITY },
		{ "echo 'Insufficient Permissions'; exit 4", -EPERM, ERROR_PERMISSION },
		{ "echo 'it could not communicate'; exit 9", -ENXIO, ERROR_SYSTEM },
		{ "printf 'it is \\033[31mred\\n\\n'; exit 1", -EIO, ERROR_SYSTEM },
		{ "kill -9 $$", -EIO, ERROR_SYSTEM },
		{ "exit 127", -EIO, ERROR_SYSTEM },
	};
	struct tree *tree = *state;
	struct smi_tool tool = tool_of(tree);
	struct smi_gpu *gpus;
	struct error err;
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		stand_in(tree, cases[i].script);
		check_case(cases[i].script,
			   smi_query(&tool, &a40, &gpus, &n, &err) == cases[i].want);
		check_case(cases[i].script, err.kind == cases[i].kind);
		assert_contains(err.message, "nvidia-smi -q -i 00000000:E8:00.0 ended");
	}
	stand_in(tree, cases[7].script);
	(void)smi_query(&tool, &a40, &gpus, &n, &err);
	assert_contains(err.message, "status 1 and said 'it is \\x1b[31mred'");
	stand_in(tree, cases[2].script);
	(void)smi_query(&tool, &a40, &gpus, &n, &err);
	assert_contains(err.message, "said 'one so: In use by another client'");
	assert_contains(err.hint, "use this GPU");
	stand_in(tree, "i=0; while [ $i -lt 99 ]; do echo line $i; i=$((i + 1)); done; "
		       "exit 1");
	assert_int_equal(smi_query(&tool, &a40, &gpus, &n, &err), -EIO);
	assert_contains(err.message, "\\x0aline 98'");
}

/* A GPU with two switches, kept in files: "het" and "mig", and "mig-pending". What is set
 * is as the file "rule" says. */
static const char modes[] =
	"word() { case $(cat \"$root/$1\") in 1) echo Enabled ;; 0) echo Disabled ;; "
	"*) echo N/A ;; esac; }\n"
	". \"$root/rule\"\n"
	"case \"$*\" in\n"
	"'-q -i 00000000:E8:00.0')\n"
	"	echo 'GPU 00000000:E8:00.0'\n"
	"	echo '    MIG Mode'\n"
	"	echo \"        Current                 : $(word mig)\"\n"
	"	echo \"        Pending                 : $(word mig-pending)\"\n"
	"	echo '    GPU Virtualization Mode'\n"
	"	echo \"        vGPU Heterogeneous Mode : $(word het)\" ;;\n"
	"'vgpu -i 00000000:E8:00.0 -shm '[01]) echo $5 > \"$root/het\" ;;\n"
	"'-i 00000000:E8:00.0 -mig '[01])\n"
	"	echo $4 | tee \"$root/mig\" > \"$root/mig-pending\" ;;\n"
	"*) exit 2 ;;\n"
	"esac";

static void set_modes(const struct tree *tree, const char *het, const char *mig,
		      const char *pending, const char *rule)
{
	host_tree_text(tree->root, "het", het);
	host_tree_text(tree->root, "mig", mig);
	host_tree_text(tree->root, "mig-pending", pending);
	host_tree_text(tree->root, "rule", rule);
	(void)unlinkat(tree->fd, "asked", 0);
	stand_in(tree, modes);
}

#define LOOK "-q -i 00000000:E8:00.0\n"
#define SHM "vgpu -i 00000000:E8:00.0 -shm "
#define MIG "-i 00000000:E8:00.0 -mig "

static void the_mixed_size_mode_is_switched_once_and_looked_at(void **state)
{
	static const char in_use[] = "case $1 in vgpu) echo In use; exit 19 ;; esac";
	static const char lies[] = "case $1 in vgpu) exit 0 ;; esac";
	static const struct {
		const char *name, *het, *rule;
		bool on;
		int want;
		const char *asked;
	} cases[] = {
		{ "on", "0", "", true, 0, LOOK SHM "1\n" LOOK },
		{ "off", "1", "", false, 0, LOOK SHM "0\n" LOOK },
		{ "on already, with vGPUs", "1", in_use, true, 0, LOOK },
		{ "off already", "0", in_use, false, 0, LOOK },
		{ "cannot be on", "x", in_use, false, 0, LOOK },
		{ "N/A for a reason of the moment", "x", "", true, 0,
		  LOOK SHM "1\n" LOOK },
		{ "vGPUs are there", "0", in_use, true, -EBUSY, LOOK SHM "1\n" },
		{ "it says so, and does nothing", "0", lies, true, -EIO,
		  LOOK SHM "1\n" LOOK },
	};
	struct tree *tree = *state;
	struct smi_tool tool = tool_of(tree);
	struct error err;
	size_t i;

	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		set_modes(tree, cases[i].het, "0", "0", cases[i].rule);
		check_case(cases[i].name, smi_set_heterogeneous(&tool, &a40, cases[i].on,
								&err) == cases[i].want);
		check_asked(tree, cases[i].asked);
	}
	assert_contains(err.message, "mixed-size mode of 0000:e8:00.0");
}

static void mig_mode_is_switched_at_once_or_later(void **state)
{
	static const char later[] =
		"case $3 in -mig) echo $4 > \"$root/mig-pending\"; exit 0 ;; esac";
	static const char in_use[] =
		"case $3 in -mig) echo 'In use by another client'; exit 19 ;; esac";
	static const char lies[] = "case $3 in -mig) exit 0 ;; esac";
	static const struct {
		const char *name, *mig, *pending, *rule;
		bool on;
		int want;
		const char *asked;
	} cases[] = {
		{ "on", "0", "0", "", true, 0, LOOK MIG "1\n" LOOK },
		{ "off", "1", "1", "", false, 0, LOOK MIG "0\n" LOOK },
		{ "on already", "1", "1", in_use, true, 0, LOOK },
		{ "a GPU without MIG has it off", "x", "x", in_use, false, 0, LOOK },
		{ "after the next reset", "0", "0", later, true, 1, LOOK MIG "1\n" LOOK },
		{ "pending since before", "0", "1", later, true, 1, LOOK MIG "1\n" LOOK },
		{ "on, but not for long", "1", "0", "", true, 0, LOOK MIG "1\n" LOOK },
		{ "VFs are on", "1", "1", in_use, false, -EBUSY, LOOK MIG "0\n" },
		{ "it says so, and does nothing", "0", "0", lies, true, -EIO,
		  LOOK MIG "1\n" LOOK },
	};
	struct tree *tree = *state;
	struct smi_tool tool = tool_of(tree);
	struct error err;
	size_t i;

	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		set_modes(tree, "0", cases[i].mig, cases[i].pending, cases[i].rule);
		check_case(cases[i].name,
			   smi_set_mig(&tool, &a40, cases[i].on, &err) == cases[i].want);
		check_asked(tree, cases[i].asked);
	}
}

static void gpu_instances_are_listed_and_made(void **state)
{
	static const uint32_t wanted[] = { 9, 19, 19 };
	static uint32_t too_many[65];
	struct tree *tree = *state;
	struct smi_tool tool = tool_of(tree);
	struct smi_gi_profile *profiles;
	struct smi_gi *gis;
	struct error err;
	size_t n;

	lay_down(tree, "profiles-a100");
	lay_down(tree, "gis-a100");
	stand_in(tree, "case $4 in -lgip) cat \"$root/profiles-a100\" ;; "
		       "-lgi) cat \"$root/gis-a100\" ;; esac");
	assert_int_equal(smi_list_gi_profiles(&tool, &a40, &profiles, &n, &err), 0);
	assert_int_equal(n, 7);
	assert_string_equal(profiles[1].name, "1g.5gb+me");
	free(profiles);
	assert_int_equal(smi_list_gis(&tool, &a40, &gis, &n, &err), 0);
	assert_int_equal(n, 4);
	assert_int_equal(gis[3].start, 4);
	free(gis);
	assert_int_equal(smi_create_gis(&tool, &a40, wanted, 3, &err), 0);
	check_asked(tree, "mig -i 00000000:E8:00.0 -lgip\n"
			  "mig -i 00000000:E8:00.0 -lgi\n"
			  "mig -i 00000000:E8:00.0 -cgi 9,19,19 -C\n");
	assert_int_equal(smi_create_gis(&tool, &a40, wanted, 0, &err), -EINVAL);
	assert_int_equal(smi_create_gis(&tool, &a40, too_many, 65, &err), -EINVAL);
	assert_int_equal(smi_create_gis(&tool, &a40, too_many, 64, &err), 0);
	stand_in(tree, "echo 'Failed to create GPU instances: Insufficient Resources'; "
		       "exit 255");
	assert_int_equal(smi_create_gis(&tool, &a40, wanted, 3, &err), -ENOSPC);
	assert_int_equal(err.kind, ERROR_CAPACITY);
	stand_in(tree, "echo 'No MIG-enabled devices found.'; exit 6");
	assert_int_equal(smi_create_gis(&tool, &a40, wanted, 3, &err), -EOPNOTSUPP);
	assert_int_equal(smi_list_gi_profiles(&tool, &a40, &profiles, &n, &err),
			 -EOPNOTSUPP);
	assert_int_equal(err.kind, ERROR_CONFLICT);
}

static void no_gpu_instances_are_no_failure(void **state)
{
	static const struct {
		const char *script;
		int want;
	} cases[] = {
		{ "echo 'No GPU instances found: Not Found'; exit 6", 0 },
		{ "echo 'No GPU instances found: Not Found' >&2; exit 6", 0 },
		{ "echo 'No MIG-enabled devices found.'; exit 6", 0 },
		{ "echo 'No GPU instances found: Not Found'", 0 },
		{ "echo 'No devices were found'; exit 6", -ENODEV },
		{ "echo 'Failed to display GPU instances: Insufficient Permissions'; "
		  "exit 4",
		  -EPERM },
		{ "echo", -EPROTO },
	};
	struct tree *tree = *state;
	struct smi_tool tool = tool_of(tree);
	struct error err;
	size_t i;

	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		struct smi_gi *gis = NULL;
		size_t n = 7;

		stand_in(tree, cases[i].script);
		check_case(cases[i].script,
			   smi_list_gis(&tool, &a40, &gis, &n, &err) == cases[i].want);
		check_case(cases[i].script, n == (cases[i].want ? 7 : 0));
		free(gis);
	}
}

static void a_run_that_is_left_keeps_the_lock(void **state)
{
	struct tree *tree = *state;
	struct smi_tool tool = tool_of(tree);
	struct smi_gpu *gpus;
	struct error err;
	size_t n;

	tool.keep_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(tool.keep_fd >= 0);
	stand_in(tree, "[ \"$(readlink /proc/$$/fd/3)\" = /dev/null ] && exit 9\nexit 1");
	assert_int_equal(smi_query(&tool, NULL, &gpus, &n, &err), -ENXIO);
	(void)close(tool.keep_fd);
	tool.keep_fd = -1;
	stand_in(tree, "[ \"$(readlink /proc/$$/fd/3)\" = /dev/null ] && exit 9\nexit 1");
	assert_int_equal(smi_query(&tool, NULL, &gpus, &n, &err), -EIO);
}

#define on_tree(test) cmocka_unit_test_setup_teardown(test, tree_setup, tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_tree(one_gpu_is_asked_for_by_its_address_and_all_by_none),
		on_tree(types_are_asked_for_of_one_gpu_or_of_all),
		on_tree(answers_about_another_gpu_or_without_sense_are_refused),
		on_tree(a_program_that_is_missing_or_not_trusted_is_not_run),
		on_tree(past_its_deadline_it_is_left_running),
		on_tree(words_without_end_are_cut_off),
		on_tree(how_it_ended_is_told_with_its_words),
		on_tree(the_mixed_size_mode_is_switched_once_and_looked_at),
		on_tree(mig_mode_is_switched_at_once_or_later),
		on_tree(gpu_instances_are_listed_and_made),
		on_tree(no_gpu_instances_are_no_failure),
		on_tree(a_run_that_is_left_keeps_the_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
