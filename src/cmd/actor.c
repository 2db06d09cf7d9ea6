/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "util/cleanup.h"
#include "util/text.h"

#define NOBODY UINT32_MAX /* of one that no login has started, as at boot */

/* The user who has logged in, which the kernel keeps through sudo and su. Of this very
 * process, so not below the root that is acted on. */
static bool login_uid(uint32_t *ret)
{
	_cleanup_(closep) int fd = open("/proc/self/loginuid", O_RDONLY | O_CLOEXEC);
	char text[16] = "";

	return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && parse_u32(text, ret) &&
	       *ret != NOBODY;
}

static bool sudo_uid(uint32_t *ret)
{
	const char *text = getenv("SUDO_UID");

	return text && parse_u32(text, ret) && *ret != NOBODY;
}

/* Root's is known without asking anybody, as at boot there may be nobody to ask. */
static void find_name(struct actor *actor)
{
	struct passwd entry, *found = NULL;
	char buf[4096];

	if (!actor->uid)
		(void)text_copy(actor->name, sizeof(actor->name), "root");
	else if (getpwuid_r(actor->uid, &entry, buf, sizeof(buf), &found) == 0 && found)
		(void)text_copy(actor->name, sizeof(actor->name), found->pw_name);
}

void context_sign(struct context *ctx, struct store *store)
{
	struct actor *actor = &ctx->actor;

	if (!actor->command) {
		if (!login_uid(&actor->uid) && !sudo_uid(&actor->uid))
			actor->uid = (uint32_t)getuid();
		find_name(actor);
		actor->command = ctx->recorded_as ? ctx->recorded_as : ctx->command;
	}
	store_set_actor(store, actor);
}
