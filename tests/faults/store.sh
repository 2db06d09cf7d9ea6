#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Faults of the store's file: damaged in many ways, not ours, not readable, not writable, locked.
# Each is tried with queries, changing commands, and reconcile.
# shellcheck source=tests/faults/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"
share_work 2

U1=aaaaaaaa-0000-4000-8000-000000000001
U2=aaaaaaaa-0000-4000-8000-000000000002
dir=$root/var/lib/vgpumgr
host small
must sriov enable all
plant_foreign 0000:67:00.7 A40-24A
must create A40-24A --vm one --uuid $U1 --gpu 67:00.0
must create A40-24A --vm two --uuid $U2 --gpu e8:00.0
acked[$U1]=1 acked[$U2]=1
cp -a "$dir" "$top/sound"
cp -a "$root/run" "$top/run"
sound_kernel=$(live_vgpus)
# What list says of those that are ours; in_use and times aside.
identities_in() {
	jq -c '[.vgpus[] | select(.vm != null) | [.uuid, .vm, .slot, .profile, .gpu, .vf, .state]] | sort' "$1"
}
run list --json
sound=$(identities_in "$out")
size=$(stat -c %s "$db")

# What a file is, without opening one that would block.
sum_of() {
	if [ -f "$1" ]; then cksum "$1"; else stat -c '%F %i' "$1" 2>/dev/null; fi
}
# The fixture as it was, however it is now.
put_back() {
	local uuid
	rm -rf --one-file-system "$dir" "$root/run"
	cp -a "$top/sound" "$dir"
	cp -a "$top/run" "$root/run"
	[ "$(live_vgpus)" != "$sound_kernel" ] || return 0
	for uuid in $(comm -23 <(live_vgpus) <(echo "$sound_kernel") | cut -d' ' -f1); do
		echo 1 >"$sys/bus/mdev/devices/$uuid/remove"
	done
	run reconcile
	[ "$(live_vgpus)" = "$sound_kernel" ] || bail "the fixture cannot be put back"
	rm -rf --one-file-system "$dir" "$root/run"
	cp -a "$top/sound" "$dir"
	cp -a "$top/run" "$root/run"
}
# sane WORDS...: the last run ended with a documented status, and with words where it failed
sane() {
	[ $status -le 10 ] || violation "$*: ends with status $status: $(tail -n2 "$err" | paste -sd'|')"
	[ $status -eq 0 ] || [ $status -eq 7 ] || [ -s "$err" ] || grep -q FAIL "$out" ||
		violation "$*: exits $status without a word"
}
# Whether what a query shows is the record as it was, or the fault is told.
honest() {
	run list --json
	sane list
	case $status in
	0)
		[ "$(identities_in "$out")" = "$sound" ] && return
		# what no checksum guards can only be told by the backup
		run store check
		if [ $status -eq 0 ] && ! grep -q '^warn' "$out"; then
			violation 'list shows another record, and store check is content'
		fi
		status=0
		;;
	8 | 10 | 1 | 9) ;;
	*) violation "list exits $status" ;;
	esac
}
# All commands on a store with a fault. KIND: damaged (reconcile mends it) or refused (it is left
# as it is).
try_all() {
	local kind=$1 before command seen=0 wanted=$sound
	before=$(sum_of "$db")
	honest
	seen=$status
	for command in 'check' 'show one' 'gpus' 'capacity A40-24A' 'store check' 'reconcile --dry-run'; do
		# shellcheck disable=SC2086 # words
		run $command
		sane "$command"
	done
	[ "$(live_vgpus)" = "$sound_kernel" ] || violation 'a query has changed the kernel'
	[ "$(sum_of "$db")" = "$before" ] || [ "$kind" = journal ] || violation 'a query has changed the store'
	changed=no
	for command in 'create A40-24A --vm new' 'assign '$U1' --vm other' 'stop '$U2; do
		# shellcheck disable=SC2086
		run $command
		sane "$command"
		[ $status -ne 0 ] || changed=yes
		if [ "$seen" -eq 8 ] && [ $status -eq 0 ] && [ "$kind" != flip ]; then
			violation "$command exits 0 where list exits 8"
		fi
	done
	if [ "$kind" = refused ]; then
		[ "$(sum_of "$db")" = "$before" ] || violation 'a store that is not ours was changed'
		run reconcile
		sane reconcile
		[ $status -eq 8 ] || [ $status -eq 10 ] || violation "reconcile exits $status"
		[ "$(sum_of "$db")" = "$before" ] || violation 'reconcile has changed a store that is not ours'
		[ "$(live_vgpus)" = "$sound_kernel" ] || violation 'the kernel was changed without a record'
		put_back
		return
	fi
	[ "$seen" -ne 8 ] || [ "$(live_vgpus)" = "$sound_kernel" ] || [ "$kind" = flip ] ||
		violation 'the kernel was changed though the record is damaged'
	# what was damaged comes back, with what was changed meanwhile
	if [ $changed = yes ]; then
		run list --json
		wanted=$(identities_in "$out")
	fi
	run reconcile
	sane reconcile
	case $status in
	8)
		[ -n "$(find "$dir" -name 'state.db.damaged-*')" ] || [ "$kind" = gone ] ||
			violation 'the damaged store was not kept'
		invariants 'after the repair'
		run store check
		[ $status -eq 0 ] || violation "store check exits $status after the repair: $(grep FAIL "$out" | head -n1)"
		run list --json
		[ "$(identities_in "$out")" = "$wanted" ] || violation "the repair lost something: $(identities_in "$out")"
		;;
	0 | 7) ;;
	*) violation "reconcile exits $status: $(tail -n2 "$err" | paste -sd'|')" ;;
	esac
	put_back
}
i=0 every=1
[ "$MODE" = sample ] && every=11
next() { # next WORDS...: is it this worker's? then it is the point
	i=$((i + 1))
	[ $((i % every)) -eq 0 ] && mine $((i / every)) || return 1
	begin "$@"
}

