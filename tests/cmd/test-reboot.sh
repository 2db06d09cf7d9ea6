#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# After a reboot, the same vGPUs are back: whatever the driver calls their types now, and with
# what is in their way told.
# shellcheck source=tests/cmd/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

F=ffffffff-0000-4000-8000-000000000001
backup() { cksum <"$root/var/lib/vgpumgr/backup.json"; }
moves_of() { sql "SELECT detail FROM event WHERE uuid = '$1' AND operation = 'move'"; }
writes() { ctl counters | awk '/^(write|create|remove|sriov|bind) / { sum += $2 } END { print sum }'; }
# nothing_written WHAT: a reconcile has nothing to do
nothing_written() {
	local before generation_before
	before=$(backup) generation_before=$(generation)
	ctl reset
	expect 0 "$1: a second reconcile exits 0" reconcile
	is "$(writes)" 0 "$1: it writes nothing to the kernel"
	is "$(generation) $(backup)" "$generation_before $before" "$1: nor to the record or its backup"
}
# back SENTENCE: all are as in $saved
back() { is "$(identities)" "$saved" "$1"; }
# a host of two GPUs with two VMs on the first and one on the second
two_gpus() {
	host small
	must sriov enable all
	uuid_of create A40-24A --vm one --gpu 67:00.0 --vm-uuid bbbbbbbb-0000-4000-8000-000000000001
	one=$uuid
	uuid_of create A40-24A --vm two --gpu 67:00.0
	two=$uuid
	uuid_of create A40-8Q --vm three --gpu e8:00.0
	three=$uuid
	saved=$(identities)
}

# --- eight GPUs, sixteen VMs
host a40x8
must sriov enable all
for i in $(seq 16); do
	must create A40-24A --vm "vm $i"
done
saved=$(identities)
is "$(echo "$saved" | grep -c ' active$')" 16 'sixteen are active'
expect 0 'check exits 0 while all is as saved' check
nothing_written 'before a reboot'
boot=$(cat "$root/proc/sys/kernel/random/boot_id")
ctl reboot
t 'the host has another boot id' [ "$boot" != "$(cat "$root/proc/sys/kernel/random/boot_id")" ]
is "$(kernel)" '' 'and no vGPU'
before=$(record_sum)
ctl reset
expect 7 'after a reboot, check exits 7' check
is "$(grep -c missing "$out")" 16 'and lists sixteen as missing'
expect 7 'check --json exits 7' check --json
json 'all sixteen are missing, with an action and a reason' \
	'(.vgpus | length == 16) and all(.vgpus[]; .state == "missing" and .action == "create") and .summary.failed == 16'
expect 0 'list exits 0 whatever the states' list --state missing
is "$(grep -c missing "$out")" 16 'list shows them as missing'
run capacity A40-24A -q
is "$(cat "$out")" 0 'what is saved owns its room before it is live'
expect 0 'reconcile --dry-run exits as reconcile would' reconcile --dry-run
is "$(writes) $(record_sum)" "0 $before" 'none of these changed anything'
expect 0 'reconcile exits 0' reconcile --json
json 'it created sixteen' '.summary.created == 16 and .summary.as_saved == 16 and .summary.failed == 0'
back 'the same UUIDs, VMs, profiles and VFs are back'
agree 'record and kernel agree'
is "$(counter max-parallel-per-gpu)" 1 'on each GPU they were made one after the other'
expect 0 'check exits 0 again' check
run sriov status --json
json 'all virtual functions are on again' 'all(.gpus[]; .num_vfs == 32 and .state == "on")'
is "$(sql 'SELECT DISTINCT boot_id FROM vgpu')" "$(cat "$root/proc/sys/kernel/random/boot_id")" 'the record knows the boot'
nothing_written 'after a restore'
t 'the outcome is kept' [ -s "$root/run/vgpumgr/last-reconcile.json" ]

