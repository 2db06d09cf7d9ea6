#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Drives the simulator by shell alone: does it behave as the kernel does?
# Usage: selftest.sh [VGPUSIM]   (TAP on stdout)
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/sim/lib.sh
. "$here/lib.sh"

A=11111111-1111-4111-8111-111111111111
B=22222222-2222-4222-8222-222222222222
C=33333333-3333-4333-8333-33333333abcd
G=0000:e8:00.0 H=0000:67:00.0
V=0000:e8:00.4 V2=0000:e8:00.5 V3=0000:e8:00.6

# --- the tree
start small
is "$(ls "$sys")" "$(printf 'bus\nclass\ndevices\nkernel\nmodule')" 'the top shows no file of the simulator'
is "$(readlink "$(dev $G)")" ../../../devices/pci0000:e4/0000:e4:07.0/$G 'a device link is relative'
is "$(attr "bus/pci/devices/$G/vendor") $(attr "bus/pci/devices/$G/class")" '0x10de 0x030200' 'vendor and class'
is "$(attr "bus/pci/devices/$G/driver_override")" '(null)' 'no override reads (null)'
is "$(basename "$(readlink "$(dev $G)/driver")")" nvidia 'the PF is bound to nvidia'
is "$(ls "$sys/class/mdev_bus")" '' 'no parent before SR-IOV is on'
is "$(ls "$(dev $G)" | grep -c virtfn)" 0 'no virtfn before SR-IOV is on'
t 'lspci names the board and shows SR-IOV' sh -c "lspci -O sysfs.path='$sys/bus/pci' -vv -s e8:00.0 2>/dev/null |
	grep -q 'A40' && lspci -O sysfs.path='$sys/bus/pci' -vv -s e8:00.0 2>/dev/null | grep -q 'Total VFs: 4'"
is "$(wc -c <"$(dev $G)/config")" 4096 'config is 4096 bytes'
is "$(cat "$d/proc/driver/nvidia/version" | grep -c 550.163.02)" 1 'the driver version below proc'
is "$(attr module/nvidia/version)" 550.163.02 'the driver version below sys'
is "$(attr "bus/pci/devices/0000:02:00.0/class")" 0x010802 'there are devices that are no GPU'
t 'a file cannot be created' fails sh -c ": >'$sys/class/new'"
t 'a directory cannot be made' fails mkdir "$sys/class/new"
is "$(ls -U "$(dev $G)" | sort | cksum)" "$(ls "$(dev $G)" | cksum)" 'unsorted and sorted listing agree'
t 'directory order is not sorted' fails sh -c "ls -U '$(dev $G)' | sort -c"

