# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
# What the fault tests share: points that are counted, and what must hold after each of them.
# Sourced by the families, after which all of tests/cmd/lib.sh is there, too.
#
# A family is a script NAME.sh. It tries its points one by one, says "violation: …" on stdout
# for each promise that is broken, and ends with finish. MODE says how many points it tries:
#   sample    a few, within about five seconds: what "make check" runs
#   default   as many as its share of an hour allows, by fixed strides, so that runs are alike
#   full      all
: "${MODE:=default}"
# shellcheck source=tests/cmd/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cmd/lib.sh"

points=0 violations=0 unreached=0
point='' # what is being tried, for messages

# begin WORDS...: the next point
begin() {
	point="$*"
	points=$((points + 1))
}
violation() {
	violations=$((violations + 1))
	echo "violation: $point: $*"
}
# stride TOTAL WANTED: how far points are apart if about WANTED of TOTAL are tried
stride() {
	local step=$((($1 + $2 - 1) / $2))
	echo $((step > 0 ? step : 1))
}
# finish [WORDS...]: the last line of a family, which run.sh makes a row of
finish() {
	[ -z "${WORKER:-}" ] || echo "unreached $unreached"
	echo "summary $points $violations $*"
	exit $((violations > 0))
}

# share_work N [WORDS...]: the rest of the script is run N times side by side, each on a host of its
# own, and the sums are printed, with WORDS or those of the last; in each, mine I is true of the
# points that are its own. What comes before is done by each, unless it asks for $WORKER. JOBS in the
# environment is another N.
worker=0 workers=1
share_work() {
	local i pids='' sums p v failed=0 words='' given="${*:2}" n=${JOBS:-$1}
	if [ -n "${WORKER:-}" ]; then
		worker=$WORKER workers=$WORKERS
		return
	fi
	for ((i = 0; i < n; i++)); do
		WORKER=$i WORKERS=$n "$BASH" "$0" >"$top/worker.$i" 2>&1 &
		pids="$pids $!"
	done
	for i in $pids; do
		wait "$i" || failed=$((failed + 1))
	done
	for ((i = 0; i < n; i++)); do
		grep -vE '^(summary|unreached) ' "$top/worker.$i"
		sums=$(sed -n 's/^summary //p' "$top/worker.$i")
		if [ -z "$sums" ]; then
			echo "violation: worker $i ended without a summary"
			violations=$((violations + 1))
			continue
		fi
		read -r p v words <<<"$sums"
		points=$((points + p)) violations=$((violations + v))
		p=$(sed -n 's/^unreached //p' "$top/worker.$i")
		unreached=$((unreached + p))
	done
	[ $failed -eq 0 ] || [ $violations -gt 0 ] || violations=1
	[ $unreached -eq 0 ] || given="${given:-$words}; unreached $unreached"
	finish "${given:-$words}"
}
mine() { [ $(($1 % workers)) -eq "$worker" ]; }

# --- what must hold
declare -A acked=()   # UUIDs that a command with exit status 0 has printed, and none has removed
foreign_vgpus=''      # "UUID VF TYPE-NAME" lines of what somebody else has made

# The live mdevs, one "UUID VF TYPE-NAME" a line, sorted; as kernel(), with fewer processes.
live_vgpus() {
	local target name
	for target in "$sys"/bus/mdev/devices/*; do
		[ -L "$target" ] || continue
		readlink "$sys"/bus/mdev/devices/*
		break
	done | while read -r target; do
		name='?'
		read -r name 2>/dev/null <"$sys/bus/mdev/devices/${target##*/}/mdev_type/name"
		set -- "${target%/*}"
		echo "${target##*/} ${1##*/} $name"
	done
}

# plant_foreign VF PROFILE: a vGPU that somebody else has made, and that must stay as it is
plant_foreign() {
	local uuid
	uuid=ffffffff-0000-4000-8000-0000000000$(printf %02x $(($(grep -c . <<<"$foreign_vgpus") + 1)))
	foreign "$uuid" "$1" "$2"
	foreign_vgpus=$(live_vgpus | grep '^ffffffff-')
}

# One that somebody else has made, $adoptable, is ours as soon as there is a record of it.
adoptable=''
ours_once_recorded() {
	case $'\n'$saved_uuids$'\n' in
	*$'\n'"${adoptable%% *}"$'\n'*) return ;;
	esac
	[ -n "$adoptable" ] || return 0
	own=$(grep -vxF "$adoptable" <<<"$own")
	case $'\n'$live$'\n' in
	*$'\n'"$adoptable"$'\n'*) ;;
	*) violation "$adoptable, which is to be adopted, is not as it was" ;;
	esac
}