# --- cut off, at each page and within
half=2048
[ "$MODE" = sample ] && half=$((size / 4 / 512 * 512))
for ((at = 0; at < size; at += half)); do
	next "truncated to $at bytes" || continue
	truncate -s $at "$db"
	[ $at -gt 0 ] || chmod 600 "$db"
	try_all damaged
done
# --- pages that are zero, or noise
for ((at = 0; at < size; at += $([ "$MODE" = sample ] && echo 16384 || echo 4096))); do
	for source in /dev/zero /dev/urandom; do
		next "4096 bytes of $source at $at" || continue
		dd if=$source of="$db" bs=4096 seek=$((at / 4096)) count=1 conv=notrunc status=none
		try_all flip
	done
done
# --- single bits, spread by a fixed seed
case $MODE in
sample) flips=4 ;;
default) flips=160 ;;
*) flips=4000 ;;
esac
random=12345
for ((k = 0; k < flips; k++)); do
	random=$(((random * 1103515245 + 12345) % 2147483648))
	# half of them where the records are
	at=$((k % 2 ? random % size : random % (size / 2)))
	bit=$((random / 65536 % 8))
	next "bit $bit of byte $at" || continue
	byte=$(od -An -tu1 -j $at -N 1 "$db")
	# shellcheck disable=SC2059 # an octal escape is what is meant
	printf "\\$(printf %o $((byte ^ (1 << bit))))" | dd of="$db" bs=1 seek=$at conv=notrunc status=none
	try_all flip
done
# --- gone, and not ours
if next 'gone'; then
	rm "$db"
	try_all gone
fi
if next 'the store and its newest backup are damaged'; then
	truncate -s 100 "$db"
	head -c 200 "$top/sound/backup.json" >"$dir/backup.json"
	run reconcile
	[ $status -eq 8 ] || violation "reconcile exits $status"
	run list --json
	[ "$(jq -r '.vgpus[] | select(.vm == "one").state' "$out")" = active ] || violation 'the archive was not used'
	[ "$(live_vgpus)" = "$sound_kernel" ] || violation 'the kernel was changed'
	put_back
fi
if next 'of a newer schema'; then
	sql 'PRAGMA user_version = 99'
	try_all refused
fi
if next "another application's database"; then
	rm "$db"
	sql 'CREATE TABLE t (a); PRAGMA application_id = 1'
	try_all refused
fi
if next 'a symbolic link'; then
	mv "$db" "$top/elsewhere.db"
	ln -s "$top/elsewhere.db" "$db"
	try_all refused
	rm -f "$top/elsewhere.db"