# --- SR-IOV
is "$(w 4 "$(dev $G)/sriov_numvfs")" 'No such file or directory' 'sriov_numvfs with nvidia bound: ENOENT'
is "$(w 5 "$(dev $G)/sriov_numvfs")" 'Numerical result out of range' 'more VFs than there are: ERANGE'
is "$(w 0 "$(dev $G)/sriov_numvfs")" ok 'the same number: accepted'
is "$(w $G "$sys/bus/pci/drivers/vfio-pci/bind")" 'No such device' 'bind to a driver that does not match: ENODEV'
is "$(w $G "$sys/bus/pci/drivers/vfio-pci/unbind")" 'No such device' 'unbind from another driver: ENODEV'
is "$(w $G "$sys/bus/pci/drivers/nvidia/unbind")" ok 'unbind the PF'
t 'no driver link then' fails exists "$(dev $G)/driver"
is "$(w 4 "$(dev $G)/sriov_numvfs")" 'No such file or directory' 'sriov_numvfs unbound: ENOENT'
is "$(w '10de 2235' "$sys/bus/pci/drivers/pci-pf-stub/new_id")" ok 'new_id of the stub'
is "$(basename "$(readlink "$(dev $G)/driver")")" pci-pf-stub 'new_id binds the unbound PF'
is "$(w '10de 2235' "$sys/bus/pci/drivers/pci-pf-stub/new_id")" 'File exists' 'the same id twice: EEXIST'
is "$(w 4 "$(dev $G)/sriov_numvfs")" ok 'sriov_numvfs under the stub'
is "$(w 2 "$(dev $G)/sriov_numvfs")" 'Device or resource busy' 'another number: EBUSY'
is "$(w $G "$sys/bus/pci/drivers/pci-pf-stub/unbind")$(w '10de 2235' "$sys/bus/pci/drivers/pci-pf-stub/remove_id")" okok 'stub off'
is "$(w '10de 2235' "$sys/bus/pci/drivers/pci-pf-stub/remove_id")" 'No such device' 'remove_id twice: ENODEV'
is "$(w $G "$sys/bus/pci/drivers/nvidia/bind")" ok 'bind the PF again'
is "$(readlink "$(dev $G)/virtfn3")" ../0000:e8:00.7 'virtfn links'
is "$(readlink "$(dev $V)/physfn")" ../$G 'physfn link'
is "$(attr "bus/pci/devices/$V/device")" 0x2235 'a VF has the id of its PF'
is "$(ls "$sys/class/mdev_bus" | wc -l)" 4 'four parents'
is "$(manage -e "$G")" "GPU at $G already has VFs enabled." 'sriov-manage says so when VFs exist'
is "$(manage -d 00000000:E8:00.0; attr "bus/pci/devices/$G/sriov_numvfs" | tail -1)" "$(printf 'Disabling VFs on %s\n0' $G)" 'sriov-manage -d'
t 'sriov-manage -e ALL' manage -e ALL
is "$(attr "bus/pci/devices/$G/sriov_numvfs")$(attr "bus/pci/devices/$H/sriov_numvfs")" 44 'all GPUs have VFs'
t 'sriov-manage -d 0:e8:0.0' manage -d 0:e8:0.0
t 'sriov-manage -e e8:00.0' manage -e e8:00.0
t 'sriov-manage of a GPU that is not there' fails manage -e 0000:99:00.0
t 'sriov-manage without arguments' fails manage
is "$(basename "$(readlink "$(dev $G)/driver")")" nvidia 'the PF is back at nvidia'

