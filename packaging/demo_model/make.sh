#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes the demo from nothing: demonstrations, training, model, episodes, calibration set. Stopped at any
# point, the same command goes on from there. Takes about two hours on two cores.
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
  [[ -s $1/recording.json ]] || "$deer" demos "$@"
}
record data --noise-chance 0.05 --episodes 2000 --scatter 14000 --seed 20260 --tasks "$tasks"
record data-drawer --noise-chance 0.05 --episodes 300 --segment 10 --seed 777 --tasks 'open_drawer,close_drawer,lift_*,place_in_drawer'
OMP_NUM_THREADS=1 "$deer" train "$lists/training.json"

[[ -s model/model.safetensors ]] || "$deer" convert model --from run --dtype bfloat16
calibrate() { "$deer" calibrate "$1" data --split validation --samples 4000 --seed 1 --out "$2"; }
[[ -s values.safetensors ]] || calibrate model values.safetensors
"$deer" solve values.safetensors --average-depth 3 --json thresholds.json

# With its thresholds the model is another file: the calibration set names that one. The values are the same.
"$deer" convert "$out/model" --from run --dtype bfloat16 --thresholds thresholds.json --note 'trained in the simulated world'
calibrate "$out/model" "$out/calibration.safetensors"
record "$out/episodes" --episodes 9 --segment 3 --split validation --noise-chance 0.02 --seed 4 --tasks "$tasks"
printf 'demo: made %s\n' "$out"
