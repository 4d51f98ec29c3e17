#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Sets the machine up and builds into build/dev. Usage: packaging/build.sh [TARGET...]; no target: all.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

"$root/packaging/setup.sh"

# A file that includes LibTorch takes more than a gigabyte to compile.
jobs=$(nproc)
free_gib=$(awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo)
by_memory=$((free_gib * 2 / 3))
if ((by_memory < jobs)); then jobs=$((by_memory > 1 ? by_memory : 1)); fi

cd "$root"
# Where setup.sh puts LibTorch: for CUDA, or if the distribution has none.
for folder in build/torch/torch build/libtorch; do
  if [[ -e $folder/share/cmake/Torch/TorchConfig.cmake ]]; then
    export CMAKE_PREFIX_PATH="${CMAKE_PREFIX_PATH:+$CMAKE_PREFIX_PATH:}$root/$folder"
  fi
done
printf 'build: configuring build/dev\n'
# New warnings of other compilers must not break the build.
cmake --preset dev --log-level=WARNING -DDEER_WERROR="$([[ ${CI:-} == true ]] && echo ON || echo OFF)"
printf 'build: compiling with %s jobs (LibTorch makes the first time slow)\n' "$jobs"
targets=()
for target in "$@"; do targets+=(--target "$target"); done
cmake --build build/dev --parallel "$jobs" "${targets[@]}"