# --- types and create
T=$sys/class/mdev_bus/$V/mdev_supported_types
is "$(cat "$T/nvidia-555/description")" 'num_heads=4, frl_config=45, framebuffer=1024M, max_resolution=5120x2880, max_instance=32' 'description of a B type'
is "$(cat "$T/nvidia-575/name" "$T/nvidia-575/device_api" | tr '\n' ,)" 'NVIDIA A40-24A,vfio-pci,' 'name and device_api'
is "$(stat -c %a "$T/nvidia-575/create" "$T/nvidia-575/name" "$T/nvidia-575" | tr '\n' ' ')" '200 444 755 ' 'permissions'
t 'nobody reads create' fails cat "$T/nvidia-575/create"
t 'nobody writes name' fails sh -c "echo x >'$T/nvidia-575/name'"
t 'no types on the PF' fails exists "$(dev $G)/mdev_supported_types"
is "$(create "${A}x\n" $V 575)" 'Invalid argument' '38 bytes: EINVAL'
is "$(create "${A} " $V 575)" 'Invalid argument' 'a trailing blank: EINVAL'
is "$(create 'g1111111-1111-4111-8111-111111111111' $V 575)" 'Invalid argument' 'not a UUID: EINVAL'
is "$(create "$A\n" $V 575)" ok 'create with a newline'
is "$(create "$B" $V 575)" 'No space left on device' 'one mdev per VF'
is "$(create "$A" $V2 575)" 'File exists' 'the same UUID elsewhere: EEXIST'
is "$(create "$C" $V2 575)" ok 'create without a newline'
is "$(create "$(echo $C | tr a-z A-Z)" 0000:67:00.4 575)" 'File exists' 'the same UUID in capitals on another GPU: EEXIST'
is "$(create "$B" $V3 575)" 'No space left on device' 'a full GPU'
is "$(create "$B" $V3 555)" 'No space left on device' 'another framebuffer size'
ctl errno full EIO
is "$(create "$B" $V3 555)" 'Input/output error' 'the errno of a full GPU can be set'
ctl errno full ENOSPC
is "$(avail $V 575)$(avail $V3 575)$(avail $V3 555)" 000 'available_instances of a full GPU'
is "$(readlink "$sys/bus/mdev/devices/$A")" ../../../devices/pci0000:e4/0000:e4:07.0/$V/$A 'link of an mdev'
is "$(readlink "$sys/bus/mdev/devices/$A/mdev_type")" ../mdev_supported_types/nvidia-575 'mdev_type'
is "$(ls "$T/nvidia-575/devices")" $A "the type's devices"
is "$(basename "$(readlink "$sys/bus/mdev/devices/$A/driver")")" nvidia-vgpu-vfio 'driver of an mdev'
is "$(attr "bus/mdev/devices/$A/nvidia/vm_name" | od -An -c | tr -d ' ')" '\n' 'vm_name of an idle mdev is a newline'
is "$(w 'frame_rate_limiter=0\n' "$sys/bus/mdev/devices/$A/nvidia/vgpu_params")$(attr "bus/mdev/devices/$A/nvidia/vgpu_params")" okframe_rate_limiter=0 'vgpu_params is kept'
grp=$(basename "$(readlink "$sys/bus/mdev/devices/$A/iommu_group")")
is "$(ls "$sys/kernel/iommu_groups/$grp/devices")" $A 'the IOMMU group holds the mdev'

# --- remove
is "$(w x "$sys/bus/mdev/devices/$A/remove")" 'Invalid argument' 'remove: not a number'
is "$(w 0 "$sys/bus/mdev/devices/$A/remove")" ok 'remove: 0 is accepted'
t '... and does nothing' exists "$sys/bus/mdev/devices/$A"
exec 5>"$sys/bus/mdev/devices/$A/remove"
is "$(remove $A)" ok 'remove'
is "$(remove $A)" 'No such file or directory' 'remove again: ENOENT'
is "$(echo 1 | tee /dev/fd/3 3>&5 2>&1 >/dev/null | sed 's/.*: //')" 'No such device' '... through an open descriptor: ENODEV'
exec 5>&-
is "$(avail $V 575)$(avail $V3 575)$(avail $V3 555)" 110 'room again, for the same size'
is "$(remove $C)" ok 'remove the last'
is "$(avail $V3 555)" 1 'all sizes again'

