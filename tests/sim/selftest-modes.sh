#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Drives the simulator by shell alone: frameworks, mixed-size mode, MIG, nvidia-smi.
# Usage: selftest-modes.sh [VGPUSIM]   (TAP on stdout)
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/sim/lib.sh
. "$here/lib.sh"

A=11111111-1111-4111-8111-111111111111
B=22222222-2222-4222-8222-222222222222
C=33333333-3333-4333-8333-333333333333
EBUSY='Device or resource busy' EINVAL='Invalid argument' EIO='Input/output error'
ENXIO='No such device or address'

uuid() { printf '%08d-1111-4111-8111-111111111111' "$1"; }
vf() { printf '%s:%02x.%x' "${1%:*}" $((($2 + 4) / 8)) $((($2 + 4) % 8)); } # vf PF NUMBER
own() { echo "$(dev "$1")/nvidia"; }
set_type() { w "$2" "$(own "$1")/current_vgpu_type"; } # set_type VF ID
current() { cat "$(own "$1")/current_vgpu_type"; }
creatable() { cat "$(own "$1")/creatable_vgpu_types"; }
ids() { creatable "$1" | sed -n 's/^\([0-9]\{1,\}\) .*/\1/p' | paste -sd' '; }
place() { cat "$(own "$1")/$2" 2>&1 | sed 's/.*: //'; } # place VF FILE
params() { w "$2" "$sys/bus/mdev/devices/$1/nvidia/vgpu_params"; } # params UUID TEXT
smi() { "$d/usr/bin/nvidia-smi" "$@"; }
status() { smi "$@" >"$top/smi" 2>&1; echo $?; }
value() { sed -n "s/^ *$1  *: //p" "$top/smi" | paste -sd, ; } # value KEY, of the last status
# many PF TYPE: makes mdevs until one is refused, tells how many there were, removes them
many() {
	i=0
	while [ "$(create "$(uuid $i)" "$(vf "$1" $i)" "$2")" = ok ]; do
		i=$((i + 1))
	done
	echo $i
	while [ $i -gt 0 ]; do
		i=$((i - 1))
		remove "$(uuid $i)" >/dev/null
	done
}

# --- several kinds of GPU on one host
start mixed
T4=0000:3b:00.0 A40=0000:67:00.0 L40S=0000:a6:00.0 A100=0000:b7:00.0
is "$(ls "$sys/class/mdev_bus" | paste -sd' ')" $T4 'a GPU without SR-IOV is a parent at once'
manage -e ALL >/dev/null
is "$(ls "$sys/class/mdev_bus" | cut -d: -f2 | sort | uniq -c | awk '{ print $2 "=" $1 }' | paste -sd' ')" \
	'3b=1 67=32 b7=20' 'with VFs on, there are parents of all kinds'
is "$(ls "$sys/bus/pci/devices/"*/nvidia/current_vgpu_type | wc -l)" 32 '... and VFs of the vendor framework'
t 'whose PF has no nvidia directory' fails exists "$(own $L40S)"
t 'a VF has it in one way only' fails exists "$(own "$(vf $A40 0)")"
is "$(create $A $T4 232)$(create $B "$(vf $A40 0)" 575)$(set_type "$(vf $L40S 0)" 1155)" okokok 'each makes vGPUs in its way'
is "$(ls "$sys/bus/mdev/devices" | wc -l) $(current "$(vf $L40S 0)")" '2 1155' '... which are there'
ctl framework $A40 vfio
t 'another framework is not there before a reboot' exists "$sys/class/mdev_bus/$(vf $A40 0)"
ctl reboot
manage -e ALL >/dev/null
is "$(set_type "$(vf $A40 0)" 575)$(current "$(vf $A40 0)")" ok575 '... but afterwards'
t '... and the old one is gone' fails exists "$sys/class/mdev_bus/$(vf $A40 0)"
ctl framework $T4 vfio; ctl framework $A100 vfio; ctl reboot
t 'without any mdev parent there is no mdev_bus' fails exists "$sys/class/mdev_bus"
t '... nor bus/mdev' fails exists "$sys/bus/mdev"
ctl framework $A40 mdev; ctl framework $T4 pf; ctl reboot
t '... until there is one again' exists "$sys/class/mdev_bus/$T4"
manage -e $A40 >/dev/null
t '... on VFs, too' exists "$sys/class/mdev_bus/$(vf $A40 0)"
t 'an unknown framework is an error' fails ctl framework $A40 sriov
ctl driver-version 570.86.15
is "$(cat "$sys/module/nvidia/version")" 550.163.02 'a new driver is not there before a reboot'
ctl rename-type 'NVIDIA A40-24A' 'NVIDIA A40-25A'
ctl reboot
manage -e $A40 >/dev/null
is "$(cat "$sys/module/nvidia/version") $(grep -c 570.86.15 "$d/proc/driver/nvidia/version")" '570.86.15 1' '... but afterwards, and proc agrees'
is "$(cat "$sys/class/mdev_bus/$(vf $A40 0)/mdev_supported_types/nvidia-575/name")" 'NVIDIA A40-25A' 'a type with a new name'
t 'only what there is can be renamed' fails ctl rename-type 'NVIDIA A40-24A' 'NVIDIA A40-26A'
stop

