#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# capacity --make-room: what would have to move, and what stays where it is.
# shellcheck source=tests/cmd/lib.sh
. "$(dirname "$0")/lib.sh"

G=0000:67:00.0 H=0000:e8:00.0
F=bbbbbbbb-0000-4000-8000-000000000001
# plan PROFILE: what --make-room says, "possible GPU UUID:FROM>TO..."
plan() {
	run capacity "$1" --make-room --json
	json_value '.make_room | [.possible, .gpu, (.moves[] | "\(.uuid):\(.from)>\(.to)")] | map(tostring) | join(" ")'
}

host small
must sriov enable all
uuid_of create A40-24A --vm a --gpu $G
a=$uuid
uuid_of create A40-24Q --vm b --gpu $H
b=$uuid
before="$(record_sum) $(kernel)"
is "$(plan A40-48Q)" "true $G $a:$G>$H" 'one move empties a GPU'
expect 0 'in words' capacity A40-48Q --make-room
prints 'the same' "^$a A40-24A +a +0 $G $H\$"
says 'and that nothing was done' '1 move makes room for one on 0000:67:00.0; nothing was done'
expect 0 'with -q' -q capacity A40-48Q --make-room
is "$(cat "$out")" 1 'the number of moves alone'
is "$(plan A40-24A)" "true $G" 'where one fits, nothing has to move'
unchanged "$before" 'none of this changed anything'

ctl busy "$a" "the VM"
is "$(plan A40-48Q)" "true $H $b:$H>$G" 'what a VM uses stays'
ctl busy "$b" "the VM"
is "$(plan A40-48Q)" 'false null' 'where both are used there is no way'
expect 0 'in words, too' capacity A40-48Q --make-room
says 'it is told' 'no moves of vGPUs that nobody uses make room for A40-48Q'
ctl idle "$a"
ctl idle "$b"

must stop --vm a
is "$(plan A40-48Q)" "true $G $a:$G>$H" 'what is stopped can move'
must start --vm a
foreign $F 0000:67:00.5 A40-24A
is "$(plan A40-48Q)" 'false null' 'what is foreign stays: that GPU is not emptied, and full'

host a40-vfio
must sriov enable all
uuid_of create A40-24A --vm a --gpu $G
a=$uuid
must create A40-24A --vm b --gpu $H
is "$(plan A40-48Q)" "true $G $a:$G>$H" 'under vendor VFIO they move as well'
json 'and the config of the VM must follow' 'all(.make_room.moves[]; .vm_config_changes)'
expect 0 'in words' capacity A40-48Q --make-room
says 'so, too' 'configs of these VMs name virtual functions'
done_testing
