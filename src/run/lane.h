/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "run/jobs.h"

/* The children's side of jobs.h. Messages are whole structs over SOCK_SEQPACKET. */

/* Sends MESSAGE, and FD with it unless that is -1. */
int lane_send(int socket, const void *message, size_t size, int fd);

/* Receives one message of exactly SIZE bytes; *RET_FD gets the descriptor that came with
 * it, else -1. 1, or 0 at the end of the stream, or -errno. */
int lane_receive(int socket, void *message, size_t size, int *ret_fd);

/* The process that forks lanes: never returns. REPLY is where lanes send their results.
 */
void __attribute__((noreturn))
lane_broker(int root_fd, const struct sriov_tool *tool, int requests, int reply);
