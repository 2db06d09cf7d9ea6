#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh [FAMILY...]: the fault tests, and a table of what they tried. "make check-faults" runs it.
# FULL=1: all points of each family; SAMPLE=1: a few of each.
set -u
here=$(cd "$(dirname "$0")" && pwd)
: "${top_srcdir:=$here/../..}" "${top_builddir:=$PWD}"
export top_srcdir top_builddir
MODE=default
[ -z "${FULL:-}" ] || MODE=full
[ -z "${SAMPLE:-}" ] || MODE=sample
export MODE
families='kill errno power sysfs store races clock memory fuzz static'
[ $# -eq 0 ] || families=$*
results=${RESULTS:-$top_builddir/faults}
mkdir -p "$results" || exit 99

row='%-8s %9s %11s %8s  %s\n'
failed=0 ran=0
# shellcheck disable=SC2059 # the format of the table
printf "$row" FAMILY POINTS VIOLATIONS SECONDS NOTE
for family in $families; do
	script=$here/$family.sh
	if [ ! -x "$script" ]; then
		echo "$family: there is no $script" >&2
		exit 99
	fi
	began=$SECONDS
	"$script" >"$results/$family.log" 2>&1
	status=$?
	points='' violations='' words=''
	read -r points violations words <<<"$(sed -n '$s/^summary //p' "$results/$family.log")"
	if [ $status -eq 77 ]; then
		points=- violations=-
		words="skipped: $(sed -n 's/.*# SKIP //p' "$results/$family.log" | tail -n1)"
	elif [ -z "$points" ]; then
		points='?' violations='?'
		words="ended with status $status: $(tail -n1 "$results/$family.log")"
		failed=$((failed + 1))
	else
		[ "$violations" = 0 ] && [ $status -eq 0 ] || failed=$((failed + 1))
		ran=$((ran + 1))
	fi
	# shellcheck disable=SC2059 # the format of the table
	printf "$row" "$family" "$points" "$violations" $((SECONDS - began)) "$words"
	grep '^violation: ' "$results/$family.log" | head -n 10 | sed 's/^/    /'
done
echo "what was tried, family by family: $results/*.log"
[ $failed -eq 0 ] || exit 1
[ $ran -gt 0 ] || exit 77
