#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What others have made is taken into the record where that is asked for, as it is.
# shellcheck source=tests/cmd/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

A=aaaaaaaa-0000-4000-8000-000000000001
B=bbbbbbbb-0000-4000-8000-000000000002
C=cccccccc-0000-4000-8000-000000000003
D=dddddddd-0000-4000-8000-000000000004
G1=0000:67:00.0 G2=0000:e8:00.0
# owners: "UUID VM SLOT STATE" of each record, by UUID
owners() { sql "SELECT uuid || ' ' || vm || ' ' || slot || ' ' || state FROM vgpu ORDER BY uuid"; }
fresh() { # a host with virtual functions and without a store
	host small
	must sriov enable all
	rm -rf "$root/var/lib/vgpumgr" "$root/run/vgpumgr"
	ctl reset
}
three() { # of others, in an order that is not that of addresses
	foreign $B 0000:67:00.6 A40-2Q
	foreign $A 0000:67:00.5 A40-2Q
	foreign $C 0000:e8:00.4 A40-24A
	ctl reset
}

# --- one, where there is no store
fresh
three
is "$(state_shown $A)" foreign 'somebody else has made it'
kernel_before=$(kernel)
run adopt $A --vm web
is "$status $(cat "$out")" "0 $A" 'adopt prints its UUID'
is "$(owners)" "$A web 0 active" 'it is on record, alone'
is "$(state_shown $A) $(state_shown $B)" 'active foreign' 'and ours; the others are not'
is "$(sql 'SELECT profile, type_name, type_id, framebuffer_mib, framework, gpu, vf, vf_index, boot_id FROM vgpu')" \
	"A40-2Q|NVIDIA A40-2Q|$(basename "$(readlink "$sys/bus/mdev/devices/$A/mdev_type")" | sed 's/.*-//')|2048|mdev|$G1|0000:67:00.5|1|$(cat "$root/proc/sys/kernel/random/boot_id")" \
	'with all that the kernel shows of it'
is "$(kernel)" "$kernel_before" 'no device is touched'
is "$(counter write) $(counter create) $(counter remove) $(counter bind)" '0 0 0 0' 'nothing is written to the kernel'
is "$(jq -r '.vgpus[] | "\(.uuid) \(.vm)"' "$root/run/vgpumgr/inventory.json")" "$A web" 'it is published'
is "$(events $A)" adopt 'history tells'
expect 0 'check is content' check
before="$(record_sum) $(kernel)"
run adopt $A --vm web
is "$status $(cat "$out")" "0 $A" 'again: the same UUID'
run adopt $A
is "$status $(cat "$out")" "0 $A" 'without a VM, too'
run adopt aaaaaaaa --vm web --slot 0
is "$status $(cat "$out")" "0 $A" 'by its beginning, with its slot'
expect 5 'for another VM: a conflict' adopt $A --vm db
says 'that says whose it is' "$A" 'web slot 0' 'assign'
expect 5 'in another slot, too' adopt $A --vm web --slot 1
unchanged "$before" 'nothing has changed'
ctl reboot
must reconcile
is "$(kernel)" "$(grep $A <<<"$kernel_before")" 'after a reboot it is made again as it was'
expect 0 'on record and live again' adopt $A
ctl reboot
run adopt $A
is "$status $(cat "$out")" "0 $A" 'on record and not live: nothing to do'
says 'and how it stands' missing

# --- several, with slots
fresh
three
must create A40-2Q --vm web --slot 1 --gpu $G1
run adopt $B $A aaaaaaaa --vm web
is "$status $(paste -sd' ' "$out")" "0 $A $B" 'two, one of them named twice: by VF address'
is "$(owners | grep -v ' 1 ')" "$A web 0 active
$B web 2 active" 'they get the next free slots in that order'
run adopt $C --vm web --slot 1
is $status 5 'a slot that is taken'
says 'and by what' 'web slot 1 has '
expect 0 'one that is free' adopt $C --vm web --slot 7
is "$(owners | grep $C)" "$C web 7 active" 'is given'
expect 2 '--slot without --vm' adopt $C --slot 1
expect 2 '--slot with two' adopt $A $B --vm x --slot 1
expect 2 '--slot with --all' adopt --all --vm x --slot 1
expect 2 'neither UUID nor --all' adopt
expect 2 'both' adopt $A --all
expect 2 'a UUID that is none' adopt zzzzzzzz
expect 2 'a beginning that is too short' adopt aaaaaaa
expect 2 'a VM name that is none' adopt $A --vm $'a\e[31m'

