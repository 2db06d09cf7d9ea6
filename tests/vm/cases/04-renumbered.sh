#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Shows: type ids and driver name changed by a driver update: restored by name
# Short: no
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

type_directories() {
	vm_get 'for link in /sys/bus/mdev/devices/*; do
		basename "$(readlink "$link/mdev_type")"
	done | sort -u'
}

booted --gpus 2 --vfs 4
must sriov enable all
must create A40-24A --vm red --gpu 0000:01:00.0
must create A40-24A --vm green --gpu 0000:01:00.0
must create A40-8Q --vm blue
saved=$(list_identities) live=$(kernel)
is "$(type_directories | xargs)" 'nvidia-562 nvidia-575' 'types have their usual names'

driver_options id_offset=100
rebooted
is "$(type_directories | xargs)" 'nvidia-662 nvidia-675' 'the driver numbers types anew'
is "$(identities_at_libvirt)" "$saved" 'all are as saved when libvirt starts'
is "$(kernel)" "$live" 'on the same virtual functions, with the same types'
expect 0 'check agrees' check

driver_options id_offset=100 vf_driver=vfio-pci
rebooted
is "$(type_directories | xargs)" 'vfio-pci-662 vfio-pci-675' 'another driver has the VFs'
is "$(identities_at_libvirt)" "$saved" 'again all are as saved when libvirt starts'
is "$(kernel)" "$live" 'again on the same virtual functions, with the same types'
expect 0 'check agrees again' check
is "$(failed_units)" '' 'no unit failed'
done_testing
