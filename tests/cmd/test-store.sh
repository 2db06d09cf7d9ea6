#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The record itself: backups and the archive, store check, backup, export and restore, and what
# becomes of a store that is damaged or gone.
# shellcheck source=tests/cmd/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

U1=aaaaaaaa-0000-4000-8000-000000000001
U2=aaaaaaaa-0000-4000-8000-000000000002
U3=aaaaaaaa-0000-4000-8000-000000000003
dir=$root/var/lib/vgpumgr
two() {
	host small
	must sriov enable all
	must create A40-24A --vm a --uuid $U1 --gpu 67:00.0
	must create A40-24A --vm b --uuid $U2 --gpu e8:00.0
}
archived() { find "$dir/archive" -name 'backup-*.json' | sort; }
newest() { basename "$(archived | tail -n1)"; }
damaged() { find "$dir" -maxdepth 1 -name 'state.db.damaged-*' | sort; }
generation_of() { jq .generation "$1"; }
vms_saved() { sql 'SELECT vm FROM vgpu ORDER BY vm' | paste -sd' '; }

# --- backup.json, and those before it
two
is "$(generation_of "$dir/backup.json")" "$(generation)" 'backup.json is of the generation of the store'
before=$(cat "$dir/backup.json")
links=$(archived | wc -l)
must assign $U1 --vm c
is "$(archived | wc -l)" $((links + 1)) 'a change archives one file'
is "$(cat "$dir/archive/$(newest)")" "$before" 'which is the backup as it was before it'
is "$(archived | xargs jq .generation | sort -n)" "$(archived | xargs jq .generation)" 'their names sort by generation'
is "$(stat -c %a "$dir" "$dir/archive" "$dir/backup.json" "$(archived | tail -n1)" | paste -sd' ')" '700 700 600 600' 'root alone can read them'
links=$(archived | wc -l)
must list
must check
must create A40-24A --vm c --uuid $U1
is "$(archived | wc -l)" "$links" 'what changes nothing archives nothing'
# a hundred changes of one second: at least 50 are kept
for i in $(seq 50); do
	must assign $U1 --vm "x$i"
	must assign $U1 --vm "y$i"
done
kept=$(archived | wc -l)
t "the archive is thinned ($kept files after a hundred changes)" [ "$kept" -ge 50 -a "$kept" -le 70 ]
is "$(generation_of "$dir/archive/$(newest)")" $(($(generation) - 1)) 'the newest are kept'
# a killed writer's file
echo '{' >"$dir/.backup.json.new"
must assign $U1 --vm c
is "$(find "$dir" -name '.*' -type f | wc -l)" 0 'what a killed writer left is replaced'
mkfifo "$dir/.backup.json.new"
expect 0 'nothing in its place is waited for' assign $U1 --vm d
is "$(generation_of "$dir/backup.json")" "$(generation)" 'backup.json is written'

# --- store check
two
expect 0 'store check: all is well' store check
prints 'line by line' '^ok +file +.*state\.db$' '^ok +integrity' '^ok +records +2 vGPUs' '^ok +backup' '^ok +kernel +2 as saved'
expect 0 'by --json' store check --json
json 'a result for each' '[.checks[].result] == ["ok", "ok", "ok", "ok", "ok"]'
rm "$dir/backup.json"
expect 0 'a backup that is missing is a warning' store check
prints 'it is told' '^warn +backup'
must assign $U1 --vm c
expect 0 'the next change writes it' store check -q
is "$(cat "$out")" '' 'with -q, nothing is printed where all is well'
echo 1 >"$sys/bus/mdev/devices/$U2/remove"
expect 7 'a vGPU that is missing: exit 7' store check
prints 'it is told' '^FAIL +kernel +1 as saved, 1 not'
must reconcile
sql "PRAGMA ignore_check_constraints = ON; UPDATE vgpu SET state = 'odd' WHERE uuid = '$U1'"
expect 8 'a row that makes no sense: exit 8' store check
prints 'it is told' '^FAIL'
expect 8 'list shows the others' list --json
json 'and says so' '(.error.kind == "store") and ([.vgpus[] | select(.state == "active").uuid] == [$uuid])' --arg uuid $U2
run create A40-24A --vm new
is $status 8 'nothing is changed in such a store'
expect 8 'reconcile restores it from the backup' reconcile
expect 0 'then it is sound' store check
is "$(state_of $U1)" active 'and the row is back'

