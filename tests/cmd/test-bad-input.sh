#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What cannot be meant, cannot be read or cannot be believed: the documented exit status, a
# sentence that names it, JSON where asked for, and nothing changed.
# shellcheck source=tests/cmd/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

U1=aaaaaaaa-0000-4000-8000-000000000001
F=ffffffff-0000-4000-8000-000000000001
conf=$root/etc/vgpumgr/vgpumgr.conf
kinds=(none system usage not-found no-capacity conflict in-use drift store timeout permission)
# Nothing that could steer a terminal, nor more lines than were meant.
clean() { ! grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xe2\x80\xae|\x9b' "$1"; }
# bad STATUS WHAT ARGUMENT...: refused so, in words and in JSON
bad() {
	local wanted=$1 what=$2
	shift 2
	run "$@"
	if [ $status -eq "$wanted" ] && [ ! -s "$out" ] && grep -q '^vgpumgr: ' "$err" && clean "$err"; then
		run --json "$@"
	fi
	[ $status -eq "$wanted" ] && jq -es 'length == 1 and (.[0] | (keys == ["command", "error", "schema_version"]) and
		.error.kind == $kind and .error.exit_status == $status and (.error.message | length > 0))' \
		--arg kind "${kinds[$wanted]}" --argjson status "$wanted" "$out" >/dev/null 2>&1 && clean "$err"
	result $? "$what: exit $wanted, by --json, too" || { echo "# vgpumgr $* exits $status"; show_run; }
}
config() {
	rm -rf "$conf"
	mkdir -p "$root/etc/vgpumgr"
	printf '%b' "$1" >"$conf"
}

host small
must sriov enable all
must create A40-24A --vm a --uuid $U1
foreign $F 0000:e8:00.4 A40-24A
before=$(record_sum) kernel_before=$(kernel)
ctl reset

# --- the command line
bad 2 'no command'
bad 2 'an unknown command' crate
says 'the nearest is suggested' 'did you mean create'
bad 2 'a command like no other' xyzzyplugh
bad 2 'a command with a newline' $'list\nvgpumgr: all is well'
bad 2 'an unknown option' create A40-24A --vmm x
says 'it is named' '--vmm'
bad 2 'an unknown global option' --nonsense list
bad 2 'an unknown short option' list -Z
bad 2 'a missing value' create A40-24A --vm
says 'its option is named' '--vm'
bad 2 'a missing value of a global option' list --store
bad 2 'a value where there is none' list --dry-run=yes
for command in list gpus check reconcile 'history aaaa' 'capacity A40-24A --' 'sriov status'; do
	# shellcheck disable=SC2086 # words
	bad 2 "a surplus argument of $command" $command this
done
bad 2 'a second profile' create A40-24A A40-24Q --vm x
bad 2 'no profile' create --vm x
bad 2 'no VM' create A40-24A
bad 2 'nothing to show' show
for value in -1 4294967296 99999999999999999999 1e3 0x10 '' ' 1' 1.5 x; do
	bad 2 "--slot '$value'" create A40-24A --vm x --slot "$value"
done
for value in 0 -1 1000000 x; do
	bad 2 "--count '$value'" create A40-24A --vm x --count "$value"
	bad 2 "--timeout '$value'" list --timeout "$value"
done
bad 2 'a NUMA node that is no number' create A40-24A --vm x --numa one
bad 2 'an unknown policy' create A40-24A --vm x --policy random
bad 2 'an unknown colour' list --color maybe
bad 2 'an unknown state' list --state sleeping
bad 2 'a wait that is no number' reconcile --wait soon
run list --help
is "$status $(grep -c . "$err")" '0 0' '--help is no error'
prints 'and prints the options' '--gpu' '--json'
run --version
is "$status $(cut -d' ' -f1 "$out")" '0 vgpumgr' '--version, too'

# --- names
for value in 0000:e8:00 e8:00.8 e8:20.0 0000:e8:00.0x '' zz:00.0 0000:e8:00.00 ../e8:00.0 0000:e8:00.0/.. 1:2:3:4.5 $'e8:00.0\n'; do
	bad 2 "the address '${value//$'\n'/\\n}'" create A40-24A --vm x --gpu "$value"
