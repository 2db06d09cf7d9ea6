# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The machine: a QEMU guest with GPUs, and scripts that run in it. To be sourced; $image is
# what image.sh made, $results an empty directory that keeps what happened.
#
# After vm_run, $out is a file with what the script printed, $status its exit status.

: "${image:?}" "${results:?}"
share=$results/guest # seen in the guest as /run/harness
qemu_pid='' n_boots=0 status=0 out=/dev/null
start_options=()

vm_alive() { [ -n "$qemu_pid" ] && kill -0 "$qemu_pid" 2>/dev/null; }

# The PCI address of the n-th GPU, from 0; of its n-th VF, from 0.
gpu() { printf '0000:%02x:00.0' $(($1 + 1)); }
vf() { printf '0000:%02x:%02x.%x' $(($1 + 1)) $((($2 + 1) >> 3)) $((($2 + 1) & 7)); }

gpu_options() { # NUMBER VFS: each GPU behind a root port of its own
	local i nvme
	for ((i = 0; i < $1; i++)); do
		nvme="nvme,serial=gpu$i,subsys=subsys$i,bus=port$i,sriov_max_vfs=$2"
		nvme+=",sriov_vq_flexible=$(($2 * 2)),sriov_vi_flexible=$2"
		nvme+=",max_ioqpairs=$(($2 * 2 + 2)),msix_qsize=$(($2 + 2))"
		printf '%s\n' -device \
			"pcie-root-port,id=port$i,chassis=$i,slot=$i,addr=$(printf %x $((16 + i)))" \
			-device "nvme-subsys,id=subsys$i" -device "$nvme"
	done
}

accelerator() {
	case ${VGPUMGR_VM_ACCEL:-tcg} in
	tcg) printf '%s\n' -accel tcg,thread=multi -cpu Nehalem ;;
	kvm) printf '%s\n' -accel kvm -cpu host ;;
	*) printf '%s\n' -accel "$VGPUMGR_VM_ACCEL" ;;
	esac
}

# vm_start [--gpus N] [--vfs N] [--console] [OPTION OF QEMU...]: the disk is kept from one
# start to the next; --console: the terminal becomes the guest's.
vm_start() {
	local gpus=2 vfs=4 options=() machine gpu_list serial
	local append='console=ttyS0 rw mitigations=off loglevel=5'
	start_options=("$@")
	n_boots=$((n_boots + 1))
	serial=(-serial "file:$results/console-$n_boots" -monitor none)
	append+=" ${VGPUMGR_VM_APPEND:-}"
	while [ $# -gt 0 ]; do
		case $1 in
		--gpus) gpus=$2; shift ;;
		--vfs) vfs=$2; shift ;;
		--console) serial=(-serial mon:stdio) ;;
		*) options+=("$1") ;;
		esac
		shift
	done
	case ${serial[1]} in file:*) append+=' systemd.getty_auto=no' ;; esac
	mkdir -p "$share"
	rm -f "$share/boot"
	[ -p "$results/port.in" ] || mkfifo "$results/port.in" "$results/port.out"
	[ -e "$results/disk" ] || qemu-img create -q -f qcow2 -F raw -b "$image/root.ext4" \
		"$results/disk" || return
	mapfile -t machine < <(accelerator)
	mapfile -t gpu_list < <(gpu_options "$gpus" "$vfs")
	# A guest does not outlive the shell that started it.
	exec 8<&0
	setpriv --pdeathsig KILL qemu-system-x86_64 -machine q35 "${machine[@]}" \
		-smp 2 -m 2G -nodefaults -display none -no-reboot \
		-kernel "$image/vmlinux" -initrd "$image/initrd" -append "$append" \
		-drive "file=$results/disk,if=none,id=disk,format=qcow2" \
		-device virtio-blk-pci,drive=disk -device virtio-rng-pci \
		-device virtio-serial-pci -chardev "pipe,id=port,path=$results/port" \
		-device virtserialport,chardev=port,name=harness \
		-fsdev "local,id=share,path=$share,security_model=none" \
		-device virtio-9p-pci,fsdev=share,mount_tag=harness \
		"${serial[@]}" "${gpu_list[@]}" "${options[@]}" \
		<&8 8<&- 2>"$results/qemu-$n_boots.log" &
	qemu_pid=$!
	exec 8<&-
}

