/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/select.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/text.h"

#define SHORTEST_PREFIX 8

/* "UUIDs, --vm NAME or --all", as far as WAYS go. */
static const char *name_ways(unsigned ways, char *buf, size_t size)
{
	static const char *const names[] = { "UUIDs", "--vm NAME", "--gpu BDF", "--all" };
	size_t i, used = 0;

	buf[0] = '\0';
	for (i = 0; i < ARRAY_SIZE(names) && used < size; i++) {
		unsigned rest = ways >> (i + 1);

		if (ways >> i & 1)
			used += (size_t)snprintf(buf + used, size - used, "%s%s",
						 !used	? ""
						 : rest ? ", "
							: " or ",
						 names[i]);
	}
	return buf;
}

static error_t check_ways(struct argp_state *state, const struct select_args *a)
{
	int n = (a->n_uuids > 0) + (a->by.vm != NULL) + a->by.have_gpu + a->by.all;
	char ways[128];

	if (n != 1)
		return usage_error(state, "name either %s%s",
				   name_ways(a->ways, ways, sizeof(ways)),
				   n ? ", not several of them" : "");
	if (a->by.have_slot && !a->by.vm)
		return usage_error(state, "--slot goes with --vm");
	return 0;
}

error_t select_parse(int key, char *arg, struct argp_state *state, struct select_args *a)
{
	struct parse *p = state->input;

	switch (key) {
	case SELECT_OPT_VM:
		return parse_vm_option(state, arg, &a->by.vm);
	case SELECT_OPT_SLOT:
		a->by.have_slot = true;
		return parse_number_option(state, "slot", arg, INT32_MAX, &a->by.slot);
	case SELECT_OPT_GPU:
		a->by.have_gpu = true;
		return parse_bdf_option(state, arg, &a->by.gpu);
	case SELECT_OPT_ALL:
		a->by.all = true;
		return 0;
	case SELECT_OPT_IF_EXISTS:
		a->if_exists = true;
		return 0;
	case ARGP_KEY_ARGS:
		if (!(a->ways & SELECT_UUIDS))
			return ARGP_ERR_UNKNOWN;
		a->uuids = state->argv + state->next;
		a->n_uuids = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_END:
		return p->help ? 0 : check_ways(state, a);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Nobody is chosen twice. */
static void add(struct saved_vgpu **chosen, size_t *n, struct saved_vgpu *v)
{
	size_t i;

	for (i = 0; i < *n; i++)
		if (chosen[i] == v)
			return;
	chosen[(*n)++] = v;
}

static int add_uuid(const struct select_args *a, const struct view *view,
		    const char *text, struct saved_vgpu **chosen, size_t *n,
		    struct error *err)
{
	struct saved_vgpu *v = NULL;
	struct live_vgpu *live = NULL;
	int r = view_find_vgpu(view, text, SHORTEST_PREFIX, &v, &live, err);

	if (r == -ENOENT && a->if_exists)
		return 0;
	if (r < 0)
		return r;
	if (!v) {
		(void)error_set(
			err, ERROR_CONFLICT, 0,
			"%s is foreign: vgpumgr did not make it and leaves it alone",
			live->uuid);
		error_hint(err, "whoever made it can %s it", a->verb);
		return -EEXIST;
	}
	add(chosen, n, v);
	return 0;
}

/* A GPU that is gone can still be named, as long as something is on record for it. */
static int check_gpu(const struct select_args *a, const struct view *view, size_t n,
		     struct error *err)
{
	struct gpu *gpu;

	if (!a->by.have_gpu || n || a->if_exists ||
	    saved_find_gpu(view->saved, &a->by.gpu))
		return 0;
	return view_find_gpu(view->host, &a->by.gpu, &gpu, err);
}

static int check_vm(const struct select_args *a, size_t n, struct error *err)
{
	char vm[4 * VM_NAME_SIZE];

	if (!a->by.vm || n || a->if_exists)
		return 0;
	(void)error_set(err, ERROR_NOT_FOUND, 0, "%s has no vGPU%s on record",
			text_escape(vm, sizeof(vm), a->by.vm),
			a->by.have_slot ? " in that slot" : "");
	error_hint(err, "'vgpumgr list' shows the vGPUs of this host");
	return -ENOENT;
}

int select_choose(const struct select_args *a, const struct view *view,
		  struct saved_vgpu ***ret, size_t *ret_n, struct error *err)
{
	struct saved *saved = view->saved;
	_cleanup_(freep) struct saved_vgpu **chosen =
		calloc(saved->n_vgpus + 1, sizeof(struct saved_vgpu *));
	size_t i, n = 0;
	int r = 0;

	if (!chosen)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "choose vGPUs");
	for (i = 0; i < a->n_uuids && r == 0; i++)
		r = add_uuid(a, view, a->uuids[i], chosen, &n, err);
	for (i = 0; i < saved->n_vgpus; i++)
		if (selection_covers(&a->by, &saved->vgpus[i]))
			chosen[n++] = &saved->vgpus[i]; /* then there are no UUIDs */
	if (r == 0)
		r = check_gpu(a, view, n, err);
	if (r == 0)
		r = check_vm(a, n, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(chosen);
	*ret_n = n;
	return 0;
}
