#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest with vgpumgr installed and its terminal here; run by scripts/check-vm --shell.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

set -m # QEMU reads the terminal
echo 'Ctrl-A X ends the guest. From another terminal, scripts go in by:'
echo "  image=$image results=$results; . tests/vm/machine.sh; qemu_pid=PID; vm_get 'SCRIPT'"
vm_start --console "$@"
install_when_up() {
	until_true 180 [ -e "$share/boot" ] && vm_install "$stage"
}
install_when_up >/dev/null 2>&1 &
fg %1 >/dev/null
