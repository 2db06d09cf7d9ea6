#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Makes what a guest boots from, of Debian's packages alone, and prints its directory, with
#   vmlinux    the kernel, as QEMU boots it without a boot loader
#   initrd     an initramfs, with all that the test bed adds to the guest
#   root.ext4  a plain minimal Debian; never written, guests run on overlays
# It is made once, outside the tree, and again when what it is made of changes. Nothing is
# installed on the build machine.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
cache=${VGPUMGR_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vgpumgr-vm}
PATH=$PATH:/usr/sbin:/sbin

# The runtime libraries are those that vgpumgr links.
guest_packages='systemd systemd-sysv udev kmod pciutils procps jq sqlite3 mdevctl strace
	libsqlite3-0 libuuid1 libpci3 libconfig9 libsmartcols1 libjansson4'
# With all that they need. Those with ! are not needed and may be missing.
kernel_modules='virtio_pci virtio_blk virtio_console virtio_rng crc32c_generic crc32c_intel ext4 9p 9pnet_virtio
	mdev vfio vfio_iommu_type1 vfio_pci pci_pf_stub autofs4 !unix !fuse'
mirror=${VGPUMGR_VM_MIRROR:-}

say() { printf '%s\n' "$*" >&2; }
die() {
	say "$(basename "$0"): $*"
	exit 1
}

hash_of() { sha256sum | cut -c1-16; }

# make_once NAME COMMAND...: unless $cache/NAME is there, runs the command in an empty
# directory that then gets that name.
make_once() {
	local target=$cache/$1 new=$cache/$1.new
	shift
	[ ! -e "$target" ] || return 0
	say "Making $target"
	rm -rf "$new"
	mkdir "$new"
	(cd "$new" && "$@") >"$cache/log" 2>&1 || {
		tail -n 20 "$cache/log" >&2
		die "'$*' failed (all of it: $cache/log)"
	}
	mv "$new" "$target"
}

suite() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }

# dependency PACKAGE REGEX: the one it depends on whose name matches
dependency() {
	apt-cache show --no-all-versions "$1" | sed -n 's/^Depends: //p' | tr ',|' '\n\n' |
		sed 's/^ *//; s/ .*//' | grep -E -m1 "$2"
}

# --- the kernel: image, headers to build modules, the sample mtty.c

extract_debs() {
	local deb
	apt-get -o APT::Sandbox::User=root download "$@"
	for deb in *.deb; do
		dpkg-deb -x "$deb" .
		rm "$deb"
	done
}

