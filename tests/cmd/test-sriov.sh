#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Virtual functions on and off: as often as one likes, never below a vGPU, never where vgpumgr
# has no business, and by a helper that sees a clean environment.
# shellcheck source=tests/cmd/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

F=ffffffff-0000-4000-8000-000000000001
G1=0000:67:00.0 G2=0000:e8:00.0
config() {
	mkdir -p "$root/etc/vgpumgr"
	echo "$1" >"$root/etc/vgpumgr/vgpumgr.conf"
}
vfs() { find "$sys/bus/pci/devices/$1/" -maxdepth 1 -name 'virtfn*' | wc -l; }
both() { echo "$(vfs $G1) $(vfs $G2)"; }
driver() { basename "$(readlink "$sys/bus/pci/devices/$1/driver")"; }
wanted() { sql "SELECT wanted_vfs FROM gpu WHERE bdf = '$1'"; }
manage=$root/usr/lib/nvidia/sriov-manage
# Has nothing been switched since the last reset?
untouched() { is "$(counter sriov) $(counter bind)" '0 0' "$1"; }

# --- on, off, again
host small
expect 0 'sriov status before anything' sriov status --json
json 'off, and not wanted' 'all(.gpus[]; .total_vfs == 4 and .num_vfs == 0 and .wanted == 0 and .state == "off")'
t 'it makes no record' fails test -e "$root/var/lib/vgpumgr"
expect 0 'enable one GPU' sriov enable e8:00.0
is "$(both) $(wanted $G2)" '0 4 4' 'its VFs are on, and wanted; those of the other are off'
ctl reset
before=$(record_sum)
expect 0 'enable it again' sriov enable 0:E8:0.0
untouched 'nothing is switched'
is "$(record_sum)" "$before" 'nor recorded'
expect 0 'enable all' sriov enable all --json
json 'prints all of them' '[.gpus[] | [.address, .num_vfs, .wanted, .state]] == [["0000:67:00.0", 4, 4, "on"], ["0000:e8:00.0", 4, 4, "on"]]'
is "$(counter sriov)" 1 'only the other was switched'
is "$(driver $G1) $(driver $G2)" 'nvidia nvidia' 'both are bound to nvidia'
ctl reboot
is "$(both)" '0 0' 'a reboot takes them away'
run sriov status --json
json 'they are still wanted' 'all(.gpus[]; .num_vfs == 0 and .wanted == 4 and .state == "off")'
expect 0 'reconcile enables them again' reconcile
is "$(both)" '4 4' 'so they are on'
ctl reset
expect 0 'and again' reconcile
untouched 'nothing is switched twice'
expect 0 'disable one' sriov disable $G1
is "$(both) $(wanted $G1)" '0 4 0' 'it is off, and not wanted'
expect 0 'disable all' sriov disable all
is "$(both)" '0 0' 'all are off'
ctl reset
expect 0 'disable all again' sriov disable all
untouched 'nothing is switched'
ctl reboot
expect 0 'reconcile' reconcile
is "$(both)" '0 0' 'leaves them off'
t 'somebody else enables the VFs' "$manage" -e $G1
ctl reset
expect 0 'enable records the wish' sriov enable $G1
is "$(wanted $G1)" 4 'so it is wanted'
untouched 'without switching'
expect 3 'a GPU that is not there' sriov enable 0000:99:00.0
expect 3 'a device that is no GPU' sriov enable 0000:01:00.0
expect 2 'no GPU named' sriov enable
expect 2 'no such verb' sriov toggle all
expect 2 'no address' sriov enable all of them

# --- never below a vGPU
host small
must sriov enable all
must create A40-24A --vm a --gpu $G1
foreign $F 0000:e8:00.4 A40-24A
ctl reset
before="$(record_sum) $(kernel)"
expect 5 'disable where a vGPU is saved is a conflict' sriov disable $G1
says 'it names the VM, and what to do' 'of a' 'hint: .*vgpumgr list'
expect 5 'disable where a foreign vGPU is, too' sriov disable $G2
says 'it names it' $F
expect 5 'disable all, too' sriov disable all
says 'it names both' $G1 $G2
untouched 'nothing was switched'
is "$(record_sum) $(kernel)" "$before" 'nothing changed'
must remove --vm a
expect 5 'all, with the foreign one still there, is a conflict' sriov disable all
is "$(both)" '0 4' 'and the other GPU is off'
echo 1 >"$sys/bus/mdev/devices/$F/remove"
expect 0 'without any' sriov disable all
is "$(both)" '0 0' 'all are off'

