#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A wall clock that is wrong: in 1970, in 2040, at the end of 32 bits, and one that runs backwards
# or is set while a command runs. What is waited for is waited for as long as was said, what
# happened is told in the order in which it did, and times are written as times.
# shellcheck source=tests/faults/lib.sh disable=SC2086 # UUIDs and addresses have no blanks
. "$(dirname "$0")/lib.sh"

A=aaaaaaaa-0000-4000-8000-000000000001 S=55555555-0000-4000-8000-000000000001
N=99999999-0000-4000-8000-000000000001
G=0000:e8:00.0 H=0000:67:00.0
preload=${CLOCK_SO:-$top_builddir/tests/faults/clock.so}
[ -r "$preload" ] || bail "$preload is not built"

# The program, and no other, lives in another time.
program=$vgpumgr
vgpumgr=$top/vgpumgr
cat >"$vgpumgr" <<END
#!/bin/sh
export FAULT_CLOCK='$top/clock' ASAN_OPTIONS=verify_asan_link_order=0
LD_PRELOAD='$preload' exec '$program' "\$@"
END
chmod 755 "$vgpumgr"
# wrong SECONDS [STEP]: by so much, and by STEP more each time that it is asked for
wrong() {
	echo "$*" >"$top/clock.new"
	mv "$top/clock.new" "$top/clock" # there is a clock at any moment
}
at() { wrong $(($1 - $(date +%s))) "${2:-0}"; }
y1970=1 y2040=2208988800 y2038=2147483646

a_host() {
	host small
	wrong 0
	must sriov enable all
	acked=() foreign_vgpus=''
	plant_foreign 0000:e8:00.4 A40-8Q
	must create A40-8Q --vm a --gpu $G --uuid $A
	must create A40-8Q --vm s --gpu $H --uuid $S
	must stop --vm s
	acked=([$A]=1 [$S]=1)
}
# Whatever looks like a time is one, of four digits' year.
times() {
	local wrong_ones
	wrong_ones=$({
		jq -r '.. | objects | to_entries[] | select(.key == "as_of" or (.key | endswith("_at")))
			| .value // empty' "$1" 2>/dev/null
		[ ! -e "$db" ] || sql 'SELECT at FROM event UNION SELECT created_at FROM vgpu
			UNION SELECT changed_at FROM vgpu'
	} | grep -vE '^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]Z$')
	[ -z "$wrong_ones" ] || violation "no times: ${wrong_ones//$'\n'/, }"
}
# in_year YEAR: the last document was written then
in_year() {
	[[ $(jq -r .as_of "$out") == $1-* ]] || violation "as_of is $(jq -r .as_of "$out"), not in $1"
}
# ok STATUS ARGUMENT...: exits so, with sound times in what it prints
ok() {
	run --json "${@:2}"
	[ $status -eq "$1" ] || violation "${*:2} exits $status: $(head -n1 "$err")"
	times "$out"
}
words_of() {
	case $1 in
	create) echo create A40-8Q --vm new --uuid $N ;;
	count) echo create A40-8Q --vm many --count 3 ;;
	remove) echo remove --vm a ;;
	stop) echo stop --vm a ;;
	start) echo start --vm s ;;
	assign) echo assign $A --vm b ;;
	enable) echo sriov enable all ;;
	wait) echo wait --vm a ;;
	show) echo show $A ;;
	*) echo "$1" ;;
	esac
}
commands='create count remove stop start assign enable reconcile boot list check wait show gpus history'

# --- each command, in each time
try_command() { # COMMAND CLOCK
	begin "$1" "$2"
	a_host
	case $2 in
	1970) at $y1970 ;;
	2040) at $y2040 ;;
	2038) at $y2038 ;;
	backwards) wrong 0 -86400 ;;
	forwards) wrong 0 86400 ;;
	esac
	if [ "$1" = boot ]; then
		ctl reboot
		foreign_vgpus=''
	fi
	# shellcheck disable=SC2046 # words
	ok 0 $(words_of "${1/boot/reconcile}")
	[ "$1" = boot ] || case $2 in 1970 | 2040 | 2038) in_year "$2" ;; esac
	[ "$1" != remove ] || unset "acked[$A]"
	invariants 'in that time'
	mend 'in that time'
	wrong 0
	mend 'in ours'
}