# --- latency: GPUs in parallel
ctl reboot
must sriov enable all
ctl latency create 200
ctl reset
expect 0 'reconcile with slow creates' reconcile
t 'works on several GPUs at a time' [ "$(counter max-parallel-create)" -ge 4 ]
is "$(counter max-parallel-per-gpu)" 1 'and on one GPU in turn'
ctl latency create 0

# --- other ids, another driver's prefix
ctl renumber 100
ctl reboot
expect 0 'reconcile with renumbered type ids' reconcile
back 'all is back under other ids'
is "$(cat "$sys"/bus/mdev/devices/*/mdev_type/name | sort -u)" 'NVIDIA A40-24A' 'by name'
is "$(basename "$(readlink -f "$sys/bus/mdev/devices/$(sql 'SELECT uuid FROM vgpu LIMIT 1')/mdev_type")")" nvidia-675 'which is 675 now'
agree 'record and kernel agree about it'
nothing_written 'renumbered'
ctl prefix vfio-pci
ctl reboot
expect 0 'reconcile with VFs bound to vfio-pci' reconcile
back 'all is back under directories called vfio-pci-…'
is "$(basename "$(readlink -f "$sys/bus/mdev/devices/$(sql 'SELECT uuid FROM vgpu LIMIT 1')/mdev_type")")" vfio-pci-675 'so they are called'
nothing_written 'other prefix'
must remove --vm 'vm 16'
must create A40-24A --vm 'vm 16'
agree 'remove and create work there'

# --- two series of one size on one GPU
host small
must sriov enable all
must create A40-24Q --vm q --gpu 67:00.0
must create A40-24A --vm a --gpu 67:00.0
must create A40-2B --vm b --gpu e8:00.0 --count 2
must create A40-2Q --vm d --gpu e8:00.0 --count 2
saved=$(record)
ctl reboot
expect 0 'reconcile with two series of one size on one GPU' reconcile
is "$(record)" "$saved" 'the record has each as it was'
is "$(kernel)" "$saved" 'the kernel has each with its own profile'
expect 0 'check agrees' check

# --- a VF taken by a foreign vGPU
two_gpus
ctl reboot
must sriov enable all
vf=$(sql "SELECT vf FROM vgpu WHERE uuid = '$one'")
foreign $F "$vf" A40-24A
expect 7 'with one VF taken and no room beside, reconcile exits 7' reconcile
t 'the foreign vGPU is untouched' live $F
is "$(sql "SELECT count(*) FROM vgpu")" 3 'no record is lost'
t 'another GPU is restored' live "$three"
is "$(kernel | grep -c ' 0000:67')" 2 'one of the two is back beside the foreign one'

two_gpus
must remove "$two"
ctl reboot
must sriov enable all
saved=$(sql "SELECT vm || vm_uuid FROM vgpu WHERE uuid = '$one'")
foreign $F "$vf" A40-24A
expect 7 'check says what is in the way' check
expect 0 'with one VF taken and room beside, reconcile exits 0' reconcile --json
json 'one moved' '.summary.moved == 1 and any(.vgpus[]; .action == "move" and .state == "active")'
json 'the foreign one is counted' '.summary.foreign == 1'
t 'the UUID is live' live "$one"
t 'the foreign one is untouched' live $F
moved_to=$(sql "SELECT vf FROM vgpu WHERE uuid = '$one'")
t 'it is on another VF of its GPU' [ "$moved_to" != "$vf" -a "${moved_to%.*}" = 0000:67:00 ]
is "$(sql "SELECT vm || vm_uuid FROM vgpu WHERE uuid = '$one'")" "$saved" 'VM and its UUID are the same'
t 'history tells from where to where' grep -q "$vf.*$moved_to" <(moves_of "$one")
is "$(kernel | grep -v $F)" "$(record)" 'record and kernel agree'
nothing_written 'moved'

