/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/smi.h"

#include <errno.h>
#include <string.h>

#include "model/smi_text.h"
#include "util/text.h"

/* A line "KEY : VALUE", or "KEY" alone, which begins a section. */
struct entry {
	size_t indent;
	struct span key, value;
	bool has_value;
};

/* Where in the tree of keys a line is: levels are told by indents, whatever those are. */
struct place {
	struct bdf gpu;
	bool in_gpu;   /* lines before the first GPU are about the driver */
	size_t first;  /* indent of a GPU's keys, 0 where none was seen */
	size_t second; /* of a section's */
	struct span section;
	enum { PLACE_OTHER, PLACE_GPU, PLACE_FIRST, PLACE_SECOND } level;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The colon between key and value has blanks at both sides, or ends its line: values hold
 * addresses. */
static void split(struct span line, struct entry *ret)
{
	size_t i, end;

	*ret = (struct entry){ .indent = 0 };
	while (is_blank(line.at[ret->indent]))
		ret->indent++;
	for (i = ret->indent + 1; i < line.len; i++)
		if (line.at[i] == ':' && is_blank(line.at[i - 1]) &&
		    (i + 1 == line.len || is_blank(line.at[i + 1])))
			break;
	ret->has_value = i < line.len;
	for (end = i; end > ret->indent && is_blank(line.at[end - 1]);)
		end--;
	ret->key = (struct span){ line.at + ret->indent, end - ret->indent };
	for (i += ret->has_value; i < line.len && is_blank(line.at[i]);)
		i++;
	ret->value = (struct span){ line.at + i, line.len - i };
}

/* "GPU 00000000:E8:00.0", at the very left. 1 yes, 0 no, negative: it looks like one. */
static int read_gpu_line(const struct entry *entry, struct bdf *ret)
{
	static const char gpu[] = "GPU ";
	struct span rest = entry->key, word;
	char text[32];

	if (entry->indent || entry->has_value || rest.len < sizeof(gpu) ||
	    memcmp(rest.at, gpu, sizeof(gpu) - 1))
		return 0;
	rest.at += sizeof(gpu) - 1;
	rest.len -= sizeof(gpu) - 1;
	if (!span_word(&rest, "", &word) || rest.len || !memchr(word.at, ':', word.len))
		return 0;
	return span_copy(word, text, sizeof(text)) && bdf_parse(text, ret) ? 1 : -1;
}

static void step_inside(struct place *place, const struct entry *entry)
{
	if (!place->first)
		place->first = entry->indent;
	place->level = PLACE_OTHER;
	if (entry->indent <= place->first) {
		place->section = (struct span){ NULL, 0 };
		place->second = 0;
	}
	if (entry->indent == place->first) {
		place->section = entry->key;
		place->level = PLACE_FIRST;
	} else if (entry->indent > place->first && place->section.len) {
		if (!place->second)
			place->second = entry->indent;
		if (entry->indent == place->second)
			place->level = PLACE_SECOND;
	}
}

/* Goes on to the next line of a tree. 1, or 0 at the end, or -EPROTO. */
static int step(struct smi_lines *lines, struct place *place, struct entry *ret,
		struct smi_fault *fault)
{
	struct span line;
	int is_gpu;

	if (!smi_take_line(lines, &line))
		return 0;
	split(line, ret);
	if (ret->indent) {
		place->level = PLACE_OTHER;
		if (place->in_gpu)
			step_inside(place, ret);
		return 1;
	}
	*place = (struct place){ .in_gpu = false };
	is_gpu = read_gpu_line(ret, &place->gpu);
	if (is_gpu < 0)
		return smi_fail(fault, EPROTO, lines->number, "no PCI address");
	place->in_gpu = is_gpu;
	place->level = is_gpu ? PLACE_GPU : PLACE_OTHER;
	return 1;
}

static bool is_at(const struct place *place, const struct entry *entry,
		  const char *section, const char *key)
{
	return place->level == PLACE_SECOND && span_is(place->section, section) &&
	       span_is(entry->key, key);
}

/* Whole words: "Not Supported" holds "Supported". What was found first counts. */
static void read_switch(struct span value, enum smi_switch *ret)
{
	static const struct {
		const char *word;
		enum smi_switch value;
	} words[] = {
		{ "Enabled", SMI_ON },	    { "Disabled", SMI_OFF },
		{ "Supported", SMI_ON },    { "Not Supported", SMI_UNSUPPORTED },
		{ "N/A", SMI_UNSUPPORTED },
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]) && !*ret; i++)
		if (span_is(value, words[i].word))
			*ret = words[i].value;
}