# --- in use
create $A $V 575 >/dev/null
ctl busy $A vm one
is "$(attr "bus/mdev/devices/$A/nvidia/vm_name")" 'vm one' 'vm_name of a busy mdev'
grp=$(basename "$(readlink "$sys/bus/mdev/devices/$A/iommu_group")")
t 'a process has its group open' sh -c "ls -l '$d'/proc/*/fd | grep -q -- '-> /dev/vfio/$grp\$'"
is "$(cat "$d"/proc/1*/comm)" qemu-system-x86 'its comm'
w 1 "$sys/bus/mdev/devices/$A/remove" >"$top/removed" &
remover=$!
t 'a busy mdev leaves the bus' settle fails exists "$sys/bus/mdev/devices/$A"
t '... but not its VF' exists "$(dev $V)/$A"
t '... without a remove file' fails exists "$(dev $V)/$A/remove"
is "$(avail $V 575)" 0 '... and occupies it'
is "$(create $A $V2 575)" 'File exists' '... and its UUID'
is "$(create $B 0000:67:00.4 575)" ok '... while others go on'
is "$(cat "$top/removed")" '' '... and its remover still waits'
ctl idle $A
wait $remover
is "$(cat "$top/removed")" ok 'the remover returns when it is idle'
t '... and the mdev is gone' fails exists "$(dev $V)/$A"
t '... and so is the process' fails sh -c "ls -d '$d'/proc/1*"
create $A $V 575 >/dev/null
ctl stick $A
t 'a stuck mdev is off the bus' fails exists "$sys/bus/mdev/devices/$A"
t '... but on its VF' exists "$(dev $V)/$A"
ctl unstick $A
t 'unstuck it is gone' fails exists "$(dev $V)/$A"
create $A $V 575 >/dev/null
ctl busy $A vm
(w $V "$sys/bus/pci/drivers/nvidia/unbind" >"$top/unbound") &
t 'a VF in use cannot be unbound yet' settle fails exists "$sys/bus/mdev/devices/$A"
is "$(w 0000:67:00.4 "$sys/bus/pci/drivers/nvidia/unbind")" ok '... another can, through the same file'
ctl idle $A
t '... until idle' settle grep -q ok "$top/unbound"
t 'no types on an unbound VF' fails exists "$(dev $V)/mdev_supported_types"
t 'no longer a parent' fails exists "$sys/class/mdev_bus/$V"
is "$(w $V "$sys/bus/pci/drivers/nvidia/bind")$(ls "$sys/class/mdev_bus" | grep -c $V)" ok1 'bound again it is'
is "$(w 0000:67:00.4 "$sys/bus/pci/drivers_probe")" ok 'drivers_probe binds'
is "$(w $V "$sys/bus/pci/drivers/nvidia/bind")" 'Device or resource busy' 'bind twice: EBUSY'

# --- SR-IOV with an mdev in use
create $A $V 575 >/dev/null
ctl busy $A vm
ctl raw-sriov on
(w 0 "$(dev $G)/sriov_numvfs" >"$top/off") &
t 'disabling VFs in use blocks' settle fails exists "$sys/bus/mdev/devices/$A"
(cat "$(dev $G)/sriov_numvfs" >"$top/numvfs") &
sleep 0.1
is "$(cat "$top/numvfs")" '' '... and blocks reading sriov_numvfs'
is "$(attr "bus/pci/devices/$H/sriov_numvfs") $(attr "bus/pci/devices/$G/sriov_totalvfs")" '4 4' '... but nothing else'
ctl idle $A
t '... until idle' settle grep -q ok "$top/off"
t '... and the reader gets its answer' settle grep -q 0 "$top/numvfs"
is "$(ls "$sys/class/mdev_bus" | grep -c e8)" 0 'the VFs are gone'
is "$(w 4 "$(dev $G)/sriov_numvfs")" ok 'raw sriov_numvfs when allowed'
ctl raw-sriov off
create $A $V 575 >/dev/null
is "$(w $G "$sys/bus/pci/drivers/nvidia/unbind")" ok 'unbinding the PF'
t '... leaves VFs and mdevs alone' exists "$sys/bus/mdev/devices/$A"
w $G "$sys/bus/pci/drivers/nvidia/bind" >/dev/null
remove $A >/dev/null

# --- slow creates
ctl reset
ctl delay create 1 400
create $A $V 575 >"$top/created" &
t 'an mdev is on the bus before its create succeeds' settle exists "$sys/bus/mdev/devices/$A"
t '... without mdev_type' fails exists "$sys/bus/mdev/devices/$A/mdev_type"
is "$(ls "$T/nvidia-575/devices")" '' "... nor an entry in its type's devices"
is "$(create $A $V2 575)" 'File exists' '... and cannot be created twice'
is "$(remove $A)" 'Resource temporarily unavailable' 'remove during create: EAGAIN'
t '... and the remove file is gone' fails exists "$sys/bus/mdev/devices/$A/remove"
settle grep -q ok "$top/created"
is "$(cat "$top/created")" ok 'the create succeeds'
t '... the remove file stays away' fails exists "$sys/bus/mdev/devices/$A/remove"
is "$(w $V "$sys/bus/pci/drivers/nvidia/unbind")$(w $V "$sys/bus/pci/drivers/nvidia/bind")" okok 'unbinding its VF clears that'
t '... and the mdev' fails exists "$sys/bus/mdev/devices/$A"

