#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Shows: the test bed itself: what its driver and programs do when asked to
# Short: yes
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

u=00000000-0000-4000-8000-00000000000
manage=/usr/lib/nvidia/sriov-manage

# create VF PROFILE LAST-DIGIT: a script
create() { echo "echo $u$3 >\"\$(type_dir $1 'NVIDIA $2')/create\""; }
live() { echo "[ -L /sys/bus/mdev/devices/$u$1 ]"; }
# refused SENTENCE WORDS SCRIPT
refused() {
	! vm_run "$3" && grep -q "$2" "$out"
	result $? "$1" || show_run
}
drivers_of() { # BDF: of the PF, and how many VFs nvidia has
	vm_get "basename \"\$(readlink /sys/bus/pci/devices/$1/driver)\"
		ls -d /sys/bus/pci/devices/$1/virtfn*/driver/module 2>/dev/null | wc -l" | xargs
}

vm_boot --gpus 2 --vfs 4 || bail 'the guest does not boot'
is "$(cat "$out")" running 'all units of the guest start'
true_there 'nvidia-vgpu-mgr is there by name and pid file' \
	'[ "$(pgrep -x nvidia-vgpu-mgr)" = "$(cat /run/nvidia-vgpu-mgr/nvidia-vgpu-mgr.pid)" ]'
refused 'sriov_numvfs cannot be written while nvidia has the PF' 'No such file' \
	"echo 4 >/sys/bus/pci/devices/$(gpu 0)/sriov_numvfs"

# --- sriov-manage, well and badly
true_there 'sriov-manage exits 0 having done nothing, if asked' \
	"mkdir -p /etc/vgpu-test; touch /etc/vgpu-test/nothing-$(gpu 0); $manage -e $(gpu 0)"
is "$(drivers_of "$(gpu 0)")" 'nvidia 0' 'nothing was done'
refused 'it fails half-way' 'No such device' \
	"cd /etc/vgpu-test; rm nothing-*; echo 1 >fail-$(gpu 0); $manage -e $(gpu 0)"
is "$(drivers_of "$(gpu 0)")" '0' 'and leaves the PF without a driver'
refused 'and fails as long as it has none' 'No such device' "$manage -e $(gpu 0)"
true_there 'it works when the PF has its driver again' \
	"echo $(gpu 0) >/sys/bus/pci/drivers/nvidia/bind; $manage -e ALL
	rm /etc/vgpu-test/fail-*; sync" # they are counted anew in each boot
is "$(drivers_of "$(gpu 0)"), $(drivers_of "$(gpu 1)")" 'nvidia 4, nvidia 4' \
	'all VFs are there and bound'

# --- creates
true_there 'a create works' "$(create "$(vf 0 0)" A40-24A 1); $(live 1)"
is "$(kernel)" "${u}1 $(vf 0 0) NVIDIA A40-24A" 'it is what was asked for'
refused 'another size on that GPU is refused' 'No space' "$(create "$(vf 0 1)" A40-8Q 2)"
refused 'a second on that VF is refused' 'No space' "$(create "$(vf 0 0)" A40-24A 2)"
true_there 'a second on that GPU works' "$(create "$(vf 0 1)" A40-24Q 2)"
refused 'a third is one too many' 'No space' "$(create "$(vf 0 2)" A40-24A 3)"
true_there 'vgpu_params can be set' "cd /sys/bus/mdev/devices/${u}1/nvidia; echo a=1 >vgpu_params
	[ \"\$(cat vgpu_params)\" = a=1 ]"
driver fail_in 2
true_there 'of two creates' "$(create "$(vf 1 0)" A40-8Q 4)"
refused 'the second fails as asked' 'Input/output error' "$(create "$(vf 1 1)" A40-8Q 5)"
driver hang 1
number=$(vm_begin "$(create "$(vf 1 2)" A40-8Q 6)")
# shellcheck disable=SC2016 # the guest's
true_there 'a create hangs where no signal reaches' \
	'for i in $(seq 100); do ps axo stat,args | grep -q "^D.*bash.*'"$number"'" && exit
		sleep 0.1; done; exit 1'
driver hang 0
t 'and goes on when let' vm_end "$number"

# --- in use
holder=$(vm_begin "exec vgpu-holder ${u}1")
t 'a program can hold a vGPU' until_true 30 grep -q held "$share/$holder.out"
is "$(vm_get "cat /sys/bus/mdev/devices/${u}1/nvidia/vm_name")" vgpu-holder 'vm_name tells who'
number=$(vm_begin "echo 1 >/sys/bus/mdev/devices/${u}1/remove")
true_there 'remove takes the name away' "while $(live 1); do sleep 0.1; done"
t 'and waits' [ ! -e "$share/$number.status" ]
vm_run 'pkill -x vgpu-holder'
t 'until the program ends' vm_end "$number"

# --- the power goes
vm_run 'echo kept >/root/kept; sync; echo lost >/root/lost'
vm_powercut
t 'after a power cut it boots' vm_boot "${start_options[@]}" --gpus 1
is "$(vm_get 'cat /root/kept')" kept 'what was synced is there'
is "$(vm_get 'ls -d /sys/bus/pci/drivers/nvidia/0*' | xargs -n1 basename)" "$(gpu 0)" \
	'with one GPU less'

# --- types come late, the driver refuses
driver late_s 25
t 'types can come late' vm_run "$manage -e $(gpu 0); ! [ -d /sys/class/mdev_bus/$(vf 0 0) ] &&
	until [ -d /sys/class/mdev_bus/$(vf 0 0) ]; do sleep 0.1; done"
driver_options missing_bus=1
rebooted
is "$(drivers_of "$(gpu 0)")" '0' 'a GPU can be refused by the driver'
done_testing
