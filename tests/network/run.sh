#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# No program opens an internet socket unless it is asked to, and all of them work where there is no network.
# Usage: run.sh BIN COUNT_SOCKETS.so      (BIN: the build's folder bin)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=$1 library=$2
model=$root/tests/data/random_demo/model episodes=$root/tests/data/random_demo/episodes
work=$(mktemp -d --tmpdir deer-network.XXXXXX)
trap 'rm -rf "$work"' EXIT
export DEER_SOCKETS=$work/sockets XDG_CONFIG_HOME=$work/config XDG_CACHE_HOME=$work/cache OMP_NUM_THREADS=1

without_network=()
if unshare --net --map-current-user true 2>/dev/null; then
  without_network=(unshare --net --map-current-user)
elif unshare --net true 2>/dev/null; then
  without_network=(unshare --net)
else
  echo 'network namespaces are not allowed here: only sockets are counted'
fi

check() { # check NAME COMMAND...
  local name=$1
  shift
  rm -f "$DEER_SOCKETS"
  if ! LD_PRELOAD=$library "$@" >"$work/out" 2>&1; then
    printf '%s fails:\n' "$name"
    tail -n 5 "$work/out"
    exit 1
  fi
  if [[ -e $DEER_SOCKETS ]]; then
    printf '%s opens internet sockets:\n' "$name"
    sort "$DEER_SOCKETS" | uniq -c | head
    exit 1
  fi
  printf 'no socket: %s\n' "$name"
  if ((${#without_network[@]} > 0)) && ! "${without_network[@]}" "$@" >"$work/out" 2>&1; then
    printf '%s needs a network:\n' "$name"
    tail -n 5 "$work/out"
    exit 1
  fi
}

# The counter counts.
rm -f "$DEER_SOCKETS"
LD_PRELOAD=$library python3 -c 'import socket; socket.socket().close()'
[[ -s $DEER_SOCKETS ]] || {
  echo 'the counter sees no socket'
  exit 1
}

check 'deer info' "$bin/deer" info "$model"
check 'deer run' "$bin/deer" run "$model" "$episodes" --table
check 'deer trace' "$bin/deer" trace "$model" "$episodes" --out "$work/run.h5" --overwrite
check 'deer replay' "$bin/deer" replay "$work/run.h5" --model "$model"
check 'deer calibrate' bash -c 'rm -f "$4"; "$0" calibrate "$1" "$2" --samples 40 --jobs 2 --out "$4"' \
  "$bin/deer" "$model" "$episodes" - "$work/set.safetensors"
if [[ -x $bin/deerscope ]]; then
  check 'the window' "$root/tests/with_display.sh" "$bin/deerscope" --model "$model" --episode "$episodes" --run \
    --screenshot "$work/shot.png"
fi
