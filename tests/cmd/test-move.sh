#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vGPUs on another parent: live ones, those that are not, all of a GPU; refused, cut short.
# shellcheck source=tests/cmd/lib.sh disable=SC2016,SC2317
. "$(dirname "$0")/lib.sh"

U1=aaaaaaaa-0000-4000-8000-000000000001
U2=aaaaaaaa-0000-4000-8000-000000000002
G=0000:67:00.0 H=0000:e8:00.0
place() { sql "SELECT gpu || ' ' || vf FROM vgpu WHERE uuid = '$1'"; }
at() { kernel | sed -n "s/^$1 \([^ ]*\) .*/\1/p"; }
small() {
	host small
	must sriov enable all
	must create A40-24A --vm a --uuid $U1 --gpu $G --params disable_vnc=1
}

# --- what makes no sense
small
for bad in '' $U1 "--gpu $G" "$U1 --gpu $G --vf 0000:e8:00.4" "--from $G" "--from $G --to $G" "$U1 --from $G --to $H" "$U1 --gpu x"; do
	# shellcheck disable=SC2086 # words
	expect 2 "move $bad" move $bad
done
expect 3 'an unknown UUID' move bbbbbbbb-0000-4000-8000-000000000001 --gpu $H
expect 3 'an unknown GPU' move $U1 --gpu 0000:01:00.0
expect 3 'an unknown VF' move $U1 --vf 0000:01:00.4
foreign $U2 0000:e8:00.4 A40-2Q
expect 5 'a foreign one' move $U2 --gpu $G
expect 4 'a GPU that is committed to another size' move $U1 --gpu $H
says 'is named, with its reason' "no room for A40-24A on $H: is committed to vGPUs of 2048 MiB"
echo 1 >"$sys/bus/mdev/devices/$U2/remove"
ctl busy $U1 qemu
expect 6 'one that is in use' move $U1 --gpu $H
says 'is left alone' 'nothing was moved'
ctl idle $U1
is "$(at $U1) $(events $U1)" '0000:67:00.4 create-begun create' 'nothing has happened'

# --- to another GPU, and within one
before="$(record_sum) $(kernel)"
expect 0 'a dry run' move $U1 --gpu $H --dry-run
is "$(cat "$out")" "remove $U1 (A40-24A of a slot 0) from 0000:67:00.4
record $U1 on 0000:e8:00.4 of $H
make $U1 on 0000:e8:00.4" 'prints the steps'
unchanged "$before" 'and takes none'
expect 0 'to another GPU' move $U1 --gpu $H
is "$(at $U1) $(place $U1)" "0000:e8:00.4 $H 0000:e8:00.4" 'it is there'
says 'and says so' "moved $U1 \(A40-24A of a slot 0\) from 0000:67:00.4 to 0000:e8:00.4 of $H"
is "$(cat "$out")" '' "an mdev keeps its UUID: its VM's config stays as it is"
is "$(cat "$sys/bus/mdev/devices/$U1/nvidia/vgpu_params")" disable_vnc=1 'its parameters went with it'
is "$(events $U1)" 'create-begun create move-begun move' 'history has it'
agree 'record and kernel agree'
sum="$(generation) $(kernel)"
expect 0 'again' move aaaaaaaa --gpu $H
is "$(generation) $(kernel)" "$sum" 'changes nothing'
must create A40-24A --vm b --uuid $U2 --gpu $H
expect 0 'to another VF of a GPU that is full' move $U1 --vf 0000:e8:00.7 --json
json 'in JSON' '.command == "move" and (.vgpus | length == 1) and (.vgpus[0] | .uuid == $u and .from_vf == "0000:e8:00.4" and
	.vf == "0000:e8:00.7" and .gpu == $h and .from_gpu == $h and .action == "move" and .element == null)' --arg u $U1 --arg h $H
is "$(at $U1)" 0000:e8:00.7 'it is there'
expect 4 'to a VF that is taken' move $U1 --vf "$(at $U2)"
says 'is refused' 'is not free'
ctl reboot
expect 0 'after a reboot, reconcile' reconcile
is "$(at $U1)" 0000:e8:00.7 'brings it back there'

# --- all of a GPU
expect 0 'all of a GPU' move --from $H --to $G
is "$(kernel | cut -d' ' -f2 | sort | paste -sd' ')" '0000:67:00.4 0000:67:00.5' 'are on the other'
agree 'record and kernel agree'
must create A40-24A --vm c --gpu $H
expect 4 'all, where not all fit' move --from $G --to $H
is "$(kernel | grep -c 0000:67)" 2 'none is moved'
must remove --vm c
must gpu set $H --cordon on
expect 4 'a cordoned GPU gets none' move --from $G --to $H
says 'and is named' 'is cordoned'
must gpu set $H --cordon off
ctl busy $U2 qemu
expect 6 'nor is any moved where one is in use' move --from $G --to $H
is "$(kernel | grep -c 0000:67)" 2 'they are where they were'
ctl idle $U2