# --- parents without SR-IOV
start v100
V=0000:3b:00.0
is "$(avail $V 107) $(avail $V 109)" '4 1' 'a V100 has room'
is "$(create $A $V 107)$(create $B $V 107)$(create $C $V 107)" okokok 'several mdevs on one parent'
is "$(ls "$(dev $V)/mdev_supported_types/nvidia-107/devices" | wc -l)$(avail $V 107)$(avail $V 105)" 310 '... count'
is "$(create "$(uuid 1)" $V 105)" 'No space left on device' '... and set its size'
is "$(remove $B)$(avail $V 107)" ok2 '... until they go'
is "$(status -q) $(value 'Host VGPU Mode') $(value 'vGPU Heterogeneous Mode')" '0 Non SR-IOV N/A' 'nvidia-smi says so'
is "$(status vgpu -i 0 -shm 1)" 3 'it knows no mixed-size mode'
is "$(status -i 0 -mig 1)" 3 '... and no MIG'
ctl busy $A vm
is "$(status vgpu -q) $(value 'Active vGPUs') $(value 'MDEV UUID')" "0 1 $A" 'nvidia-smi shows the one that is in use'
stop

# --- a board with four GPUs
start a16
is "$(for g in c3 c4 c5 c6; do readlink "$(dev 0000:$g:00.0)" | cut -d/ -f6-7; done | sort -u)" 0000:c0:01.0/0000:c1:00.0 'four GPUs behind one switch'
manage -e ALL >/dev/null
is "$(many 0000:c3:00.0 713) $(ls "$sys/class/mdev_bus" | wc -l)" '4 64' 'each has VFs and room of its own'
is "$(create $A "$(vf 0000:c3:00.0 0)" 715)$(avail "$(vf 0000:c4:00.0 0)" 709)" ok1 '... and a size of its own'
stop

# --- the vendor-specific framework
start a40-vfio
G=0000:67:00.0
V0=$(vf $G 0) V1=$(vf $G 1) V2=$(vf $G 2)
manage -e ALL >/dev/null
is "$(stat -c '%a %n' "$(own "$V0")"/* | sed 's/\/.*\///' | paste -sd,)" \
	'444 creatable_vgpu_types,644 current_vgpu_type,444 gpu_instance_id,444 placement_id,644 vgpu_params' 'the files of a VF'
is "$(creatable "$V0" | wc -l) $(creatable "$V0" | sed -n '1p;2p' | paste -sd,)" '23 ID    : vGPU Name,555   : NVIDIA A40-1B' 'all types, with a header'
ctl spelling bare
is "$(creatable "$V0" | wc -l) $(creatable "$V0" | head -1)" '22 555 : NVIDIA A40-1B' '... without'
ctl spelling name-first
is "$(creatable "$V0" | head -1)" 'NVIDIA A40-1B 555' '... the other way round'
ctl spelling header
is "$(place "$V0" placement_id) $(place "$V0" gpu_instance_id)" "$ENXIO $ENXIO" 'no place without a vGPU'
is "$(w x=1 "$(own "$V0")/vgpu_params")" "$ENXIO" '... and no parameters'
is "$(set_type "$V0" 0x22f) $(set_type "$V0" 9999) $(set_type "$V0" x) $(current "$V0")" \
	"$EINVAL $EINVAL $EINVAL 0" 'what is no type is refused, and the value stays'
