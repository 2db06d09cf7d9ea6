#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Commands that are killed, writes that lie, deadlines that pass: nothing is lost, nothing is
# left over, and running the command again ends it well.
# shellcheck source=tests/cmd/lib.sh disable=SC2016,SC2317
. "$(dirname "$0")/lib.sh"

U1=aaaaaaaa-0000-4000-8000-000000000001
U2=aaaaaaaa-0000-4000-8000-000000000002
pid=
# background ARGUMENT...: the program as $pid, in a session of its own
small() {
	host small
	must sriov enable all
}

# --- killed while the kernel makes it
small
ctl delay create 1 3000
background create A40-24A --vm a --uuid $U1
t 'the intent is recorded before the kernel is done' until_true 5 in_state $U1 creating
t 'the device is not finished yet' fails test -e "$sys/bus/mdev/devices/$U1/mdev_type"
kill -9 "$pid"
wait "$pid" 2>/dev/null
expect 0 'while the write goes on, list works' list
is "$(state_shown $U1)" creating 'and shows it as creating'
run reconcile --timeout 1
is "$(counter create) $(state_of $U1)" '1 creating' 'reconcile leaves it alone while its writer lives'
t 'the writer finishes its work' until_true 10 test -e "$sys/bus/mdev/devices/$U1/mdev_type"
t 'and ends' until_true 5 no_family
expect 7 'check then says that the create was cut short' check
expect 0 'reconcile rolls it forward' reconcile
is "$(state_of $U1)" active 'it is active'
agree 'record and kernel agree'
is "$(counter create)" 1 'it was made once'

# all of it killed: the kernel goes on without a writer
small
ctl delay create 1 3000
background create A40-24A --vm a --uuid $U1
until_true 5 in_state $U1 creating
sleep 0.3
kill_family
is "$(state_of $U1)" creating 'with all of its processes killed, the record says creating'
run reconcile --timeout 1
is "$(state_of $U1)" creating 'while the kernel is at it, reconcile leaves it alone'
until_true 10 no_family # a killed writer ends when the kernel has answered it
expect 0 'reconcile makes it live' reconcile --timeout 20
is "$(state_of $U1) $(kernel | cut -d' ' -f1)" "active $U1" 'it is active, and there once'
agree 'record and kernel agree'

small
ctl delay create 1 1000
background create A40-24A --vm a --uuid $U1
until_true 5 in_state $U1 creating
sleep 0.3
kill_family
expect 0 'or the same create does, repeated' create A40-24A --vm a --timeout 20
is "$(cat "$out")" $U1 'with the same UUID'
agree 'record and kernel agree'

# its writer killed: the command is told, and does not wait for its deadline
small
ctl delay create 1 1500
background create A40-24A --vm a --uuid $U1
until_true 5 in_state $U1 creating
until_true 5 test -e "$sys/bus/mdev/devices/$U1"
writer=$(pgrep -n -f -- "--root $root ")
t 'the writer is another process' [ "$writer" -ne "$pid" ]
kill -9 "$writer"
t 'with its writer killed, the command ends when the kernel is done' until_true 10 fails kill -0 "$pid"
wait "$pid"
status=$?
t "it has looked at what was made (exit status $status)" [ $status -eq 0 -o $status -eq 1 ]
expect 0 'reconcile has nothing to complain of' reconcile
agree 'record and kernel agree'

# killed before the kernel was asked
small
must create A40-24A --vm a --uuid $U1
ctl reboot
must sriov enable all
sql "UPDATE vgpu SET state = 'creating'"
is "$(state_shown $U1)" creating 'a record of a create that never reached the kernel'
expect 7 'check reports it' check
expect 0 'reconcile rolls it forward' reconcile --json
json 'by that action' 'any(.vgpus[]; .action == "roll-forward" and .state == "active")'
t 'the device is there' live $U1
is "$(state_of $U1)" active 'and the record is active'
sql "UPDATE vgpu SET state = 'creating'"
ctl reset
expect 0 'a record of creating whose device is there' reconcile
is "$(state_of $U1) $(counter create)" 'active 0' 'is only corrected'
sql "UPDATE vgpu SET state = 'creating'"
expect 0 'create for the same VM rolls it forward as well' create A40-24A --vm a
is "$(cat "$out") $(state_of $U1)" "$U1 active" 'to the same UUID'