# --- what is not live moves on record alone
must stop $U1
ctl reset
expect 0 'a stopped one' move $U1 --gpu $H
is "$(place $U1) $(state_of $U1) $(counter create)" "$H 0000:e8:00.4 stopped 0" 'is stopped there'
must start $U1
is "$(at $U1)" 0000:e8:00.4 'and starts there'
ctl reboot
must sriov enable all
expect 0 'a missing one' move $U2 --gpu $H
says 'is on record there' "is not live: 'vgpumgr reconcile' makes it"
is "$(kernel) $(place $U2)" " $H 0000:e8:00.5" 'and not made'
expect 0 'reconcile' reconcile
is "$(at $U2)" 0000:e8:00.5 'makes it there'
must remove $U1 $U2

# --- a GPU that is gone
small
must stop $U1
sql "UPDATE vgpu SET gpu = '0000:01:00.0', vf = '0000:01:00.4', state = 'active'"
expect 7 'one whose GPU is gone' check
expect 3 'from a GPU that nobody knows' move --from 0000:02:00.0 --to $H
expect 0 'moves to one that is there' move --from 0000:01:00.0 --to $H
expect 0 'reconcile' reconcile
is "$(at $U1) $(place $U1)" "0000:e8:00.4 $H 0000:e8:00.4" 'makes it there'
sql "UPDATE vgpu SET state = 'removing'"
must_be=$(at $U1)
expect 5 'one whose removal was cut short' move $U1 --gpu $G
is "$(at $U1)" "$must_be" 'is left alone'

# --- killed while its old device goes: all of it, and the command alone
for who in command family; do
	small
	ctl delay remove 1 1500
	background move $U1 --gpu $H
	t "killed ($who) while the device goes: that is recorded" until_true 5 in_state $U1 removing
	is "$(sql "SELECT to_gpu || ' ' || to_vf FROM vgpu")" "$H 0000:e8:00.4" 'with where it is to be'
	run create A40-24A --vm x --vf 0000:e8:00.4
	is "$status" 4 'which nobody else gets'
	if [ $who = command ]; then
		kill -9 "$pid"
		wait "$pid" 2>/dev/null
	else
		sleep 0.3
		kill_family
	fi
	until_true 10 no_family
	t 'the device is gone' until_true 5 fails live $U1
	is "$(state_shown $U1)" creating 'it is to be made'
	expect 7 'check says so' check
	expect 0 'reconcile finishes it' reconcile
	is "$(at $U1) $(place $U1) $(state_of $U1)" "0000:e8:00.4 $H 0000:e8:00.4 active" 'it is where it was to be'
	is "$(sql 'SELECT count(*) FROM vgpu WHERE to_vf IS NOT NULL')" 0 'on its way no more'
	agree 'record and kernel agree'
done

# --- the same, ended by other commands
cut_short() { # a device that is gone, and a record that says where it is to be
	small
	echo 1 >"$sys/bus/mdev/devices/$U1/remove"
	sql "UPDATE vgpu SET state = 'removing', to_gpu = '$H', to_vf = '0000:e8:00.4', to_vf_index = 0"
}
for command in "move $U1 --gpu $H" "start $U1" "move $U1 --vf 0000:e8:00.6"; do
	cut_short
	# shellcheck disable=SC2086 # words
	expect 0 "$command" $command
	is "$(at $U1) $(state_of $U1)" "$(sql 'SELECT vf FROM vgpu') active" 'ends it'
	is "$(sql 'SELECT count(*) FROM vgpu WHERE to_vf IS NOT NULL')" 0 'on its way no more'
	agree 'record and kernel agree'
done
cut_short
expect 5 'create leaves it to reconcile' create A40-24A --vm a
says 'and says so' 'reconcile'
cut_short
expect 0 'stop' stop $U1
is "$(state_of $U1) $(place $U1)" "stopped $G 0000:67:00.4" 'stops it where it was'
cut_short
expect 0 'remove' remove $U1
is "$(sql 'SELECT count(*) FROM vgpu')" 0 'removes it'
cut_short
ctl reboot
expect 0 'a reboot in the midst of it' reconcile
is "$(at $U1) $(state_of $U1)" '0000:e8:00.4 active' 'it is where it was to be'

# --- killed before the device went
small
sql "UPDATE vgpu SET state = 'removing', to_gpu = '$H', to_vf = '0000:e8:00.4', to_vf_index = 0"
expect 7 'recorded, and the device is where it was' check
run reconcile
grep -q 'run move again' "$out" "$err"
result $? 'reconcile says to run move again'
is "$(at $U1) $(place $U1) $(state_of $U1)" "0000:67:00.4 $G 0000:67:00.4 active" 'it stays where it is'
is "$(events $U1)" 'create-begun create move-undone' 'and history says so'
expect 0 'move again' move $U1 --gpu $H
is "$(at $U1)" 0000:e8:00.4 'moves it'

