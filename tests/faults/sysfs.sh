#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A kernel that refuses, hangs, lies, talks nonsense or leads astray: at each place that a command
# looks at, found by a trace of a clean run of it. A query neither dies nor hides what is sound; a
# changing command ends in time with a documented status, leaves nothing that reconcile cannot
# finish, and writes nowhere but where it should.
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

A=aaaaaaaa-0000-4000-8000-000000000001 C=cccccccc-0000-4000-8000-000000000001
S=55555555-0000-4000-8000-000000000001 N=99999999-0000-4000-8000-000000000001
F=ffffffff-0000-4000-8000-000000000001
G=0000:e8:00.0 H=0000:67:00.0 K=0001:11:00.0
places=$top/places lists=$top/lists outside=$top/outside
queries='list check gpus types capacity show sriov'
changes='create count remove stop start enable reconcile boot'

words_of() { # words_of COMMAND: its command line
	case $1 in
	list) echo list ;;
	check) echo check ;;
	gpus) echo gpus ;;
	types) echo types --all ;;
	capacity) echo capacity A40-8Q ;;
	show) echo show "$A" ;;
	sriov) echo sriov status ;;
	create) echo "create A40-8Q --vm new --uuid $N" ;;
	count) echo create A40-8Q --vm many --count 3 ;;
	remove) echo "remove $A --if-exists" ;;
	stop) echo stop --vm c ;;
	start) echo start --vm s ;;
	enable) echo "sriov enable $K" ;;
	*) echo reconcile ;;
	esac
}
# What repeating COMMAND must have led to in the end.
reached() {
	case $1 in
	create) live $N ;;
	count) [ "$(sql "SELECT count(*) FROM vgpu WHERE vm = 'many' AND state = 'active'")" = 3 ] ;;
	remove) ! live $A && [ -z "$(state_of $A)" ] ;;
	stop) ! live $C && in_state $C stopped ;;
	start) live $S && in_state $S active ;;
	enable) [ -e "$sys/bus/pci/devices/$K/virtfn3" ] ;;
	*) live $A && live $C ;;
	esac
}

# --- the host: two vGPUs of ours on two GPUs, one that is stopped, one that is foreign, and a
# third GPU without virtual functions
first_host() {
	host small --gpus 3
	must sriov enable all
	plant_foreign 0000:e8:00.4 A40-8Q
	must create A40-8Q --vm a --gpu $G --uuid $A
	must create A40-8Q --vm s --gpu $G --uuid $S
	must create A40-8Q --vm c --gpu $H --uuid $C
	planted=$foreign_vgpus
	copy_host
	must stop --vm s
	must sriov disable $K
	cp -a "$root/var" "$top/base"
	vf_a=$(sql "SELECT vf FROM vgpu WHERE uuid = '$A'")
	vf_c=$(sql "SELECT vf FROM vgpu WHERE uuid = '$C'")
}
# A double of the tree, in which all that is written can be seen: there, links lead astray.
copy_host() {
	local file
	mkdir "$outside"
	cp -R -P "$sys/." "$outside" 2>/dev/null
	find "$sys" -type f -perm 200 -printf '%P\n' | while read -r file; do
		: >"$outside/$file"
	done
	[ -e "$outside/bus/mdev/devices/$A/remove" ] || bail 'there is no double of the tree'
	touch "$top/stamp"
}
untouched_outside() {
	[ -z "$(find "$outside" \( -newer "$top/stamp" -o -size +8k \) -print -quit)" ]
}
# The same host again, without the time that making it took. Its foreign vGPU comes first.
fresh_host() {
	local gpu
	host small --gpus 3
	ctl raw-sriov on
	for gpu in $G $H; do
		echo 4 >"$sys/bus/pci/devices/$gpu/sriov_numvfs"
	done
	ctl raw-sriov off
	echo $F >"$(type_dir_562 0000:e8:00.4)/create"
	echo $A >"$(type_dir_562 "$vf_a")/create"
	echo $C >"$(type_dir_562 "$vf_c")/create"
	cp -a "$top/base" "$root/var"
	foreign_vgpus=$planted
	acked=([$A]=1 [$C]=1 [$S]=1)
}
type_dir_562() { echo "$sys/class/mdev_bus/$1/mdev_supported_types/nvidia-562"; }
prepare() {
	case $1 in
	reconcile)
		echo 1 >"$sys/bus/mdev/devices/$A/remove"
		echo 1 >"$sys/bus/mdev/devices/$C/remove"
		;;
	boot)
		ctl reboot
		foreign_vgpus=''
		;;
	esac
}

