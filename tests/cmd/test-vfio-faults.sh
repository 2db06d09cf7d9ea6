#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Vendor-specific VFIO, when things go wrong: the kernel knows no UUIDs, so what is ours must be
# told by notes and records alone, and nothing that is not may be touched.
# shellcheck source=tests/cmd/lib.sh disable=SC2016,SC2317
. "$(dirname "$0")/lib.sh"

G=0000:26:00.0 H=0000:a6:00.0
devices=$sys/bus/pci/devices
boot_id=$root/proc/sys/kernel/random/boot_id
current() { cat "$devices/$1/nvidia/current_vgpu_type"; }
set_type() { printf %s "$2" >"$devices/$1/nvidia/current_vgpu_type"; }
vf_number() { basename "$(readlink "$devices/$1/virtfn$2")"; } # GPU N
vf_of() { sql "SELECT vf FROM vgpu WHERE uuid = '$1'"; }
made() {
	local file
	for file in "$devices"/*/nvidia/current_vgpu_type; do
		[ "$(cat "$file")" = 0 ] || echo "$(basename "${file%/nvidia/*}") $(cat "$file")"
	done
}
match() { is "$(sql "SELECT vf || ' ' || type_id FROM vgpu WHERE state = 'active' ORDER BY vf")" "$(made)" "$1"; }
records() { sql 'SELECT count(*) FROM vgpu'; }
are_made() { [ "$(made | wc -l)" -eq "$1" ]; }
is_recorded() { [ -n "$(sql "SELECT state FROM vgpu WHERE vm = '$1'")" ]; }
fresh() {
	host l40s-vfio
	must sriov enable all
	v0=$(vf_number $G 0) v1=$(vf_number $G 1)
}

# --- nothing to tell boots apart by
fresh
mv "$boot_id" "$top/boot_id"
expect 1 'without a boot id, nothing is made' create L40S-8Q --vm a
says 'and it says what is missing' 'boot_id cannot be read' '^hint: '
is "$(made) $(records)" ' 0' 'neither a device nor a record'
expect 0 'types answers all the same' types
set_type "$v0" 1152
expect 1 'nor is anything adopted' adopt "$v0"
is "$(records)" 0 'since it could not be told from others'
set_type "$v0" 0
mv "$top/boot_id" "$boot_id"
uuid_of create L40S-8Q --vm a
ctl reboot
mv "$boot_id" "$top/boot_id"
expect 7 'nor restored' reconcile
prints 'it says what is missing' 'boot_id'
is "$(made)" '' 'nothing is made'
mv "$top/boot_id" "$boot_id"
expect 0 'with it, reconcile' reconcile
match 'record and kernel agree'

# --- notes that cannot be written
fresh
rm -rf "$root/run/vgpumgr"
touch "$root/run/vgpumgr"
uuid_of create L40S-8Q --vm a
is "$(state_shown "$uuid")" active 'without a place for notes, the record tells'
ctl reboot
expect 0 'and reconcile restores' reconcile
is "$(state_shown "$uuid")" active 'what is active'
match 'record and kernel agree'
ctl delay create 1 1500
background create L40S-8Q --vm b
until_true 10 is_recorded b
sleep 0.3
kill_family
ctl delay off
until_true 5 are_made 2
uuid=$(sql "SELECT uuid FROM vgpu WHERE vm = 'b'")
expect 7 'one that was cut short then: reconcile' reconcile
is "$(state_shown "$uuid")" conflict 'is not taken for ours without proof'
rm "$root/run/vgpumgr"
expect 0 'adopt says that it is' adopt "$(vf_of "$uuid")"
is "$(state_shown "$uuid")" active 'it is live'
match 'record and kernel agree'

# --- lists that cannot be read, or make no sense
fresh
for link in "$devices/$G"/virtfn*; do
	ctl refuse "bus/pci/devices/$(basename "$(readlink "$link")")/nvidia/creatable_vgpu_types" EIO
done
expect 0 'a GPU whose lists cannot be read does not hide another' create L40S-8Q --vm a
is "$(sql 'SELECT gpu FROM vgpu')" $H 'which is taken'
expect 4 'on its own it has no room' create L40S-8Q --vm b --gpu $G
says 'and the file is named' 'creatable_vgpu_types: Input/output error'
is "$(records)" 1 'no record is left'
fresh
for link in "$devices/$G"/virtfn*; do
	ctl garbage "bus/pci/devices/$(basename "$(readlink "$link")")/nvidia/creatable_vgpu_types" \
		'ID : x\n\xff\xfe\n99999999999 : NVIDIA L40S-8Q\n7 : \n'
done
expect 0 'nor does one whose lists make no sense' create L40S-8Q --vm a
is "$(sql 'SELECT gpu FROM vgpu')" $H 'the other is taken'
expect 4 'it offers nothing' create L40S-8Q --vm b --gpu $G
match 'record and kernel agree'

# --- nor does a VF that does not tell its type
fresh
uuid_of create L40S-8Q --vm a --vf "$v0"
ctl garbage "bus/pci/devices/$v0/nvidia/current_vgpu_type" 'abc\n'
expect 7 'of a VF that does not tell its type: reconcile' reconcile
is "$(state_shown "$uuid")" conflict 'nobody can tell what is on it'
expect 1 'so that remove says so at once' remove "$uuid" --timeout 20
says 'with the file' 'current_vgpu_type holds'
is "$(records)" 1 'and the record stays'
expect 0 'others can be made' create L40S-8Q --vm b
ctl garbage "bus/pci/devices/$v0/nvidia/current_vgpu_type" off
is "$(state_shown "$uuid")" active 'it is there once it can be read'
expect 0 'and can be removed' remove "$uuid"
match 'record and kernel agree'

# --- somebody else is faster
fresh
must create L40S-8Q --vm first --gpu $H
ctl hang "bus/pci/devices/$v0/nvidia/creatable_vgpu_types" 1000
(
	sleep 0.5
	set_type "$v0" 1152
) &
expect 0 'a VF that is taken meanwhile is not overwritten' create L40S-8Q --vm a --gpu $G
wait $!
ctl hang off
is "$(current "$v0") $(sql "SELECT vf FROM vgpu WHERE vm = 'a'")" "1152 $v1" 'another is found'
is "$(records)" 2 'and nothing is left behind'
run list --json
json 'what the other has made is foreign' '[.vgpus[] | select(.vf == $vf) | .state] == ["foreign"]' --arg vf "$v0"

# --- two at once on one VF
fresh
background create L40S-8Q --vm a --vf "$v0"
run create L40S-8Q --vm b --vf "$v0"
wait "$pid"
is "$((($? == 0) + (status == 0))) $(records)" '1 1' 'of two creates on one VF, one succeeds'
match 'record and kernel agree'

# --- a VF vanishes as it is written
fresh
ctl vanish create 1 "$v0"
expect 0 'one whose VF vanishes is made on another' create L40S-8Q --vm a --gpu $G
match 'record and kernel agree'
ctl vanish off

# --- killed between the note, the write and the commit
fresh
ctl delay create 1 1500
background create L40S-8Q --vm a
until_true 10 test -e "$root/run/vgpumgr/vgpu-$v0"
kill_family
ctl delay off
until_true 5 are_made 1
uuid=$(sql "SELECT uuid FROM vgpu")
expect 0 'one that was cut short: reconcile' reconcile
is "$(state_of "$uuid") $(state_shown "$uuid")" 'active active' 'finishes it'
match 'record and kernel agree'

# --- a stop cut short
ctl delay remove 1 1500
background stop "$uuid"
until_true 10 in_state "$uuid" stopped
sleep 0.2
kill_family
ctl delay off
until_true 5 are_made 0
expect 0 'a stop that was cut short' stop "$uuid"
is "$(current "$v0") $(state_shown "$uuid")" '0 stopped' 'is finished by another'
expect 0 'start' start "$uuid"
match 'record and kernel agree'

# --- the driver does not let go at once
ctl release late 2
ctl hold-vf "$v0"
expect 6 'remove of what is held' remove "$uuid"
ctl release-vf "$v0"
expect 0 'which is let go a while later' remove "$uuid"
is "$(made) $(records)" ' 0' 'remove goes on trying'

# --- an older copy of the record
fresh
uuid_of create L40S-8Q --vm a --vf "$v0"
old=$uuid
must store backup "$top/backup"
must remove "$old"
uuid_of create L40S-8Q --vm b --vf "$v0"
must store restore "$top/backup"
is "$(state_shown "$old")" conflict 'what was set for another record since is not this one'\''s'
expect 7 'reconcile' reconcile
is "$(current "$v0")" 1152 'leaves it alone'
expect 0 'remove of such a record' remove "$old"
is "$(current "$v0") $(records)" '1152 0' 'takes the record, and leaves the device'
expect 0 'adopt takes it, whatever it was set for' adopt "$v0" --vm b
run list --json
json 'and it is ours' '.vgpus | length == 1 and .[0].state == "active" and .[0].vm == "b"'
expect 0 'again, with nothing to do: reconcile' reconcile
expect 0 'and it can be removed' remove --vm b
is "$(made)" '' 'it is gone'

# --- writes that do their work and say otherwise, and the reverse
fresh
ctl fail create 1 EIO after
expect 0 'EIO, although it is made' create L40S-8Q --vm a
match 'record and kernel agree'
ctl fail remove 1 EIO after
expect 0 'EIO, although it is gone' remove --vm a
is "$(made) $(records)" ' 0' 'record and kernel agree'
ctl fail create 1 EBUSY
expect 0 'EBUSY: another VF is tried' create L40S-8Q --vm a --gpu $G
match 'record and kernel agree'
ctl fail off
done_testing
