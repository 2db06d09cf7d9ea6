#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every change is in the history, with its time, its user, its command and what became of it.
# shellcheck source=tests/cmd/lib.sh disable=SC2016,SC2317
. "$(dirname "$0")/lib.sh"

U1=aaaaaaaa-0000-4000-8000-000000000001
U2=aaaaaaab-0000-4000-8000-000000000002
U3=bbbbbbbb-0000-4000-8000-000000000003
# told [ARGUMENT...]: operation, outcome and command of each event, one a line
told() {
	run history --json "$@"
	jq -r '.events[] | "\(.operation) \(.outcome) (\(.command)) \(.vm)"' "$out"
}
lines() { grep -c . "$out"; }
# Each change of the record has an event in its own transaction: so says the generation, which
# grows by one with each, and a trigger that notes the generation of each event and change.
# watch: from here on
watch() {
	sql "CREATE TABLE IF NOT EXISTS seen (what TEXT, generation TEXT);
		DELETE FROM seen;
		CREATE TRIGGER IF NOT EXISTS seen_event AFTER INSERT ON event BEGIN
			INSERT INTO seen SELECT 'event', value FROM meta WHERE key = 'generation'; END;
		CREATE TRIGGER IF NOT EXISTS seen_insert AFTER INSERT ON vgpu BEGIN
			INSERT INTO seen SELECT 'change', value FROM meta WHERE key = 'generation'; END;
		CREATE TRIGGER IF NOT EXISTS seen_update AFTER UPDATE ON vgpu BEGIN
			INSERT INTO seen SELECT 'change', value FROM meta WHERE key = 'generation'; END;
		CREATE TRIGGER IF NOT EXISTS seen_delete AFTER DELETE ON vgpu BEGIN
			INSERT INTO seen SELECT 'change', value FROM meta WHERE key = 'generation'; END;
		CREATE TRIGGER IF NOT EXISTS seen_wish AFTER UPDATE OF wanted_vfs ON gpu
			WHEN old.wanted_vfs <> new.wanted_vfs BEGIN
			INSERT INTO seen SELECT 'change', value FROM meta WHERE key = 'generation'; END;"
}
# witnessed SENTENCE: something has changed since watch, and no transaction without an event
witnessed() {
	is "$(sql "SELECT count(*) > 0 FROM seen WHERE what = 'change'") $(sql "SELECT count(*) FROM seen WHERE what = 'change'
		AND generation NOT IN (SELECT generation FROM seen WHERE what = 'event')")" '1 0' "$1"
}
# as_login UID COMMAND...: as if that user had logged in
as_login() { (echo "$1" >/proc/self/loginuid && "${@:2}"); }

# --- without a store
host small
expect 0 'no store: no history, exit 0' history
is "$(lines)" 1 'but a heading'
run history --json
is $status 0 '--json'
json 'an empty list, in the usual envelope' '.command == "history" and .schema_version == 1 and .events == [] and (.host.boot_id | length > 0)'
expect 3 'a UUID that nothing was recorded of' history $U1
t 'a store is not made for that' fails test -e "$db"

