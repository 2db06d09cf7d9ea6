/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>

#include "model/saved.h"
#include "util/error.h"

/* Documents for programs; their shapes are described in doc/json.md. Functions that
 * return a json_t give a new reference, NULL for want of memory. */

#define JSON_SCHEMA_VERSION 1

/* To be called before any other: from then on no document is printed that lacks a part
 * for want of memory, but for one of json_error(), which is begun anew. */
void json_watch_memory(void);

/* Whether DOCUMENT is there and lacks nothing. */
bool json_is_whole(const json_t *document);

/* Whether any allocation has failed so far: jansson's own errors do not always say so. */
bool json_lacked_memory(void);

/* A string; "" and NULL are null, and what is no UTF-8 is escaped. */
json_t *json_text(const char *text);
json_t *json_bdf(const struct bdf *bdf);
/* A number, or null where VALUE is 0 and that means "not known". */
json_t *json_known(uint32_t value);

/* {"schema_version", "command", "as_of", "host"}: what every answer begins with. HOST may
 * be NULL: then there is no "host". */
json_t *json_document(const char *command, const char *as_of, const struct host *host);

/* {"kind", "exit_status", "message", "hint"} */
json_t *json_error_object(const struct error *err);

/* {"schema_version", "command", "error"}. EXTRA is merged into "error"; it may be NULL.
 */
json_t *json_error(const char *command, const struct error *err, json_t *extra);

/* Prints to stdout, with a newline; takes the reference. */
int json_print(json_t *document, struct error *err);
