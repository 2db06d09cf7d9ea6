#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# start: what was stopped is live again with its UUID, on its VF or another of its GPU, with
# the virtual functions it needs; what cannot be made now is wanted all the same, and keeps
# nobody else from being made.
# shellcheck source=tests/cmd/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

U1=aaaaaaaa-0000-4000-8000-000000000001
U2=aaaaaaab-0000-4000-8000-000000000002
U3=aaaaaaac-1111-4000-8000-000000000003
F=ffffffff-0000-4000-8000-000000000001
pid=
states() { sql 'SELECT state FROM vgpu ORDER BY uuid' | paste -sd' '; }
gpu_of() { sql "SELECT gpu FROM vgpu WHERE uuid = '$1'"; }
vf_of() { sql "SELECT vf FROM vgpu WHERE uuid = '$1'"; }
# three vGPUs, two of one VM
three() {
	host small
	must sriov enable all
	must create A40-2Q --vm a --uuid $U1
	must create A40-2Q --vm a --uuid $U2 --slot 1
	must create A40-2Q --vm b --uuid $U3
	before=$(kernel)
}
three_stopped() {
	three
	must stop --all
}
# in_outcome UUID FILTER SENTENCE: the last document says so of this one
in_outcome() {
	json "$3" "any(.vgpus[]; .uuid == \$u and ($2))" --arg u "$1"
}

# --- by UUID
three_stopped
events_before=$(events $U1)
expect 0 'start UUID' start $U1
is "$(states)" 'active stopped stopped' 'that one is wanted again'
is "$(kernel)" "$(grep "$U1" <<<"$before")" 'and live: the same UUID, VF and type'
prints 'it says so' '^1 as saved, 1 created, 0 moved, 0 failed'
is "$(events $U1)" "$events_before start restore" 'history tells the wish and the deed'
is "$(sql "SELECT actor || ' ' || vm FROM event WHERE operation = 'start'")" \
	"$(sql "SELECT actor || ' a' FROM event WHERE operation = 'stop' LIMIT 1")" 'who started what'
agree 'record and kernel agree'
is "$(jq -r '.generation' "$root/var/lib/vgpumgr/backup.json") $(jq -r '.vgpus[] | select(.uuid == $u) | .state' --arg u $U1 "$root/run/vgpumgr/inventory.json")" \
	"$(generation) active" 'backup and inventory know of it'
t 'the outcome of the last reconcile is not that of a start' fails test -e "$root/run/vgpumgr/last-reconcile.json"
unchanged_before="$(record_sum) $(kernel)"
ctl reset
expect 0 'again' start $U1
unchanged "$unchanged_before" 'nothing changes, not even the generation'
is "$(counter write)" 0 'the kernel is not written to'
expect 0 'several, one of them live, one named twice, one shortened' start $U1 aaaaaaab $U3 $U3 --json
json 'the document has each of them once' '.command == "start" and (.vgpus | length == 3) and all(.vgpus[]; .state == "active" and .error == null) and (.summary | .created == 2 and .failed == 0 and .as_saved == 3)'
is "$(kernel)" "$before" 'all are back as they were'
expect 0 'all is as saved' check

# --- what can be named
three_stopped
expect 2 'nothing is named' start
expect 2 'two ways at once' start --all --vm a
expect 2 '--slot without --vm' start --all --slot 1
expect 2 'a prefix that is too short' start aaaaaaa
expect 3 'a UUID that is not there' start 12345678
expect 0 'unless --if-exists' start 12345678 --if-exists
expect 3 'one of two is not there' start $U1 12345678
expect 3 'a VM that has none' start --vm nobody
run start --vm nobody --json
error_json not-found 3 'its error document says not-found'
expect 0 'unless --if-exists' start --vm nobody --if-exists
expect 3 'a slot that is not there' start --vm a --slot 7
expect 3 'a GPU that is not there' start --gpu 0000:99:00.0
is "$(states) $(kernel)" 'stopped stopped stopped ' 'none of these changed anything'
expect 0 '--vm and --slot' start --vm a --slot 1
is "$(states)" 'stopped active stopped' 'that one alone'
expect 0 '--vm' start --vm a
is "$(states)" 'active active stopped' 'all of that VM'
agree 'and no other'
must stop --all
gpu=$(gpu_of $U1)
expect 0 '--gpu' start --gpu "${gpu#0000:}"
is "$(sql "SELECT count(*) FROM vgpu WHERE (gpu = '$gpu') <> (state = 'active')")" 0 'those of that GPU and no others'
agree 'record and kernel agree'
expect 0 '--all' start --all
is "$(kernel)" "$before" 'starts all'
expect 0 '--all -q' start --all -q
is "$(cat "$out" "$err")" '' 'is silent'
must remove --vm a
must remove --vm b
unchanged_before="$(record_sum) $(kernel)"
expect 0 '--all with nothing on record' start --all
says 'says so' 'nothing to start'
unchanged "$unchanged_before" 'and changes nothing'
expect 0 '--gpu with nothing on it' start --gpu "$gpu"
host small
expect 0 '--all without a record' start --all --json
json 'is an empty list' '.command == "start" and .vgpus == []'
t 'and makes none' fails test -e "$root/var/lib/vgpumgr"
expect 3 'a UUID without a record' start $U1

