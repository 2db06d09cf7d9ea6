/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/outcome.h"

#include <stdlib.h>

#include "cmd/words.h"
#include "out/json.h"
#include "out/table.h"
#include "util/cleanup.h"
#include "util/journal.h"

#define SUMMARY "%u as saved, %u created, %u moved, %u failed, %u foreign"

DEFINE_CLEANUP(struct table *, table_free)

/* Only what is live as saved, or stopped on purpose, is in order. */
void outcome_judge(struct outcome *o, struct outcome_summary *s)
{
	const struct verdict *v = &o->row.verdict;

	o->error[0] = '\0';
	if (!o->row.saved) {
		s->foreign++;
		return;
	}
	(void)reason_sentence(o->row.saved, v->reason, o->error, sizeof(o->error));
	if (v->state == STATE_ACTIVE && v->action == ACTION_NONE)
		s->as_saved++;
	else if (v->state == STATE_STOPPED && !v->reason)
		return;
	else
		s->failed++;
	if (o->error[0] || v->state == STATE_ACTIVE)
		return;
	(void)snprintf(o->error, sizeof(o->error), "%s",
		       v->state == STATE_MISSING    ? "not live"
		       : v->state == STATE_CREATING ? "its create was cut short"
						    : "its removal was cut short");
}

static json_t *outcome_json(const struct view *view, const struct outcome *o)
{
	char gpu[BDF_SIZE], parent[TYPE_DIR_SIZE];

	row_place(view, &o->row, gpu, parent);
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:s, s:s, s:o}", "uuid",
		json_text(row_uuid(&o->row)), "profile", json_text(row_profile(&o->row)),
		"vm", json_text(o->row.saved ? o->row.saved->vm : NULL), "vf",
		json_text(parent), "state", vgpu_state_name(o->row.verdict.state),
		"action", plan_action_name(o->row.verdict.action), "error",
		json_text(o->error));
}

static json_t *document_of(const struct context *ctx, const struct view *view,
			   const struct outcome *outcomes, size_t n,
			   const struct outcome_summary *s)
{
	json_t *document = json_document(ctx->command, view->as_of, view->host);
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < n; i++)
		(void)json_array_append_new(array, outcome_json(view, &outcomes[i]));
	(void)json_object_set_new(document, "vgpus", array);
	(void)json_object_set_new(
		document, "summary",
		json_pack("{s:I, s:I, s:I, s:I, s:I}", "as_saved",
			  (json_int_t)s->as_saved, "created", (json_int_t)s->created,
			  "moved", (json_int_t)s->moved, "failed", (json_int_t)s->failed,
			  "foreign", (json_int_t)s->foreign));
	if (s->warnings)
		(void)json_object_set(document, "warnings", s->warnings);
	return document;
}

static bool is_worth_a_line(const struct outcome *o)
{
	return o->error[0] || o->row.verdict.action != ACTION_NONE ||
	       (o->row.verdict.state != STATE_ACTIVE &&
		o->row.verdict.state != STATE_STOPPED);
}

static int print_table(const struct view *view, const struct outcome *outcomes, size_t n,
		       struct error *err)
{
	static const struct column columns[] = {
		{ "UUID", false }, { "PROFILE", false }, { "VM", false },
		{ "VF", false },   { "STATE", false },	 { "ACTION", false },
		{ "WHY", false },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	size_t i, lines = 0;
	int r = table_new(columns, ARRAY_SIZE(columns), &table, err);

	for (i = 0; i < n && r == 0; i++) {
		const struct outcome *o = &outcomes[i];
		char gpu[BDF_SIZE], parent[TYPE_DIR_SIZE];

		if (!is_worth_a_line(o))
			continue;
		lines++;
		row_place(view, &o->row, gpu, parent);
		r = table_add(table,
			      (const char *[]){
				      row_uuid(&o->row), row_profile(&o->row),
				      o->row.saved ? o->row.saved->vm : NULL, parent,
				      vgpu_state_name(o->row.verdict.state),
				      plan_action_name(o->row.verdict.action), o->error },
			      err);
	}
	return r == 0 && lines ? table_print(table, err) : r;
}

/* In the journal a table is out of place: a line each for what is not as it should be,
 * and what was made has been told. */
static void log_lines(const struct context *ctx, const struct view *view,
		      const struct outcome *outcomes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const struct outcome *o = &outcomes[i];
		char gpu[BDF_SIZE], parent[TYPE_DIR_SIZE];
		bool ours = o->row.saved && o->row.verdict.state != STATE_ACTIVE;

		if (!is_worth_a_line(o) || (o->row.saved && !ours && !o->error[0]))
			continue;
		row_place(view, &o->row, gpu, parent);
		if (ours)
			complain("%s is %s: %s of %s slot %u on %s: %s",
				 row_uuid(&o->row), vgpu_state_name(o->row.verdict.state),
				 row_profile(&o->row), o->row.saved->vm,
				 o->row.saved->slot, parent, o->error);
		else
			note(ctx, "%s is %s on %s%s%s", row_uuid(&o->row),
			     vgpu_state_name(o->row.verdict.state), parent,
			     o->error[0] ? ": " : "", o->error);
	}
}

static void log_summary(const struct context *ctx, const struct outcome_summary *s)
{
	char text[128];

	(void)snprintf(text, sizeof(text), SUMMARY, s->as_saved, s->created, s->moved,
		       s->failed, s->foreign);
	if (s->failed)
		complain("%s", text);
	else
		note(ctx, "%s", text);
}

int outcomes_print(const struct context *ctx, const struct view *view,
		   const struct outcome *outcomes, size_t n,
		   const struct outcome_summary *s, char **ret_text, struct error *err)
{
	json_t *document = document_of(ctx, view, outcomes, n, s);
	int r;

	if (ret_text && json_is_whole(document))
		*ret_text = json_dumps(document, JSON_INDENT(1));
	if (ret_text && !*ret_text)
		warning("keep the outcome: no memory");
	if (ctx->json)
		return context_print(ctx, document, err);
	json_decref(document);
	if (journal_is_stderr()) {
		log_lines(ctx, view, outcomes, n);
		log_summary(ctx, s);
		return 0;
	}
	r = print_table(view, outcomes, n, err);
	if (r == 0 && !ctx->quiet)
		printf(SUMMARY "\n", s->as_saved, s->created, s->moved, s->failed,
		       s->foreign);
	return r;
}
