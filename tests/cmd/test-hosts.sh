#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# On every kind of host: to the brim and no further, and the same again after a reboot.
# shellcheck source=tests/cmd/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

# All that is live, however: "PARENT TYPE-ID" a line.
made() {
	local file link
	for file in "$sys"/bus/pci/devices/*/nvidia/current_vgpu_type; do
		[ ! -e "$file" ] || [ "$(cat "$file")" = 0 ] || echo "$(basename "${file%/nvidia/*}") $(cat "$file")"
	done | sort
	kernel | cut -d' ' -f1,2
	for link in "$sys"/bus/mdev/devices/*/mdev_type; do
		[ ! -e "$link" ] || basename "$(readlink "$link")"
	done
}

# capacity says N of PROFILE: N creates succeed, the next does not, for one of these limits
to_the_brim() { # NAME PROFILE LIMITS [OPTION...]
	local name=$1 profile=$2 limits=$3 room
	shift 3
	run capacity "$profile" -q
	room=$(cat "$out")
	is $((room > 0)) 1 "$name: $profile fits ($room times)"
	expect 0 "$name: and is made as often" create "$profile" --vm brim --count "$room"
	expect 4 "$name: the next is refused" create "$profile" --vm next
	says "$name: with what stops it" "^  [0-9a-f:.]+ ($limits):"
	run capacity "$profile" -q
	is "$(cat "$out")" 0 "$name: capacity says so"
}

over_a_reboot() { # NAME
	local before sum
	before=$(identities)
	is "$(grep -vc ' active$' <<<"$before")" 0 "$1: all are active"
	ctl reboot
	is "$(made)" '' "$1: a reboot takes them all"
	expect 0 "$1: reconcile" reconcile
	is "$(identities)" "$before" "$1: the same UUIDs for the same VMs where they were"
	sum="$(generation) $(made) $(cksum <"$db")"
	expect 0 "$1: again" reconcile
	is "$(generation) $(made) $(cksum <"$db")" "$sum" "$1: and nothing is written"
}

# every_host NAME LIMITS PROFILE...
every_host() {
	local name=$1 limits=$2 profile
	shift 2
	host "$name"
	run sriov enable all
	for profile in "$@"; do
		to_the_brim "$name" "$profile" "$limits"
		over_a_reboot "$name $profile"
		must remove --vm brim
		is "$(made)" '' "$name: all is free again"
	done
}

every_host t4 'max-instance' T4-1B T4-4C T4-16Q
every_host v100 'max-instance' V100-2B4 V100-8C V100-16Q
every_host a16 'max-instance' A16-1B A16-4Q A16-16C
every_host small 'max-instance|no-free-vf' A40-1B A40-8Q A40-24A
every_host a40-vfio 'max-instance' A40-2Q A40-12A A40-48Q
every_host l40s-vfio 'max-instance' L40S-2B L40S-8A L40S-24Q
every_host h100 'max-instance' H100XM-4C H100XM-16C H100XM-80C
every_host mixed 'max-instance' T4-4Q A40-6A L40S-16Q

# --- from states that are partly filled, by others, too
foreign_type() { # VF PROFILE: somebody else makes one there, in whatever way
	local dir=$sys/bus/pci/devices/$1 id
	if [ -e "$dir/nvidia/creatable_vgpu_types" ]; then
		id=$(sed -n "s/^ *\([0-9]*\) *: .* $2\$/\1/p" "$dir/nvidia/creatable_vgpu_types")
		printf %s "$id" >"$dir/nvidia/current_vgpu_type"
		return
	fi
	for dir in "$dir"/mdev_supported_types/*; do
		[[ $(cat "$dir/name") != *" $2" ]] || echo ffffffff-0000-4000-8000-000000000001 >"$dir/create"
	done
}
last_gpu() { run gpus --json && jq -r '.gpus[-1].address' "$out"; }
fourth_vf() { # GPU: or the GPU itself
	local link=$sys/bus/pci/devices/$1/virtfn3
	if [ -e "$link" ]; then basename "$(readlink "$link")"; else echo "$1"; fi
}
# exactly NAME PROFILE...: capacity is what can be made, of each of these on its own
exactly() {
	local name=$1 profile room made_before
	shift
	for profile in "$@"; do
		made_before=$(made)
		run capacity "$profile" -q
		room=$(cat "$out")
		[ "$room" = 0 ] || must create "$profile" --vm more --count "$room"
		expect 4 "$name: of $profile, $room fit and no more" create "$profile" --vm next
		[ "$room" = 0 ] || must remove --vm more
		is "$(made)" "$made_before" "$name: the rest is as it was"
	done
}
# partly NAME OURS THEIRS PROFILE...: some are ours, one more is stopped, one is foreign
partly() {
	local name=$1 ours=$2 theirs=$3 gpu
	shift 3
	host "$name"
	run sriov enable all
	gpu=$(last_gpu)
	must create "$ours" --vm a
	must create "$ours" --vm b
	must stop --vm b
	[ -z "$theirs" ] || foreign_type "$(fourth_vf "$gpu")" "$theirs"
	run list --json
	json "$name: partly filled" '[.vgpus[].state] | sort == $states' --argjson states \
		"$([ -z "$theirs" ] && echo '["active","stopped"]' || echo '["active","foreign","stopped"]')"
	exactly "$name, partly filled" "$@"
}
partly t4 T4-2Q T4-2A T4-2B T4-2B4 T4-4Q
partly v100 V100-4Q '' V100-4Q V100-8Q
partly a16 A16-4Q A16-1B A16-4C A16-1Q A16-16Q
partly small A40-8Q A40-24A A40-8Q A40-24A A40-1B
partly a40-vfio A40-12Q A40-3A A40-12A A40-3Q A40-48Q
partly l40s-vfio L40S-24Q L40S-24A L40S-24Q L40S-1B
partly h100 H100XM-20C H100XM-8C H100XM-20C H100XM-8C H100XM-4C
partly mixed L40S-6Q '' L40S-6A L40S-8Q A40-3Q T4-8C
done_testing