ctl delay create 1 300
(echo $B >"$(create_file $V 575)") &
writer=$!
settle exists "$sys/bus/mdev/devices/$B"
kill -9 $writer
t 'kill -9 of the writer does not cancel a create' settle exists "$sys/bus/mdev/devices/$B/mdev_type"
wait $writer 2>/dev/null
remove $B >/dev/null

ctl delay create 1 300
create $A $V 575 >"$top/created" &
settle exists "$sys/bus/mdev/devices/$A"
is "$(w $V "$sys/bus/pci/drivers/nvidia/unbind")" ok 'unbinding during a create waits for it'
settle grep -q . "$top/created"
is "$(cat "$top/created")" ok '... the create returns 0'
t '... and the mdev is gone' fails exists "$(dev $V)/$A"
w $V "$sys/bus/pci/drivers/nvidia/bind" >/dev/null

ctl latency create 100
ctl reset
pids=
i=100000000000
for v in $V $V2 $V3 0000:67:00.4 0000:67:00.5; do
	i=$((i + 1))
	create "44444444-4444-4444-8444-$i" $v 555 >/dev/null 2>&1 &
	pids="$pids $!"
done
wait $pids
ctl latency create 0
is "$(counter create) $(counter create-failed)" '5 0' 'creates are counted'
is "$(ls "$sys/bus/mdev/devices" | wc -l)" 5 '... and successful'
is "$(counter max-parallel-per-gpu)" 3 '... and their number per GPU at once'
t 'they ran in parallel' [ "$(counter max-parallel-create)" -gt 1 ]
ctl reboot