fi
if next 'a hard link'; then
	ln "$db" "$top/second.db"
	try_all refused
	rm -f "$top/second.db"
fi
for kind in FIFO directory; do
	next "a $kind" || continue
	rm "$db"
	if [ $kind = FIFO ]; then mkfifo "$db"; else mkdir "$db"; fi
	try_all refused
done
for mode in 0620 0602 0666; do
	next "mode $mode" || continue
	chmod $mode "$db"
	try_all refused
done
if next 'in a directory that others can write'; then
	chmod 777 "$dir"
	try_all refused
fi
if [ "$(id -u)" -eq 0 ]; then
	if next "somebody else's"; then
		chown 65534 "$db"
		try_all refused
	fi
	if next "in somebody else's directory"; then
		chown 65534 "$dir"
		try_all refused
	fi
fi
# --- an older schema: a changing command brings it up to date, and all is there
for migrations in $(seq $(($(find "$top_srcdir/sql/migrations" -name '0*.sql' | wc -l) - 1))); do
	next "the schema of migration $migrations" || continue
	old=$top/old.db
	rm -f "$old"
	cat "$top_srcdir"/sql/migrations/00[1-"$migrations"]-*.sql | sqlite3 "$old"
	columns=$(sqlite3 "$old" "SELECT group_concat(name) FROM pragma_table_info('vgpu')")
	sqlite3 "$old" "ATTACH '$db' AS new; INSERT INTO vgpu ($columns) SELECT $columns FROM new.vgpu;
		INSERT OR REPLACE INTO meta SELECT * FROM new.meta;
		INSERT INTO gpu (bdf, wanted_vfs) SELECT bdf, wanted_vfs FROM new.gpu"
	cp "$old" "$db"
	chmod 600 "$db"
	run list --json
	[ "$status $(identities_in "$out")" = "0 $sound" ] || violation "list exits $status, or shows another record"
	run assign $U1 --vm one --slot 5
	[ $status -eq 0 ] || violation "a change exits $status: $(tail -n1 "$err")"
	[ "$(sql 'PRAGMA user_version')" -eq "$(find "$top_srcdir/sql/migrations" -name '0*.sql' | wc -l)" ] ||
		violation 'it was not brought up to date'
	invariants 'after the migration'
	run store check
	[ $status -eq 0 ] || violation "store check exits $status"
	put_back
done
# --- a journal that a killed writer left: played back, whole
if next 'a hot journal'; then
	mkfifo "$top/hold"
	sqlite3 "$db" 'PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN IMMEDIATE;' \
		"UPDATE vgpu SET vm = vm || '-torn';" \
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
			INSERT INTO event (at, actor, operation, detail) SELECT 'x', 'x', 'x', hex(randomblob(100)) FROM n;" \
		".shell echo ready >$top/ready; cat $top/hold" >/dev/null 2>&1 &
	writer=$!
	until_true 10 test -s "$top/ready" || violation 'the writer did not come to its point'
	kill -9 $writer
	wait $writer 2>/dev/null
	echo >"$top/hold" # the shell it started may still wait
	[ -s "$db-journal" ] || violation 'there is no journal to play back'
	try_all journal
	rm -f "$top/hold" "$top/ready"
fi