# --- killed while the new one is made
small
ctl delay create 1 1500
background move $U1 --gpu $H
t 'killed while it is made: that is recorded' until_true 5 in_state $U1 creating
sleep 0.3
kill_family
until_true 10 no_family
expect 0 'reconcile ends it' reconcile --timeout 20
is "$(at $U1) $(state_of $U1)" '0000:e8:00.4 active' 'it is where it was to be'
agree 'record and kernel agree'

# --- what fails
small
ctl fail remove 1 EIO
expect 1 'a device that does not go' move $U1 --gpu $H
is "$(at $U1) $(place $U1) $(state_of $U1)" "0000:67:00.4 $G 0000:67:00.4 active" 'stays where it is'
ctl fail create 1 EIO
expect 1 'one that cannot be made there' move $U1 --gpu $H
is "$(at $U1) $(place $U1) $(state_of $U1)" "0000:67:00.4 $G 0000:67:00.4 active" 'goes back'
is "$(events $U1)" 'create-begun create move-begun move-failed move-begun restore move-failed' 'and history says so'
agree 'record and kernel agree'
ctl fail create 1+ EIO
expect 1 'where it cannot be made at all' move $U1 --gpu $H
ctl fail off
is "$(place $U1) $(state_of $U1)" "$G 0000:67:00.4 creating" 'it is wanted where it was'
expect 0 'and reconcile makes it' reconcile
is "$(at $U1)" 0000:67:00.4 'there'

# --- under the vendor's VFIO, the config of its VM names the VF
host l40s-vfio
must sriov enable all
uuid_of create L40S-24Q --vm a --gpu 0000:26:00.0
expect 0 'vendor VFIO' move "$uuid" --gpu 0000:a6:00.0
vf=$(sql 'SELECT vf FROM vgpu')
is "$(cat "$sys/bus/pci/devices/$vf/nvidia/current_vgpu_type")" 1155 'its type is set on the new VF'
is "$(cat "$sys"/bus/pci/devices/0000:26:*/nvidia/current_vgpu_type | sort -u)" 0 'and on no other'
says 'it says whose config must follow' 'the config of its VM a must now say'
is "$(grep -c "<address domain='0x0000' bus='0xa6' slot='0x00' function='0x4'/>" "$out")" 1 'and prints what'
run list --json
json 'it is live' '.vgpus | length == 1 and .[0].state == "active"'
ctl hold-vf "$vf"
expect 6 'one that is in use' move "$uuid" --gpu 0000:26:00.0
ctl release-vf "$vf"
expect 0 'back' move "$uuid" --gpu 0000:26:00.0 --json
json 'in JSON, too' '.vgpus[0].element | test("<hostdev mode=.subsystem. type=.pci. managed=.no.>")'
ctl reboot
expect 0 'after a reboot, reconcile' reconcile
is "$(cat "$sys/bus/pci/devices/$(sql 'SELECT vf FROM vgpu')/nvidia/current_vgpu_type")" 1155 'brings it back there'

vf=$(sql 'SELECT vf FROM vgpu')
next=$(basename "$(readlink "$sys/bus/pci/devices/0000:a6:00.0/virtfn2")")
intend() { sql "UPDATE vgpu SET state = 'removing', to_gpu = '0000:a6:00.0', to_vf = '$next', to_vf_index = 2"; }
current() { cat "$sys/bus/pci/devices/$1/nvidia/current_vgpu_type"; }
intend
run reconcile
is "$(current "$vf") $(current "$next") $(state_of "$uuid")" '1155 0 active' 'killed before the type went: it stays'
intend
printf 0 >"$sys/bus/pci/devices/$vf/nvidia/current_vgpu_type"
expect 0 'killed after it: reconcile' reconcile
is "$(current "$vf") $(current "$next") $(state_of "$uuid")" '0 1155 active' 'sets it on the new VF'
is "$(sql 'SELECT vf FROM vgpu')" "$next" 'which is on record'
ctl fail create 1 EIO
expect 1 'one that cannot be set there' move "$uuid" --vf "$vf"
is "$(current "$vf") $(current "$next") $(state_of "$uuid")" '0 1155 active' 'goes back'

# --- a GPU that is its own parent
host t4
must create T4-4Q --vm a
must create T4-4Q --vm b
ctl reboot
sql "UPDATE vgpu SET gpu = '0000:01:00.0', vf = '0000:01:00.0'"
expect 0 'that has another address now' move --from 0000:01:00.0 --to 0000:3b:00.0
expect 0 'reconcile' reconcile
is "$(kernel | cut -d' ' -f2 | paste -sd' ')" '0000:3b:00.0 0000:3b:00.0' 'all that were on it are back'
agree 'record and kernel agree'
done_testing