/* "Non SR-IOV" holds "SR-IOV". */
static void read_host_mode(struct span value, enum smi_host_mode *ret)
{
	if (*ret)
		return;
	if (span_is(value, "SR-IOV"))
		*ret = SMI_HOST_SRIOV;
	else if (span_is(value, "Non SR-IOV"))
		*ret = SMI_HOST_NON_SRIOV;
	else if (span_is(value, "N/A"))
		*ret = SMI_HOST_NONE;
}

static void read_gpu_key(const struct place *place, const struct entry *entry,
			 struct smi_gpu *gpu)
{
	static const char virtualization[] = "GPU Virtualization Mode";

	if (is_at(place, entry, virtualization, "Host VGPU Mode"))
		read_host_mode(entry->value, &gpu->host_mode);
	else if (is_at(place, entry, virtualization, "vGPU Heterogeneous Mode"))
		read_switch(entry->value, &gpu->heterogeneous);
	else if (is_at(place, entry, "vGPU Device Capability",
		       "Heterogeneous Time-Slice Sizes"))
		read_switch(entry->value, &gpu->mixed_size);
	else if (is_at(place, entry, "MIG Mode", "Current"))
		read_switch(entry->value, &gpu->mig_current);
	else if (is_at(place, entry, "MIG Mode", "Pending"))
		read_switch(entry->value, &gpu->mig_pending);
}

static bool is_known(const struct smi_gpu *gpus, size_t n, const struct bdf *bdf)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (bdf_equal(&gpus[i].bdf, bdf))
			return true;
	return false;
}

int smi_parse_query(const char *text, struct smi_gpu *ret, size_t max,
		    struct smi_fault *fault)
{
	struct smi_lines lines = { .next = text };
	struct place place = { .in_gpu = false };
	struct entry entry;
	size_t n = 0;
	int r;

	while ((r = step(&lines, &place, &entry, fault)) > 0) {
		if (place.level == PLACE_GPU) {
			if (is_known(ret, n, &place.gpu))
				return smi_fail(fault, EPROTO, lines.number,
						"a GPU that was there before");
			if (n == max || n == SMI_MAX_GPUS)
				return smi_fail(fault, E2BIG, lines.number,
						"too many GPUs");
			ret[n++] = (struct smi_gpu){ .bdf = place.gpu };
		} else if (place.in_gpu) {
			read_gpu_key(&place, &entry, &ret[n - 1]);
		}
	}
	if (r == 0 && !n)
		return smi_fail(fault, EPROTO, 0, "no GPU is in it");
	return r < 0 ? r : (int)n;
}

/* A number, with UNIT behind it where that is not "". What is not known is left alone. */
static bool read_number(struct span value, const char *unit, uint32_t *ret)
{
	struct span number, word;

	if (span_is(value, "N/A"))
		return true;
	return span_word(&value, "", &number) &&
	       (!*unit || (span_word(&value, "", &word) && span_is(word, unit))) &&
	       !value.len && span_u32(number, ret);
}

/* "0 6 12 18" */
static int read_placements(struct span value, struct smi_type *type, unsigned line,
			   struct smi_fault *fault)
{
	struct span word;

	type->n_placements = 0;
	if (span_is(value, "N/A") || span_is(value, "None"))
		return 0;
	while (span_word(&value, ",", &word)) {
		if (type->n_placements == SMI_MAX_PLACEMENTS)
			return smi_fail(fault, E2BIG, line, "too many placements");
		if (!span_u32(word, &type->placements[type->n_placements]))
			return smi_fail(fault, EPROTO, line, "a placement is no number");
		type->n_placements++;
	}
	return 0;
}

