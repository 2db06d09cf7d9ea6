/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run/sriov_mark.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "host/scan.h"

#define DRIVER "sys/bus/pci/drivers/nvidia"
#define MARK "run/vgpumgr/sriov-0000:e8:00.0"
#define GIVEN_UP "run/vgpumgr/given-up-0000:e8:00.0"
#define BOOT_ID "proc/sys/kernel/random/boot_id"

static const struct bdf gpu = { 0, 0xe8, 0, 0 };

enum { BOOT, WAS, STANDS, PARTS };

/* Does TEXT begin with this boot and this load of the driver, as a word of its own? */
static bool is_of_this_load(const char *text, const char *boot_id)
{
	char is[128];
	struct stat st;
	size_t len;

	must_hold(fstatat(fuzz_root(), DRIVER, &st, 0) == 0);
	(void)snprintf(is, sizeof(is), "%s %llu", boot_id, (unsigned long long)st.st_ino);
	len = strlen(is);
	return !strncmp(text, is, len) && (!text[len] || text[len] == ' ');
}

/* What is made of whatever the mark says. */
static void check_read(const char *was, const char *boot_id)
{
	bool fits = strlen(was) < 128,
	     of_boot = fits && !strncmp(was, boot_id, strlen(boot_id));
	bool of_load = fits && is_of_this_load(was, boot_id);
	uint32_t tries = 0;
	struct error err;
	int r;

	must_hold(sriov_was_cut_short(fuzz_root(), &gpu) ==
		  (of_load && !strstr(was, " finished")));
	r = sriov_may_restore(fuzz_root(), &tries, &gpu, &err);
	must_hold(r == (!of_boot ? 0 : of_load ? -EALREADY : -ESRCH));
	must_hold(tries == (of_boot ? 1 : SRIOV_TRIES));
	if (r < 0)
		fuzz_check_error(&err);
}

/* What is written is read. */
static void check_written(const char *boot_id, const char *stands)
{
	uint32_t tries;
	int root = fuzz_root();
	bool is_odd = strstr(boot_id, " finished");

	sriov_mark(root, &gpu, false);
	must_hold(is_odd || sriov_was_cut_short(root, &gpu));
	sriov_mark_on(root, &gpu); /* that it is being switched is not forgotten */
	must_hold(is_odd || sriov_was_cut_short(root, &gpu));
	sriov_mark(root, &gpu, true);
	must_hold(!sriov_was_cut_short(root, &gpu));
	must_hold(sriov_may_restore(root, &tries, &gpu, NULL) == -EALREADY);
	sriov_give_up(root, &gpu, stands);
	must_hold(sriov_is_given_up(root, &gpu, stands));
	must_hold(!sriov_is_given_up(root, &gpu, "otherwise than that"));
}

/* Lines: the boot id, the mark of a GPU, and how a GPU stood that was given up. */
int fuzz_mark(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_string(data, size);
	char *parts[PARTS], boot_id[64];
	int root = fuzz_root();

	fuzz_split(text, parts, PARTS);
	if (strlen(parts[STANDS]) > 64 || strchr(parts[STANDS], '\n'))
		parts[STANDS][0] = '\0';
	fuzz_dir(root, DRIVER);
	fuzz_file(root, BOOT_ID, parts[BOOT], strlen(parts[BOOT]));
	fuzz_file(root, MARK, parts[WAS], strlen(parts[WAS]));
	fuzz_file(root, GIVEN_UP, parts[STANDS], strlen(parts[STANDS]));
	scan_boot_id(root, boot_id, sizeof(boot_id));
	must_hold(fuzz_is_clean(boot_id) || strlen(boot_id) == sizeof(boot_id) - 1);
	must_hold(!strncmp(boot_id, parts[BOOT], strlen(boot_id)));
	check_read(parts[WAS], boot_id);
	(void)sriov_is_given_up(root, &gpu, "as it stood");
	check_written(boot_id, parts[STANDS]);
	return 0;
}