# --- whose it is, if nobody says
fresh
three
ctl busy $A 'vm one'
ctl busy $B 'a/b'
run adopt --all
is "$status $(paste -sd' ' "$out")" "0 $A $B $C" '--all: all of them'
is "$(owners)" "$A vm one 0 active
$B adopted-bbbbbbbb 0 active
$C adopted-cccccccc 0 active" 'the VM that the driver names, if it is a name, else one made of the UUID'
says 'it says so' "$A is recorded for vm one slot 0" "$B is recorded for adopted-bbbbbbbb" assign
is "$(cat "$sys/bus/mdev/devices/$A/nvidia/vm_name")" 'vm one' 'one that is in use stays so'
before="$(record_sum) $(kernel)"
run adopt --all
is "$status $(cat "$out")" '0 ' 'again: there is nothing left'
says 'it says that' 'nothing to adopt'
run adopt --all --json
json 'the document is empty' '.command == "adopt" and .vgpus == [] and .refused == []'
unchanged "$before" 'nothing has changed'

# --- after all was lost
fresh
must create A40-2Q --vm a --count 3 --gpu $G1
must create A40-24A --vm b
lost=$(kernel)
rm -rf "$root/var/lib/vgpumgr" "$root/run/vgpumgr"
is "$(run list --json; jq -r '.vgpus[].state' "$out" | sort | uniq -c | sed 's/^ *//')" '4 foreign' 'the record is lost'
expect 0 'adopt --all is the way back' adopt --all --vm all
agree 'everything is on record again'
is "$(kernel)" "$lost" 'and as it was'
is "$(sql 'SELECT group_concat(slot) FROM (SELECT slot FROM vgpu ORDER BY vf)')" '0,1,2,3' 'in slots by address'
ctl reboot
must reconcile
is "$(kernel)" "$lost" 'a reboot brings it back'

# --- --dry-run
fresh
three
run adopt --all --vm x --dry-run
is "$status $(cat "$out")" "0 adopt $A (A40-2Q on 0000:67:00.5) for x slot 0
adopt $B (A40-2Q on 0000:67:00.6) for x slot 1
adopt $C (A40-24A on 0000:e8:00.4) for x slot 2" 'it prints what would be recorded'
t 'and makes no store' fails test -e "$db"
must adopt $A --vm x
before="$(record_sum) $(kernel)"
run adopt $A $B --dry-run --json
json 'as JSON: how each stands now' '[.vgpus[] | "\(.uuid) \(.vm) \(.slot) \(.state)"] == [$a + " x 0 active", $b + " adopted-bbbbbbbb 0 foreign"]' \
	--arg a $A --arg b $B
unchanged "$before" 'nothing has changed'
run adopt $B --vm x --json
json 'the document is shaped as of create' '.command == "adopt" and (.vgpus | length == 1) and (.vgpus[0] | .uuid == $b and .vm == "x" and .slot == 1
	and .state == "active" and .profile == "A40-2Q" and .vf == "0000:67:00.6" and .framebuffer_mib == 2048 and .framework == "mdev") and .refused == []' --arg b $B

# --- what cannot be adopted
fresh
three
expect 3 'a UUID that is not live' adopt $D
says 'is named' $D
t 'no store is made for it' fails test -e "$db"
expect 3 'beside one that could be' adopt $A $D
t 'then none is adopted' fails test -e "$db"
ctl stick $B
expect 5 'one that hangs' adopt $B
says 'and says so' hangs
expect 5 'beside one that could be' adopt $A $B
t 'then none is adopted' fails test -e "$db"
run adopt --all --vm v
is "$status $(paste -sd' ' "$out")" "5 $A $C" '--all: the others are'
says 'and that one is named' "$B .*hangs"
is "$(owners)" "$A v 0 active
$C v 1 active" 'in the slots that follow'
run adopt --all --json
is $status 5 'as JSON'
json 'it is among the refused' '.vgpus == [] and (.refused | length == 1) and (.refused[0] | .uuid == $b and (.error | test("hangs")))' --arg b $B
ctl unstick $B

