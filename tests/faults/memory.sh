#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Allocations that fail, one by one, in the command and in the processes that it starts; and
# whole commands under valgrind. A command that gets no memory may fail, with a sentence, but
# neither crash nor say that it is done when it is not, nor leave out a part of its answer.
faults=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/faults/lib.sh
. "$faults/lib.sh"
nomem=$top_builddir/tests/faults/nomem.so
[ -x "$nomem" ] || bail "$nomem is not built"
grep -q __asan_init "$vgpumgr" && skip 'a sanitizer has its own malloc'

# How far apart the allocations are that fail, alone or with all that follow; the valgrind runs.
case $MODE in
sample) once=199 always=997 changing=5 ;;
default) once=17 always=101 changing=2 ;;
full) once=1 always=5 changing=1 ;;
esac
[ "$MODE" = sample ] || share_work 2

ulimit -c 0
report=$top/nomem
# starve PROCESS N ALWAYS ARGUMENT...: a run in which the N-th allocation of a process fails
starve() {
	timeout -k 5 60 env LD_PRELOAD="$nomem" NOMEM_FILE="$report" NOMEM_PROCESS="$1" \
		NOMEM_AT="$2" NOMEM_ALWAYS="$3" "$vgpumgr" --root "$root" --timeout 20 \
		"${@:4}" >"$out" 2>"$err" </dev/null
	status=$?
	# shellcheck disable=SC2046 # words
	set -- $(od -An -v -tu4 "$report")
	hit=$2 died_by=$3 in_library=$4 asked=("${@:5:$1}")
}
# What the time of day makes different.
answer() { sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z/TIME/g' "$out"; }

# well_told: what holds of every answer. Two libraries end the program themselves, with a sentence
# of their own. libconfig, of which nomem.c tells, dies; argp asserts that it gets memory for --help.
in_libraries=0
well_told() {
	if [ "$in_library" -ne 0 ] || { [ "$died_by" -eq 6 ] && [[ $point = *--help* ]] &&
		grep -qE '^vgpumgr: argp-help.c:|^Unexpected error' "$err"; }; then
		in_libraries=$((in_libraries + 1))
		return
	fi
	[ "$died_by" -eq 0 ] || violation "a process dies by signal $died_by"
	if [ $status -gt 10 ]; then
		violation "exits $status: $(tail -n3 "$err" | paste -sd'|')"
	elif [ $status -ne 0 ] && ! grep -qE \
		'^(vgpumgr|pcilib): .|^out of dynamic memory in libconfig' "$err" &&
		! grep -qE 'Cannot allocate memory|not live' "$out"; then
		violation "exits $status without a sentence: $(head -n3 "$err" | paste -sd'|')"
	fi
}

nth=0 # of all that could be tried by all workers
# each_allocation STRIDE FUNCTION ARGUMENT...: the function, for those that are this worker's,
# with PROCESS N ALWAYS before the arguments. What is asked for was counted before.
each_allocation() {
	local stride=$1 function=$2 counts=("${asked[@]}") p i n words
	shift 2
	for ((p = 0; p < ${#counts[@]}; p++)); do
		for ((n = 1; n <= counts[p]; n++)); do
			nth=$((nth + 1))
			for i in "$once 0" "$always 1"; do
				[ $((nth % (${i% *} * stride))) -eq 0 ] || continue
				mine $((nth / (${i% *} * stride))) || continue
				words="allocation $n of process $p"
				[ "${i#* }" -eq 0 ] || words="$words and all after it"
				begin "$*: $words"
				"$function" "$p" "$n" "${i#* }" "$@"
				[ "$hit" -gt 0 ] || unreached=$((unreached + 1))
			done
		done
	done
}

# --- what changes nothing
query_point() {
	starve "$@"
	well_told
	if [ $status -eq 0 ] && [ "$wanted_status" -ne 0 ]; then
		violation "exits 0, not $wanted_status"
	elif [ $status -eq 0 ] && [ "$(answer)" != "$wanted" ]; then
		violation "exits 0 with another answer: $(answer |
			diff <(echo "$wanted") - | head -n5 | paste -sd'|')"
	fi
}
query() {
	starve 0 0 0 "$@"
	wanted=$(answer) wanted_status=$status
	each_allocation 1 query_point "$@"
}

# --- what changes something: BEFORE lays out, AFTER says what must hold after an exit status of 0,
# whether memory was short or not; RESET takes away again.
change_point() {
	"$before"
	starve "$@"
	well_told
	invariants 'before it is repeated'
	[ $status -ne 0 ] || "$after" 'short of memory'
	if [ $((points % 4)) -eq 0 ]; then
		mend 'before it is repeated'
	fi
	run "${@:4}"
	if [ $status -ne 0 ]; then
		violation "repeated, it exits $status: $(tail -n3 "$err" | paste -sd'|')"
		mend 'after the repetition failed'
	else
		"$after" repeated
		[ $((points % 4)) -ne 1 ] || mend repeated
	fi
	"$reset"
}
# change BEFORE AFTER RESET ARGUMENT...
change() {
	before=$1 after=$2 reset=$3
	shift 3
	"$before"
	starve 0 0 0 "$@"
	[ $status -eq 0 ] || violation "$* exits $status although nothing fails: $(cat "$err")"
	"$after" 'nothing fails'
	"$reset"
	each_allocation "$changing" change_point "$@"
}

none() { :; }
# vgpus_of VM: "UUID STATE" lines by slot, of the record
vgpus_of() { sql "SELECT uuid || ' ' || state FROM vgpu WHERE vm = '$1' ORDER BY slot"; }
# is_made VM COUNT WHEN: so many active records of the VM, all live, are what was printed
is_made() {
	local rows uuid state printed live
	live=$(live_vgpus)
	rows=$(vgpus_of "$1")
	printed=$(cat "$out")
	[ "$printed" = "${rows// active/}" ] && [ "$(grep -c . <<<"$rows")" -eq "$2" ] ||
		violation "$3: printed: ${printed//$'\n'/, }; saved: ${rows//$'\n'/, }"
	while read -r uuid state; do
		case $live in
		*"$uuid "*) acked[$uuid]=1 ;;
		*) violation "$3: $uuid is $state and not live" ;;
		esac
	done <<<"$rows"
}
# is_gone VM WHEN
is_gone() {
	local uuid rows live
	rows=$(vgpus_of "$1")
	[ -z "$rows" ] || violation "$2: still saved: ${rows//$'\n'/, }"
	live=$(live_vgpus)
	for uuid in $removed; do
		[[ $live != *"$uuid"* ]] || violation "$2: $uuid is still live"
	done
}
take_all() { # VM
	local uuid
	for uuid in $(sql "SELECT uuid FROM vgpu WHERE vm = '$1'"); do
		unset "acked[$uuid]"
	done
	run remove --vm "$1" --if-exists
	[ $status -eq 0 ] || violation "remove exits $status: $(paste -sd'|' "$err")"
}
owner=3deab9a4-200a-4c54-99b1-5eb0722d1d81
one_is_made() {
	is_made one 1 "$1"
	[ "$(sql "SELECT vm_uuid FROM vgpu WHERE vm = 'one'")" = "$owner" ] ||
		violation "$1: the UUID of the VM is not saved"
}
three_are_made() { is_made three 3 "$1"; }
take_one() { take_all one; }
take_three() { take_all three; }
# The three that are to go: no promise holds of them any longer.
make_three() {
	must create A40-1Q --vm three --count 3
	removed=$(cat "$out")
}
three_are_gone() { is_gone three "$1"; }
three_are_stopped() {
	local rows
	rows=$(vgpus_of three)
	[ "$(grep -c stopped <<<"$rows")" -eq 3 ] || violation "$1: stopped: ${rows//$'\n'/, }"
}
stop_three() {
	make_three
	must stop --vm three
}
three_are_started() {
	local rows
	rows=$(vgpus_of three)
	[ "$(grep -c active <<<"$rows")" -eq 3 ] || violation "$1: started: ${rows//$'\n'/, }"
	settled "$1"
}
go_down() {
	foreign_vgpus=''
	ctl reboot
}
all_is_back() {
	settled "$1"
	invariants "$1"
}
# The store is lost, its backups are there: what is restored is all, or nothing yet.
lost_point() {
	rm -rf "${db%/*}"
	cp -a "$top/kept" "${db%/*}"
	rm -f "$db"
	starve "$@"
	well_told
	[ $status -ne 0 ] || violation 'exits 0, and does not say that the store was lost'
	run reconcile
	[ $status -eq 0 ] || [ $status -eq 8 ] || violation "reconcile exits $status after it"
	invariants 'restored'
	settled 'restored'
}
lose_store() {
	cp -a "${db%/*}" "$top/kept"
	rm -f "$db"
	starve 0 0 0 "$@"
	each_allocation "$changing" lost_point "$@"
	rm -rf "$top/kept"
}
vfs_are_on() {
	local n
	n=$(cat "$sys"/bus/pci/devices/0000:{67,e8}:00.0/sriov_numvfs | paste -sd' ')
	[ "$n" = '4 4' ] || violation "$1: VFs: $n"
}
vfs_back() { must sriov enable all; }
vfs_are_off() {
	local n
	n=$(cat "$sys"/bus/pci/devices/0000:{67,e8}:00.0/sriov_numvfs | paste -sd' ')
	[ "$n" = '0 0' ] || violation "$1: VFs: $n"
}

lay_out() {
	host small
	foreign_vgpus='' acked=()
	must sriov enable all
	must create A40-24A --vm other --gpu 67:00.0
	acked[$(cat "$out")]=1
	vf=$(cd "$sys/bus/pci/devices" && basename "$(readlink 0000:67:00.0/virtfn2)")
	[ "${1:-}" = alone ] || plant_foreign "$vf" A40-24A
}
# Every setting there is.
write_config() {
	sed -n 's/^# \([a-z_]* = .*;\)$/\1/p' "$top_srcdir/etc/vgpumgr.conf" |
		grep -vF '[ ]' >"$top/full.conf"
	grep -q '^[a-z_]* = ' "$top/full.conf" || bail 'the example config has no settings'
}

# --- valgrind
vg() {
	begin "valgrind: vgpumgr $*"
	timeout -k 5 300 valgrind -q --log-file="$top/vg.%p" --error-exitcode=97 \
		--leak-check=full --errors-for-leak-kinds=definite,indirect \
		--suppressions="$faults/valgrind.supp" "$vgpumgr" --root "$root" "$@" \
		>"$out" 2>"$err" </dev/null
	status=$?
	[ $status -le 10 ] || violation "exits $status"
	# Lines that begin otherwise are warnings about what valgrind itself cannot do.
	errors=$(grep -h '^==' "$top"/vg.*)
	[ -z "$errors" ] || violation "$(head -n 30 <<<"$errors" | paste -sd'|')"
	rm -f "$top"/vg.*
}
vg_commands() {
	lay_out
	vg list
	[ "$MODE" != sample ] || return 0
	vg create A40-1Q --vm v --count 2
	vg create A40-1Q --vm v --count 2 --json
	vg create A40-48Q --vm full --gpu 67:00.0 --json
	vg create A40-1Q --vm v --slot 0 --uuid 00000000-0000-4000-8000-000000000001
	vg list --json
	vg show v
	vg show v --json
	vg gpus
	vg gpus --json
	vg types
	vg types --json --all
	vg capacity
	vg capacity A40-1Q A40-99Z --json
	vg check
	vg check --json
	vg assign "$(vgpus_of v | cut -d' ' -f1 | head -n1)" --vm w
	vg stop --vm v
	vg start --vm v --json
	vg wait --all --timeout 5
	vg remove --vm v --json
	vg remove --vm nobody
	vg sriov status --json
	vg --config "$top/full.conf" list
	vg --config /dev/null list
	vg nonsense
	vg --help
	ctl reboot
	vg reconcile --dry-run
	vg reconcile --json
	vg reconcile
	vg remove --vm w
	vg remove --vm other
	vg sriov disable all
	vg sriov enable all --json
}
vg_unit_tests() {
	local test
	for test in "$top_builddir"/tests/test_*; do
		[ -x "$test" ] && [ -f "$test" ] && [ "${test%.o}" = "$test" ] || continue
		nth=$((nth + 1))
		mine $nth || continue
		begin "valgrind: ${test##*/}"
		(cd "$top_builddir" && timeout -k 5 900 valgrind -q --error-exitcode=97 \
			--log-file="$top/vg.%p" --leak-check=full \
			--errors-for-leak-kinds=definite,indirect \
			--suppressions="$faults/valgrind.supp" "$test") >"$out" 2>&1
		status=$?
		[ $status -eq 0 ] || violation "exits $status: $(cat "$top"/vg.* | head -n 20 |
			paste -sd'|')"
		rm -f "$top"/vg.*
	done
}