# look: what record and kernel say now, for what is asked about it: $live, lines as of live_vgpus,
# $own, those of them that are not foreign; and of the record $store_says (ok), $two_on_one,
# $saved_uuids, $saved_active, lines as of live_vgpus with another state than active behind,
# $saved_records, "VM SLOT STATE" with commas between them, and $saved_generation. One process each, since families look often.
look() {
	local kind line
	live=$(live_vgpus) own=''
	while read -r line; do
		case $'\n'$foreign_vgpus$'\n' in
		*$'\n'"$line"$'\n'*) ;;
		*) own=$own${own:+$'\n'}$line ;;
		esac
	done <<<"$live"
	store_says='' two_on_one='' saved_uuids='' saved_active='' saved_generation='' saved_records=''
	if [ ! -e "$db" ]; then
		store_says=ok
		ours_once_recorded
		return
	fi
	while read -r kind line; do
		case $kind in
		two:) two_on_one="$two_on_one $line" ;;
		uuid:) saved_uuids=$saved_uuids${saved_uuids:+$'\n'}$line ;;
		saved:) saved_active=$saved_active${saved_active:+$'\n'}$line ;;
		record:) saved_records=$saved_records${saved_records:+,}$line ;;
		generation:) saved_generation=$line ;;
		*) store_says="${store_says:+$store_says; }$kind${line:+ $line}" ;;
		esac
	done <<<"$(sql "PRAGMA integrity_check;
		SELECT 'two: ' || vf FROM vgpu WHERE vf <> gpu GROUP BY vf HAVING count(*) > 1;
		SELECT 'uuid: ' || uuid FROM vgpu ORDER BY uuid;
		SELECT 'saved: ' || uuid || ' ' || vf || ' ' || type_name ||
				CASE state WHEN 'active' THEN '' ELSE ' ' || state END
			FROM vgpu WHERE state <> 'stopped' ORDER BY uuid;
		SELECT 'record: ' || vm || ' ' || slot || ' ' || state FROM vgpu ORDER BY vm, slot;
		SELECT 'generation: ' || value FROM meta WHERE key = 'generation'" 2>&1)"
	ours_once_recorded
}

# invariants WHEN: after any fault, with or without a reconcile after it:
# (a) no VF in two records; (b) no device of ours without a record; (c) no acknowledged record
# lost; (f) foreign devices untouched. That the record can be read goes without saying.
invariants() {
	look
	invariants_seen "$1"
}
invariants_seen() { # of what look saw last
	local uuid line
	[ "$store_says" = ok ] || violation "$1: the store: $store_says"
	[ -z "$two_on_one" ] || violation "$1: two records on$two_on_one"
	while read -r uuid line; do
		[ -n "$uuid" ] || continue
		case $'\n'$saved_uuids$'\n' in
		*$'\n'"$uuid"$'\n'*) ;;
		*) violation "$1: $uuid is live on ${line%% *} without a record" ;;
		esac
	done <<<"$own"
	for uuid in "${!acked[@]}"; do
		case $'\n'$saved_uuids$'\n' in
		*$'\n'"$uuid"$'\n'*) ;;
		*) violation "$1: the record of $uuid, which was acknowledged, is lost" ;;
		esac
	done
	while read -r line; do
		[ -n "$line" ] || continue
		case $'\n'$live$'\n' in
		*$'\n'"$line"$'\n'*) ;;
		*) violation "$1: the foreign vGPU $line is not as it was" ;;
		esac
	done <<<"$foreign_vgpus"
}

# settled WHEN: after a reconcile that exits 0, record and kernel say the same, and nothing is half
# done.
settled() {
	look
	settled_seen "$1"
}
settled_seen() { # of what look saw last
	[ "$saved_active" = "$own" ] ||
		violation "$1: saved: ${saved_active//$'\n'/, }; live: ${own//$'\n'/, }"
}

# mend WHEN: reconcile ends it well: exit status 0, all settled, and nothing left to do
mend() {
	run reconcile --timeout 20
	if [ $status -ne 0 ]; then
		violation "$1: reconcile exits $status: $(tail -n3 "$err" | paste -sd'|')"
		return
	fi
	look
	invariants_seen "$1, reconciled"
	settled_seen "$1, reconciled"
}