done
bad 2 'an address that is none, for list' list --gpu e8
bad 2 'for sriov' sriov enable e8
bad 2 'for reconcile' reconcile --gpu e8
bad 2 'for types' types --gpu e8
bad 3 'an address without GPU, for list' list --gpu 0000:99:00.0
bad 3 'for types' types --gpu 0000:99:00.0
bad 3 'for show' show 0000:99:00.0
bad 3 'for sriov' sriov status 0000:99:00.0
bad 3 'the address of a VF, where a GPU is meant' sriov status 0000:e8:00.4
says 'its GPU is named' '0000:e8:00\.0'
for value in 1234 zzzzzzzz-0000-4000-8000-000000000001 aaaaaaaa-0000-4000-8000-0000000000011 '' \
	"{$U1}" "aaaaaaaa00004000-8000-000000000001x" "$U1 "; do
	bad 2 "--uuid '$value'" create A40-24A --vm x --uuid "$value"
	bad 2 "--vm-uuid '$value'" create A40-24A --vm x --vm-uuid "$value"
done
bad 2 'a prefix as --uuid' create A40-24A --vm x --uuid aaaaaaaa
bad 2 'remove of no UUID' remove not-a-uuid
bad 2 'assign of no UUID' assign ../../etc --vm x
bad 3 'show of an unknown name' show nobody
bad 3 'show of an unknown UUID' show 12345678-0000-4000-8000-000000000001
for value in '' A40 A40- ../../etc/passwd A40-24A/.. 'A40 24A' $'A40-24A\n' $'A40-\e[31m24A' "$(printf 'A%.0s' $(seq 1000))"; do
	bad 2 "the profile $(printf %.20q "$value")" create "$value" --vm x
done
bad 2 'a malformed profile, for capacity' capacity A40-
for mix in '' A40-24A A40-24A= =3 A40-24A=0 A40-24A=-1 A40-24A=x 'A40-24A=3,' ',A40-24A=3' A40-24A=99999999999 \
	A40-24A=65537 A40-=1; do
	bad 2 "--mix '$mix'" capacity --mix "$mix"
done
bad 2 'more profiles than --mix takes' capacity --mix "$(printf 'A40-24A=1,%.0s' {1..16})A40-24A=1"
bad 2 '--mix and --all' capacity --mix A40-24A=1 --all
bad 2 '--mix and another profile' capacity --mix A40-24A=1 A40-24A
bad 2 '--all and a profile' capacity --all A40-24A
bad 2 '--make-room without a profile' capacity --make-room
bad 2 '--make-room with two' capacity --make-room A40-24A A40-2Q
bad 3 'an unknown profile in --mix' capacity --mix A40-24A=1,A40-25A=1
bad 2 'for types' types A40-
bad 2 'for list' list --profile A40-
for value in A40-25A A40-24C A16-2Q 999 nvidia-999 'NVIDIA A40-25A'; do
	bad 3 "the unknown profile $value" create "$value" --vm x
done
bad 3 'a profile of another board' capacity A40-25A
says 'near names are told' 'hint: .*A40-24[AQ]'
bad 3 'one that is known and one that is not' capacity A40-24A A40-25A
long=$(printf 'v%.0s' $(seq 256))
i=0
for value in '' "$long" a/b $'a\nb' $'a\e[2J' $'a\xe2\x80\xaeb' $'a\xffb' $'a\xc0\xaf' $'a\x7f' / $'\xc2\x85' $'\xe2\x81\xa6x'; do
	i=$((i + 1))
	bad 2 "the VM name number $i of those that are none" create A40-24A --vm "$value"
	bad 2 "the same for assign" assign $U1 --vm "$value"
done
is "$(record_sum)" "$before" 'none of these changed the record'
is "$(kernel) $(counter write)" "$kernel_before 0" 'nor wrote to the kernel'
for value in 'a b' $'\xc3\xa4' '-x' 'a\b' . .. "${long:1}" $'\xe6\x97\xa5\xe6\x9c\xac' '$(id)' "'; DROP TABLE vgpu; --"; do
	run create A40-24A --vm="$value" --gpu 67:00.0
	[ $status -eq 0 ] && [ "$(sql "SELECT hex(vm) FROM vgpu WHERE uuid = '$(cat "$out")'")" = "$(printf %s "$value" | od -v -An -tx1 | tr -d ' \n' | tr a-f A-F)" ]
	result $? "the VM name $(printf %.30q "$value") is one" || show_run
	run list
	is $status 0 'and can be listed'
	run remove --vm="$value"