# --- planned failures
manage -e ALL >/dev/null
ctl fail create 2 EIO
is "$(create $A $V 575) $(create $B $V2 575)" 'ok Input/output error' 'the second create fails'
t '... and leaves nothing' fails exists "$sys/bus/mdev/devices/$B"
is "$(create $B $V2 575)" ok 'the third does not'
ctl fail remove 1+ EBUSY
is "$(remove $A) $(remove $B)" 'Device or resource busy Device or resource busy' 'all removes fail'
ctl fail off
is "$(remove $A)$(remove $B)" okok 'no more failures'
ctl fail create 1 EIO after
is "$(create $A $V 575)" 'Input/output error' 'a create that fails afterwards'
t '... has made the mdev' exists "$sys/bus/mdev/devices/$A/mdev_type"
ctl lie $G 7
is "$(avail $V 575)" 7 'a lie about available_instances'
ctl lie $G off
ctl garbage "class/mdev_bus/$V/mdev_supported_types/nvidia-575/name" 'no\x20name\n\n'
is "$(od -An -c "$T/nvidia-575/name" | tr -d ' ')" 'noname\n\n' 'garbage in an attribute'
ctl garbage "class/mdev_bus/$V/mdev_supported_types/nvidia-575/name" off
is "$(cat "$T/nvidia-575/name")" 'NVIDIA A40-24A' '... and no more'
ctl hide class/mdev_bus
t 'a hidden directory' fails exists "$sys/class/mdev_bus"
is "$(ls "$sys/class")" '' '... is not listed'
ctl show class/mdev_bus
t '... and is back' exists "$sys/class/mdev_bus/$V"
ctl hide "bus/pci/devices/$V/mdev_supported_types/nvidia-575/description"
t 'a hidden attribute' fails exists "$T/nvidia-575/description"
ctl show "bus/pci/devices/$V/mdev_supported_types/nvidia-575/description"
ctl hang "bus/pci/devices/$V/vendor" 300
cat "$(dev $V)/vendor" >"$top/vendor" &
is "$(attr "bus/pci/devices/$V/device")$(cat "$top/vendor")" 0x2235 'one hanging attribute does not hold up others'
wait $!
is "$(cat "$top/vendor")" 0x10de '... and answers in the end'
ctl hang "bus/pci/devices/$V/vendor" 0
ctl hang "bus/pci/devices/$V/vendor" 60000
cat "$(dev $V)/vendor" >"$top/vendor" &
ctl hang off
wait $!
is "$(cat "$top/vendor")" 0x10de 'hang off lets go of who waits in one'
ctl refuse "bus/pci/devices/$V/numa_node" EIO
is "$(w 1 "$(dev $V)/numa_node")" 'Input/output error' 'a refused attribute cannot be written'
t '... nor read' fails cat "$(dev $V)/numa_node"
ctl refuse "bus/pci/devices/$V/numa_node" off
is "$(attr "bus/pci/devices/$V/numa_node")" 1 '... and can be read again'
ctl refuse class/mdev_bus EACCES
t 'a refused directory is not listed' fails ls "$sys/class/mdev_bus"
t '... but led through' [ -d "$sys/class/mdev_bus/$V/" ]
ctl refuse class/mdev_bus off
ctl refuse bus/pci/devices/$V EIO
t 'a refused link leads nowhere' fails [ -d "$(dev $V)/" ]
ctl refuse bus/pci/devices/$V off
ctl link bus/pci/devices/$V $V
is "$(attr "bus/pci/devices/$V/vendor" | sed 's/.*: //')" 'Too many levels of symbolic links' 'a link in a loop'
mkdir "$top/outside"
echo 1 >"$top/outside/vendor"
ctl link bus/pci/devices/$V "$top/outside"
is "$(attr "bus/pci/devices/$V/vendor")" 1 'a link that leads out'
ctl link bus/pci/devices/$V off
is "$(attr "bus/pci/devices/$V/vendor")" 0x10de '... and home again'
ctl chunk 1
is "$(dd if="$(dev $V)/vendor" bs=4096 count=1 status=none)" 0 'reads of one byte'
is "$(attr "bus/pci/devices/$V/vendor")" 0x10de '... until all is read'
ctl chunk off
is "$(dd if="$(dev $V)/vendor" bs=4096 count=1 status=none)" 0x10de '... and no more'
ctl trace on
attr "bus/pci/devices/$V/vendor" >/dev/null
w 1 "$(dev $V)/numa_node" >/dev/null
ls "$sys/class/mdev_bus" >/dev/null
ctl trace off
attr "bus/pci/devices/$V/device" >/dev/null
is "$(ctl trace | sort | paste -sd' ')" "link bus/pci/devices/$V list class/mdev_bus read devices/pci0000:e4/0000:e4:07.0/$V/vendor write devices/pci0000:e4/0000:e4:07.0/$V/numa_node" 'a trace of what was asked for'
ctl trace on
is "$(ctl trace)" '' '... begins anew'
ctl trace off
t 'an unknown command is an error' fails ctl frobnicate
t 'a bad argument is an error' fails ctl busy $B vm

# --- things that vanish
ctl vanish create 2 $V2
is "$(create $B $V3 575)" ok 'a VF that vanishes at the second create is there at the first'
t '... and until then' exists "$(dev $V2)"
remove $B >/dev/null
is "$(create $B $V2 575)" 'No such device' '... and gone at the second'
t '... for good' fails exists "$(dev $V2)"
ctl give-vf $V2
ctl vanish create 1+ $V2
ctl vanish off
is "$(create $B $V2 575)$(remove $B)" okok 'vanish off'
ctl take-vf $V
t 'a VF vanishes' fails exists "$(dev $V)"
t '... and its virtfn link' fails exists "$(dev $G)/virtfn0"
t '... and its mdev' fails exists "$sys/bus/mdev/devices/$A"
ctl give-vf $V
t '... and comes back' exists "$(dev $V)/mdev_supported_types"
ctl take-gpu $H
t 'a GPU vanishes' fails exists "$(dev $H)"
t '... and its VFs' fails exists "$(dev 0000:67:00.4)"
ctl give-gpu $H
is "$(attr "bus/pci/devices/$H/sriov_numvfs")" 0 '... and comes back without VFs'
ctl unbind-pf $H
t 'a PF loses its driver' fails exists "$(dev $H)/driver"
ctl override $H vfio-pci
is "$(basename "$(readlink "$(dev $H)/driver")") $(attr "bus/pci/devices/$H/driver_override")" 'vfio-pci vfio-pci' 'or gets another'
ctl hold-vf $V
t 'a VF held by a process' sh -c "ls -l '$d'/proc/*/fd | grep -q -- '-> /dev/vfio/'"
ctl release-vf $V
t '... and released' fails sh -c "ls -d '$d'/proc/1*"

