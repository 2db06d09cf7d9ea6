#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Every awk that is here makes the same C of the table of vGPU types, and refuses a table that
# makes no sense: each mistake with its file and line.  check-type-table.sh  (top_srcdir,
# top_builddir from the environment)
set -u
LC_ALL=C
export LC_ALL

srcdir=${top_srcdir:-.}
built=${top_builddir:-.}/src/model/type_table_data.c
status=0
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
table=$work/table.csv

complain() {
	echo "$awk: $1" >&2
	sed 's/^/\t/' "$work/out" "$work/err" >&2
	status=1
}

# $awk may be two words.
# shellcheck disable=SC2086
embed() { $awk -f "$srcdir/build-aux/embed-types.awk" "$1" >"$work/out" 2>"$work/err"; }

head='# KEY: where it is from
name,framebuffer_mib,max_instances,max_mixed,mig_profile,type_id,driver_version,source'

# refuses LINE WORDS ROW...: of the table whose third line is the first ROW
refuses() {
	line=$1 words=$2
	shift 2
	{ printf '%s\n' "$head" "$@"; } >"$table"
	if embed "$table"; then
		complain "takes $*"
	elif [ -s "$work/out" ] || [ "$(cat "$work/err")" != "$table:$line: $words" ]; then
		complain "of '$*' does not say: $table:$line: $words"
	fi
}

check_refusals() {
	fine='NVIDIA B2-4Q,4096,2,1,,7,550.1,KEY;KEY'
	refuses 3 'not 8 columns' 'NVIDIA B2-4Q,4096,2,1,,7,550.1'
	refuses 4 'not 8 columns' "$fine" 'NVIDIA B3-4Q,4096,2,1,,7,550.1,KEY;KEY,'
	refuses 4 'not 8 columns' "$fine" ''
	refuses 3 "'B2-4Q' is no name of a vGPU type" 'B2-4Q,,,,,,,KEY'
	refuses 3 "'NVIDIA B2-4Qx' is no name of a vGPU type" 'NVIDIA B2-4Qx,,,,,,,KEY'
	refuses 3 "'NVIDIA B\"2-4Q' is no name of a vGPU type" 'NVIDIA B"2-4Q,,,,,,,KEY'
	refuses 3 "'NVIDIA B2' is no name of a vGPU type" 'NVIDIA B2,,,,,,,KEY'
	long=$(printf '%089d' 0)
	refuses 3 "'NVIDIA $long-1Q' is too long" "NVIDIA $long-1Q,,,,,,,KEY"
	refuses 4 "'B2-4Q' is there twice" "$fine" 'GRID B2-4Q,,,,,,,KEY'
	refuses 4 "'b2-4Q' is there twice" "$fine" 'NVIDIA b2-4Q,,,,,,,KEY'
	refuses 4 "'B2-16Q' belongs further up: names are sorted as bytes" "$fine" \
		'GRID B2-16Q,,,,,,,KEY'
	refuses 3 "framebuffer_mib '4 GB' is no number" 'NVIDIA B2-4Q,4 GB,2,1,,7,550.1,KEY;KEY'
	refuses 3 "framebuffer_mib '0' is no number" 'NVIDIA B2-4Q,0,2,1,,7,550.1,KEY;KEY'
	refuses 3 "max_instances '-2' is no number" 'NVIDIA B2-4Q,4096,-2,1,,7,550.1,KEY;KEY'
	refuses 3 "max_mixed '4294967296' is no number" \
		'NVIDIA B2-4Q,4096,2,4294967296,,7,550.1,KEY;KEY'
	refuses 3 "mig_profile '1g' is none" 'NVIDIA B2-1-4Q,4096,2,,1g,7,550.1,KEY;KEY'
	refuses 3 "type_id '7/' is none" 'NVIDIA B2-4Q,4096,2,1,,7/,550.1,KEY;KEY'
	refuses 3 "type_id '0' is none" 'NVIDIA B2-4Q,4096,2,1,,0,550.1,KEY;KEY'
	refuses 3 "driver_version '550' is none" 'NVIDIA B2-4Q,4096,2,1,,7,550,KEY;KEY'
	refuses 3 "source '' is not of the form 'KEYS' or 'KEYS;KEYS'" 'NVIDIA B2-4Q,,,,,,,'
	refuses 3 "source 'KEY;' is not of the form 'KEYS' or 'KEYS;KEYS'" \
		'NVIDIA B2-4Q,4096,2,1,,7,550.1,KEY;'
	refuses 3 "source 'KEY' does not say where the figures are from" \
		'NVIDIA B2-4Q,4096,,,,7,550.1,KEY'
	refuses 3 "source 'OTHER' is not explained at the head" \
		'NVIDIA B2-4Q,4096,,,,7,550.1,KEY;KEY OTHER'
	refuses 2 'there are no types'

	printf '%s\n' 'name,type_id' >"$table"
	if embed "$table" || ! grep -qF "$table:1: these are not the columns" "$work/err"; then
		complain 'takes any columns'
	fi
	# All mistakes are told, not only the first.
	printf '%s\n' "$head" 'B2-4Q,,,,,,,KEY' "$fine" 'NVIDIA B3-4Q' >"$table"
	if embed "$table" || [ "$(grep -cE ':(3|5): ' "$work/err")" != 2 ]; then
		complain 'does not tell all mistakes'
	fi
}

check_rows() {
	printf '%s\n' "$head" 'GRID B2-1-4CME,4096,,,1g.4gb+me,7/8,,KEY KEY;KEY' \
		'NVIDIA B2-4Q,4096,2,1,,7,550.1,KEY;KEY' 'NVIDIA RTX B2-Ada-4,,,,,,,KEY' >"$table"
	embed "$table" || complain 'refuses what is fine'
	tab=$(printf '\t')
	for row in '{ "GRID B2-1-4CME", 4096, 0, 0, "1g.4gb+me" },' \
		'{ "NVIDIA B2-4Q", 4096, 2, 1, NULL },' \
		'{ "NVIDIA RTX B2-Ada-4", 0, 0, 0, NULL },'; do
		grep -qxF "$tab$row" "$work/out" || complain "does not make: $row"
	done
}

tried=0
for awk in "${AWK:-awk}" mawk gawk original-awk 'busybox awk'; do
	# shellcheck disable=SC2086
	[ "$($awk 'BEGIN { print "here" }' 2>/dev/null)" = here ] || continue
	tried=$((tried + 1))
	embed "$srcdir/etc/vgpu-types.csv" || complain 'refuses the table'
	cmp -s "$work/out" "$built" || complain "makes something else of it than $built"
	check_rows
	check_refusals
done
[ "$tried" -gt 0 ] || status=1
echo "$tried awks"
exit $status
