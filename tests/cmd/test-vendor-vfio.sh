#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# NVIDIA's vendor-specific VFIO framework: a VF has a type or none, and no UUID.
# shellcheck source=tests/cmd/lib.sh
. "$(dirname "$0")/lib.sh"

G=0000:26:00.0 H=0000:a6:00.0
current() { cat "$sys/bus/pci/devices/$1/nvidia/current_vgpu_type"; }
# Every VF with a type: "VF TYPE" a line.
made() {
	local file
	for file in "$sys"/bus/pci/devices/*/nvidia/current_vgpu_type; do
		[ ! -e "$file" ] || [ "$(cat "$file")" = 0 ] || echo "$(basename "$(dirname "$(dirname "$file")")") $(cat "$file")"
	done | sort
}
saved_there() { sql "SELECT vf || ' ' || type_id FROM vgpu WHERE state = 'active' ORDER BY vf"; }
match() { is "$(saved_there)" "$(made)" "$1"; }
vf_of() { sql "SELECT vf FROM vgpu WHERE uuid = '$1'"; }
set_type() { printf %s "$2" >"$sys/bus/pci/devices/$1/nvidia/current_vgpu_type"; }

host l40s-vfio
expect 0 'no virtual functions yet: capacity' capacity L40S-24Q --json
json 'says so' '.capacity[0] | .free == 0 and all(.per_gpu[]; .limit == "sriov-off")'
must sriov enable all
run gpus --json
json 'they are of this framework' 'all(.gpus[]; .framework == "vfio" and .mode == "vgpu" and .sriov.state == "on")'
run types --json
json 'types, with what the table knows of them' '(.types | length == 23) and (.types[] | select(.profile == "L40S-24Q") |
	.framebuffer_mib == 24576 and .max_instances == 2 and .free == 4 and .type_ids == [1155])'
run capacity L40S-48Q L40S-24Q L40S-1B -q
is "$(paste -sd' ' "$out")" '2 4 64' 'capacity of empty GPUs'

uuid_of create L40S-24Q --vm a --gpu $G
a=$uuid
match 'create sets the type on a VF'
run create L40S-24Q --vm a
is "$(cat "$out")" "$a" 'repeated, it prints the same UUID'
run list --json
json 'list shows it' '.vgpus | length == 1 and .[0].uuid == $a and .[0].framework == "vfio" and .[0].state == "active" and .[0].type_id == 1155' --arg a "$a"
run capacity L40S-24Q L40S-12A --json
json 'the GPU is committed to a size' '[.capacity[] | .per_gpu[0] | [.free, .limit]] == [[1, "max-instance"], [0, "other-size"]]'
must create L40S-24A --vm b --gpu $G
expect 4 'two fit' create L40S-24Q --vm c --gpu $G
says 'and no more' "$G max-instance"
run capacity L40S-24Q L40S-12A --json
json 'a full GPU still has a catalog' '[.capacity[] | .per_gpu[0] | [.free, .limit]] == [[0, "max-instance"], [0, "other-size"]]'
run types --gpu $G --json
json 'and all of its types' '.types | length == 23'
match 'record and kernel agree'

# --- a reboot
before=$(identities)
ctl reboot
is "$(made)" '' 'a reboot takes all types'
run check --json
json 'check says what is missing' '[.vgpus[].state] == ["missing", "missing"]'
expect 0 'reconcile' reconcile
is "$(identities)" "$before" 'the same types on the same VFs'
match 'record and kernel agree'
sum="$(generation) $(made)"
expect 0 'again' reconcile
is "$(generation) $(made)" "$sum" 'and nothing is written'

# --- what somebody else has set
va=$(vf_of "$a")
ctl reboot
must sriov enable all
set_type "$va" 1155
expect 7 'the same type on our VF, not set by us' reconcile
is "$(state_shown "$a")" conflict 'is a conflict'
is "$(current "$va")" 1155 'and left alone'
expect 0 'adopt takes it for ours' adopt "$va"
is "$(state_shown "$a")" active 'which it is from now on'
match 'record and kernel agree'
set_type "$H" x 2>/dev/null
other=$(basename "$(readlink "$sys/bus/pci/devices/$H/virtfn3")")
set_type "$other" 1150
run list --json
json 'one that nobody knows is foreign' '.vgpus[] | select(.vf == $vf) | .state == "foreign" and .uuid == null and .profile == "L40S-4Q"' --arg vf "$other"
expect 0 'adopt gives it a record' adopt "$other" --vm theirs
run list --vm theirs --json
json 'with a UUID of its own' '.vgpus[0] | (.uuid | length == 36) and .vf == $vf and .state == "active"' --arg vf "$other"
expect 0 'and remove takes it away' remove --vm theirs
is "$(current "$other")" 0 'its VF is free'

# --- in use
ctl hold-vf "$va"
expect 6 'a VF that a VM holds is not taken away' remove "$a"
is "$(current "$va")" 1155 'it is there'
ctl release-vf "$va"
expect 0 'remove' remove "$a"
is "$(current "$va")" 0 'it is gone'
is "$(sql "SELECT count(*) FROM vgpu WHERE uuid = '$a'")" 0 'and so is its record'

# --- stop and start
uuid_of create L40S-8Q --vm s --gpu $H
s=$uuid vs=$(vf_of "$uuid")
must stop "$s"
is "$(current "$vs") $(state_shown "$s")" '0 stopped' 'stop'
set_type "$vs" 1152
is "$(state_shown "$s")" stopped 'what somebody sets on its VF meanwhile is not it'
expect 5 'and start refuses' start "$s"
is "$(current "$vs")" 1152 'and leaves it alone'
set_type "$vs" 0
expect 0 'start' start "$s"
is "$(current "$vs") $(state_shown "$s")" '1152 active' 'it is back on its VF'

# --- the driver refuses newlines, and reads take none for granted
ctl newline strict
expect 0 'types are written without a newline' create L40S-8A --vm n --gpu $H
match 'record and kernel agree'
# --- a write that fails though it did its work, and one that does nothing
ctl fail create 1 EIO after
expect 0 'EIO although the type is set' create L40S-8A --vm eio
ctl fail create 1 EIO
expect 1 'EIO without' create L40S-8A --vm eio2 --gpu $H
is "$(sql "SELECT count(*) FROM vgpu WHERE vm = 'eio2'")" 0 'leaves no record'
match 'record and kernel agree'
done_testing