done
is "$(kernel)" "$kernel_before" 'all of those are removed'
must create A40-24A --vm 'a\b' --gpu 67:00.0
run list
t 'a backslash is escaped once at most' fails grep -q 'x5cx5c' "$out"
run create A40-24Q --vm 'a\b' --gpu 67:00.0
t 'in messages, too' fails grep -q 'x5cx5c' "$err"
must remove --vm 'a\b'

# --- the config
rm -rf "${root:?}/etc"
before=$(record_sum)
ctl reset
bad_config() { # bad_config STATUS LINE WHAT TEXT
	config "$4"
	bad "$1" "config: $3" gpus
	says 'file and line are named' "vgpumgr\\.conf:$2: "
}
bad_config 2 2 'an unknown key' '# comment\npolcy = "breadth";\n'
says 'the key is named' polcy
bad_config 2 1 'a wrong type' 'policy = 3;\n'
bad_config 2 3 'a wrong type of a number' '\n\ntimeout = "60";\n'
bad_config 2 1 'an unknown policy' 'policy = "random";\n'
bad_config 2 2 'a huge number' '/* a comment */\ntimeout = 99999999999999;\n'
bad_config 2 1 'a number that would wrap around' 'timeout = 4294967356;\n'
bad_config 2 1 'a number that would be read as octal' 'timeout = 060;\n'
bad_config 2 1 'a number that would be cut short' 'timeout = 0608;\n'
bad_config 2 1 'a negative number' 'timeout = -1;\n'
bad_config 2 1 'a syntax error' 'policy == "breadth";\n'
bad_config 2 2 'an include' 'policy = "depth";\n@include "/etc/passwd"\n'
bad_config 2 1 'an include, indented' '  @include "other.conf"\n'
bad_config 2 1 'an address that is none' 'exclude_gpus = [ "e8" ];\n'
bad_config 2 1 'a list that is none' 'exclude_gpus = "0000:e8:00.0";\n'
bad_config 2 1 'a relative helper' 'sriov_manage = "sriov-manage";\n'
bad_config 2 1 'a relative nvidia-smi' 'nvidia_smi = "nvidia-smi";\n'
bad_config 2 1 'a number for nvidia-smi' 'nvidia_smi = 1;\n'
bad_config 2 1 'a group' 'timeout = { seconds = 3; };\n'
config 'policy = "depth";\n\0timeout = 1;\n'
bad 2 'config: a NUL byte' gpus
config "$(printf '#%.0s' $(seq 70000))\n"
bad 2 'config: larger than 64 KiB' gpus
config ''
chmod 666 "$conf"
bad 10 'config: writable by others' gpus
says 'the file and its mode are named' 'vgpumgr\.conf' '0?666'
rm "$conf"
mkfifo "$conf"
bad 2 'config: a FIFO does not hang it' gpus
rm "$conf"
mkdir "$conf"
bad 2 'config: a directory' gpus
rmdir "$conf"
ln -s /dev/zero "$conf"
run gpus
t 'config: a device behind a link is refused' [ $status -ne 0 -a $status -lt 64 ]
rm "$conf"
run gpus --config "$top/nowhere.conf"
t 'a named config that is not there is an error' [ $status -eq 1 -o $status -eq 3 ]
says 'it is named' nowhere.conf
config '// nothing\n/* policy = 3; */\n# timeout = "x"\n'
expect 0 'config: comments are no settings' gpus
config 'policy = "depth"; timeout = 30; sriov_timeout = 60;\nexclude_gpus = ( "e8:00.0" );\n'
expect 0 'config: a good one' gpus
if [ -e "$top_srcdir/etc/vgpumgr.conf" ]; then
	cp "$top_srcdir/etc/vgpumgr.conf" "$conf"
	chmod 644 "$conf"
	expect 0 'config: the one that is shipped' gpus
	sed 's/^#\([a-z_]* *=\)/\1/' "$top_srcdir/etc/vgpumgr.conf" >"$conf"
	expect 0 'config: with all of its defaults spelled out' gpus
fi
rm -rf "${root:?}/etc"
is "$(record_sum) $(counter write)" "$before 0" 'none of these changed anything'