fresh
three
mkdir -p "$root/etc/vgpumgr"
echo "exclude_gpus = [ \"$G1\" ];" >"$root/etc/vgpumgr/vgpumgr.conf"
expect 5 'one on a GPU that is excluded' adopt $A
says 'and says so' "$G1 is excluded"
run adopt --all --vm v
is "$status $(cat "$out")" "5 $C" '--all: the others'
rm "$root/etc/vgpumgr/vgpumgr.conf"

fresh
three
ctl garbage "bus/mdev/devices/$A/mdev_type/name" '\xff\x1b[31m'
run adopt $A --vm v
is $status 5 'one whose type cannot be read'
says 'and says so' 'which profile'
t 'without what could steer a terminal' fails grep -q $'\e' "$err"
ctl garbage "bus/mdev/devices/$A/mdev_type/name" off

# --- another record's VF
fresh
must create A40-24A --vm a --uuid $A --gpu $G2
vf=$(sql 'SELECT vf FROM vgpu')
ctl reboot
must sriov enable all
foreign $B "$vf" A40-24A
expect 5 'its VF is on record for another' adopt $B
says 'which is named, and what helps' "$vf .*$A" reconcile
must reconcile
expect 0 'once that one has moved' adopt $B
agree 'both are on record'

# --- a conflict: the UUID is live otherwise
fresh
must create A40-2Q --vm a --uuid $A --gpu $G1
must create A40-2Q --vm a --slot 1 --uuid $B --gpu $G1
ctl reboot
must sriov enable all
foreign $A 0000:e8:00.4 A40-2Q
foreign $B 0000:67:00.7 A40-24A
before=$(owners)
expect 5 'its record names another GPU' adopt $A
says 'and says so' 'another GPU'
expect 5 'or another profile' adopt $B --vm a
says 'and says so' 'another profile'
is "$(owners)" "$before" 'the records stay'

# --- what others may do
fresh
three
mkdir -p "$root/usr/lib/udev/rules.d" "$root/etc/mdevctl.d/0000:67:00.5" "$root/etc/mdevctl.d/0000:67:00.6"
echo rule >"$root/usr/lib/udev/rules.d/60-mdevctl.rules"
echo '{ "start": "auto" }' >"$root/etc/mdevctl.d/0000:67:00.5/$A"
echo '{ "start": "manual" }' >"$root/etc/mdevctl.d/0000:67:00.6/$B"
expect 0 'one that mdevctl starts as well' adopt $A
says 'is warned of' "mdevctl starts $A .*mdevctl.d/0000:67:00.5/$A"
expect 0 'one that it is told not to start' adopt $B
is "$(grep -c mdevctl "$err")" 0 'is not'
rm "$root/usr/lib/udev/rules.d/60-mdevctl.rules"

# --- other ways to make vGPUs
host t4
parent=$(basename "$(dirname "$(find "$sys/devices" -name mdev_supported_types | head -n1)")")
dir=$(find "$sys/class/mdev_bus/$parent/mdev_supported_types/" -mindepth 1 -maxdepth 1 | sort | head -n1)
echo $A >"$dir/create"
expect 0 'a vGPU on the GPU itself' adopt $A --vm v
is "$(sql 'SELECT vf = gpu, state FROM vgpu')" '1|active' 'is recorded there'
run create "$(sql 'SELECT profile FROM vgpu')" --vm w
is "$status" 0 'and leaves room for another'

# --- side by side
fresh
three
background adopt --all --vm p
other=$pid
run adopt --all --vm q
wait "$other"
is "$(sql 'SELECT count(*) FROM vgpu') $(sql 'SELECT count(DISTINCT vm) FROM vgpu')" '3 1' 'two at once: one of them adopts, the other finds it done'

# --- killed
for call in fsync fdatasync pwrite64 unlink rename; do
	for k in 1 2 3 5 8; do
		command -v strace >/dev/null || break 2
		fresh
		three
		strace -qq -f -o /dev/null -e trace=none -e inject=$call:signal=KILL:when=$k "$vgpumgr" --root "$root" adopt --all --vm k >/dev/null 2>&1
		run list --json
		jq -e '[.vgpus[].state] | unique | length == 1 and (.[0] == "active" or .[0] == "foreign")' "$out" >/dev/null &&
			[ "$(kernel)" = "$kernel_before" ] && "$vgpumgr" --root "$root" adopt --all --vm k >/dev/null 2>&1 &&
			[ "$(sql 'SELECT count(*) FROM vgpu')" = 3 ]
		result $? "killed at $call $k: all are adopted or none, and a second call ends it" || show_run
	done
done
done_testing
