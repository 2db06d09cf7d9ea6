/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What starting a program costs that is linked to the libraries of vgpumgr and uses none. */
#include <jansson.h>
#include <libconfig.h>
#include <libsmartcols/libsmartcols.h>
#include <pci/pci.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <uuid/uuid.h>

int main(void)
{
	uintptr_t used = (uintptr_t)sqlite3_libversion ^ (uintptr_t)uuid_generate ^
			 (uintptr_t)pci_alloc ^ (uintptr_t)config_init ^
			 (uintptr_t)scols_new_table ^ (uintptr_t)json_object;

	return printf("%s\n", used ? VERSION : "") < 0;
}
