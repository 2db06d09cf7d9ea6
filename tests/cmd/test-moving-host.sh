#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A new kernel or driver: the framework is another, types have other numbers, names, or are gone.
# shellcheck source=tests/cmd/lib.sh disable=SC2016,SC2317
. "$(dirname "$0")/lib.sh"

A=0000:67:00.0 B=0000:e8:00.0
# All that is live: "VF TYPE-ID" a line.
made() {
	local file link
	for file in "$sys"/bus/pci/devices/*/nvidia/current_vgpu_type; do
		[ ! -e "$file" ] || [ "$(cat "$file")" = 0 ] || echo "$(basename "${file%/nvidia/*}") $(cat "$file")"
	done
	for link in "$sys"/bus/mdev/devices/*; do
		[ ! -L "$link" ] || echo "$(basename "$(dirname "$(readlink "$link")")") $(basename "$(readlink "$link/mdev_type")" | sed 's/.*-//')"
	done
}
match() { is "$(sql "SELECT vf || ' ' || type_id FROM vgpu WHERE state = 'active' ORDER BY vf")" "$(made | sort)" "$1"; }
again() {
	local sum
	sum="$(generation) $(made) $(cksum <"$db")"
	expect 0 "$1: again" reconcile
	is "$(generation) $(made) $(cksum <"$db")" "$sum" "$1: and nothing is written"
}
are_made() { [ "$(made | wc -l)" -ge "$1" ]; }
both() { ctl framework $A "$1" && ctl framework $B "$1"; }
back() { # FRAMEWORK SENTENCE
	expect 0 "$2: reconcile" reconcile
	is "$(identities)" "$before" "$2: every vGPU is back on its VF"
	json "$2: list says so" 'all(.vgpus[] | select(.state == "active"); .framework == $f)' --arg f "$1"
	is "$(sql "SELECT DISTINCT framework FROM vgpu WHERE state = 'active'")" "$1" "$2: and so does the record"
	match "$2: record and kernel agree"
	again "$2"
}
host a40-vfio
both mdev
ctl reboot
must sriov enable all
run gpus --json
json 'mdev at first' 'all(.gpus[]; .framework == "mdev")'
must create A40-8Q --vm a --count 5
must create A40-8A --vm b
uuid_of create A40-8Q --vm c
c=$uuid
must stop "$c"
before=$(identities)

# --- another framework
both vfio
ctl reboot
back vfio 'mdev becomes vfio'
must start "$c"
is "$(state_shown "$c")" active 'one that was stopped meanwhile is made in the new way'
match 'record and kernel agree'
before=$(identities)
both mdev
ctl reboot
back mdev 'vfio becomes mdev'
both vfio
ctl reboot
expect 0 'remove of what the new framework has not made yet' remove "$c"
before=$(grep -v "^$c" <<<"$before")
back vfio 'vfio once more'
ctl framework $B mdev
ctl reboot
expect 0 'only one GPU moves' reconcile
is "$(identities)" "$before" 'all are back all the same'
json 'each in its own way' 'all(.vgpus[]; .framework == (if .gpu == $b then "mdev" else "vfio" end))' --arg b $B
match 'record and kernel agree'
again 'one GPU of each'

# --- cut short on the way, so that the record still tells of the old one
for way in mdev vfio; do
	both $way
	ctl renumber 5
	ctl reboot
	ctl delay create 6 1500
	background reconcile
	until_true 10 are_made 5
	kill_family
	ctl delay off
	expect 0 "cut short on the way to $way: list" list --json
	json 'it tells of what is there' 'all(.vgpus[] | select(.state == "active"); .framework == $f)' --arg f $way
	uuid=$(json_value '[.vgpus[] | select(.state == "active")][0].uuid')
	vf=$(json_value '[.vgpus[] | select(.state == "active")][0].vf')
	before=$(grep -v "^$uuid" <<<"$before")
	expect 0 'remove' remove "$uuid"
	is "$(made | grep -c "^$vf ")" 0 'takes the device, not the record alone'
	expect 0 'reconcile' reconcile
	is "$(identities)" "$before" 'brings back the others'
done

# --- other numbers, in each framework
both vfio
ctl framework $B mdev
ctl reboot
must reconcile
for by in 100 10; do
	ctl renumber $by
	ctl reboot
	expect 0 "types renumbered by $by: reconcile" reconcile
	is "$(identities)" "$before" 'the same by their names'
	match 'record and kernel agree'
	again "renumbered by $by"
	run types --json
	json 'no profile has two numbers' 'all(.types[]; .type_ids | length == 1)'
	expect 0 'a new one can be made' create A40-8A --vm new
	match 'record and kernel agree'
	must remove --vm new
done
ctl renumber 0

# --- another driver version
ctl driver-version 580.65.06
ctl reboot
expect 0 'another driver: reconcile' reconcile
is "$(identities)" "$before" 'the same'
again 'another driver'
run types --json
json 'all types are known of it' '.types | length == 22'

# --- a type has another name, and is gone
ctl rename-type 'NVIDIA A40-8Q' 'NVIDIA A40-8QX'
ctl reboot
expect 7 'a name is gone: reconcile' reconcile
is "$(made | wc -l)" 1 'what kept its name is made'
prints 'the others are named' 'A40-8Q .*(conflict|missing)'
for gpu in $A $B; do
	expect 7 "on $gpu" reconcile --gpu "$gpu" --json
	json 'which is a conflict' '[.vgpus[] | select(.profile == "A40-8Q") | .state] | unique == ["conflict"]'
	json 'it says that it is not offered, and what is' 'any(.vgpus[]; (.error // "") | test("profile A40-8Q; nearest to it: A40-"))'
done
expect 3 'a new one is refused' create A40-8Q --vm new
says 'with the nearest names' 'did you mean A40-'
ctl restore-types
ctl rename-type 'NVIDIA A40-8QX' 'NVIDIA A40-8Q'
ctl reboot
expect 0 'the name is back: reconcile' reconcile
is "$(identities)" "$before" 'the same'
ctl drop-type 'NVIDIA A40-8A'
ctl reboot
expect 7 'a type is gone: reconcile' reconcile
is "$(made | wc -l)" $(($(wc -l <<<"$before") - 1)) 'all others are made'
ctl restore-types
ctl reboot
expect 0 'it is back: reconcile' reconcile
is "$(identities)" "$before" 'the same'
match 'record and kernel agree'

# --- what VMs' configs must say
host small
must sriov enable all
uuid_of create A40-24A --vm web
u=$uuid vf=$(sql 'SELECT vf FROM vgpu')
expect 0 'check of what is as it was' check
t 'has nothing to say of configs' fails grep -q config "$err"
ctl framework "$(sql 'SELECT gpu FROM vgpu')" vfio
ctl reboot
expect 0 'the host changes' reconcile
says 'the VM is named' 'the config of VM web must change: '"$u"
prints 'and told what to say' "<hostdev mode='subsystem' type='pci' managed='no'>"
expect 0 'check is content with what is live' check
says 'and reminds of the config' 'config of VM web' "assign ${u:0:8}"
prints 'with the element' "<address domain='0x0000' bus='0x${vf:5:2}' slot='0x${vf:8:2}' function='0x${vf:11:1}'/>"
run check --json
json 'in JSON, too' 'any(.warnings[]; test("config of VM web")) and any(.warnings[]; test("<hostdev"))'
expect 0 'assign to the VM that it has says that it was done' assign "$u" --vm web
expect 0 'check' check
t 'reminds no more' fails grep -q config "$err"
before=$(generation)
expect 0 'assign again' assign "$u" --vm web
is "$(generation)" "$before" 'changes nothing'
done_testing
