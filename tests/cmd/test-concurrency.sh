#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Many commands at once: no virtual function is given twice, and record, backup and kernel say
# the same in the end.
# shellcheck source=tests/cmd/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

# at_once NAME ARGUMENT...: starts one; its status will be in $top/runs/NAME.status
at_once() {
	local name=$top/runs/$1
	shift
	(
		timeout -k 5 100 "$vgpumgr" --root "$root" "$@" >"$name.out" 2>"$name.err" </dev/null
		echo $? >"$name.status"
	) &
}
fresh_runs() {
	rm -rf "$top/runs"
	mkdir "$top/runs"
}
# statuses [PATTERN]: how often each exit status came, as "16x0 48x4"
statuses() {
	find "$top/runs" -name "${1:-*}.status" -exec cat {} + | sort -n | uniq -c |
		awk '{ print $1 "x" $2 }' | paste -sd' '
}
# What was unexpected, for whoever reads the log.
show_failures() {
	grep -hvE 'was empty and now takes|: removed ' "$top"/runs/*.err | sort | uniq -c | sort -rn | sed 's/^/# /;10q'
}
# published SENTENCE: what is published is the record as it is
published() {
	local wanted
	wanted="$(generation) $(sql 'SELECT uuid FROM vgpu ORDER BY 1' | paste -sd' ')"
	is "$(jq -r '"\(.generation) \([.vgpus[].uuid] | sort | join(" "))"' "$root/var/lib/vgpumgr/backup.json")" \
		"$wanted" "$1: backup.json is the record as it is"
	is "$(jq -r '"\(.generation) \([.vgpus[].uuid] | sort | join(" "))"' "$root/run/vgpumgr/inventory.json")" \
		"$wanted" "$1: so is the inventory"
}
twice() { sql "SELECT $1 FROM vgpu GROUP BY $1 HAVING count(*) > 1"; }

# --- 64 creates, room for 16
host a40x8 --latency 5
must sriov enable all
ctl reset
fresh_runs
for i in $(seq 64); do
	at_once "$i" create A40-24A --vm "vm$i"
done
wait
is "$(statuses)" '16x0 48x4' '64 concurrent creates with room for 16: 16 exit 0, 48 exit 4'
[ "$(statuses)" = '16x0 48x4' ] || show_failures
is "$(cat "$top"/runs/*.out | sort)" "$(sql 'SELECT uuid FROM vgpu ORDER BY 1')" 'the 16 printed are the 16 recorded'
is "$(twice vf)" '' 'no virtual function is recorded twice'
is "$(kernel | cut -d' ' -f2 | sort | uniq -d)" '' 'none is there twice'
is "$(kernel | wc -l)" 16 'sixteen are live'
agree 'record and kernel agree'
is "$(sql 'SELECT gpu, count(*) FROM vgpu GROUP BY gpu' | cut -d'|' -f2 | sort -u)" 2 'two on each GPU'
is "$(counter create-failed)" 0 'the kernel was never asked in vain'
published '64 creates'
is "$(find "$root/var/lib/vgpumgr" "$root/run/vgpumgr" -name '.*' | wc -l)" 0 'no temporary file is left'
is "$(sql 'PRAGMA integrity_check')" ok 'the record is sound'

# --- 64 removes of 16: each may be first
fresh_runs
i=0
for uuid in $(sql 'SELECT uuid FROM vgpu'); do
	for _ in 1 2 3 4; do
		i=$((i + 1))
		at_once $i remove "$uuid" --if-exists
	done
done
wait
is "$(statuses)" 64x0 '64 concurrent removes of 16 vGPUs, four of each with --if-exists: all exit 0'
[ "$(statuses)" = 64x0 ] || show_failures
is "$(kernel)$(sql 'SELECT uuid FROM vgpu')" '' 'nothing is left'
published '64 removes'

# --- 64 for the same VM
fresh_runs
for i in $(seq 64); do
	at_once "$i" create A40-24A --vm same
done
wait
is "$(statuses)" 64x0 '64 concurrent creates for one VM exit 0'
[ "$(statuses)" = 64x0 ] || show_failures
is "$(cat "$top"/runs/*.out | sort -u)" "$(sql 'SELECT uuid FROM vgpu')" 'and print one UUID'
is "$(kernel | wc -l)" 1 'one is there'
must remove --vm same

# --- creates and removes mixed
for i in $(seq 12); do
	must create A40-24A --vm "old$i"
done
fresh_runs
for i in $(seq 12); do
	at_once "remove$i" remove --vm "old$i"
	at_once "create$i" create A40-24A --vm "new$i"
	at_once "list$i" list
	at_once "again$i" create A40-24A --vm "new$i" --slot 0
done
wait
is "$(statuses 'remove*')" 12x0 'removes beside creates all exit 0'
is "$(statuses 'list*')" 12x0 'lists too'
[ "$(statuses 'remove*')" = 12x0 ] || show_failures
is "$(cat "$top"/runs/create*.status "$top"/runs/again*.status | grep -vx '[04]')" '' \
	'creates exit 0 or, where it was full at that moment, 4'
is "$(sql "SELECT count(*) FROM vgpu WHERE vm LIKE 'old%'")" 0 'all old ones are gone'
is "$(twice vf)" '' 'no virtual function is recorded twice'
agree 'record and kernel agree'
published 'mixed'
t 'enough are there' [ "$(kernel | wc -l)" -ge 4 ]

# --- counts on few VFs: whole or not at all
host small
must sriov enable all
fresh_runs
for i in $(seq 8); do
	at_once "$i" create A40-8Q --vm "three$i" --count 3
done
wait
is "$(sql 'SELECT vm, count(*) FROM vgpu GROUP BY vm' | cut -d'|' -f2 | sort -u)" 3 'concurrent counts are whole or not at all'
is "$(cat "$top"/runs/*.out | wc -l)" "$(sql 'SELECT count(*) FROM vgpu')" 'what was printed is what is recorded'
is "$(cat "$top"/runs/*.status | grep -vx '[04]')" '' 'the others exit 4'
[ "$(cat "$top"/runs/*.status | grep -cvx '[04]')" = 0 ] || show_failures
agree 'record and kernel agree'

# --- two reconciles at once
host a40x8 --latency 20
must sriov enable all
must create A40-24A --vm a --count 8
must create A40-24A --vm b --count 8
saved=$(identities)
ctl reboot
ctl reset
fresh_runs
for i in 1 2 3 4; do
	at_once "$i" reconcile
done
wait
is "$(identities)" "$saved" 'after four reconciles at once, all is back'
is "$(kernel | wc -l)" 16 'each once'
agree 'record and kernel agree'
is "$(counter remove)" 0 'none of them removed anything'
is "$(statuses)" 4x0 'all four exit 0'
[ "$(statuses)" = 4x0 ] || show_failures
expect 0 'check agrees' check
published 'reconciles'

# --- reconcile beside create and remove
ctl reboot
fresh_runs
at_once reconcile1 reconcile
for i in 1 2 3 4; do
	at_once "create$i" create A40-24A --vm b --slot "$i"
	at_once "remove$i" remove --vm a --slot "$i"
done
at_once reconcile2 reconcile
wait
is "$(statuses 'remove*')" 4x0 'removes beside a reconcile exit 0'
[ "$(statuses 'remove*')" = 4x0 ] || show_failures
expect 0 'a reconcile after that exits 0' reconcile
is "$(sql "SELECT vm, count(*) FROM vgpu GROUP BY vm" | paste -sd' ')" 'a|4 b|8' 'what was removed is gone, the rest is there'
agree 'record and kernel agree'

# --- sriov enable, at once
host a40x8
fresh_runs
for i in 1 2 3; do
	at_once "$i" sriov enable all
done
wait
is "$(statuses)" 3x0 'three sriov enable all at once exit 0'
[ "$(statuses)" = 3x0 ] || show_failures
is "$(counter sriov)" 8 'each GPU was switched once'
done_testing
