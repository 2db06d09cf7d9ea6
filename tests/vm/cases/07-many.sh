#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Shows: 256 vGPUs on 8 GPUs: GPUs side by side, and not slower than mdevctl
# Short: no
# Each create takes 50 ms in the driver, one at a time on a GPU. mdevctl gets what it misses
# in Debian 12: its rule calls a program that is elsewhere, and nobody enables VFs for it.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

create_ms=50 n_gpus=8 n_vfs=32
n_all=$((n_gpus * n_vfs))
run_s=900
count() { vm_get 'ls /sys/bus/mdev/devices | wc -l'; }

# timed SCRIPT: its seconds, in hundredths, of the guest's clock
timed() {
	vm_get "a=\$(date +%s%N); { $1; } >/run/harness/timed 2>&1; r=\$?
		echo \$(((\$(date +%s%N) - a) / 10000000)); exit \$r" 900
}
seconds() { printf '%d.%02d s' $(($1 / 100)) $(($1 % 100)); }
# at_most A B SENTENCE: hundredths of a second
at_most() { t "$3: $(seconds "$1"), $(seconds "$2")" [ "$1" -le "$2" ]; }
say() { echo "# $*"; }

# All devices go, the virtual functions stay: what a driver that is loaded anew leaves.
clear_devices() {
	vm_run 'for d in /sys/bus/mdev/devices/*; do echo 1 >$d/remove; done' 600
	is "$(count)" 0 'no vGPU is left'
}

# Definitions for mdevctl of what is live.
define_for_mdevctl() {
	# shellcheck disable=SC2016 # the guest's
	vm_run 'mdevs | while read -r uuid parent name; do
		type=$(readlink /sys/bus/mdev/devices/$uuid/mdev_type)
		mkdir -p /etc/mdevctl.d/$parent
		printf "{\"mdev_type\": \"%s\", \"start\": \"auto\", \"attrs\": []}\n" \
			"${type##*/}" >/etc/mdevctl.d/$parent/$uuid
	done' 600
}
mend_mdevctl() {
	vm_run 'ln -sf /usr/bin/mdevctl /usr/sbin/mdevctl && udevadm control --reload'
}
# Its rule for "add" does the same as the one for types that show up.
announce="udevadm trigger --action=add /sys/class/mdev_bus/*
	udevadm settle --timeout 600
	[ \$(ls /sys/bus/mdev/devices | wc -l) -eq $n_all ]"

booted --gpus $n_gpus --vfs $n_vfs -m 3G
must sriov enable all
driver create_ms $create_ms
for g in $(seq 0 $((n_gpus - 1))); do
	must create A40-1Q --vm "vm$g" --count $n_vfs --gpu "$(gpu "$g")"
done
is "$(count)" $n_all "$n_all vGPUs are made"
define_for_mdevctl
saved=$(kernel)

clear_devices
ours=$(timed 'vgpumgr reconcile')
is "$(kernel)" "$saved" 'reconcile makes all of them'
say "reconcile: $(seconds "$ours"), all creates one after another: $(
	seconds $((n_all * create_ms / 10)))"
at_most "$ours" $((n_all * create_ms / 10)) \
	'reconcile is not slower than the creates one after another'

clear_devices
mend_mdevctl
theirs=$(timed "$announce")
is "$(count)" $n_all 'mdevctl makes all of them, too'
at_most "$ours" "$theirs" 'reconcile is not slower than mdevctl'
done_testing
