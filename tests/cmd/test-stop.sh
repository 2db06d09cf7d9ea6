#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# stop: the device goes, the record stays with its VF and framebuffer; all or nothing, never
# what is in use or somebody else's; cut short, it is seen as that and can be repeated.
# shellcheck source=tests/cmd/lib.sh disable=SC2016,SC2317
. "$(dirname "$0")/lib.sh"

U1=aaaaaaaa-0000-4000-8000-000000000001
U2=aaaaaaab-0000-4000-8000-000000000002
U3=aaaaaaac-1111-4000-8000-000000000003
F=ffffffff-0000-4000-8000-000000000001
pid=
states() { sql 'SELECT state FROM vgpu ORDER BY uuid' | paste -sd' '; }
shown() {
	run list --json
	jq -r '[.vgpus[] | .state] | sort | join(" ")' "$out"
}
gpu_of() { sql "SELECT gpu FROM vgpu WHERE uuid = '$1'"; }
# three vGPUs, two of one VM
three() {
	host small
	must sriov enable all
	must create A40-2Q --vm a --uuid $U1
	must create A40-2Q --vm a --uuid $U2 --slot 1
	must create A40-2Q --vm b --uuid $U3
}

# --- by UUID
three
places=$(sql 'SELECT uuid, vf FROM vgpu ORDER BY 1')
expect 0 'stop UUID' stop $U1
says 'says what it did' "stopped $U1 \(A40-2Q on "
is "$(cat "$out")" '' 'and prints no data'
is "$(states)" 'stopped active active' 'the record is kept, as stopped'
t 'the device is gone' fails live $U1
is "$(state_shown $U1)" stopped 'list shows it as stopped'
agree 'the others are live'
is "$(events $U1)" 'create-begun create stop-begun stop' 'history tells the intent and the deed'
expect 0 'check is content' check
before=$(record_sum)
ctl reset
expect 0 'again' stop $U1
says 'it says that it is so already' 'stopped already'
unchanged "$before $(kernel)" 'nothing changes, not even the generation'
is "$(counter write)" 0 'the kernel is not written to'
expect 0 'reconcile leaves it as it is' reconcile
t 'it is not made again' fails live $U1
run stop $U1 --json
json 'the document tells the same when repeated' '.command == "stop" and (.vgpus | length == 1) and (.vgpus[0] | .uuid == $u and .state == "stopped" and .vm == "a" and .slot == 0 and .profile == "A40-2Q" and .gpu != null and .vf != null)' --arg u $U1
must stop aaaaaaab --json
json 'a prefix will do, and the first time it is shaped alike' '.vgpus[0] | .uuid == $u and .state == "stopped"' --arg u $U2
expect 0 'one that is stopped and one that is not' stop $U1 $U3 $U3
says 'both are spoken of' '1 of 2 were stopped already' "stopped $U3"
is "$(states) $(kernel)" 'stopped stopped stopped ' 'all are stopped'
is "$(sql 'SELECT uuid, vf FROM vgpu ORDER BY 1')" "$places" 'they keep their VFs'
run capacity A40-2Q --json
json 'they keep VF and framebuffer' '.capacity[0].free == 5'
expect 5 'create for a stopped one is a conflict' create A40-2Q --vm a
says 'which names the command that brings it back' "slot 0 has been stopped" "hint: .*vgpumgr start $U1"
ctl reboot
must sriov enable all
expect 0 'after a reboot reconcile makes none of them' reconcile
is "$(kernel)" '' 'the host stays empty'
expect 0 'a stopped one can be removed' remove $U1
is "$(state_of $U1)" '' 'its record goes'