# --- store backup and export
two
expect 0 'store backup' store backup "$top/copy.json"
is "$(stat -c %a "$top/copy.json")" 600 'root alone can read it'
is "$(jq -S 'del(.as_of)' "$top/copy.json")" "$(jq -S 'del(.as_of)' "$dir/backup.json")" 'it is the record'
expect 5 'a file that exists is not replaced' store backup "$top/copy.json"
expect 0 'unless it is forced' store backup --force "$top/copy.json"
ln -s "$top/elsewhere" "$top/link"
run store backup --force "$top/link"
t 'a link is replaced, not followed' [ ! -e "$top/elsewhere" -a ! -L "$top/link" ]
for own in state.db backup.json lock other.json; do
	expect 5 "a file of the store's own is not written: $own" store backup --force "$dir/$own"
done
expect 0 'which is as it was' store check -q
run store backup "$top/no/such/dir/file"
is $status 1 'a directory that is not there is an error'
expect 0 'a dry run writes nothing' store backup --dry-run "$top/dry.json"
t 'indeed' fails test -e "$top/dry.json"
expect 0 'store export' store export --json
is "$(jq -S 'del(.as_of)' "$out")" "$(jq -S 'del(.as_of)' "$top/copy.json")" 'prints the same'
for args in '' 'sing' 'check file' 'backup' 'backup a b' 'restore' 'restore --list x' 'check --list' 'check --force'; do
	# shellcheck disable=SC2086 # words
	expect 2 "store $args: usage" store $args
done

# --- store restore
old=$(newest) # with U1 alone
before="$(record_sum) $(kernel)"
expect 5 'restoring what would orphan a live vGPU is refused' store restore "$old"
prints 'having shown the plan' "$U2 .*drop .*yes"
says 'and told what to do' 'hint: .*--force'
expect 5 'in a dry run as well' store restore --dry-run "$old"
unchanged "$before" 'nothing was changed'
must stop $U2
expect 0 'restore --list' store restore --list
prints 'shows what there is' '^backup\.json .* good$' "^archive/$old .* good$"
expect 0 'when it is not live, a dry run says what would be' store restore --dry-run "$old"
before="$(record_sum) $(kernel)"
prints 'plan' "$U2 .*drop .*no$"
unchanged "$before" 'and changes nothing'
undo=$(generation)
expect 0 'then it is applied' store restore "archive/$old"
is "$(vms_saved)" a 'the record is the older one'
t 'no device was touched' live $U1
expect 0 'the record that was replaced is the newest of the archive' store restore "$(newest)"
is "$(vms_saved)" 'a b' 'restoring that undoes it'
t 'the generation only grows' [ "$(generation)" -gt "$undo" ]
is "$(sql "SELECT count(*) FROM event WHERE operation = 'store-restore' AND uuid = '$U2'")" 2 'both are in the history'
must start $U2
expect 0 'all is as it was' store check
expect 0 'to restore what is there already' store restore "$dir/backup.json"
says 'changes nothing' 'the same'
must create A40-24Q --vm c --uuid $U3 --gpu 67:00.0
expect 5 'one that is live and would be dropped' store restore "$top/copy.json"
expect 0 'or it is forced' store restore --force "$top/copy.json"
is "$(state_shown $U3)" foreign 'then it is foreign'
t 'and still there' live $U3
expect 0 'undone' store restore "$(newest)"
is "$(state_shown $U3)" active 'it is ours again'
jq '.machine_id = "00000000000000000000000000000000"' "$top/copy.json" >"$top/other.json"
must remove $U3
mkdir -p "$root/etc"
echo 11111111111111111111111111111111 >"$root/etc/machine-id"
must assign $U1 --vm z
expect 5 "another machine's record is refused" store restore "$top/other.json"
says 'it says why' 'another machine'
kept=$(cat "$dir/archive/$old")
before="$(record_sum) $(kernel)"
# bad_file WHAT JQ-FILTER
bad_file() {
	jq "$2" "$top/copy.json" >"$top/bad.json"
	expect 8 "restore: $1" store restore "$top/bad.json"
}
bad_file 'another schema' '.schema_version = 2'
bad_file 'no vgpus' 'del(.vgpus)'
bad_file 'a UUID twice' '.vgpus[1].uuid = .vgpus[0].uuid'
bad_file 'a VF twice' '.vgpus[1].vf = .vgpus[0].vf'
bad_file 'a slot twice' '.vgpus[1].vm = .vgpus[0].vm'
bad_file 'no UUID' '.vgpus[0].uuid = "x"'
bad_file 'a name with an escape' '.vgpus[0].vm = "a\u001b[31m"'
bad_file 'a name with a NUL' '.vgpus[0].vm = "a\u0000b"'
bad_file 'an unknown state' '.vgpus[0].state = "odd"'
bad_file 'a negative slot' '.vgpus[0].slot = -1'
bad_file 'a slot that is text' '.vgpus[0].slot = "1"'
bad_file 'no address' '.vgpus[0].vf = "e8:00.99"'
bad_file 'no profile' '.vgpus[0].profile = null'
echo '{"schema_version": 1, "schema_version": 1}' >"$top/bad.json"
expect 8 'restore: a key twice' store restore "$top/bad.json"
head -c 300 "$top/copy.json" >"$top/bad.json"
expect 8 'restore: cut off' store restore "$top/bad.json"
: >"$top/bad.json"
expect 8 'restore: empty' store restore "$top/bad.json"
expect 8 'restore: a directory' store restore "$top"
mkfifo "$top/fifo"
expect 8 'restore: a FIFO' store restore "$top/fifo"
expect 3 'restore: a file that is not there' store restore nowhere.json
echo '{' >"$dir/archive/$old"
expect 8 'restore: an archived one that is damaged' store restore "$old"
chmod 666 "$dir/archive/$old"
expect 10 'restore: one that anybody could have written' store restore "archive/$old"
echo "$kept" >"$dir/archive/$old"
unchanged "$before" 'none of these changed anything'

