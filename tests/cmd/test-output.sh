#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What others build on: the shape of every JSON document, where things are looked for, what
# users other than root see, and that a dry run only tells.
# shellcheck source=tests/cmd/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

U1=aaaaaaaa-0000-4000-8000-000000000001
F=ffffffff-0000-4000-8000-000000000001
VM1=bbbbbbbb-0000-4000-8000-000000000001
vgpu_keys='created_at framebuffer_mib framework gpu in_use profile slot state type_id type_name uuid vf vm vm_uuid'
gpu_keys='address cordoned device_id driver framebuffer_mib framework mode model numa_node sriov used_mib vgpus'
shown_keys='created_at driver_version framebuffer_mib framework gpu in_use params profile slot state type_id type_name uuid vf vm vm_uuid'
type_keys='framebuffer_mib free gpus max_instances max_resolution num_heads profile series type_ids type_name'
outcome_keys='action error profile state uuid vf vm'
# shape ARRAY KEYS N ARGUMENT...: the document, its N objects in ARRAY with just these KEYS
shape() {
	local array=$1 keys=$2 count=$3
	shift 3
	run "$@" --json
	json "$*: a document with exactly its keys, and $count × $array" \
		'.schema_version == 1 and .command == $command and
		(.as_of | test("^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]Z$")) and
		(.host | keys == ["boot_id", "hostname", "machine_id"]) and
		(keys - ["refused", "summary", "warnings"] == (["as_of", "command", "host", "schema_version"] + $arrays | sort)) and
		(.[$array] | length == $count and all(.[]; keys == ($keys | split(" "))))' \
		--arg command "$1" --arg array "$array" --arg keys "$keys" --argjson count "$count" \
		--argjson arrays "$([ "$1" = show ] && echo '["gpus", "vgpus"]' || echo "[\"$array\"]")"
}
host small
echo 0123456789abcdef0123456789abcdef >"$top/machine-id"
mkdir -p "$root/etc"
cp "$top/machine-id" "$root/etc/machine-id"
must sriov enable all
must create A40-24A --vm 'the VM' --uuid $U1 --vm-uuid $VM1 --slot 3
foreign $F 0000:e8:00.4 A40-2Q

# --- shapes and values
shape vgpus "$vgpu_keys" 2 list
json 'the saved one' '.vgpus[0] | .uuid == $uuid and .profile == "A40-24A" and .type_name == "NVIDIA A40-24A" and .type_id == 575 and
	.framebuffer_mib == 24576 and .vm == "the VM" and .vm_uuid == $vm and .slot == 3 and .gpu == "0000:67:00.0" and .vf == "0000:67:00.4" and
	.framework == "mdev" and .state == "active" and .in_use == null and (.created_at | test("^20.*Z$"))' --arg uuid $U1 --arg vm $VM1
json 'the foreign one: what is not known is null' '.vgpus[1] | .uuid == $uuid and .profile == "A40-2Q" and .type_id == 558 and .gpu == "0000:e8:00.0" and
	.state == "foreign" and .vm == null and .vm_uuid == null and .slot == null and .created_at == null' --arg uuid $F
json 'the host is named' '.host.machine_id == $machine and (.host.boot_id | length == 36)' --arg machine "$(cat "$top/machine-id")"
shape vgpus "$vgpu_keys" 1 create A40-24A --vm 'the VM' --slot 3
json 'create prints the same as list' '.vgpus[0].uuid == $uuid and .vgpus[0].state == "active"' --arg uuid $U1
shape vgpus "$shown_keys" 1 show $U1
json 'show tells whether it is in use' '.vgpus[0].in_use == false'
shape vgpus "$shown_keys" 1 show 'the VM'
shape vgpus "$shown_keys" 1 show aaaa
shape gpus "$gpu_keys" 1 show 67:00.0
shape vgpus "$vgpu_keys" 1 assign $U1 --vm 'the VM' --slot 3
shape vgpus "$vgpu_keys" 1 adopt $U1
shape vgpus "$vgpu_keys" 1 adopt --all --dry-run
json 'adopt --dry-run shows it as it is' '.vgpus[0].uuid == $uuid and .vgpus[0].state == "foreign" and .refused == []' --arg uuid $F
shape events 'at command detail operation outcome seq uid user uuid vm' 2 history $U1
json 'an event' '.events[0] | .operation == "create" and .outcome == "begun" and .command == "create" and .uuid == $uuid and .vm == "the VM" and
	(.uid | type == "number") and (.detail | test("^A40-24A on 0000:67:00.4, slot 3$"))' --arg uuid $U1