# --- a life
must sriov enable all
watch
must create A40-24A --vm web --uuid $U1
must create A40-24A --vm web --uuid $U1
must stop $U1
must start $U1
must assign $U1 --vm db --slot 2
must remove $U1
is "$(told $U1)" 'create begun (create) web
create done (create) web
stop begun (stop) web
stop done (stop) web
start done (start) web
restore done (start) web
assign done (assign) db
remove begun (remove) db
remove done (remove) db' 'a vGPU that is long gone has its history, in order'
witnessed 'no change is without its event'
is "$(told | head -n4)" 'sriov-enable begun (sriov enable) null
sriov-enable begun (sriov enable) null
sriov-enable done (sriov enable) null
sriov-enable done (sriov enable) null' 'what is done to GPUs is in it, too'
run history --json
json 'each event is complete' 'all(.events[]; keys == ["at", "command", "detail", "operation", "outcome", "seq", "uid", "user", "uuid", "vm"])
	and ([.events[].seq] | . == sort) and all(.events[]; .at | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z$"))'
is "$(told --vm web | wc -l) $(told --vm web | tail -n1)" '7 assign done (assign) db' '--vm: until it was given away'
is "$(told --vm db | wc -l) $(told --vm db | head -n1)" '3 assign done (assign) db' 'and from then on'
is "$(told --vm nobody)" '' 'a VM without any'
is "$(told -n 2)" 'remove begun (remove) db
remove done (remove) db' '-n: the last, oldest first'
is "$(told -n 0)" '' '-n 0: none'
is "$(told -n1 aaaaaaaa)" 'remove done (remove) db' 'by the beginning of its UUID'
run history aaaa
is "$status $(lines)" '0 10' 'four characters do'
prints 'the table has user and detail' "^TIME +USER +COMMAND +OPERATION +OUTCOME +UUID +VM +DETAIL\$" \
	'Z .+\(uid [0-9]+\) +create +create +begun +aaaaaaaa +web +A40-24A on 0000:[0-9a-f:.]+$'
is "$(grep create "$out" | awk 'length > 100')" '' 'in 100 columns'
expect 2 'three do not' history aaa
must create A40-24A --vm x --uuid $U2
expect 2 'a beginning of two is ambiguous' history aaaa
says 'and says so' 'beginning of 2 UUIDs'
expect 3 'one that is unknown' history $U3
says 'is named' $U3
expect 2 'one that is none' history zzzz

# --- since when
sql "UPDATE event SET at = '2026-01-02T03:04:05Z'; UPDATE event SET at = '2026-01-03T00:00:00Z' WHERE seq >= 8" >/dev/null
all=$(sql 'SELECT count(*) FROM event') late=$(sql 'SELECT count(*) FROM event WHERE seq >= 8')
for since in 2026-01-03 2026-01-03T00:00:00Z 2026-01-02T23:00:00-01:00 2026-01-02T03:04:06Z; do
	is "$(told --since $since | wc -l)" "$late" "--since $since"
done
for since in 2026-01-02 2026-01-02T03:04:05Z 2026-01-02t03:04:05z '2026-01-02 03:04:05.9Z' 999999999w; do
	is "$(told --since "$since" | wc -l)" "$all" "--since $since: that moment counts"
done
is "$(told --since 1s | wc -l) $(told --since 9999-12-31)" '0 ' 'nothing since then'
must assign $U2 --vm y
for since in 90s 15m 2h 3d 1w; do
	is "$(told --since $since)" 'assign done (assign) y' "--since $since"
done
for since in '' yesterday 5 5y -5m 1.5h '5 m' m 2026 2026-13-01 2026-02-30 2026-01-02T03:04:05 2026-01-02T24:00:00Z \
	2026-01-02T03:04:05+1 '2026-01-02 ' 99999999999s $'1s\n'; do
	run history --since "$since"
	[ $status -eq 2 ] && grep -q -e --since "$err"
	result $? "--since '$since' is refused" || show_run
done
for value in -1 x '' 1.5; do
	expect 2 "-n '$value' is refused" history -n "$value"
done
expect 2 '-n without a number' history -n
says 'says what it needs' 'needs a value'
expect 2 'another unknown option beside it' history -n 5 --nonsense
says 'is the one that is named' '--nonsense'
expect 2 'more than one UUID' history $U1 $U2
expect 2 'a VM name that is none' history --vm 'a/b'

# --- what failed, and what was undone
host small
must sriov enable all
watch
ctl fail create 1 EIO
expect 1 'a create that fails' create A40-24A --vm a --uuid $U1
ctl fail off
is "$(told $U1)" 'create begun (create) a
create failed (create) a' 'is told'
run history --json $U1
json 'with the reason' '.events[1].detail | test("create") and test("rror")'
ctl fail create 2 EIO
expect 1 'the second of two fails' create A40-24A --vm b --count 2
ctl fail off
is "$(told --vm b | sort | uniq -c | sed 's/^ *//')" '2 create begun (create) b
1 create failed (create) b
1 create undone (create) b
1 remove begun (create) b' 'and the first is undone'
must create A40-24A --vm c --uuid $U2
ctl fail remove 1 EBUSY
run remove $U2
is "$(told $U2 | tail -n2)" 'remove begun (remove) c
remove failed (remove) c' 'a removal that fails'
ctl fail off
ctl fail sriov 1+ EIO
ctl sriov-manage fail
must remove $U2
run sriov disable 0000:e8:00.0
ctl fail off
ctl sriov-manage normal
is "$(told | tail -n2)" 'sriov-disable begun (sriov disable) null
sriov-disable failed (sriov disable) null' 'virtual functions that stay on'
witnessed 'all of it'

# --- by reconcile
host small
must sriov enable all
must create A40-24A --vm a --uuid $U1
watch
sql "UPDATE vgpu SET state = 'creating'" >/dev/null
sql 'DELETE FROM seen'
must reconcile
is "$(told $U1 | tail -n1)" 'roll-forward done (reconcile) a' 'what a crash left is rolled forward'
ctl reboot
must sriov enable all
vf=$(sql 'SELECT vf FROM vgpu')
foreign $U3 "$vf" A40-24A
must reconcile
is "$(told $U1 | tail -n2)" 'move done (reconcile) a
restore done (reconcile) a' 'a move'
run history --json $U1
json 'says from where to where' 'any(.events[]; .operation == "move" and (.detail | test("^from '"$vf"' to 0000:")))'
ctl reboot
must sriov enable all
must reconcile --boot
is "$(told $U1 | tail -n1)" 'restore done (reconcile --boot) a' 'a boot'
witnessed 'these, too'
sql "UPDATE vgpu SET state = 'removing'" >/dev/null
run reconcile
is "$(told $U1 | tail -n1)" 'remove undone (reconcile) a' 'a removal that was cut short before it did anything'
sql "UPDATE vgpu SET state = 'removing'" >/dev/null
echo 1 >"$sys/bus/mdev/devices/$U1/remove"
must reconcile
is "$(told $U1 | tail -n1)" 'remove done (reconcile) a' 'and after it was done'
before="$(cksum <"$db")"
must reconcile
must history
is "$(cksum <"$db")" "$before" 'where nothing changes there is nothing to tell'

# --- who
host small
must sriov enable all
user_of() { told_by=$(sql 'SELECT actor || " " || uid FROM event ORDER BY seq DESC LIMIT 1'); }
export SUDO_UID=1
must create A40-24A --vm sudo
unset SUDO_UID
user_of
if [ "$(cat /proc/self/loginuid 2>/dev/null)" = 4294967295 ]; then
	is "$told_by" "$(id -nu 1) 1" 'the user behind sudo'
	must create A40-24A --vm root
	user_of
	is "$told_by" 'root 0' 'nobody behind root'
	for bad in 4294967295 -1 1x ''; do
		SUDO_UID=$bad run assign "$(sql "SELECT uuid FROM vgpu WHERE vm = 'sudo'")" --vm sudo --slot $((${slot:-0} + 1))
		slot=$((${slot:-0} + 1))
		user_of
		is "$told_by" 'root 0' "SUDO_UID='$bad' is nobody"
	done
	if as_login 2 true 2>/dev/null; then
		export SUDO_UID=1
		as_login 2 must create A40-24A --vm login
		user_of
		is "$told_by" "$(id -nu 2) 2" 'who has logged in comes before SUDO_UID'
		as_login 54321 must remove --vm login
		unset SUDO_UID
		user_of
		is "$told_by" ' 54321' 'a user without a name'
		run history -n 1
		prints 'is shown by number' 'Z uid 54321 +remove'
	fi
fi
mkdir -p "$root/proc/self"
t 'the login is that of this process, not of the host acted on' fails test -e "$root/proc/self/loginuid"

# --- what must not reach a terminal
host small
must sriov enable all
must create A40-24A --vm a --uuid $U1
sql "UPDATE event SET actor = 'x' || char(27) || '[31m' || char(10) || 'forged', command = char(155) || 'c', operation = char(8238) || 'o',
	vm = 'a' || char(13) || 'b', detail = char(7) || char(127) || CAST(x'ff9b' AS TEXT), at = '2026-01-02T03:04:05Z' || char(27),
	uuid = CASE seq % 2 WHEN 0 THEN uuid ELSE char(27) || ']0;title' END" >/dev/null
# shellcheck disable=SC2317 # t calls it
clean() { ! LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xe2\x80\xae|\xc2[\x80-\x9f]|\xff' "$out"; }
run history
is "$status $(lines)" "0 $(($(sql 'SELECT count(*) FROM event') + 1))" 'names and rows with escapes: a line each'
t 'and none of them in it' clean
run history --json
is $status 0 '--json, too'
t 'with none of them' clean
json 'and still a document' '.events | length > 0'
sql "UPDATE event SET uid = 'x', command = zeroblob(3), vm = 5, detail = x'00' " >/dev/null
expect 0 'values of other kinds than the schema says' history
expect 0 'in JSON' history --json

# --- who may read it
host small
must sriov enable all
must create A40-24A --vm a
chmod 755 "$root"
if id nobody >/dev/null 2>&1 && setpriv --reuid nobody --clear-groups true 2>/dev/null; then
	cp "$vgpumgr" "$top/vgpumgr" && chmod 755 "$top/vgpumgr"
	setpriv --reuid nobody --clear-groups "$top/vgpumgr" --root "$root" history >"$out" 2>"$err"
	is $? 10 'history is not for everybody'
	says 'and says so' 'not published|root'
fi

# --- a store of the first schema
host small
must sriov enable all
must create A40-24A --vm a --uuid $U1
first=$(sql "SELECT quote(uuid), quote(vm), slot, quote(profile), quote(type_name), type_id, framebuffer_mib, quote(framework),
	quote(gpu), quote(vf), vf_index, quote(state), quote(boot_id) FROM vgpu" | tr '|' ',')
# first_schema: a store as the first version made it, with that vGPU
first_schema() {
	rm -f "$db"*
	sqlite3 "$db" <"$top_srcdir/sql/migrations/001-initial.sql"
	chmod 600 "$db"
	sql "INSERT INTO meta VALUES ('store_id', 'cccccccc-0000-4000-8000-000000000001');
		INSERT INTO vgpu (uuid, vm, slot, profile, type_name, type_id, framebuffer_mib, framework, gpu, vf, vf_index, state, boot_id,
			created_at, changed_at) VALUES ($first, '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z');
		INSERT INTO event (at, actor, operation, uuid, detail) VALUES
			('2026-01-02T03:04:05Z', 'uid 0 (sudo by uid 1000)', 'create-intent', '$U1', 'A40-24A'),
			('2026-01-02T03:04:06Z', 'uid 0', 'create', '$U1', 'A40-24A'),
			('2026-01-02T03:04:07Z', 'uid 0', 'remove-failed', '$U1', 'no'),
			('2026-01-02T03:04:08Z', 'uid 0', 'remove-cut-short', '$U1', ''),
			('2026-01-02T03:04:09Z', 'uid 0', 'sriov-enable', NULL, '0000:e8:00.0 4');" >/dev/null
}
second_schema() {
	first_schema
	sqlite3 "$db" <"$top_srcdir/sql/migrations/002-history.sql"
}
first_schema
before=$(cksum <"$db")
old='create begun (null) null
create done (null) null
remove failed (null) null
remove undone (null) null
sriov-enable done (null) null'
expect 0 'a store of the first schema can be listed' list
prints 'with what it holds' $U1
expect 0 'checked' check
is "$(told)" "$old" 'and has its history, as far as it goes'
is "$(told aaaaaaaa | wc -l) $(told -n 1)" '4 sriov-enable done (null) null' 'of one vGPU, and the last'
is "$(told --since 2026-01-02T03:04:08Z | wc -l) $(told --vm a)" '2 ' 'since then; of whom is not known'
run history
prints 'with its users as they were written' '^2026-01-02T03:04:05Z uid 0 \(sudo by uid 1000\) +create +begun +aaaaaaaa +A40-24A$'
is "$(cksum <"$db") $(sql 'PRAGMA user_version')" "$before 1" 'to read it does not change it'
columns=$(sql "SELECT group_concat(name) FROM pragma_table_info('vgpu')")
vgpus=$(sql "SELECT $columns FROM vgpu")
must create A40-24A --vm b --uuid $U2
is "$(sql 'PRAGMA user_version')" 3 'a change brings it up to date'
is "$(sql "SELECT $columns FROM vgpu WHERE uuid = '$U1'")" "$vgpus" 'the record is as it was'
is "$(told | head -n5)" "$old" 'so is the history'
is "$(told | tail -n2)" 'create begun (create) b
create done (create) b' 'which goes on'
is "$(sql 'SELECT min(seq) || " " || max(seq) FROM event')" '1 7' 'in one count'
agree 'record and kernel agree'

# --- one that cannot be brought up to date, as its disk is full or read-only
declare -A mounts=(
	[read-only]='mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"'
	[full]='cp -a "$1" "$1.copy"; mount -t tmpfs -o size=512k,mode=700 none "$1"; cp -a "$1.copy/." "$1"
		rm -r "$1.copy"; ! dd if=/dev/zero of="$1/filler" bs=4k 2>/dev/null'
)
# with_mounts SHELL-TEXT ARGUMENT...: the program in a mount namespace of its own
with_mounts() {
	timeout -k 5 60 unshare -m sh -ec "$1"'; shift; exec "$@"' sh "$root/var/lib/vgpumgr" \
		"$vgpumgr" --root "$root" "${@:2}" >"$out" 2>"$err" </dev/null
	status=$?
}
if unshare -m sh -c 'mount -t tmpfs none "$1" && mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"' sh "$top" 2>/dev/null; then
	must remove --vm b
	for situation in "${!mounts[@]}"; do for schema in first second; do
		${schema}_schema
		ctl reboot
		before=$(cksum <"$db")
		with_mounts "${mounts[$situation]}" reconcile
		is "$status $(kernel | cut -d' ' -f1)" "0 $U1" "$situation, $schema schema: what is saved is restored" || show_run
		with_mounts "${mounts[$situation]}" history --json
		is "$status $(jq '.events | length' "$out")" '0 5' "$situation, $schema schema: its history can be read" || show_run
		with_mounts "${mounts[$situation]}" create A40-24A --vm new
		t "$situation, $schema schema: a create is refused" [ $status -ne 0 ]
		t "$situation, $schema schema: in words that name the cause" grep -qiE 'read-only|full|no space' "$err"
		is "$(kernel | wc -l) $(cksum <"$db")" "1 $before" "$situation, $schema schema: and nothing is changed"
	done; done
else
	echo '# no mount namespaces here: a disk that cannot be written is not tested'
fi
done_testing