is "$(set_type "$V0" 565)$(current "$V0")" ok565 'a type is set'
is "$(set_type "$V0" 555) $(current "$V0")" "$EBUSY 565" 'a VF that has one refuses, and keeps it'
is "$(creatable "$V0")" '' '... and offers none'
is "$(ids "$V1")" '565 575' 'others offer what has the same framebuffer'
is "$(set_type "$V1" 555) $(current "$V1")" "$EIO 0" '... and refuse others'
is "$(set_type "$V1" 575)$(creatable "$V2")" ok 'a full GPU offers nothing'
is "$(set_type "$V2" 565)" "$EIO" '... and refuses'
is "$(place "$V0" placement_id)$(place "$V0" gpu_instance_id)" '' 'no place to speak of in equal-size mode'
is "$(w 'disable_vnc=1,enable_uvm=1\n' "$(own "$V0")/vgpu_params")$(cat "$(own "$V0")/vgpu_params")" okdisable_vnc=1,enable_uvm=1 'parameters are kept'
is "$(w 'frame_rate_limiter=0' "$(own "$V0")/vgpu_params")$(cat "$(own "$V0")/vgpu_params")" okframe_rate_limiter=0 '... replaced by others'
is "$(w "$(head -c 1024 /dev/zero | tr '\0' x)" "$(own "$V0")/vgpu_params") $(cat "$(own "$V0")/vgpu_params")" "$EINVAL frame_rate_limiter=0" '... unless they are too long'
is "$(w ' ' "$(own "$V0")/vgpu_params")$(cat "$(own "$V0")/vgpu_params")" ok '... cleared by a blank'
w x=1 "$(own "$V0")/vgpu_params" >/dev/null
ctl hold-vf "$V0"
is "$(set_type "$V0" 0) $(current "$V0")" "$EBUSY 565" 'a VF in use keeps its type'
is "$(status vgpu -q) $(value 'Active vGPUs') $(value 'vGPU Type') $(value 'MDEV UUID')" '0 1,0 565 ' 'nvidia-smi shows it, without an mdev'
ctl release-vf "$V0"
is "$(set_type "$V0" 0)$(set_type "$V0" 565)$(cat "$(own "$V0")/vgpu_params")" okok 'no longer in use it lets go, and its parameters are lost'
ctl release lax 2
ctl hold-vf "$V0"
is "$(set_type "$V0" 0) $(set_type "$V0" 0) $(set_type "$V0" 0) $(current "$V0")" "$EBUSY $EBUSY ok 0" 'release lax: the third try succeeds'
ctl release late 1
set_type "$V0" 565 >/dev/null
is "$(set_type "$V0" 0)" "$EBUSY" 'release late: not while it is in use'
ctl release-vf "$V0"
is "$(set_type "$V0" 0) $(set_type "$V0" 0) $(current "$V0")" "$EBUSY ok 0" '... and one try longer'
ctl release strict
ctl errno full ENOSPC
is "$(set_type "$V2" 555)" 'No space left on device' 'the errno of a full GPU can be set'
ctl errno full off
ctl newline strict
is "$(set_type "$V2" '565\n') $(set_type "$V2" 565)" "$EINVAL ok" 'no newline'
ctl fail create 1 EIO after
set_type "$V2" 0 >/dev/null
is "$(set_type "$V2" 565) $(current "$V2")" "$EIO 565" 'a write that fails afterwards'
manage -d $G >/dev/null; manage -e $G >/dev/null
is "$(current "$V0")$(current "$V1")" 00 'types are lost with the VFs'

# --- mixed-size mode
is "$(set_type "$V0" 562)$(set_type "$V1" 575)" "ok$EIO" 'equal-size mode refuses another size'
is "$(status vgpu -i 00000000:67:00.0 -shm 1) $(cat "$top/smi")" \
	'19 Unable to set vGPU heterogeneous mode for GPU 00000000:67:00.0: In use by another client' 'no other mode as long as there is a vGPU'
