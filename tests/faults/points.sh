# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-2.0-or-later
# What the families kill and errno share: the commands they are about, each on a small host with
# vGPUs and a foreign one, and what must be so once each is done. Sourced after lib.sh.
#
# A scenario is a command on a host in a certain state, set up once (set_up) and put back before
# each point (restore), which takes a reboot of the simulated host and a copy of the record rather
# than a new host.
inject=$top_builddir/tests/faults/inject
[ -x "$inject" ] || bail "$inject is not built"
"$inject" -o "$top/seen" record true 2>"$top/why" || skip "processes cannot be traced: $(<"$top/why")"
# a leak detector traces, too, and cannot where somebody else does
export ASAN_OPTIONS=detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}

GPU1=0000:67:00.0 # its VFs are on throughout; the foreign vGPU is there
GPU2=0000:e8:00.0
KEEP=cccccccc-0000-4000-8000-000000000001
A=aaaaaaaa-0000-4000-8000-000000000001
scenario=''
command_line=() # of the scenario
expected=0      # its exit status
wanted=''	# the records that it leads to, "VM SLOT STATE" with commas between them
snapshot=$top/snapshot

# set_up SCENARIO: a host in the state that its command begins in; kept in a snapshot
set_up() {
	local slot
	scenario=$1
	host small
	foreign_vgpus='' acked=() adoptable='' expected=0
	must sriov enable "$GPU1"
	[ "$1" = sriov ] || must sriov enable "$GPU2"
	plant_foreign 0000:67:00.7 A40-2Q
	must create A40-2B --vm keep --gpu "$GPU1" --uuid "$KEEP"
	wanted='keep 0 active'
	command_line=("$1" --vm a)
	case $1 in
	create) command_line=(create A40-2B --vm a) wanted='a 0 active,keep 0 active' ;;
	create-count)
		command_line=(create A40-2B --vm a --count 4)
		wanted='a 0 active,a 1 active,a 2 active,a 3 active,keep 0 active'
		;;
	create-params)
		command_line=(create A40-2B --vm a --params frame_rate_limiter=0)
		wanted='a 0 active,keep 0 active'
		;;
	remove)
		must create A40-2B --vm a --uuid "$A"
		command_line=(remove --vm a --if-exists)
		;;
	stop)
		must create A40-2B --vm a --uuid "$A"
		wanted='a 0 stopped,keep 0 active'
		;;
	start)
		must create A40-2B --vm a --uuid "$A"
		must stop --vm a
		wanted='a 0 active,keep 0 active'
		;;
	assign)
		must create A40-2B --vm a --uuid "$A"
		command_line=(assign "$A" --vm z)
		wanted='keep 0 active,z 0 active'
		;;
	move)
		must create A40-2B --vm a --uuid "$A" --gpu "$GPU2"
		command_line=(move "$A" --gpu "$GPU1")
		wanted='a 0 active,keep 0 active'
		;;
	cordon) command_line=(gpu set "$GPU2" --cordon on) ;;
	sriov) command_line=(sriov enable "$GPU2") ;;
	adopt)
		foreign "$A" 0000:e8:00.5 A40-2B
		adoptable=$(live_vgpus | grep "^$A ")
		command_line=(adopt "$A" --vm a)
		wanted='a 0 active,keep 0 active'
		;;
	store-restore)
		must create A40-2B --vm a --uuid "$A"
		must assign "$A" --vm z
		command_line=(store restore "archive/$(ls "$root/var/lib/vgpumgr/archive" | tail -n1)")
		wanted='a 0 active,keep 0 active'
		;;
	repair)
		must create A40-2B --vm a --uuid "$A"
		command_line=(reconcile) expected=8
		wanted='a 0 active,keep 0 active'
		;;
	reconcile | list | check)
		command_line=("$1")
		for slot in 0 1 2 3; do
			must create A40-2B --vm a --slot $slot \
				--uuid "aaaaaaaa-0000-4000-8000-00000000000$slot"
		done
		wanted='a 0 active,a 1 active,a 2 active,a 3 active,keep 0 active'
		;;
	*) bail "no such scenario: $1" ;;
	esac
	[ "$1" != reconcile ] || after_reboot
	take_snapshot
}

