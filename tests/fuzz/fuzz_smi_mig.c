/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "fuzz.h"
#include "model/smi.h"

#define MOST 16

static void check_fault(int r, const struct smi_fault *fault)
{
	must_hold(r == -EPROTO || r == -E2BIG);
	must_hold(fault->why && fault->why[0] && fuzz_is_clean(fault->why));
}

static void check_name(const char name[SMI_PROFILE_SIZE], const char *text)
{
	must_hold(memchr(name, 0, SMI_PROFILE_SIZE) && fuzz_is_clean(name));
	must_hold(name[0] >= '0' && name[0] <= '9' && strstr(text, name));
	must_hold(!strpbrk(name, " |/:"));
}

static void check_profiles(const char *text)
{
	struct smi_gi_profile rows[MOST], again[MOST];
	struct smi_fault fault = { 0, NULL };
	int i, n = smi_parse_gi_profiles(text, rows, MOST, &fault);

	if (n < 0)
		check_fault(n, &fault);
	must_hold(n <= MOST);
	for (i = 0; i < n; i++) {
		char line[256];

		check_name(rows[i].name, text);
		must_hold(rows[i].free <= rows[i].total);
		must_hold(rows[i].memory_mib <= (1u << 30) + 1024);
		/* a 1024th of a GiB has at most ten binary places; six are written */
		must_hold(snprintf(line, sizeof(line),
				   "| %u  MIG %s  %u  %u/%u  %u.%06u  No |", rows[i].gpu,
				   rows[i].name, rows[i].id, rows[i].free, rows[i].total,
				   rows[i].memory_mib / 1024,
				   (rows[i].memory_mib % 1024 * 1000000 + 1023) / 1024) <
			  (int)sizeof(line));
		must_hold(rows[i].memory_mib / 1024 > 1 << 20 ||
			  smi_parse_gi_profiles(line, again, 1, &fault) == 1);
		must_hold(rows[i].memory_mib / 1024 > 1 << 20 ||
			  again[0].memory_mib == rows[i].memory_mib);
	}
}

static void check_gis(const char *text)
{
	struct smi_gi rows[MOST], again;
	struct smi_fault fault = { 0, NULL };
	int i, n = smi_parse_gis(text, rows, MOST, &fault);

	if (n < 0)
		check_fault(n, &fault);
	must_hold(n <= MOST);
	must_hold(n || strstr(text, "GPU instances") ||
		  (smi_says_no_gis(text) && strstr(text, "No ")));
	for (i = 0; i < n; i++) {
		char line[256];

		check_name(rows[i].profile, text);
		must_hold(rows[i].size > 0);
		must_hold(snprintf(line, sizeof(line), "|%u MIG %s %u %u %u:%u|\r\n",
				   rows[i].gpu, rows[i].profile, rows[i].profile_id,
				   rows[i].id, rows[i].start,
				   rows[i].size) < (int)sizeof(line));
		must_hold(smi_parse_gis(line, &again, 1, &fault) == 1);
		must_hold(again.gpu == rows[i].gpu && again.id == rows[i].id);
		must_hold(again.profile_id == rows[i].profile_id);
		must_hold(again.start == rows[i].start && again.size == rows[i].size);
	}
}

/* A table of profiles or of instances; and words that tell why it failed. */
int fuzz_smi_mig(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_string(data, size);

	check_profiles(text);
	check_gis(text);
	must_hold(smi_errno(0, text) == 0);
	if (strstr(text, "No MIG-enabled devices found"))
		must_hold(smi_errno(19, text) == EOPNOTSUPP);
	else
		must_hold(smi_errno(19, text) == EBUSY);
	must_hold(smi_errno(1, text) == EIO || strstr(text, "In use by another client") ||
		  strstr(text, "Insufficient ") || strstr(text, "Not ") ||
		  strstr(text, "Invalid Argument") || strstr(text, "No "));
	return 0;
}