# --- what can be named
three
expect 2 'nothing is named' stop
expect 2 'two ways at once' stop --all --vm a
expect 2 'UUID and --gpu' stop $U1 --gpu "$(gpu_of $U1)"
expect 2 '--slot without --vm' stop --all --slot 1
expect 2 'no address' stop --gpu nonsense
expect 2 'a prefix that is too short' stop aaaaaaa
expect 3 'a UUID that is not there' stop 12345678
expect 0 'unless --if-exists' stop 12345678 --if-exists
expect 3 'one of two is not there' stop $U1 12345678
expect 3 'a VM that has none' stop --vm nobody
expect 0 'unless --if-exists' stop --vm nobody --if-exists
expect 3 'a slot that is not there' stop --vm a --slot 7
expect 3 'a GPU that is not there' stop --gpu 0000:99:00.0
expect 3 'a VF where a GPU is meant' stop --gpu 0000:e8:00.4
is "$(states)" 'active active active' 'none of these changed anything'
expect 0 '--vm and --slot' stop --vm a --slot 1
is "$(states)" 'active stopped active' 'that one alone'
expect 0 '--vm' stop --vm a
is "$(states)" 'stopped stopped active' 'all of that VM'
agree 'and no other'
three
gpu=$(gpu_of $U1)
expect 0 '--gpu' stop --gpu "${gpu#0000:}"
is "$(sql "SELECT count(*) FROM vgpu WHERE (gpu = '$gpu') <> (state = 'stopped')")" 0 'those of that GPU and no others'
agree 'record and kernel agree'
expect 0 '--gpu where nothing is left to do' stop --gpu "$gpu"
before="$(record_sum) $(kernel)"
expect 0 '--all --dry-run' stop --all --dry-run
prints 'tells what it would stop' "^stop aaaaaaa"
unchanged "$before" 'and changes nothing'
run stop --all --dry-run --json
json 'by --json: how they stand now' '[.vgpus[].state] | sort == ["active", "stopped", "stopped"] or . == ["active", "active", "stopped"]'
expect 0 '--all' stop --all
is "$(states) $(kernel)" 'stopped stopped stopped ' 'stops all'
expect 0 '--all again' stop --all
expect 0 '-q' stop --all -q
is "$(cat "$out" "$err")" '' 'is silent'
must remove $U1 $U2 $U3
expect 0 '--all with nothing on record' stop --all
says 'says so' 'nothing to stop'
expect 0 '--gpu with nothing on it' stop --gpu "$gpu"
host small
expect 0 '--all without a record' stop --all --json
json 'is an empty list' '.vgpus == []'
t 'and makes none' fails test -e "$root/var/lib/vgpumgr"
expect 3 'a UUID without a record' stop $U1

# --- in use, foreign
three
ctl busy $U2 'the VM'
before="$(record_sum) $(kernel)"
expect 6 'one in use: exit 6' stop --all
says 'it names the vGPU, its VM and the holder' $U2 'of a ' 'the VM|10000[0-9]' 'nothing was stopped'
unchanged "$before" 'all or nothing: none is stopped'
run stop $U1 $U2 --json
error_json in-use 6 'the error document says in-use'
unchanged "$before" 'none is stopped'
ctl idle $U2
foreign $F 0000:e8:00.7 A40-2Q
before="$(record_sum) $(kernel)"
expect 5 'a foreign one is a conflict' stop $F
says 'it is called foreign' "$F is foreign"
expect 5 'with others, too' stop $U1 $F
unchanged "$before" 'nothing is stopped'
expect 0 '--all' stop --all
says 'says that a foreign one is left' '1 foreign vGPU is left alone'
is "$(kernel | cut -d' ' -f1)" $F 'it survives'

# --- not live
three
echo 1 >"$sys/bus/mdev/devices/$U1/remove"
ctl reset
expect 0 'a vGPU that is not live' stop $U1
is "$(state_of $U1) $(counter write)" 'stopped 0' 'only its record changes'
expect 0 'reconcile does not make it' reconcile
t 'it stays away' fails live $U1
ctl take-gpu "$(gpu_of $U3)"
ctl reboot
expect 0 'one whose GPU is gone' stop $U3
is "$(state_of $U3)" stopped 'is stopped as well'
expect 0 'by that GPU' stop --gpu "$(gpu_of $U3)"

