/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/* Priorities of syslog(3). */
enum { PRIORITY_ERROR = 3, PRIORITY_WARNING = 4, PRIORITY_INFO = 6 };

/* Does stderr go to systemd's journal?  As JOURNAL_STREAM says, see systemd.exec(5). */
bool journal_is_stderr(void);

/* What a line on stderr begins with: "<3>" under systemd, which takes it for the priority
 * (sd-daemon(3)), else "". */
const char *journal_prefix(int priority);
