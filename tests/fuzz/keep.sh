#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Keeps a small part of what fuzzing found in tests/fuzz/seeds: of the inputs that together reach everything, those of
# at most 2 KiB, 40 for each target.
#   tests/fuzz/keep.sh BUILD_FOLDER [TARGET...]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
shift
if [ $# -eq 0 ]; then
  for program in "$build"/bin/fuzz_*; do set -- "$@" "${program##*/fuzz_}"; done
fi
for target in "$@"; do
  [ -d "$build/fuzz/$target" ] || continue
  least=$(mktemp -d)
  ASAN_OPTIONS=detect_leaks=0 "$build/bin/fuzz_$target" -merge=1 -rss_limit_mb=3072 "$least" "$build/fuzz/$target" \
    2>"$build/fuzz/$target-merge.log"
  mkdir -p "$here/seeds/$target"
  # The names are hashes, so that any 40 are a random choice.
  find "$least" -type f -size -2049c | sort | head -n 40 | xargs -r cp -t "$here/seeds/$target"
  rm -r "$least"
  echo "$target: $(find "$here/seeds/$target" -type f | wc -l) inputs"
done
