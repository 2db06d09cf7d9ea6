#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A host that was recorded, not made up: one A2 with 16 virtual functions and three vGPUs that
# somebody else made, whose mdev_type links dangle. Recordings are not part of this project:
# VGPUMGR_RECORDINGS names their directory.
needs_host=no
# shellcheck source=tests/cmd/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

tree=${VGPUMGR_RECORDINGS:-$top_srcdir/../shared/hosts}/a2-node.tree
[ -r "$tree" ] || skip "there is no recording $tree"
sh "$top_srcdir/tests/lib/lay-out-tree.sh" "$tree" "$root" || bail "$tree cannot be laid out"
before=$(find "$root" | sort | cksum)

expect 0 'gpus' gpus --json
json 'one A2 with 16 of 16 VFs and three vGPUs' '.gpus | length == 1 and (.[0] | .address == "0000:08:00.0" and (.model | test("A2")) and
	.numa_node == 0 and .driver == "nvidia" and .framework == "mdev" and .mode == "vgpu" and .sriov.total_vfs == 16 and .sriov.num_vfs == 16 and
	.framebuffer_mib == 16384 and .used_mib == 12288 and .vgpus == 3)'
is "$(wc -c <"$err")" 0 'without a word of complaint'
expect 0 'list' list --json
is "$(json_value '.vgpus[] | "\(.type_id) \(.profile) \(.vf) \(.state) \(.uuid)"')" "$(cat <<-'END'
	754 A2-4C 0000:08:00.4 foreign f715f63c-0d00-4007-9c5a-b07b0c6c05de
	751 A2-4A 0000:08:00.6 foreign 3deab9a4-200a-4c54-99b1-5eb0722d1d81
	746 A2-4Q 0000:08:02.0 foreign c728e022-f16f-434b-ad2c-9665ee634d3d
END
)" 'three foreign vGPUs, each with its profile'
for id in 746 751 754; do
	is "$(json_value ".vgpus[] | select(.type_id == $id) | .type_name")" \
		"$(awk -F, -v id=$id '$1 == id { print $2 }' "$top_srcdir/tests/sim/types/a2.csv")" "type $id is called so on other hosts, too"
done
is "$(wc -c <"$err")" 0 'without a word of complaint'
expect 0 'types' types --json
is "$(json_value '.types[] | "\(.type_ids[0]),\(.type_name),\(.framebuffer_mib),\(.max_instances)"' | sort)" \
	"$(tail -n +2 "$top_srcdir/tests/sim/types/a2.csv" | cut -d, -f1-4 | sort)" 'all 15 types, as other hosts have them'
expect 0 'capacity' capacity --json
json 'one more of 4 GB, of any series, and of no other size' \
	'all(.capacity[]; if .profile | test("-4[QAC]$") then .free == 1 else .free == 0 and .per_gpu[0].limit == "other-size" end) and (.capacity | length == 15)'
run capacity A2-4Q A2-4A A2-4C A2-8Q -q
is "$(paste -sd, "$out")" 1,1,1,0 'in numbers'
expect 0 'check: foreign vGPUs alone are no failure' check
expect 0 'sriov status' sriov status
expect 0 'show, with a UUID' show f715f63c
prints 'tells its profile and VF' A2-4C '0000:08:00\.4'
expect 0 'show, with a GPU' show 08:00.0
is "$(grep -c '^[0-9a-f]\{8\}-' "$out")" 3 'tells of all three'
expect 0 'create --dry-run finds the only place' --dry-run create A2-4Q --vm a
prints 'on the VF that shows its types' 0000:08:01.7
expect 4 'a second one has none' --dry-run create A2-4Q --vm a --count 2
expect 5 'sriov disable is refused' --dry-run sriov disable 08:00.0
expect 5 'remove, too' remove f715f63c-0d00-4007-9c5a-b07b0c6c05de
is "$(find "$root" | sort | cksum)" "$before" 'nothing was made or removed by any of these'
done_testing
