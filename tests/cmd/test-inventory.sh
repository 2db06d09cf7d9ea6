#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Users who may not open the record: they see what was published of it, with its age, and can
# change nothing.
# shellcheck source=tests/cmd/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" -eq 0 ] || skip 'only root can be somebody else'
command -v setpriv >/dev/null || skip 'setpriv is not installed'

U1=aaaaaaaa-0000-4000-8000-000000000001
dir=$root/var/lib/vgpumgr
# where a user without rights can run it
cp "$vgpumgr" "$top/vgpumgr"
chmod 755 "$top/vgpumgr"
nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
# as_nobody STATUS SENTENCE ARGUMENT...
as_nobody() {
	nobody timeout -k 5 60 "$top/vgpumgr" --root "$root" "${@:3}" >"$out" 2>"$err" </dev/null
	status=$?
	[ $status -eq "$1" ]
	result $? "$2" || { echo "# vgpumgr ${*:3} exits $status, not $1"; show_run; }
}
host small
must sriov enable all
must create A40-24A --vm a --uuid $U1 --gpu 67:00.0
published=$(jq -r .as_of "$root/run/vgpumgr/inventory.json")
for command in list gpus types 'capacity A40-24A' 'show a' check 'sriov status' 'wait --all'; do
	# shellcheck disable=SC2086 # words
	as_nobody 0 "without rights: $command" $command
	says 'it says of when the record is, and how old that is' "published it at $published, [0-9]+ s ago"
done
touch -d '3 hours ago' "$root/run/vgpumgr/inventory.json"
as_nobody 0 'an older one' list --json
says 'is told to be older' 'published it at .*, 3 h ago'
json 'as_of is when it was published' '.as_of == $at and .vgpus[0].uuid == $uuid and .vgpus[0].vm == "a" and .vgpus[0].state == "active"' \
	--arg at "$published" --arg uuid $U1
touch -d 'tomorrow' "$root/run/vgpumgr/inventory.json"
as_nobody 0 'one from the future' list
says 'is told to be' 'in the future'
before="$(record_sum) $(kernel)"
for command in 'create A40-24A --vm x' 'remove --vm a' "assign $U1 --vm x" 'stop --all' 'start --all' reconcile \
	'sriov disable all' 'store check' 'store export' 'store restore --list' "store backup $top/copy" history; do
	# shellcheck disable=SC2086
	as_nobody 10 "without rights: $command: exit 10" $command
done
says 'it says what to do' 'hint: .*root'
t 'they cannot read the store' fails nobody cat "$db"
t 'nor the backups' fails nobody cat "$dir/backup.json"
t 'nor list their directory' fails nobody ls "$dir"
t 'nor lock the store' fails nobody sqlite3 "$db" 'BEGIN EXCLUSIVE'
t 'nor open the lock file' fails nobody sh -c "exec 3>>'$dir/lock'"
t 'nor put another in its place' fails nobody mv "$dir" "$dir.mine"
t 'nor a file into its directory' fails nobody touch "$dir/state.db-journal"
t 'nor change what is published' fails nobody sh -c "echo >'$root/run/vgpumgr/inventory.json'"
t 'nor replace it' fails nobody mv "$root/run/vgpumgr/inventory.json" "$root/run/vgpumgr/other"
unchanged "$before" 'none of these changed anything'
is "$(stat -c '%a %a' "$root/run/vgpumgr/inventory.json")" '644 644' 'what is published is for everybody to read'
echo '{' >"$root/run/vgpumgr/inventory.json"
as_nobody 10 'one that is cut off is none' list
says 'and root is asked for' 'hint: .*root.*inventory'
rm "$root/run/vgpumgr/inventory.json"
as_nobody 10 'none at all' list
must assign $U1 --vm b
as_nobody 0 'the next change publishes it again' list
prints 'as it is' "$U1 .* b "
ctl reboot
rm -r "$root/run/vgpumgr"
must reconcile
as_nobody 0 'so does the first reconcile of a boot' list
prints 'with what is saved' "$U1 .* b .* active"
done_testing
