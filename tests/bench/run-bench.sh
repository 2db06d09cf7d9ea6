#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Measures vgpumgr on simulated hosts against the least that the same work needs, mdevctl and
# shell loops, in turns within one run, and prints a table; doc/performance.md tells how to
# read it. Environment: BENCH_SIZES (VFs), BENCH_LARGE=1 (4,096 as well, and the slowest
# peers), BENCH_DIR (a directory on a disk), BENCH_TMPFS, BENCH_DEBUG=1 (messages).
set -u
export LC_ALL=C

builddir=$(cd "${top_builddir:-.}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
vgpumgr=$builddir/src/vgpumgr
sim=$builddir/tests/sim/vgpusim
bench=$builddir/tests/bench
by_hand=$here/by-hand.sh
export VGPUSIM_HOSTS=$here/../sim/hosts
large=${BENCH_LARGE:-}
sizes=${BENCH_SIZES:-32 256 1024${large:+ 4096}}
mib=1024 # KiB
uuid=11111111-1111-4111-8111-111111111111
vf=0000:67:00.4 # of the first GPU

if ! [ -w /dev/fuse ]; then
	echo 'bench: /dev/fuse cannot be opened, and the simulated host needs it' >&2
	exit 1
fi
top=$(mktemp -d "${BENCH_DIR:-/var/tmp}/vgpumgr-bench.XXXXXX") || exit 1
ram=$(mktemp -d "${BENCH_TMPFS:-/dev/shm}/vgpumgr-bench.XXXXXX") || ram=
host=$top/host
end() {
	"$sim" stop "$host" >/dev/null 2>&1
	rm -rf "$top" ${ram:+"$ram"}
}
trap end EXIT
trap 'exit 1' INT TERM HUP

peer=
if ! mdevctl --version >/dev/null 2>&1; then
	echo 'mdevctl is not installed: it is left out'
elif ! unshare -m true 2>/dev/null; then
	echo 'mdevctl needs root and a mount namespace here: it is left out'
else
	peer=1
fi
if [ -n "$ram" ] && [ "$(stat -f -c %T "$ram")" != tmpfs ]; then
	echo "$ram is no tmpfs (BENCH_TMPFS names one): its part is left out"
	rm -rf "$ram"
	ram=
fi

# --- measuring

# In a mount namespace of its own, where /sys and mdevctl's records are those of $root.
in_root() {
	if [ -z "$peer" ]; then
		"$@"
		return
	fi
	# shellcheck disable=SC2016
	unshare -m sh -c 'mount --bind "$0/sys" /sys &&
		mount --bind "$0/mdevctl.d" /etc/mdevctl.d && exec "$@"' "$root" "$@"
}

# subject LABEL PREPARE COMMAND; those of mdevctl only where it is
subject() {
	case $1 in mdevctl*) [ -n "$peer" ] || return 0 ;; esac
	printf '%s\n%s\n%s\n' "$1" "$2" "$3" >> "$top/subjects"
}

# measure WHERE [OPTION...]: runs the subjects in turns; $top/results has their lines, and
# on the simulated host $top/ops-LABEL what they asked of it.
measure() {
	on=$1
	shift
	rm -f "$top"/ops-*
	if [ "$on" = fuse ]; then
		awk -v reset="$sim ctl $host reset" 'NR % 3 == 2 {
			print $0 ($0 == "" ? "" : "; ") reset; next } { print }' \
			"$top/subjects" > "$top/subjects.reset"
		set -- "$@" -a "$sim ctl $host counters > $top/ops-\$LABEL"
		mv "$top/subjects.reset" "$top/subjects"
	fi
	in_root "$bench/timer" "$@" < "$top/subjects" > "$top/results"
	if ! "$sim" ctl "$host" pid > /dev/null; then
		echo 'bench: the simulated host is gone' >&2
		exit 1
	fi
	awk -v on="$on" -v n="$n" '{ print $1, on, n, $2, $4, $6 }' "$top/results" >> "$top/all"
	rm "$top/subjects"
}

value() { # LABEL FIELD
	awk -v label="$1" -v field="$2" '$1 == label { print $field }' "$top/results"
}

# LABEL COUNTER…: their sum, "-" where nothing was counted
counted() {
	file=$top/ops-$1
	shift
	[ -f "$file" ] || { echo -; return; }
	awk -v names=" $* " 'index(names, " " $1 " ") { sum += $2 } END { print sum + 0 }' "$file"
}