find_kernel() {
	kernel_package=$(dependency linux-image-amd64 '^linux-image-')
	kernel=${kernel_package#linux-image-}
	headers_package=$(dependency linux-headers-amd64 '^linux-headers-')
	common_package=$(dependency "$headers_package" '^linux-headers-.*-common')
	kbuild_package=$(dependency "$headers_package" '^linux-kbuild-')
	source_package=$(dependency linux-source '^linux-source-')
}

make_kernel() {
	extract_debs "$kernel_package" "$headers_package" "$common_package" \
		"$kbuild_package" "$source_package" busybox-static
	tar -xf usr/src/"$source_package".tar.xz --strip-components=1 \
		"$source_package/samples/vfio-mdev/mtty.c" \
		"$source_package/scripts/extract-vmlinux"
	rm usr/src/"$source_package".tar.xz
	bash scripts/extract-vmlinux "boot/vmlinuz-$kernel" >vmlinux
	# The headers name each other by where they would be installed; see build_modules.
	sed -i "s|^include .*|include \$(headers)/usr/src/$common_package/Makefile|" \
		"usr/src/$headers_package/Makefile"
	depmod -b "$PWD" "$kernel"
}

# --- the root: plain Debian

# shellcheck disable=SC2016 # mmdebstrap's $1
make_root() {
	# A bind mount shows the tree without what is mounted in it.
	local to_ext4='mount --bind "$1" /mnt && mke2fs -q -t ext4 -d /mnt "$2" 2G'
	mmdebstrap --variant=minbase --include="$(echo $guest_packages | tr ' ' ',')" \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--customize-hook='echo vgpu-test >"$1/etc/hostname"' \
		--customize-hook='mkdir -p "$1/var/log/journal"' \
		--customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*' \
		--customize-hook="unshare -m sh -c '$to_ext4' - \"\$1\" $PWD/root.ext4" \
		"$(suite)" /dev/null ${mirror:+"$mirror"}
}

# --- the initramfs: what is ours

build_modules() { # DIRECTORY
	mkdir -p "$1"
	cp "$here"/Kbuild "$here"/vgpu-test.c "$kernel_dir"/samples/vfio-mdev/mtty.c "$1"
	make -C "$kernel_dir/usr/src/$headers_package" headers="$kernel_dir" M="$1" modules
}

copy_modules() { # FROM DIRECTORY
	local name file modules=usr/lib/modules/$kernel
	mkdir -p "overlay/$modules/extra"
	for name in $kernel_modules; do
		modprobe -d "$kernel_dir" -S "$kernel" --show-depends "${name#!}" >list ||
			[ "${name#!}" != "$name" ] || return
		sed -n 's/^insmod \([^ ]*\).*/\1/p' list | while read -r file; do
			cp "$file" "overlay/$modules/"
		done
	done
	rm list
	cp "$1"/nvidia.ko "$1"/mtty.ko "overlay/$modules/extra/"
	cp "$kernel_dir/lib/modules/$kernel"/modules.{builtin,order}* "overlay/$modules/"
	ln -s usr/lib overlay/lib
	depmod -b "$PWD/overlay" "$kernel"
	rm overlay/lib
}

enable_units() {
	local unit dir=overlay/etc/systemd/system
	mkdir -p $dir/multi-user.target.wants $dir/sysinit.target.wants
	for unit in nvidia-vgpud nvidia-vgpu-mgr libvirtd; do
		ln -s ../$unit.service $dir/multi-user.target.wants/
	done
	ln -s ../vgpu-test-agent.service $dir/sysinit.target.wants/
	# Nothing to do here, and slow under emulation.
	for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
		e2scrub_all.timer e2scrub_reap.service fstrim.timer \
		systemd-pstore.service modprobe@efi_pstore.service modprobe@drm.service \
		getty-static.service getty@tty1.service logrotate.timer; do
		ln -s /dev/null $dir/$unit
	done
}

make_image() {
	local work=$PWD/work
	mkdir -p overlay bin proc sys dev root lib
	build_modules "$work/modules"
	cp -r "$here"/guest/. overlay/
	copy_modules "$work/modules"
	enable_units
	${CC:-gcc} -O2 -Wall -static -o overlay/usr/bin/vgpu-holder "$here/holder.c"
	mkdir -p overlay/etc/vgpu-test
	echo "$1" >overlay/etc/vgpu-test/made-of
	cp "$kernel_dir/bin/busybox" bin/
	cp "$here/initramfs-init" init
	find init bin proc sys dev root lib overlay | cpio -o -H newc -R 0:0 --quiet >initrd
	rm -rf work init bin proc sys dev root lib overlay
	ln "$kernel_dir/vmlinux" vmlinux
	ln "$cache/$root_name/root.ext4" root.ext4
}

everything() { # what an image is made of
	echo "$kernel_name $root_name"
	(cd "$here" && find image.sh Kbuild ./*.c initramfs-init guest -type f \
		-printf '%m ' -exec sha256sum {} \; | sort)
}

main() {
	local image_name
	mkdir -p "$cache"
	exec 9>"$cache/lock"
	flock 9
	find_kernel
	kernel_name=kernel-$kernel-$(apt-cache show --no-all-versions "$kernel_package" |
		sed -n 's/^Version: //p')-$(declare -f make_kernel extract_debs | hash_of)
	kernel_dir=$cache/$kernel_name
	root_name=root-$(suite)-$( (echo "$mirror $guest_packages"; declare -f make_root) | hash_of)
	image_name=image-$(everything | hash_of)
	make_once "$kernel_name" make_kernel 9>&-
	make_once "$root_name" make_root 9>&-
	make_once "$image_name" make_image "$image_name" 9>&-
	echo "$cache/$image_name"
}

main
