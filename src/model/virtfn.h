/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/model.h"

/* The N of "virtfnN", the name of a PF's link to a virtual function; false where NAME is
 * none. Source: drivers/pci/iov.c. */
bool virtfn_parse(const char *name, uint32_t *ret);

/* Addresses of VFs are a first one and a stride, by the SR-IOV specification, which is
 * how the kernel makes the links as well: the first, the second and the last of N tell
 * all of them. Fills in the others' addresses. VFS are sorted by index. False, and
 * nothing is changed, where they do not tell. */
bool virtfn_derive(struct parent *vfs, size_t n);
