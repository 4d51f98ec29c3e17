#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes the demo from nothing: demonstrations, training, model, episodes, calibration set. Stopped at any
# point, the same command goes on from there. Takes about five hours on two cores; docs/benchmark.md has the times.
# Usage: packaging/demo_model/make.sh [OUT]      (OUT: resources/demo; work files are kept in build/demo)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out=$(realpath -m "${1:-$root/resources/demo}")
work=$root/build/demo
deer=$root/build/dev/bin/deer

"$root/packaging/build.sh" deer
mkdir -p "$work" "$out"
cd "$work"
export LP_NUM_THREADS=0 # llvmpipe: the processes are parallel already

lists=$root/packaging/demo_model
tasks=$(<"$lists/tasks.txt")
record() { # record FOLDER OPTION...
  [[ -s $1/recording.json ]] || "$deer" demos "$@" --noise-chance 0.05
}
record data --episodes 2000 --scatter 14000 --seed 20260 --tasks "$tasks"
record data-drawer --episodes 300 --segment 10 --seed 777 --tasks 'open_drawer,close_drawer,lift_*,place_in_drawer'
OMP_NUM_THREADS=1 "$deer" train "$lists/training.json"

# What the model gets itself into, and how the experts would get out of it.
record data-learner --episodes 700 --segment 4 --seed 5151 --split training --tasks "$tasks" --model run --exit 11
OMP_NUM_THREADS=1 "$deer" train "$lists/refinement.json"

[[ -s $out/model/model.safetensors ]] || "$deer" convert "$out/model" --from refined --dtype bfloat16
record "$out/episodes" --episodes 8 --segment 4 --split validation --seed 4 --tasks "$tasks"
"$deer" calibrate "$out/model" data --split validation --samples 4000 --seed 1 --out "$out/calibration.safetensors"
printf 'demo: made %s\n' "$out"
