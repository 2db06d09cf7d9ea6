#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Shows: ten power cuts, in creates, removes and restores: nothing is lost
# Short: no
# On each GPU a stream of create and remove runs. So that there is something to hit, each
# create takes 400 ms in the driver, and each sync of the disk 100 ms more than it does. What
# a command said is noted in the shared directory, which no cut reaches. A cut comes as soon
# as what it is to hit has been seen; it then hits that or what follows it. What the disk
# held is looked at before the next boot's vgpumgr begins.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

acks=$share/acks # VM.begun, VM.made, VM.leaving, VM.gone
n_kept=3	 # vGPUs on each GPU, and one more now and then
n_cuts=0 n_on_disk=0
mkdir -p "$acks"

# --- the streams

# What the guest's scripts below share; $boot is part of a new VM's name.
# shellcheck disable=SC2016 # the guest's
in_guest='shopt -s nullglob
	acks=/run/harness/acks
	slowly() {
		strace -f --seccomp-bpf -qq -o /dev/null -e trace=fsync,fdatasync \
			-e inject=fsync,fdatasync:delay_enter=100000 "$@"
	}
	makes() { # its answer counts when it has a name of its own
		: >$acks/$1.begun
		slowly vgpumgr create A40-8Q --vm $1 --gpu $gpu --json >$acks/$1.new &&
			mv $acks/$1.new $acks/$1.made
	}
	removes() { # .leaving holds the UUID
		sed -n "/\"uuid\": /s/.*: \"\(.*\)\".*/\1/p" $acks/$1.made >$acks/$1.leaving
		slowly vgpumgr remove --vm $1 && : >$acks/$1.gone
	}
	count() { echo $#; }
	made() { [ $(count $acks/*-$boot-*.made) -ge $1 ]; } # in this boot
	live() { [ $(count /sys/bus/mdev/devices/*) -ge $1 ]; }
	making() { # a device gets its type when its create is done
		local n=0 d
		for d in /sys/bus/mdev/devices/*; do [ -e $d/mdev_type ] || ((n++)); done
		[ $n -ge $1 ]
	}
	removing() { # the device is gone, the record not yet
		local f uuid
		for f in $acks/*.leaving; do
			[ ! -e ${f%.leaving}.gone ] && read -r uuid <$f &&
				[ ! -e /sys/bus/mdev/devices/$uuid ] && return
		done
		return 1
	}
	committing() { [ -e /var/lib/vgpumgr/state.db-journal ]; }
	half() { live $((on_disk / 2)); }
	all() { live $on_disk && ! making 1; }
	switching() { [ $(count /sys/bus/pci/devices/*/virtfn0) -ge 1 ]; }
'

# stream GPU: creates until there are enough, then removes the oldest, and so on
stream() {
	local vms
	vms=$(jq -r --arg gpu "$(gpu "$1")" \
		'.vgpus | sort_by(.created_at)[] | select(.gpu == $gpu).vm' "$record")
	vm_begin "$in_guest
		boot=b$n_boots gpu=$(gpu "$1") vms=($(echo "$vms" | xargs)) i=0
		while :; do
			if [ \${#vms[@]} -le $n_kept ]; then
				vm=gpu$1-\$boot-\$((++i))
				makes \$vm || break
				vms+=(\$vm)
			else
				removes \$vms || break
				vms=(\${vms[@]:1})
			fi
		done
		echo \"\$vm\" >>\$acks/failed"
}

# --- the cuts

# cut MOMENT: as soon as that is so
cut() {
	n_cuts=$((n_cuts + 1))
	rm -f "$share/now"
	vm_begin "$in_guest
		boot=b$n_boots on_disk=$n_on_disk
		exec 3<> <(:)
		until $1; do read -rt 0.02 -u 3; done
		: >/run/harness/now" >/dev/null
	until_true 180 [ -e "$share/now" ] || bail "cut $n_cuts: not once '$1'"
	vm_powercut
	moment=$1
}
cut_stream() {
	stream 0 >/dev/null
	stream 1 >/dev/null
	cut "$1"
}
cut_restore() {
	vm_start "${start_options[@]}"
	until_true 180 [ -e "$share/boot" ] || bail 'the guest does not boot'
	where_it_hit
	cut "$1"
}

# Once in the boot after it. /run/before is the record as it lay on the disk.
where_it_hit() {
	local states
	# shellcheck disable=SC2016 # the guest's
	states=$(vm_get 'until [ -e /run/before/copied ]; do sleep 0.1; done
		cp -r /run/before /run/looked-at
		sqlite3 -separator " " /run/looked-at/vgpumgr/state.db \
			"SELECT count(*), state FROM vgpu GROUP BY state"
		[ ! -e /run/before/vgpumgr/state.db-journal ] || echo 0 in a journal')
	n_on_disk=$(echo "$states" | awk '$2 != "removing" { n += $1 } END { print n + 0 }')
	echo "# cut $n_cuts ($moment): $(owned) acknowledged; on disk $(echo "$states" |
		paste -sd, | sed 's/,/, /g; s/0 in a/and a/')"
}

# --- what must be

vms_of() { # SUFFIX
	find "$acks" -name "*.$1" -printf '%f\n' | sed "s/\.$1\$//" | sort
}
owned() { comm -23 <(vms_of made) <(vms_of gone) | wc -l; }

identity='"\(.uuid) \(.slot) \(.profile) \(.vf) \(.state)"'

# Compares the record with what commands have said. Who was not told any more what became of
# a command is content with either; from then on it is settled.
compare() {
	local vm now said
	declare -A recorded=()
	lost='' returned=''
	while read -r vm now; do
		recorded[$vm]=$now
	done < <(jq -r ".vgpus[] | \"\\(.vm) \" + $identity" "$record")
	for vm in $(vms_of begun); do
		now=${recorded[$vm]:-}
		unset "recorded[$vm]"
		said=''
		[ ! -e "$acks/$vm.made" ] || said=$(jq -r ".vgpus[] | $identity" "$acks/$vm.made")
		if [ -e "$acks/$vm.gone" ]; then
			[ -z "$now" ] || returned+="$vm: $now;"
		elif [ -z "$now" ] && { [ -z "$said" ] || [ -e "$acks/$vm.leaving" ]; }; then
			: >"$acks/$vm.gone"
		elif [ -z "$said" ]; then
			jq --arg vm "$vm" '.vgpus |= map(select(.vm == $vm))' "$record" \
				>"$acks/$vm.made"
		elif [ "$now" != "$said" ]; then
			lost+="$vm: $said, now '$now';"
		else
			rm -f "$acks/$vm.leaving"
		fi
	done
	unasked=${!recorded[*]}
}

# sound: after the boot that follows cut $n_cuts
sound() {
	local after="after cut $n_cuts"
	vm_boot "${start_options[@]}" || bail "$after the guest does not boot"
	where_it_hit
	is "$(failed_units)" '' "$after no unit fails"
	is "$(vm_get 'sqlite3 /var/lib/vgpumgr/state.db "PRAGMA integrity_check" \
		"SELECT vf FROM vgpu GROUP BY vf HAVING count(*) > 1"')" ok \
		"$after the record is whole, and no VF in it twice"
	look
	compare
	is "$lost" '' "$after every create that was acknowledged is there, as it was"
	is "$returned" '' "$after no remove that was acknowledged is undone"
	is "$unasked" '' "$after there is nothing that nobody asked for"
	is "$(kernel)" "$(jq -r '.vgpus | sort_by(.uuid)[] |
		"\(.uuid) \(.vf) NVIDIA \(.profile)"' "$record")" \
		"$after the kernel has what is on record, and nothing else"
	expect 0 "$after check agrees" check
}
look() {
	must list --json
	record=$out
}

booted --gpus 2 --vfs 4
must sriov enable all
driver_options create_ms=400
driver create_ms 400
vm_run 'set -e
	cat >/etc/systemd/system/look-before.service <<-END
		[Unit]
		DefaultDependencies=no
		RequiresMountsFor=/var/lib/vgpumgr /run
		After=local-fs.target
		Before=vgpumgr-sriov.service vgpumgr-reconcile.service
		[Service]
		Type=oneshot
		ExecStart=/bin/mkdir /run/before
		ExecStart=/bin/cp -a /var/lib/vgpumgr /run/before
		ExecStart=/bin/touch /run/before/copied
		[Install]
		WantedBy=sysinit.target
	END
	systemctl enable look-before
	sync' || bail 'the guest takes no unit'
look

cut_stream 'made 3 && committing'
sound
cut_stream 'made 2 && making 1'
cut_restore 'switching'
sound
cut_stream 'made 2 && removing'
cut_restore 'live 1'
sound
driver hang 1 # until the cut; so both come to it
cut_stream 'making 2'
cut_restore half
sound
cut_stream 'made 4'
sound
cut_stream 'made 2 && committing'
cut_restore all
sound
is "$n_cuts" 10 'ten cuts were made'
t 'no command of the streams failed' [ ! -e "$acks/failed" ]
done_testing