# --- a removal cut short
small
must create A40-24A --vm a --uuid $U1
must create A40-24A --vm b --uuid $U2
ctl delay remove 1 1500
background remove $U1
t 'a removal is recorded before the kernel is done' until_true 5 in_state $U1 removing
kill -9 "$pid"
wait "$pid" 2>/dev/null
t 'its writer ends by itself' until_true 10 no_family
t 'the device is gone' fails live $U1
is "$(state_of $U1)" removing 'the record says removing'
expect 0 'reconcile ends the removal' reconcile
is "$(state_of $U1)" '' 'the record is gone'
agree 'record and kernel agree'
t 'the other is untouched' live $U2
sql "UPDATE vgpu SET state = 'removing' WHERE uuid = '$U2'"
expect 7 'a removal that never reached the kernel: check reports it' check
says_again='remove again'
run reconcile
t 'reconcile says to run remove again' grep -q "$says_again" "$out" "$err"
is "$(state_of $U2)" active 'the record is active again'
t 'the device was not removed' live $U2
expect 0 'and all is well' reconcile
sql "UPDATE vgpu SET state = 'removing' WHERE uuid = '$U2'"
expect 0 'or remove is run again' remove $U2
is "$(state_of $U2)$(kernel)" '' 'then record and device are gone'
must create A40-24A --vm b --uuid $U2
sql "UPDATE vgpu SET state = 'removing' WHERE uuid = '$U2'"
ctl reboot
ctl take-gpu 0000:67:00.0
expect 7 'a removal cut short whose GPU is gone is kept' reconcile
is "$(state_of $U2)" removing 'nothing can be said of its device'
ctl give-gpu 0000:67:00.0
ctl reboot
expect 0 'when its GPU is there and it is not' reconcile
is "$(state_of $U2)" '' 'the record goes'

# --- writes that fail, having done their work
small
ctl fail create 1 EIO after
run create A40-24A --vm a
is $status 0 'a create that works and says EIO has worked'
agree 'record and kernel agree'
is "$(kernel | wc -l)" 1 'there is no orphan'
ctl fail remove 1 EIO after
expect 0 'a remove that works and says EIO has worked' remove --vm a
is "$(kernel)$(sql 'SELECT uuid FROM vgpu')" '' 'record and device are gone'
ctl fail create 2 EIO after
expect 0 'the same within a count' create A40-24A --vm many --count 3
agree 'record and kernel agree'
ctl fail remove 1 EIO
run remove --vm many --slot 1
t 'a remove that fails does fail' [ $status -ne 0 ]
agree 'the record stays, as the device does'
must remove --vm many
ctl fail create 1 ENOSPC
expect 0 'a GPU that is fuller than it says: another is tried' create A40-24A --vm other
agree 'record and kernel agree'
is "$(sql 'SELECT count(*) FROM vgpu')" 1 'one record is left'
ctl fail create 1+ ENOSPC
expect 4 'if the driver refuses everywhere, it is "no capacity"' create A40-24A --vm nowhere
is "$(sql 'SELECT count(*) FROM vgpu')" 1 'and no record is left'
ctl fail off

# --- deadlines
small
ctl delay create 1 8000
started=$(hundredths)
expect 9 'a create past its deadline exits 9' create A40-24A --vm a --uuid $U1 --timeout 1
took=$(($(hundredths) - started))
t "soon after it (took $took/100 s)" [ $took -ge 90 -a $took -lt 300 ]
says 'it tells how to go on' 'hint: .*repeat'
is "$(state_of $U1)" creating 'it leaves the record as creating'
is "$(state_shown $U1)" creating 'list shows that'
run reconcile --timeout 1
is "$(counter create)" 1 'reconcile leaves it alone: it is in progress'
expect 9 'a repeat with a short deadline exits 9, too' create A40-24A --vm a --timeout 1
expect 5 'another profile for the same slot is a conflict all the same' create A40-24Q --vm a
expect 0 'repeating continues it' create A40-24A --vm a --timeout 20
is "$(cat "$out") $(state_of $U1)" "$U1 active" 'to the same UUID'
is "$(counter create)" 1 'which was made once'
agree 'record and kernel agree'
ctl delay remove 1 3000
expect 9 'a remove past its deadline exits 9' remove --vm a --timeout 1
is "$(state_of $U1)" removing 'the record says removing'
expect 0 'repeating it waits for its end' remove --vm a --timeout 20 --if-exists
is "$(sql 'SELECT count(*) FROM vgpu')$(kernel)" 0 'then it is gone'

