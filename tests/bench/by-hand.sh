#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The work as operators do it without a tool, and with mdevctl where that is one process per
# vGPU.
#
#     by-hand.sh create ROOT PROFILE UUID      the first VF that takes it gets it
#     by-hand.sh types ROOT                    every type of every VF
#     by-hand.sh list ROOT                     every mediated device
#     by-hand.sh lines FILE                    the lines of rc.local: "UUID CREATE_FILE"
#     by-hand.sh start FILE                    mdevctl start for each line of FILE: "UUID VF"
#     by-hand.sh start-parents FILE            all parents at once, as at boot
set -eu

create() {
	for vf in "$1"/sys/class/mdev_bus/*; do
		for type in "$vf"/mdev_supported_types/*; do
			[ "$(cat "$type/name")" = "NVIDIA $2" ] || continue
			[ "$(cat "$type/available_instances")" -ge 1 ] || break
			echo "$3" > "$type/create"
			return 0
		done
	done
	return 4
}

types() {
	for type in "$1"/sys/class/mdev_bus/*/mdev_supported_types/*; do
		echo "$type: $(cat "$type/name"), $(cat "$type/available_instances") available"
	done
}

list() {
	for device in "$1"/sys/bus/mdev/devices/*; do
		echo "$(readlink "$device") $(cat "$device/mdev_type/name")"
	done
}

lines() {
	while read -r uuid file; do
		echo "$uuid" > "$file"
	done < "$1"
}

start() {
	while read -r uuid vf; do
		mdevctl start --uuid "$uuid" --parent "$vf" < /dev/null
	done < "$1"
}

start_parents() {
	while read -r _ vf; do
		mdevctl start-parent-mdevs "$vf" < /dev/null &
	done < "$1"
	wait
}

work=$1
shift
case $work in
create) create "$1" "$2" "$3" ;;
types | list | lines | start) "$work" "$1" ;;
start-parents) start_parents "$1" ;;
*)
	echo "by-hand.sh: no such work: $work" >&2
	exit 2
	;;
esac
