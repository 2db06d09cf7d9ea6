/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Milliseconds that never run backwards; for waits and deadlines. */
int64_t clock_monotonic_ms(void);

/* Now as RFC 3339 in UTC, "2026-01-02T03:04:05Z"; returns BUF. Wall-clock time is for
 * people: nothing is ever ordered by it. */
const char *clock_now(char *buf, size_t size);

/* The moment that TEXT names, in the form of clock_now(): a date or a date-time of RFC
 * 3339, "2026-01-02" being its first moment in UTC, or how long before NOW (seconds since
 * 1970) it was: "90s", "15m", "2h", "3d", "1w". False for anything else. */
bool clock_parse_since(const char *text, int64_t now, char *buf, size_t size);

/* Sleeps MS milliseconds, signals or not. */
void clock_sleep_ms(int64_t ms);