shape gpus "$gpu_keys" 2 gpus
json 'a GPU' '.gpus[0] | .address == "0000:67:00.0" and (.model | test("A40")) and (.device_id | test("2235")) and .numa_node == 0 and .driver == "nvidia" and
	.framework == "mdev" and .mode == "vgpu" and .cordoned == false and .framebuffer_mib == 49152 and .used_mib == 24576 and .vgpus == 1 and
	.sriov == {"total_vfs": 4, "num_vfs": 4, "wanted": 4, "state": "on"}'
json 'foreign ones are on it, too' '.gpus[1] | .used_mib == 2048 and .vgpus == 1'
shape types "$type_keys" 9 types
json 'a type' '.types[] | select(.profile == "A40-24A") | .type_name == "NVIDIA A40-24A" and .type_ids == [575] and .framebuffer_mib == 24576 and
	.max_instances == 2 and (.num_heads | type == "number") and (.max_resolution | test("^[0-9]+x[0-9]+$")) and .series == "A" and .free == 1 and
	.gpus == ["0000:67:00.0", "0000:e8:00.0"]'
shape types "$type_keys" 1 types a40-24a
shape types "$type_keys" 9 types --gpu e8:00.0
json 'of one GPU' 'all(.types[]; .gpus == ["0000:e8:00.0"])'
shape types "$type_keys" 18 types --all
shape capacity 'free per_gpu profile' 9 capacity
shape capacity 'free per_gpu profile' 2 capacity A40-24A a40-2q
json 'each GPU with its limit' '[.capacity[0].per_gpu[] | [.gpu, .free, .limit]] == [["0000:67:00.0", 1, "max-instance"], ["0000:e8:00.0", 0, "other-size"]]
	and .capacity[0].free == 1 and .capacity[1].profile == "A40-2Q" and .capacity[1].free == 3 and all(.capacity[].per_gpu[]; keys == ["free", "gpu", "limit"])'
shape capacity 'free per_gpu profile' 9 capacity --all
expect 0 'a row for each profile' capacity --all
prints 'with how many fit, on how many GPUs, and what stops the next' '^A40-24A +1 +1 +max-instance 1, other-size 1$'
mix_keys='first_unfit fits gave_up placements'
expect 0 'a mix that fits' capacity --mix A40-24A=1,A40-2Q=2,a40-2b=1 --json
json 'says where' '.mix | keys == ($keys | split(" ")) and .fits and (.gave_up | not) and .first_unfit == null and
	.placements == [{"profile": "A40-24A", "gpu": "0000:67:00.0", "count": 1}, {"profile": "A40-2Q", "gpu": "0000:e8:00.0", "count": 2},
	{"profile": "A40-2B", "gpu": "0000:e8:00.0", "count": 1}]' --arg keys "$mix_keys"
json 'beside what each has alone' '[.capacity[] | [.profile, .free]] == [["A40-24A", 1], ["A40-2Q", 3], ["A40-2B", 3]]'
expect 4 'one that does not is exit 4' capacity --mix A40-2Q=2,A40-2B=2,A40-24A=1 --json
json 'names the first that does not, and why' '.mix | (.fits or .gave_up | not) and .first_unfit.profile == "A40-2B" and .first_unfit.count == 2 and
	.first_unfit.fit == 1 and .first_unfit.limit == "other-size" and [.first_unfit.per_gpu[] | .limit] == ["other-size", "no-free-vf"] and
	([.placements[].count] | add) == 3'
expect 4 'in words' capacity --mix A40-2Q=2,A40-2B=2
says 'the same' 'of 2 A40-2B, 1 does beside'
expect 4 'what is named twice is added up' -q capacity --mix A40-24A=1,A40-2B=1,A40-24A=1
is "$(paste -sd, "$out")" 1,0 'with -q a line for each profile'
expect 0 'what makes room where there is room' capacity A40-24A --make-room --json
json 'is nothing' '.make_room == {"possible": true, "gave_up": false, "gpu": "0000:67:00.0", "moves": []}'
expect 0 'where nothing can move' capacity A40-48Q --make-room --json
json 'it is not possible' '.make_room == {"possible": false, "gave_up": false, "gpu": null, "moves": []}'
shape gpus 'address num_vfs state total_vfs wanted' 2 sriov status
shape gpus 'address num_vfs state total_vfs wanted' 1 sriov status e8:00.0
shape gpus 'address num_vfs state total_vfs wanted' 2 sriov enable all
shape vgpus "$outcome_keys" 2 check
json 'with a summary' '.summary == {"as_saved": 1, "created": 0, "moved": 0, "failed": 0, "foreign": 1} and
	(.vgpus[0] | .state == "active" and .action == "none" and .error == null) and (.vgpus[1] | .state == "foreign" and .action == "report" and .vm == null)'
