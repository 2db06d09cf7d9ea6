#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Shows: after every boot the same vGPUs, before libvirt starts
# Short: yes
# Two GPUs hold four of A40-24A, and a fifth is refused. Two clean reboots follow.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

booted --gpus 2 --vfs 4
expect 0 'virtual functions are enabled on all GPUs' sriov enable all
for vm in red green blue white; do
	expect 0 "a vGPU for $vm is made" create A40-24A --vm $vm
done
expect 4 'a fifth is refused: no GPU has room' create A40-24A --vm black
saved=$(list_identities)
is "$(echo "$saved" | grep -c ' active$')" 4 'four are active'
is "$(kernel | wc -l)" 4 'and the kernel has four'
live=$(kernel)
expect 0 'check agrees' check

for boot in first second; do
	rebooted
	is "$(failed_units)" '' "$boot reboot: no unit failed"
	is "$(identities_at_libvirt)" "$saved" \
		"$boot reboot: all are as saved when libvirt starts"
	is "$(kernel_at_libvirt)" "$live" "$boot reboot: and live in the kernel"
	is "$(list_identities)" "$saved" "$boot reboot: list says the same later"
	is "$(kernel)" "$live" "$boot reboot: and so does the kernel"
	expect 0 "$boot reboot: check agrees" check
done
done_testing
