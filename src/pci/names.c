/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pci/names.h"

#include <pci/pci.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sysfs/pci.h"
#include "util/text.h"

struct pci_names {
	struct pci_access *access;
};

/* libpci's error callback has no argument and must not return, and it would end the
 * program by default: it is left by this. */
static jmp_buf failed;

static void __attribute__((noreturn)) on_error(char *format, ...)
{
	(void)format;
	longjmp(failed, 1);
}

static void ignore(char *format, ...)
{
	(void)format;
}

struct pci_names *pci_names_open(void)
{
	struct pci_names *volatile names = calloc(1, sizeof(*names));

	if (!names)
		return NULL;
	if (setjmp(failed)) {
		free(names);
		return NULL;
	}
	names->access = pci_alloc();
	names->access->error = on_error;
	names->access->warning = ignore;
	names->access->debug = ignore;
	return names;
}

void pci_names_close(struct pci_names *names)
{
	if (!names)
		return;
	if (!setjmp(failed))
		pci_cleanup(names->access);
	free(names);
}

void pci_names_take_brackets(char *text)
{
	char *open = strrchr(text, '['), *close = open ? strchr(open, ']') : NULL;

	if (!close || close == open + 1)
		return;
	*close = '\0';
	memmove(text, open + 1, strlen(open + 1) + 1);
}

const char *pci_names_model(struct pci_names *names, uint32_t vendor, uint32_t device,
			    char *buf, size_t size)
{
	char found[128] = "";

	buf[0] = '\0';
	if (!names || !device || setjmp(failed))
		return buf;
	if (!pci_lookup_name(names->access, found, sizeof(found),
			     PCI_LOOKUP_DEVICE | PCI_LOOKUP_NO_NUMBERS, (int)vendor,
			     (int)device) ||
	    !found[0] || !text_is_printable(found, strlen(found)))
		return buf;
	pci_names_take_brackets(found);
	(void)snprintf(buf, size, "%s%s", vendor == PCI_VENDOR_ID_NVIDIA ? "NVIDIA " : "",
		       found);
	return buf;
}