host small
must sriov enable all
must create A40-24A --vm a --gpu $G1
ctl reboot
expect 5 'disable where a vGPU is saved and not live is a conflict' sriov disable $G1
must reconcile

host small
must sriov enable all
ctl hold-vf 0000:67:00.5
ctl reset
expect 6 'disable where a VF is held is "in use"' sriov disable $G1
says 'it names VF and holder' '0000:67:00\.5' '10000[0-9]'
untouched 'nothing was switched'
is "$(vfs $G1)" 4 'the VFs are there'
ctl release-vf 0000:67:00.5
expect 0 'when it is released' sriov disable $G1

# --- not vgpumgr's business
host small
config 'exclude_gpus = [ "67:00.0" ];'
ctl reset
expect 0 'enable all skips an excluded GPU' sriov enable all
says 'and names it' "$G1 .*excluded"
is "$(both)" '0 4' 'the other is on'
expect 5 'naming it is a conflict' sriov enable $G1
run sriov status --json
json 'status says excluded' '.gpus[0].state == "excluded"'
config ''
ctl override $G1 vfio-pci
expect 0 'enable all skips a GPU with another driver' sriov enable all
says 'and names it' "$G1 .*vfio-pci"
is "$(both)" '0 4' 'it is untouched'
expect 5 'naming it is a conflict' sriov enable $G1

host small
ctl unbind-pf $G1
expect 0 'enable all skips a GPU without driver' sriov enable all
says 'and names it' "$G1 .*no driver"
is "$(both)" '0 4' 'the other is on'
t 'it is not bound to nvidia by us' [ "$(driver $G1)" != nvidia ]
host small
ctl garbage "bus/pci/devices/$G1/driver_override" 'nvidia\n'
expect 0 'enable all skips a GPU with a driver_override' sriov enable all
says 'and names it' "$G1 .*driver_override"
is "$(both)" '0 4' 'it is untouched'

host small
must sriov enable all
must create A40-24A --vm a --gpu $G1
ctl hang "bus/pci/devices/$G1/driver_override" 20000
for command in gpus types 'capacity A40-24A' 'sriov status' check reconcile list; do
	# shellcheck disable=SC2086 # a list of words
	t "$command does not read what hangs with a GPU whose VFs are on" \
		timeout 10 "$vgpumgr" --root "$root" $command
done
ctl hang "bus/pci/devices/$G1/driver_override" 0

# --- some VFs only
host small
mv "$manage" "$top/sriov-manage"
ctl raw-sriov on
echo 2 >"$sys/bus/pci/devices/$G1/sriov_numvfs"
run sriov status --json
json 'two of four VFs are "partial"' '.gpus[0] | .num_vfs == 2 and .total_vfs == 4 and .state == "partial"'
ctl reset
expect 5 'enable cannot go on from there' sriov enable $G1
says 'it says what to do' 'hint: vgpumgr sriov disable 0000:67:00.0'
is "$(vfs $G1)" 2 'it stays as it is'
expect 0 'disable works' sriov disable $G1
expect 0 'then enable, too' sriov enable $G1
is "$(vfs $G1)" 4 'all are on'

# --- without sriov-manage
is "$(counter bind)" 0 'without sriov-manage nothing is unbound'
expect 0 'enable all through sriov_numvfs' sriov enable all
is "$(both)" '4 4' 'all are on'
expect 0 'disable all through sriov_numvfs' sriov disable all
is "$(both)" '0 0' 'all are off'
ctl raw-sriov off
expect 1 'where the driver refuses that' sriov enable all
says 'file and errno are named, and sriov-manage' 'sriov_numvfs' 'No such file' 'sriov-manage'
is "$(both)" '0 0' 'nothing is on'

# --- the helper
mv "$top/sriov-manage" "$manage"
config "sriov_manage = \"/opt/helper\";"
run sriov enable $G1
t 'the config names the helper, below the root' [ $status -ne 0 ]
mkdir -p "$root/opt"
mv "$manage" "$top/sriov-manage"
# the helper finds the simulated sys by its own path
mkdir -p "$root/opt/a/b"
cp "$top/sriov-manage" "$root/opt/a/b/helper"
config "sriov_manage = \"/opt/a/b/helper\";"
expect 0 'and is run from there' sriov enable $G1
is "$(vfs $G1)" 4 'it has worked'
config ''
mv "$top/sriov-manage" "$manage"
must sriov disable all
mv "$manage" "$manage.real"
cat >"$manage" <<-'END'
	#!/bin/bash
	here=$(dirname "$0")
	{ env; printf 'IFS=%q\n' "$IFS"; echo "args $*"; pwd; ls -l /proc/self/fd; } >>"$here/seen"
	exec "$here/sriov-manage.real" "$@"
