#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Shows: a parent that is no GPU, and a device made on it by hand, are left alone
# Short: yes
# The parent is the kernel's sample mtty, a driver that nobody of this project wrote.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

uuid=f00dcafe-0000-4000-8000-000000000008
create="echo $uuid >/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-2/create"
state() { vm_get "ls -ld --time-style=full-iso /sys/bus/mdev/devices/$uuid/; mdevs"; }
untouched() { is "$(state)" "$before" "$1"; }

booted --gpus 1 --vfs 2
true_there 'mtty offers its types' 'modprobe mtty && ls -d /sys/class/mdev_bus/mtty/*types/mtty-2'
true_there 'a device is made by hand' "$create"
before=$(state)
expect 0 'types works beside such a parent' types
expect 0 'types --all, too' types --all
expect 0 'list works' list --json
is "$(jq -r '.vgpus[] | "\(.uuid) \(.state)"' "$out")" "$uuid foreign" \
	'and shows the device as foreign'
expect 0 'virtual functions can be enabled' sriov enable all
must create A40-24A --vm red
expect 0 'reconcile succeeds' reconcile
untouched_but() { # the vGPU of vgpumgr itself aside
	is "$(state | grep -v A40)" "$before" "$1"
}
untouched_but 'and leaves the device alone'
expect 0 'check finds nothing wrong' check
expect 5 'remove refuses it' remove $uuid
untouched_but 'and leaves it alone, too'
expect 0 'the vGPU can be removed' remove --vm red
untouched 'the device is still as it was made'
done_testing
