/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/smi_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/text.h"

bool span_is(struct span span, const char *word)
{
	return strlen(word) == span.len && !memcmp(span.at, word, span.len);
}

bool span_copy(struct span span, char *buf, size_t size)
{
	if (span.len >= size)
		return false;
	memcpy(buf, span.at, span.len);
	buf[span.len] = '\0';
	return true;
}

bool span_u32(struct span span, uint32_t *ret)
{
	char text[24];

	return span_copy(span, text, sizeof(text)) && parse_u32(text, ret);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

bool span_word(struct span *span, const char *also, struct span *ret)
{
	while (span->len && (is_blank(*span->at) || strchr(also, *span->at))) {
		span->at++;
		span->len--;
	}
	*ret = (struct span){ span->at, 0 };
	while (span->len && !is_blank(*span->at) && !strchr(also, *span->at)) {
		span->at++;
		span->len--;
		ret->len++;
	}
	return ret->len > 0;
}

bool smi_take_line(struct smi_lines *lines, struct span *ret)
{
	while (*lines->next) {
		struct span line = { lines->next, strcspn(lines->next, "\n") };

		lines->next += line.len + (lines->next[line.len] == '\n');
		lines->number++;
		while (line.len && is_blank(line.at[line.len - 1]))
			line.len--;
		if (line.len) {
			*ret = line;
			return true;
		}
	}
	return false;
}

int smi_fail(struct smi_fault *fault, int errnum, unsigned line, const char *why)
{
	*fault = (struct smi_fault){ line, why };
	return -errnum;
}

int smi_errno(int status, const char *output)
{
	static const struct {
		const char *words;
		int status, errnum;
	} meanings[] = {
		{ "Invalid Argument", 2, EINVAL },
		{ "Not Supported", 3, EOPNOTSUPP },
		{ "Insufficient Permissions", 4, EPERM },
		{ "No devices were found", 6, ENODEV },
		{ "Driver Not Loaded", 9, ENXIO },
		{ "In use by another client", 19, EBUSY },
		{ "Insufficient Resources", 23, ENOSPC },
	};
	size_t i, len = strlen(output);

	if (!status)
		return 0;
	if (strstr(output, "No MIG-enabled devices found")) /* with 6 as well */
		return EOPNOTSUPP;
	for (i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (status == meanings[i].status)
			return meanings[i].errnum;
	while (len && (is_blank(output[len - 1]) || output[len - 1] == '\n'))
		len--;
	for (i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		size_t n = strlen(meanings[i].words);

		if (len >= n && !memcmp(output + len - n, meanings[i].words, n))
			return meanings[i].errnum;
	}
	return EIO;
}

const char *smi_bus_id(const struct bdf *bdf, char buf[BDF_SIZE])
{
	(void)snprintf(buf, BDF_SIZE, "%08X:%02X:%02X.%X", bdf->domain, bdf->bus,
		       bdf->device, bdf->function);
	return buf;
}
