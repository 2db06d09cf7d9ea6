/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "fuzz.h"
#include "model/smi.h"

#define MOST 24

typedef int parse_types(const char *text, struct smi_type *ret, size_t max,
			struct smi_fault *fault);

static void print_type(FILE *out, const struct smi_type *t, const char *placements)
{
	size_t i;

	fprintf(out, "    vGPU Type ID             : 0x%x\n", t->id);
	fprintf(out, "        Name                 : %s\n", t->name);
	if (t->gi_profile == SMI_NO_GI_PROFILE)
		fprintf(out, "        GPU Instance Profile ID : N/A\n");
	else
		fprintf(out, "        GPU Instance Profile ID : %u\n", t->gi_profile);
	fprintf(out, "        Max Instances        : %u\n", t->max_instances);
	fprintf(out, "        Max Instances Per VM : 4711\n");
	fprintf(out, "        Max Instances Per GI : %u\n", t->max_instances_per_gi);
	fprintf(out, "        FB Memory            : %u MiB\n", t->framebuffer_mib);
	fprintf(out, "        Placement Size       : %u\n", t->placement_size);
	fprintf(out, "        %s :", placements);
	for (i = 0; i < t->n_placements; i++)
		fprintf(out, "%s %u", i % 2 ? "," : "", t->placements[i]);
	fprintf(out, "\n");
}

/* What nvidia-smi would write of TYPES. The caller frees it. */
static char *format(const struct smi_type *types, size_t n, const char *placements)
{
	char *text = NULL, name[BDF_SIZE];
	size_t i, size;
	FILE *out = open_memstream(&text, &size);

	must_hold(out);
	fprintf(out, "GPU 00000000:00:00.0\n");
	for (i = 0; i < n; i++) {
		fprintf(out, "GPU %s\n", smi_bus_id(&types[i].gpu, name));
		print_type(out, &types[i], placements);
	}
	must_hold(fclose(out) == 0);
	return text;
}

static void check_equal(const struct smi_type *a, const struct smi_type *b)
{
	must_hold(bdf_equal(&a->gpu, &b->gpu) && a->id == b->id);
	must_hold(!strcmp(a->name, b->name));
	must_hold(a->framebuffer_mib == b->framebuffer_mib);
	must_hold(a->max_instances == b->max_instances);
	must_hold(a->max_instances_per_gi == b->max_instances_per_gi);
	must_hold(a->gi_profile == b->gi_profile);
	must_hold(a->placement_size == b->placement_size);
	must_hold(a->n_placements == b->n_placements);
	must_hold(!memcmp(a->placements, b->placements,
			  a->n_placements * sizeof(a->placements[0])));
}

static void check_type(const struct smi_type *t, const char *text)
{
	must_hold(t->id && t->name[0] && strlen(t->name) < sizeof(t->name));
	must_hold(fuzz_is_clean(t->name) && strstr(text, t->name));
	must_hold(t->n_placements <= SMI_MAX_PLACEMENTS);
	must_hold(!t->framebuffer_mib || strstr(text, "MiB"));
	must_hold(!t->max_instances || strstr(text, "Max Instances"));
	must_hold(!t->max_instances_per_gi || strstr(text, "Max Instances Per GI"));
	must_hold(!t->placement_size || strstr(text, "Placement Size"));
}

/* How many types there are, negative where the text is refused. */
static int check(const char *text, parse_types *parse, const char *placements)
{
	static struct smi_type types[MOST], again[MOST];
	_cleanup_(freep) char *formatted = NULL;
	struct smi_fault fault = { 0, NULL };
	int i, n = parse(text, types, MOST, &fault);

	if (n < 0) {
		must_hold(n == -EPROTO || n == -E2BIG);
		must_hold(fault.why && fault.why[0] && fuzz_is_clean(fault.why));
		return n;
	}
	must_hold(n <= MOST);
	for (i = 0; i < n; i++) {
		check_type(&types[i], text);
		must_hold(!types[i].n_placements || strstr(text, placements));
	}
	formatted = format(types, (size_t)n, placements);
	must_hold(parse(formatted, again, MOST, &fault) == n);
	for (i = 0; i < n; i++)
		check_equal(&types[i], &again[i]);
	return n;
}

int fuzz_smi_types(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_string(data, size);
	int supported = check(text, smi_parse_types, "Supported Placement IDs");
	int creatable =
		check(text, smi_parse_creatable_placements, "Creatable Placement IDs");

	/* they differ in nothing but a line */
	if (!strstr(text, "Placement IDs"))
		must_hold(supported == creatable);
	return 0;
}
