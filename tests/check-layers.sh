#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Folder names are layers, and each uses only those above it: the core does no I/O, and what
# can do harm is in one place.  check-layers.sh  (top_srcdir, top_builddir, NM from the
# environment)
set -u
LC_ALL=C
export LC_ALL

srcdir=${top_srcdir:-.}
core=${top_builddir:-.}/src/libcore.a
status=0

# Where there is nothing to look at, nothing is proven.
[ -f "$srcdir/src/main.c" ] || {
	echo "$srcdir/src is not there: set top_srcdir" >&2
	exit 1
}

complain() {
	echo "$1" >&2
	printf '%s\n' "$2" | sed 's/^/\t/' >&2
	status=1
}

# Pure functions of the C library, and what compilers and sanitizers put in.
pure='memchr memcmp memcpy memmove memset snprintf strcat strchr strcmp strcpy strcspn
strlen strncmp strrchr strspn strstr strverscmp qsort qsort_r bsearch free
__assert_fail __stack_chk_fail __memcpy_chk __memmove_chk __memset_chk __snprintf_chk
__strcat_chk __strcpy_chk _GLOBAL_OFFSET_TABLE_'
compiler='^__(asan|ubsan|sanitizer|gcov|llvm|tsan|msan)_'

check_core() {
	[ -f "$core" ] || { complain "not built:" "$core"; return; }
	all=$(${NM:-nm} "$core" 2>/dev/null) || all=''
	case $all in
	*' T alloc_place'*) ;;
	*)
		echo "$core: ${NM:-nm} shows no symbols; built for LTO alone?" >&2
		exit 77
		;;
	esac
	own=$(printf '%s\n' "$all" | awk 'NF == 3 && $2 ~ /[TDBRVW]/ { print $3 }')
	impure=$(printf '%s\n' "$all" | awk -v allowed="$pure $own" -v compiler="$compiler" '
		BEGIN {
			gsub(/\n/, " ", allowed)
			n = split(allowed, names, " ")
			for (i = 1; i <= n; i++)
				fine[names[i]] = 1
		}
		NF == 2 && $1 ~ /[Uw]/ && !($2 in fine) && $2 !~ compiler { print $2 }' |
		sort -u)
	[ -z "$impure" ] || complain "libcore.a decides; it may not call:" "$impure"
}

# sources PATTERN DIR...: lines of C outside of DIRs that match and are no comment
sources() {
	pattern=$1
	shift
	(cd "$srcdir" && find src -name '*.[ch]' | sort) | while read -r file; do
		for dir; do
			case $file in "src/$dir/"*) continue 2 ;; esac
		done
		grep -nE "$pattern" "$srcdir/$file" | grep -vE '^[0-9]+:[[:space:]]*/?\*' |
			sed "s|^|$file:|"
	done
}

only_in() {
	found=$(sources "$2" $3)
	[ -z "$found" ] || complain "$1 belongs to src/$3 alone:" "$found"
}

# uses DIR LAYER...: what files in src/DIR may include
uses() {
	dir=$1
	shift
	allowed=$(echo "$dir $*" | tr ' ' '|')
	found=$(grep -nE '^#include "' "$srcdir/src/$dir"/*.[ch] |
		grep -vE "#include \"($allowed)/") || found=''
	[ -z "$found" ] || complain "src/$dir uses $* and nothing else:" "$found"
}

check_core
only_in SQLite '#include <sqlite3\.h>|\<sqlite3_[a-z]' 'store'
only_in 'The names below /sys' '"[^"]*\<sys/(bus|class|devices|kernel|module)' 'sysfs host cmd'
only_in 'Starting programs' \
	'\<(v?fork|clone3?|f?exec(v|l)[pe]*|posix_spawnp?|system|popen) ?\(' 'run'
uses util
uses model util
uses core model util
uses sysfs model util
uses host sysfs pci model util
uses run host sysfs model util
uses store model util
uses out store core model util
exit $status