# --- a store that is damaged, at a boot
two
dd if=/dev/zero of="$db" bs=4096 count=1 conv=notrunc 2>/dev/null
sum=$(cksum <"$db")
ctl reboot
must_be='.error.kind == "store" and (.summary.created == 2)'
expect 8 'its first page is gone: reconcile exits 8' reconcile --json
json 'having made what was saved' "$must_be"
says 'it is all told' 'not a database' '2 vGPUs were restored from backup\.json' 'kept as state\.db\.damaged-'
agree 'record and kernel agree'
is "$(cksum <"$(damaged)")" "$sum" 'the damaged file is kept as it was'
expect 0 'store check is content' store check
expect 0 'so is the next reconcile' reconcile
is "$(generation_of "$dir/backup.json")" "$(generation)" 'the backup is that of the new store'
two
must stop $U2
head -c 8192 /dev/urandom >"$db"
expect 8 'one with a stopped vGPU' reconcile
is "$(vms_saved) $(state_of $U2)" 'a b stopped' 'what was stopped stays so'
# gone, or empty
for way in gone empty; do
	two
	[ $way = gone ] && rm "$db" || : >"$db"
	expect 8 "$way: list shows the backup" list
	run create A40-24A --vm new
	is $status 8 "$way: a create does not begin a new record beside it"
	is "$(kernel | wc -l)" 2 "$way: and makes nothing"
	ctl reboot
	expect 8 "$way: reconcile restores it" reconcile
	agree "$way: record and kernel agree"
	is "$(vms_saved)" 'a b' "$way: all of it"
	expect 0 "$way: store check is content" store check
