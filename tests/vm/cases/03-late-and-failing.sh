#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Shows: at boot: late types, sriov-manage that fails, a GPU that is missing
# Short: no
# Four GPUs with a vGPU each. First boot: something is wrong with each, which passes. Second
# boot: three are broken for good. Then they are mended, without a boot.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

vms=(red green blue white)

# ask FAULT GPU [N]: of sriov-manage, see there
ask() {
	vm_run "echo ${3-} >/etc/vgpu-test/$1-$(gpu "$2")" || bail 'the guest takes no faults'
}
settings() {
	vm_run "printf '%s\n' ${*@Q} >/etc/vgpumgr/vgpumgr.conf" || bail 'no settings'
}
# live_at VM: the second of this boot at which its vGPU was reported live, all vGPUs: last first
live_at() {
	vm_get 'journalctl -b -o short-monotonic -u vgpumgr-reconcile' |
		sed -n "s/^\[ *\([0-9]*\)\..* is live on .* of $1 slot .*/\1/p"
}
libvirt_at() { vm_get 'sed -n "s/^monotonic \(.*\)\..*/\1/p" /var/log/vgpu-test/libvirtd'; }
# later A B SECONDS SENTENCE: B came that long after A
later() { t "$4 (at $1 s, $2 s)" [ "$(($2 - $1))" -ge "$3" ]; }
active() { is "$(vm_get "systemctl is-active $1")" active "$2"; }
# complains UNIT SENTENCE REGEX: a line of the unit that is an error says so
complains() {
	vm_run "journalctl -b -p err -o cat -u $1 | grep -E ${3@Q}"
	result $? "$2" || vm_get "journalctl -b -o cat -u $1" | sed 's/^/# /;40q'
}

booted --gpus 4 --vfs 4
must sriov enable all
for g in 0 1 2 3; do
	must create A40-24A --vm ${vms[g]} --gpu "$(gpu $g)"
done
saved=$(list_identities) live=$(kernel)
is "$(echo "$saved" | grep -c ' active$')" 4 'each of four GPUs has a vGPU'

# --- what passes
late_s=20
ask fail 0 2
ask nothing 1 1
ask unbound 2 1
driver_options late_s=$late_s late_bus=4
rebooted
is "$(failed_units)" '' 'first boot: no unit failed'
is "$(sriov_calls "$(gpu 0)")" 3 'sriov-manage failed twice and is called a third time'
is "$(sriov_calls "$(gpu 1)")" 2 'one that did nothing and exits 0 is called again'
is "$(sriov_calls "$(gpu 2)")" 1 'one that made the functions need not be called again'
is "$(vm_get "basename \$(readlink /sys/bus/pci/devices/$(gpu 2)/driver)")" nvidia \
	'the GPU that it left unbound has its driver'
is "$(identities_at_libvirt)" "$saved" 'all are as saved when libvirt starts'
is "$(kernel_at_libvirt)" "$live" 'and live in the kernel'
late=$(live_at ${vms[3]})
for g in 0 1 2; do
	later "$(live_at ${vms[g]})" "$late" $((late_s / 2)) \
		"that of ${vms[g]} does not wait for the late types of another GPU"
done
expect 0 'check agrees' check

# --- what does not
wait_s=20
ask fail 0
ask nothing 1
vm_run "rm /etc/vgpu-test/unbound-$(gpu 2)"
driver_options missing_bus=3
settings "wait_driver = $wait_s;" "wait_vfs = $wait_s;" "wait_types = $wait_s;"
rebooted
is "$(failed_units | awk '{ print $1 }' | sort | xargs)" \
	'vgpumgr-reconcile.service vgpumgr-sriov.service' \
	'second boot: both services of vgpumgr failed'
is "$(vm_get 'systemctl show -P ExecMainStatus vgpumgr-{reconcile,sriov}' | xargs)" '7 7' \
	'with exit status 7'
complains vgpumgr-sriov 'the GPU whose sriov-manage fails is named, with what it said' \
	"$(gpu 0).*status 1 .*No such device"
complains vgpumgr-sriov 'the one whose sriov-manage does nothing is named' \
	"$(gpu 1).*it has 0 VFs, not 4"
complains vgpumgr-sriov 'the one that is missing is named' "$(gpu 2).*its driver did not come"
complains vgpumgr-reconcile 'the reconcile names the first, too' "$(gpu 0)"
complains vgpumgr-reconcile 'and the second' "$(gpu 1)"
complains vgpumgr-reconcile 'and the third' "$(gpu 2): its driver did not come"
for g in 0 1 2; do
	complains vgpumgr-reconcile "and the vGPU of ${vms[g]}" "${vms[g]}"
done
is "$(sriov_calls "$(gpu 0)") $(sriov_calls "$(gpu 1)")" '3 3' \
	'sriov-manage was called three times, and no more'
is "$(kernel_at_libvirt)" "$(grep "$(vf 3 0)" <<<"$live")" \
	'what is on the fourth is live when libvirt starts'
active libvirtd 'libvirt starts in any case'
lives=$(live_at ${vms[3]}) starts=$(libvirt_at)
later "$lives" "$starts" $((wait_s / 2)) 'what is on the fourth did not wait for the others'
t "libvirt is kept waiting for the missing GPU once (at $lives s, $starts s)" \
	[ $((starts - lives)) -lt $((2 * wait_s)) ]
expect 7 'check says that not all is well' check

# --- mended
driver missing_bus -1
vm_run "rm /etc/vgpu-test/*-$(gpu 0) /etc/vgpu-test/*-$(gpu 1)"
vm_run "echo $(gpu 2) >/sys/bus/pci/drivers/nvidia/bind"
expect 0 'what was missing comes back by itself when its driver takes it' \
	wait --vm ${vms[2]} --timeout 60
expect 0 'the first is switched when asked to' sriov enable "$(gpu 0)"
expect 0 'and the second' sriov enable "$(gpu 1)"
expect 0 'then all are live by themselves' wait --all --timeout 60
is "$(list_identities)" "$saved" 'as saved'
is "$(kernel)" "$live" 'and in the kernel'
expect 0 'check agrees in the end' check
done_testing
