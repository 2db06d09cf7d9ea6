#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A few faults of each family, for "make check".
SAMPLE=1 exec "${top_srcdir:-$(dirname "$0")/../..}/tests/faults/run.sh"