set_type "$V0" 0 >/dev/null
is "$(status vgpu -i 0 -shm 1)" 0 'mixed-size mode'
is "$(status -q -i 0) $(value 'vGPU Heterogeneous Mode')" '0 Enabled' '... is on'
is "$(status -q) $(value 'vGPU Heterogeneous Mode')" '0 Enabled,Disabled' '... for one GPU'
is "$(set_type "$V0" 562)$(place "$V0" placement_id)" ok0 'the first has the first place'
is "$(set_type "$V1" 565)$(place "$V1" placement_id)" ok24 '... another size another'
is "$(place "$V1" gpu_instance_id)" '' '... without an instance'
is "$(ids "$V2")" '555 556 557 558 559 560 561 562 563 567 568 569 570 571 572 573' 'what fits is offered'
is "$(set_type "$V2" 564)" "$EIO" '... and nothing else'
smi vgpu -i 0 -c -v >"$top/smi"
is "$(grep -A15 'NVIDIA A40-8Q' "$top/smi" | sed -n 's/.*Creatable Placement IDs *: //p')" 12 'its places'
is "$(w vgpu-placement-id=12 "$(own "$V0")/vgpu_params")$(place "$V0" placement_id)" ok12 'a place can be asked for'
is "$(w vgpu-placement-id=8 "$(own "$V0")/vgpu_params")$(place "$V0" placement_id)" ok12 'a wrong one is accepted'
t '... but no VM starts' fails ctl hold-vf "$V0"
is "$(w ' ' "$(own "$V0")/vgpu_params")" ok '... until it is cleared'
t '... when one does' ctl hold-vf "$V0"
ctl release-vf "$V0"
is "$(w vgpu-placement-id=24 "$(own "$V0")/vgpu_params")" ok 'one that another vGPU has'
t '... is wrong as well' fails ctl hold-vf "$V0"
manage -d $G >/dev/null; manage -e $G >/dev/null
is "$(status -q -i 0) $(value 'vGPU Heterogeneous Mode')" '0 Disabled' 'a change of VFs ends mixed-size mode'
smi vgpu -i 0 -shm 1 >/dev/null
ctl reboot
is "$(status -q -i 0) $(value 'vGPU Heterogeneous Mode')" '0 Disabled' '... and so does a reboot'
stop

# Every table's own maxima, by what nvidia-smi says of places.
for table in a10 a40 l4 l40s; do
	cat >"$top/$table.host" <<EOF
types t $here/types/$table.csv
gpu 0000:67:00.0 port=0000:66:01.0 vfs=32 framebuffer=1 types=t framework=mdev
EOF
	"$sim" --nvidia-smi "$top/$table.host" "$d" || exit 1
	smi vgpu -s -v | awk -F ' *: ' '
		$1 ~ /^ *Name$/ { name = $2 }
		$1 ~ /Placement Size$/ { size = $2 }
		$1 ~ /Supported Placement IDs$/ {
			n = split($2, id, " ")
			for (i = 2; i <= n; i++)
				if (id[i] - id[i - 1] < size)
					n = -1
			if (id[1] != "N/A")
				print name "," n
		}' | sort >"$top/got"
	awk -F, '/^[0-9]/ && $5 { print $2 "," $5 }' "$here/types/$table.csv" | sort >"$top/wanted"
	t "$table: as many places as the table has maxima" cmp "$top/got" "$top/wanted"
	[ $table = l4 ] && is "$(smi vgpu -s -v | grep -A15 'L4-6Q' | sed -n 's/.*Supported Placement IDs *: //p')" '0 6 12 18' 'the places of an L4-6Q'
	[ $table = a40 ] && {
		manage -e ALL >/dev/null
		is "$(many 0000:67:00.0 562)$(many 0000:67:00.0 557)" 632 'A40-8Q and A40-1Q in equal-size mode'
		smi vgpu -shm 1 >/dev/null
		is "$(many 0000:67:00.0 562) $(many 0000:67:00.0 557) $(many 0000:67:00.0 565)" '4 30 2' '... and in mixed-size mode'
		create $A "$(vf 0000:67:00.0 0)" 562 >/dev/null
		is "$(avail "$(vf 0000:67:00.0 0)" 565)$(avail "$(vf 0000:67:00.0 1)" 565)$(avail "$(vf 0000:67:00.0 1)" 566)" 010 'available_instances follows'
		is "$(params $A 'vgpu-placement-id=7')" ok 'a wrong place of an mdev'
		t '... does not start' fails ctl busy $A vm
		is "$(params $A 'disable_vnc=1, vgpu-placement-id=36')" ok 'a right one'
		t '... does' ctl busy $A vm
		is "$(status vgpu -q) $(value 'Placement ID')" '0 36' '... where it is wanted'
	}
	stop
