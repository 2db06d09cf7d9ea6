#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Many at once, and whoever is told to go in the midst of it: commands beside each other on the
# same and on different vGPUs, SIGINT, SIGTERM and SIGHUP at many moments, terminals that are
# gone, readers that do not read. No vGPU is lost or given twice, none of somebody else is
# touched, exit status 0 means done, and reconcile ends it well.
# shellcheck source=tests/faults/lib.sh disable=SC2086 # UUIDs and addresses have no blanks
. "$(dirname "$0")/lib.sh"

A=aaaaaaaa-0000-4000-8000-000000000001 B=bbbbbbbb-0000-4000-8000-000000000001
C=cccccccc-0000-4000-8000-000000000001 S=55555555-0000-4000-8000-000000000001
N=99999999-0000-4000-8000-000000000001 F=ffffffff-0000-4000-8000-000000000001
G=0000:e8:00.0 H=0000:67:00.0 K=0001:11:00.0

words_of() { # words_of COMMAND: its command line
	case $1 in
	create) echo "create A40-8Q --vm new --uuid $N" ;;
	count) echo create A40-8Q --vm many --count 4 ;;
	remove) echo remove --vm a --if-exists ;;
	stop) echo stop --vm a ;;
	start) echo start --vm s ;;
	enable) echo "sriov enable $K" ;;
	reconcile) echo reconcile ;;
	esac
}
commands='create count remove stop start enable reconcile'
done_() { # done_ COMMAND: it has done what it is for
	case $1 in
	create) live $N && in_state $N active ;;
	count) [ "$(sql "SELECT count(*) FROM vgpu WHERE vm = 'many' AND state = 'active'")" = 4 ] ;;
	remove) ! live $A && ! live $B && [ -z "$(state_of $A)$(state_of $B)" ] ;;
	stop) ! live $A && ! live $B && in_state $A stopped && in_state $B stopped ;;
	start) live $S && in_state $S active ;;
	enable) [ -e "$sys/bus/pci/devices/$K/virtfn4" ] ;;
	reconcile) live $A && live $B && live $C ;;
	esac
}

# --- the host: two vGPUs of one VM on two GPUs, another, one that is stopped, one of somebody
# else; each write takes a while, so that something is under way at any moment
first_host() {
	local file
	host small --gpus 3 --vfs 5
	must sriov enable all
	plant_foreign 0000:e8:00.4 A40-8Q
	must create A40-8Q --vm a --gpu $G --uuid $A
	must create A40-8Q --vm a --slot 1 --gpu $H --uuid $B
	must create A40-8Q --vm c --gpu $H --uuid $C
	must create A40-8Q --vm s --gpu $G --uuid $S
	planted=$foreign_vgpus
	must stop --vm s
	must sriov disable $K
	cp -a "$root/var" "$top/base"
	for file in $A $B $C; do
		vf[$file]=$(sql "SELECT vf FROM vgpu WHERE uuid = '$file'")
	done
}
declare -A vf=()
make_562() { echo "$1" >"$sys/class/mdev_bus/$2/mdev_supported_types/nvidia-562/create"; }
fresh_host() {
	local gpu uuid
	host small --gpus 3 --vfs 5
	ctl raw-sriov on
	for gpu in $G $H; do
		echo 5 >"$sys/bus/pci/devices/$gpu/sriov_numvfs"
	done
	ctl raw-sriov off
	make_562 $F 0000:e8:00.4
	[ "$1" = reconcile ] || for uuid in $A $B $C; do
		make_562 $uuid "${vf[$uuid]}"
	done
	cp -a "$top/base" "$root/var"
	foreign_vgpus=$planted
	acked=([$A]=1 [$B]=1 [$C]=1 [$S]=1)
	ctl latency create 25
	ctl delay remove 1+ 25
	ctl delay sriov 1+ 25
	ctl delay bind 1+ 10
}

# --- whatever has ended it
after() { # after COMMAND STATUS
	until_true 20 no_family || violation 'its children do not end'
	[ "$2" -ne 0 ] || done_ "$1" || violation 'exits 0 and has not done its work'
	[ "$1" != create ] || [ "$2" -ne 0 ] || acked[$N]=1
	[ "$1" != remove ] || unset "acked[$A]" "acked[$B]"
	ctl latency create 0
	ctl delay off
	invariants 'before reconcile'
	# reconcile never removes, so it does not end what was to be taken away
	case $1 in
	stop | remove) repeat "$1" && mend 'repeated' ;;
	*) mend 'mended' && repeat "$1" && invariants 'repeated' ;;
	esac
}
repeat() {
	# shellcheck disable=SC2046 # words
	run $(words_of "$1") --timeout 20
	[ $status -eq 0 ] || violation "repeated, it exits $status: $(tail -n1 "$err")"
	done_ "$1" || violation 'repeated, it has not done its work'
}

