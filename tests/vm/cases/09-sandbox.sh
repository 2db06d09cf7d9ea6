#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Shows: the units' sandbox; file systems that are late, full, read-only
# Short: no
# The record lies on a disk of its own, which a unit mounts that takes its time; then that
# disk and the system's are full, the record is gone, and all is read-only.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

record=/var/lib/vgpumgr
mount_unit=var-lib-vgpumgr.mount
slow_s=10

# It is in no target: whoever needs it has to ask for it.
put_record_on_a_disk="set -e
	cd /etc/systemd/system
	printf '%s\n' '[Unit]' 'Requires=slow-storage.service' 'After=slow-storage.service' \
		'[Mount]' 'What=/dev/vdb' Where=$record Type=ext4 Options=_netdev >$mount_unit
	printf '%s\n' '[Service]' Type=oneshot RemainAfterExit=yes \
		'ExecStart=/bin/sleep $slow_s' >slow-storage.service
	mke2fs -q -t ext4 /dev/vdb
	mkdir /root/disk
	mount /dev/vdb /root/disk
	cp -a $record/. /root/disk/
	chmod 700 /root/disk
	umount /root/disk
	rm -r ${record:?}/*"
lose_vgpus='for d in /sys/bus/mdev/devices/*-*; do echo 1 >$d/remove; done
	! ls /sys/bus/mdev/devices | grep .'

# starts UNIT SENTENCE: it is started, and succeeds
starts() {
	true_there "$2" "systemctl start $1 || { journalctl -b -n 20 -u $1; exit 1; }" 180
}
# restores SENTENCE: what was lost, from the record as it is
restores() {
	vm_run "$lose_vgpus" || show_run
	starts vgpumgr-reconcile "$1"
	is "$(kernel)" "$live" "$1: all is live"
}
# exposed UNIT AT-MOST: in tenths
exposed() {
	true_there "$1 is exposed by at most $2 tenths" \
		"systemd-analyze security --no-pager --threshold=$2 $1.service"
}

truncate -s 16M "$results/record"
booted --gpus 1 --vfs 4 -drive "file=$results/record,if=none,id=record,format=raw" \
	-device virtio-blk-pci,drive=record
must sriov enable all
must create A40-24A --vm red --count 2
saved=$(list_identities) live=$(kernel)
vm_run "$put_record_on_a_disk" || { show_run; bail 'the record cannot be moved'; }

# --- mounted late
rebooted
is "$(failed_units)" '' 'no unit failed'
is "$(vm_get "findmnt -no SOURCE $record || mount | grep $record | cut -d' ' -f1")" /dev/vdb \
	'the record is on its disk'
is "$(identities_at_libvirt)" "$saved" \
	"a record that is mounted $slow_s s late is awaited: all is as saved when libvirt starts"
is "$(kernel_at_libvirt)" "$live" 'and live'

# --- the sandbox
exposed vgpumgr-reconcile 10
exposed vgpumgr-sriov 25
is "$(vm_get "journalctl -b -o cat -u 'vgpumgr-*' |
	grep -iE 'warning|not permitted|denied|read-only|sigsys|core.?dump'")" '' \
	'nothing was in the way of the units in that boot'

# --- full
# The system's and the record's, to the last block, also for root.
vm_run "for dir in / $record; do
		for size in 1G 256M 64M 16M 4M 1M 256K 64K 16K 4K 1K; do
			while fallocate -l \$size \$dir/filler-\$((n += 1)) 2>/dev/null; do :; done
		done
	done
	sync; df / $record" 120
true_there 'no file of the system or the record can grow' \
	"! echo 1 2>/dev/null >/more && ! echo 1 2>/dev/null >$record/more"
restores 'from full file systems'
must list --json
is "$(jq -r "$identities" "$out")" "$saved" 'from full file systems: list knows all'
expect 0 'from full file systems: check agrees' check
vm_run "rm -f /filler-* /more $record/filler-* $record/more"

# --- gone
vm_run "systemctl stop $mount_unit && mv /etc/systemd/system/$mount_unit /root/ &&
	systemctl daemon-reload && [ -z \"\$(ls -A $record)\" ]"
result $? 'the record is taken away' || show_run
took=$(vm_get "SECONDS=0; systemctl start vgpumgr-reconcile vgpumgr-sriov; echo \$?, \$SECONDS")
is "${took%,*}" 0 'without a record both units succeed'
t "at once (${took#*, } s)" [ "${took#*, }" -le 5 ]
is "$(vm_get "ls -A $record")" '' 'and make none'
is "$(kernel)" "$live" 'nor touch what is live'
vm_run "rmdir $record"
starts vgpumgr-reconcile 'nor do they need its directory'

# --- read-only, all of it: as a kernel does that finds its disks broken
vm_run "mkdir -m 700 $record && mv /root/$mount_unit /etc/systemd/system/ &&
	systemctl daemon-reload && systemctl start $mount_unit"
true_there 'all file systems are read-only' "sync; echo u >/proc/sysrq-trigger
	for _ in \$(seq 100); do
		touch $record/x /root/x 2>/dev/null || exit 0
		sleep 0.1
	done; exit 1"
restores 'from a read-only file system'
expect 0 'from a read-only file system: check agrees' check
true_there 'also when the driver is loaded again, the functions off' "
	/usr/lib/nvidia/sriov-manage -d ALL && rmmod nvidia && modprobe nvidia || exit
	for _ in \$(seq 600); do
		[ \"\$(ls /sys/bus/mdev/devices | wc -l)\" = 2 ] && exit
		sleep 0.1
	done; exit 1" 120
is "$(kernel)" "$live" 'on the same virtual functions'
done_testing
