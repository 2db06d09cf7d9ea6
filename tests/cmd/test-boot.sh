#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A boot as the units do it: 'sriov restore' and 'reconcile --boot' start at the same time, each
# GPU is served as soon as it is ready, and none keeps another waiting.
# shellcheck source=tests/cmd/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

G1=0000:67:00.0 G2=0000:e8:00.0 G3=0001:11:00.0 G4=0001:12:00.0
MGR=nvidia-vgpu-mgr
manage=$root/usr/lib/nvidia/sriov-manage
runs=$root/usr/lib/nvidia/runs
late=$root/run/vgpumgr/late
declare -A pids on

config() {
	mkdir -p "$root/etc/vgpumgr"
	echo "$1" >"$root/etc/vgpumgr/vgpumgr.conf"
}
# start NAME ARGUMENT...: the program in the background
start() {
	timeout -k 5 60 "$vgpumgr" --root "$root" "${@:2}" >"$top/$1.out" 2>"$top/$1.err" </dev/null &
	pids[$1]=$!
}
is_running() { kill -0 "${pids[$1]}" 2>/dev/null; }
# ends STATUS NAME SENTENCE: that one has ended so; what it said is that of the last run
ends() {
	wait "${pids[$2]}"
	status=$?
	cp "$top/$2.out" "$out"
	cp "$top/$2.err" "$err"
	[ "$status" -eq "$1" ] && ! grep -qE 'Sanitizer|runtime error:' "$err"
	result $? "$3" || { echo "# $2 exits $status, not $1"; show_run; }
}
# What both units do, at the same time.
boot_up() {
	start restore sriov restore
	start boot reconcile --boot
}
# booted RESTORE BOOT SENTENCE: how both have ended
booted() {
	ends "$1" restore "$3: sriov restore exits $1"
	ends "$2" boot "$3: reconcile --boot exits $2"
}
started=0
clock() { started=$(hundredths); }
# within LEAST MOST SENTENCE: so many hundredths of a second since clock
within() {
	local took=$(($(hundredths) - started))
	t "$3 (took $took/100 s)" [ $took -ge "$1" -a $took -lt "$2" ]
}
back() { is "$(identities)" "$saved" "$1"; }
vfs() { find "$sys/bus/pci/devices/$1/" -maxdepth 1 -name 'virtfn*' | wc -l; }
has_vfs() { [ "$(vfs "$1")" -gt 0 ]; }
driver() { basename "$(readlink "$sys/bus/pci/devices/$1/driver")"; }
types_on() { find "$sys/class/mdev_bus/" -name "${1%.*}.*" | wc -l; }
all_live() {
	local one
	for one; do
		live "$one" || return 1
	done
}
mark() { echo "$root/run/vgpumgr/sriov-$1"; }
give_driver() { echo "$1" >"$sys/bus/pci/drivers/nvidia/bind"; }
# Somebody switches virtual functions off or on by hand.
off() { "$manage" -d "$1" >/dev/null; }
on() { "$manage" -e "$1" >/dev/null; }
# The driver was loaded anew since the marks were made: virtual functions are off.
reload() {
	off ALL
	sed -i -E 's/^([^ ]+) [0-9]+/\1 1/' "$root"/run/vgpumgr/sriov-*
}
# process NAME: one of that name runs
process() {
	mkdir -p "$root/proc/4711"
	echo "$1" >"$root/proc/4711/comm"
}
# wrap: sriov-manage writes down its runs; it does not end while there is a file hold-GPU
wrap() {
	mv "$manage" "$manage.real"
	cat >"$manage" <<-'END'
		#!/bin/bash
		here=$(dirname "$0")
		echo "begin $2" >>"$here/runs"
		[ ! -e "$here/slow" ] || sleep 0.1
		"$here/sriov-manage.real" "$@"
		status=$?
		while [ -e "$here/hold-$2" ]; do sleep 0.02; done
		echo "end $2" >>"$here/runs"
		exit $status
	END
	chmod 755 "$manage"
	: >"$runs"
}
hold() { touch "$(dirname "$runs")/hold-$1"; }
release() { rm "$(dirname "$runs")/hold-$1"; }
n_runs() { grep -c "^begin ${1:-}" "$runs"; }
most_runs_at_once() { awk '/^begin/ { if (++now > most) most = now } /^end/ { now-- } END { print most + 0 }' "$runs"; }
no_manage() { ! pgrep -f "$manage"; }