# The state that reconcile begins in: the virtual functions of one GPU are off, and on the other,
# somebody else has taken a VF that a saved vGPU was on.
after_reboot() {
	ctl reboot
	rm -rf "$root/run/vgpumgr"
	"$root/usr/lib/nvidia/sriov-manage" -e "$GPU1" >/dev/null || bail 'sriov-manage fails'
	foreign_vgpus=''
	plant_foreign "$(sql "SELECT vf FROM vgpu WHERE gpu = '$GPU1' AND vm = 'a' LIMIT 1")" A40-2Q
}

take_snapshot() {
	rm -rf "$snapshot"
	mkdir "$snapshot" && cp -a "$root/var" "$snapshot/" || bail 'cannot copy the record'
	[ ! -d "$root/run" ] || cp -a "$root/run" "$snapshot/" || bail 'cannot copy run'
	live_before=$(live_vgpus)
	boot_id=$(cat "$root/proc/sys/kernel/random/boot_id")
	vfs_on=$GPU1
	[ "$(cat "$sys/bus/pci/devices/$GPU2/sriov_numvfs")" = 0 ] || vfs_on="$GPU1 $GPU2"
	acked_before=$(sql 'SELECT uuid FROM vgpu')
	# the record that is to be repaired ends in the midst of a page
	[ "$scenario" != repair ] || truncate -s 9000 "$snapshot/var/lib/vgpumgr/state.db"
}

# The host as it was when the snapshot was taken, in the same boot. Where no virtual functions are
# switched, that takes no reboot.
restore() {
	local uuid vf name line now
	rm -rf "$root/var" "$root/run"
	cp -a "$snapshot/var" "$root/" || bail 'cannot put the record back'
	[ ! -d "$snapshot/run" ] || cp -a "$snapshot/run" "$root/" || bail 'cannot put run back'
	case $scenario in sriov | reconcile) reboot_as_it_was ;; esac
	now=$(live_vgpus)
	while read -r uuid line; do
		[ -n "$uuid" ] || continue
		case $'\n'$live_before$'\n' in
		*$'\n'"$uuid $line"$'\n'*) ;;
		*) echo 1 >"$sys/bus/mdev/devices/$uuid/remove" || bail "cannot remove $uuid" ;;
		esac
	done <<<"$now"
	while read -r uuid vf name; do
		case $'\n'$now$'\n' in
		*$'\n'"$uuid $vf $name"$'\n'*) continue ;;
		esac
		make_again "$uuid" "$vf" "$name" || bail "cannot make $uuid on $vf again"
	done <<<"$live_before"
	acked=()
	for uuid in $acked_before; do
		acked[$uuid]=1
	done
	# what it is to take away is no longer promised
	[ "$scenario" != remove ] || unset "acked[$A]"
}

reboot_as_it_was() {
	local gpu
	ctl reboot
	rm -f "$root/proc/sys/kernel/random/boot_id"
	echo "$boot_id" >"$root/proc/sys/kernel/random/boot_id"
	for gpu in $vfs_on; do
		"$root/usr/lib/nvidia/sriov-manage" -e "$gpu" >/dev/null || bail 'sriov-manage fails'
	done
}

