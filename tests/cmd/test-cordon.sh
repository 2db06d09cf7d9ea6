#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A cordoned GPU gets no new vGPUs; what it has stays, and comes back.
# shellcheck source=tests/cmd/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

G=0000:67:00.0 H=0000:e8:00.0
cordoned() {
	run gpus --json
	jq -r '[.gpus[] | select(.cordoned) | .address] | join(" ")' "$out"
}

host small
expect 0 'a cordon is lifted where there is no record' gpu set $G --cordon off
t 'and no record is made for that' fails test -e "$db"
must sriov enable all
uuid_of create A40-24A --vm a --gpu $G
a=$uuid
expect 2 'gpu alone' gpu
expect 2 'gpu set without a wish' gpu set $G
expect 2 'another verb' gpu get $G --cordon on
expect 2 'another value' gpu set $G --cordon yes
expect 2 'no address' gpu set nothing --cordon on
expect 3 'a GPU that is not here' gpu set 0000:01:00.0 --cordon on
expect 0 'a dry run' gpu set $G --cordon on --dry-run
prints 'says what it would do' "^cordon $G\$"
is "$(cordoned)" '' 'and does nothing'

expect 0 'cordon' gpu set 67:00.0 --cordon on --json
json 'prints the GPU' '.command == "gpu" and (.gpus | length == 1) and .gpus[0].address == $g and .gpus[0].cordoned' --arg g $G
is "$(cordoned)" $G 'gpus shows it'
run gpus
prints 'as a table, too' "$G .*vgpu,cordoned"
run show $G
prints 'so does show' 'cordoned: yes'
run history
prints 'so does history' ' cordon +done +.*0000:67:00.0'
sum=$(generation)
expect 0 'again' gpu set $G --cordon on
is "$(generation)" "$sum" 'changes nothing'

run capacity A40-24A --json
json 'nothing more fits on it' '.capacity[0].per_gpu | map([.gpu, .free, .limit]) == [[$g, 0, "excluded"], [$h, 2, "max-instance"]]' --arg g $G --arg h $H
expect 4 'create does not take it' create A40-24A --vm b --gpu $G
says 'and says why and what to do' "$G excluded: is cordoned: it gets no new vGPUs" "gpu set $G --cordon off"
must create A40-24A --vm b
must create A40-24A --vm c
is "$(sql "SELECT count(*) FROM vgpu WHERE gpu = '$H'")" 2 'others are placed elsewhere'
expect 4 'and then there is no room' create A40-24A --vm d

# --- what it has
expect 0 'create again' create A40-24A --vm a
is "$(cat "$out")" "$a" 'finds what is there'
ctl reboot
expect 0 'after a reboot, reconcile' reconcile
t 'brings it back' live "$a"
must stop "$a"
expect 0 'so does start' start "$a"
ctl reboot
must sriov enable all
expect 0 'and create' create A40-24A --vm a
must reconcile
is "$(cordoned)" $G 'it is cordoned still'
agree 'record and kernel agree'

# --- backups have it
cp "$root/var/lib/vgpumgr/backup.json" "$top/backup.json"
expect 0 'uncordon' gpu set $G --cordon off
is "$(cordoned)" '' 'it is as any other'
must create A40-24A --vm d
is "$(sql "SELECT gpu FROM vgpu WHERE vm = 'd'")" $G 'and gets vGPUs'
must remove --vm d
expect 0 'store restore' store restore "$top/backup.json"
says 'tells of the cordon' "GPU $G: cordon on, was off"
is "$(cordoned)" $G 'and brings it back'

# --- a GPU that is gone
sql "UPDATE gpu SET bdf = '0000:01:00.0' WHERE bdf = '$G'"
expect 0 'one that is gone, but on record' gpu set 0000:01:00.0 --cordon off
is "$(sql "SELECT cordoned FROM gpu WHERE bdf = '0000:01:00.0'")" 0 'can be uncordoned'
done_testing
