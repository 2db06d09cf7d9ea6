#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# wait: returns when what is on record is live, whoever makes it so, and says what is not when
# its time is up. It changes nothing.
# shellcheck source=tests/cmd/lib.sh disable=SC2016,SC2317
. "$(dirname "$0")/lib.sh"

U1=aaaaaaaa-0000-4000-8000-000000000001
U2=aaaaaaab-0000-4000-8000-000000000002
U3=aaaaaaac-1111-4000-8000-000000000003
pid=
background() {
	"$vgpumgr" --root "$root" "$@" >"$top/bg.out" 2>"$top/bg.err" </dev/null &
	pid=$!
}
running() { kill -0 "$pid" 2>/dev/null; }
took() { echo $(($(hundredths) - started)); }
three() {
	host small
	must sriov enable all
	must create A40-2Q --vm a --uuid $U1
	must create A40-2Q --vm a --uuid $U2 --slot 1
	must create A40-2Q --vm b --uuid $U3
}

# --- what can be asked
host small
expect 2 'nothing is named' wait
expect 2 'both' wait --vm a --all
expect 2 '--slot without --vm' wait --all --slot 1
expect 2 'a UUID' wait $U1
expect 2 '--gpu' wait --gpu 0000:e8:00.0
expect 3 'a VM of which nothing is on record' wait --vm a
says 'is named' 'a has no vGPU on record'
expect 0 'unless --if-exists' wait --vm a --if-exists
started=$(hundredths)
expect 0 '--all with nothing on record' wait --all
t 'ends at once' [ "$(took)" -lt 300 ]
t 'no record is made' fails test -e "$root/var/lib/vgpumgr"
three
before="$(record_sum) $(kernel)"
expect 0 'all is live' wait --all
is "$(cat "$out" "$err")" '' 'it says nothing'
expect 0 'of a VM, too' wait --vm a
expect 0 'of a slot, too' wait --vm a --slot 1
expect 3 'a slot that is not there' wait --vm a --slot 2
run wait --all --json
json 'its document is shaped as that of check' '.command == "wait" and (.vgpus | length == 3) and (.vgpus[0] | keys == ["action", "error", "profile", "state", "uuid", "vf", "vm"]) and .summary.as_saved == 3 and .summary.failed == 0'
run wait --vm a --json
json 'of what was asked for' '[.vgpus[].uuid] == [$a, $b]' --arg a $U1 --arg b $U2
is "$(record_sum) $(kernel)" "$before" 'nothing was changed'

# --- the deadline
echo 1 >"$sys/bus/mdev/devices/$U2/remove"
before="$(record_sum) $(kernel)"
started=$(hundredths)
expect 7 'one is missing: exit 7' wait --vm a --timeout 1
t "when the time is up (it took $(took)/100 s)" [ "$(took)" -ge 95 -a "$(took)" -lt 400 ]
says 'it names the one, its state and why' '1 of 2 vGPUs is not live after 1 s' "  $U2 of a slot 1 is missing: " 'hint: .*reconcile'
t 'and not the other' fails grep -q $U1 "$err"
run wait --all --json --timeout 1
is $status 7 'by --json, too'
json 'the document says which' '.summary.failed == 1 and .summary.as_saved == 2 and any(.vgpus[]; .uuid == $u and .state == "missing" and .action == "create" and .error != null)' --arg u $U2
expect 0 'a VM that is complete' wait --vm b
is "$(record_sum) $(kernel)" "$before" 'nothing was changed'
ctl reset
run wait --vm a --timeout 2
t "it looks some four times a second ($(counter readdir) lists)" [ "$(counter readdir)" -lt 400 ]

# --- somebody makes them
background wait --all --timeout 20
sleep 0.5
t 'it waits' running
must reconcile
started=$(hundredths)
wait "$pid"
is $? 0 'reconcile makes what is missing: it ends well'
t "soon (after $(took)/100 s)" [ "$(took)" -lt 150 ]
is "$(cat "$top/bg.out" "$top/bg.err")" '' 'without a word'
ctl reboot
background wait --vm b --timeout 20
sleep 0.5
t 'after a reboot it waits for the VFs, too' running
must reconcile
wait "$pid"
is $? 0 'and ends well'

ctl delay create 1 1500
background create A40-2Q --vm c
maker=$pid
until_true 5 [ "$(sql "SELECT count(*) FROM vgpu WHERE vm = 'c'")" = 0 ]
on_record() { [ "$(sql "SELECT state FROM vgpu WHERE vm = 'c'")" = creating ]; }
until_true 5 on_record
expect 0 'a create under way is waited for' wait --vm c --timeout 20
is "$(sql "SELECT state FROM vgpu WHERE vm = 'c'")" active 'until it is recorded as done'
wait "$maker"

background wait --vm c --timeout 20
wait "$pid"
echo 1 >"$sys/bus/mdev/devices/$(sql "SELECT uuid FROM vgpu WHERE vm = 'c'")/remove"
background wait --vm c --timeout 20
sleep 0.5
must remove --vm c
wait "$pid"
is $? 3 'what is removed while it is waited for is not found'

# --- stopped ones
must stop --vm a
started=$(hundredths)
expect 7 'a VM whose vGPUs are stopped' wait --vm a --timeout 20
t 'is not waited for' [ "$(took)" -lt 500 ]
says 'it says what to do' '2 of 2 vGPUs are stopped' "  $U1 of a slot 0 is stopped" 'hint: .*vgpumgr start'
run wait --vm a --json --timeout 20
is $status 7 'by --json, too'
json 'as stopped' '.summary.failed == 2 and all(.vgpus[]; .state == "stopped" and .action == "none" and (.error | test("until it is started")))'
expect 0 'with --all they do not count' wait --all
run wait --all --json
json 'nor are they listed' '[.vgpus[].uuid] == [$u]' --arg u $U3
sql "UPDATE vgpu SET state = 'active' WHERE uuid = '$U1'"
expect 7 'one stopped, one missing: there is something to wait for' wait --vm a --timeout 1
says 'both are named' '2 of 2 vGPUs are not live' "$U1 .*missing" "$U2 .*stopped"
must stop --all
expect 0 'all are stopped: --all waits for none' wait --all
sql "UPDATE vgpu SET state = 'active'"

# --- what hangs is not live, whatever the bus shows
must reconcile
ctl stick $U3
expect 7 'a vGPU that hangs' wait --vm b --timeout 1
says 'is stuck' "$U3 .* is stuck: "
ctl unstick $U3

# --- those who cannot open the record
must reconcile
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	setpriv --reuid=65534 --regid=65534 --clear-groups "$vgpumgr" --root "$root" \
		wait --vm b >"$out" 2>"$err" </dev/null
	status=$?
	if [ -e /dev/fuse ] && setpriv --reuid=65534 --regid=65534 --clear-groups test -e "$sys/bus"; then
		is $status 0 'any user can wait, by the published record'
		says 'and is told so' 'root published it at'
	fi
elif [ "$(id -u)" -ne 0 ]; then
	chmod 0 "$root/var/lib/vgpumgr"
	expect 0 'who cannot open the record waits by the published one' wait --vm b
	says 'and is told so' 'root published it at'
	expect 3 'and finds what is not there missing' wait --vm nobody
	chmod 700 "$root/var/lib/vgpumgr"
fi
done_testing
