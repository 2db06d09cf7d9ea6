#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The main job on eight A40: virtual functions on, vGPUs made, found again, and refused.
# shellcheck source=tests/cmd/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

U1=aaaaaaaa-0000-4000-8000-000000000001
U2=aaaaaaaa-0000-4000-8000-000000000002
VM1=bbbbbbbb-0000-4000-8000-000000000001
VM2=bbbbbbbb-0000-4000-8000-000000000002
pfs='0000:67:00.0 0000:68:00.0 0000:6a:00.0 0000:6b:00.0 0000:e5:00.0 0000:e6:00.0 0000:e7:00.0 0000:e8:00.0'
gpu_of() { sql "SELECT gpu FROM vgpu WHERE vm = '$1' ORDER BY slot"; }

host a40x8

# --- before virtual functions are on
expect 0 'capacity with the virtual functions off is no error' capacity A40-24A -q
is "$(cat "$out")" 0 'capacity with the virtual functions off is 0'
expect 0 'capacity --json with the virtual functions off' capacity A40-24A --json
json 'its limit is sriov-off on every GPU' \
	'.capacity[0] | .free == 0 and (.per_gpu | length == 8) and all(.per_gpu[]; .free == 0 and .limit == "sriov-off")'
expect 4 'create with the virtual functions off is "no capacity"' create A40-24A --vm sss
says 'it tells the command that enables them' 'hint: .*vgpumgr sriov enable'
is "$(counter create)" 0 'nothing was tried'

# --- on
expect 0 'sriov enable all' sriov enable all
expect 0 'sriov status --json' sriov status --json
json 'all eight GPUs have all 32 VFs, wanted and on' \
	'[.gpus[].address] == ($pfs | split(" ")) and all(.gpus[]; .total_vfs == 32 and .num_vfs == 32 and .wanted == 32 and .state == "on")' \
	--arg pfs "$pfs"
is "$(find "$sys/class/mdev_bus/" -mindepth 1 -maxdepth 1 | wc -l)" 256 'the kernel has 256 of them'
expect 0 'types' types
is "$(grep -c A40- "$out")" 22 'types is 22 rows, not 5,632'
run types --json
json 'each profile once, offered by eight GPUs' \
	'([.types[].profile] | length == 22 and length == (unique | length)) and all(.types[]; .gpus | length == 8)'
run capacity A40-24A -q
is "$(cat "$out")" 16 'capacity A40-24A -q prints just 16'
run capacity A40-24A A40-1Q A40-48Q -q
is "$(paste -sd, "$out")" 16,256,8 'with three profiles: three numbers, a line each'

# --- one create, and again
generation_before=$(generation)
expect 0 'create A40-24A --vm sss' create A40-24A --vm sss
is "$(grep -cxE '[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}' "$out")$(wc -l <"$out")" 11 \
	'it prints one UUID and nothing else'
first=$(cat "$out")
says 'it says which empty GPU it commits to a size, and how many remain' \
	'0000:67:00\.0 .*24576 MiB' 'left: 7'
t 'the device is there' live "$first"
is "$(cat "$sys/bus/mdev/devices/$first/mdev_type/name")" 'NVIDIA A40-24A' 'it is of the profile'
is "$(basename "$(dirname "$(readlink -f "$sys/bus/mdev/devices/$first")")")" 0000:67:00.4 \
	'it is on the first VF of the first GPU'
t 'the record grew older by it' [ "$(generation)" -gt "$generation_before" ]
is "$(stat -c %a "$root/var/lib/vgpumgr" "$db" "$root/var/lib/vgpumgr/backup.json" "$root/run/vgpumgr/inventory.json" | paste -sd,)" \
	700,600,600,644 'store 0600 in 0700, backup 0600, inventory 0644'