# --- what is not live is made as well, what is live is left
three
echo 1 >"$sys/bus/mdev/devices/$U1/remove"
expect 0 'one that is missing' start --vm a
is "$(kernel)" "$before" 'is made'
is "$(events $U1)" 'create-begun create restore' 'it was wanted all the time'

# --- dry runs
three_stopped
unchanged_before="$(record_sum) $(kernel)"
ctl reset
expect 0 '--dry-run' start $U1 $U3 --dry-run
prints 'tells what it would make' "^$U1 .* create" "^$U3 .* create" '2 created'
t 'and not what it would not' fails grep -q $U2 "$out"
run start $U1 --dry-run --json
in_outcome $U1 '.action == "create" and .state == "missing"' 'so does its document'
json 'which has no other' '.vgpus | length == 1'
unchanged "$unchanged_before" 'it changes nothing'
is "$(counter write)" 0 'nor does it write'
ctl reboot
expect 0 '--dry-run with virtual functions off' start $U1 --dry-run
says 'tells that it would enable them' "would enable the virtual functions of $(gpu_of $U1)"
is "$(counter write)" 0 'and does not'

# --- after a reboot
three_stopped
other_gpu=$([ "$(gpu_of $U1)" = 0000:67:00.0 ] && echo 0000:e8:00.0 || echo 0000:67:00.0)
sql 'DELETE FROM gpu' # nobody wishes for VFs but who has a vGPU on them
ctl reboot
expect 0 'reconcile enables nothing for what is stopped' reconcile
t 'no VF is there' fails ls "$sys/bus/pci/devices/$(gpu_of $U1)/virtfn0"
expect 0 'start does' start $U1
is "$(kernel)" "$(grep "$U1" <<<"$before")" 'and makes it as it was'
t 'the other GPU is left alone' fails ls "$sys/bus/pci/devices/$other_gpu/virtfn0"
ctl prefix vfio-pci
ctl renumber 100
ctl reboot
must reconcile
must start --all
is "$(kernel)" "$before" 'the same after a reboot under another driver, with other type ids'
must stop --all
ctl reboot
ctl sriov-manage noop
run start $U1 $U2
t "virtual functions that cannot be enabled: its own status ($status), not that of drift" [ $status -eq 1 ]
says 'it says what failed' 'it has 0 VFs, not 4'
is "$(state_of $U1)" active 'it is wanted all the same'
ctl sriov-manage normal
expect 0 'and reconcile tries it again' reconcile
t 'it is live' live $U1

# --- its VF is taken
three_stopped
vf=$(vf_of $U1)
foreign $F "$vf" A40-2Q
run start $U1 --dry-run --json
in_outcome $U1 '.action == "move"' 'its VF is taken by a foreign vGPU: a dry run tells of the move'
is "$(vf_of $U1)" "$vf" 'the record is as it was'
expect 0 'start' start $U1 --json
json 'moves it' '.summary.moved == 1 and .summary.failed == 0'
t 'to another VF' [ "$(vf_of $U1)" != "$vf" ]
is "$(gpu_of $U1)" "$(cut -d' ' -f1 <<<"$gpu")" 'of the same GPU'
is "$(kernel | grep $U1 | cut -d' ' -f2)" "$(vf_of $U1)" 'the record follows'
is "$(kernel | grep $F)" "$F $vf NVIDIA A40-2Q" 'the foreign one is untouched'
is "$(events $U1)" 'create-begun create stop-begun stop start move restore' 'history tells'
json 'a foreign one is not spoken of' 'all(.vgpus[]; .uuid != $f)' --arg f $F
expect 5 'a foreign one cannot be started' start $F
says 'and is called that' "$F is foreign"
unchanged_before="$(record_sum) $(kernel)"
expect 5 'with others, too' start $U2 $F
unchanged "$unchanged_before" 'then nothing is started'

# the only other VFs are kept by one that is stopped and one whose removal was cut short
host small --vfs 3
must sriov enable all
for i in 1 2 3; do
	name=U$i
	must create A40-2Q --vm v$i --uuid "${!name}" --gpu 0000:67:00.0