# --- where faults can be: "COMMAND read|list|link|write PATH", by clean runs
find_places() {
	local command op n
	first_host
	ctl trace on
	: >"$places"
	for command in $queries $changes; do
		[ "$command" != create ] || fresh_host
		case " $changes " in *" $command "*) fresh_host ;; esac
		prepare "$command"
		ctl reset
		ctl trace on
		# shellcheck disable=SC2046 # words
		must $(words_of "$command")
		ctl trace off
		ctl trace | sed "s|^|$command |" >>"$places"
		for op in create remove sriov bind; do
			n=$(counter $op)
			[ "$n" = 0 ] || echo "$command op $op $n" >>"$places"
		done
	done
	# what has another name each time is no place of its own, and what the pretended
	# sriov-manage alone looks at is nothing that vgpumgr could make good
	grep -E "[0-9a-f]{8}-[0-9a-f]{4}-" "$places" |
		grep -vE "$A|$C|$S|$N|$F" >"$top/passing"
	grep 'drivers/pci-pf-stub' "$places" >>"$top/passing"
	grep -vxFf "$top/passing" "$places" >"$places.known"
	mv "$places.known" "$places"
}

# --- what can be wrong: "COMMAND FAULT PLACE DETAIL" lines
errnos='EIO ENOSPC EBUSY EINVAL EPERM'
contents='bare empty long nul utf8 number lines'
list_faults() {
	local command what path n op e k gpu
	while read -r command what path n; do
		case $what in
		op)
			op=$path
			for ((k = 1; k <= n; k++)); do
				for e in $errnos; do
					echo "$command fail $op $k $e"
					echo "$command fail $op $k $e after"
				done
				echo "$command fail $op $k+ EIO"
				echo "$command stall $op $k"
				for gpu in $G $H $K "$vf_a" "$vf_c" 0000:67:00.5 0000:67:00.6 0000:e8:00.7; do
					echo "$command vanish $op $k $gpu"
				done
			done
			continue
			;;
		read)
			for e in $contents; do
				echo "$command content $path $e"
			done
			echo "$command slow $path"
			;;
		link)
			for e in loop out away foreign nic nowhere here; do
				echo "$command link $path $e"
			done
			;;
		esac
		for e in $errnos; do
			echo "$command refuse $path $e"
		done
		[ "$what" = write ] || echo "$command hide $path"
	done <"$places"
	for command in $queries $changes; do
		echo "$command chunk - 1"
		for gpu in $G $H $K; do
			echo "$command lie $gpu 0"
			echo "$command lie $gpu 1000"
		done
		sed -n "s|^$command [a-z]* \(.*/mdev_supported_types/[^/]*\).*|\1|p" "$places" | sort -u |
			sed "s|.*|$command strip &|"
	done
}

# fault_on FAULT PLACE DETAIL...: $lift will end it
fault_on() {
	local place=$2 text=''
	case $1 in
	fail) ctl fail "${@:2}" && lift='fail off' ;;
	stall) ctl delay "$2" "$3" 60000 && lift='hang off' ;;
	slow) ctl hang "$place" 200 && lift='hang off' ;;
	vanish) ctl vanish "$2" "$3" "$4" && lift='vanish off' ;;
	chunk) ctl chunk 1 && lift='chunk off' ;;
	lie) ctl lie "$place" "$3" && lift="lie $place off" ;;
	hide) ctl hide "$place" && lift="show $place" ;;
	refuse) ctl refuse "$place" "$3" && lift="refuse $place off" ;;
	strip)
		for text in name description available_instances create device_api; do
			ctl hide "$place/$text"
		done
		lift='strip'
		;;
	link) ctl link "$place" "$(target_of "$place" "$3")" && lift="link $place off" ;;
	content)
		content_of "$place" "$3" >"$top/content"
		ctl garbage "$place" "$(cat "$top/content")" && lift="garbage $place off"
		;;
	esac
}
fault_off() {
	local text
	case $lift in
	strip)
		for text in name description available_instances create device_api; do
			ctl show "$2/$text"
		done
		;;
	*)
		# shellcheck disable=SC2086 # words
		ctl $lift
		;;
	esac
	# what is gone comes back
	[ "$1" != vanish ] || case $4 in
	"$G" | "$H" | "$K")
		ctl give-gpu "$4"
		[ "$4" != $G ] || foreign_vgpus=''
		;;
	*) ctl give-vf "$4" ;;
	esac
}
# What an attribute is made to read, as "garbage" wants to have it.
content_of() {
	case $2 in
	bare) printf '%s' "$(cat "$sys/$1" 2>/dev/null)" ;;
	empty) printf '\\n' ;;
	long) printf 'x%.0s' {1..5000} ;;
	nul) printf 'NVIDIA\\x00A40-8Q\\n' ;;
	utf8) printf 'NVIDIA \\xff\\xfe\\xc0\\xaf-8Q\\n' ;;
	number) printf '99999999999\\n' ;;
	lines) printf '0x10de\\n\\x1b[2Jvgpumgr: all is well\\n' ;;
	esac
}
# Where a link is made to lead: to itself, to the double of what it leads to outside of the root
# (by an absolute path and by a relative one), to a device of somebody else, …
target_of() {
	local real
	case $2 in
	loop) basename "$1" ;;
	out | away)
		real=$(realpath -m "$sys/$1")
		[ "$2" = out ] || printf '../../../../../../../../../../../../../..'
		echo "$outside/${real#"$(realpath "$sys")/"}"
		;;
	foreign) inside "$1" bus/mdev/devices/$F ;;
	nic) inside "$1" bus/pci/devices/0000:01:00.0 ;;
	nowhere) echo ../../../nowhere/0000:99:00.0 ;;
	here) echo . ;;
	esac
}