is "$(jq .generation "$root/var/lib/vgpumgr/backup.json")" "$(generation)" 'backup.json is of the same generation'
is "$(jq -r '.vgpus[].uuid' "$root/run/vgpumgr/inventory.json")" "$first" 'the inventory is published'
run capacity A40-24A -q
is "$(cat "$out")" 15 'capacity is 15 after one create'

before=$(record_sum)
ctl reset
expect 0 'the same create again exits 0' create A40-24A --vm sss
is "$(cat "$out")" "$first" 'and prints the same UUID'
expect 0 'also with the full name, in another case, and slot 0' create 'nvidia a40-24a' --vm sss --slot 0
is "$(cat "$out")" "$first" 'the same UUID'
run create 575 --vm sss --gpu 67:00.0 --vf 0:67:0.4 --uuid "${first^^}"
is "$status $(cat "$out")" "0 $first" 'and with everything else that is true of it, in other spellings'
run create nvidia-575 --vm sss --policy depth
is "$status $(cat "$out")" "0 $first" 'another policy is no conflict'
is "$(counter write)" 0 'the kernel was not written to'
is "$(record_sum)" "$before" 'record, backup and inventory are the same files still'

# --- conflicts
while read -r option value; do
	expect 5 "create again with another $option is a conflict" create A40-24A --vm sss "$option" "$value"
	is "$(cat "$out")" '' "$option: no UUID is printed"
done <<-END
	--uuid $U2
	--gpu 0000:e8:00.0
	--vf 0000:67:00.5
	--vm-uuid $VM2
END
expect 5 'create again with another profile is a conflict' create A40-24Q --vm sss
says 'the message names what it has and what was asked for' A40-24A A40-24Q 'hint: '
expect 5 'a UUID on record cannot be taken again' create A40-24A --vm other --uuid "$first"
foreign $U1 0000:e8:00.4 A40-24A
expect 5 'nor one that is live' create A40-24A --vm other --uuid $U1
run create A40-24A --vm other --uuid $U1 --json
error_json conflict 5 'a conflict by --json'
is "$(record_sum)" "$before" 'none of these changed the record'
is "$(counter write)" 1 'nor wrote to the kernel: the one write made the foreign one'
run capacity A40-24A --json
json 'the foreign vGPU counts' '.capacity[0] | .free == 14 and (.per_gpu[] | select(.gpu == "0000:e8:00.0") | .free) == 1'
echo 1 >"$sys/bus/mdev/devices/$U1/remove"

# --- until it is full, breadth first
for i in $(seq 2 16); do
	must create A40-24A --vm "s$i"
done
is "$(sql "SELECT gpu FROM vgpu ORDER BY id LIMIT 8" | paste -sd' ')" "$pfs" \
	'breadth: the first eight are on eight GPUs, by address'
is "$(sql "SELECT gpu FROM vgpu ORDER BY id LIMIT 8 OFFSET 8" | paste -sd' ')" "$pfs" \
	'breadth: the second eight too'
agree 'sixteen are recorded and live'
is "$(kernel | wc -l)" 16 'sixteen it is'
before=$(record_sum)
expect 4 'the 17th is "no capacity"' create A40-24A --vm s17
is "$(cat "$out")" '' 'it prints no UUID'
for pf in $pfs; do
	says "it says why $pf takes no more" "$pf max-instance: .*2 of at most 2"
done
says 'it says what to do' 'hint: .*vgpumgr list'
expect 4 'the 17th by --json' create A40-24A --vm s17 --json
error_json no-capacity 4 'the error document says no-capacity'
json 'and the limit of every GPU' \
	'.error.per_gpu | length == 8 and all(.[]; .free == 0 and .limit == "max-instance")'
expect 4 'another size does not fit either' create A40-1Q --vm s17
says 'because the GPUs are committed' '0000:67:00\.0 other-size: .*24576 MiB'
expect 4 'nor another series of the same size' create A40-24Q --vm s17
is "$(record_sum)" "$before" 'none of these changed the record'
run capacity A40-24A A40-24Q A40-1Q -q
is "$(paste -sd, "$out")" 0,0,0 'capacity is 0 now and that is no error'
is $status 0 'capacity of 0 exits 0'

