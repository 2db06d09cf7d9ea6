/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "out/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "out/file.h"
#include "out/record.h"
#include "util/cleanup.h"

#define RUN_DIR "run/vgpumgr"
#define INVENTORY "inventory.json"

int publish_run_file(int root_fd, const char *name, const char *text, struct error *err)
{
	_cleanup_(closep) int dir_fd = -1;

	if ((mkdirat(root_fd, "run", 0755) < 0 && errno != EEXIST) ||
	    (mkdirat(root_fd, RUN_DIR, 0755) < 0 && errno != EEXIST))
		return error_set(err, ERROR_SYSTEM, errno, "make directory " RUN_DIR);
	dir_fd = openat(root_fd, RUN_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir_fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open " RUN_DIR);
	return file_replace(dir_fd, name, "new", 0644, text, err);
}

int publish_inventory(int root_fd, const char *text, struct error *err)
{
	return publish_run_file(root_fd, INVENTORY, text, err);
}

bool publish_is_of(int root_fd, uint64_t generation)
{
	return record_peek_generation(root_fd, RUN_DIR "/" INVENTORY) == generation;
}

int publish_read(int root_fd, struct saved **ret, int64_t *ret_written_at,
		 struct error *err)
{
	_cleanup_(closep) int fd = openat(root_fd, RUN_DIR "/" INVENTORY,
					  O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open " RUN_DIR "/" INVENTORY);
	if (ret_written_at)
		*ret_written_at = st.st_mtime;
	return record_read(fd, RUN_DIR "/" INVENTORY, ret, err);
}