static bool read_name(struct span value, struct smi_type *type)
{
	return value.len && span_copy(value, type->name, sizeof(type->name)) &&
	       text_is_printable(type->name, strlen(type->name));
}

static int read_type_key(const struct entry *entry, const char *placements,
			 struct smi_type *type, unsigned line, struct smi_fault *fault)
{
	const struct {
		const char *key, *unit;
		uint32_t *value;
	} numbers[] = {
		{ "GPU Instance Profile ID", "", &type->gi_profile },
		{ "Max Instances", "", &type->max_instances },
		{ "Max Instances Per GI", "", &type->max_instances_per_gi },
		{ "FB Memory", "MiB", &type->framebuffer_mib },
		{ "Placement Size", "", &type->placement_size },
	};
	size_t i;

	if (span_is(entry->key, placements))
		return read_placements(entry->value, type, line, fault);
	if (span_is(entry->key, "Name") && !read_name(entry->value, type))
		return smi_fail(fault, EPROTO, line, "no name of a vGPU type");
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (span_is(entry->key, numbers[i].key) &&
		    !read_number(entry->value, numbers[i].unit, numbers[i].value))
			return smi_fail(fault, EPROTO, line,
					"no number, or of another unit");
	return 0;
}

/* The types of a GPU are a run of RET. */
static bool is_full(const struct smi_type *ret, size_t n, const struct bdf *gpu)
{
	return n >= SMI_MAX_TYPES && bdf_equal(&ret[n - SMI_MAX_TYPES].gpu, gpu);
}

static int begin_type(const struct place *place, const struct entry *entry,
		      struct smi_type *ret, size_t max, size_t *n, unsigned line,
		      struct smi_fault *fault)
{
	struct smi_type type = { .gpu = place->gpu, .gi_profile = SMI_NO_GI_PROFILE };
	char id[16];
	uint64_t value;

	if (!span_copy(entry->value, id, sizeof(id)) || !parse_number(id, &value) ||
	    !value || value > UINT32_MAX)
		return smi_fail(fault, EPROTO, line, "no id of a vGPU type");
	type.id = (uint32_t)value;
	if (*n == max || is_full(ret, *n, &place->gpu))
		return smi_fail(fault, E2BIG, line, "too many vGPU types");
	ret[(*n)++] = type;
	return 0;
}

static int parse_types(const char *text, const char *placements, struct smi_type *ret,
		       size_t max, struct smi_fault *fault)
{
	static const char type_id[] = "vGPU Type ID";
	struct smi_lines lines = { .next = text };
	struct place place = { .in_gpu = false };
	struct entry entry;
	bool has_gpus = false;
	size_t i, n = 0;
	int more, r = 0;

	while (r == 0 && (more = step(&lines, &place, &entry, fault)) != 0) {
		has_gpus = has_gpus || place.level == PLACE_GPU;
		if (more < 0)
			r = more;
		else if (place.level == PLACE_FIRST && span_is(entry.key, type_id))
			r = begin_type(&place, &entry, ret, max, &n, lines.number, fault);
		else if (place.level == PLACE_SECOND && span_is(place.section, type_id))
			r = read_type_key(&entry, placements, &ret[n - 1], lines.number,
					  fault);
	}
	for (i = 0; i < n && r == 0; i++)
		if (!ret[i].name[0])
			r = smi_fail(fault, EPROTO, 0, "a vGPU type has no name");
	if (r == 0 && !has_gpus)
		r = smi_fail(fault, EPROTO, 0, "no GPU is in it");
	return r < 0 ? r : (int)n;
}

int smi_parse_types(const char *text, struct smi_type *ret, size_t max,
		    struct smi_fault *fault)
{
	return parse_types(text, "Supported Placement IDs", ret, max, fault);
}

int smi_parse_creatable_placements(const char *text, struct smi_type *ret, size_t max,
				   struct smi_fault *fault)
{
	return parse_types(text, "Creatable Placement IDs", ret, max, fault);
}
