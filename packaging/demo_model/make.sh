#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes the demo from scratch: demonstrations of both suites of tasks, training, model, learned gate, episodes,
# calibration set. If interrupted, run the same command to resume. Takes about six hours on two cores.
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

tasks=calvin,referring
record() { # record FOLDER OPTION...
  [[ -s $1/recording.json ]] || "$deer" demos "$@" --tasks "$tasks"
}
record data --episodes 2400 --noise-chance 0.05 --scatter 16000 --seed 20260
record more --episodes 3600 --noise-chance 0.08 --seed 20263 --split training
record scattered --episodes 0 --scatter 60000 --seed 20262 --split training
OMP_NUM_THREADS=1 "$deer" train "$root/packaging/demo_model/training.json"

calibrate() { # calibrate MODEL DATA OUT OPTION...
  [[ -s $3 ]] || "$deer" calibrate "$1" "$2" --split validation --samples 4000 --seed 1 --out "$3" "${@:4}"
}
convert() { # convert MODEL OPTION...
  [[ -s $1/model.safetensors ]] || "$deer" convert "$1" --from run --dtype bfloat16 --note 'trained in the simulated world' "${@:2}"
}

# Thresholds from the experts' states make the model run deeper than requested, since its own states are harder. They
# are only used to record the model's own states, from which the suggested thresholds are solved.
convert model
calibrate model data experts.safetensors
"$deer" solve experts.safetensors --average-depth 4 --json experts.json
convert first --thresholds experts.json
record own --episodes 300 --split validation --seed 31 --noise-chance 0 --model first
calibrate first own own.safetensors
"$deer" solve own.safetensors --average-depth 4 --json own.json

# With its thresholds the model is a different file, which calibration set and gate must name. The values are the same.
convert "$out/model" --thresholds own.json
calibrate "$out/model" own "$out/calibration.safetensors"
if [[ ! -s $out/model/gate.safetensors ]]; then
  "$deer" trace "$out/model" own --out own.h5 --resume
  "$deer" gate own.h5 --out "$out/model/gate.safetensors" --json gate.json
fi
# Episodes that the gate was not trained on say what its predictions mean.
record played --episodes 300 --split validation --seed 32 --noise-chance 0 --model "$out/model"
(cd "$out" && calibrate model "$work/played" gate_calibration.safetensors --criterion learned_gate)
# Episodes of every difficulty; app/gui/start/demo.h names the one that is shown first.
[[ -s $out/episodes/recording.json ]] ||
  "$deer" demos "$out/episodes" --episodes 12 --segment 1 --split validation --noise-chance 0.02 --seed 20 --tasks \
    odd_lift,between_push,colour_place,second_push,if_lift,other_push_lift,open_drawer,close_drawer,turn_on_led,lift_red_block_table,stack_block,move_slider_left
printf 'demo: made %s\n' "$out"
