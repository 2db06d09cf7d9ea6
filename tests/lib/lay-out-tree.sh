#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Lays out a manifest of a host's files:  lay-out-tree.sh FILE.tree DIR
# The format is that of tests/lib/tree.h.
set -eu

usage="usage: lay-out-tree.sh FILE.tree DIR"
manifest=${1:?$usage} dir=${2:?$usage}
nl='
'

parents() {
	case $1 in
	/* | *..*) echo "lay-out-tree.sh: '$1' leaves the tree" >&2; exit 1 ;;
	*/*) [ -d "$dir/${1%/*}" ] || mkdir -p "$dir/${1%/*}" ;;
	esac
}

# printf understands octal everywhere
octal() {
	awk -v hex="$1" -v d=0123456789abcdef 'BEGIN {
		for (i = 1; i < length(hex); i += 2)
			printf "\\%03o", (index(d, substr(hex, i, 1)) - 1) * 16 + \
				index(d, substr(hex, i + 1, 1)) - 1
	}'
}

mkdir -p "$dir"
file='' text=''
finish() {
	[ -z "$file" ] || printf '%s' "$text" > "$dir/$file"
	file='' text=''
}

while IFS= read -r line || [ -n "$line" ]; do
	if [ -n "$file" ]; then
		case $line in
		'| '*) text="$text${line#| }$nl"; continue ;;
		esac
		finish
	fi
	path=${line%% *}
	case $path in '' | '#'*) continue ;; esac
	parents "$path"
	case ${line#"$path"} in
	' =') echo > "$dir/$path" ;;
	' = '*) printf '%s\n' "${line#"$path = "}" > "$dir/$path" ;;
	' -> '*) ln -s "${line#"$path -> "}" "$dir/$path" ;;
	' : '*) printf "$(octal "${line#"$path : "}")" > "$dir/$path" ;;
	' <<') file=$path ;;
	*) echo "lay-out-tree.sh: $manifest: '$line' makes no sense" >&2; exit 1 ;;
	esac
done < "$manifest"
finish
