# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of whole commands share: a simulated host, the program run on it, checks.
# Sourced by test-*.sh; top_srcdir and top_builddir come from the environment.
#
# A check's last argument or its first is the sentence that it proves. A run leaves what it
# printed in $out, what it said in $err and its exit status in $status.
set -u
export LC_ALL=C
unset VGPUMGR_ROOT VGPUMGR_STORE VGPUMGR_CONFIG SUDO_UID

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${top_srcdir:=$here/../..}" "${top_builddir:=$PWD}"
vgpumgr=${VGPUMGR:-$top_builddir/src/vgpumgr}
sim=${VGPUSIM:-$top_builddir/tests/sim/vgpusim}
export VGPUSIM_HOSTS=$top_srcdir/tests/sim/hosts

skip() {
	echo "1..0 # SKIP $1"
	exit 77
}
bail() {
	echo "Bail out! $1"
	exit 99
}

[ -x "$vgpumgr" ] || bail "$vgpumgr is not built"
if [ "${needs_host:-yes}" = yes ]; then # set it to no before this is sourced
	[ -x "$sim" ] || skip "$sim is not built"
	[ -w /dev/fuse ] || skip 'FUSE is not usable here: /dev/fuse cannot be written'
fi
for tool in jq sqlite3; do
	command -v $tool >/dev/null || skip "$tool is not installed"
done

top=$(mktemp -d) || exit 99
chmod 755 "$top"
root=$top/host
sys=$root/sys
db=$root/var/lib/vgpumgr/state.db
out=$top/out err=$top/err
status=0 n=0 failed=0

clean_up() {
	[ -e "$root" ] && "$sim" stop "$root" >/dev/null 2>&1
	rm -rf --one-file-system "$top"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

# host NAME [OPTION...]: a fresh host, without a record
host() {
	[ ! -e "$root/sys" ] || "$sim" stop "$root" >/dev/null 2>&1
	rm -rf --one-file-system "$root"
	if ! "$sim" "${@:2}" "$1" "$root" >"$top/sim" 2>&1; then
		cat "$top/sim"
		grep -qi mount "$top/sim" && skip 'FUSE is not usable here: cannot mount'
		bail "the host $1 does not start"
	fi
}
ctl() { "$sim" ctl "$root" "$@" || bail "the simulated host refuses: $*"; }
counter() { ctl counters | sed -n "s/^$1 //p"; }

# run ARGUMENT...: the program, on the host
run() {
	timeout -k 5 60 "$vgpumgr" --root "$root" "$@" >"$out" 2>"$err" </dev/null
	status=$?
	if grep -qE 'Sanitizer|runtime error:' "$err"; then
		result 1 "no sanitizer complains about vgpumgr $*"
		sed 's/^/# /' "$err"
	fi
}
# Both what it printed and what it said.
show_run() {
	sed 's/^/# stdout: /;20q' "$out"
	sed 's/^/# stderr: /;20q' "$err"
}
# must ARGUMENT...: no test can go on without it
must() {
	run "$@"
	[ $status -eq 0 ] && return
	show_run
	bail "vgpumgr $* exits $status"
}
# uuid_of ARGUMENT...: the one UUID that a create prints
uuid_of() {
	must "$@"
	uuid=$(cat "$out")
}

result() { # result STATUS SENTENCE
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		failed=$((failed + 1))
	fi
	return "$1"
}
# t SENTENCE COMMAND...: the command is true
t() {
	"${@:2}" >"$top/t" 2>&1
	result $? "$1" || sed 's/^/# /;20q' "$top/t"
}
# is GOT WANTED SENTENCE
is() {
	[ "$1" = "$2" ]
	result $? "$3" || printf "# got:    '%s'\n# wanted: '%s'\n" "$1" "$2"
}
# expect STATUS SENTENCE ARGUMENT...: the program exits so
expect() {
	run "${@:3}"
	[ $status -eq "$1" ]
	result $? "$2" || { echo "# vgpumgr ${*:3} exits $status, not $1"; show_run; }
}
# says SENTENCE REGEX...: the last run said all of these, on stderr
says() {
	local regex missing=''
	for regex in "${@:2}"; do
		grep -qE -- "$regex" "$err" || missing="$missing '$regex'"
	done
	[ -z "$missing" ]
	result $? "$1" || { echo "# not said:$missing"; show_run; }
}
# prints SENTENCE REGEX...: the last run printed all of these
prints() {
	local regex missing=''
	for regex in "${@:2}"; do
		grep -qE -- "$regex" "$out" || missing="$missing '$regex'"
	done
	[ -z "$missing" ]
	result $? "$1" || { echo "# not printed:$missing"; show_run; }
}
# json SENTENCE FILTER [JQ-ARGUMENT...]: the filter is true of the one document printed
json() {
	jq -es "${@:3}" "length == 1 and (.[0] | ($2))" "$out" >/dev/null 2>"$top/jq"
	result $? "$1" || { echo "# not true: $2"; sed 's/^/# /' "$top/jq"; show_run; }
}
# error_json KIND STATUS SENTENCE: what the last run printed is the error document
error_json() {
	# shellcheck disable=SC2016 # jq's variables
	jq -es 'length == 1 and (.[0] | (keys == ["command", "error", "schema_version"]) and
		.schema_version == 1 and (.error | .kind == $kind and .exit_status == $status and
		(.message | type == "string" and length > 0) and has("hint")))' \
		--arg kind "$1" --argjson status "$2" "$out" >/dev/null 2>&1
	result $? "$3" || show_run
}
# background ARGUMENT...: the program, as $pid, in a process group of its own
background() {
	setsid "$vgpumgr" --root "$root" "$@" >"$top/bg.out" 2>"$top/bg.err" </dev/null &
	pid=$!
}
# Its pid and those of all that it started and that still run.
family() { pgrep -f -- "--root $root "; }
no_family() { ! family >/dev/null; }
kill_family() {
	local pids
	pids=$(family)
	# shellcheck disable=SC2086 # a list
	kill -9 $pids 2>/dev/null
	wait "$pid" 2>/dev/null
}
json_value() { jq -r "$1" "$out"; }
fails() { ! "$@"; }
done_testing() {
	echo "1..$n"
	[ $failed -eq 0 ] || echo "# $failed of $n failed"
	exit $((failed > 0))
}

