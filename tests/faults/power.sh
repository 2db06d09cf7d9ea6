#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Power cuts under the store, at every operation on its files: see power.c.
faults=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
needs_host=no
# shellcheck source=tests/faults/lib.sh
. "$faults/lib.sh"
power=$top_builddir/tests/faults/power
[ -x "$power" ] || bail "$power is not built"
[ "$MODE" = sample ] || share_work 2
# Nothing is ever synced, so memory does, where there is such a place.
tmp=$top
[ ! -w /dev/shm ] || tmp=$(mktemp -d -p /dev/shm) || exit 99
TMPDIR=$tmp "$power" "$MODE" "$worker" "$workers" >"$top/power" 2>&1
status=$?
[ "$tmp" = "$top" ] || rm -rf --one-file-system "$tmp"
if [ $status -gt 1 ]; then
	sed 's/^/# /;20q' "$top/power"
	bail "power ends with status $status"
fi
grep '^violation: ' "$top/power"
read -r points violations words <<<"$(tail -n1 "$top/power")"
finish "$words"
