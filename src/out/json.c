/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "out/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/text.h"

/* jansson tells the want of memory to whoever makes a part, and the whole would be a
 * document that lacks it; so whoever prints the whole is told as well. */
static bool no_memory;

static void *allocate(size_t size)
{
	void *p = malloc(size);

	if (!p)
		no_memory = true;
	return p;
}

void json_watch_memory(void)
{
	json_set_alloc_funcs(allocate, free);
}

bool json_is_whole(const json_t *document)
{
	return document && !no_memory;
}

bool json_lacked_memory(void)
{
	return no_memory;
}

json_t *json_text(const char *text)
{
	char shown[2048];
	json_t *value;

	if (!text || !*text)
		return json_null();
	value = json_string(text);
	return value ? value : json_string(text_escape(shown, sizeof(shown), text));
}

json_t *json_bdf(const struct bdf *bdf)
{
	char name[BDF_SIZE];

	return json_string(bdf_format(bdf, name));
}

json_t *json_known(uint32_t value)
{
	return value ? json_integer(value) : json_null();
}

json_t *json_document(const char *command, const char *as_of, const struct host *host)
{
	json_t *document =
		json_pack("{s:i, s:s, s:s}", "schema_version", JSON_SCHEMA_VERSION,
			  "command", command, "as_of", as_of);

	if (document && host)
		(void)json_object_set_new(document, "host",
					  json_pack("{s:o, s:o, s:o}", "hostname",
						    json_text(host->hostname),
						    "machine_id",
						    json_text(host->machine_id),
						    "boot_id", json_text(host->boot_id)));
	return document;
}

json_t *json_error_object(const struct error *err)
{
	return json_pack("{s:s, s:i, s:o, s:o}", "kind", error_kind_name(err->kind),
			 "exit_status", (int)err->kind, "message",
			 json_text(err->message), "hint", json_text(err->hint));
}

json_t *json_error(const char *command, const struct error *err, json_t *extra)
{
	json_t *error;

	no_memory = false;
	error = json_error_object(err);
	if (error && extra)
		(void)json_object_update(error, extra);
	return json_pack("{s:i, s:o, s:o}", "schema_version", JSON_SCHEMA_VERSION,
			 "command", json_text(command), "error", error);
}

int json_print(json_t *document, struct error *err)
{
	int r = 0;

	if (!json_is_whole(document)) {
		json_decref(document);
		return error_set(err, ERROR_SYSTEM, ENOMEM, "make a JSON document");
	}
	if (json_dumpf(document, stdout, JSON_INDENT(2)) || printf("\n") < 0)
		r = error_set(err, ERROR_SYSTEM, errno ? errno : EIO, "write to stdout");
	json_decref(document);
	return r;
}