# --- what cannot be written: nothing new is made, and what is saved comes back at a boot
# in_ns SHELL-TEXT ARGUMENT...: the program in a mount namespace of its own, $1 being the directory
in_ns() {
	timeout -k 5 60 unshare -m sh -ec "$1"'; shift; exec "$@"' sh "$dir" \
		"$vgpumgr" --root "$root" "${@:2}" >"$out" 2>"$err" </dev/null
	status=$?
}
read_only='mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"'
full() { # full KIB: that much is free
	echo 'cp -a "$1" "$1.copy"; mount -t tmpfs -o size=2m,mode=700 none "$1"; cp -a "$1.copy/." "$1"
		rm -r "$1.copy"; dd if=/dev/zero of="$1/filler" bs=1k 2>/dev/null || :
		s=$(stat -c %s "$1/filler"); truncate -s $((s - '"$1"' * 1024)) "$1/filler"'
}
if unshare -m sh -c 'mount -t tmpfs none "$1" && mount --bind "$1" "$1"' sh "$top" 2>/dev/null; then
	kib='0 4 8 16 32 64'
	[ "$MODE" = sample ] && kib='0 16'
	[ "$MODE" = full ] && kib=$(seq 0 4 96)
	for free in ro $kib; do
		mount=$read_only
		[ "$free" = ro ] || mount=$(full "$free")
		for command in 'create A40-24A --vm new' 'create A40-24A --vm new --count 2' "assign $U1 --vm other" \
			"stop $U1" "remove $U1" 'sriov enable all' 'check' 'list'; do
			next "$free KiB free: $command" || continue
			# shellcheck disable=SC2086
			in_ns "$mount" $command
			sane "$command"
			if [ $status -ne 0 ]; then
				[ "$(live_vgpus)" = "$sound_kernel" ] || case $command in
				stop* | remove*) ;; # the intent could be written, and the end of it could not
				*) violation "$command exits $status and has changed the kernel" ;;
				esac
			fi
			# the record of that namespace is gone with it
			for uuid in $(comm -23 <(live_vgpus) <(echo "$sound_kernel") | cut -d' ' -f1); do
				echo 1 >"$sys/bus/mdev/devices/$uuid/remove"
			done
			put_back
		done
		next "$free KiB free: at a boot" || continue
		ctl reboot
		plant() { echo "${1%% *}" >"$(type_dir "$(cut -d' ' -f2 <<<"$1")" A40-24A)/create"; }
		in_ns "$mount" reconcile
		sane reconcile
		[ $status -eq 0 ] || violation "reconcile exits $status: $(tail -n2 "$err" | paste -sd'|')"
		[ "$(live_vgpus | cut -d' ' -f1 | paste -sd' ')" = "$U1 $U2" ] || violation 'what is saved did not come back'
		plant "$foreign_vgpus"
		put_back
	done
	# a journal to be played back where nothing can be written
	if next 'read-only, with a hot journal'; then
		cp "$db" "$top/kept.db"
		head -c 1024 /dev/zero >"$db-journal" # a header of zeros is no journal; one with a magic is
		printf '\331\325\005\371\040\241\143\327\000\000\000\000' |
			dd of="$db-journal" conv=notrunc status=none
		in_ns "$read_only" list --json
		sane list
		case $status in
		0 | 8) [ "$(identities_in "$out")" = "$sound" ] || violation "list exits $status with another record" ;;
		*) violation "list exits $status: $(tail -n1 "$err")" ;;
		esac
		in_ns "$read_only" reconcile
		sane reconcile
		[ $status -eq 0 ] || [ $status -eq 8 ] || violation "reconcile exits $status: $(tail -n2 "$err" | paste -sd'|')"
		[ "$(live_vgpus)" = "$sound_kernel" ] || violation 'the kernel was changed'
		put_back
	fi
else
	echo '# no mount namespaces here: full and read-only file systems are not tried'
fi

# --- somebody holds the lock, and is stopped
for command in list 'create A40-24A --vm new' "remove $U1" reconcile check "assign $U1 --vm x"; do
	next "the store is locked by a stopped process: $command" || continue
	sqlite3 "$db" 'BEGIN EXCLUSIVE' ".shell touch $top/locked" '.shell exec sleep 60' >/dev/null 2>&1 &
	holder=$!
	until_true 5 test -e "$top/locked"
	kill -STOP $holder
	started=$(hundredths)
	# shellcheck disable=SC2086
	run $command --timeout 1
	took=$(($(hundredths) - started))
	[ $status -eq 9 ] || violation "$command exits $status: $(tail -n1 "$err")"
	[ $took -lt 1000 ] || violation "$command took $took/100 s, with a deadline of 1 s"
	grep -q "stopped: pid $holder (sqlite3" "$err" || violation "the holder is not named: $(head -n1 "$err")"
	pkill -9 -P $holder
	kill -9 $holder
	wait $holder 2>/dev/null
	rm -f "$top/locked"
	[ "$(live_vgpus)" = "$sound_kernel" ] || violation 'the kernel was changed'
	run reconcile
	[ $status -eq 0 ] || violation "after it, reconcile exits $status"
	invariants 'after it'
	put_back
done
finish 'damaged, foreign, unwritable and locked stores'