END
chmod 755 "$manage"
echo 'echo reached >>"'"$top"'/reached"; exit 1' >"$top/rc"
mkdir "$top/evil"
for name in dirname env pwd ls cat sleep readlink basename; do
	printf '#!/bin/sh\necho reached >>"%s/reached"\nexit 1\n' "$top" >"$top/evil/$name"
	chmod 755 "$top/evil/$name"
done
env LD_PRELOAD=/nonexistent-preload.so BASH_ENV="$top/rc" ENV="$top/rc" IFS=/ \
	PATH="$top/evil:$PATH" "BASH_FUNC_ls%%=() { echo reached >>$top/reached; }" \
	"$vgpumgr" --root "$root" sriov enable $G1 >"$out" 2>"$err"
is $? 0 'enable with a hostile environment works'
is "$(vfs $G1)" 4 'the VFs are on'
t 'nothing hostile was run' fails test -e "$top/reached"
t 'the helper saw no such variable' fails grep -qE '^(LD_PRELOAD|BASH_ENV|ENV|BASH_FUNC.*|SHELLOPTS)=|evil' "$root/usr/lib/nvidia/seen"
is "$(grep -c '^IFS=.* .t.n' "$root/usr/lib/nvidia/seen")" 1 'its IFS is the usual one'
is "$(grep '^args' "$root/usr/lib/nvidia/seen")" "args -e $G1" 'it was asked for this GPU alone'
t 'it has the lock, and no file of the record' \
	awk -v dir="$root/var/lib/vgpumgr/" 'index($0, dir) && !index($0, dir "lock") { bad = 1 } index($0, dir "lock") { lock = 1 } END { exit bad || !lock }' "$root/usr/lib/nvidia/seen"
chmod 777 "$manage"
expect 10 'a helper that others can write is not run' sriov disable $G1
is "$(vfs $G1)" 4 'nothing changed'
chmod 755 "$manage"
chmod 777 "$root/usr/lib/nvidia"
expect 10 'nor one in such a directory' sriov disable $G1
chmod 755 "$root/usr/lib/nvidia"
mv "$manage.real" "$manage"
expect 0 'the usual one is' sriov disable $G1

# --- what goes wrong
for mode in noop fail unbound; do
	ctl sriov-manage $mode 1
	expect 0 "a helper that does '$mode' once" sriov enable $G1
	is "$(vfs $G1) $(driver $G1)" '4 nvidia' "$mode: the VFs are on, the GPU is bound"
	must sriov disable $G1
done
ctl sriov-manage fail
expect 1 'a helper that always fails' sriov enable all
says 'what it said is told, and its status' 'Cannot obtain unbindLock' 'status 1'
is "$(wanted $G1)" 4 'the wish stays on record'
ctl sriov-manage noop
run sriov enable $G1
t 'a helper that exits 0 and does nothing is not believed' [ $status -ne 0 ]
ctl sriov-manage hang
started=$(hundredths)
expect 9 'a helper that hangs: exit 9' sriov enable $G1 --timeout 1
took=$(($(hundredths) - started))
t "at the deadline (took $took/100 s)" [ $took -ge 90 -a $took -lt 400 ]
says 'it is left running, and which GPU' 'left running' "$G1"
t 'it is' pgrep -f "$manage"
expect 9 'another for the same GPU is not started' sriov enable $G1 --timeout 1
says 'that is said' 'sriov-manage.* has not ended'
is "$(pgrep -fc "$manage")" 1 'it is the only one'
ctl sriov-manage normal
t 'it ends its work' until_true 10 fails pgrep -f "$manage"
is "$(vfs $G1)" 4 'and was never signalled: the VFs are on'
expect 0 'then the other' sriov enable $G2
is "$(both)" '4 4' 'all are on'