# --- records that were cut short
three
sql "UPDATE vgpu SET state = 'creating' WHERE uuid <> '$U3'"
echo 1 >"$sys/bus/mdev/devices/$U1/remove"
expect 0 'creates that were cut short, live and not' stop $U1 $U2
is "$(states)" 'stopped stopped active' 'are stopped'
t 'the live one is gone' fails live $U2
three
sql "UPDATE vgpu SET state = 'removing' WHERE uuid <> '$U3'"
echo 1 >"$sys/bus/mdev/devices/$U1/remove"
expect 0 'removals that were cut short' stop --all
is "$(states)" 'removing stopped stopped' 'what is gone is still to be removed; what lives is stopped'
says 'and that is said' "$U1 is left alone.*remove aaaaaaaa" "removal of $U2 was cut short: it is stopped"
is "$(kernel)" '' 'no device is left'
expect 0 'reconcile ends the first removal' reconcile
is "$(states)" 'stopped stopped' 'and brings nothing back'

# --- a stop that is killed
small_one() {
	host small
	must sriov enable all
	must create A40-24A --vm a --uuid $U1
	must create A40-24A --vm b --uuid $U2
}
small_one
ctl delay remove 1 1500
background stop $U1
t 'the intent is recorded before the kernel is done' until_true 5 in_state $U1 stopped
t 'the device is there' test -e "$sys/bus/pci/devices/$(sql "SELECT vf FROM vgpu WHERE uuid = '$U1'")/$U1"
is "$(counter create)" 2 'two were made so far'
kill -9 "$pid"
wait "$pid" 2>/dev/null
run reconcile
is "$(counter create)" 2 'reconcile leaves it alone while the writer lives'
t 'its writer ends by itself' until_true 10 no_family
t 'the device is gone' fails live $U1
expect 0 'the record says what is so' check
is "$(state_shown $U1)" stopped 'it is stopped'

small_one
sql "UPDATE vgpu SET state = 'stopped' WHERE uuid = '$U1'" # killed before the kernel was asked
is "$(state_shown $U1)" stopped 'a stop that never reached the kernel: list shows the record'
run show $U1
prints 'show tells the rest' 'its stop was cut short; run stop again'
expect 7 'check reports it' check --json
json 'as stopped, to be reported' '.summary.failed == 1 and any(.vgpus[]; .uuid == $u and .state == "stopped" and .action == "report" and (.error | test("run stop again")))' --arg u $U1
ctl reset
expect 7 'reconcile, too' reconcile --json
json 'in the same words' '.summary.failed == 1 and any(.vgpus[]; .uuid == $u and .state == "stopped" and .action == "report" and (.error | test("run stop again")))' --arg u $U1
is "$(counter write) $(state_of $U1)" '0 stopped' 'and changes nothing'
t 'the device lives on' live $U1
expect 0 'stop again' stop $U1
t 'ends it' fails live $U1
is "$(state_of $U1)" stopped 'the record stays stopped'
is "$(events $U1)" 'create-begun create stop' 'its intent is not written twice'
expect 0 'then all is well' check
expect 0 'reconcile agrees' reconcile
t 'the other is untouched' live $U2

small_one
ctl delay remove 1 1500
background stop --all
until_true 5 in_state $U1 stopped
sleep 0.3
kill_family
is "$(states)" 'stopped stopped' 'killed at work on several: all intents are recorded'
t 'what is left of it ends' until_true 10 no_family
expect 0 'stop again ends it' stop --all --timeout 20
is "$(kernel) $(states)" ' stopped stopped' 'nothing is live'
expect 0 'check is content' check

