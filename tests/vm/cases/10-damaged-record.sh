#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Shows: a record that is damaged, cut off or gone at a boot
# Short: no
# The damaged file is kept, the newest good backup takes its place, and the vGPUs are back when
# libvirt starts; the unit fails, so that somebody looks.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

record=/var/lib/vgpumgr
damaged() { vm_get "ls $record | grep -c '^state.db.damaged-[0-9TZ-]*\$'"; }

booted --gpus 2 --vfs 4
must sriov enable all
must create A40-24A --vm red --count 2
must create A40-24A --vm blue
must stop --vm blue
saved=$(list_identities) live=$(kernel)

kept=0
for way in "dd if=/dev/zero of=$record/state.db bs=4096 count=1 conv=notrunc" \
	"truncate -s 5000 $record/state.db" "rm $record/state.db"; do
	what=${way%% *}
	vm_run "$way && sync" || { show_run; bail "the record cannot be damaged by $what"; }
	rebooted
	is "$(kernel_at_libvirt)" "$live" "$what: all is live when libvirt starts"
	is "$(failed_units | grep -o 'vgpumgr-[a-z]*' | paste -sd' ')" 'vgpumgr-reconcile vgpumgr-sriov' \
		"$what: the units fail, so that somebody looks"
	true_there "$what: the journal tells what was done" \
		"journalctl -b -o cat -u vgpumgr-reconcile | grep -q 'vGPUs were restored from backup.json'"
	[ "$what" = rm ] || kept=$((kept + 1))
	is "$(damaged)" $kept "$what: the damaged file is kept"
	is "$(list_identities)" "$saved" "$what: all is as saved"
	expect 0 "$what: store check is content" store check
	true_there "$what: the units succeed when they are started again" \
		'systemctl start vgpumgr-sriov vgpumgr-reconcile && [ -z "$(systemctl --failed --plain --no-legend)" ]'
done
rebooted
is "$(failed_units)" '' 'at the next boot no unit fails'
is "$(kernel_at_libvirt)" "$live" 'and all is live'
done_testing