# vms N: N GPUs with virtual functions that somebody else has enabled, and a VM on each
vms() {
	host small --gpus "$1"
	on ALL
	on=()
	for vm in a b c d; do
		[ ${#on[@]} -lt "$1" ] || break
		uuid_of create A40-24A --vm $vm
		on[$vm]=$uuid
	done
	saved=$(identities)
}

# --- nothing is saved, nothing is waited for
host small
ctl take-gpu $G1
ctl unbind-pf $G2
clock
expect 0 'without a record, reconcile --boot exits 0' reconcile --boot
expect 0 'and sriov restore' sriov restore
t 'neither makes one' fails test -e "$root/var/lib/vgpumgr"
mkdir -p "$root/run/vgpumgr"
touch "$late" "$late-gpu"
expect 0 'what has appeared is of no interest to reconcile --boot then' reconcile --boot
expect 0 'nor to sriov restore' sriov restore
t 'but that is not told twice' fails ls "$late" "$late-gpu"
host small
must sriov enable all
must create A40-24A --vm a --gpu $G2
must remove --vm a
must sriov disable all
ctl take-gpu $G1
ctl reboot
ctl unbind-pf $G2
ctl reset
expect 0 'with a record in which nothing is saved, reconcile --boot exits 0' reconcile --boot
expect 0 'and sriov restore' sriov restore
within 0 1000 'all of them at once'
is "$(counter sriov)" 0 'and nothing is switched'
for options in '--wait 5' '--gpu 67:00.0' 'now'; do
	# shellcheck disable=SC2086 # several
	expect 2 "reconcile --boot $options is a usage error" reconcile --boot $options
done
expect 2 'sriov restore with a GPU, too' sriov restore $G1
config 'wait_vfs = 0;'
expect 2 'a wait of 0 seconds is no setting' reconcile --boot
says 'and named' 'wait_vfs'

# --- everything comes back, each GPU when it is ready
vms 4
must create A40-24A --vm x --gpu $G1
is "$(sql 'SELECT count(*) FROM gpu WHERE wanted_vfs')" 0 'virtual functions are wanted for what is saved alone'
wrap
ctl types-late $G1 2000
ctl reboot
rm -r "$root/run" # as a boot does
clock
boot_up
ends 0 restore 'types late on one GPU: sriov restore exits 0'
within 0 190 'it does not wait for types'
is "$(n_runs) $(most_runs_at_once)" '4 1' 'sriov-manage was run once for each GPU, one after the other'
t 'the vGPUs of the other GPUs are live' until_true 10 all_live "${on[b]}" "${on[c]}" "${on[d]}"
t 'while those of the late one have not even types' [ "$(types_on $G1)" = 0 ]
expect 0 'meanwhile a VM can get another vGPU' create A40-24A --vm y --gpu $G2
expect 0 'and one that is waited for can be removed' remove --vm x
t 'the rest is waited for' is_running boot
ends 0 boot 'reconcile --boot exits 0'
prints 'which counts what is on record then' '^5 as saved, 4 created, 0 moved, 0 failed, 0 foreign'
t 'after types have come' [ "$(types_on $G1)" = 4 ]
must remove --vm y
back 'everything is as it was'
agree 'record and kernel agree'
ctl types-late $G1 0

ctl reboot
ctl reset
start boot reconcile --boot
start restore sriov restore
start byhand reconcile
booted 0 0 'a reconcile by hand beside them'
ends 0 byhand 'and that exits 0 as well'
back 'everything is as it was'
is "$(counter create) $(counter create-failed) $(counter sriov)" '4 0 4' 'each was made once, each GPU switched once'
expect 0 'once more: sriov restore' sriov restore
expect 0 'and reconcile --boot' reconcile --boot
is "$(counter create) $(counter sriov)" '4 4' 'there is nothing to do'

# --- a GPU is missing: the rest is back, and the deadline holds
config 'wait_driver = 1; wait_vfs = 20; wait_types = 20;'
ctl take-gpu $G2
ctl reboot
clock
boot_up
booted 7 7 'with a GPU missing'
within 100 1000 'after the wait for it'
says 'reconcile --boot names it' "$G2.*did not come"
cp "$top/restore.err" "$err"
says 'so does sriov restore' "$G2.*did not come"
t 'neither complains of another' fails grep -E "($G1|$G3|$G4).*did not come" "$err"
t 'the others are back' all_live "${on[a]}" "${on[c]}" "${on[d]}"
is "$(sql 'SELECT count(*) FROM vgpu')" 4 'the record is kept'
ctl give-gpu $G2
config 'wait_driver = 20;'
ctl take-gpu $G3
ctl reboot
on $G1
on $G4
ctl unbind-pf $G2
boot_up
t 'the others are live' until_true 10 all_live "${on[a]}" "${on[d]}"
t 'while two GPUs are waited for' is_running restore
give_driver $G2
t 'one gets its driver, and is served' until_true 10 live "${on[b]}"
t 'while the last one is waited for' is_running restore
ctl give-gpu $G3
booted 0 0 'a GPU that comes late'
back 'everything is as it was'

# sriov-manage makes pci-pf-stub take whatever of its kind has no driver at that moment
config 'wait_driver = 4;'
ctl reboot
ctl unbind-pf $G2
boot_up
until_true 2 has_vfs $G1
t 'a GPU that has no driver yet while others are switched can get it' until_true 2 give_driver $G2
booted 0 0 'and with it'
back 'everything is as it was'

# nor is anything switched while it has not come to all of them
config 'wait_driver = 20;'
has_looked() { [ "$(counter attr-read)" -gt 100 ]; } # several times, as it does while it waits
ctl reboot
ctl garbage module/nvidia/initstate 'coming\n'
: >"$runs"
ctl reset
clock
boot_up
t 'while the driver is being loaded, restore waits' until_true 10 has_looked
is "$(n_runs)" 0 'and switches nothing'
ctl garbage module/nvidia/initstate off
booted 0 0 'a driver that is being loaded'
within 0 1000 'nothing is waited for then'
back 'everything is as it was'
config 'wait_driver = 1;'
ctl reboot
ctl garbage module/nvidia/initstate 'coming\n'
clock
boot_up
booted 0 0 'a driver whose loading does not end'
within 100 1000 'is not waited for any longer than a GPU'
ctl garbage module/nvidia/initstate off

# no module of the driver
config 'wait_driver = 30; wait_no_driver = 1;'
ctl reboot
ctl unbind-pf $G2
ctl hide module/nvidia
clock
boot_up
booted 7 7 'without a driver in the kernel'
within 100 1000 'it is not waited for as long'
says 'the GPU is named' "$G2.*driver"
t 'the others are back' all_live "${on[a]}" "${on[c]}" "${on[d]}"
ctl show module/nvidia

# --- reconcile --boot leaves virtual functions to the other unit
config 'wait_vfs = 1; wait_types = 30;'
ctl reboot
wrapped=$(n_runs)
on $G4
clock
expect 7 'reconcile --boot alone' reconcile --boot
within 100 800 'gives up virtual functions after the wait for them'
says 'names the GPUs' "$G1: its virtual functions did not come" "$G2" "$G3"
t 'not the one that has some' fails grep $G4 "$err"
is "$(n_runs)" $((wrapped + 1)) 'and switches none on'
is "$(kernel | cut -d' ' -f1)" "${on[d]}" 'what can be made is made'
config 'wait_vfs = 20;'
clock
expect 7 'a second run' reconcile --boot
within 0 800 'does not wait again for what has not moved'
rm "$root"/run/vgpumgr/given-up-*
start boot reconcile --boot
on $G2
t 'as soon as a GPU has some, so is its vGPU' until_true 10 live "${on[b]}"
t 'the rest is waited for' is_running boot
on $G1
on $G3
ends 0 boot 'until all is back'
back 'everything is as it was'

# --- types: the deadline, and what moves it
vms 2
config 'wait_types = 1; wait_vfs = 20;'
ctl types-late $G1 60000
ctl reboot
clock
boot_up
booted 0 7 'types that do not come'
within 100 1000 'are given up after the wait for them'
says 'which says so' "$G1.*types did not come"
is "$(kernel | cut -d' ' -f1)" "${on[b]}" 'the other is back'
ctl types-late $G1 0
config 'wait_types = 2; wait_vfs = 20;'
ctl reboot
must sriov restore
for vf in 4 5 6; do
	ctl hide "class/mdev_bus/0000:67:00.$vf"
	ctl hide "bus/pci/devices/0000:67:00.$vf/mdev_supported_types"
done
start boot reconcile --boot
clock
for vf in 5 6 4; do
	sleep 0.8 # several of these are longer than the wait
	ctl show "bus/pci/devices/0000:67:00.$vf/mdev_supported_types"
	ctl show "class/mdev_bus/0000:67:00.$vf"
done
ends 0 boot 'types that come one after the other are waited for while they come'
within 230 1000 'longer than the wait without any'
back 'everything is as it was'

# --- who is not waited for
config 'wait_driver = 30; wait_vfs = 30;'
must remove "${on[b]}"
ctl take-gpu $G2
ctl reboot
clock
boot_up
booted 0 0 'a GPU that is gone, and nothing saved on it'
ctl give-gpu $G2
ctl reboot
must sriov enable $G2
ctl reboot
boot_up
booted 0 0 'virtual functions that are wanted without a vGPU on them'
is "$(vfs $G2)" 4 'are on'
ctl reboot
on $G1
expect 0 'reconcile --boot has no use for them' reconcile --boot
is "$(vfs $G2)" 0 'and leaves them off'
sql "UPDATE vgpu SET state = 'stopped'"
must sriov disable $G2
ctl reboot
boot_up
booted 0 0 'a vGPU that is stopped'
is "$(vfs $G1)" 0 'brings no virtual functions'
sql "UPDATE vgpu SET state = 'active'"
ctl reboot
ctl override $G1 vfio-pci
boot_up
ends 7 boot 'a GPU that another driver holds'
wait "${pids[restore]}"
config "exclude_gpus = [ \"$G1\" ]; wait_driver = 30; wait_vfs = 30;"
ctl reboot
boot_up
ends 7 boot 'a GPU that is excluded'
wait "${pids[restore]}"
is "$(vfs $G1)" 0 'is left alone'
within 0 1500 'none of all these was waited for'

# --- sriov restore: once per GPU and load of the driver
host small
must sriov enable all
ctl reboot
expect 0 'the first sriov restore of a boot' sriov restore
is "$(vfs $G1) $(vfs $G2)" '4 4' 'switches both on'
is "$(cut -d' ' -f1,2 "$(mark $G1)")" "$(cat "$root/proc/sys/kernel/random/boot_id") $(stat -c %i "$sys/bus/pci/drivers/nvidia")" 'and marks them with boot and driver'
off $G1
wrap
expect 7 'after somebody has switched one off by hand' sriov restore
is "$(n_runs) $(vfs $G1)" '0 0' 'it is left so'
says 'what to do is said' "$G1.*off" "hint: vgpumgr sriov enable $G1"
t 'and nothing of the other' fails grep $G2 "$err"
expect 7 'and again' sriov restore
expect 0 'reconcile by hand switches it on' reconcile
is "$(vfs $G1)" 4 'so it is'
off $G1
expect 7 'that counts, too' sriov restore
expect 0 'so does sriov enable' sriov enable $G1
is "$(vfs $G1)" 4 'so it is'
before=$(n_runs)
expect 0 'sriov restore has nothing to do' sriov restore
ctl reboot
expect 0 'after another boot, it has' sriov restore --dry-run
is "$(n_runs) $(vfs $G1)" "$before 0" 'with --dry-run it is only said'
says 'namely' "would enable.* $G1" "would enable.* $G2"
expect 0 'then it is done' sriov restore
is "$(vfs $G1) $(vfs $G2)" '4 4' 'for both'

# how often it is tried
ctl reboot
ctl sriov-manage fail 4
: >"$runs"
expect 7 'in the first restore of a boot, three failures for one GPU and one for the next' sriov restore
is "$(n_runs $G1) $(n_runs $G2) $(vfs $G1) $(vfs $G2)" '3 2 0 4' 'it is tried three times at most, until it works'
says 'what sriov-manage said is told' "$G1.*unbindLock"
expect 7 'the next one' sriov restore
is "$(n_runs $G1)" 3 'does not try again'

# the driver is loaded anew
must sriov enable all
reload
: >"$runs"
expect 7 "after a reload, without $MGR" sriov restore
is "$(n_runs)" 0 'nothing is switched'
says 'and why' "$G1.*$MGR is not running" "$G2" "hint: systemctl start $MGR"
process nvidia-vgpud
expect 7 'with another process alone' sriov restore
process $MGR
ctl sriov-manage fail 1
expect 7 "with $MGR, and a sriov-manage that fails once" sriov restore
is "$(n_runs $G1) $(vfs $G1) $(vfs $G2)" '1 0 4' 'it is tried once, and the other GPU has its turn'
expect 7 'and no more' sriov restore
is "$(n_runs $G1)" 1 'for this load'
must sriov enable all
reload
: >"$runs"
expect 0 'after another reload' sriov restore
is "$(n_runs) $(vfs $G1) $(vfs $G2)" '2 4 4' 'both are on'
off $G2
expect 7 'for this load, that was it' sriov restore
is "$(vfs $G2)" 0 'so it stays off'
rm -r "$root/proc/4711"

# several at once
ctl reboot
: >"$runs"
touch "$(dirname "$runs")/slow"
start restore sriov restore
start again sriov restore
start byhand reconcile
start enable sriov enable all
ends 0 byhand 'reconcile beside two restores and an enable'
ends 0 enable 'which exits 0'
ends 0 restore 'the first restore'
ends 0 again 'the second'
is "$(vfs $G1) $(vfs $G2) $(most_runs_at_once)" '4 4 1' 'all are on, one sriov-manage at a time'
is "$(n_runs)" 2 'once for each GPU'

# one that is cut short
# Its main process, which is all that systemd sends a signal to; and all of it.
main() { echo "${pids[cut]}"; }
family() { pgrep -f -- "--root $root "; }
# cut_short main|family COMMAND...: a restore that is killed when the command has come true
cut_short() {
	: >"$runs"
	hold $G1
	"$vgpumgr" --root "$root" sriov restore >"$out" 2>"$err" &
	pids[cut]=$!
	until_true 10 grep -q "^begin $G1" "$runs" && until_true 10 "${@:2}"
	result $? 'a sriov restore is at work on the first GPU'
	# shellcheck disable=SC2046 # a list
	kill -9 $($1)
	wait "${pids[cut]}" 2>/dev/null
	t 'it is killed, sriov-manage goes on' pgrep -f "$manage"
	release $G1
	t 'and ends' until_true 10 no_manage
}
config 'wait_driver = 1;'
ctl reboot
cut_short main has_vfs $G1
expect 0 'a restore that is cut short: the next one' sriov restore
is "$(n_runs $G1) $(n_runs $G2) $(vfs $G1) $(vfs $G2)" '1 1 4 4' 'goes on where it was'
has_no_driver() { [ ! -e "$sys/bus/pci/devices/$1/driver" ]; }
ctl reboot
ctl sriov-manage unbound 1
cut_short family has_no_driver $G1
t 'the GPU has no driver then' has_no_driver $G1
run sriov restore
is "$(driver $G1) $(vfs $G2)" 'nvidia 4' 'what vgpumgr has left without driver is bound again, the other GPU switched on'
ctl reboot
must sriov restore
off $G2
ctl unbind-pf $G1
expect 7 'what somebody else has unbound' sriov restore
t 'is left so' has_no_driver $G1

# --- a sriov-manage that hangs
vms 2
config 'sriov_timeout = 2; wait_driver = 2; wait_vfs = 1; wait_types = 2;'
ctl reboot
ctl sriov-manage hang 1
clock
boot_up
t 'sriov-manage hangs for one GPU' until_true 5 pgrep -f "$manage -e $G1"
t 'the next has its turn, and its vGPU is live' until_true 15 live "${on[b]}"
within 180 1000 'when the deadline has passed'
t 'the one that hangs is left running' pgrep -f "$manage -e $G1"
booted 7 7 'a sriov-manage that hangs'
within 180 1500 'all within the deadlines'
says 'reconcile --boot names the GPU' $G1
t 'and only that' fails grep "$G2.*did not come" "$err"
cp "$top/restore.err" "$err"
says 'sriov restore says that it is left running' "$G1.*left running"
config 'sriov_timeout = 1; wait_driver = 2; wait_vfs = 1; wait_types = 1;'
expect 7 'another sriov restore' sriov restore
is "$(pgrep -fc "$manage -e")" 1 'does not start a second one'
ctl sriov-manage normal
t 'it ends by itself' until_true 10 no_manage
expect 0 'then reconcile --boot goes on' reconcile --boot
back 'everything is as it was'

# virtual functions are there, but sriov-manage has not ended
wrap
ctl reboot
hold $G1
boot_up
t 'the vGPU of the next GPU is live' until_true 15 live "${on[b]}"
booted 7 7 'a sriov-manage that has done its work and does not end'
t 'the virtual functions are on, with types' [ "$(types_on $G1)" = 4 ]
t 'no vGPU is made on them' fails live "${on[a]}"
prints 'why is said' "${on[a]}.*virtual functions of its GPU $G1 are being switched"
t 'it is not said that types have not come' fails grep 'types did not come' "$err"
expect 7 'nor by hand' reconcile --timeout 1
prints 'it says so, too' "${on[a]}.*$G1.*being switched"
before=$(kernel)
expect 9 'create there times out' create A40-24A --vm new --gpu $G1 --timeout 1
says 'for that reason' "$G1.*being switched" 'hint: '
is "$(kernel)" "$before" 'nothing is made'
is "$(most_runs_at_once) $(n_runs)" '2 2' 'one sriov-manage for each GPU'
release $G1
t 'it ends' until_true 10 no_manage
run remove --vm new --if-exists
expect 0 'then reconcile --boot makes it' reconcile --boot
back 'everything is as it was'

# --- beside a create, and beside another reconcile
ctl delay create 1 1000
config ''
start create create A40-24A --vm c --uuid aaaaaaaa-0000-4000-8000-000000000001
t 'a create is under way' until_true 5 live aaaaaaaa-0000-4000-8000-000000000001
start boot reconcile --boot
expect 0 'reconcile waits for it' reconcile
is "$(state_of aaaaaaaa-0000-4000-8000-000000000001)" active 'until it is done'
prints 'and takes it for neither failed nor foreign' ' 0 failed, 0 foreign'
ends 0 boot 'so does reconcile --boot'
ends 0 create 'the create is not disturbed'
must remove --vm c
ctl delay create 1 2000
start create create A40-24A --vm c --uuid aaaaaaaa-0000-4000-8000-000000000001
t 'a longer one' until_true 5 live aaaaaaaa-0000-4000-8000-000000000001
clock
expect 7 'reconcile --timeout 1 waits a second for it' reconcile --timeout 1
within 90 240 'not longer'
ends 0 create 'the create is not disturbed'
must remove --vm c
ctl reboot
must sriov restore
ctl reset
ctl latency create 300
start one reconcile
start two reconcile
start boot reconcile --boot
ends 0 one 'three reconciles at once: the first'
ends 0 two 'the second'
ends 0 boot 'the third'
ctl latency create 0
is "$(counter create) $(counter create-failed)" '2 0' 'each vGPU was made once'
back 'everything is as it was'

# --- the journal
# in_journal ARGUMENT...: with stderr connected to it
in_journal() {
	: >"$err"
	JOURNAL_STREAM=$(stat -c %d:%i "$err")
	export JOURNAL_STREAM
	run "$@"
	unset JOURNAL_STREAM
}
# marked SENTENCE: every line has its priority
marked() {
	t "$1: it says something" [ -s "$err" ]
	is "$(grep -vE '^<[346]>[^<]' "$err")" '' "$1: every line has its priority"
}
ctl reboot
in_journal sriov restore
is $status 0 'sriov restore under systemd'
marked 'sriov restore'
in_journal reconcile --boot
is "$status $(grep -c '^<6>.*is live on' "$err")" '0 2' 'reconcile --boot tells of each vGPU it makes'
for vm in a b; do
	says "which is ${on[$vm]}" "${on[$vm]} is live on 0000:.*A40-24A of $vm"
done
marked 'reconcile --boot'
in_journal reconcile --boot
is "$(grep -c 'is live' "$err")" 0 'not of what was live already'
ctl reboot
must sriov restore
expect 0 'without systemd' reconcile --boot
is "$(grep -c '^vgpumgr: .*is live on' "$err") $(grep -c '<' "$err")" '2 0' 'nothing is marked'
export JOURNAL_STREAM=1:1
run reconcile --bogus
unset JOURNAL_STREAM
is "$status $(grep -c '^<' "$err")" '2 0' 'nor where stderr is not what goes to the journal'
in_journal reconcile --bogus
is $status 2 'a mistake'
marked 'a mistake'
says 'is an error' '^<3>vgpumgr: '
config 'wait_driver = 1; wait_vfs = 1;'
ctl take-gpu $G1
ctl reboot
in_journal reconcile --boot
is $status 7 'a GPU that is gone'
says 'is an error' "^<3>vgpumgr: .*$G1"
marked 'a GPU that is gone'
ctl give-gpu $G1
ctl reboot
must reconcile
ctl reboot
ctl sriov-manage fail
in_journal sriov enable all --timeout 1 # no second try
ctl sriov-manage normal
is $status 1 'two failures'
says 'are a warning, an error and a hint' '^<4>' '^<3>' '^<6>hint'
marked 'two failures'
must reconcile
in_journal create A40-48A --vm large
is $status 4 'no room'
marked 'no room'

# --- a host without boot id and without sriov-manage
vms 2
mv "$manage" "$top/sriov-manage"
ctl raw-sriov on
ctl reboot
rm -r "$root/proc/sys/kernel/random/boot_id" "$root/run"
ctl reset
boot_up
booted 0 0 'without a boot id, through sriov_numvfs'
back 'everything is as it was'
is "$(counter bind)" 0 'no GPU was unbound'
ctl raw-sriov off

# --- what appears late
vms 2
config 'wait_driver = 30; wait_vfs = 30;'
touch "$late" "$late-gpu"
expect 0 'reconcile --boot with a reason' reconcile --boot
t 'takes up its own' fails test -e "$late"
t 'and not that of the other unit' test -e "$late-gpu"
touch "$late"
expect 0 'sriov restore' sriov restore
t 'takes up its own' fails test -e "$late-gpu"
t 'and not that of the other unit' test -e "$late"
touch "$late-gpu"
expect 0 'reconcile --boot --dry-run' reconcile --boot --dry-run
expect 0 'sriov restore --dry-run' sriov restore --dry-run
t 'take up nothing' [ -e "$late" -a -e "$late-gpu" ]
expect 0 'reconcile by hand' reconcile
t 'neither' [ -e "$late" -a -e "$late-gpu" ]
rm -f "$late" "$late-gpu"
ctl reboot
must sriov restore
must reconcile --gpu $G1
ctl delay create 1 1000
start boot reconcile --boot
t 'reconcile --boot is at work' until_true 10 live "${on[b]}"
# as by a driver that goes and comes back
echo 1 >"$sys/bus/mdev/devices/${on[a]}/remove"
t 'when a vGPU goes that was live' fails live "${on[a]}"
touch "$late"
ends 0 boot 'and its parent comes back'
t 'it is live' live "${on[a]}"
t 'and the reason taken up' fails test -e "$late"
back 'everything is as it was'
agree 'record and kernel agree'

# --- sriov enable waits for types
must remove --vm a
must remove --vm b
must sriov disable all
ctl types-late $G1 600
clock
expect 0 'sriov enable with late types' sriov enable all
is "$(types_on $G1) $(types_on $G2)" '4 4' 'ends when they are there'
within 55 1000 'not before'
must sriov disable all
ctl types-late $G1 60000
clock
config 'sriov_timeout = 1;'
expect 9 'types that do not come' sriov enable all
within 90 1000 'are given up'
says 'by name' "$G1 .*types" 'hint: '
is "$(vfs $G1) $(vfs $G2) $(types_on $G2)" '4 4 4' 'all is on, as it should'
ctl types-late $G1 0

# --- a record that cannot be written
# with_mounts SHELL-TEXT ARGUMENT...: the program in a mount namespace of its own
with_mounts() {
	timeout -k 5 60 unshare -m sh -ec "$1"'; shift; exec "$@"' sh "$root/var/lib/vgpumgr" \
		"$vgpumgr" --root "$root" "${@:2}" >"$out" 2>"$err" </dev/null
	status=$?
}
declare -A mounts=(
	[read-only]='mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"'
	[full]='cp -a "$1" "$1.copy"; mount -t tmpfs -o size=512k,mode=700 none "$1"; cp -a "$1.copy/." "$1"
		rm -r "$1.copy"; ! dd if=/dev/zero of="$1/filler" bs=4k 2>/dev/null'
)
if unshare -m sh -c 'mount -t tmpfs none "$1" && mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"' sh "$top" 2>/dev/null; then
	vms 2
	for situation in "${!mounts[@]}"; do
		ctl reboot
		before=$(record_sum | grep -v ' run/')
		with_mounts "${mounts[$situation]}" sriov restore
		is "$status $(vfs $G1) $(vfs $G2)" '0 4 4' "$situation: sriov restore works" || show_run
		with_mounts "${mounts[$situation]}" reconcile --boot
		is $status 0 "$situation: reconcile --boot exits 0" || show_run
		t "$situation: all is live" all_live "${on[@]}"
		is "$(record_sum | grep -v ' run/')" "$before" "$situation: the record is as it was"
		with_mounts "${mounts[$situation]}" create A40-24A --vm new
		t "$situation: a create is refused" [ $status -ne 0 ]
		is "$(kernel | wc -l)" 2 "$situation: and makes nothing"
		expect 0 "$situation: when that is over, all is well" reconcile --boot
		back "$situation: everything is as it was"
	done
else
	echo '# no mount namespaces here: a record that cannot be written is not tested'
fi

# --- a record that cannot be read
vms 2
ctl reboot
cp "$db" "$top/kept.db"
head -c 4096 /dev/urandom >"$db"
boot_up
booted 8 8 'a damaged record'
back 'a damaged record: everything is as it was'
is "$(find "$root/var/lib/vgpumgr" -name 'state.db.damaged-*' | wc -l)" 1 'the damaged one is kept'
boot_up
booted 0 0 'at the next boot'
back 'everything is as it was'
# ... and no backup of it either
head -c 4096 /dev/urandom >"$db"
rm -r "$root/var/lib/vgpumgr/archive" "$root/var/lib/vgpumgr/backup.json"
ctl reboot
boot_up
booted 8 8 'a damaged record without any backup'
is "$(kernel) $(vfs $G1)" ' 0' 'nothing is touched'
cp "$top/kept.db" "$db"
boot_up
booted 0 0 'when it is mended'
back 'everything is as it was'
done_testing