done
must stop --all
foreign $F "$(vf_of $U1)" A40-2Q
expect 4 'no VF is left for it, as those of stopped ones are kept: no room' start $U1
prints 'it says why' 'its GPU 0000:67:00.0 has no other'
is "$(state_of $U1)" active 'it is wanted all the same'
sql "UPDATE vgpu SET state = 'removing' WHERE uuid = '$U2'"
expect 0 'one whose removal only had to be recorded gives its VF' start $U1
is "$(states)" 'active stopped' 'its record goes'
is "$(record)" "$(kernel | grep -v $F)" 'record and kernel agree'

# --- cut short
three
sql "UPDATE vgpu SET state = 'stopped' WHERE uuid = '$U1'"
ctl reset
run start $U1 --dry-run
is "$status $(state_of $U1)" '0 stopped' 'a stop that was cut short: a dry run changes nothing'
expect 0 'start makes it active' start $U1
is "$(states)" 'active active active' 'on record'
is "$(counter write) $(kernel)" "0 $before" 'and does not touch the device'
is "$(events $U1)" 'create-begun create start' 'history tells'
expect 0 'all is as saved' check

three
sql "UPDATE vgpu SET state = 'removing' WHERE uuid = '$U1'"
unchanged_before="$(record_sum) $(kernel)"
expect 5 'a removal that was cut short is a conflict' start $U1
prints 'it says what ends it' "$U1.* removing .*its removal was cut short; run remove again"
unchanged "$unchanged_before" 'nothing changes'
must stop $U2
echo 1 >"$sys/bus/mdev/devices/$U1/remove"
unchanged_before="$(record_sum) $(kernel)"
expect 5 'also when its device is gone' start $U1
unchanged "$unchanged_before" 'its record stays for remove, or reconcile'
expect 5 'a dry run says the same' start --all --dry-run
expect 5 'beside others' start --all --json
in_outcome $U1 '.state == "removing" and .action == "report" and (.error | test("run remove again"))' 'it is told of'
json 'the others are started' '.summary | .created == 1 and .as_saved == 2 and .failed == 1'
t 'they are live' live $U2
is "$(state_of $U1)" removing 'it is still to be removed'
expect 0 'remove ends it' remove $U1
expect 0 'then all can be started' start --all

three
sql "UPDATE vgpu SET state = 'creating' WHERE uuid <> '$U3'"
echo 1 >"$sys/bus/mdev/devices/$U1/remove"
expect 0 'creates that were cut short, live and not' start --vm a
is "$(states)" 'active active active' 'are finished'
is "$(kernel)" "$before" 'all are live'

# --- what cannot be made: the others are, and the status is its own
three_stopped
ctl take-gpu "$(gpu_of $U1)"
ctl reboot
expect 4 'the GPU is absent: no room' start $U1
is "$(state_of $U1)" active 'it is wanted all the same'
is "$(state_shown $U1)" missing 'and shows as missing'
expect 4 'beside one that can be made' start --all --json
in_outcome $U1 '.state == "missing" and (.error | test("is not on this host"))' 'the document says why'
is "$(kernel | cut -d' ' -f1)" "$(sql "SELECT uuid FROM vgpu WHERE gpu <> '$(gpu_of $U1)' ORDER BY 1")" 'the others are made'
expect 4 'by that GPU' start --gpu "$(gpu_of $U1)"
ctl give-gpu "$(gpu_of $U1)"
expect 0 'when it is back, reconcile makes the rest' reconcile
is "$(kernel)" "$before" 'as they were'

host small
must sriov enable all
must create A40-8Q --vm a --uuid $U1 --gpu 0000:67:00.0
must create A40-2Q --vm b --uuid $U2 --gpu 0000:e8:00.0
before=$(kernel)
must stop --all
ctl drop-type 'NVIDIA A40-8Q'
ctl reboot
expect 3 'the profile is gone: not found' start --all --timeout 20
prints 'it says why' "$U1.*does not offer its profile .*; nearest to it: "
t 'the other is made' live $U2
is "$(states) $(state_shown $U1)" 'active active missing' 'it is wanted, and missing'
expect 3 'a dry run says the same' start $U1 --dry-run
expect 7 'reconcile tries it again' reconcile
ctl restore-types
ctl reboot
expect 0 'and makes it when it is offered again' reconcile
is "$(kernel)" "$before" 'as it was'