make_again() { # UUID VF TYPE-NAME
	local dir name
	for dir in "$sys/bus/pci/devices/$2/mdev_supported_types"/*; do
		read -r name <"$dir/name"
		[ "$name" = "$3" ] || continue
		echo "$1" >"$dir/create"
		return
	done
	return 1
}

# go ARGUMENT...: run, with fewer processes; inject or the reconcile before it would have noticed
# that it hangs
go() {
	"$vgpumgr" --root "$root" --timeout 20 "$@" >"$out" 2>"$err" </dev/null
	status=$?
	no_complaints
}
no_complaints() {
	local line
	while read -r line; do
		case $line in
		*Sanitizer* | *'runtime error:'* | *Assertion*) violation "$line" ;;
		esac
	done <"$err"
}

# inject_into ARGUMENT-OF-INJECT... -- ARGUMENT...: the program with a fault in it. What it printed
# and said, its status as of run; what inject saw in $hit (empty: the point was not reached), $crash
# and $hang.
inject_into() {
	local fault=() word words
	while [ "$1" != -- ]; do
		fault+=("$1")
		shift
	done
	shift
	rm -f "$top/seen"
	timeout -k 5 120 "$inject" -m /dev/null -t 60 -o "$top/seen" "${fault[@]}" \
		"$vgpumgr" --root "$root" "$@" >"$out" 2>"$err" </dev/null
	status=$?
	hit='' crash='' hang='' ended=''
	while read -r word words; do
		case $word in
		hit) hit=$words ;;
		crash) crash=$words ;;
		hang) hang=yes ;;
		ended) ended=$words ;;
		esac
	done <"$top/seen"
	[ -n "$ended" ] || bail "inject failed: $(cat "$err")"
	[ -z "$crash" ] || violation "process ${crash% *} ended by signal ${crash#* }: $(tail -n2 "$err")"
	[ -z "$hang" ] || violation 'not all had ended after a minute'
	no_complaints
	acknowledged
}

# What the command printed and so promised.
acknowledged() {
	local uuid
	[[ $scenario = create* ]] && [ $status -eq 0 ] || return 0
	while read -r uuid; do
		[ ${#uuid} -eq 36 ] && acked[$uuid]=1
	done <"$out"
}

# done_as_asked WHEN: what the command was to do is done, in record and kernel
done_as_asked() {
	look
	done_seen "$1"
}
done_seen() { # of what look saw last
	local vfs
	[ "$saved_records" = "$wanted" ] ||
		violation "$1: the record holds '$saved_records', not '$wanted'"
	settled_seen "$1"
	case $scenario in
	sriov | reconcile)
		read -r vfs <"$sys/bus/pci/devices/$GPU2/sriov_numvfs"
		[ "$vfs" = 4 ] || violation "$1: the virtual functions of $GPU2 are not on"
		;;
	move)
		[ "$(sql "SELECT gpu FROM vgpu WHERE uuid = '$A'")" = "$GPU1" ] ||
			violation "$1: it is not on $GPU1"
		;;
	cordon)
		[ "$(sql "SELECT cordoned FROM gpu WHERE bdf = '$GPU2'")" = 1 ] ||
			violation "$1: $GPU2 is not cordoned"
		;;
	create-params)
		grep -q '^frame_rate_limiter=0$' "$sys/bus/mdev/devices/$(sql "SELECT uuid FROM vgpu WHERE vm = 'a'")/nvidia/vgpu_params" ||
			violation "$1: its parameters are not set"
		;;
	esac
}

# Record and kernel, but for the outcome of the last reconcile, which has a time in it.
sum_of_all() {
	local file files=()
	for file in "$root"/var/lib/vgpumgr/* "$root"/run/vgpumgr/*; do
		[ "${file##*/}" = last-reconcile.json ] || [ ! -e "$file" ] || files+=("$file")
	done
	cksum "${files[@]}" "$sys/bus/pci/devices/$GPU1/sriov_numvfs" \
		"$sys/bus/pci/devices/$GPU2/sriov_numvfs"
	live_vgpus
}

# Which files are there beside those that the program keeps, in $left_over.
find_leftovers() {
	local file
	left_over=''
	for file in "$root"/var/lib/vgpumgr/* "$root"/var/lib/vgpumgr/.[!.]* \
		"$root"/run/vgpumgr/* "$root"/run/vgpumgr/.[!.]*; do
		[ -e "$file" ] || continue
		case ${file##*/} in
		state.db | state.db.damaged-* | lock | backup.json | archive | inventory.json | last-reconcile.json) ;;
		sriov-0000:*) ;;
		# SQLite leaves the beginning of a journal to the next that writes
		state.db-journal) ;;
		*) left_over="$left_over ${file#"$root"}" ;;
		esac
	done
}

# What a writer that was killed has left over does not stay for ever: the next that writes such a
# file takes it away.
no_leftovers() {
	find_leftovers
	[ -n "$left_over" ] || return 0
	must assign "$KEEP" --vm other
	must reconcile
	find_leftovers
	[ -z "$left_over" ] || violation "left over:$left_over"
}

# published WHEN: the files for those who cannot read the record are of its last change, as look
# saw it
published() {
	local file
	for file in "$root/var/lib/vgpumgr/backup.json" "$root/run/vgpumgr/inventory.json"; do
		[[ "$(<"$file")" == *"\"generation\": $saved_generation,"* ]] ||
			violation "$1: ${file##*/} is not of generation $saved_generation:" \
				"$(grep generation "$file")"
	done
}