done

# --- MIG
start a100-mig
G=0000:07:00.0
is "$(status mig -i 0 -lgi) $(cat "$top/smi")" '6 No GPU instances found: Not Found' 'no instances at first'
is "$(status mig -cgi 9,19,14,19 -C -i 0)" 0 'instances can be made'
is "$(smi mig -lgi -i 0 | sed -n 's/.*MIG  *\([^ ]*\)  *\([0-9]*\)  *\([0-9]*\)  *\([0-9:]*\) .*/\1 \2 \3 \4/p' | paste -sd,)" \
	'1g.5gb 19 9 2:1,1g.5gb 19 10 3:1,2g.10gb 14 3 0:2,3g.20gb 9 2 4:4' '... each at its place'
manage -e ALL >/dev/null
is "$(status mig -i 0 -lgi)" 6 'enabling VFs wipes them'
P0=$(vf $G 0) P1=$(vf $G 1)
is "$(avail "$P0" 463)$(avail "$P0" 457)" 00 'without instances, nothing is to be had'
is "$(create $A "$P0" 463)" "$EIO" '... and nothing is made'
smi mig -i 0 -cgi 19,1g.5gb+me,14 >/dev/null
is "$(avail "$P0" 463)$(avail "$P0" 704)$(avail "$P0" 464)$(avail "$P0" 465)$(avail "$P0" 462)" 11100 'instances make types available'
is "$(create $A "$P0" 463)$(avail "$P1" 463) $(create $B "$P1" 463)" "ok0 $EIO" 'one vGPU per instance'
is "$(create $B "$P1" 464)$(create $C "$(vf $G 2)" 704)" okok 'sizes do not matter'
is "$(create "$(uuid 1)" "$(vf $G 3)" 462)" "$EIO" 'time-sliced types do'
is "$(status mig -i 0 -cgi 20) $(tail -1 "$top/smi")" '23 Failed to create GPU instances: Insufficient Resources' 'one +me per GPU'
is "$(status mig -i 0 -cgi 99)" 2 'an unknown profile'
is "$(status mig -i 0 -cgi 19,14,0) $(smi mig -i 0 -lgi | grep -c 1g.5gb\ )" '23 2' 'those before the one that fails stay'
is "$(remove $A)$(avail "$P0" 463)" ok1 'the instance outlives its vGPU'
ctl busy $B vm
is "$(status vgpu -q -i 0) $(value 'GPU Instance ID') $(value 'Placement ID')" '0 4 0' 'nvidia-smi tells the instance'
ctl idle $B
is "$(status -i 0 -mig 0)" 19 'MIG mode does not end while VFs are on'
is "$(status vgpu -i 0 -shm 1) $(status -q -i 0) $(value 'vGPU Heterogeneous Mode')" '3 0 N/A' 'no mixed-size mode with MIG'
manage -d $G >/dev/null
is "$(status -i 0 -mig 0) $(tail -1 "$top/smi")" '0 All done.' '... but without'
is "$(status -q) $(value Current | cut -d, -f1,5)" '0 Disabled,Enabled' '... for one GPU'
is "$(status mig -i 0 -lgip) $(cat "$top/smi")" '6 No MIG-enabled devices found.' '... which then has no instances'
manage -e $G >/dev/null
is "$(avail "$P0" 463)$(avail "$P0" 462)$(create $A "$P0" 462)" 01ok 'time-sliced types are back'
is "$(status -i 0 -mig 1) $(status -q -i 0) $(value Current | cut -d, -f1) $(value Pending | cut -d, -f1)" \
	'0 0 Disabled Enabled' 'with a vGPU, MIG mode waits'