inside() { realpath -m --relative-to="$sys/$(dirname "$1")" "$sys/$2"; }

# --- queries
# The part of the document $2 that does not concern the GPU $1 ("all": nothing is left, "none":
# all is), nor the type with the number $3, nor the vGPU that the path $4 names. What a GPU
# without virtual functions offers is known from others of its model.
sound_part() {
	jq -S --arg bad "$1" --arg remembered $K --argjson type "${3:-0}" \
		--arg place "${4:-}" 'del(.as_of, .host) | if $bad == "all" then null else
		walk(if type == "array" and length > 0 and (.[0] | type) == "object" then
			map(select((.gpu // .address // .vf // "")[0:7] != $bad[0:7] and
				(.uuid // "none" | inside($place) | not))) else . end) |
		if .types then .types |= [.[] | select(any(.type_ids[]; . == $type) | not) |
			. as $t | .gpus[] | select(.[0:7] != $bad[0:7] and . != $remembered) |
			[., $t.profile, $t.framebuffer_mib, $t.max_instances]] else . end |
		if .capacity then .capacity |= map(del(.free)) else . end | del(.summary) end' "$2" 2>&1
}
# The GPU that the last address in a path belongs to, or "none", or "all" for what all share.
gpu_of() {
	local last
	last=$(grep -oE '[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]' <<<"$1" | tail -n1)
	case $1:$last in
	*"$A"*: | *"$S"*: | *"$F"*:) echo $G ;;
	*"$C"*:) echo $H ;;
	*:0000:e8:*) echo $G ;;
	*:0000:67:*) echo $H ;;
	*:0001:11:*) echo $K ;;
	*:?*) echo none ;;
	*) echo all ;;
	esac
}
clean_words() { ! grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$err" || violation 'control characters on stderr'; }
documented() {
	[ $status -le 10 ] || violation "ends with status $status: $(tail -n1 "$err")"
	clean_words
}
try_query() { # COMMAND FAULT PLACE DETAIL
	local bad type
	begin "$@"
	fault_on "${@:2}"
	# shellcheck disable=SC2046 # words
	run --json $(words_of "$1")
	fault_off "${@:2}"
	documented
	case $2 in
	slow | chunk) bad=none ;;
	lie) bad=$3 ;;
	content) [ "$4" = bare ] && bad=none || bad=$(gpu_of "$3") ;;
	*) bad=$(gpu_of "$3") ;;
	esac
	if ! jq -e . "$out" >/dev/null 2>&1; then
		violation "prints no document: $(head -c200 "$out")"
	elif jq -e .error "$out" >/dev/null; then
		# the host cannot be looked at at all: that is told, with the path
		case $bad:$1 in
		all:* | "$G":show) ;;
		*) violation "tells nothing of what is sound: $(head -n1 "$err")" ;;
		esac
		grep -qF -e "$(basename "$3")" "$err" || violation "does not name $3: $(head -n1 "$err")"
	else
		type=$(sed -n 's|.*/mdev_supported_types/[^/]*-\([0-9]*\)\(/.*\)*$|\1|p' <<<"$3")
		sound_part "$bad" "$out" "$type" "$3" >"$top/now"
		sound_part "$bad" "$top/clean.$1" "$type" "$3" >"$top/before"
		cmp -s "$top/before" "$top/now" ||
			violation "what is sound is not told as before: $(difference "$top/before" "$top/now")"
		told "$@"
	fi
	[ "$(queries_sum)" = "$query_sum" ] || violation 'something has changed'
}
# What reads otherwise than before is told: by its path, or as null.
told() {
	case $2 in refuse | content) ;; *) return ;; esac
	[ ! -s "$err" ] || return
	case $1:$3:${4:-} in
	*:module/nvidia/version:*) return ;; # without it, what is remembered is not believed
	*/vm_name:*) return ;;                 # whoever it is, somebody uses the device
	*/name:number | */driver_override:*) return ;; # it might be called that
	capacity:*/description:*) return ;;    # which says less than "types" about it, by its nature
	esac
	[ "$(jq -S 'del(.as_of)' "$out")" != "$(jq -S 'del(.as_of)' "$top/clean.$1")" ] || return
	[ "$(jq '[.. | nulls] | length' "$out")" -gt "$(jq '[.. | nulls] | length' "$top/clean.$1")" ] ||
		violation "is silent about it: $(difference <(jq -S . "$top/clean.$1") <(jq -S . "$out"))"
}
difference() { diff "$1" "$2" | grep '^[<>]' | grep -v as_of | head -n4 | tr -s ' ' | paste -sd' '; }
queries_sum() { stat -c '%n %s %Y %Z' "$db" "$root/var/lib/vgpumgr/"*; }
all_queries() {
	local command fault i=0
	fresh_host
	for command in $queries; do
		# shellcheck disable=SC2046 # words
		must --json $(words_of "$command")
		cp "$out" "$top/clean.$command"
	done
	query_sum=$(queries_sum)
	while read -r -a fault; do
		i=$((i + 1))
		mine $i && try_query "${fault[@]}"
	done <"$lists.queries"
	invariants 'after the queries'
}

