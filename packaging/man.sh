#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes manual pages of what the programs' --help says: one for each, and one for each subcommand.
# Usage: packaging/man.sh HELP2MAN VERSION OUT PROGRAM...
set -euo pipefail
help2man=$1 version=$2 out=$3
shift 3
mkdir -p "$out"
export LC_ALL=C.UTF-8 QT_QPA_PLATFORM=offscreen

page() { # page NAME SUMMARY COMMAND
  "$help2man" --no-info --no-discard-stderr --version-string "$version" --source "Deerscope $version" \
    --manual 'Deerscope' --name "$2" "$3" | gzip -9n >"$out/$1.1.gz"
}

for program in "$@"; do
  name=$(basename "$program")
  if [[ $name == deerscope ]]; then
    page deerscope 'inspect robot policies with dynamic early exit' "$program"
    continue
  fi
  page "$name" "$("$program" --help | head -n 1 | sed 's/^[^:]*: //')" "$program"
  while read -r subcommand summary; do
    page "$name-$subcommand" "${summary%%[;:]*}" "$program $subcommand"
  done < <("$program" --help | sed -n '/^Subcommands:/,$s/^  \([a-z]\+\) \+\(.*\)/\1 \2/p')
done
