/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "util/clock.h"

/* N digits at *AT, which it moves behind them. */
static bool take_number(const char **at, int n, int *ret)
{
	*ret = 0;
	for (; n; n--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		*ret = *ret * 10 + (**at - '0');
	}
	return true;
}

static bool take_char(const char **at, const char *any_of)
{
	if (!**at || !strchr(any_of, **at))
		return false;
	(*at)++;
	return true;
}

static int days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

static bool take_date(const char **at, struct tm *tm)
{
	int year, month, day;

	if (!take_number(at, 4, &year) || !take_char(at, "-") ||
	    !take_number(at, 2, &month) || !take_char(at, "-") ||
	    !take_number(at, 2, &day) || month < 1 || month > 12 || day < 1 ||
	    day > days_in(year, month))
		return false;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return true;
}

/* What is recorded has whole seconds: a fraction does not matter. */
static bool take_time(const char **at, struct tm *tm)
{
	if (!take_char(at, "Tt ") || !take_number(at, 2, &tm->tm_hour) ||
	    !take_char(at, ":") || !take_number(at, 2, &tm->tm_min) ||
	    !take_char(at, ":") || !take_number(at, 2, &tm->tm_sec) || tm->tm_hour > 23 ||
	    tm->tm_min > 59 || tm->tm_sec > 60)
		return false;
	if (!take_char(at, "."))
		return true;
	if (!strspn(*at, "0123456789"))
		return false;
	*at += strspn(*at, "0123456789");
	return true;
}

/* "Z", or how far local time is ahead of UTC. */
static bool take_offset(const char **at, int *ret_s)
{
	bool behind = **at == '-';
	int hours, minutes;

	*ret_s = 0;
	if (take_char(at, "Zz"))
		return true;
	if (!take_char(at, "+-") || !take_number(at, 2, &hours) || !take_char(at, ":") ||
	    !take_number(at, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_s = (hours * 60 + minutes) * 60 * (behind ? -1 : 1);
	return true;
}

static bool parse_moment(const char *text, int64_t *ret)
{
	struct tm tm = { .tm_hour = 0 };
	int offset_s = 0;

	if (!take_date(&text, &tm))
		return false;
	if (*text && (!take_time(&text, &tm) || !take_offset(&text, &offset_s)))
		return false;
	*ret = (int64_t)timegm(&tm) - offset_s;
	return !*text;
}

static bool parse_duration(const char *text, int64_t *ret)
{
	static const char units[] = "smhdw";
	static const int seconds[] = { 1, 60, 3600, 86400, 604800 };
	size_t n = strspn(text, "0123456789");
	const char *unit = text[n] ? strchr(units, text[n]) : NULL;
	int number;

	if (n < 1 || n > 9 || !unit || text[n + 1])
		return false;
	(void)take_number(&text, (int)n, &number);
	*ret = (int64_t)number * seconds[unit - units];
	return true;
}

bool clock_parse_since(const char *text, int64_t now, char *buf, size_t size)
{
	int64_t moment, ago;
	struct tm tm;
	time_t t;
	int n;

	if (parse_duration(text, &ago))
		moment = ago < now ? now - ago : 0;
	else if (!parse_moment(text, &moment))
		return false;
	t = (time_t)moment;
	if (!gmtime_r(&t, &tm))
		return false;
	if (tm.tm_year < -1900) /* by its offset before the year 0 */
		tm = (struct tm){ .tm_year = -1900, .tm_mday = 1 };
	if (tm.tm_year > 9999 - 1900) /* likewise after 9999: texts are compared */
		tm = (struct tm){ 59, 59, 23, 31, 11, 9999 - 1900, 0, 0, 0, 0, NULL };
	n = snprintf(buf, size, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
		     tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	return n > 0 && (size_t)n < size;
}
