/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/sriov.h"
#include "out/backup.h"
#include "out/json.h"
#include "out/publish.h"
#include "out/record.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/journal.h"
#include "util/lock.h"
#include "util/text.h"

#define PUBLISH_WAIT_MS 5000

#define STORE_DIR "var/lib/vgpumgr"
#define STORE_FILE "state.db"
#define CONFIG_FILE "etc/vgpumgr/vgpumgr.conf"

DEFINE_CLEANUP(struct saved *, saved_free)

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_SYSTEM, ENOMEM, "start");
}

/* The option, else the environment variable, else NULL. */
static const char *option_or_env(const char *option, const char *name)
{
	const char *value = option ? option : getenv(name);

	return value && *value ? value : NULL;
}

static int open_root(struct context *ctx, struct error *err)
{
	const char *path = option_or_env(ctx->root_option, "VGPUMGR_ROOT");

	ctx->root = realpath(path ? path : "/", NULL);
	if (ctx->root)
		ctx->root_fd = open(ctx->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!ctx->root || ctx->root_fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "root directory %s",
				 path ? path : "/");
	return 0;
}

/* The store where the root says. */
static int default_place(struct context *ctx, struct error *err)
{
	const char *slash = strcmp(ctx->root, "/") ? "/" : "";

	ctx->place.root_fd = ctx->root_fd;
	ctx->place.root = strdup(ctx->root);
	ctx->place.dir = strdup(STORE_DIR);
	if (asprintf(&ctx->place.file, "%s%s" STORE_DIR "/" STORE_FILE, ctx->root,
		     slash) < 0)
		ctx->place.file = NULL;
	if (!ctx->place.root || !ctx->place.dir || !ctx->place.file)
		return no_memory(err);
	return 0;
}

/* A store that the user names: trust starts at the root if it is below that, else at "/".
 */
static int named_place(struct context *ctx, const char *file, struct error *err)
{
	_cleanup_(freep) char *copy = strdup(file), *dir = NULL;
	const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
	size_t root_len = strcmp(ctx->root, "/") ? strlen(ctx->root) : 0;
	bool inside;

	if (!copy)
		return no_memory(err);
	copy[slash ? (slash == file ? 1 : slash - file) : 0] = '\0';
	if (!*name)
		return error_set(err, ERROR_USAGE, EISDIR, "--store %s", file);
	dir = realpath(*copy ? copy : ".", NULL);
	if (!dir)
		return error_set(err, ERROR_SYSTEM, errno, "--store %s", file);
	inside = !strncmp(dir, ctx->root, root_len) &&
		 (dir[root_len] == '/' || !dir[root_len]);
	ctx->place.root_fd = inside ? ctx->root_fd : open("/", O_PATH | O_CLOEXEC);
	ctx->place.root = strdup(inside ? ctx->root : "/");
	ctx->place.dir =
		strdup(inside ? dir + root_len + (dir[root_len] == '/') : dir + 1);
	if (asprintf(&ctx->place.file, "%s/%s", strcmp(dir, "/") ? dir : "", name) < 0)
		ctx->place.file = NULL;
	if (!ctx->place.root || !ctx->place.dir || !ctx->place.file)
		return no_memory(err);
	return 0;
}

static int read_settings(struct context *ctx, struct error *err)
{
	const char *file = option_or_env(ctx->config_option, "VGPUMGR_CONFIG");
	int r = settings_read(&ctx->settings, file ? AT_FDCWD : ctx->root_fd,
			      file ? file : CONFIG_FILE, err);

	return r == -ENOENT && !file ? 0 : r;
}

int context_prepare(struct context *ctx, struct error *err)
{
	const char *store = option_or_env(ctx->store_option, "VGPUMGR_STORE");
	int r = open_root(ctx, err);

	if (r == 0)
		r = store ? named_place(ctx, store, err) : default_place(ctx, err);
	settings_defaults(&ctx->settings);
	if (r == 0)
		r = read_settings(ctx, err);
	return r;
}