json 'and warnings, of which there are none' '.warnings == []'
shape vgpus "$outcome_keys" 1 wait --all
json 'without warnings' 'has("warnings") | not'
shape vgpus 'gpu profile slot state uuid vf vm' 1 stop --dry-run --all
ctl reboot
expect 7 'check after a reboot' check --json
json 'still prints its document' '.vgpus[0] | .state == "missing" and .action == "create"'
shape vgpus "$outcome_keys" 1 reconcile
json 'with a summary' '.summary == {"as_saved": 1, "created": 1, "moved": 0, "failed": 0, "foreign": 0} and (.vgpus[0] | .state == "active" and .action == "create" and .error == null)'
is $status 0 'reconcile exits 0'
for filter in '--gpu 67:00.0' '--vm x' '--profile A40-24A' '--state active' '--state missing' '--profile 575'; do
	# shellcheck disable=SC2086 # words
	run list $filter --json
	is "$status $(json_value '.vgpus | length')" "0 $([[ $filter = *'--vm x' || $filter = *missing ]] && echo 0 || echo 1)" "list $filter filters"
done
run list --json
cp "$out" "$top/after"
run --json list
is "$(jq 'del(.as_of)' "$out")" "$(jq 'del(.as_of)' "$top/after")" 'global options stand before or after the command'

# --- tables
run list
is "$(head -1 "$out" | tr -s ' ')" 'UUID PROFILE VM SLOT GPU VF STATE' "list's columns"
is "$(wc -l <"$out")" 2 'one line for each'
is "$(wc -c <"$err")" 0 'and no words'
t 'no colour where it is no terminal' fails grep -q $'\e' "$out"
run gpus
is "$(wc -l <"$out")" 3 'gpus: one line for each'
run create A40-24A --vm q -q
is "$(wc -c <"$err")" 0 'create -q says nothing'
must remove --vm q

# --- a dry run
must sriov enable all
foreign $F 0000:e8:00.4 A40-2Q
must create A40-24A --vm busy
busy=$(cat "$out")
ctl busy "$busy" qemu
ctl reset
before="$(record_sum) $(kernel)"
dry() { # dry STATUS ARGUMENT...
	expect "$1" "--dry-run ${*:2}: exits $1" --dry-run "${@:2}"
}
dry 0 create A40-2Q --vm new --count 2
prints 'create --dry-run tells what it would make' 'create A40-2Q on 0000:e8:00\.'
is "$(grep -cE '[0-9a-f]{8}-[0-9a-f]{4}-' "$out")" 0 'and promises no UUID'
dry 0 create A40-24A --vm busy
dry 4 create A40-24A --vm new
dry 5 create A40-24Q --vm busy
dry 5 create A40-2Q --vm new --uuid $U1
dry 3 create A40-25A --vm new
dry 2 create A40-24A
dry 0 remove $U1
prints 'remove --dry-run tells what it would remove' "remove $U1"
dry 6 remove "$busy"
dry 6 remove $U1 "$busy"
dry 5 remove $F
dry 3 remove --vm nobody
dry 0 remove --vm nobody --if-exists
dry 0 assign $U1 --vm new
dry 5 assign $U1 --vm busy
dry 5 sriov disable 67:00.0
dry 5 sriov disable e8:00.0
dry 0 sriov enable all
dry 0 reconcile
is "$(record_sum) $(kernel)" "$before" 'nothing has changed'
is "$(counter write)" 0 'nothing was written'
ctl reboot
ctl reset
before="$(record_sum) $(kernel)"
dry 0 reconcile
run reconcile --dry-run --json
json 'reconcile --dry-run tells the plan' '[.vgpus[] | .action] == ["create", "create"]'
dry 0 sriov enable 67:00.0
prints 'sriov --dry-run tells, too' '0000:67:00\.0'
dry 5 sriov disable 67:00.0
dry 0 sriov disable e8:00.0
ctl take-gpu 0000:67:00.0
dry 7 reconcile
is "$(record_sum) $(kernel)" "$before" 'nothing has changed'
is "$(counter write) $(counter sriov)" '0 0' 'nothing was written'
host small
must sriov enable 67:00.0
ctl hold-vf 0000:67:00.5
dry 6 sriov disable 67:00.0
ctl release-vf 0000:67:00.5
host small
dry 4 create A40-24A --vm new
dry 0 sriov enable all
dry 3 remove --vm new
dry 0 reconcile
t 'without a record none is made' fails test -e "$root/var/lib/vgpumgr"
is "$(counter sriov)" 0 'and nothing switched'

