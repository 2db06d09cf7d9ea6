/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz.h"
#include "model/saved.h"

int fuzz_vm_name(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_string(data, size);
	enum saved_state state;
	size_t len = strlen(text);

	must_hold(vm_name_is_valid(text) ==
		  (len >= 1 && len <= 255 && !strchr(text, '/') && fuzz_is_clean(text)));
	if (saved_state_parse(text, &state))
		must_hold(!strcmp(saved_state_name(state), text));
	else
		must_hold(strcmp(text, "creating") && strcmp(text, "active") &&
			  strcmp(text, "removing") && strcmp(text, "stopped"));
	return 0;
}