# a repeat beside the first
small
ctl delay create 1 1500
background create A40-24A --vm a --uuid $U1
until_true 5 in_state $U1 creating
expect 0 'the same create beside a running one waits' create A40-24A --vm a
is "$(cat "$out")" $U1 'and prints the same UUID'
wait "$pid"
is "$? $(cat "$top/bg.out")" "0 $U1" 'as the first does'
is "$(counter create)" 1 'it was made once'

# a removal in the kernel that hangs
small
must create A40-24A --vm a --uuid $U1
must create A40-24A --vm b --uuid $U2
ctl stick $U1
is "$(state_shown $U1)" stuck 'a vGPU that hangs in its removal is stuck'
expect 7 'check reports it' check
ctl reset
expect 7 'reconcile does not make it again' reconcile --json
json 'it says so' 'any(.vgpus[]; .uuid == $uuid and .state == "stuck" and .action == "report")' --arg uuid $U1
is "$(counter create) $(counter remove)" '0 0' 'the kernel is not touched'
run capacity A40-24A --json
json 'it keeps its framebuffer' '.capacity[0].free == 2'
run create A40-24A --vm a
t 'create for it does not make a second one' [ $status -ne 0 ]
run remove --vm a --timeout 3
t 'remove fails and says why' [ $status -ne 0 ]
is "$(sql 'SELECT count(*) FROM vgpu')" 2 'no record is lost'
ctl unstick $U1

# a writer of the backup or of what is published that was killed
small
mkdir -p "$root/run/vgpumgr"
for left in "$root/var/lib/vgpumgr/.backup.json" "$root/run/vgpumgr/.inventory.json" \
	"$root/run/vgpumgr/.last-reconcile.json"; do
	echo '{ half' >"$left.new"
done
must create A40-24A --vm a
must reconcile
is "$(cd "$root" && find var run -name '.*')" '' 'what it left does not stay'
t 'and is in nothing that is published' fails grep -rq half "$root/run" "$root/var/lib/vgpumgr/backup.json"

# one that was killed between its change and the files that tell of it
behind() {
	must create A40-24A --vm "$1" --slot 0
	cp -a "$root/var/lib/vgpumgr/backup.json" "$root/run/vgpumgr/inventory.json" "$top/"
	must assign --vm "$2" "$(cat "$out")"
	cp -a "$top/backup.json" "$root/var/lib/vgpumgr/"
	cp -a "$top/inventory.json" "$root/run/vgpumgr/"
}
told() {
	cmp "$root/var/lib/vgpumgr/backup.json" "$root/run/vgpumgr/inventory.json" &&
		[ "$(jq .generation "$root/run/vgpumgr/inventory.json")" = "$(generation)" ]
}
small
behind a b
t 'files are behind the record' fails told
must reconcile
t 'reconcile, which has nothing to do, brings them up to date' told
must remove --vm b
behind a b
must create A40-24A --vm b
t 'so does a create of what is there' told
must remove --vm b
behind a b
must remove --vm nobody --if-exists
t 'and a remove of what is gone' told
sum=$(record_sum)
must create A40-24A --vm b
must remove --vm nobody --if-exists
is "$(record_sum)" "$sum" 'once they are, nothing is written'

# the record's file system fails: nothing is made that is not recorded
small
must create A40-24A --vm a --uuid $U1
if [ "$(id -u)" -ne 0 ]; then
	chmod 500 "$root/var/lib/vgpumgr"
	run create A40-24A --vm b
	t 'where the record cannot be written, create fails' [ $status -ne 0 ]
	is "$(kernel | wc -l)" 1 'and makes nothing'
	ctl reboot
	must sriov enable all
	chmod 700 "$root/var/lib/vgpumgr"
fi
t 'no process is left' until_true 5 no_family
done_testing
