/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Milliseconds that never run backwards; for waits and deadlines. */
int64_t clock_monotonic_ms(void);

/* Now as RFC 3339 in UTC, "2026-01-02T03:04:05Z"; returns BUF. Wall-clock time is for
 * people: nothing is ever ordered by it. */
const char *clock_now(char *buf, size_t size);

/* Sleeps MS milliseconds, signals or not. */
void clock_sleep_ms(int64_t ms);
