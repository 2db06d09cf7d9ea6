# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# What scripts/demo and scripts/check share: the packages, and a build out of the source
# tree. To be sourced with $top set to the top of the source tree.
# BUILD in the environment: the build directory (default .work/build).

LC_ALL=C
export LC_ALL
: "${top:?}"
BUILD=${BUILD:-$top/.work/build}
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac

say() { printf '%s\n' "$*" >&2; }

die() {
	say "$(basename "$0"): $*"
	exit 1
}

# Lines of: what is needed, Debian's package, RHEL's package. +FILE is a program, the others
# are modules of pkg-config.
needs='
+autoreconf autoconf autoconf
+automake automake automake
+make make make
+pkg-config pkg-config pkgconf-pkg-config
+awk mawk gawk
+fusermount3 fuse3 fuse3
+flock util-linux util-linux
sqlite3 libsqlite3-dev sqlite-devel
uuid uuid-dev libuuid-devel
libpci libpci-dev pciutils-devel
libconfig libconfig-dev libconfig-devel
smartcols libsmartcols-dev libsmartcols-devel
jansson libjansson-dev jansson-devel
+jq jq jq
+lspci pciutils pciutils
+pgrep procps procps-ng
+sqlite3 sqlite3 sqlite
cmocka libcmocka-dev libcmocka-devel
fuse3 libfuse3-dev fuse3-devel
'

compiler_works() {
	echo '#include <stdio.h>' | "${CC:-gcc}" -x c -fsyntax-only - 2>/dev/null
}

# Trying to open it is the only answer that holds for root and in containers.
fuse_works() { (exec 3<>/dev/fuse) 2>/dev/null; }

# The packages that are missing, a line for each: Debian's name, RHEL's name.
missing_packages() {
	compiler_works || printf '%s\n' 'gcc gcc' 'libc6-dev glibc-devel'
	printf '%s' "$needs" | while read -r what debian rhel; do
		case $what in
		'') ;;
		+*) command -v "${what#+}" >/dev/null || echo "$debian $rhel" ;;
		*) pkg-config --exists "$what" 2>/dev/null || echo "$debian $rhel" ;;
		esac
	done
}

# install_packages PACKAGE...
install_packages() {
	say "Installing: $*"
	{
		# One broken source among several need not matter.
		apt-get update || true
		DEBIAN_FRONTEND=noninteractive \
			apt-get install -y --no-install-recommends "$@"
	} >"$top/.work/apt.log" 2>&1 </dev/null || {
		tail -n 20 "$top/.work/apt.log" >&2
		die "apt-get failed (all of it: .work/apt.log)"
	}
}

need_packages() {
	missing=$(missing_packages)
	[ -n "$missing" ] || return 0
	debian=$(printf '%s\n' "$missing" | awk '{ printf "%s%s", sep, $1; sep = " " }')
	rhel=$(printf '%s\n' "$missing" | awk '{ printf "%s%s", sep, $2; sep = " " }')
	if command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
		# shellcheck disable=SC2086 # a list of words
		install_packages $debian
		missing=$(missing_packages)
		[ -z "$missing" ] || die "still missing after apt-get:
$missing"
	elif command -v apt-get >/dev/null; then
		die "packages are missing. As root:
apt-get install $debian"
	else
		die "packages are missing. On RHEL and its kin, as root (some need the CRB repository):
dnf install $rhel"
	fi
}

# logged LOG COMMAND...: its output is shown only if it fails.
logged() {
	log=$1
	shift
	"$@" >>"$log" 2>&1 </dev/null || {
		tail -n 40 "$log" >&2
		die "'$*' failed (all of it: $log)"
	}
}

# build TARGET... ($configure_options: for configure). Configures where that is to be done.
build() {
	log=$BUILD.log
	: >"$log"
	[ ! -e "$top/config.status" ] ||
		die "the source tree itself has been configured; run 'make distclean' first"
	if ! [ -e "$top/configure" ] || ! [ -e "$top/Makefile.in" ]; then
		cd "$top" || exit
		logged "$log" autoreconf -fi
	fi
	mkdir -p "$BUILD"
	cd "$BUILD" || exit
	if [ ! -e Makefile ] ||
		[ "$(cat configure-options 2>/dev/null)" != "${configure_options:-}" ]; then
		# shellcheck disable=SC2086 # a list of words
		logged "$log" "$top/configure" ${configure_options:-}
		printf '%s\n' "${configure_options:-}" >configure-options
	fi
	say "Building (log: $log)"
	logged "$log" make -j "$(nproc)" "$@"
}

mkdir -p "$top/.work" "$(dirname "$BUILD")"
[ -w "$top/.work" ] || die "cannot write to $top/.work"