void context_end(struct context *ctx)
{
	if (ctx->place.root_fd != ctx->root_fd)
		close_fd(ctx->place.root_fd);
	close_fd(ctx->root_fd);
	close_fd(ctx->attend_fd);
	settings_free(&ctx->settings);
	free(ctx->root);
	free(ctx->place.root);
	free(ctx->place.dir);
	free(ctx->place.file);
	free(ctx->details);
	json_decref(ctx->error_extra);
}

uint32_t context_timeout(const struct context *ctx)
{
	return ctx->timeout_s ? ctx->timeout_s : ctx->settings.timeout_s;
}

uint32_t context_sriov_timeout(const struct context *ctx)
{
	return ctx->timeout_s ? ctx->timeout_s : ctx->settings.sriov_timeout_s;
}

static void say(int priority, const char *prefix, const char *fmt, va_list ap)
{
	char message[1024], shown[4 * sizeof(message)];

	(void)vsnprintf(message, sizeof(message), fmt, ap);
	(void)fprintf(stderr, "%svgpumgr: %s%s\n", journal_prefix(priority), prefix,
		      text_escape(shown, sizeof(shown), message));
}

void note(const struct context *ctx, const char *fmt, ...)
{
	va_list ap;

	if (ctx->quiet)
		return;
	va_start(ap, fmt);
	say(PRIORITY_INFO, "", fmt, ap);
	va_end(ap);
}

void warning(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(PRIORITY_WARNING, "warning: ", fmt, ap);
	va_end(ap);
}

void complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(PRIORITY_ERROR, "", fmt, ap);
	va_end(ap);
}

int context_print(const struct context *ctx, json_t *document, struct error *err)
{
	json_t *error;

	if (ctx->troubled && document) {
		error = json_error_object(&ctx->trouble);
		if (!error || json_object_set_new(document, "error", error) < 0) {
			json_decref(document);
			document = NULL;
		}
	}
	return json_print(document, err);
}

int context_start_jobs(struct context *ctx, struct jobs **ret, struct error *err)
{
	struct sriov_tool tool = { ctx->root, ctx->settings.sriov_manage };

	/* A reader that goes away must not end a change half way; main() sees it at the
	 * end. */
	(void)signal(SIGPIPE, SIG_IGN);

	return jobs_start(ctx->root_fd, &tool, ret, err);
}

void context_publish(struct context *ctx, struct store *store, const char *machine_id)
{
	_cleanup_(saved_freep) struct saved *saved = NULL;
	_cleanup_(closep) int lock_fd = host_open_lock(ctx, NULL);
	_cleanup_(freep) char *text = NULL;
	struct error err;
	bool whole;

	/* Two at once could leave the older of two records behind. One that is stopped in
	 * the midst of it writes the record as it finds it when it goes on. */
	if (lock_fd >= 0 && lock_take(lock_fd, LOCK_PUBLISH,
				      clock_monotonic_ms() + PUBLISH_WAIT_MS, &err) < 0) {
		warning("backup.json was not written: %s (the change itself is "
			"recorded)",
			err.message);
		return;
	}
	/* Whoever has put another in its place has published that one. */
	if (store_is_replaced(store)) {
		warning("backup.json was not written: another record has taken the place "
			"of this one");
		return;
	}
	if (store_load(store, &saved, &err) < 0) {
		warning("%s (the change itself is recorded)", err.message);
		return;
	}
	text = record_text(saved, machine_id);
	if (!text) {
		warning("backup.json was not written: there is no memory");
		return;
	}
	/* A backup is the way back when records are missing: one without them is none. */
	whole = store_is_writable(store) && !saved->n_bad;
	if (whole && backup_write(&ctx->place, text, &err) < 0)
		warning("%s (the change itself is recorded)", err.message);
	if (publish_inventory(ctx->root_fd, text, &err) < 0)
		warning("%s (the change itself is recorded)", err.message);
}

void context_publish_late(struct context *ctx, struct store *store,
			  const char *machine_id)
{
	uint64_t generation;
	struct error err;

	if (store_generation(store, &generation, &err) < 0)
		warning("%s", err.message);
	else if (!publish_is_of(ctx->root_fd, generation) ||
		 (store_is_writable(store) && !backup_is_of(&ctx->place, generation)))
		context_publish(ctx, store, machine_id);
}