# --- reboot
create $A $V 575 >/dev/null
ctl busy $A vm
id=$(cat "$d/proc/sys/kernel/random/boot_id")
ctl renumber 100
ctl drop-type NVIDIA A40-48A
ctl prefix vfio-pci
ctl types-late $G 200
t 'nothing of it before the reboot' exists "$T/nvidia-576"
ctl reboot
t 'a new boot id' [ "$id" != "$(cat "$d/proc/sys/kernel/random/boot_id")" ]
is "$(attr "bus/pci/devices/$G/sriov_numvfs")$(ls "$sys/bus/mdev/devices")" 0 'VFs and mdevs are gone'
is "$(basename "$(readlink "$(dev $H)/driver")")" nvidia 'drivers are as at power-on'
t '... and processes are gone' fails sh -c "ls -d '$d'/proc/1*"
manage -e $G >/dev/null
t 'types come late' fails exists "$T"
t '... but they come' settle exists "$T/vfio-pci-675"
t 'a dropped type does not' fails exists "$T/vfio-pci-676"
is "$(basename "$(readlink "$(dev $V)/driver")")" vfio-pci 'the other driver'
is "$(w $A "$T/vfio-pci-675/create")$(readlink "$sys/bus/mdev/devices/$A/mdev_type")" ok../mdev_supported_types/vfio-pci-675 'create under the other name'
ctl renumber 0; ctl restore-types; ctl prefix nvidia; ctl types-late $G 0; ctl reboot
manage -e $G >/dev/null
t 'as before' exists "$T/nvidia-576"
ctl reboot

# --- sriov-manage
ctl sriov-manage noop 1
is "$(manage -e $G; echo $?)" 0 'a run that does nothing'
is "$(attr "bus/pci/devices/$G/sriov_numvfs")" 0 '... did nothing'
ctl sriov-manage fail 1
t 'a run that fails' fails manage -e $G
ctl sriov-manage unbound 1
t 'a run that leaves the PF unbound' fails manage -e $G
t '... leaves it unbound' fails exists "$(dev $G)/driver"
t '... and the next fails, too' fails manage -e $G
w $G "$sys/bus/pci/drivers/nvidia/bind" >/dev/null
ctl sriov-manage hang 1
manage -e $G >/dev/null &
sleep 0.2
is "$(attr "bus/pci/devices/$G/sriov_numvfs")" 0 'a run that hangs'
ctl sriov-manage normal
wait $!
is "$(attr "bus/pci/devices/$G/sriov_numvfs")" 4 '... until told otherwise'
ctl fail sriov 1 EIO
t 'a failing sriov_numvfs fails the run' fails manage -d $G
is "$(basename "$(readlink "$(dev $G)/driver")")" nvidia '... which binds the PF again'

# --- counters
ctl reset
cat "$T/nvidia-575/name" "$T/nvidia-575/description" "$T/nvidia-575/available_instances" "$(dev $V)/vendor" >/dev/null
is "$(ctl counters | grep attr-read | tr '\n' ' ')" 'attr-read 4 attr-read-name 1 attr-read-description 1 attr-read-available_instances 1 attr-read-other 1 ' 'attribute reads'
ctl reset
ctl dump >/dev/null
is "$(ctl counters | awk '{ s += $2 } END { print s }')" 0 'the control file does not count'