# --- slots and counts
host a40x8
must sriov enable all
expect 0 'create --count 3' create A40-12Q --vm many --count 3
is "$(wc -l <"$out")" 3 'prints three UUIDs'
three=$(cat "$out")
is "$(sql "SELECT uuid FROM vgpu WHERE vm = 'many' ORDER BY slot")" "$three" 'in slot order'
is "$(sql "SELECT slot FROM vgpu WHERE vm = 'many' ORDER BY slot" | paste -sd,)" 0,1,2 'slots 0 to 2'
expect 0 'create --count 5 keeps these' create A40-12Q --vm many --count 5
is "$(head -3 "$out")" "$three" 'the first three are the same'
is "$(wc -l <"$out") $(kernel | wc -l)" '5 5' 'and two are new'
ctl reset
before=$(record_sum)
expect 0 'create --count 2 of five' create A40-12Q --vm many --count 2
is "$(cat "$out")" "$(echo "$three" | head -2)" 'prints the first two'
is "$(counter write) $(record_sum)" "0 $before" 'and changes nothing'
uuid_of create A40-12Q --vm many --slot 9
is "$(sql "SELECT uuid FROM vgpu WHERE vm = 'many' AND slot = 9")" "$uuid" '--slot 9 is slot 9'
run create A40-12Q --vm many --slot 9
is "$(cat "$out")" "$uuid" 'and again'
uuid_of create A40-12Q --vm named --uuid "${U2^^}" --vm-uuid "${VM1^^}"
is "$(sql "SELECT uuid || ' ' || vm_uuid FROM vgpu WHERE vm = 'named'")" "$U2 $VM1" '--uuid and --vm-uuid, in small letters'
run create A40-12Q --vm named --vm-uuid $VM1
is "$status $(cat "$out")" "0 $U2" 'again with the same VM UUID'
expect 5 'a new VM of the same name does not inherit' create A40-12Q --vm named --vm-uuid $VM2
agree 'all that is recorded is live'

before=$(kernel) records=$(sql 'SELECT uuid FROM vgpu ORDER BY 1')
ctl fail create 3 EIO
run create A40-12Q --vm undone --count 4
t 'where one of four fails, create fails' [ $status -ne 0 ]
is "$(cat "$out")" '' 'it prints no UUID'
is "$(kernel)" "$before" 'the other three are taken back'
is "$(sql 'SELECT uuid FROM vgpu ORDER BY 1')" "$records" 'their records too'
says 'the message names the file and the errno' '/create: .*Input/output error'
ctl fail off
must create A40-12Q --vm undone --count 1
kept=$(cat "$out")
ctl fail create 2 EIO
run create A40-12Q --vm undone --count 3
is "$(sql "SELECT uuid FROM vgpu WHERE vm = 'undone'")" "$kept" 'what was there before the failing call is kept'
t 'and live' live "$kept"
ctl fail off
must create A40-12Q --vm undone --count 3
agree 'after that the same call works'
before=$(record_sum)
expect 4 'a count that does not fit is refused as a whole' create A40-12Q --vm toomany --count 40
is "$(record_sum)" "$before" 'and nothing is recorded'

