#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# fuzz.sh: the targets of tests/fuzz under libFuzzer with the address and undefined behaviour
# sanitizers; tests/fuzz/README.md tells of them. A point is one input that was tried.
#   sample    the inputs that are kept, by any compiler
#   default   FUZZ_SECONDS (20) seconds each
#   full      twenty million inputs or ten minutes each, whichever comes first
# TARGETS="NAME…": these alone. Needs clang and its libFuzzer, but for the sample.
needs_host=no
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

if [ "$MODE" = sample ]; then
	# shellcheck disable=SC2086 # a list of words
	"$top_builddir/tests/fuzz/replay" ${TARGETS:-} # its last line is the summary
	exit
fi

command -v clang >/dev/null || skip 'clang is not installed'
dir=$top_srcdir/tests/fuzz
work=${RESULTS:-$top_builddir/faults}/fuzz
rm -rf --one-file-system "$work"
mkdir -p "$work/objects" "$work/found" || bail "no $work"
work=$(cd "$work" && pwd)

# What targets write is best written to memory.
scratch=$(mktemp -d /dev/shm/fuzz.XXXXXX 2>/dev/null) || scratch=$top/scratch
mkdir -p "$scratch"
export TMPDIR=$scratch
trap 'rm -rf --one-file-system "$scratch"; clean_up' EXIT

modules='sqlite3 uuid libpci libconfig smartcols jansson'
sanitizers='-fsanitize=address,undefined -fno-sanitize-recover=all'
# The paths are in quotes of their own; what pkg-config says is a list of words.
# shellcheck disable=SC2086
compile="clang -std=gnu11 -O2 -g -fno-omit-frame-pointer -include config.h \
	-I'$top_builddir' -I'$top_builddir/src' -I'$top_srcdir/src' -I'$dir' \
	$(pkg-config --cflags $modules) $sanitizers"
# shellcheck disable=SC2086
libraries=$(pkg-config --libs $modules)

cat >"$work/compile" <<-END
	#!/bin/sh
	exec $compile -fsanitize=fuzzer-no-link -c "\$1" \
		-o "$work/objects/\$(echo "\$1" | cksum | tr ' ' -).o"
END
# link NAME: the fuzzer of one target
cat >"$work/link" <<-END
	#!/bin/sh
	exec $compile -fsanitize=fuzzer -DFUZZ_TARGET=fuzz_\$1 -o "$work/\$1.fuzzer" \
		'$dir/entry.c' "$work/objects/"*.o $libraries
END
chmod +x "$work/compile" "$work/link"

# All that the program is made of, but for its commands; two files of those parse.
sources() {
	find "$top_srcdir/src" -name '*.c' ! -path '*/src/cmd/*' ! -name main.c ! -name sql.c \
		! -name type_table_data.c
	printf '%s\n' "$top_srcdir"/src/cmd/{options,settings}.c \
		"$top_builddir"/src/{store/sql,model/type_table_data}.c "$dir"/{lib,fuzz_*}.c
}
targets=${TARGETS:-$(sed -n 's/^\tX(\([a-z_]*\)).*/\1/p' "$dir/fuzz.h")}
sources | xargs -n 1 -P 2 "$work/compile" >"$work/build.log" 2>&1 || {
	cat "$work/build.log"
	bail 'the sources do not compile with clang'
}
# shellcheck disable=SC2086 # a list of words
printf '%s\n' $targets | xargs -n 1 -P 2 "$work/link" >"$work/build.log" 2>&1 || {
	cat "$work/build.log"
	grep -q 'libclang_rt.fuzzer' "$work/build.log" && skip 'clang has no libFuzzer here'
	bail 'the fuzzers cannot be linked'
}

# shellcheck disable=SC2317 # xargs calls it
# run_one NAME: its log is NAME.log
run_one() {
	local name=$1 began=$SECONDS status leaks=1
	local limits="-max_total_time=${FUZZ_SECONDS:-20}"
	[ "$MODE" != full ] || limits='-max_total_time=600 -runs=20000000'
	# libconfig forgets memory whenever it refuses a text, and each time is looked into
	[ "$name" != settings ] || leaks=0
	# what is found new is of this run alone
	mkdir -p "$work/new/$name"
	# shellcheck disable=SC2086 # a list of words
	"$work/$name.fuzzer" $limits -fork=0 -timeout=10 -rss_limit_mb=2048 -close_fd_mask=1 \
		-max_len="$(sed -n 's/^# longest input: //p' "$dir/dict/$name.dict")" \
		-detect_leaks=$leaks -print_final_stats=1 -dict="$dir/dict/$name.dict" \
		-artifact_prefix="$work/found/$name-" "$work/new/$name" "$dir/corpus/$name" \
		>"$work/$name.log" 2>&1
	status=$?
	echo "$status $((SECONDS - began))" >"$work/$name.status"
}
export -f run_one
export work dir MODE FUZZ_SECONDS
cd "$work" || exit 99
# shellcheck disable=SC2086 # a list of words
printf '%s\n' $targets | xargs -P 2 -I '{}' "$BASH" -c 'run_one {}'

n_targets=0
row='%-12s %12s %8s %8s %8s\n'
# shellcheck disable=SC2059 # the format of the table
printf "$row" TARGET INPUTS SECONDS EDGES CORPUS
# shellcheck disable=SC2059
for name in $targets; do
	n_targets=$((n_targets + 1))
	point=$name
	status=99 seconds=0
	[ ! -r "$work/$name.status" ] || read -r status seconds <"$work/$name.status"
	tried=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$name.log")
	read -r edges corpus <<<"$(sed -n 's/^#.* cov: \([0-9]*\) .* corp: \([0-9]*\).*/\1 \2/p' \
		"$work/$name.log" | tail -n 1)"
	printf "$row" "$name" "${tried:-?}" "$seconds" "${edges:-?}" "${corpus:-?}"
	points=$((points + ${tried:-0}))
	[ "$status" -eq 0 ] && [ "${tried:-0}" -gt 0 ] && continue
	why=$(grep -aE 'does not hold|^==.*ERROR|runtime error' "$work/$name.log" | head -n 1)
	violation "${why:-ended with status $status}; the input: $(echo "$work/found/$name"-*)"
	tail -n 30 "$work/$name.log" | sed 's/^/    /'
done
# An input that was found is kept, once the cause is mended, as tests/fuzz/regress/NAME/….
finish "$n_targets targets"
