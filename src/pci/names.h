/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The names of pci.ids by libpci. Loading the list costs milliseconds: only commands that
 * show or record a model do it. */
struct pci_names;

/* NULL where libpci cannot be used; the other functions accept that. */
struct pci_names *pci_names_open(void);
void pci_names_close(struct pci_names *names);

/* Writes a GPU's model, "NVIDIA A40" of pci.ids' "GA102GL [A40]", to BUF; "" where the
 * list does not know the device. Returns BUF. */
const char *pci_names_model(struct pci_names *names, uint32_t vendor, uint32_t device,
			    char *buf, size_t size);

/* Leaves of TEXT, an entry of pci.ids, what is between its last brackets, or all of it.
 */
void pci_names_take_brackets(char *text);
