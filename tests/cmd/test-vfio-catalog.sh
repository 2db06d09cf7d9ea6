#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Under vendor-specific VFIO a driver lists what can be made at the moment, which on a full GPU is
# nothing: what it offers at all is remembered.
# shellcheck source=tests/cmd/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

devices=$sys/bus/pci/devices
set_type() { printf %s "$2" >"$devices/$1/nvidia/current_vgpu_type"; }
vf_number() { basename "$(readlink "$devices/$1/virtfn$2")"; } # GPU N
remembered() { sql 'SELECT count(*) FROM catalog'; }
# N types are known, and of each what stops the next one of it
answers() { # N SENTENCE
	run types --json
	json "$2: types" '.types | length == $n' --argjson n "$1"
	run capacity --json
	json "$2: capacity" '(.capacity | length == $n) and all(.capacity[].per_gpu[]; .limit != "unknown" or (.gpu | length == 0))' --argjson n "$1"
}
# The simulated host's types but those of which the program knows no figures.
wanted=$(grep -cE '^[0-9]+,' "$top_srcdir/tests/sim/types/a40.csv")

# --- learnt as VFs are enabled
host a40-vfio
must sriov enable all
is "$(remembered)" "$wanted" 'sriov enable remembers what empty GPUs offer'
sum="$(generation) $(cksum <"$db")"
must sriov enable all
is "$(generation) $(cksum <"$db")" "$sum" 'once'
must create A40-48Q --vm a --count 2
answers "$wanted" 'on full GPUs'
run capacity A40-24Q A40-48Q --json
json 'with what stops the next one' '[.capacity[] | [.per_gpu[].limit] | unique] == [["other-size"], ["max-instance"]]'
sum="$(generation) $(cksum <"$db")"
expect 0 'reconcile' reconcile
is "$(generation) $(cksum <"$db")" "$sum" 'has nothing to add'

# --- another driver: at the first boot under it
ctl driver-version 580.65.06
ctl renumber 7
ctl reboot
expect 0 'reconcile, under another driver' reconcile
is "$(sql 'SELECT DISTINCT driver_version FROM catalog')" 580.65.06 'what it offers is remembered in the place of the old'
is "$(remembered)" "$wanted" 'all of it'
answers "$wanted" 'on GPUs that are full again'
run types --json
json 'with its numbers' '.types[] | select(.profile == "A40-1B") | .type_ids == [562]'
sum="$(generation) $(cksum <"$db")"
expect 0 'again' reconcile
is "$(generation) $(cksum <"$db")" "$sum" 'and nothing is written'

# --- a record that begins when GPUs are in use
host a40-vfio
t "VFs, enabled by others" "$root/usr/lib/nvidia/sriov-manage" -e ALL
set_type "$(vf_number 0000:67:00.0 0)" 562
set_type "$(vf_number 0000:e8:00.0 0)" 576
must create A40-8A --vm a
is "$(sql "SELECT group_concat(type_name) FROM (SELECT type_name FROM catalog ORDER BY type_id)")" 'NVIDIA A40-8Q,NVIDIA A40-8A' \
	'when it begins on GPUs in use, it knows what was to be seen'
must create A40-8A --vm b --count 4
run capacity A40-8Q A40-8A -q
is "$(paste -sd' ' "$out")" '0 0' 'on a full GPU it still does'
run capacity A40-8Q --json
json 'and what stops the next one' '.capacity[0].per_gpu[0].limit == "max-instance"'
run capacity A40-24A --json
json 'of what it has not seen, it says so' '.capacity[0].per_gpu[0] | .free == 0 and .limit == "unknown"'
must remove --vm a
must remove --vm b
set_type "$(vf_number 0000:67:00.0 0)" 0
must create A40-24A --vm c
is "$(remembered)" "$wanted" 'create remembers the rest once it shows'
run list --json
json 'what others have made has a name by then' '[.vgpus[] | select(.state == "foreign") | .profile] == ["A40-48A"]'
done_testing