# --- the record
save=$top/saved-state
cp -a "$root/var/lib/vgpumgr" "$save"
put_back() {
	rm -rf "$root/var/lib/vgpumgr"
	cp -a "$save" "$root/var/lib/vgpumgr"
}
# stands_in WHAT COMMAND: a query answers from the backup, says so, and exits 8
stands_in() {
	expect 8 "record: $1, $2: exit 8" "$2"
	says 'it is named, and what is shown instead' 'backup\.json.*state\.db'
	expect 8 "record: $1, $2: exit 8 by --json" "$2" --json
	json 'which has the vGPU, and the error' \
		'.command == $command and .error.kind == "store" and .error.exit_status == 8 and
		any(.vgpus[]; .uuid == $uuid and .state == "active")' --arg uuid $U1 --arg command "$2"
}
# bad_store STATUS WHAT [damaged]: no command changes it, except that reconcile replaces one that
# is damaged
bad_store() {
	local sum
	sum=$(cd "$root" && find var -type f -exec cksum {} + | sort)
	if [ "$1" -eq 8 ]; then
		stands_in "$2" list
		stands_in "$2" check
	else
		bad "$1" "record: $2, list" list
		says 'it is named' 'state\.db|var/lib/vgpumgr'
		bad "$1" "record: $2, check" check
	fi
	bad "$1" "record: $2, create" create A40-24A --vm new
	bad "$1" "record: $2, remove" remove $U1
	[ -n "${3:-}" ] || bad "$1" "record: $2, reconcile" reconcile
	bad "$1" "record: $2, adopt" adopt $F
	is "$(cd "$root" && find var -type f ! -name lock -exec cksum {} + | sort)" "$(grep -v '/lock$' <<<"$sum")" "record: $2, no byte is changed"
	is "$(kernel)" "$kernel_before" "record: $2, nor the kernel"
	put_back
}
echo 'this is no database, but text that is long enough to be taken for one by its size' >"$db"
bad_store 8 'garbage' damaged
head -c 20000 /dev/urandom >"$db"
bad_store 8 'noise' damaged
sql 'PRAGMA user_version = 99' >/dev/null
bad_store 8 'of a newer schema'
sql 'PRAGMA application_id = 1' >/dev/null
bad_store 8 "another program's"
dd if=/dev/zero of="$db" bs=4096 seek=1 count=8 conv=notrunc 2>/dev/null
bad_store 8 'damaged in the middle' damaged
truncate -s 5000 "$db"
bad_store 8 'cut off' damaged
mv "$db" "$top/elsewhere.db"
ln -s "$top/elsewhere.db" "$db"
bad_store 8 'a symbolic link'
rm -f "$top/elsewhere.db"
rm "$db"
mkfifo "$db"
bad_store 8 'a FIFO'
chmod 666 "$db"
bad_store 10 'writable by others'
chmod 777 "$root/var/lib/vgpumgr"
bad_store 10 'in a directory that others can write'
mv "$root/var/lib/vgpumgr" "$top/dir"
ln -s "$top/dir" "$root/var/lib/vgpumgr"
bad_store 10 'in a directory behind a link'
rm -rf "$top/dir"
if [ "$(id -u)" -eq 0 ]; then
	chown 65534 "$db"
	bad_store 10 "somebody else's"
fi
expect 0 'put back, it is as it was' check
run list --store "$top"
t 'a directory as --store is refused' [ $status -ne 0 ]
run list --store "$top/no/such/dir/state.db"
t 'a --store in no directory is no reason to make one' fails test -e "$top/no"
: >"$db"
chmod 600 "$db"
rm -r "$root/var/lib/vgpumgr/archive" "$root/var/lib/vgpumgr/backup.json"
expect 0 'an empty file, as a crash right after its birth leaves it, is no record' list
put_back

# --- hosts
mkdir "$top/empty"
for command in gpus list types capacity 'sriov status' check reconcile history 'adopt --all'; do
	# shellcheck disable=SC2086 # words
	expect 0 "nothing at all below the root: $command" --root "$top/empty" $command
	# shellcheck disable=SC2086
	run --root "$top/empty" $command --json
	json "$command prints a document" '.schema_version == 1 and .host.boot_id == null'
