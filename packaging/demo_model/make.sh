#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes the demo from scratch: demonstrations, training, model, episodes, calibration set. If interrupted, run the same
# command to resume. Takes about two hours on two cores.
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

calibrate() { # calibrate MODEL DATA OUT
  [[ -s $3 ]] || "$deer" calibrate "$1" "$2" --split validation --samples 4000 --seed 1 --out "$3"
}
convert() { # convert MODEL OPTION...
  [[ -s $1/model.safetensors ]] || "$deer" convert "$1" --from run --dtype bfloat16 --note 'trained in the simulated world' "${@:2}"
}

# Thresholds from the experts' states make the model run deeper than requested, since its own states are harder. They
# are only used to record the model's own states, from which the suggested thresholds are solved.
convert model
calibrate model data experts.safetensors
"$deer" solve experts.safetensors --average-depth 3 --json experts.json
convert first --thresholds experts.json
record own --episodes 300 --split validation --seed 31 --noise-chance 0 --tasks "$tasks" --model first
calibrate first own own.safetensors
"$deer" solve own.safetensors --average-depth 2.5 --json own.json

# With its thresholds the model is a different file, which the calibration set must name. The values are the same.
convert "$out/model" --thresholds own.json
calibrate "$out/model" own "$out/calibration.safetensors"
record "$out/episodes" --episodes 9 --segment 3 --split validation --noise-chance 0.02 --seed 4 --tasks "$tasks"
printf 'demo: made %s\n' "$out"
