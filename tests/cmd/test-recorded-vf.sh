#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a real L40S shows on one virtual function under NVIDIA's vendor-specific VFIO framework.
# Recordings are not part of this project: VGPUMGR_RECORDINGS names their directory.
needs_host=no
# shellcheck source=tests/cmd/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

tree=${VGPUMGR_RECORDINGS:-$top_srcdir/../shared/hosts}/l40s-vf.tree
[ -r "$tree" ] || skip "there is no recording $tree"
lay_out() { sh "$top_srcdir/tests/lib/lay-out-tree.sh" "$1" "$root" || bail "$1 cannot be laid out"; }

# --- on its own: a directory of a function that has no vendor, no GPU and no driver
lay_out "$tree"
expect 0 'what nobody can tell to be a GPU is none: gpus' gpus --json
json 'there is no GPU' '.gpus == []'
expect 0 'list' list --json
json 'no vGPU' '.vgpus == []'
expect 0 'types' types --json
json 'and no type' '.types == []'
expect 3 'no profile is found' capacity L40S-24Q

# --- below a GPU, as on the host that it was recorded on; of its 32 VFs there is this one
cat >"$top/gpu.tree" <<'END'
sys/bus/pci/devices/0000:26:00.0/vendor = 0x10de
sys/bus/pci/devices/0000:26:00.0/device = 0x26b9
sys/bus/pci/devices/0000:26:00.0/class = 0x030200
sys/bus/pci/devices/0000:26:00.0/numa_node = 0
sys/bus/pci/devices/0000:26:00.0/sriov_totalvfs = 32
sys/bus/pci/devices/0000:26:00.0/sriov_numvfs = 1
sys/bus/pci/devices/0000:26:00.0/driver -> ../../drivers/nvidia
sys/bus/pci/devices/0000:26:00.0/virtfn0 -> ../0000:26:00.4
sys/bus/pci/devices/0000:26:00.4/physfn -> ../0000:26:00.0
sys/bus/pci/devices/0000:26:00.4/vendor = 0x10de
sys/bus/pci/devices/0000:26:00.4/device = 0x26b9
sys/bus/pci/devices/0000:26:00.4/class = 0x030200
sys/bus/pci/devices/0000:26:00.4/driver -> ../../drivers/nvidia
sys/bus/pci/drivers/nvidia/0000:26:00.0 -> ../../devices/0000:26:00.0
sys/bus/pci/drivers/nvidia/0000:26:00.4 -> ../../devices/0000:26:00.4
proc/sys/kernel/random/boot_id = 6b1a3f38-5d0c-4d0a-9c57-3b8f7f6f2d11
END
lay_out "$top/gpu.tree"
before=$(find "$root" | sort | cksum)
expect 0 'gpus' gpus --json
json 'one L40S of this framework' '.gpus | length == 1 and (.[0] | .address == "0000:26:00.0" and
	.framework == "vfio" and .mode == "vgpu" and .sriov.total_vfs == 32 and .sriov.num_vfs == 1 and .vgpus == 0)'
expect 0 'types' types --json
is "$(json_value '.types[] | "\(.type_ids[0]) \(.type_name)"' | sort -n)" \
	"$(sed -n 's/^| \([0-9]*\) *: /\1 /p' "$tree" | sort -n)" 'all 23 types, as they are listed'
json 'with what is known of them; of one, that is nothing' '([.types[] | select(.framebuffer_mib == null)] | map(.profile)) == ["L40S-3B"] and
	(.types[] | select(.profile == "L40S-6A") | .framebuffer_mib == 6144 and .max_instances == 8 and .free == 1)'
is "$(wc -c <"$err")" 0 'without a word of complaint'
expect 0 'capacity' capacity --json
json 'one of each, since there is one VF' '(.capacity | length == 23) and
	all(.capacity[]; if .profile == "L40S-3B" then .free == 0 and .per_gpu[0].limit == "unknown" else .free == 1 end)'
expect 0 'list' list --json
json 'nothing is made on it' '.vgpus == []'
expect 0 'create --dry-run finds it' --dry-run create L40S-24Q --vm a
prints 'by its address' 0000:26:00.4
expect 4 'it is the only one' --dry-run create L40S-24Q --vm a --count 2
is "$(find "$root" | sort | cksum)" "$before" 'nothing was made by any of these'

# --- with a vGPU on it, the list of what can be made is empty, as the user guide says
echo 1155 >"$root/sys/bus/pci/devices/0000:26:00.4/nvidia/current_vgpu_type"
: >"$root/sys/bus/pci/devices/0000:26:00.4/nvidia/creatable_vgpu_types"
expect 0 'list, with a vGPU' list --json
json 'it is somebody else'\''s' '.vgpus | length == 1 and (.[0] | .state == "foreign" and .type_id == 1155 and
	.vf == "0000:26:00.4" and .uuid == null)'
expect 0 'types' types
expect 0 'capacity of what cannot be told' capacity L40S-24Q --json
json 'is 0' '.capacity[0].free == 0'
done_testing