# until_true SECONDS COMMAND...: false when the time is over or the guest is gone
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return
		vm_alive || { "$@"; return; }
		sleep 0.05
	done
}

# vm_begin SCRIPT: starts a script and prints its number
vm_begin() {
	local number=${EPOCHREALTIME/[.,]/}
	printf '%s\n' "$1" >"$share/$number.sh"
	vm_alive && timeout 10 sh -c "echo $number >'$results/port.in'"
	echo "$number"
}

# vm_end NUMBER [SECONDS]: waits for its end. 124: not within its time, 125: no guest any more
vm_end() {
	out=$share/$1.out err=$share/$1.err
	if until_true "${2:-60}" [ -e "$share/$1.status" ]; then
		status=$(cat "$share/$1.status")
	elif vm_alive; then
		status=124
	else
		status=125
	fi
	[ -e "$out" ] || : >"$out"
	[ -e "$err" ] || : >"$err"
	return "$status"
}

# vm_run SCRIPT [SECONDS]
vm_run() { vm_end "$(vm_begin "$1")" "${2:-60}"; }

# vm_get SCRIPT [SECONDS]: what it prints
vm_get() {
	vm_run "$@"
	local r=$?
	cat "$out"
	[ $r -lt 124 ] || echo 'the guest did not answer in time'
	return $r
}

# vm_wait_booted [SECONDS]: all that the boot started is done. $out then holds "running", or
# "degraded" where a unit failed.
# shellcheck disable=SC2120 # cases may give it
vm_wait_booted() {
	local end=$((SECONDS + ${1:-180}))
	until_true "${1:-180}" [ -e "$share/boot" ] || return
	vm_run 'systemctl is-system-running --wait' $((end - SECONDS))
	[ $status -lt 124 ]
}

vm_boot() { vm_start "$@" && vm_wait_booted; }

vm_journal() {
	local copy=$results/journal
	vm_run 'journalctl --no-pager -o short-monotonic' 60
	cp "$out" "$copy"
}

gone() { ! vm_alive; }

# vm_shut_down [reboot]: as an operator does; false if it had to be cut off
vm_shut_down() {
	local r=0
	vm_journal
	vm_begin "systemctl ${1:-poweroff}" >/dev/null
	until_true "${VM_SHUT_DOWN_S:-180}" gone || r=1
	vm_powercut
	return $r
}
vm_poweroff() { vm_shut_down; }

# vm_reboot [OPTION OF vm_start...]: without any, the same machine
vm_reboot() {
	vm_shut_down reboot || return
	[ $# -gt 0 ] || set -- "${start_options[@]}"
	vm_boot "$@"
}

# As if the plug were pulled. Only ever the QEMU that was started here.
vm_powercut() {
	[ -n "$qemu_pid" ] || return 0
	kill -KILL "$qemu_pid" 2>/dev/null
	wait "$qemu_pid" 2>/dev/null
	qemu_pid=''
}

# At the end of a case, however it ends.
vm_clean_up() {
	! vm_alive || [ ! -e "$share/boot" ] || vm_journal
	vm_powercut
	rm -f "$results"/port.* "$share/vgpumgr.tar"
	[ -n "${VGPUMGR_VM_KEEP:-}" ] || rm -f "$results/disk"
}

# vm_install DESTDIR: as an operator would, in the running guest
vm_install() {
	tar -C "$1" -cf "$share/vgpumgr.tar" . || return
	vm_run 'set -e
		tar -C / --no-same-owner --keep-directory-symlink -xf /run/harness/vgpumgr.tar
		systemctl daemon-reload
		systemctl enable vgpumgr-reconcile'
}