# --- changing commands
try_change() { # COMMAND FAULT PLACE DETAIL
	local command=$1 began limit=6000 timeout=1 first
	begin "$@"
	fresh_host
	prepare "$command"
	fault_on "${@:2}"
	began=$(hundredths)
	[ "$2" != stall ] || limit=350
	[ "$2" != slow ] || timeout=10 # what is read often adds up
	# shellcheck disable=SC2046 # words
	run $(words_of "$command") --timeout $timeout
	first=$status
	[ $(($(hundredths) - began)) -lt $limit ] || violation "takes $(($(hundredths) - began))0 ms"
	documented
	# reconcile tells of each vGPU, and exits 7 for whatever is not as saved
	[ "$2" != stall ] || [ $first -eq 9 ] ||
		{ [[ $command = reconcile || $command = boot ]] && [ $first -eq 7 ]; } || violation "hangs and exits $first: $(tail -n1 "$err")"
	case $2:${4:-} in slow:* | chunk:* | content:bare)
		[ $first -eq 0 ] || violation "exits $first: $(tail -n1 "$err")" ;;
	esac
	[ "$command" != create ] || [ $first -ne 0 ] || acked[$N]=1
	[ "$command" != remove ] || unset "acked[$A]"
	fault_off "${@:2}"
	until_true 20 no_family || violation 'its children do not end'
	untouched_outside || violation "writes outside of the root: $(cd "$outside" &&
		find . -newer "$top/stamp" -type f | head -n3 | paste -sd' ')"
	touch "$top/stamp"
	invariants 'before reconcile'
	restore_switches "$@"
	# a stop that was cut short is none that reconcile would finish: it never removes
	[ "$command" = stop ] || mend 'lifted'
	# shellcheck disable=SC2046 # words
	run $(words_of "$command") --timeout 20
	[ $status -eq 0 ] || violation "repeated, it exits $status: $(tail -n1 "$err")"
	reached "$command" || violation 'repeated, it has not done its work'
	mend 'repeated'
}
# A GPU that was away comes back without virtual functions, and whoever took them away is gone:
# that is for the operator to say.
restore_switches() {
	local gpu
	for gpu in $G $H; do
		if [ ! -e "$sys/bus/pci/devices/$gpu/virtfn0" ] && [ ! -e "$sys/bus/pci/devices/$gpu/virtfn1" ]; then
			run sriov enable "$gpu" --timeout 20
			[ $status -eq 0 ] || violation "sriov enable $gpu exits $status: $(tail -n1 "$err")"
		fi
	done
}
all_changes() {
	local fault i=0
	while read -r -a fault; do
		i=$((i + 1))
		mine $i && try_change "${fault[@]}"
	done <"$lists.changes"
}

# --- all of it, by a fixed shuffle of which the first are tried; FAULTS=REGEX: of what matches alone
pick() { # pick PATTERN HOW-MANY
	grep -E "$1" "$lists" | grep -E -- "${FAULTS:-.}" | shuf --random-source=<(yes) | head -n "$2"
}
case $MODE in
sample) n_queries=${N_QUERIES:-24} n_changes=${N_CHANGES:-24} ;;
default) n_queries=3000 n_changes=1600 ;;
*) n_queries=999999 n_changes=999999 ;;
esac
share_work 2
find_places
list_faults >"$lists"
pick "^(${queries// /|}) " "$n_queries" >"$lists.queries"
pick "^(${changes// /|}) " "$n_changes" >"$lists.changes"
all_queries
all_changes
finish "of $(wc -l <"$lists") faults: refusals, nonsense, lies, hangs, astray links, lost devices"
