/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz.h"
#include "pci/names.h"

int fuzz_pci_names(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_string(data, size),
			      *was = fuzz_string(data, size);
	const char *open = strrchr(was, '['), *close = open ? strchr(open, ']') : NULL;

	pci_names_take_brackets(text);
	if (!close || close == open + 1) {
		must_hold(!strcmp(text, was));
		return 0;
	}
	must_hold(strlen(text) == (size_t)(close - open) - 1);
	must_hold(!strncmp(text, open + 1, strlen(text)));
	return 0;
}