# --- record and kernel
sql() { sqlite3 -cmd '.timeout 5000' "$db" "$1"; }
generation() { sql "SELECT value FROM meta WHERE key = 'generation'"; }
# All that must stay as it is where nothing changes: the record, and what was published.
record_sum() {
	(cd "$root" && find var run -type f -exec cksum {} + 2>/dev/null | sort)
}
# The live mdevs, one "UUID VF TYPE-NAME" a line.
kernel() {
	local link
	for link in "$sys"/bus/mdev/devices/*; do
		[ -L "$link" ] || continue
		echo "$(basename "$link")" \
			"$(basename "$(dirname "$(readlink "$link")")")" \
			"$(cat "$link/mdev_type/name")"
	done | sort
}
# The same, of what is saved and active.
record() {
	run list --json
	jq -r '.vgpus[] | select(.state == "active") | "\(.uuid) \(.vf) \(.type_name)"' "$out" |
		sort
}
agree() { is "$(record)" "$(kernel)" "$1"; }
# What must survive a reboot.
identities() {
	run list --json
	jq -r '.vgpus[] | "\(.uuid) \(.vm) \(.slot) \(.profile) \(.gpu) \(.vf) \(.state)"' "$out"
}
# type_dir VF PROFILE: the directory that offers it now
type_dir() {
	local dir
	for dir in "$sys/class/mdev_bus/$1/mdev_supported_types"/*; do
		[ "$(cat "$dir/name")" = "NVIDIA $2" ] && echo "$dir" && return
	done
	return 1
}
# foreign UUID VF PROFILE: somebody else makes one
foreign() { echo "$1" >"$(type_dir "$2" "$3")/create"; }
live() { [ -L "$sys/bus/mdev/devices/$1" ]; }
state_of() { sql "SELECT state FROM vgpu WHERE uuid = '$1'"; }
in_state() { [ "$(state_of "$1")" = "$2" ]; }
# What list makes of record and kernel together.
state_shown() {
	run list --json
	jq -r '.vgpus[] | select(.uuid == $uuid) | .state' --arg uuid "$1" "$out"
}
# What history has of it, in one line: "create-begun create remove".
events() {
	sql "SELECT operation || CASE outcome WHEN 'done' THEN '' ELSE '-' || outcome END
		FROM event WHERE uuid = '$1' ORDER BY seq" | paste -sd' '
}
# unchanged BEFORE SENTENCE, where BEFORE was "$(record_sum) $(kernel)"
unchanged() { is "$(record_sum) $(kernel)" "$1" "$2"; }

# until_true SECONDS COMMAND...
until_true() {
	local tries=$(($1 * 50))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.02
	done
}
hundredths() { date +%s%N | cut -c1-12; } # of seconds, since 1970