done
# the newest backup is damaged, too
two
head -c 100 "$dir/backup.json" >"$top/half"
cp "$top/half" "$dir/backup.json"
: >"$db"
expect 8 'with a backup that is cut off, an archived one is taken' reconcile
is "$(vms_saved)" a 'as old as that is'
is "$(state_shown $U2)" foreign 'what it does not know is foreign'
t 'and untouched' live $U2
# no backup at all: what makes sense is gone on with
two
sql "PRAGMA ignore_check_constraints = ON; UPDATE vgpu SET vf_index = -1 WHERE uuid = '$U1'"
rm -r "$dir/archive" "$dir/backup.json"
sum=$(cksum <"$db")
expect 8 'no backup: reconcile says so' reconcile
says 'and names a way' 'hint: .*store restore FILE'
is "$(cksum <"$db")" "$sum" 'the store is left as it is'
t 'so are the devices' live $U1
expect 8 'adopt begins none beside it' adopt --all
mv "$dir" "$top/away"
expect 0 'once it is taken away, adopt begins anew' adopt --all
agree 'with all that is live'
rm -r "$top/away"
two
must store backup "$top/far.json"
head -c 4096 /dev/urandom >"$db"
rm -r "$dir/archive" "$dir/backup.json"
expect 0 'a file from elsewhere' store restore "$top/far.json"
says 'the damaged one is kept' 'kept as state\.db\.damaged-'
expect 0 'then all is well' store check
is "$(vms_saved)" 'a b' 'with all records'
# one that is being replaced while another is to be, too
two
must store backup "$top/twice.json"
sql "PRAGMA ignore_check_constraints = ON; UPDATE vgpu SET state = 'odd' WHERE uuid = '$U1'"
sqlite3 "$db" 'BEGIN' 'SELECT count(*) FROM vgpu' '.shell sleep 3' 'ROLLBACK' >/dev/null 2>&1 &
reader=$!
sleep 0.5
background store restore "$top/twice.json"
until_true 10 test -e "$db.new"
run store restore "$top/twice.json"
wait $reader $pid
is "$(vms_saved)" 'a b' 'two restores of a damaged store at once: it is there'
is "$(damaged | wc -l)" 1 'what the first has restored is not set aside'
# one that is gone while somebody has it open
two
must stop $U2
ctl delay create 1 3000
background create A40-24A --vm c --uuid $U3 --gpu e8:00.0
until_true 10 in_state $U3 creating
rm "$db"
expect 8 'the record is gone during a create: reconcile restores it' reconcile
must assign $U1 --vm later
before=$(record_sum)
wait "$pid"
t 'the create fails' [ $? -ne 0 ]
is "$(record_sum)" "$before" 'and what it knew is not written over what is'
is "$(state_shown $U3)" foreign 'its vGPU is foreign'
# the archive is not what it should be
two
rm -r "$dir/archive"
ln -s "$top" "$dir/archive"
must assign $U1 --vm c
says 'an archive that is a link: a change tells of it' 'warning: .*archive'
expect 0 'backup.json is listed all the same' store restore --list
prints 'it' '^backup\.json .* good$'
head -c 4096 /dev/urandom >"$db"
expect 8 'and restored from' reconcile
is "$(vms_saved)" 'b c' 'all of it'
# what no change could follow
two
sed 's/"generation": [0-9]*/"generation": 9223372036854775807/' "$dir/backup.json" >"$top/most.json"
cp "$top/most.json" "$dir/archive/backup-9223372036854775807-20260102T030405Z.json"
: >"$db"
expect 8 'a file of the archive claims the last generation there can be: reconcile' reconcile
is "$(vms_saved)" 'a b' 'it is another that is restored'
expect 0 'and the record can be changed' assign $U1 --vm c
: >"$db"
chmod 600 "$top/most.json"
cp "$top/most.json" "$dir/backup.json"
expect 8 'backup.json claims it' reconcile
expect 0 'the record can be changed as well' assign $U1 --vm d
expect 8 'nor is it restored when asked for' store restore "$top/most.json"
# a lock holder that is stopped does not make it hang
two
sqlite3 "$db" 'BEGIN EXCLUSIVE' '.shell sleep 5' 'ROLLBACK' >/dev/null 2>&1 &
sleep 0.5
expect 9 'a store that is locked is no damaged one' reconcile --timeout 1
is "$(damaged | wc -l)" 0 'nothing is set aside'
wait
expect 0 'when it is free, all is well' reconcile
done_testing