# repeat: the command again, to its end; then once more, which changes nothing
repeat() {
	local sum
	go "${command_line[@]}"
	if [ $status -ne 0 ]; then
		violation "repeated, it exits $status: $(tail -n3 "$err" | paste -sd'|')"
		return
	fi
	acknowledged
	look
	done_seen 'repeated'
	invariants_seen 'repeated'
	published 'repeated'
	sum=$(sum_of_all)
	go "${command_line[@]}"
	[ $status -eq 0 ] || violation "repeated once more, it exits $status: $(tail -n3 "$err")"
	[ "$(sum_of_all)" = "$sum" ] || violation 'repeated once more, it changes something'
	no_leftovers
}

# after_fault: what must hold, whatever the fault has cut short. A stop that was cut short before
# its device was gone is for who wanted it to repeat: reconcile never removes a device.
after_fault() {
	if [ "$scenario" = repair ]; then
		after_repair
		return
	fi
	invariants 'after the fault'
	if [ "$scenario" = stop ]; then
		go reconcile
		if [ $status -eq 7 ] && grep -q 'its stop was cut short' "$out"; then
			invariants 'after the fault, reported'
			repeat
			return
		fi
	fi
	mend 'after the fault'
	repeat
}

# A repair that was cut short leaves the damaged record, or none, or the new one; whichever it is,
# the next reconcile ends it.
after_repair() {
	look
	[ "$live" = "$live_before" ] || violation 'after the fault: the kernel was changed'
	go reconcile
	case $status in
	0 | 8) ;;
	*) violation "reconcile after the fault exits $status: $(tail -n3 "$err" | paste -sd'|')" ;;
	esac
	mend 'after the fault'
	repeat
}

# record_calls FILE SCENARIO...: for each, set up and recorded, a line "SCENARIO P K PHASE NAME
# ERRORS SUBJECT" a call
record_calls() {
	local file=$1 name
	shift
	: >"$file"
	for name in "$@"; do
		set_up "$name"
		restore
		inject_into record -- "${command_line[@]}"
		[ $status -eq $expected ] || bail "${command_line[*]} exits $status: $(cat "$err")"
		point="recording ${command_line[*]}"
		done_as_asked 'while recorded'
		grep '^[0-9]' "$top/seen" | sed "s|^|$name |; s|$root|ROOT|g" >>"$file"
		[ "$MODE" = sample ] && [ "$name" != create-count ] || cross_check "$name"
	done
}

# cross_check SCENARIO: strace sees as many calls, process by process. What timing varies (a wait
# that is interrupted, a look that comes too early) may differ.
cross_check() {
	local try ours theirs file
	if ! command -v strace >/dev/null; then
		echo "# strace is not installed: nobody vouches for the calls of $1"
		return
	fi
	for try in 1 2 3; do
		restore
		inject_into record -- "${command_line[@]}"
		ours=$(grep '^[0-9]' "$top/seen" | cut -d' ' -f1 | uniq -c | sort -nk2 |
			awk '{ n[$2] += $1 } END { for (p in n) print p, n[p] }' | sort -n)
		restore
		rm -f "$top"/strace.*
		strace -ff -o "$top/strace" "$vgpumgr" --root "$root" "${command_line[@]}" \
			>/dev/null 2>&1 </dev/null
		theirs=$(for file in "$top"/strace.*; do
			echo "${file##*.} $(grep -cv '^[-+]' "$file")"
		done | sort -n | awk '{ print NR, $2 }')
		if awk 'NR == FNR { n[$1] = $2; next }
			{ seen++; d = n[$1] - $2; if (d < 0) d = -d; if (d > 4 + $2 / 50) bad = 1 }
			END { exit bad || seen != length(n) }' <(echo "$ours") <(echo "$theirs"); then
			echo "# $1: calls by process: $(paste -sd, <<<"$ours")," \
				"strace counts $(paste -sd, <<<"$theirs")"
			return
		fi
	done
	violation "calls by process: $(paste -sd, <<<"$ours"), but strace counts $(paste -sd, <<<"$theirs")"
}