# --- a GPU committed to another size by a foreign vGPU
two_gpus
ctl reboot
must sriov enable all
foreign $F 0000:67:00.7 A40-2Q
ctl reset
expect 7 'with a foreign vGPU of another size on its GPU, reconcile exits 7' reconcile --json
json 'that is a conflict' '[.vgpus[] | select(.state == "conflict" and .action == "report") | .vm] == ["one", "two"]'
is "$(counter create-failed)" 0 'the kernel is not asked in vain'
t 'the foreign one is untouched' live $F
t 'the rest is restored' live "$three"
echo 1 >"$sys/bus/mdev/devices/$F/remove"
expect 0 'when it is gone, reconcile exits 0' reconcile
back 'everything is as it was'

# --- a VF gone
two_gpus
ctl take-vf "$(sql "SELECT vf FROM vgpu WHERE uuid = '$two'")"
ctl reboot
run reconcile --timeout 3 # how long all VFs are awaited
t 'its vGPU is live' live "$two"
is "$(moves_of "$two" | wc -l)" 1 'moved, and so recorded'
is "$(moves_of "$one" | wc -l)" 0 'the other kept its VF'
agree 'record and kernel agree'
nothing_written 'VF gone'

# --- a GPU gone, and back
two_gpus
ctl take-gpu 0000:67:00.0
ctl reboot
expect 7 'with a GPU gone, reconcile exits 7' reconcile --json
json 'two failed, with a reason; one is restored' \
	'.summary.failed == 2 and .summary.created == 1 and ([.vgpus[] | select(.error != null and .state == "missing")] | length == 2)'
t 'the rest is restored' live "$three"
expect 7 'and again' reconcile
is "$(sql 'SELECT count(*) FROM vgpu')" 3 'the records stay'
expect 0 'gpus shows the other GPU' gpus --json
json 'just that' '[.gpus[].address] == ["0000:e8:00.0"]'
ctl give-gpu 0000:67:00.0
ctl reboot
expect 0 'with the GPU back, reconcile exits 0' reconcile
back 'everything is as it was'
two_gpus
ctl take-gpu 0000:67:00.0
ctl reboot
( sleep 1; "$sim" ctl "$root" give-gpu 0000:67:00.0 ) &
expect 0 'reconcile --wait waits for a GPU' reconcile --wait 20
wait
back 'everything is as it was'

# --- types that appear late
two_gpus
ctl types-late 0000:67:00.0 1200
ctl reboot
expect 0 'types that appear late are awaited' reconcile --wait 20
back 'everything is as it was'
nothing_written 'late types'
ctl reboot
# somebody else enables the VFs, shortly before
t 'the VFs are on without types' "$root/usr/lib/nvidia/sriov-manage" -e ALL
expect 0 'also where somebody else has just enabled the VFs' reconcile --wait 20
back 'everything is as it was'
ctl types-late 0000:67:00.0 0

# --- sriov-manage misbehaves
for mode in noop fail unbound; do
	two_gpus
	ctl reboot
	ctl sriov-manage $mode 1
	expect 0 "sriov-manage does '$mode' once: reconcile exits 0" reconcile
	back "$mode: everything is as it was"
	is "$(basename "$(readlink "$sys/bus/pci/devices/0000:67:00.0/driver")")" nvidia "$mode: the GPU is bound to nvidia"
done
two_gpus
ctl reboot
ctl sriov-manage noop
expect 7 'sriov-manage that never works: reconcile exits 7' reconcile
says 'and says for which GPUs' 0000:67:00.0 0000:e8:00.0
ctl sriov-manage normal
expect 0 'later it works' reconcile
back 'noop: everything is as it was'

