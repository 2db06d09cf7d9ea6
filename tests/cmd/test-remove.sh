#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# remove and assign: what is named and nothing else, all or nothing, never what is in use or
# somebody else's.
# shellcheck source=tests/cmd/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

U1=aaaaaaaa-0000-4000-8000-000000000001
U2=aaaaaaab-0000-4000-8000-000000000002
U3=aaaaaaab-1111-4000-8000-000000000003
F=ffffffff-0000-4000-8000-000000000001
VM1=bbbbbbbb-0000-4000-8000-000000000001
records() { sql 'SELECT uuid FROM vgpu ORDER BY 1' | paste -sd' '; }
# three vGPUs, and room for others beside them
three() {
	host small
	must sriov enable all
	must create A40-2Q --vm a --uuid $U1 --vm-uuid $VM1
	must create A40-2Q --vm a --uuid $U2 --slot 1
	must create A40-2Q --vm b --uuid $U3
}

# --- by UUID
three
run remove $U1 --json
is $status 0 'remove UUID exits 0'
json 'and tells what it removed' '.command == "remove" and (.vgpus | length == 1) and (.vgpus[0] | .uuid == $uuid and .vm == "a" and .slot == 0)' --arg uuid $U1
is "$(records)" "$U2 $U3" 'that record is gone'
agree 'the device, too'
is "$(events $U1)" 'create-begun create remove-begun remove' 'history tells its life'
is "$(jq -r '[.vgpus[].uuid] | sort | join(" ")' "$root/var/lib/vgpumgr/backup.json")" "$U2 $U3" 'the backup, too'
expect 3 'remove of what is gone is "not found"' remove $U1
says 'and names it' $U1
expect 0 'with --if-exists it is fine' remove $U1 --if-exists
is "$(records)" "$U2 $U3" 'nothing else is gone'
expect 2 'a prefix of 7 characters is too short' remove aaaaaaa
expect 2 'a prefix of two UUIDs is ambiguous' remove aaaaaaab-
expect 2 'and with --if-exists, too' remove aaaaaaab- --if-exists
is "$(records)" "$U2 $U3" 'nothing is gone'
expect 0 'an unambiguous prefix will do, in capitals' remove AAAAAAAB-0000
is "$(records)" $U3 'the right one is gone'
expect 0 'a prefix of 8 characters will do' remove aaaaaaab
is "$(records)$(kernel)" '' 'nothing is left'
expect 0 'capacity is what it was' capacity A40-2Q -q
is "$(cat "$out")" 8 'all VFs are free'

# --- by VM and slot
three
expect 0 'remove --vm --slot' remove --vm a --slot 1
is "$(records)" "$U1 $U3" 'removes that slot'
expect 3 'a slot that is not there' remove --vm a --slot 1
expect 0 'unless --if-exists' remove --vm a --slot 1 --if-exists
expect 0 'remove --vm' remove --vm a
is "$(records)" $U3 'removes all of that VM and no other'
expect 3 'a VM that has none' remove --vm a
says 'is named' "a has no vGPU"
expect 0 'unless --if-exists' remove --vm a --if-exists
agree 'record and kernel agree'
three
expect 0 'several UUIDs at once' remove $U1 $U3 $U1
is "$(records)" $U2 'are removed, twice named ones once'
agree 'record and kernel agree'
before="$(record_sum) $(kernel)"
expect 2 'neither UUID nor VM' remove
expect 2 'both' remove $U2 --vm a
expect 2 '--slot without --vm' remove $U2 --slot 1
expect 3 'one of two is not there' remove $U2 $U3
unchanged "$before" 'none of these changed anything'

