#!/usr/bin/env bash
# Writes layout.ld anew: which functions `mooring template` runs, so that the linker lays them side by side.
#
#   benches/layout.sh PROGRAM CHART...
#
# PROGRAM is a release build; each chart is rendered under valgrind. build.rs says what the file is for. It need not be exact:
# a function that has gone is passed over, and one that is new lies where it would lie without the file.
set -euo pipefail
program=$1
shift
work=$(mktemp -d)
trap 'rm -r -- "$work"' EXIT

# A symbol without the hashes that another compiler, or another version of a library, gives it, and no longer than is needed to
# tell it from most others.
patterns() {
    sed -E "s/('[0-9]+|\.llvm\.[0-9]+|\.cold|\.part\.[0-9]+)*$//; s/Cs[0-9A-Za-z]+_/Cs*_/g; s/^(.{200}).+/\1/; s/$/*/"
}

count=0
for chart in "$@"; do
    count=$((count + 1))
    valgrind --tool=callgrind --demangle=no --callgrind-out-file="$work/calls" "$program" template release "$chart" \
        >"$work/output" 2>&1 || echo "$chart fails, which counts as well" >&2
    grep -hoE '^c?fn=\([0-9]+\) _R[^ ]+' "$work/calls" | sed 's/^.*) //' | patterns | sort -u >"$work/$count.ran"
done
# Those that every chart needs come first.
sort "$work"/*.ran | uniq -c | sort -k1,1nr -k2,2 | awk '{ print $2 }' >"$work/ran"
{
    echo '/* What mooring template runs, side by side: written by benches/layout.sh, explained in build.rs. */'
    printf 'SECTIONS\n{\n  .text.template :\n  {\n'
    sed 's/.*/    *(.text.*&)/' "$work/ran"
    printf '  }\n}\nINSERT BEFORE .text;\n'
} >layout.ld
echo "layout.ld names $(wc -l <"$work/ran") functions" >&2