three_stopped
ctl fail create 1 EIO
run start --all --json
t "a create that fails: its own status ($status)" [ $status -eq 1 ]
json 'the others are made' '.summary | .created == 2 and .failed == 1'
expect 0 'again, all are' start --all
is "$(kernel)" "$before" 'as they were'
must stop --all
ctl fail create 1 EIO after
expect 0 'a create that works and says EIO has worked' start --all
is "$(kernel)" "$before" 'all are live'

three_stopped
foreign $F "$(vf_of $U1)" A40-8Q
expect 5 'foreign vGPUs of another size on its GPU' start $U1
prints 'it says so' 'foreign vGPUs of another size'
is "$(kernel)" "$F $(vf_of $U1) NVIDIA A40-8Q" 'they are left alone'

three
ctl stick $U1
sql "UPDATE vgpu SET state = 'stopped' WHERE uuid = '$U1'"
expect 5 'one that hangs in its removal' start $U1
is "$(state_shown $U1)" stuck 'is left alone'
ctl unstick $U1
expect 0 'and made when it is gone' reconcile
is "$(kernel)" "$before" 'as it was'

three
ctl hide "bus/mdev/devices/$U1/remove"
sql "UPDATE vgpu SET state = 'stopped' WHERE uuid = '$U1'"
expect 5 'one that hangs and is on the bus still' start $U1
prints 'is not called live' "$U1 .* stuck "
ctl show "bus/mdev/devices/$U1/remove"
expect 0 'until it is well again' start $U1

# --- excluded, another driver
three_stopped
mkdir -p "$root/etc/vgpumgr"
echo "exclude_gpus = [ \"$(gpu_of $U1)\" ];" >"$root/etc/vgpumgr/vgpumgr.conf"
expect 4 'its GPU is excluded' start $U1
rm "$root/etc/vgpumgr/vgpumgr.conf"
expect 0 'and no longer' start $U1

# --- at the same time as others
three_stopped
ctl delay create 1+ 500
background start $U1
until_true 5 in_state $U1 active
expect 0 'a second start waits for the first' start $U1
t 'it is live then' live $U1
wait "$pid"
is "$?" 0 'the first succeeds'
is "$(counter create) $(kernel)" "4 $(grep $U1 <<<"$before")" 'it was made once'
background start $U2
until_true 5 in_state $U2 active
expect 0 'a stop beside a start' stop $U2
wait "$pid"
is "$?" 0 'both succeed'
is "$(state_of $U2)" stopped 'who comes last is obeyed'
t 'by the kernel, too' fails live $U2
ctl delay remove 1 700
background stop $U1
until_true 5 in_state $U1 stopped
expect 0 'a start beside a stop waits for it' start $U1
wait "$pid"
is "$? $(state_of $U1)" '0 active' 'both succeed'
t 'and makes it again' live $U1
ctl delay remove 1 1200
background remove $U1
until_true 5 in_state $U1 removing
run start $U1
is "$status $(state_of $U1)" '3 ' 'a start beside a remove finds nothing, afterwards'
wait "$pid"
ctl delay remove 1 2000
must start --all
background stop $U3
until_true 5 in_state $U3 stopped
expect 9 'a stop that takes longer than the deadline' start $U3 --timeout 1
wait "$pid"
is "$(state_of $U3)" stopped 'is not overridden'

three_stopped
sql "UPDATE vgpu SET state = 'active' WHERE uuid = '$U3'"
ctl delay create 1+ 500
background start $U1 $U2
expect 0 'a reconcile beside a start' reconcile
wait "$pid"
is "$?" 0 'both succeed'
is "$(kernel)" "$before" 'all are live'
is "$(counter create-failed)" 0 'none was made twice'

three_stopped
sql 'DELETE FROM gpu'
ctl reboot
background start $U1
expect 0 'two starts, and virtual functions to be enabled' start --all
wait "$pid"
is "$?" 0 'both succeed'
is "$(kernel)" "$before" 'all are live'
expect 0 'all is as saved' check

# --- killed
three_stopped
ctl delay create 1 1500
background start --all
t 'a start that is killed: the wish is on record' until_true 5 in_state $U1 active
until_true 5 test -e "$sys/bus/pci/devices/$(vf_of $U1)/$U1"
kill_family
is "$(states)" 'active active active' 'for all of them'
expect 0 'reconcile finishes it' reconcile --timeout 20
is "$(kernel)" "$before" 'all are live'
expect 0 'all is as saved' check
three_stopped
ctl delay create 1 1500
background start --all
until_true 5 in_state $U1 active
kill -9 "$pid"
wait "$pid" 2>/dev/null
expect 0 'only its own process killed, start finishes it' start --all --timeout 20
is "$(kernel)" "$before" 'all are live'
is "$(counter create-failed)" 0 'none was made twice'
t 'no process is left' until_true 10 no_family
done_testing
