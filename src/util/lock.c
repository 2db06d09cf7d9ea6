/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock_holder.h"

#define POLL_MS 20

int lock_open(int dirfd, const char *name, struct error *err)
{
	int fd = openat(dirfd, name,
			O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open lock file %s", name);
	return fd;
}

int lock_peek(int dirfd, const char *dir, const char *name)
{
	_cleanup_(closep) int dir_fd =
		openat(dirfd, dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return dir_fd < 0 ? -1
			  : openat(dir_fd, name,
				   O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static struct flock on_byte(short type, int64_t byte)
{
	return (struct flock){
		.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1
	};
}

/* Who looks for a lock without waiting will look again: then nobody wants to know. */
static int give_up(int fd, const struct flock *lock, bool waited, struct error *err)
{
	char path[64], holder[LOCK_HOLDER_SIZE] = "";

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (err && waited)
		(void)lock_holder(path, lock->l_start, lock->l_len, holder);
	return error_set(err, ERROR_TIMEOUT, ETIMEDOUT,
			 "another operation still holds the lock%s%s",
			 holder[0] ? ": " : "", holder);
}

static int take(int fd, struct flock lock, int64_t deadline, struct error *err)
{
	bool waited = false;

	while (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EACCES)
			return error_set(err, ERROR_SYSTEM, errno, "take lock %lld",
					 (long long)lock.l_start);
		if (clock_monotonic_ms() >= deadline)
			return give_up(fd, &lock, waited, err);
		waited = true;
		clock_sleep_ms(POLL_MS);
	}
	return 0;
}

int lock_take(int fd, int64_t byte, int64_t deadline, struct error *err)
{
	return take(fd, on_byte(F_WRLCK, byte), deadline, err);
}

int lock_take_range(int fd, int64_t first, int64_t n, int64_t deadline, struct error *err)
{
	struct flock lock = on_byte(F_WRLCK, first);

	lock.l_len = n;
	return take(fd, lock, deadline, err);
}

int lock_share(int fd, int64_t byte, int64_t deadline, struct error *err)
{
	return take(fd, on_byte(F_RDLCK, byte), deadline, err);
}

void lock_release(int fd, int64_t byte)
{
	struct flock lock = on_byte(F_UNLCK, byte);

	(void)fcntl(fd, F_OFD_SETLK, &lock);
}

bool lock_is_held(int fd, int64_t byte)
{
	struct flock lock = on_byte(F_WRLCK, byte);

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool lock_is_exclusive(int fd, int64_t byte)
{
	struct flock lock = on_byte(F_RDLCK, byte);

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}
