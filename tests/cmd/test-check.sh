#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# check: who else makes vGPUs on our GPUs is named, and that is all.
# shellcheck source=tests/cmd/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

U1=aaaaaaaa-0000-4000-8000-000000000001
U2=aaaaaaab-0000-4000-8000-000000000002
definition() { # definition PARENT UUID START
	mkdir -p "$root/etc/mdevctl.d/$1"
	printf '{\n  "mdev_type": "nvidia-558",\n  "start": "%s"\n}\n' "$3" \
		>"$root/etc/mdevctl.d/$1/$2"
}
rule=$root/usr/lib/udev/rules.d/60-mdevctl.rules

host small
must sriov enable all
must create A40-2Q --vm a --uuid $U1
vf=$(sql 'SELECT vf FROM vgpu')
expect 0 'without mdevctl' check --json
json 'there are no warnings' '.warnings == []'
definition "$vf" $U1 auto
definition "$vf" $U2 auto
definition 0000:99:00.0 $U2 auto
mkdir -p "$root/etc/mdevctl.d/scripts.d"
expect 0 'definitions without its rule' check
t 'are no danger' fails grep -q mdevctl "$err"
mkdir -p "$(dirname "$rule")"
echo 'ACTION=="change", ENV{MDEV_STATE}=="registered", RUN+="mdevctl"' >"$rule"
before=$(record_sum)
expect 0 'with it, the exit status is the same' check
says 'the second owner is named, and what to do' \
	"^vgpumgr: warning: mdevctl starts 2 vGPUs on $vf as well when it appears \(.*/etc/mdevctl.d/$vf\): " '^hint: .*mdevctl'
is "$(grep -c 'warning: ' "$err")" 1 'somebody else'\''s function is not'
prints 'the rest is as ever' '^1 as saved'
expect 0 '--json' check --json
json 'has it as well' '(.warnings | length == 1) and (.warnings[0] | startswith("mdevctl starts 2 vGPUs on \($vf) "))' --arg vf "$vf"
expect 0 '-q' check -q
says 'does not silence it' 'mdevctl starts 2'
rm "$root/etc/mdevctl.d/$vf/$U1"
definition "$vf" $U2 manual
expect 0 'what is started by hand' check --json
json 'is no second owner' '.warnings == []'
definition "$vf" $U2 auto
ctl reboot
expect 7 'with the VFs off and something missing' check --json
json 'it is named all the same' '[.warnings[] | select(startswith("mdevctl starts 1 vGPU on"))] | length == 1'
mkdir -p "$root/etc/udev/rules.d"
ln -s /dev/null "$root/etc/udev/rules.d/60-mdevctl.rules"
expect 7 'a masked rule' check --json
json 'is none' 'all(.warnings[]; startswith("mdevctl") | not)'
rm "$root/etc/udev/rules.d/60-mdevctl.rules"
if [ "$(id -u)" -ne 0 ]; then
	chmod 0 "$root/etc/mdevctl.d"
	expect 7 'what cannot be read is no failure' check
	chmod 755 "$root/etc/mdevctl.d"
fi
is "$(record_sum)" "$before" 'nothing was changed'

# --- virtual functions that are wanted, with nothing saved on them
host small
must sriov enable all
expect 0 'virtual functions that are wanted and on' check
ctl reboot
expect 7 'wanted and off' check --json
json 'each is named' '[.warnings[] | select(test("virtual functions of GPU .* wanted, and off"))] | length == 2'
must sriov restore
expect 0 'enabled again' check
done_testing
