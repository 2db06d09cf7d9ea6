#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Shows: devices in use, hanging creates, removals, sriov-manage: nothing else hangs
# Short: no
# Each hang is provoked in the kernel: a process in D state, which no signal ends. While it
# lasts every command must return well before its deadline of 60 s.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

run_s=40 # a command that waits out its deadline does not pass

# vgpu VM [SLOT]: "UUID VF STATE" in the record
vgpu() {
	must list --json
	jq -r --arg vm "$1" --argjson slot "${2:-0}" '.vgpus[] |
		select(.vm == $vm and .slot == $slot) | "\(.uuid) \(.vf) \(.state)"' "$out"
}
uuid_of() { vgpu "$@" | cut -d' ' -f1; }
# In the record itself.
saved_states() {
	vm_get 'sqlite3 -separator " " /var/lib/vgpumgr/state.db \
		"SELECT vm, slot, state FROM vgpu ORDER BY vm, slot"' | paste -sd,
}

# hold UUID: starts a program that holds it; sets $holder to its process
hold() {
	local number
	number=$(vm_begin "echo \$\$; exec vgpu-holder $1")
	until_true 30 grep -qsx held "$share/$number.out" || bail "nobody holds $1"
	holder=$(head -n 1 "$share/$number.out")
}
let_go() {
	vm_run "kill $holder; while [ -d /proc/$holder ]; do sleep 0.1; done" ||
		bail 'the holder does not end'
}
# in_d_state PATTERN: until a process with it in its arguments is
# shellcheck disable=SC2317 # by t
in_d_state() {
	vm_run "until ps axo stat=,args= | grep -v grep | grep -q '^D.*$1'; do
		sleep 0.2; done"
}
# shellcheck disable=SC2317 # by t
ended() { until_true 60 [ -e "$share/$1.status" ]; } # NUMBER
off_the_bus() { vm_run "while [ -e /sys/bus/mdev/devices/$1 ]; do sleep 0.1; done"; }
# still WHEN NUMBER: the hang did not end while commands were tried
still() { t "$1: and all the while it hung" [ ! -e "$share/$2.status" ]; }

# others_answer WHEN STATUS: all that is not about the device that hangs; STATUS is that of
# check and reconcile
others_answer() {
	expect 0 "$1: list answers" list
	expect 0 "$1: gpus answers" gpus
	expect 0 "$1: types answers" types
	expect 0 "$1: capacity answers" capacity A40-8Q
	expect 0 "$1: sriov status answers" sriov status
	expect "$2" "$1: check answers" check --json
	cp "$out" "$results/check"
	expect "$2" "$1: reconcile answers" reconcile --timeout 5
}
create_elsewhere() { # WHEN
	expect 0 "$1: a create on the other GPU succeeds" \
		create A40-8Q --vm elsewhere --gpu "$(gpu 1)"
	expect 0 "$1: and a remove there" remove --vm elsewhere
}
check_says() { # VM SLOT
	jq -r --arg uuid "$(uuid_of "$1" "$2")" '.vgpus[] | select(.uuid == $uuid).state' \
		"$results/check"
}
all_right() { # WHEN
	expect 0 "$1: reconcile makes everything right" reconcile
	is "$(list_identities)" "$all" "$1: all are where they were"
	is "$(kernel | wc -l)" "$(echo "$all" | wc -l)" "$1: and in the kernel"
	expect 0 "$1: check agrees" check
}

booted --gpus 2 --vfs 4
must sriov enable all
must create A40-8Q --vm red --count 2 --gpu "$(gpu 0)"
must create A40-8Q --vm blue --gpu "$(gpu 1)"
all=$(list_identities)
red=$(uuid_of red) red2=$(uuid_of red 1)
is "$(vgpu red)" "$red $(vf 0 0) active" 'red has a vGPU on the first VF'

# --- in use
hold "$red"
expect 6 'remove of a device in use exits 6' remove "$red"
says 'and names the holder' "held by vgpu-holder \(pid $holder\) for VM 'vgpu-holder'"
expect 6 'remove of all of a VM, one in use, exits 6' remove --vm red
expect 6 'so does stop' stop --vm red
is "$(list_identities)" "$all" 'nothing was removed or stopped'
let_go
driver show_vm_name 0
hold "$red2"
expect 6 'without a vm_name, too, remove exits 6' remove --vm red
says 'and names the holder' "$red2 of red is held by vgpu-holder \(pid $holder\)"
let_go
is "$(list_identities)" "$all" 'all are as they were'
expect 0 'check agrees' check