# --- where things are
host small
must sriov enable all
must create A40-24A --vm a --uuid $U1
ln -s host "$top/link"
expect 0 'a root behind a link' --root "$top/link" list --json
json 'is that root' '.vgpus[0].uuid == $uuid' --arg uuid $U1
expect 0 'a root with dots and slashes' --root "$top//host/../host/" list --json
json 'is that root' '.vgpus[0].uuid == $uuid' --arg uuid $U1
expect 0 'create below a link' --root "$top/link" create A40-24A --vm b
agree 'works there'
(cd "$top" && "$vgpumgr" --root host list --json >"$out" 2>"$err")
json 'a relative root' '.vgpus | length == 2'
VGPUMGR_ROOT=$root "$vgpumgr" list --json >"$out" 2>"$err"
json 'the root from the environment' '.vgpus | length == 2'
mkdir "$top/empty"
VGPUMGR_ROOT=$top/empty "$vgpumgr" --root "$root" list --json >"$out" 2>"$err"
json 'the option outranks the environment' '.vgpus | length == 2'
mkdir -m 700 "$top/other"
before=$(find "$root/var" -type f -exec cksum {} + | sort)
expect 0 '--store elsewhere' create A40-24A --vm c --store "$top/other/my.db"
is "$(find "$root/var" -type f -exec cksum {} + | sort)" "$before" 'leaves the usual one alone'
is "$(cd "$top/other" && ls)" "$(printf 'backup.json\nlock\nmy.db')" 'record, lock and backup are there'
VGPUMGR_STORE=$top/other/my.db run list --json
json 'the record from the environment' '[.vgpus[] | select(.state == "active") | .vm] == ["c"] and ([.vgpus[] | select(.state == "foreign")] | length == 2)'
echo 'policy = "none";' >"$top/bad.conf"
VGPUMGR_CONFIG=$top/bad.conf run list
is $status 2 'the config from the environment'
printf 'policy = "depth";' >"$top/good.conf"
VGPUMGR_CONFIG=$top/bad.conf run list --config "$top/good.conf"
is $status 0 'the option outranks it'

# --- others than root
if [ "$(id -u)" -ne 0 ] || ! command -v setpriv >/dev/null; then
	echo '# not root: what others see is not tested'
	done_testing
fi
host small
must sriov enable all
must create A40-24A --vm a --uuid $U1
foreign $F 0000:e8:00.4 A40-24A
cp "$vgpumgr" "$top/vgpumgr"
vgpumgr="$top/vgpumgr"
cat >"$top/as-nobody" <<-END
	#!/bin/sh
	exec setpriv --reuid=65534 --regid=65534 --clear-groups "$vgpumgr" "\$@"
END
chmod 755 "$top/as-nobody" "$top/vgpumgr"
if ! setpriv --reuid=65534 --regid=65534 --clear-groups "$top/vgpumgr" --version >/dev/null 2>&1; then
	echo '# another user cannot run the program here: what others see is not tested'
	done_testing
fi
run list --json
cp "$out" "$top/as-root"
vgpumgr=$top/as-nobody
before="$(record_sum) $(kernel)"
as_of=$(jq -r .as_of "$root/run/vgpumgr/inventory.json")
sleep 1.1
expect 0 'list by another user' list --json
is "$(jq -S .vgpus "$out")" "$(jq -S .vgpus "$top/as-root")" 'shows what root sees'
json 'as of when it was published' '.as_of == $as_of' --arg as_of "$as_of"
run list
says 'and says so in words' "published.*$as_of"
for command in gpus types 'capacity A40-24A' check 'sriov status' "show $U1" 'show 67:00.0'; do
	# shellcheck disable=SC2086 # words
	expect 0 "$command by another user" $command
done
run capacity A40-24A -q
is "$(cat "$out")" 2 'with the record counted'
for command in 'create A40-24A --vm x' "remove $U1" 'sriov enable all' 'sriov disable 67:00.0' "assign $U1 --vm x" reconcile; do
	# shellcheck disable=SC2086
	run --json $command
	is "$status" 10 "$command by another user is not permitted"
	error_json permission 10 'the error document says so'
done
is "$(record_sum) $(kernel)" "$before" 'nothing has changed'
rm "$root/run/vgpumgr/inventory.json"
expect 10 'where nothing is published, list is not permitted' list
says 'and says what to do' 'hint: .*root'
echo '{"vgpus": 3' >"$root/run/vgpumgr/inventory.json"
expect 10 'nor where it is garbage' list
done_testing
