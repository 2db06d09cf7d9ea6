/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>

#include "store/store.h"

/* The record as a JSON document: what backup.json, the archive, the published inventory
 * and `store backup` hold. doc/json.md describes it. */

/* A new reference, NULL for want of memory. MACHINE_ID may be "". */
json_t *record_document(const struct saved *saved, const char *machine_id);

/* The same as text that ends in a newline; the caller frees it. NULL for want of memory.
 */
char *record_text(const struct saved *saved, const char *machine_id);

/* Reads such a document, which people may have edited: every field must be there and be
 * what the record could hold, but for those that earlier versions did not write, and no
 * UUID, no slot of a VM and no virtual function may come twice. -EPROTO and ERROR_STORE,
 * with the first thing that is wrong, where it is anything else. WHAT names it in
 * messages. Free with saved_free(). */
int record_parse(const char *text, size_t length, const char *what, struct saved **ret,
		 struct error *err);

/* Likewise, the regular file behind FD, of at most 64 MiB. */
int record_read(int fd, const char *what, struct saved **ret, struct error *err);

/* What DIR_FD/NAME, such a document, says of its generation, in the few lines before its
 * records; 0 where it says nothing. Cheaper than to read all of it. */
uint64_t record_peek_generation(int dir_fd, const char *name);

/* The same of HEAD, those lines. */
uint64_t record_parse_head(const char *head);