# SIGNAL to the process alone, to its group, as a terminal does, or to all of its children, too,
# as a service manager does.
try_signal() { # COMMAND SIGNAL WHOM DELAY-MS
	local ended pids
	begin "$@"
	fresh_host "$1"
	# shellcheck disable=SC2046 # words
	background $(words_of "$1")
	sleep "$(printf '0.%03d' "$4")"
	pids=$pid
	[ "$3" != group ] || pids="-- -$pid"
	[ "$3" != all ] || pids=$(family)
	# shellcheck disable=SC2086 # a list
	kill "-$2" $pids 2>/dev/null
	wait "$pid"
	ended=$?
	case $ended in
	0 | 129 | 130 | 143) ;;
	# the child that was asked to do it is dead
	*) [ "$3" = all ] || violation "exits $ended: $(tail -n1 "$top/bg.err")" ;;
	esac
	after "$1" $ended
}
# A terminal that is gone: whoever has it hangs up. The pseudo-terminal's other end is held by
# script(1), which is killed.
try_terminal() { # COMMAND DELAY-MS
	local holder
	begin "$1" 'terminal is gone after' "$2"
	fresh_host "$1"
	script -qfc "exec $vgpumgr --root $root $(words_of "$1")" "$top/typescript" \
		<&8 8<&- >/dev/null 2>&1 &
	holder=$!
	sleep "$(printf '0.%03d' "$2")"
	kill -9 $holder 2>/dev/null
	wait $holder 2>/dev/null
	after "$1" 1
}
# Nobody reads what is printed, or nothing is open at all.
try_output() { # COMMAND HOW
	local ended
	begin "$@"
	fresh_host "$1"
	# shellcheck disable=SC2046 # words
	case $2 in
	pipe) { timeout 60 "$vgpumgr" --root "$root" --json $(words_of "$1") 2>"$top/o.err"; echo $? >"$top/ended"; } | : ;;
	both) { timeout 60 "$vgpumgr" --root "$root" -v $(words_of "$1") 2>&1; echo $? >"$top/ended"; } | : ;;
	full) timeout 60 "$vgpumgr" --root "$root" --json $(words_of "$1") >/dev/full 2>"$top/o.err"; echo $? >"$top/ended" ;;
	closed) timeout 60 "$vgpumgr" --root "$root" --json $(words_of "$1") <&- >&- 2>&-; echo $? >"$top/ended" ;;
	esac
	ended=$(cat "$top/ended")
	# what is to be done is done, whether anybody wants to know or not
	until_true 20 no_family || violation 'its children do not end'
	done_ "$1" || violation "exits $ended and has not done its work"
	[ "$2" = both ] || [ "$ended" -ne 0 ] || violation 'exits 0 though its output is lost'
	after "$1" "$ended"
}