queries() {
	local arguments
	for arguments in "$@"; do
		# shellcheck disable=SC2086 # words
		query $arguments
	done
}
a_few() {
	queries list 'list --json' "--config $top/full.conf sriov status" 'create A40-99Z --vm x'
	change make_three three_are_gone none remove --vm three --if-exists
	change none three_are_made take_three create A40-1Q --vm three --count 3
}
all() {
	queries list 'list --json' 'show other' 'show other --json' gpus 'gpus --json' types \
		'types --json' 'store check' 'store check --json' capacity \
		'capacity A40-24A --json' check 'check --json' 'sriov status' \
		"--config $top/full.conf sriov status" nonsense '--json nonsense' --help \
		'create --help' 'create --vm' 'create A40-99Z --vm x --json' \
		'create A40-48Q --vm x --gpu 67:00.0 --json' 'reconcile --dry-run' \
		'remove --vm nobody'
	change none one_is_made take_one create A40-1Q --vm one --vm-uuid "$owner"
	change none three_are_made take_three create A40-1Q --vm three --count 3
	change make_three three_are_gone none remove --vm three --if-exists
	change make_three three_are_stopped take_three stop --vm three
	change stop_three three_are_started take_three start --vm three
	make_three
	for uuid in $removed; do
		acked[$uuid]=1
	done
	lose_store reconcile
	lay_out alone
	change go_down all_is_back none reconcile
	change go_down vfs_are_on none sriov enable all
	must remove --vm other
	acked=()
	change none vfs_are_off vfs_back sriov disable all
}

write_config
lay_out
if [ "$MODE" = sample ]; then a_few; else all; fi
note=''
if ! command -v valgrind >/dev/null; then
	note=', valgrind is not installed'
else
	[ "$worker" -ne 0 ] || vg_commands
	[ "$MODE" != full ] || vg_unit_tests
fi
[ $in_libraries -eq 0 ] || note="$note; $in_libraries deaths within argp or libconfig"
finish "every ${once}th allocation, every ${always}th with all after it$note"