done
is "$(find "$top/empty" | wc -l)" 1 'nothing was made there'
bad 3 'nothing at all: create' --root "$top/empty" create A40-24A --vm x
bad 3 'nothing at all: sriov enable all' --root "$top/empty" sriov enable all
bad 1 'a root that is not there' --root "$top/nowhere" gpus
bad 1 'a root that is no directory' --root "$out.file" gpus
is "$(find "$top/empty" | wc -l)" 1 'neither makes a record'
host small
ctl unbind-pf 0000:67:00.0
ctl unbind-pf 0000:e8:00.0
for command in gpus list types capacity 'sriov status' check; do
	# shellcheck disable=SC2086
	expect 0 "no driver: $command" $command
done
run gpus --json
json 'gpus says so' 'all(.gpus[]; .driver == null)'
bad 4 'no driver: create' create A40-24A --vm x
says 'and why' '0000:67:00\.0 (mode|sriov-off)' '0000:e8:00\.0 (mode|sriov-off)'

# --- garbage in sysfs
G1=0000:67:00.0 G2=0000:e8:00.0
V1=bus/pci/devices/0000:67:00.4
garbage_host() {
	host small
	must sriov enable all
	must create A40-24A --vm one --gpu 67:00.0
	must create A40-24A --vm two --gpu e8:00.0
}
# garbage WHAT PATH TEXT FILTER COMMAND...: COMMAND exits 0, reports the path, and the rest is
# there
garbage() {
	ctl garbage "$2" "$3"
	expect 0 "garbage: $1" "${@:5}" --json
	json "garbage: $1, the rest is there" "$4"
	[ -s "$err" ] && grep -qF "$(basename "$2")" "$err" && clean "$err"
	result $? "garbage: $1, its path is told" || show_run
	ctl garbage "$2" off
}
garbage_host
two_gpus='[.gpus[].address] == ["0000:67:00.0", "0000:e8:00.0"]'
garbage 'a number of VFs' "bus/pci/devices/$G1/sriov_totalvfs" 'many\n' "$two_gpus and .gpus[1].sriov.total_vfs == 4" gpus
garbage 'a huge number of VFs' "bus/pci/devices/$G1/sriov_totalvfs" '99999999999999999999\n' "$two_gpus and .gpus[1].sriov.total_vfs == 4" gpus
garbage 'a NUMA node' "bus/pci/devices/$G1/numa_node" 'x\n' "$two_gpus and .gpus[1].numa_node == 1" gpus
garbage 'a device id' "bus/pci/devices/$G2/device" '\e[31m\n' "$two_gpus and .gpus[0].device_id != null" gpus
garbage 'a vendor' "bus/pci/devices/$G1/vendor" 'garbage\n' '.gpus | any(.[]; .address == "0000:e8:00.0")' gpus
garbage "a type's name" "$V1/mdev_supported_types/nvidia-575/name" '\xff\xfe\n' '.types | length == 9 and any(.[]; .profile == "A40-24Q")' types
ctl garbage "$V1/mdev_supported_types/nvidia-575/description" 'what?\n'
expect 0 "garbage: a type's description" types --json
json 'the profile is there' 'any(.types[]; .profile == "A40-24A")'
ctl garbage "$V1/mdev_supported_types/nvidia-575/description" off
ctl hide "$V1/mdev_supported_types/nvidia-575/description"
expect 0 "a type without description" types --json
json 'the profile is there' 'any(.types[]; .profile == "A40-24A") and (.types | length == 9)'
ctl show "$V1/mdev_supported_types/nvidia-575/description"
for vf in 5 6 7; do
	ctl garbage "bus/pci/devices/0000:67:00.$vf/mdev_supported_types/nvidia-575/available_instances" 'many\n'
done
expect 0 'garbage: available_instances' capacity A40-24A --json
json 'the other GPU is counted' '.capacity[0].per_gpu[] | select(.gpu == "0000:e8:00.0") | .free == 1'
for vf in 5 6 7; do
	ctl garbage "bus/pci/devices/0000:67:00.$vf/mdev_supported_types/nvidia-575/available_instances" off
