#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# static.sh: analysers read the source: gcc -fanalyzer, clang-tidy (.clang-tidy), cppcheck, and
# its scripts: shellcheck. A point is one file read by one of them; a violation is a finding that static.allow
# gives no reason for, or a reason there that no finding needs any more.
#   sample    cppcheck of what does no I/O, shellcheck of scripts/
#   default   everything
# A tool that is not installed is left out, which the note says. TOOLS="NAME…": these alone.
needs_host=no
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
allowed=$(cd "$(dirname "$0")" && pwd)/static.allow

work=${RESULTS:-$top_builddir/faults}/static
rm -rf --one-file-system "$work"
mkdir -p "$work/found" || bail "no $work"
work=$(cd "$work" && pwd)
cd "$top_srcdir" || bail "no $top_srcdir"
top_srcdir=$(pwd -P)

modules='sqlite3 uuid libpci libconfig smartcols jansson'
# shellcheck disable=SC2086 # lists of words
flags="-std=gnu11 -include $top_builddir/config.h -I$top_builddir -I$top_builddir/src -Isrc \
	$(pkg-config --cflags $modules)"

# Each prints lines "FILE:LINE:COLUMN: KIND: WORDS [ID]".
# shellcheck disable=SC2086,SC2317 # flags is a list of words; xargs calls them
run_gcc() {
	gcc -O2 -Wall -Wextra -fanalyzer $flags -c "$1" -o /dev/null
}
# shellcheck disable=SC2086,SC2317
run_clang-tidy() {
	clang-tidy --quiet "$1" -- $flags
}
# cppcheck does not know that variables may be cleaned up where their scope ends. What is static
# is no leak for it, so that is what such a variable is in the copy it reads.
# Declarations stand at the top of their function; no process has several threads.
# shellcheck disable=SC2317
run_cppcheck() {
	mkdir -p "$work/copy/${1%/*}" &&
		sed -E 's/^(\t*)_cleanup_\(/\1static _cleanup_(/' "$1" >"$work/copy/$1" &&
		cd "$work/copy" &&
		cppcheck --quiet --std=c11 --enable=warning,style,performance,portability \
			--library=posix,gnu --suppress=variableScope --suppress=readdirCalled \
			--include="$top_builddir/config.h" -I "$top_srcdir/src" \
			-I "$top_builddir/src" \
			--template='{file}:{line}:0: warning: {message} [{id}]' "$1"
}
# Tests list directories of /sys, whose names are plain, and split words.
# shellcheck disable=SC2317
run_shellcheck() {
	local few=''
	[[ $1 != tests/* ]] || few='-S warning -e SC2010,SC2115'
	# shellcheck disable=SC2086
	shellcheck -x -f gcc $few "$1"
	[ $? -le 1 ] # 1: it has found something
}
# analyse TOOL FILE
# shellcheck disable=SC2317
analyse() {
	local log=$work/found/$1.${2//\//_}
	"run_$1" "$2" >"$log" 2>&1 || echo "$2:0:0: error: $1 has failed: $(tail -n1 "$log") [failed]" >>"$log"
}
export -f run_gcc run_clang-tidy run_cppcheck run_shellcheck analyse
export work flags top_srcdir top_builddir

sources=$(find src -name '*.c' ! -name sql.c ! -name type_table_data.c | sort)
scripts=$(find scripts tests .ci -type f 2>/dev/null |
	while read -r file; do
		head -n1 "$file" | grep -aqE '^#!/bin/(ba)?sh|^# shellcheck shell=' && echo "$file"
	done | sort)
if [ "$MODE" = sample ]; then
	sources=$(grep -E '^src/(util|model|core)/' <<<"$sources")
	scripts=$(grep '^scripts/' <<<"$scripts")
	: "${TOOLS:=cppcheck shellcheck}"
fi
ran='' missing=''
for tool in ${TOOLS:-gcc clang-tidy cppcheck shellcheck}; do
	if ! command -v "$tool" >/dev/null; then
		missing="$missing $tool"
		continue
	fi
	ran="$ran $tool"
	files=$sources
	[ "$tool" != shellcheck ] || files=$scripts
	points=$((points + $(wc -l <<<"$files")))
	xargs -P 2 -I '{}' "$BASH" -c "analyse $tool {}" <<<"$files"
	for log in "$work/found/$tool".*; do
		sed -nE "s#^($top_srcdir/)?([^: ]+):([0-9]+):[0-9]+: ([a-z ]*(warning|error|note|style)): (.*) \[([^]]*)\]\$#$tool \2 \7 \3: \6#p" "$log"
	done | sort -u
done >"$work/findings"
[ -n "$ran" ] || skip "not installed:$missing"

# static.allow: "TOOL FILE ID [WORDS]", FILE may be *, WORDS are part of what is found.
awk -v ran="$ran " -v sample="$MODE" '
	FILENAME == ARGV[1] {
		if (/^[^#]/) {
			n++
			tool[n] = $1; file[n] = $2; id[n] = $3
			words[n] = substr($0, length($1 $2 $3) + 4)
		}
		next
	}
	{
		for (i = 1; i <= n; i++)
			if ($1 == tool[i] && (file[i] == "*" || ($2 == file[i] && !used[i])) &&
			    $3 == id[i] && index($0, words[i])) {
				used[i] = 1
				next
			}
		print
	}
	END {
		for (i = 1; i <= n; i++)
			if (!used[i] && index(ran, " " tool[i] " ") && sample != "sample")
				print "static.allow: nothing is found any more of " tool[i], file[i], id[i], words[i]
	}' "$allowed" "$work/findings" >"$work/violations" || bail 'static.allow cannot be read'
while read -r line; do
	point=${line%%: *}
	violation "${line#*: }"
done <"$work/violations"
finish "$(awk -v t="$ran" 'BEGIN { print "by" t }')${missing:+; not installed:$missing}"