# --- one command after another, each in a time before or behind the others
try_order() { # CLOCK...
	local wanted i clock
	local words=(create remove create assign stop start remove)
	begin 'one after another, in' "$@"
	a_host
	wanted=$(sql 'SELECT coalesce(max(seq), 0) FROM event')
	for ((i = 0; i < ${#words[@]}; i++)); do
		clock=$(($# ? i % $# + 1 : 1))
		at "${!clock}"
		case ${words[$i]}:$i in
		create:*) ok 0 create A40-8Q --vm new --uuid $N ;;
		assign:*) ok 0 assign $N --vm new --slot 1 ;;
		*) ok 0 "${words[$i]}" --vm new ;;
		esac
	done
	[ "$(sql "SELECT operation FROM event WHERE seq > $wanted AND uuid = '$N'
		AND outcome = 'done' AND operation <> 'restore' ORDER BY seq" | paste -sd' ')" = \
		'create remove create assign stop start remove' ] ||
		violation "events: $(sql "SELECT operation FROM event WHERE seq > $wanted ORDER BY seq" | paste -sd' ')"
	ok 0 history --json
	jq -e '[.events[].seq] | length > 7 and . == sort' "$out" >/dev/null ||
		violation "the history is not told in its order: $(jq -c '[.events[].seq]' "$out")"
	# the newest backup is that of the record as it is, whatever time it has
	[ "$(jq .generation "$root/var/lib/vgpumgr/backup.json")" = "$(generation)" ] ||
		violation 'backup.json is not of the record as it is'
	[ -n "$(find "$root/var/lib/vgpumgr/archive" -type f -print -quit)" ] || violation 'the archive is empty'
	mend 'in the last of these times'
	wrong 0
	mend 'in ours'
}
# What was published lies in the future, or far back.
try_published() { # THEN NOW
	begin 'published in' "$1", 'read in' "$2"
	a_host
	at "$1"
	must assign $A --vm b
	in=$(jq -r .as_of "$root/run/vgpumgr/inventory.json")
	at "$2"
	as_nobody ok 0 list
	[ "$(jq -r .as_of "$out")" = "$in" ] || violation "as_of is $(jq -r .as_of "$out"), not $in"
	jq -e '.vgpus | map(select(.uuid == $a and .vm == "b" and .state == "active")) | length == 1' \
		--arg a $A "$out" >/dev/null || violation 'the list is not what was published'
	as_nobody ok 0 check
}
as_nobody() {
	local usual=$vgpumgr
	vgpumgr=$top/as-nobody
	"$@"
	vgpumgr=$usual
}
# Marks of what was switched are those of a boot, not of a time.
try_marks() { # THEN NOW
	begin 'switched in' "$1", 'reconciled in' "$2"
	a_host
	at "$1"
	ctl reboot
	foreign_vgpus=''
	ok 0 reconcile
	at "$2"
	ctl reset
	ok 0 reconcile
	[ "$(counter sriov) $(counter bind) $(counter create)" = '0 0 0' ] || violation 'something is switched or made again'
	ctl reboot
	ok 0 reconcile
	mend 'after another boot'
}

# --- waits that end when they should, though the clock is set meanwhile
# took COMMAND...: with a deadline of two seconds, while the clock jumps
try_wait() { # WHAT JUMP
	local began took pid_of_clock
	begin 'waits for' "$1", 'clock' "$2"
	a_host
	case $1 in
	create) ctl delay create 1 60000 ;;
	remove) ctl delay remove 1 60000 ;;
	enable) must remove --vm s && must sriov disable $H && ctl delay sriov 1 60000 ;;
	store) lock_store ;;
	record)
		ctl delay create 1 60000
		background create A40-8Q --vm new --uuid $N
		until_true 5 in_state $N creating
		;;
	vm) echo 1 >"$sys/bus/mdev/devices/$A/remove" ;;
	late) ctl take-gpu $G ;;
	esac
	(
		sleep 0.7
		case $2 in
		forwards) at $y2040 ;;
		backwards) at $y1970 ;;
		both) for i in 1 2 3 4 5 6; do at $y2040; sleep 0.1; at $y1970; sleep 0.1; done ;;
		esac
	) &
	pid_of_clock=$!
	began=$(hundredths)
	case $1 in
	create) run create A40-8Q --vm new --uuid $N --timeout 2 ;;
	remove) run remove --vm a --timeout 2 ;;
	enable) run sriov enable $H --timeout 2 ;;
	store) run assign $A --vm b --timeout 2 ;;
	record) run remove --vm new --timeout 2 ;;
	vm) run wait --vm a --timeout 2 ;;
	late) run reconcile --wait 2 ;;
	esac
	took=$(($(hundredths) - began))
	wait $pid_of_clock
	# a busy machine is slow, but no clock is off by less than years
	[[ $took -ge 180 && $took -lt 1000 ]] || violation "waits ${took}0 ms, not 2000"
	case $1:$status in
	vm:7 | vm:9 | late:7 | store:9 | store:1 | create:9 | remove:9 | enable:9 | record:9) ;;
	*) violation "exits $status: $(head -n1 "$err")" ;;
	esac
	[ "$1" != store ] || unlock_store
	ctl hang off
	[ "$1" != late ] || { ctl give-gpu $G && wrong 0 && foreign_vgpus='' && must sriov enable $G; }
	until_true 20 no_family || violation 'its children do not end'
	[ "$1" != remove ] || unset "acked[$A]"
	[ "$1" != enable ] || unset "acked[$S]"
	invariants 'before reconcile'
	mend 'in that time'
	wrong 0
	mend 'in ours'
}
lock_store() {
	mkfifo "$top/locker"
	sqlite3 "$db" <"$top/locker" >"$top/locked" &
	locker=$!
	exec 7>"$top/locker"
	printf 'BEGIN EXCLUSIVE;\nSELECT 1;\n' >&7
	until_true 5 [ -s "$top/locked" ] || bail 'the store cannot be locked'
}
unlock_store() {
	exec 7>&-
	wait $locker
	rm -f "$top/locker" "$top/locked"
}