# --- where
host a40x8
must sriov enable all
must create A40-24A --vm gpu --gpu e6:00.0
is "$(gpu_of gpu)" 0000:e6:00.0 '--gpu chooses the GPU'
must create A40-24A --vm vf --vf E7:02.3
is "$(sql "SELECT vf FROM vgpu WHERE vm = 'vf'")" 0000:e7:02.3 '--vf chooses the VF'
t 'the kernel has it there' [ -d "$sys/bus/pci/devices/0000:e7:02.3/$(sql "SELECT uuid FROM vgpu WHERE vm = 'vf'")" ]
must create A40-24A --vm numa --numa 1
is "$(gpu_of numa)" 0000:e5:00.0 '--numa 1 chooses a GPU of that node'
expect 4 'a VF that is taken is "no capacity"' create A40-24A --vm vf2 --vf e7:02.3
expect 4 'a NUMA node without GPU too' create A40-24A --vm numa2 --numa 7
expect 3 'a GPU that is not there is "not found"' create A40-24A --vm gpu2 --gpu 0000:99:00.0
expect 3 'a VF that is not there too' create A40-24A --vm vf2 --vf 0000:99:00.4
expect 2 '--slot and --count exclude each other' create A40-24A --vm x --slot 1 --count 2
for i in 1 2 3 4; do
	must create A40-12Q --vm "d$i" --policy depth --numa 0
done
is "$(sql "SELECT DISTINCT gpu FROM vgpu WHERE vm LIKE 'd_'")" 0000:67:00.0 'depth fills one GPU before the next'
must create A40-12Q --vm d5 --policy depth --numa 0
is "$(gpu_of d5)" 0000:68:00.0 'when that is full, the next by address'
mkdir -p "$root/etc/vgpumgr"
echo 'policy = "depth";' >"$root/etc/vgpumgr/vgpumgr.conf"
must create A40-12Q --vm d6 --numa 0
is "$(gpu_of d6)" 0000:68:00.0 'the config sets the policy'
must create A40-12Q --vm d7 --numa 0 --policy breadth
is "$(gpu_of d7)" 0000:6a:00.0 'the option outranks the config'
expect 0 'fit' create A40-12Q --vm d8 --numa 0 --policy fit --dry-run
prints 'commits no empty GPU while there is room' ' of 0000:68:00.0 for d8 '
echo 'exclude_gpus = [ "0000:6B:00.0", "6a:00.0" ];' >"$root/etc/vgpumgr/vgpumgr.conf"
must create A40-12Q --vm d8 --numa 0
is "$(gpu_of d8)" 0000:68:00.0 'excluded GPUs take no new vGPUs'
expect 4 'not even when asked for' create A40-12Q --vm d9 --gpu 6b:00.0
says 'and the limit says so' '0000:6b:00\.0 excluded: '
run capacity A40-12Q --json
json 'capacity too' '.capacity[0].per_gpu[] | select(.gpu == "0000:6b:00.0") | .free == 0 and .limit == "excluded"'
rm "$root/etc/vgpumgr/vgpumgr.conf"

# --- the driver's word wins
host small
must sriov enable all
ctl lie 0000:e8:00.0 0
run capacity A40-24A --json
json 'where the driver says 0, it is 0, by limit driver' \
	'.capacity[0] | .free == 2 and (.per_gpu[] | select(.gpu == "0000:e8:00.0") | .free == 0 and .limit == "driver")'
expect 4 'create there is refused' create A40-24A --vm a --gpu e8:00.0
says 'with that limit' '0000:e8:00\.0 driver: '
must create A40-24A --vm a --count 2
is "$(gpu_of a | sort -u)" 0000:67:00.0 'others are used'
ctl lie 0000:e8:00.0 off
ctl errno full EIO
foreign $U1 0000:e8:00.4 A40-8Q
expect 4 'a GPU that is committed by a foreign vGPU is full' create A40-24A --vm b
agree_not_foreign=$(kernel | grep -v $U1)
is "$(record)" "$agree_not_foreign" 'nothing is left behind'
ctl errno full ENOSPC
must create A40-8Q --vm c
is "$(gpu_of c)" 0000:e8:00.0 'the same size goes where the foreign one is'
ctl fail create 1 EIO
run create A40-8Q --vm d
t 'a create that the driver fails does fail' [ $status -ne 0 ]
is "$(sql "SELECT count(*) FROM vgpu WHERE vm = 'd'")" 0 'its record is gone'
must create A40-8Q --vm d
t 'and the next works' live "$(cat "$out")"
done_testing