# --- what happens while a command waits for its turn
must sriov disable all
must sriov enable $G1
ctl sriov-manage hang
timeout 60 "$vgpumgr" --root "$root" sriov enable $G2 --timeout 20 >"$top/fg.out" 2>&1 &
enabling=$!
t 'sriov-manage is at work on one GPU' until_true 5 pgrep -f "$manage"
timeout 60 "$vgpumgr" --root "$root" sriov disable $G1 --timeout 20 >"$top/bg.out" 2>"$top/bg.err" &
waiting=$!
sleep 0.5
t 'disable waits for the other GPU' kill -0 $waiting
is "$(pgrep -fc "$manage")" 1 'one at a time on a host'
foreign $F 0000:67:00.4 A40-24A
ctl sriov-manage normal
wait $enabling
is $? 0 'the other GPU is done'
wait $waiting
is $? 5 'a vGPU that was made meanwhile: disable is refused'
is "$(kernel | cut -d' ' -f1)" $F 'the vGPU lives'
is "$(both)" '4 4' 'both GPUs have their VFs'

# --- vendor-specific VFIO
host l40s-vfio
expect 0 'enable all on a host of the vfio framework' sriov enable all
run gpus --json
json 'gpus says so' '[.gpus[] | .framework] == ["vfio", "vfio"] and all(.gpus[]; .sriov.num_vfs == 32)'
vf=0000:26:00.4
type=$(awk 'NR == 2 { print $1 + 0; exit }' "$sys/bus/pci/devices/$vf/nvidia/creatable_vgpu_types")
printf %s "$type" >"$sys/bus/pci/devices/$vf/nvidia/current_vgpu_type"
t 'a vGPU is set there' [ "$(cat "$sys/bus/pci/devices/$vf/nvidia/current_vgpu_type")" != 0 ]
ctl reset
expect 5 'disable refuses: its VFs would die' sriov disable 26:00.0
says 'it names the VF' "$vf"
untouched 'nothing was switched'
run list --json
json 'list shows it as foreign' '.vgpus | length == 1 and .[0].state == "foreign" and .[0].framework == "vfio" and .[0].vf == "0000:26:00.4" and .[0].vm == null'
expect 0 'enable finds it on' sriov enable 26:00.0
untouched 'without switching'
expect 0 'the other GPU can be disabled' sriov disable a6:00.0
expect 0 'one of its size is made beside it' create L40S-1Q --vm a --gpu 26:00.0
expect 0 'and removed' remove --vm a
printf 0 >"$sys/bus/pci/devices/$vf/nvidia/current_vgpu_type"
expect 0 'without it, disable works' sriov disable 26:00.0
mv "$manage" "$top/sriov-manage"
ctl raw-sriov on
echo 4 >"$sys/bus/pci/devices/0000:26:00.0/sriov_numvfs"
printf %s "$type" >"$sys/bus/pci/devices/$vf/nvidia/current_vgpu_type"
ctl reset
expect 5 'enable from four VFs with a vGPU refuses, too' sriov enable 26:00.0
says 'because of the vGPU' "$vf"
untouched 'nothing was switched'

# --- before SR-IOV
host t4
expect 0 'a GPU without SR-IOV' sriov status --json
json 'is unsupported' '.gpus[0] | .total_vfs == 0 and .num_vfs == 0 and .state == "unsupported"'
expect 0 'enable all names and skips it' sriov enable all
says 'named' '0000:3b:00.0'
expect 5 'naming it is a conflict' sriov enable 3b:00.0
# --- a driver that does not take the GPU back
host small
must sriov enable $G1
must create A40-24A --vm bound --gpu $G1
ctl reboot
ctl refuse bus/pci/drivers/nvidia/bind EBUSY
expect 7 'reconcile, with a driver that does not take the GPU back' reconcile
is "$(vfs $G1) $(driver $G1)" '4 ' 'it has no driver'
ctl refuse bus/pci/drivers/nvidia/bind off
expect 0 'once it does, the next reconcile' reconcile
is "$(vfs $G1) $(driver $G1)" '4 nvidia' 'binds what was left without one by us'

# --- cut short in the midst
# after FILE COMMAND: sriov-manage does that once it has written FILE of sysfs
after() {
	sed "s|^.*>\"[^\"]*/$1\".*\$|&\\n$2|" "$manage.real" >"$manage"
	chmod 755 "$manage"
	t "sriov-manage is changed after $1" fails cmp -s "$manage" "$manage.real"
}
family() { # of a process, itself first: none is to notice that another has died
	local child
	echo "$1"
	for child in $(pgrep -P "$1"); do
		family "$child"
	done
}
# kill_family WORDS...: a command whose sriov-manage waits in the midst, and all its processes die
kill_family() {
	local command processes
	rm -f "$top/here"
	"$vgpumgr" --root "$root" "$@" >/dev/null 2>&1 </dev/null &
	command=$!
	t "$*: sriov-manage is there" until_true 10 test -e "$top/here"
	processes=$(family $command)
	# shellcheck disable=SC2086 # a list of words
	kill -9 $processes
	wait $command 2>/dev/null
	# shellcheck disable=SC2086
	t 'all its processes are dead' until_true 5 fails kill -0 $processes
}
mended() { is "$(vfs $G2) $(driver $G2)" '4 nvidia' "$1: the VFs are on, the GPU is bound"; }
# Is the id gone from pci-pf-stub?
no_id() {
	t "$1: its id is not left with pci-pf-stub" fails \
		sh -c "echo 10de 2235 >$sys/bus/pci/drivers/pci-pf-stub/remove_id" 2>/dev/null
}
wait_here="touch $top/here; while :; do sleep 0.1; done"