# --- all of it
begin 'the library is in between'
a_host
at $y1970
ok 0 list
in_year 1970
sed "s|^LD_PRELOAD=|LD_PRELOAD= |; s|LD_PRELOAD= .* exec|LD_PRELOAD='$top/clock.so' exec setpriv --reuid=65534 --regid=65534 --clear-groups|
	s|'$program'|'$top/program'|" "$vgpumgr" >"$top/as-nobody"
cp "$preload" "$top/clock.so" && cp "$program" "$top/program"
chmod 755 "$top/as-nobody" "$top/clock.so" "$top/program"

i=0
chosen() { # chosen STRIDE: of a sample, one in so many
	i=$((i + 1))
	[ "$MODE" != sample ] || [ $((i % $1)) -eq 1 ]
}
for what in $commands; do
	for clock in 1970 2040 2038 backwards forwards; do
		! chosen 8 || try_command "$what" $clock
	done
done
try_order $y2040 $y1970
! chosen 3 || try_order $y1970 $y2040 $y2038
for clock in "$y2040 $y1970" "$y1970 $y2040" "$(date +%s) 3"; do
	! chosen 3 || try_published $clock
	! chosen 3 || try_marks $clock
done
for what in create remove enable store record vm late; do
	for clock in forwards backwards both; do
		! chosen 11 || try_wait $what $clock
	done
done
finish 'wrong times, times that run backwards, clocks that are set meanwhile'