# --- somebody removes a device in use by hand: it hangs
hold "$red"
hang=$(vm_begin "echo 1 >/sys/bus/mdev/devices/$red/remove")
off_the_bus "$red"
when='a removal by hand hangs'
vm_run "pkill -KILL -f $hang.sh"
t "$when in D state" in_d_state "$hang.sh"
others_answer "$when" 7
is "$(check_says red 0)" stuck "$when: check shows it as stuck"
is "$(vgpu red)" "$red $(vf 0 0) stuck" "$when: it keeps its VF"
create_elsewhere "$when"
expect 0 "$when: a create on the same GPU succeeds" \
	create A40-8Q --vm beside --gpu "$(gpu 0)"
is "$(vgpu beside | cut -d' ' -f2)" "$(vf 0 2)" "$when: on another VF"
expect 0 "$when: and a remove there" remove --vm beside
expect 5 "$when: to remove it is refused" remove "$red"
expect 5 "$when: to make it again is refused" create A40-8Q --vm red
is "$(kernel | grep -c "$red")" 0 "$when: it was not made elsewhere"
still "$when" "$hang"
let_go
t 'the removal ends with its holder' ended "$hang"
all_right 'after the removal by hand'

# --- vgpumgr's own removal hangs, and is killed. The holder is hidden from it, as one in a
# container's /proc would be: else it would not try.
hold "$red"
hang=$(vm_begin "unshare -m sh -c 'mount -t tmpfs none /proc/$holder &&
	exec vgpumgr remove --vm red'")
off_the_bus "$red"
when='a removal of two hangs at the first'
is "$(saved_states)" 'blue 0 active,red 0 removing,red 1 removing' "$when: both are marked"
others_answer "$when" 7
is "$(check_says red 0)" removing "$when: while it is waited for, it is being removed"
is "$(check_says red 1)" removing "$when: and so is the other"
create_elsewhere "$when"
still "$when" "$hang"
true_there "$when: the command is killed" "pkill -KILL -x 'vgpumgr.*'
	while pgrep -x vgpumgr; do sleep 0.1; done"
when='a removal that hangs was killed'
t "$when: its writer hangs on in D state" in_d_state 'vgpumgr remove'
expect 7 "$when: reconcile says so" reconcile
is "$(saved_states)" 'blue 0 active,red 0 removing,red 1 active' \
	"$when: what was only marked is active again"
is "$(vgpu red 1)" "$red2 $(vf 0 1) active" "$when: and as it was"
is "$(vgpu red)" "$red $(vf 0 0) stuck" "$when: the other one, that nobody waits for, is stuck"
create_elsewhere "$when"
let_go
true_there "$when: the writer ends with the holder" \
	"while [ -e /sys/bus/pci/devices/$(vf 0 0)/$red ]; do sleep 0.1; done"
expect 0 "$when: reconcile succeeds" reconcile
is "$(saved_states)" 'blue 0 active,red 1 active' "$when: it is gone, the others are there"
expect 0 "$when: check agrees" check
must create A40-8Q --vm red --slot 0 --uuid "$red" --vf "$(vf 0 0)"
is "$(list_identities)" "$all" 'it can be made anew'

# --- creates hang, all of them
driver hang 1
when='a create hangs'
expect 9 "$when: it exits at its deadline" \
	create A40-8Q --vm green --gpu "$(gpu 0)" --timeout 3
is "$(vgpu green | cut -d' ' -f2-)" "$(vf 0 2) creating" "$when: it stays on record"
green=$(uuid_of green)
t "$when in D state" in_d_state 'vgpumgr create'
others_answer "$when" 7
is "$(check_says green 0)" creating "$when: check shows it as being created"
expect 9 "$when: the same again waits for it, up to its deadline" \
	create A40-8Q --vm green --gpu "$(gpu 0)" --timeout 3
expect 9 "$when: another on that GPU returns at its deadline" \
	create A40-8Q --vm white --gpu "$(gpu 0)" --timeout 3
expect 0 "$when: a remove on the other GPU succeeds" remove --vm blue
is "$(saved_states)" 'green 0 creating,red 0 active,red 1 active,white 0 creating' \
	"$when: it keeps its place"
t "$when: and all the while it hung" in_d_state 'vgpumgr create'
driver hang 0
expect 0 'the create has ended: reconcile makes everything right' reconcile
is "$(vgpu green)" "$green $(vf 0 2) active" 'what hung is active, on its VF'
expect 0 'check agrees' check
must remove --vm white
must remove --vm green

# --- one create hangs for a minute, the others do not
driver create_ms 60000
when='one create hangs'
expect 9 "$when: it exits at its deadline" \
	create A40-8Q --vm green --gpu "$(gpu 0)" --timeout 2
driver create_ms 0
green=$(uuid_of green)
create_elsewhere "$when"
t "$when: and all the while it hung" in_d_state 'vgpumgr create'
run_s=150
expect 0 "$when: the same again waits for its end" \
	create A40-8Q --vm green --gpu "$(gpu 0)" --timeout 120
run_s=40
is "$(cat "$out")" "$green" "$when: it was not made twice"
must remove --vm green
must create A40-8Q --vm blue --gpu "$(gpu 1)"
all=$(list_identities)
expect 0 'check agrees' check

# --- somebody switches off the VFs of a GPU with a device in use: that hangs, and so does
# every look at its sriov_numvfs
hold "$red2"
hang=$(vm_begin "/usr/lib/nvidia/sriov-manage -d $(gpu 0)")
off_the_bus "$red2"
when='switching off by hand hangs'
look=$(vm_begin "cat /sys/bus/pci/devices/$(gpu 0)/sriov_numvfs")
t "$when: a look at sriov_numvfs hangs in D state" in_d_state 'cat .*sriov_numvfs'
others_answer "$when" 7
is "$(check_says red 1)" stuck "$when: check shows the one in use as stuck"
create_elsewhere "$when"
is "$(vgpu red 1)" "$red2 $(vf 0 1) stuck" "$when: it keeps its VF"
still "$when" "$hang"
still "$when (the look)" "$look"
let_go
t 'the switching ends with the holder' ended "$hang"
run_s=120 # it enables virtual functions
all_right 'after the switching off'

# --- sriov-manage does not return for one GPU, at a boot
vm_run "mkdir -p /etc/vgpu-test /etc/vgpumgr
	echo 'sriov_timeout = 5;' >>/etc/vgpumgr/vgpumgr.conf
	touch /etc/vgpu-test/hang-$(gpu 0)
	sync"
# shellcheck disable=SC2119
rebooted
run_s=40
when='sriov-manage hangs at a boot'
is "$(failed_units | awk '{ print $1 }' | sort | paste -sd,)" \
	'vgpumgr-reconcile.service,vgpumgr-sriov.service' "$when: both units fail"
vm_run 'journalctl -b -o cat -u vgpumgr-sriov'
t "$when: the one says which GPU" grep -q "GPU $(gpu 0): .*has not ended" "$out"
is "$(vm_get 'systemctl show -P ExecMainStatus vgpumgr-reconcile')" 7 "$when: reconcile exits 7"
vm_run 'journalctl -b -o cat -u vgpumgr-reconcile'
t "$when: and says which GPU" grep -q "GPU $(gpu 0): .*did not come" "$out"
t "$when: and which vGPU" grep -q "$red is missing" "$out"
is "$(kernel_at_libvirt)" "$(echo "$all" |
	awk '$2 == "blue" { print $1, $5, "NVIDIA", $4 }')" \
	"$when: the other GPU's vGPU is live when libvirt starts"
is "$(vm_get "pgrep -fc 'sriov-manage -e $(gpu 0)'")" 1 "$when: it is left running, alone"
others_answer "$when" 7
create_elsewhere "$when"
is "$(sriov_calls "$(gpu 0)")" 1 "$when: it was not called again"
true_there 'once it ends, its vGPUs come by themselves' "rm /etc/vgpu-test/hang-*
	until [ \$(ls /sys/bus/mdev/devices | wc -l) -eq $(echo "$all" | wc -l) ]; do
		sleep 0.2; done" 90
run_s=120
all_right 'after sriov-manage has ended'
done_testing