host small
cp "$manage" "$manage.real"
for point in nvidia/unbind new_id sriov_numvfs pci-pf-stub/unbind remove_id; do
	after $point 'kill -9 $$'
	run sriov enable $G2 --timeout 1
	cp "$manage.real" "$manage"
	no_id "killed after $point"
	expect 0 "sriov-manage was killed after $point: reconcile" reconcile
	mended "killed after $point"
	expect 0 'and disable' sriov disable $G2
	is "$(vfs $G2) $(driver $G2)" '0 nvidia' 'they are off again'
done
for point in nvidia/unbind new_id sriov_numvfs pci-pf-stub/unbind remove_id; do
	for command in reconcile "sriov enable $G2"; do
		after $point "$wait_here"
		kill_family sriov enable $G2
		cp "$manage.real" "$manage"
		t 'the GPU has lost its driver' [ "$(driver $G2)" != nvidia ]
		# shellcheck disable=SC2086 # a list of words
		expect 0 "all were killed after $point: $command" $command
		mended "all killed after $point"
		no_id "all killed after $point"
		must sriov disable all
	done
done
after new_id "$wait_here"
kill_family sriov enable $G2
cp "$manage.real" "$manage"
expect 0 'all were killed: enable all' sriov enable all
is "$(both) $(driver $G2)" '4 4 nvidia' 'does not pass over it'
must sriov disable all
after sriov_numvfs "$wait_here"
kill_family sriov enable $G2
cp "$manage.real" "$manage"
expect 0 'all were killed, and disable takes back what is there' sriov disable $G2
is "$(vfs $G2) $(driver $G2)" '0 nvidia' 'the VFs are off, the GPU is bound'

# --- ... where another GPU of the model, or somebody else, is concerned
after new_id "$wait_here"
kill_family sriov enable $G2
cp "$manage.real" "$manage"
expect 0 'the next GPU of the model' sriov enable $G1
is "$(vfs $G1) $(driver $G1)" '4 nvidia' 'is none the worse'
must sriov disable $G1
after new_id "$wait_here"
kill_family sriov enable $G2
cp "$manage.real" "$manage"
ctl unbind-pf $G1
echo $G1 >"$sys/bus/pci/drivers/pci-pf-stub/bind"
run sriov enable $G2 --timeout 1
t 'while somebody else has one with pci-pf-stub, the id stays' [ $status -ne 0 ]
is "$(driver $G2) $(driver $G1)" 'nvidia pci-pf-stub' 'the GPU is bound, the other left alone'
expect 5 'which is a conflict, if it is named' sriov enable $G1
echo $G1 >"$sys/bus/pci/drivers/pci-pf-stub/unbind"
echo $G1 >"$sys/bus/pci/drivers/nvidia/bind"
expect 0 'when it is back' sriov enable $G2
mended 'when it is back'
must sriov disable $G2
after new_id "$wait_here"
kill_family sriov enable $G2
cp "$manage.real" "$manage"
ctl garbage "bus/pci/devices/$G2/driver_override" 'pci-pf-stub\n'
expect 5 'a GPU that is with pci-pf-stub on purpose since' sriov enable $G2
run reconcile
is "$(driver $G2)" pci-pf-stub 'is left there'
ctl garbage "bus/pci/devices/$G2/driver_override" off
expect 0 'else it is ours' sriov disable $G2
is "$(driver $G2)" nvidia 'and bound again'
after pci-pf-stub/unbind "$wait_here"
kill_family sriov enable $G2
cp "$manage.real" "$manage"
ctl override $G2 vfio-pci
expect 5 'a GPU that somebody else has taken meanwhile is left alone' sriov enable $G2
run reconcile
is "$(driver $G2)" vfio-pci 'by reconcile, too'

done_testing
