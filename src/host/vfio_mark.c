/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/vfio_mark.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/scan.h"
#include "sysfs/sysfs.h"
#include "util/cleanup.h"
#include "util/text.h"

#define RUN_DIR "run/vgpumgr"
#define PATH_SIZE 64
#define MARK_SIZE 160

static const char *path_of(const struct bdf *vf, char ret[PATH_SIZE])
{
	char name[BDF_SIZE];

	(void)snprintf(ret, PATH_SIZE, RUN_DIR "/vgpu-%s", bdf_format(vf, name));
	return ret;
}

/* False where the boot is not known: then a mark would prove nothing. */
static bool make_mark(int root_fd, const char *uuid, uint32_t type_id,
		      char ret[MARK_SIZE])
{
	char boot_id[64];

	scan_boot_id(root_fd, boot_id, sizeof(boot_id));
	(void)snprintf(ret, MARK_SIZE, "%s %u %s\n", boot_id, type_id, uuid);
	return boot_id[0] != '\0';
}

void vfio_mark_set(int root_fd, const struct bdf *vf, const char *uuid, uint32_t type_id)
{
	char path[PATH_SIZE], mark[MARK_SIZE];
	_cleanup_(closep) int fd = -1;

	if (!make_mark(root_fd, uuid, type_id, mark))
		return;
	(void)mkdirat(root_fd, "run", 0755);
	(void)mkdirat(root_fd, RUN_DIR, 0755);
	fd = openat(root_fd, path_of(vf, path),
		    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		    0644);
	if (fd >= 0 && write(fd, mark, strlen(mark)) != (ssize_t)strlen(mark))
		vfio_mark_clear(root_fd, vf);
}

void vfio_mark_clear(int root_fd, const struct bdf *vf)
{
	char path[PATH_SIZE];

	(void)unlinkat(root_fd, path_of(vf, path), 0);
}

void vfio_mark_read(int root_fd, const struct bdf *vf, uint32_t type_id,
		    char ret[UUID_SIZE])
{
	char path[PATH_SIZE], text[MARK_SIZE], expected[MARK_SIZE], *uuid;

	ret[0] = '\0';
	if (sysfs_read(root_fd, path_of(vf, path), text, sizeof(text), NULL) < 0)
		return;
	uuid = strrchr(text, ' ');
	if (!uuid || !uuid_normalise(uuid + 1, ret) ||
	    !make_mark(root_fd, ret, type_id, expected) ||
	    strncmp(text, expected, strlen(expected) - 1) != 0)
		ret[0] = '\0';
}