ctl reboot
is "$(status -q) $(value Current | cut -d, -f1,5)" '0 Enabled,Enabled' '... for a reboot, which it outlives here'
stop
start h100
G=0000:1b:00.0 V0=$(vf $G 0) V1=$(vf $G 1)
manage -e ALL >/dev/null
is "$(ids "$V0")" '9001 9002 9003 9004 9005 9006 9007 9008' 'time-sliced types'
smi -i 0000:1b:00.0 -mig 1 >/dev/null
is "$(creatable "$V0")" '' 'MIG without instances: nothing'
is "$(set_type "$V0" 1131) $(current "$V0")" "$EIO 0" '... can be made'
smi mig -i 0 -cgi 9,19 >/dev/null
is "$(ids "$V0")" '1131 1134' 'with instances: what they back'
is "$(set_type "$V0" 1134)$(place "$V0" gpu_instance_id)$(place "$V0" placement_id)" ok20 'the instance of a vGPU'
is "$(ids "$V1")" 1131 'the other is free'
ctl reboot
is "$(status -q -i 0) $(value Current | cut -d, -f1)" '0 Disabled' 'MIG mode does not outlive a reboot here'
stop

# --- nvidia-smi
start l40s-vfio
t 'a host without it' fails exists "$d/usr/bin"
t '... has no command for it' fails ctl nvidia-smi fail
stop
start a40-vfio
is "$(status -q -i 00000000:E8:00.0) $(grep -c ^GPU "$top/smi")" '0 1' 'a GPU by its full address'
for id in 1 0000:e8:00.0 e8:00.0 0:E8:0.0; do
	is "$(status -q -i $id) $(sed -n 's/^GPU //p' "$top/smi")" '0 00000000:E8:00.0' "... and as $id"
done
for id in 2 0000:e9:00.0 0001:e8:00.0 e8:00 nonsense; do
	is "$(status -q -i $id) $(cat "$top/smi")" '6 No devices were found' "no GPU $id"
done
is "$(status -q) $(value 'Product Name')" '0 NVIDIA A40,NVIDIA A40' 'all GPUs'
is "$(status vgpu -s -i 0) $(sed -n '2p' "$top/smi")" '0     NVIDIA A40-1B' 'types'
is "$(status vgpu -s -v -i 0) $(value 'vGPU Type ID' | cut -d, -f1-2) $(value 'Max Instances' | cut -d, -f1-2)" '0 0x22b,0x22c 32,24' '... in full'
is "$(status vgpu -c -i 0) $(wc -l <"$top/smi")" '0 1' 'nothing to be made without VFs'
is "$(status)$(status vgpu)$(status vgpu -shm 2)$(status --nonsense)" 2222 'bad arguments'
ctl unbind-pf 0000:e8:00.0
is "$(status -q -i 0000:e8:00.0)$(status -q)" 60 'a GPU without its driver is unknown'
ctl nvidia-smi fail 1
is "$(status -q)$(status -q)" 90 'a run that fails'
ctl nvidia-smi hang 1
(status -q -i 0 >"$top/hung") &
sleep 0.2
is "$(cat "$top/hung")" '' 'a run that hangs'
ctl nvidia-smi normal
wait $!
is "$(cat "$top/hung")" 0 '... until told otherwise'
ctl nvidia-smi missing
t 'no program' fails exists "$d/usr/bin/nvidia-smi"
ctl nvidia-smi normal
t '... and there it is' exists "$d/usr/bin/nvidia-smi"
ctl reset
ctl trace on
smi -q -i 0 >/dev/null; smi vgpu -s >/dev/null
is "$(counter nvidia-smi) $(ctl trace | grep '^run' | paste -sd,)" '2 run nvidia-smi -q -i 0,run nvidia-smi vgpu -s' 'runs are counted and traced'
ctl driver-version 545.23.06; ctl reboot
is "$(status -q -i 0) $(value 'vGPU Heterogeneous Mode')" '0 ' 'an old driver has no line for the mode'
ctl driver-version 595.58.02; ctl reboot
is "$(status -q -i 0) $(value 'Driver Version') $(grep -c '^Driver Version  *: ' "$top/smi") $(awk 'NR == 5 { print index($0, ":") }' "$top/smi")" '0 595.58.02 1 56' 'a new one has wide columns'
: >"$d/usr/bin/other"
stop
is "$(find "$d" -type f)" "$d/usr/bin/other" 'stop leaves what is not its own'

echo "1..$n"
[ $failed -eq 0 ]
