#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A GPU from before SR-IOV: its vGPUs are made on the GPU itself, several of them.
# shellcheck source=tests/cmd/lib.sh
. "$(dirname "$0")/lib.sh"

T=0000:3b:00.0
F=ffffffff-0000-4000-8000-000000000001

host t4
expect 0 'capacity of an empty one' capacity T4-4Q --json
json 'is what its driver says' '.capacity[0] | .free == 4 and .per_gpu == [{"gpu": "0000:3b:00.0", "free": 4, "limit": "max-instance"}]'
run capacity T4-8Q T4-16Q T4-1Q -q
is "$(paste -sd' ' "$out")" '2 1 16' 'and of each size'
run gpus --json
json 'it is an mdev parent without virtual functions' '.gpus[0] | .framework == "mdev" and .mode == "vgpu" and
	.sriov == {"total_vfs": 0, "num_vfs": 0, "wanted": 0, "state": "unsupported"} and .framebuffer_mib == 16384'
expect 5 'there are none to be enabled' sriov enable $T
says 'and it says so' "$T .*(no SR-IOV|has no virtual functions|unsupported)"

uuid_of create T4-4Q --vm a
a=$uuid
run create T4-4Q --vm a
is "$(cat "$out")" "$a" 'repeated, create prints the same'
expect 0 'several on one GPU' create T4-4Q --vm b --count 2
run list --json
json 'all on the GPU itself' '[.vgpus[] | [.gpu, .vf, .state]] | unique == [["0000:3b:00.0", "0000:3b:00.0", "active"]]'
foreign_dir=$(for dir in "$sys/bus/pci/devices/$T/mdev_supported_types"/*; do
	[ "$(cat "$dir/name")" = 'GRID T4-4Q' ] && echo "$dir"
done)
echo $F >"$foreign_dir/create"
run capacity T4-4Q --json
json 'the foreign one counts' '.capacity[0] | .free == 0 and .per_gpu[0].limit == "max-instance"'
run capacity T4-8Q --json
json 'and the GPU is committed to a size' '.capacity[0].per_gpu[0] | .free == 0 and .limit == "other-size"'
expect 4 'to the brim: the next is refused' create T4-4Q --vm c
says 'with the limit' "$T max-instance"
is "$(record)" "$(kernel | grep -v "^$F")" 'record and kernel agree, but for the foreign one'

before=$(identities)
ctl reboot
is "$(kernel)" '' 'a reboot takes them all'
expect 0 'reconcile brings them back' reconcile
is "$(identities)" "$(grep -v foreign <<<"$before")" 'the same, where they were'
sum="$(generation) $(kernel)"
expect 0 'again' reconcile
is "$(generation) $(kernel)" "$sum" 'and nothing is written'
expect 0 'stop one' stop "$a"
t 'it is gone from the kernel' fails live "$a"
expect 0 'start it' start "$a"
t 'it is live' live "$a"
expect 0 'remove all of b' remove --vm b
is "$(kernel | cut -d' ' -f1)" "$a" 'the other stays'

# a vGPU that hangs there is seen
ctl stick "$a"
is "$(state_shown "$a")" stuck 'one that hangs is told from one that is gone'
ctl unstick "$a"
expect 0 'and made again once it is gone' reconcile
t 'it is live' live "$a"

# its types come late
ctl reboot
ctl hide "class/mdev_bus/$T"
expect 7 'without types' reconcile
prints 'it says what is missing' 'shows (no )?vGPU types'
ctl show "class/mdev_bus/$T"
expect 0 'with them' reconcile
t 'it is live' live "$a"
done_testing