done
one=$(sql "SELECT uuid FROM vgpu WHERE vm = 'one'")
ctl garbage "bus/mdev/devices/$one/mdev_type/name" '\x1b[2J\n'
expect 0 "garbage: a live vGPU's type name" list --json
json 'both are listed' '[.vgpus[].vm] == ["one", "two"] and .vgpus[1].state == "active"'
t 'nothing of it reaches the terminal' clean "$err"
run list
t 'nor stdout' clean "$out"
ctl garbage "bus/mdev/devices/$one/mdev_type/name" off
F=ffffffff-0000-4000-8000-000000000001
foreign $F 0000:e8:00.6 A40-24A
for vf in 4 5 6 7; do
	ctl garbage "bus/pci/devices/0000:e8:00.$vf/mdev_supported_types/nvidia-575/description" 'framebuffer=lots\n'
done
expect 0 "garbage: a foreign vGPU's description" gpus --json
json 'how much of its GPU is used is not known' '[.gpus[] | [.used_mib, .vgpus]] == [[24576, 1], [null, 2]]'
run gpus
t 'at least this much is' grep -qF ' 24576+?/49152 ' "$out"
for vf in 4 5 6 7; do
	ctl garbage "bus/pci/devices/0000:e8:00.$vf/mdev_supported_types/nvidia-575/description" off
done
other="$(readlink "$sys/bus/mdev/devices/$F")"
ctl link "bus/mdev/devices/$one" "$other"
expect 0 'a link on the bus that leads to another vGPU' list --json
json 'each is where it is' '[.vgpus[] | [.uuid, .vf]] | length == 3 and any(.[]; . == [$one, $vf]) and any(.[]; . == [$f, "0000:e8:00.6"])' \
	--arg one "$one" --arg f $F --arg vf "$(sql "SELECT vf FROM vgpu WHERE vm = 'one'")"
says 'and the link is told of' "mdev $one: its link in .*another device"
ctl link "bus/mdev/devices/$one" off
echo 1 >"$sys/bus/mdev/devices/$F/remove"
for path in "bus/pci/devices/$G1/sriov_totalvfs" "bus/pci/devices/$G1/virtfn1" "class/mdev_bus/0000:67:00.5" "$V1/mdev_supported_types/nvidia-575"; do
	ctl hide "$path"
	for command in gpus list types capacity 'sriov status'; do
		# shellcheck disable=SC2086
		expect 0 "without $path: $command" $command --json
		json 'the other GPU is there' '[.. | strings] | any(.[]; . == "0000:e8:00.0")'
	done
	ctl show "$path"
done
rm -f "$root/proc/sys/kernel/random/boot_id" "$root/proc/driver/nvidia/version"
echo garbage >"$root/proc/sys/kernel/random/boot_id"
printf '\x1b[2J\xff' >"$root/proc/driver/nvidia/version"
expect 0 'garbage: boot id and driver version' list --json
json 'both are listed' '[.vgpus[].state] == ["active", "active"]'
expect 0 'and create works' create A40-24A --vm three
agree 'record and kernel agree'

# --- stdout
garbage_host
for command in list gpus types capacity check 'sriov status' 'show one' --help --version 'list --json' 'gpus --json'; do
	# shellcheck disable=SC2086
	"$vgpumgr" --root "$root" $command >/dev/full 2>"$err"
	t "a full disk behind stdout: $command fails" [ $? -ne 0 ]
done
"$vgpumgr" --root "$root" list >/dev/full 2>"$err"
says 'and says why' 'No space left'
for command in list gpus 'types --json'; do
	# shellcheck disable=SC2086
	"$vgpumgr" --root "$root" $command >&- 2>"$err"
	t "a closed stdout: $command fails" [ $? -ne 0 ]
done
"$vgpumgr" --root "$root" create A40-24A --vm full >/dev/full 2>"$err"
t 'create that cannot print its UUID fails' [ $? -ne 0 ]
must create A40-24A --vm full
is "$(cat "$out")" "$(sql "SELECT uuid FROM vgpu WHERE vm = 'full'")" 'and prints it when repeated'
"$vgpumgr" --root "$root" create A40-24A --vm closed <&- >&- 2>&-
t 'create with all descriptors closed fails' [ $? -ne 0 ]
is "$(sql 'PRAGMA integrity_check')" ok 'and writes no message into the record'
agree 'record and kernel agree'
(
	trap '' PIPE
	"$vgpumgr" --root "$root" list 2>"$err"
	echo $? >"$top/pipe"
) | true
t 'a reader that goes away is no crash' [ "$(cat "$top/pipe")" -lt 128 ]
done_testing
