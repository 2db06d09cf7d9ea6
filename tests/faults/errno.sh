#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every call on a file, and every one that makes a descriptor, fails once: that one alone, or it
# and all of its kind that come after it. The command then ends by itself, with a status that the
# manual names and with a word about it, or it has done its work; and what kill.sh asks for holds.
#
# The loader's and the C library's calls are left out: those before the command opens /dev/null,
# which is the first thing that main() does. So are those of sriov-manage, another program's.
# EINTR is for one call alone: nobody is interrupted for ever.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/faults/points.sh
. "$(dirname "$0")/points.sh"
case $(uname -m) in
x86_64 | aarch64) ;;
*) skip "system calls of $(uname -m) cannot be made to fail" ;;
esac

scenarios='list check create create-count create-params remove stop start assign move cordon sriov
	reconcile adopt store-restore'
[ "$MODE" != sample ] || scenarios='list create stop'
scenarios=${SCENARIOS:-$scenarios}
faults=$top/faults
if [ -n "${WORKER:-}" ]; then
	faults=$FAULTS
else
	# shellcheck disable=SC2086 # a list
	record_calls "$top/calls" $scenarios
	# "SCENARIO HOW P K ERRNO NAME SUBJECT"
	awk '$4 == "main" && $6 != "-" {
		n = split($6, errors, ",")
		for (i = 1; i <= n; i++) {
			print $1, "fail", $2, $3, errors[i], $5, $7
			if (errors[i] != "EINTR")
				print $1, "fail-from", $2, $3, errors[i], $5, $7
		}
	}' "$top/calls" >"$faults"
	export FAULTS=$faults
fi
total=$(wc -l <"$faults")
case $MODE in
sample) step=$(stride "$total" 24) ;;
default) step=$(stride "$total" 3400) ;;
full) step=1 ;;
esac
[ -z "${STEP:-}" ] || step=$STEP
# shellcheck disable=SC2046 # words
share_work 2 "of $total faults: $(cut -d' ' -f1 "$faults" | uniq -c |
	awk '{ printf "%s%s %d", sep, $2, $1; sep = ", " }')"

# try HOW P K ERRNO NAME SUBJECT: one fault, again if its call is not reached
try() {
	begin "$scenario: $4${1#fail} at call $3 of process $2 ($5 $6)"
	for _ in 1 2 3; do
		[ "$is_query" ] || restore
		inject_into "$1" "$2" "$3" "$4" -- --timeout 1 "${command_line[@]}"
		[ -z "$hit" ] || return
	done
	unreached=$((unreached + 1))
}

# reconcile, start and check say in the last column of their table why something is not as saved.
in_table() {
	case $scenario in
	reconcile | start | check) grep -qE ' (create|move|adopt-vf|roll-forward|forget|report|none) +[^ ]' "$out" ;;
	*) return 1 ;;
	esac
}

# What the command itself must have said and done.
judge() {
	local lines
	[ $status -le 10 ] || violation "it exits $status"
	[ $status -eq 0 ] || [ -s "$err" ] || in_table ||
		violation "it exits $status without a word"
	[ $status -eq 0 ] || return
	if [ "$is_query" ]; then
		[ -s "$err" ] || cmp -s "$out" "$top/reference" ||
			violation "it exits 0, prints something else than usual, and says nothing"
		return
	fi
	done_as_asked 'exit status 0'
	grep -q 'warning: ' "$err" || published 'exit status 0 without a warning'
	case $scenario in
	create) lines=1 ;;
	create-count) lines=4 ;;
	*) return ;;
	esac
	[ "$(wc -l <"$out")" -eq $lines ] ||
		violation "it exits 0 and prints '$(cat "$out")'"
}

# begin_scenario NAME: with what it prints where nothing fails
begin_scenario() {
	set_up "$1"
	restore
	is_query=''
	case $1 in
	list | check)
		is_query=yes
		must "${command_line[@]}"
		cp "$out" "$top/reference"
		sum=$(sum_of_all)
		;;
	esac
}

line=0 pieces=0
while read -r name how p k errnum call subject; do
	line=$((line + 1))
	[ $((line % step)) -eq 0 ] || continue
	pieces=$((pieces + 1))
	mine $pieces || continue
	[ "$name" = "$scenario" ] || begin_scenario "$name"
	try "$how" "$p" "$k" "$errnum" "$call" "$subject"
	judge
	if [ "$is_query" ]; then
		[ "$(sum_of_all)" = "$sum" ] || violation 'a query changes something'
	else
		after_fault
	fi
done <"$faults"
finish