two_gpus
ctl reboot
ctl sriov-manage hang
started=$(hundredths)
expect 7 'sriov-manage hangs: reconcile reports it at its deadline' reconcile --timeout 2
took=$(($(hundredths) - started))
t "by then, not much later (took $took/100 s)" [ $took -ge 150 -a $took -lt 1500 ]
says 'it names GPU and deadline' '0000:67:00\.0' 'timed out|left running'
t 'sriov-manage is left running' pgrep -f "$root/usr/lib/nvidia/sriov-manage"
# a shell that is about to run something looks like another one for a moment
n_manage() { [ "$(pgrep -fc "$root/usr/lib/nvidia/sriov-manage")" = "$1" ]; }
t 'after its deadline the next GPU had its turn' until_true 5 n_manage 2
expect 7 'meanwhile no second one is started for a GPU' reconcile --timeout 1
t 'there are still the first two' until_true 5 n_manage 2
ctl sriov-manage normal
t 'it ends by itself' until_true 10 fails pgrep -f "$root/usr/lib/nvidia/sriov-manage"
expect 0 'then reconcile goes on' reconcile
back 'hang: everything is as it was'

# --- a profile that is gone
two_gpus
ctl drop-type 'NVIDIA A40-8Q'
ctl reboot
expect 7 'a profile that the driver no longer offers: exit 7' reconcile --json
json 'it is a conflict with a reason' \
	'any(.vgpus[]; .uuid == $uuid and .state == "conflict" and .action == "report" and (.error | test("profile")))' --arg uuid "$three"
t 'the others are back' live "$one"
is "$(kernel | wc -l)" 2 'and nothing else'
run list --json
json 'list still shows it' 'any(.vgpus[]; .uuid == $uuid and .profile == "A40-8Q")' --arg uuid "$three"
ctl restore-types
ctl reboot
expect 0 'when it is offered again' reconcile
back 'everything is as it was'

# --- one failure does not stop the others
two_gpus
ctl reboot
ctl fail create 1 EIO
expect 7 'one create that fails: reconcile exits 7' reconcile --json
json 'two are back, one has a reason with path and errno' \
	'.summary.created == 2 and ([.vgpus[] | select(.error != null) | .error] | length == 1 and (.[0] | test("create.*Input/output error")))'
expect 0 'the next reconcile makes it' reconcile
back 'everything is as it was'
two_gpus
ctl reboot
ctl fail create 1 EIO after
expect 0 'a create that works and then says EIO has worked' reconcile
back 'everything is as it was'

# --- conflict: the UUID is live with another profile, or on another GPU
two_gpus
ctl reboot
must sriov enable all
foreign "$three" 0000:e8:00.4 A40-24Q
expect 7 'its UUID live with another profile: exit 7' reconcile --json
json 'a conflict' 'any(.vgpus[]; .uuid == $uuid and .state == "conflict")' --arg uuid "$three"
is "$(cat "$sys/bus/mdev/devices/$three/mdev_type/name")" 'NVIDIA A40-24Q' 'it is not touched'
two_gpus
ctl reboot
must sriov enable all
foreign "$one" 0000:e8:00.7 A40-24A
expect 7 'its UUID live on another GPU: exit 7' reconcile
t 'it is not touched' test -d "$sys/bus/pci/devices/0000:e8:00.7/$one"
two_gpus
ctl reboot
must sriov enable all
foreign "$three" 0000:e8:00.7 A40-8Q
expect 0 'live on another VF of its GPU: the record is corrected' reconcile
is "$(sql "SELECT vf FROM vgpu WHERE uuid = '$three'")" 0000:e8:00.7 'the record names that VF'
nothing_written 'corrected'

# --- one GPU only
two_gpus
ctl reboot
expect 0 'reconcile --gpu makes what is on that GPU' reconcile --gpu 0000:e8:00.0
is "$(kernel | cut -d' ' -f1)" "$three" 'and nothing else'
expect 0 'then the rest' reconcile
back 'everything is as it was'

# --- no record
host small
expect 0 'without a record, reconcile exits 0 at once' reconcile
expect 0 'and check' check
expect 0 'and list' list
t 'none of them makes one' fails test -e "$root/var/lib/vgpumgr"
done_testing