operations() {
	[ -f "$top/ops-$1" ] || { echo -; return; }
	echo "$(counted "$1" attr-read)/$(counted "$1" readlink)/$(counted "$1" readdir)/$(
		counted "$1" write)"
}

line() { # WHAT ON VFS OURS PEER THEIRS RATIO OPS PEER_OPS GOAL VERDICT
	printf '%-36s %-5s %5s %9s  %-26s %9s %7s %18s %18s %13s %s\n' "$@"
}

# row WHAT OURS THEIRS NAME [GOAL]: ratio of two medians; GOAL is "<=1.3" or "10x" (faster)
row() {
	a=$(value "$2" 2) b=$(value "$3" 2) verdict=
	[ -n "$a" ] && [ -n "$b" ] || return 0
	ratio=$(awk -v a="$a" -v b="$b" 'BEGIN { printf "%.2f", a / b }')
	[ -z "${5:-}" ] || verdict=$(awk -v r="$ratio" -v goal="$5" 'BEGIN {
		limit = goal ~ /x$/ ? 1 / goal : substr(goal, 3)
		print r <= limit + 0 ? "ok" : "MISS" }')
	for label in "$2" "$3"; do
		[ "$(value "$label" 6)" = 0 ] || verdict="$label FAILED"
	done
	line "$1" "$on" "$n" "$a" "$4" "$b" "$ratio" "$(operations "$2")" "$(operations "$3")" \
		"${5:--}" "$verdict"
}

# count WHAT VALUE LIMIT UNIT
count() {
	[ "$2" != - ] && [ -n "$2" ] || return 0
	line "$1" "$on" "$n" "$2" "$4" - - - - "<=$3" \
		"$(awk -v a="$2" -v b="$3" 'BEGIN { print a <= b ? "ok" : "MISS" }')"
}

# --- hosts