# --- in use
three
ctl busy $U2 'the VM'
before="$(record_sum) $(kernel)"
expect 6 'one in use: exit 6' remove $U1 $U2 $U3
says 'it names the vGPU, its VM and the holder' $U2 'of a ' 'the VM|10000[0-9]' 'hint: '
unchanged "$before" 'all or nothing: none is removed'
expect 6 'by VM, too' remove --vm a --json
error_json in-use 6 'the error document says in-use'
unchanged "$before" 'none is removed'
expect 6 '--if-exists does not help' remove $U2 --if-exists
run show $U2 --json
json 'show tells that it is in use' '.vgpus[0].in_use == true'
run show $U1 --json
json 'and which is not' '.vgpus[0].in_use == false'
expect 0 'the others can be removed' remove $U1 $U3
ctl idle $U2
expect 0 'when it is idle, it can' remove $U2
is "$(records)$(kernel)" '' 'nothing is left'

# --- foreign
three
foreign $F 0000:e8:00.7 A40-2Q
before="$(record_sum) $(kernel)"
expect 5 'a foreign vGPU is a conflict' remove $F
says 'it is called foreign' "$F is foreign"
expect 5 'with others, too' remove $U1 $F
expect 5 'with --if-exists, too' remove $F --if-exists
expect 5 'by prefix, too' remove ffffffff
unchanged "$before" 'nothing is removed'
must remove $U1 $U2 $U3
is "$(kernel | cut -d' ' -f1)" $F 'it survives the removal of all others'

# --- not live
three
echo 1 >"$sys/bus/mdev/devices/$U1/remove"
ctl reset
expect 0 'a vGPU that is not live' remove $U1
is "$(records)" "$U2 $U3" 'its record goes'
is "$(counter write)" 0 'the kernel is not written to'
ctl reboot
expect 0 'after a reboot, with the VFs off' remove --vm a
is "$(records)" $U3 'its record goes'
ctl take-gpu "$(sql 'SELECT gpu FROM vgpu')"
ctl reboot
expect 0 'with its GPU gone' remove --vm b
is "$(records)" '' 'its record goes'

# --- no record at all
host small
expect 3 'without a record, remove by UUID is "not found"' remove $U1
expect 3 'by VM, too' remove --vm a
expect 0 'unless --if-exists' remove --vm a --if-exists
t 'no record is made' fails test -e "$root/var/lib/vgpumgr"

# --- found where it is: a device that somebody moved to another VF
three
vf=$(sql "SELECT vf FROM vgpu WHERE uuid = '$U1'")
echo 1 >"$sys/bus/mdev/devices/$U1/remove"
foreign $U1 "${vf%.*}.7" A40-2Q
expect 0 'a vGPU that is live on another VF of its GPU' remove $U1
t 'is removed there' fails live $U1

# --- assign
three
ctl reset
before=$(kernel)
expect 0 'assign gives it to another VM' assign $U1 --vm c --slot 4
is "$(sql "SELECT vm || ' ' || slot FROM vgpu WHERE uuid = '$U1'")" 'c 4' 'so says the record'
is "$(sql "SELECT coalesce(vm_uuid, 'none') FROM vgpu WHERE uuid = '$U1'")" none 'without the UUID of the old VM'
is "$(counter write) $(kernel)" "0 $before" 'the device is not touched'
is "$(sql "SELECT detail FROM event WHERE operation = 'assign'")" 'from a/0 to c/4' 'history tells'
before=$(record_sum)
expect 0 'again' assign $U1 --vm c --slot 4
expect 5 'to a slot that is taken' assign $U1 --vm b
expect 3 'of what is not there' assign 12345678 --vm b
expect 2 'by too short a prefix' assign aaaaaaa --vm b
expect 2 'to nobody' assign $U1
is "$(record_sum)" "$before" 'none of these changed anything'
expect 0 'by prefix, --json' assign aaaaaaaa --vm d --vm-uuid $VM1 --json
json 'prints the vGPU' '.command == "assign" and .vgpus[0].vm == "d" and .vgpus[0].slot == 0 and .vgpus[0].vm_uuid == $uuid' --arg uuid $VM1
foreign $F 0000:e8:00.7 A40-2Q
expect 5 'a foreign one is a conflict' assign $F --vm b
expect 0 'create for the old owner makes a new one' create A40-2Q --vm a --slot 0
t 'another' [ "$(cat "$out")" != $U1 ]
done_testing
