# shellcheck shell=sh disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-2.0-or-later
# What the simulator's own tests share. Sourced by them, from the directory HERE; their
# argument is the simulator.
sim=${1:-${VGPUSIM:-tests/sim/vgpusim}}
case $sim in */*) sim=$(cd "$(dirname "$sim")" && pwd)/$(basename "$sim") ;; esac
export VGPUSIM_HOSTS="$here/hosts" LC_ALL=C

if ! [ -w /dev/fuse ]; then
	echo '1..0 # SKIP no /dev/fuse'
	exit 77
fi
top=$(mktemp -d) || exit 99
d=$top/host sys=$top/host/sys
n=0 failed=0
trap '"$sim" stop "$d" >/dev/null 2>&1; rm -rf "$top"' EXIT
trap 'exit 1' INT TERM

ok() { # ok STATUS NAME
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		failed=$((failed + 1))
	fi
}
is() { # is GOT WANTED NAME
	[ "$1" = "$2" ]
	ok $? "$3"
	[ "$1" = "$2" ] || echo "# got '$1', wanted '$2'"
}
t() { # t NAME COMMAND...
	name=$1
	shift
	"$@" >"$top/out" 2>&1
	ok $? "$name"
}
fails() { ! "$@"; }
ctl() { "$sim" ctl "$d" "$@"; }
start() { "$sim" "$@" "$d" || { echo "Bail out! cannot start $*"; exit 1; }; }
stop() { "$sim" stop "$d"; }
attr() { cat "$sys/$1" 2>&1; }
dev() { echo "$sys/bus/pci/devices/$1"; }
create_file() { echo "$sys/class/mdev_bus/$1/mdev_supported_types/nvidia-$2/create"; }
avail() { cat "$sys/class/mdev_bus/$1/mdev_supported_types/nvidia-$2/available_instances"; }
# Writes TEXT (no newline is added) and tells the outcome in words.
w() {
	if printf "$1" | dd of="$2" bs=4096 conv=notrunc,nocreat status=none 2>"$top/err"; then
		echo ok
	else
		sed -n 's/.*: //p;q' "$top/err"
	fi
}
create() { w "$1" "$(create_file "$2" "$3")"; } # create UUID VF TYPE
remove() { w 1 "$sys/bus/mdev/devices/$1/remove"; }
manage() { "$d/usr/lib/nvidia/sriov-manage" "$@"; }
exists() { [ -e "$1" ] || [ -L "$1" ]; }
counter() { ctl counters | sed -n "s/^$1 //p"; }
settle() { # settle COMMAND...: until it is true, at most 5 s
	i=0
	until "$@" 2>/dev/null; do
		i=$((i + 1))
		[ $i -lt 250 ] || return 1
		sleep 0.02
	done
}
gone() { ! kill -0 "$1" 2>/dev/null; }