# --- two at once
small_one
ctl delay remove 1 4000
background stop $U1
t 'a stop under way: the kernel has begun' until_true 5 fails test -e "$sys/bus/mdev/devices/$U1/remove"
is "$(state_shown $U1)" stopped 'it shows as stopped, not as stuck'
run check --json
json 'check says that somebody is at work on it' 'any(.vgpus[]; .uuid == $u and .state == "stopped" and (.error | test("at work on it")))' --arg u $U1
kill -9 "$pid"
wait "$pid" 2>/dev/null
is "$(state_shown $U1)" stuck 'killed: nobody knows how long it may take'
t 'its writer ends' until_true 10 no_family
is "$(state_shown $U1)" stopped 'then it is stopped'
ctl delay remove 1 1500
background remove $U2
until_true 5 fails test -e "$sys/bus/mdev/devices/$U2/remove"
is "$(state_shown $U2)" removing 'a remove under way shows as that'
wait "$pid"
is "$?" 0 'and ends well'
small_one
ctl delay remove 1 700
background stop $U1
until_true 5 in_state $U1 stopped
expect 0 'a second stop waits for the first' stop $U1
t 'and the device is gone then' fails live $U1
wait "$pid"
is "$?" 0 'the first succeeds'
is "$(events $U1)" 'create-begun create stop-begun stop' 'it was stopped once'
small_one
ctl delay remove 1+ 1500
started=$(hundredths)
expect 0 'vGPUs of two GPUs' stop --all
took=$(($(hundredths) - started))
t "go side by side (it took $took/100 s)" [ $took -lt 280 ]

# --- the kernel refuses, lies, hangs
small_one
ctl fail remove 1 EIO
run stop $U1
t 'a removal that fails' [ $status -eq 1 ]
is "$(state_of $U1)" active 'is active again'
t 'as it is live' live $U1
is "$(events $U1)" 'create-begun create stop-begun stop-failed' 'history tells'
expect 0 'all is as saved' check
ctl fail remove 1 EIO after
expect 0 'a removal that works and says EIO has worked' stop $U1
is "$(state_of $U1)" stopped 'it is stopped'
small_one
ctl delay remove 1 3000
expect 9 'past its deadline: exit 9' stop $U1 --timeout 1
is "$(state_of $U1) $(state_shown $U1)" 'stopped stuck' 'it stays stopped and shows as stuck'
expect 7 'check reports it' check
t 'the writer ends' until_true 10 no_family
expect 0 'once the kernel is done, it is stopped' stop $U1
is "$(state_shown $U1)" stopped 'and shows as that'
expect 0 'check is content' check
small_one
ctl stick $U1
before=$(record_sum)
expect 5 'one that hangs already is a conflict' stop --all
says 'it says why' "$U1: .*hangs in the kernel"
is "$(record_sum)" "$before" 'none is stopped'
sql "UPDATE vgpu SET state = 'stopped' WHERE uuid = '$U1'"
is "$(state_shown $U1)" stuck 'stuck goes before stopped'
expect 7 'for reconcile, too' reconcile --json
json 'it is left alone' 'any(.vgpus[]; .uuid == $u and .state == "stuck" and .action == "report")' --arg u $U1
expect 0 'the other can be stopped' stop $U2
ctl unstick $U1
expect 0 'when it is gone, it is stopped' check
is "$(shown)" 'stopped stopped' 'both are'

# one GPU of several hangs: those behind it on the same GPU were not tried
host small
must sriov enable all
must create A40-2Q --vm a --uuid $U1 --gpu 0000:e8:00.0
must create A40-2Q --vm b --uuid $U2 --gpu 0000:e8:00.0
must create A40-2Q --vm c --uuid $U3 --gpu 0000:67:00.0
ctl delay remove 1+ 4000
run stop $U1 $U2 --timeout 1
is "$status $(states)" '9 stopped active active' 'what was not tried is active again'
t 'the writer ends' until_true 10 no_family
ctl delay off
expect 0 'and can be stopped then' stop --all
is "$(states) $(kernel)" 'stopped stopped stopped ' 'all are'
t 'no process is left' until_true 5 no_family
done_testing
