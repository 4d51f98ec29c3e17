#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Sets the machine up, builds, and opens Deerscope on the demo session. Without a display the same
# session runs on a virtual one: a screenshot is written and the exit of every frame is printed.
# Usage: packaging/demo.sh [DEERSCOPE ARGUMENT...]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
model=$root/resources/demo/model
episode=$root/resources/demo/episodes
programs=$root/build/dev/bin

"$root/packaging/build.sh" deerscope deer

if [[ -n ${DISPLAY:-}${WAYLAND_DISPLAY:-} ]]; then
  printf 'demo: opening the demo session (a small model trained in the simulated world, an episode of it)\n'
  exec "$programs/deerscope" --demo "$@"
fi

if [[ -z ${XDG_RUNTIME_DIR:-} ]]; then
  XDG_RUNTIME_DIR=$(mktemp -d)
  export XDG_RUNTIME_DIR
  trap 'rm -rf "$XDG_RUNTIME_DIR"' EXIT
fi
screenshot=$root/build/dev/demo.png
rm -f "$screenshot"
printf 'demo: no display, running the demo session on a virtual one\n'
LIBGL_ALWAYS_SOFTWARE=1 QT_QPA_PLATFORM=xcb timeout 600 \
  xvfb-run --auto-servernum --server-args="-screen 0 1600x1000x24" \
  "$programs/deerscope" --demo --run --screenshot "$screenshot" "$@"
if [[ ! -s $screenshot ]]; then
  printf 'demo: deerscope ended without writing %s\n' "$screenshot" >&2
  exit 1
fi
"$programs/deer" run "$model" "$episode" --index 3 --table # the one that the window shows
printf 'demo: the screenshot is %s\n' "$screenshot"