# Without sriov-manage, which would take longer than all else
enable_vfs() {
	for file in "$host"/sys/bus/pci/drivers/nvidia/*/sriov_numvfs; do
		case $file in *:00.0/*) echo 32 > "$file" ;; esac
	done
}

# A host of $n VFs, 32 per GPU, and an empty record that knows its types
start_host() {
	rm -rf "$host"
	"$sim" --gpus $((n / 32)) --vfs 32 a40x8 "$host" || exit 1
	"$sim" ctl "$host" raw-sriov on
	enable_vfs
	{
		echo "$sim ctl $host reboot"
		declare -f enable_vfs
		echo "host=$host enable_vfs"
	} > "$top/reboot"
	root=$host
	mkdir -p "$host/mdevctl.d/scripts.d/callouts" "$host/mdevctl.d/scripts.d/notifiers"
	us="$vgpumgr -q --root $host"
	db=$host/var/lib/vgpumgr/state.db
	$us create A40-24A --vm x >/dev/null && $us remove --vm x
	cp "$db" "$host/floor.db"
}

# Fills the host; what the peers need to do the same again
fill_host() {
	"$bench/tree" clear "$host"
	$us create A40-1B --vm full --count "$n" > "$top/uuids" || exit 1
	cp "$db" "$host/floor.db"
	"$bench/floor" list "$host" "$host/floor.db" |
		awk '$3 ~ /^nvidia-/ { print $1, $2, $3 }' > "$top/devices"
	: > "$host/lines"
	: > "$host/starts"
	while read -r id at type; do
		echo "$id $host/sys/class/mdev_bus/$at/mdev_supported_types/$type/create" \
			>> "$host/lines"
		echo "$id $at" >> "$host/starts"
		mkdir -p "$host/mdevctl.d/$at"
		printf '{"mdev_type": "%s", "start": "auto", "attrs": []}\n' "$type" \
			> "$host/mdevctl.d/$at/$id"
	done < "$top/devices"
}

copy_host() {
	rm -rf "${ram:?}/host"
	mkdir "$ram/host"
	"$bench/tree" copy "$host" "$ram/host"
	cp -a "$host/proc" "$host/mdevctl.d" "$ram/host"
	copy_record
}

copy_record() {
	cp -a "$host/var" "$host/run" "$host/floor.db" "$ram/host"
}

# --- the work

bench_start() {
	n=- on=-
	subject start '' "$vgpumgr --version"
	subject trivial '' "$bench/start"
	"$bench/timer" -n 60 < "$top/subjects" > "$top/results"
	rm "$top/subjects"
	row 'vgpumgr --version' start trivial 'same libraries, no work' '<=1.3'
}

syncs() {
	strace -f -c -o "$top/strace" -e trace=fsync,fdatasync,sync_file_range "$@" >/dev/null
	awk '$NF ~ /sync/ { sum += $4 } END { print sum + 0 }' "$top/strace"
}

bench_create() {
	clear="$bench/tree clear $host"
	again="$clear; $us remove --vm x --if-exists"
	subject create "$again" "$us create A40-24A --vm x"
	subject given "$clear; $bench/floor forget $host/floor.db $uuid" \
		"$bench/floor create $host $host/floor.db $vf 575 $uuid"
	subject place "$clear; $bench/floor forget $host/floor.db $uuid" \
		"$bench/floor place $host $host/floor.db A40-24A $uuid"
	subject mdevctl "$clear; mdevctl undefine -u $uuid 2>/dev/null" \
		"mdevctl define -u $uuid -p $vf --type nvidia-575 && mdevctl start -u $uuid"
	subject loop "$clear" "sh $by_hand create $host A40-24A $uuid"
	subject forgotten "$again; $bench/floor forget-catalog $db" "$us create A40-24A --vm x"
	measure fuse -n 41 -b 3000
	row 'create A40-24A' create given 'floor, VF given' '<=1.3'
	row 'create A40-24A' create place 'floor, VF chosen' ''
	row 'create A40-24A' create mdevctl 'mdevctl define + start' '<=1.5'
	row 'create A40-24A' create loop 'cat and echo' ''
	row 'create A40-24A, types forgotten' forgotten place 'floor, VF chosen' ''
	count 'create: attributes read' "$(counted create attr-read)" 8 reads
	count 'create: attributes written' "$(counted create write)" 1 writes
	count 'create, forgotten: attributes read' "$(counted forgotten attr-read)" 240 reads
	sh -c "$again"
	if command -v strace >/dev/null; then
		# shellcheck disable=SC2086
		count 'create: fdatasync' "$(syncs $us create A40-24A --vm x)" 10 syncs
	else
		echo 'strace is not installed: syncs are not counted'
	fi
	sh -c "$again"
}

bench_types() { # WHERE
	subject types '' "$us types --json"
	subject capacity '' "$us capacity A40-24A --json"
	subject floor '' "$bench/floor types $root"
	subject mdevctl '' 'mdevctl types'
	if [ "$n" -le 256 ] || [ -n "$large" ]; then
		subject loop '' "sh $by_hand types $root"
	fi
	subject list-none '' "$us list --json"
	subject mdevctl-list '' 'mdevctl list'
	measure "$1"
	row 'list --json, none live' list-none mdevctl-list 'mdevctl list' ''
	for what in types capacity; do
		row "$what --json" $what floor 'floor, 66 reads per GPU' '<=2'
		row "$what --json" $what mdevctl 'mdevctl types' "$([ "$n" -lt 256 ] || echo 10x)"
		row "$what --json" $what loop 'cat' ''
	done
}

bench_live() { # WHERE
	subject list '' "$us list --json"
	subject check '' "$us check"
	subject reconcile '' "$us reconcile"
	subject floor '' "$bench/floor list $root $root/floor.db"
	subject mdevctl '' 'mdevctl list'
	if [ "$n" -le 256 ] || [ -n "$large" ]; then
		subject loop '' "sh $by_hand list $root"
	fi
	sum=$(cksum < "$root/var/lib/vgpumgr/state.db")
	measure "$1"
	row "list --json, $n live" list floor 'floor' ''
	row "list --json, $n live" list mdevctl 'mdevctl list' '<=1'
	row "list --json, $n live" list loop 'readlink and cat' ''
	for what in check reconcile; do
		row "$what, nothing to do" $what floor 'floor' ''
		row "$what, nothing to do" $what mdevctl 'mdevctl list' '<=0.75'
		count "$what: attributes read" "$(counted $what attr-read)" $((n / 16)) reads
		count "$what: attributes written" "$(counted $what write)" 0 writes
	done
	[ "$sum" = "$(cksum < "$root/var/lib/vgpumgr/state.db")" ]
	count 'list, check, reconcile: record' $? 0 changes
}

# All VFs but one are taken: what does the last one cost?
bench_last() {
	again="$us remove --vm last --if-exists"
	$us remove --vm full --slot $((n - 1))
	subject last "$again" "$us create A40-1B --vm last"
	measure fuse
	sh -c "$again; $us create A40-1B --vm full --slot $((n - 1)) >/dev/null"
}

bench_restore() { # LATENCY_MS
	"$sim" ctl "$host" latency create "$1"
	reboot="bash $top/reboot"
	subject restore "$reboot" "$us reconcile"
	subject floor "$reboot" "$bench/floor restore $host $host/floor.db"
	subject mdevctl-parents "$reboot" "sh $by_hand start-parents $host/starts"
	if [ "$1" = 0 ] || [ "$n" -le 256 ] || [ -n "$large" ]; then
		subject mdevctl "$reboot" "sh $by_hand start $host/starts"
		subject loop "$reboot" "sh $by_hand lines $host/lines"
	fi
	measure fuse -n 7
	what="restore $n, $1 ms per create"
	if [ "$1" = 0 ]; then
		row "$what" restore floor 'floor, a worker per GPU' '<=2.5'
		row "$what" restore mdevctl 'mdevctl start, in turn' \
			"$([ "$n" -lt 256 ] || echo 15x)"
	else
		row "$what" restore floor 'floor, a worker per GPU' '<=1.1'
		row "$what" restore mdevctl 'mdevctl start, in turn' ''
		count "$what" "$(value restore 2)" $((32 * $1 * 11 / 10)) 'ms, 1.1 x 32 x latency'
	fi
	row "$what" restore mdevctl-parents 'mdevctl, parents at once' ''
	row "$what" restore loop 'echo' ''
	count 'restore: attributes written' "$(counted restore write)" "$n" writes
	count 'restore: creates at once on a GPU' "$(counted restore max-parallel-per-gpu)" 1 creates
	"$sim" ctl "$host" latency create 0
}

bench_memory() {
	for label in create forgotten types capacity list check reconcile restore; do
		kib=$(awk -v label="$label" -v n="$n" '$1 == label && $3 == n && $5 > max {
			max = $5 } END { print max }' "$top/all")
		count "peak memory: $label" "$kib" $(((n > 256 ? 16 : 6) * mib)) KiB
	done
}

# How time grows from the smallest host to the largest: the exponent e of VFs^e
bench_growth() {
	on=$1
	smallest=${sizes%% *} n=${sizes##* }
	shift
	[ "$smallest" != "$n" ] || return 0
	for label; do
		count "growth of $label from $smallest VFs" "$(awk -v label="$label" -v on="$on" \
			-v a="$smallest" -v b="$n" '
			$1 == label && $2 == on { t[$3] = $4 }
			END { if (t[a] && t[b]) printf "%.2f", log(t[b] / t[a]) / log(b / a) }' \
			"$top/all")" 1.05 'exponent of time'
	done
}

# Times of the largest host in those of the smallest
bench_ratio() {
	on=fuse
	smallest=${sizes%% *} n=${sizes##* }
	[ "$smallest" != "$n" ] || return 0
	count "create, all other VFs taken, of $smallest" "$(awk -v a="$smallest" -v b="$n" '
		$1 == "last" { t[$3] = $4 } END { printf "%.2f", t[b] / t[a] }' \
		"$top/all")" 1.6 'times as long, published'
}

echo "vgpumgr $("$vgpumgr" --version | cut -d' ' -f2), $(date +%F), $(nproc) processors, $(
	uname -sr), record on $(stat -f -c %T "$top")"
[ -z "$peer" ] || mdevctl --version
echo 'ops: attributes read / links read / directories listed / attributes written'
line WHAT ON VFS OURS AGAINST THEIRS RATIO 'OUR OPS' 'THEIR OPS' GOAL VERDICT
: > "$top/all"
bench_start
for n in $sizes; do
	start_host
	bench_create
	bench_types fuse
	if [ -n "$ram" ]; then
		copy_host
		root=$ram/host us="$vgpumgr -q --root $root"
		bench_types tmpfs
		root=$host us="$vgpumgr -q --root $root"
	fi
	fill_host
	bench_live fuse
	if [ -n "$ram" ]; then
		"$bench/tree" add-devices "$host" "$ram/host"
		copy_record
		root=$ram/host us="$vgpumgr -q --root $root"
		bench_live tmpfs
		root=$host us="$vgpumgr -q --root $root"
	fi
	bench_last
	bench_restore 0
	[ "$n" -lt 256 ] || bench_restore 50
	bench_memory
	"$sim" stop "$host"
done
bench_growth tmpfs types capacity list check reconcile
bench_growth fuse create last restore
bench_ratio
