# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
# What cases share: checks, and vgpumgr in the guest. Sourced by cases/*.sh; scripts/check-vm
# says what to boot from and where results go.
#
# A check's last argument or its first is the sentence that it proves.
set -u
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ -n "${VGPUMGR_VM_IMAGE:-}" ] || {
	echo "to be run by scripts/check-vm" >&2
	exit 2
}
image=$VGPUMGR_VM_IMAGE stage=$VGPUMGR_VM_STAGE results=$VGPUMGR_VM_RESULTS
# shellcheck source=tests/vm/machine.sh
. "$here/machine.sh"
: "${out:=}" "${err:=}" "${status:=}"
n=0 failed=0

trap vm_clean_up EXIT
trap 'exit 1' INT TERM HUP

bail() {
	echo "Bail out! $1"
	exit 1
}
skip() {
	echo "1..0 # SKIP $1"
	exit 77
}

show_run() {
	sed 's/^/# stdout: /;30q' "$out"
	sed 's/^/# stderr: /;30q' "$err"
}
result() { # STATUS SENTENCE
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		failed=$((failed + 1))
	fi
	return "$1"
}
# t SENTENCE COMMAND...: the command is true, here
t() {
	"${@:2}" >"$results/t" 2>&1
	result $? "$1" || sed 's/^/# /;30q' "$results/t"
}
# is GOT WANTED SENTENCE
is() {
	[ "$1" = "$2" ]
	result $? "$3" || printf "got:    '%s'\nwanted: '%s'\n" "$1" "$2" |
		sed 's/^/# /' | awk 'NR <= 40 { print substr($0, 1, 300) }'
}
# true_there SENTENCE SCRIPT [SECONDS]: the script succeeds in the guest
true_there() {
	vm_run "${@:2}"
	result $? "$1" || show_run
}
done_testing() {
	echo "1..$n"
	[ $failed -eq 0 ] || echo "# $failed of $n failed"
	exit $((failed > 0))
}

# --- vgpumgr in the guest

run_s=120 # the deadline of a command

# run ARGUMENT...: leaves $out, $err, $status
run() {
	# shellcheck disable=SC2016 # $0 is the guest's
	vm_run "vgpumgr ${*@Q} 2>\"\${0%.sh}.err\"" "$run_s"
}
# must ARGUMENT...: no case can go on without it
must() {
	run "$@" && return
	show_run
	bail "vgpumgr $* exits $status"
}
# expect STATUS SENTENCE ARGUMENT...
expect() {
	run "${@:3}"
	[ $status -eq "$1" ]
	result $? "$2" || { echo "# vgpumgr ${*:3} exits $status, not $1"; show_run; }
}
# says SENTENCE REGEX: the last run said it, on stderr
says() {
	grep -qE -- "$2" "$err"
	result $? "$1" || show_run
}

# What must survive a boot.
identities='.vgpus | sort_by(.uuid)[] |
	"\(.uuid) \(.vm) \(.slot) \(.profile) \(.vf) \(.state)"'
list_identities() {
	must list --json
	jq -r "$identities" "$out"
}
# The same, as the stand-in of libvirt saw it when it started in this boot.
identities_at_libvirt() {
	vm_get 'cat /var/log/vgpu-test/libvirtd.json' | jq -r "$identities"
}
# The live mdevs, "UUID VF TYPE-NAME" a line; at_libvirt: when that started.
kernel() { vm_get 'mdevs'; }
kernel_at_libvirt() {
	vm_get 'sed -n "s/^mdev //p" /var/log/vgpu-test/libvirtd | sort'
}
# sriov_calls BDF: how often sriov-manage was called for this GPU in this boot
sriov_calls() {
	vm_get "grep -c ' start .* $1\$' /dev/shm/vgpu-test/sriov-manage.log"
}
failed_units() { vm_get 'systemctl --failed --plain --no-legend'; }

# driver_options OPTION...: of the driver, from the next boot on
driver_options() {
	vm_run "echo options nvidia ${*@Q} >/etc/modprobe.d/vgpu-test-case.conf" ||
		bail 'the guest does not take driver options'
}
# driver NAME VALUE: now
driver() {
	vm_run "echo $2 >/sys/module/nvidia/parameters/$1" || bail "the driver refuses $1=$2"
}

# booted [OPTION OF vm_start...]: a machine with vgpumgr installed, or no case
booted() {
	vm_boot "$@" || bail 'the guest does not boot'
	vm_install "$stage" || { show_run; bail 'vgpumgr cannot be installed'; }
}
rebooted() { vm_reboot "$@" || bail 'the guest does not reboot'; }
