#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Regenerates the pictures of docs/guide.md on a virtual screen. Their contents are always the same, except measured
# times and memory. Usage: packaging/screenshots.sh [NAME...]
#   DEER_BUILD=folder  where deerscope and deer were built (build/dev)
# Uses pngquant to make the files smaller, if installed.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
programs=${DEER_BUILD:-$root/build/dev}/bin
out=$root/docs/guide
demo=$root/resources/demo
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LIBGL_ALWAYS_SOFTWARE=1 QT_QPA_PLATFORM=xcb QT_SCALE_FACTOR=1 XDG_RUNTIME_DIR=$work LC_ALL=C.UTF-8

only=" $* "
mkdir -p "$out"

# shot NAME SIZE ARGUMENT...: one picture, with this window size.
shot() {
  local name=$1 size=$2
  shift 2
  if [[ $only != "  " && $only != *" $name "* ]]; then return; fi
  timeout 300 xvfb-run --auto-servernum --server-args="-screen 0 1600x1000x24" \
    "$programs/deerscope" --theme light --size "$size" --screenshot "$work/$name.png" "$@"
  if command -v pngquant >/dev/null; then
    pngquant --force --strip --output "$out/$name.png" 128 "$work/$name.png"
  else
    cp "$work/$name.png" "$out/$name.png"
  fi
  printf 'screenshots: %s.png, %s, %s KiB\n' "$name" "$size" $(($(stat -c %s "$out/$name.png") / 1024))
}

episode=(--model "$demo/model" --episode "$demo/episodes" --index 3 --run) # the demo's first, app/gui/start/demo.h
shot demo 1600x1000 "${episode[@]}" --frame 6
shot commands 1280x800 "${episode[@]}" --command view.palette
shot timeline 1280x800 "${episode[@]}" --frame 6 --command view.panels
shot exits 1280x800 "${episode[@]}" --frame 6 --command view.layout_debug --command exits.3 --command debug.force
shot budget 1280x800 "${episode[@]}" --frame 6 --command view.layout_budgets
shot dataset 1600x1000 "${episode[@]}" --frame 6 --command panel.dataset
shot runs 1280x800 "${episode[@]}" --frame 6 --command runs.keep --command compare.deepest --command runs.show
shot compare 1280x800 "${episode[@]}" --frame 6 --command compare.deepest --command view.layout_compare
shot cameras 1280x800 --command file.open_cameras
shot race 1280x800 --model "$demo/model" --race --world "open the drawer" --seed 3
shot world 1280x800 --model "$demo/model" --world "open the drawer" --seed 3 --frame 60
"$programs/deer" trace "$demo/model" "$demo/episodes" --out "$work/run.h5" --index 3 --thumbnails 200 >/dev/null
shot trace 1280x800 --trace "$work/run.h5" --frame 6
