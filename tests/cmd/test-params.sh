#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Parameters of vGPUs: checked, kept, written to the driver with each making.
# shellcheck source=tests/cmd/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

U1=aaaaaaaa-0000-4000-8000-000000000001
of() { cat "$sys/bus/mdev/devices/$1/nvidia/vgpu_params"; }
of_vf() { cat "$sys/bus/pci/devices/$1/nvidia/vgpu_params"; }
saved_params() { sql "SELECT ifnull(params, '(none)') FROM vgpu WHERE uuid = '$1'"; }

host small
must sriov enable all

# --- what is refused, before anything is done
expect 2 'an unknown parameter' create A40-24A --vm a --params disable_vcn=1
says 'is named, with the one that was meant and the list' "no parameter 'disable_vcn=1'" 'mean disable_vnc' \
	'frame_rate_limiter, disable_vnc, enable_uvm, enable_debugging, enable_profiling, vgpu-placement-id'
expect 2 'a value that it does not take' create A40-24A --vm a --params frame_rate_limiter=2
says 'is named' "'frame_rate_limiter=2': its value is 0 or 1"
for bad in '' ' ' disable_vnc 'disable_vnc=1,' 'disable_vnc=1,disable_vnc=0' 'a=b' "$(head -c 1024 /dev/zero | tr '\0' x)"; do
	expect 2 "'${bad:0:30}' is refused" create A40-24A --vm a --params "$bad"
done
expect 2 'a placement is for one vGPU' create A40-24A --vm a --count 2 --params vgpu-placement-id=0
is "$(kernel)" '' 'nothing was made'

# --- made with them
expect 0 'create' create A40-24A --vm a --uuid $U1 --params 'disable_vnc=1, frame_rate_limiter=0'
is "$(of $U1)" 'frame_rate_limiter=0,disable_vnc=1' 'the driver has them'
is "$(saved_params $U1)" 'frame_rate_limiter=0,disable_vnc=1' 'so has the record'
expect 0 'check is content' check
expect 0 'the same again' create A40-24A --vm a --params frame_rate_limiter=0,disable_vnc=1
is "$(cat "$out")" $U1 'prints the same UUID'
expect 0 'so does it without' create A40-24A --vm a
expect 5 'others are a conflict' create A40-24A --vm a --params frame_rate_limiter=0
says 'that names both' 'frame_rate_limiter=0,disable_vnc=1, not frame_rate_limiter=0'
expect 0 'show' show $U1
prints 'shows them' 'parameters: frame_rate_limiter=0,disable_vnc=1'
run show $U1 --json
json 'also as JSON' '.vgpus[0].params == "frame_rate_limiter=0,disable_vnc=1" and (.vgpus[0].driver_version | length > 0)'
run list --json
json 'list does not' '.vgpus[0] | has("params") | not'
must create A40-24A --vm b
expect 5 'one without, asked for with some' create A40-24A --vm b --params disable_vnc=1

# --- they come back with it
ctl reboot
expect 0 'reconcile after a reboot' reconcile
is "$(of $U1)" 'frame_rate_limiter=0,disable_vnc=1' 'sets them'
must stop $U1
must start $U1
is "$(of $U1)" 'frame_rate_limiter=0,disable_vnc=1' 'so does start'
ctl reboot
must sriov enable all
expect 0 'create again' create A40-24A --vm a
is "$(of $U1)" 'frame_rate_limiter=0,disable_vnc=1' 'does, too'
must reconcile
sum="$(generation) $(kernel)"
expect 0 'a second reconcile' reconcile
is "$(generation) $(kernel)" "$sum" 'changes nothing'

# --- made, and cut short before they were set
for again in reconcile 'start --all' 'create A40-24A --vm a'; do
	echo ' ' >"$sys/bus/mdev/devices/$U1/nvidia/vgpu_params"
	sql "UPDATE vgpu SET state = 'creating' WHERE uuid = '$U1'"
	expect 7 'check sees that they are not set' check
	# shellcheck disable=SC2086 # words
	expect 0 "$again" $again
	is "$(of $U1) $(state_of $U1)" 'frame_rate_limiter=0,disable_vnc=1 active' 'sets them'
	expect 0 'check is content' check
done
echo enable_uvm=1 >"$sys/bus/mdev/devices/$U1/nvidia/vgpu_params"
run check --json
json 'somebody else has set others' '.vgpus[] | select(.uuid == $u) | .state == "active" and .action == "roll-forward" and
	(.error | test("other parameters"))' --arg u $U1
run reconcile --json
json 'reconcile sets them again, and has made nothing' '.summary.created == 0 and .summary.failed == 0'
is "$(of $U1)" 'frame_rate_limiter=0,disable_vnc=1' 'the driver has them'

# --- a driver that does not take them
must create A40-24A --vm z --gpu 0000:e8:00.0
z=$(cat "$out")
params=$(readlink -f "$sys/bus/mdev/devices/$z")/nvidia/vgpu_params
params=${params#"$root"/}
sql "UPDATE vgpu SET params = 'enable_uvm=1' WHERE uuid = '$z'"
ctl refuse "$params" EIO
run reconcile --json
is $status 7 'reconcile fails where they cannot be set'
json 'and says so' '.vgpus[] | select(.uuid == $z) | .error | test("set the parameters enable_uvm=1: write .*vgpu_params")' --arg z "$z"
ctl refuse "$params" off
expect 0 'and sets them when they can' reconcile
is "$(of "$z")" enable_uvm=1 'the driver has them'
zvf=$(sql "SELECT vf FROM vgpu WHERE uuid = '$z'")
must remove "$z"
ctl refuse "${params/$z/ffffffff-0000-4000-8000-000000000001}" EIO
run create A40-24A --vm z --vf "$zvf" --uuid ffffffff-0000-4000-8000-000000000001 --params enable_uvm=1
is "$status $(kernel | grep -c ffffffff) $(sql "SELECT count(*) FROM vgpu WHERE vm = 'z'")" '1 0 0' 'a create that cannot set them leaves nothing behind'

# --- backups have them
cp "$root/var/lib/vgpumgr/backup.json" "$top/backup.json"
must remove $U1
expect 0 'store restore' store restore "$top/backup.json"
is "$(saved_params $U1)" 'frame_rate_limiter=0,disable_vnc=1' 'brings them back'
expect 0 'and reconcile the vGPU' reconcile
is "$(of $U1)" 'frame_rate_limiter=0,disable_vnc=1' 'with them'
jq '.vgpus[0].params = "disable_vnc=1,frame_rate_limiter=0"' "$top/backup.json" >"$top/bad.json"
expect 8 'a backup with parameters that the record never has' store restore "$top/bad.json"
jq 'del(.vgpus[] | .params, .placement_id, .driver_version, .attached, .moving_to) | del(.gpus[] | .cordoned, .heterogeneous, .mig)' \
	"$top/backup.json" >"$top/old.json"
expect 0 'a backup of an earlier version' store restore "$top/old.json"
is "$(saved_params $U1)" '(none)' 'has none'

# --- under the vendor's VFIO they belong to the VF
host l40s-vfio
must sriov enable all
uuid_of create L40S-24Q --vm a --params enable_uvm=1
vf=$(sql "SELECT vf FROM vgpu WHERE uuid = '$uuid'")
is "$(of_vf "$vf")" enable_uvm=1 'vendor VFIO: the driver has them'
ctl reboot
expect 0 'reconcile' reconcile
is "$(of_vf "$vf")" enable_uvm=1 'sets them again'
done_testing