# --- beside each other
declare -a spawned=()
# at_once ARGUMENT...: one more command, which starts when go is called
at_once() { spawned+=("$*"); }
go() {
	local i pids='' gate=$top/gate
	rm -rf "$top/runs" "$gate"
	mkdir "$top/runs"
	mkfifo "$gate"
	for i in "${!spawned[@]}"; do
		(
			read -r _ <"$gate"
			# shellcheck disable=SC2086 # words
			timeout -k 5 100 "$vgpumgr" --root "$root" --json ${spawned[$i]} \
				>"$top/runs/$i.out" 2>"$top/runs/$i.err" </dev/null
			echo $? >"$top/runs/$i.status"
		) &
		pids="$pids $!"
	done
	sleep 0.05
	exec 9<>"$gate"
	printf 'go\n%.0s' "${spawned[@]}" >&9
	# shellcheck disable=SC2086 # a list
	wait $pids
	exec 9>&-
}
# judge ALLOWED: statuses as COMMAND:N,N words; what was acknowledged is on record or was removed
judge() {
	local i words got uuid
	until_true 20 no_family || violation 'children do not end'
	for i in "${!spawned[@]}"; do
		words=${spawned[$i]%% *}
		got=$(cat "$top/runs/$i.status")
		case " $1 " in
		*" $words:"*) ;;
		*) violation "what may '$words' exit with?" ;;
		esac
		case ,$(sed -n "s/.* $words:\([0-9,]*\) .*/\1/p" <<<" $1 "), in
		*,"$got",*) ;;
		*) violation "${spawned[$i]} exits $got: $(head -n1 "$top/runs/$i.err")" ;;
		esac
		jq -es 'length == 1' "$top/runs/$i.out" >/dev/null 2>&1 ||
			violation "${spawned[$i]} prints no document: $(head -c100 "$top/runs/$i.out")"
		[ "$words:$got" = create:0 ] || continue
		for uuid in $(jq -r '.vgpus[]?.uuid' "$top/runs/$i.out"); do
			acked[$uuid]=1
		done
	done
	# by the record's own history
	for uuid in $(sql "SELECT DISTINCT uuid FROM event WHERE operation = 'remove' AND outcome = 'done'"); do
		unset "acked[$uuid]"
	done
	spawned=()
	invariants 'before reconcile'
	# a stop that was refused for a moment is nobody's to end but its own
	mend 'mended'
}
crowd_host() {
	fresh_host "${1:-}"
	ctl delay off
	ctl latency create 4
	run sriov enable $K
}
creates='create:0,4'
one_of() { local words=("$@"); echo "${words[RANDOM % $#]}"; }
try_crowd() { # SCENARIO SEED
	local i vm
	begin "$@"
	RANDOM=$2
	crowd_host
	case $1 in
	creates) # room for a few of them
		for ((i = 0; i < 64; i++)); do
			at_once create A40-8Q --vm "new$i"
		done
		go
		judge "$creates"
		[ "$(live_vgpus | wc -l)" = 14 ] || violation "$(live_vgpus | wc -l) are live, not 14"
		;;
	same)
		for ((i = 0; i < 64; i++)); do
			at_once create A40-8Q --vm same
		done
		go
		judge 'create:0'
		[ "$(cat "$top"/runs/*.out | jq -r '.vgpus[]?.uuid' | sort -u | wc -l)" = 1 ] ||
			violation 'one VM has got several'
		;;
	removes)
		must create A40-8Q --vm old --count 6
		for ((i = 0; i < 64; i++)); do
			at_once remove --vm "$(one_of old a c)" --if-exists
		done
		go
		judge 'remove:0'
		[ "$(live_vgpus)" = "$foreign_vgpus" ] || violation "left: $(live_vgpus | paste -sd,)"
		;;
	mixed | few)
		for ((i = 0; i < 24; i++)); do
			vm=vm$((RANDOM % ($([ "$1" = few ] && echo 1 || echo 5))))
			case $((RANDOM % 8)) in
			0 | 1 | 2) at_once create A40-8Q --vm $vm ;;
			3) at_once remove --vm $vm --if-exists ;;
			4) at_once stop --vm $vm ;;
			5) at_once start --vm $vm ;;
			6) at_once list ;;
			*) at_once assign "$(one_of $A $B $C)" --vm "$(one_of vm1 vm2 x)" --slot $((RANDOM % 4)) ;;
			esac
		done
		go
		judge 'create:0,4,5 remove:0 stop:0,3 start:0,3,4 list:0 assign:0,3,5'
		;;
	reconcile)
		crowd_host reconcile
		for ((i = 0; i < 12; i++)); do
			at_once create A40-8Q --vm "new$((i % 6))"
		done
		at_once reconcile
		at_once check
		at_once remove --vm c --if-exists
		at_once list
		go
		judge 'create:0,4 reconcile:0,7 check:0,7 remove:0 list:0'
		;;
	boots)
		ctl reboot
		foreign_vgpus=''
		ctl latency create 10
		for ((i = 0; i < 4; i++)); do
			at_once reconcile
			at_once "$(one_of list check)"
		done
		go
		judge 'reconcile:0 list:0 check:0,7'
		;;
	switches)
		for ((i = 0; i < 4; i++)); do
			at_once create A40-8Q --vm "new$i" --gpu $K
			at_once sriov "$(one_of enable disable)" $K
		done
		at_once list
		go
		judge 'create:0,3,4,9 sriov:0,1,5,9 list:0'
		;;
	esac
}
crowds='creates same removes mixed few reconcile boots switches'

# --- all of it
points_of_signals() { # STEP-MS
	local command signal whom ms
	for ((ms = 0; ms < 200; ms += $1)); do
		for command in $commands; do
			for signal in INT TERM HUP; do
				for whom in alone group all; do
					echo "signal $command $signal $whom $ms"
				done
			done
			echo "terminal $command $ms"
		done
	done
}
points_of_rest() { # SEEDS
	local command how seed
	for command in $commands; do
		for how in pipe both full closed; do
			echo "output $command $how"
		done
	done
	for ((seed = 1; seed <= $1; seed++)); do
		for how in $crowds; do
			echo "crowd $how $seed"
		done
	done
}
pick() { grep -E -- "${FAULTS:-.}" | shuf --random-source=<(yes) | head -n "$1"; }
case $MODE in
sample) n_signals=${N_SIGNALS:-12} n_rest=${N_REST:-4} step=7 seeds=2 ;;
default) n_signals=900 n_rest=150 step=3 seeds=16 ;;
*) n_signals=999999 n_rest=999999 step=1 seeds=60 ;;
esac
command -v script >/dev/null || skip 'script is not installed'
share_work 2
mkfifo "$top/keyboard"
exec 8<>"$top/keyboard" # where nobody ever types
first_host
i=0
while read -r what words; do
	i=$((i + 1))
	mine $i || continue
	# shellcheck disable=SC2086 # words
	case $what in
	signal) try_signal $words ;;
	terminal) try_terminal $words ;;
	output) try_output $words ;;
	crowd) try_crowd $words ;;
	esac
done < <(points_of_signals $step | pick "$n_signals"; points_of_rest $seeds | pick "$n_rest")
finish 'crowds of commands; signals, lost terminals and readers in the midst of one'
