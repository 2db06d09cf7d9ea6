#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every system call of every process of a command, its writers and sriov-manage among them, is
# once the last one: SIGKILL arrives before it. After that nothing acknowledged is lost, reconcile
# makes record and kernel agree, and the command, repeated, does what was asked for.
#
# A point is a call of one process, in one command. By the way, at strides: the whole family is
# killed at once; and the reconcile that follows is killed, too.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/faults/points.sh
. "$(dirname "$0")/points.sh"

scenarios='create create-count create-params remove stop start assign move cordon sriov reconcile adopt
	store-restore repair'
[ "$MODE" != sample ] || [ -n "${STEP:-}" ] || scenarios='create-count stop reconcile'
scenarios=${SCENARIOS:-$scenarios}
calls=$top/calls
if [ -n "${WORKER:-}" ]; then
	calls=$CALLS
else
	# shellcheck disable=SC2086 # a list
	record_calls "$calls" $scenarios
	export CALLS=$calls
fi
total=$(wc -l <"$calls")
case $MODE in
sample) single=$(stride "$total" 24) family=$((single * 5 + 1)) again=$((single * 4)) ;;
default) single=1 family=8 again=12 ;;
full) single=1 family=1 again=2 ;;
esac
[ -z "${STEP:-}" ] || single=$STEP
# shellcheck disable=SC2046 # words
share_work 2 "points = calls: $(cut -d' ' -f1 "$calls" | uniq -c |
	awk '{ printf "%s%s %d", sep, $2, $1; sep = ", " }')"

# try HOW P K NAME SUBJECT: one point; tried again if it is not reached, since timing varies
try() {
	begin "$scenario: $1 at call $3 of process $2 ($4 $5)"
	for _ in 1 2 3; do
		restore
		inject_into "$1" "$2" "$3" -- --timeout 1 "${command_line[@]}"
		[ -z "$hit" ] || return
	done
	unreached=$((unreached + 1))
}

# The reconcile after a kill is killed as well, at a call that the number of the point decides on.
kill_reconcile() {
	local p=$((1 + $1 % 3)) k=$((1 + $1 * 61 % 800))
	[ $p -eq 1 ] || k=$((1 + $1 * 7 % 40))
	inject_into kill $p $k -- --timeout 1 reconcile
	[ -n "$hit" ] || return
	points=$((points + 1))
	point="$point, then reconcile at call $k of process $p ($hit)"
	invariants 'after both'
}

# next: the next piece of work; is it this worker's?
pieces=0
next() {
	pieces=$((pieces + 1))
	mine $pieces || return
	[ "$name" = "$scenario" ] || set_up "$name"
}

line=0
while read -r name p k _ call _ subject; do
	line=$((line + 1))
	if [ $((line % single)) -eq 0 ] && next; then
		try kill "$p" "$k" "$call" "$subject"
		if [ $((line % again)) -eq 0 ] && [ "$scenario" != repair ]; then
			invariants 'after the fault'
			kill_reconcile $line
		fi
		after_fault
	fi
	if [ $((line % family)) -eq 0 ] && next; then
		try kill-all "$p" "$k" "$call" "$subject"
		after_fault
	fi
done <"$calls"
finish
