#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Shows: drivers loaded again and VFs bound again: restored by udev, with few runs
# Short: no
# Two GPUs with 16 virtual functions and 8 vGPUs. Nobody types a command of vgpumgr unless a
# check says so: what comes back does so by the udev rule and the path units.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

within=10 # seconds from the types' appearance until all is live
few=5     # runs of a unit for whatever one load of the driver brings
n_vfs=16
pfs=("$(gpu 0)" "$(gpu 1)")

# Of the guest: await, and a script that ends when all functions show types and all saved vGPUs
# are live, and prints how long the second took after the first, in hundredths of a second.
# shellcheck disable=SC2016 # the guest's
awaited='now() { read -r up _ </proc/uptime; up=${up/./}; }
await() { # PATTERN NUMBER
	for _ in $(seq 900); do
		set -- "$1" "$2" $1
		[ $# -eq $(($2 + 2)) ] && [ -e "$3" ] && return
		sleep 0.1
	done
	echo "$1: not $2 of them after 90 s"
	exit 1
}
shopt -s nullglob
'
restored="$awaited
	await '/sys/class/mdev_bus/*' $n_vfs
	now; types=\$up
	await '/sys/bus/mdev/devices/*-*' 8
	now; echo \$((up - types))"
reload='rmmod nvidia && modprobe nvidia'
functions_off='/usr/lib/nvidia/sriov-manage -d ALL'

# reloads SENTENCE SCRIPT: after it all vGPUs are back, in time
reloads() {
	local took
	took=$(vm_get "{ $2; } >/dev/null 2>&1 || { echo it fails; exit 1; }; $restored" 200)
	t "$1, $took hundredths of a second after its types" [ "$took" -le $((within * 100)) ]
	is "$(kernel)" "$live" 'on the same virtual functions, with the same types'
}
# Both services have done what they were started for, and were not started again for a while.
quiet() {
	vm_run 'n=0
	for _ in $(seq 300); do
		n=$((n + 1))
		systemctl show -P ActiveState vgpumgr-{sriov,reconcile} | grep -q activ.*ing && n=0
		[ -e /run/vgpumgr/late ] || [ -e /run/vgpumgr/late-gpu ] && n=0
		[ $n -lt 20 ] || exit 0
		sleep 0.2
	done
	exit 1' 120 || { show_run; bail 'vgpumgr does not come to rest'; }
}
# counts: sets runs, restores: of the units in this boot; calls: of sriov-manage, for each GPU
counts() {
	read -r runs restores < <(vm_get 'journalctl -b -o cat -u "vgpumgr-*" | awk "
		/^Starting vgpumgr-reconcile/ { runs++ }
		/^Starting vgpumgr-sriov/ { restores++ }
		END { print runs + 0, restores + 0 }"')
	calls=("$(sriov_calls "${pfs[0]}")" "$(sriov_calls "${pfs[1]}")")
}
# few_since SENTENCE CALLS-0 CALLS-1: what counts says has grown little, and by those calls
few_since() {
	local before=("$runs" "$restores" "${calls[@]}")
	quiet
	counts
	echo "# $1: $((runs - before[0])) runs of reconcile, $((restores - before[1])) of sriov"
	t "$1: a few runs, not one for each function" \
		[ $((runs - before[0])) -le $few ] && [ $((restores - before[1])) -le $few ]
	is "$((calls[0] - before[2])) $((calls[1] - before[3]))" "$2 $3" \
		"$1: so often was sriov-manage called for each GPU"
}

booted --gpus 2 --vfs 8
must sriov enable all
must create A40-4Q --vm red --count 4 --gpu "${pfs[0]}"
must create A40-4Q --vm blue --count 4 --gpu "${pfs[1]}"
rebooted
saved=$(list_identities) live=$(kernel)
is "$(kernel_at_libvirt | wc -l)" 8 'eight vGPUs are live after the boot'
quiet
counts
t "a few runs made them (reconcile: $runs, sriov: $restores)" [ $((runs + restores)) -le $few ]
is "${calls[*]}" '1 1' 'and one call of sriov-manage for each GPU'

# --- the driver is loaded again
reloads 'all is back after the driver was loaded again' "$reload"
few_since 'functions that stayed' 0 0
reloads 'all is back after it was loaded again, the functions off' \
	"$functions_off && $reload"
few_since 'functions that were off' 1 1

# --- one function
reloads 'a vGPU is back after its function was bound again' \
	"cd /sys/bus/pci/drivers/nvidia; echo $(vf 1 2) >unbind && ! [ -e $(vf 1 2) ] &&
	sleep 1 && echo $(vf 1 2) >bind"
few_since 'one function' 0 0
expect 0 'check agrees' check

# --- a GPU that fails
vm_run "echo 'wait_vfs = 10;' >/etc/vgpumgr/vgpumgr.conf"
vm_run "$functions_off && echo >/etc/vgpu-test/fail-${pfs[0]} && $reload || exit; $awaited
	await '/sys/bus/mdev/devices/*-*' 4" 200
result $? 'what is on the other GPU is back while one fails' || show_run
few_since 'one GPU fails' 1 1
is "$(kernel)" "$(grep 0000:02 <<<"$live")" 'it is what was there'
vm_run "rm /etc/vgpu-test/fail-${pfs[0]}"
expect 0 'the GPU is switched when asked to' sriov enable "${pfs[0]}"
true_there 'and what is on it comes back by itself' "$restored" 120
quiet
counts

# --- the manager is not running
vm_run 'systemctl stop nvidia-vgpu-mgr'
vm_run "$functions_off && $reload"
few_since 'nvidia-vgpu-mgr is stopped' 0 0
is "$(vm_get 'ls -d /sys/bus/pci/devices/*/virtfn* 2>/dev/null | wc -l')" 0 \
	'no virtual functions without it'
reloads 'all is back when it is started' 'systemctl start nvidia-vgpu-mgr'
few_since 'nvidia-vgpu-mgr is started' 1 1

# --- a driver upgrade
expect 0 'all are stopped' stop --all
is "$(kernel)" '' 'none is live'
vm_run "$functions_off && $reload id_offset=100 || exit; $awaited
	await '/sys/class/mdev_bus/*' $n_vfs" 200
result $? 'a driver with other type ids brings its functions' || show_run
quiet
is "$(kernel)" '' 'none is made that was stopped'
expect 0 'all are started' start --all
is "$(kernel)" "$live" 'and live'
is "$(list_identities)" "$saved" 'as saved'
expect 0 'check agrees in the end' check

# --- mdevctl
vm_run "mkdir -p /etc/mdevctl.d/$(vf 0 3); [ -e /lib/udev/rules.d/60-mdevctl.rules ] &&
	echo '{\"mdev_type\": \"nvidia-560\", \"start\": \"auto\", \"attrs\": []}' \
		>/etc/mdevctl.d/$(vf 0 3)/$(vm_get 'cat /proc/sys/kernel/random/uuid')" || show_run
expect 0 'check looks for other owners' check
says 'and names mdevctl, with the function it has a definition for' "mdevctl.*$(vf 0 3)"
done_testing