# --- other frameworks
mkdir -p "$d/var" && : >"$d/var/kept"
stop
is "$(find "$d" | sort | tr '\n' ' ')" "$d $d/var $d/var/kept " 'stop leaves nothing but what is not its own'
start l40s-vfio
manage -e ALL >/dev/null
F=$(dev 0000:26:00.4)/nvidia
is "$(head -2 "$F/creatable_vgpu_types" | tr '\n' ,)" 'ID    : vGPU Name,1145  : NVIDIA L40S-1B,' 'creatable types'
is "$(cat "$F/current_vgpu_type")" 0 'no vGPU yet'
is "$(w 1155 "$F/current_vgpu_type")$(cat "$F/current_vgpu_type")" ok1155 'a vGPU of the vendor framework'
is "$(cat "$F/creatable_vgpu_types")" '' '... makes the list empty'
is "$(tail -n +2 "$(dev 0000:26:00.5)/nvidia/creatable_vgpu_types" | tr '\n' ,)" '1155  : NVIDIA L40S-24Q,1165  : NVIDIA L40S-24A,' 'others offer the same size'
is "$(w 0x483 "$(dev 0000:26:00.5)/nvidia/current_vgpu_type")" 'Invalid argument' 'no hexadecimal'
is "$(w 1155 "$F/current_vgpu_type")" 'Device or resource busy' 'an occupied VF refuses'
is "$(w 0 "$F/current_vgpu_type")$(cat "$F/current_vgpu_type")" ok0 'and gone'
t 'no mdev_bus on such a host' fails exists "$sys/class/mdev_bus"
stop
start t4
G=0000:3b:00.0
is "$(avail $G 232)" 4 'a GPU without SR-IOV counts down'
is "$(create $A $G 232)$(create $B $G 232)$(avail $G 232)$(avail $G 230)" okok20 '... per GPU and size'
t '... and has no sriov files' fails exists "$(dev $G)/sriov_totalvfs"
stop
start --gpus 12 --vfs 64 a40x8
manage -e ALL >/dev/null
is "$(ls "$sys/class/mdev_bus" | wc -l)" 768 'a bigger host'
is "$(ls "$sys/bus/pci/devices" | grep -c '0000:e8:08.3')" 1 'VFs cross device numbers'
stop
rm -rf "$d/var"
is "$("$sim" small "$d" -- sh -c "ls '$sys/bus/pci/drivers/nvidia' | grep -c 0000; exit 7"; echo $?)" "$(printf '2\n7')" 'a command with its host'
t '... which is gone then' fails exists "$sys"
"$sim" small "$d"
manage -e ALL >/dev/null
G=0000:e8:00.0
create $A $V 575 >/dev/null
ctl busy $A vm
w 1 "$sys/bus/mdev/devices/$A/remove" >"$top/removed" &
settle fails exists "$sys/bus/mdev/devices/$A"
t 'stop does not wait for whoever is blocked' stop
wait $!
is "$(cat "$top/removed")" 'Input/output error' '... who is let go'
"$sim" small "$d" -- sh -c 'echo $$ >'"'$top/pid'"'; exec sleep 60' &
run=$!
settle [ -s "$top/pid" ]
kill -9 $run
t 'a command does not outlive its simulator' settle gone "$(cat "$top/pid")"
t '... nor the host' settle fails exists "$d/usr"
wait $run 2>/dev/null
"$sim" small "$d"
pid=$(ctl pid)
kill -9 "$pid"
settle gone "$pid"
t 'a killed simulator can be stopped' stop
t '... and leaves nothing' fails exists "$d/usr"
t 'stop of nothing' stop

echo "1..$n"
[ $failed -eq 0 ]
