#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Measures the demo model in closed loop in one suite of tasks: full depth, each exit, thresholds for several average
# depths, solved and tuned, and the other criteria. Results go to build/demo/benchmark/SUITE, a summary of each row to
# docs/benchmark/SUITE/ROW.json. Rows that are there for this model are not measured again, and an interrupted row
# resumes. table.py writes tables and plots of them.
# Usage: packaging/demo_model/benchmark.sh [SUITE [CHAINS [SEED]]]      (referring, 200, 1; SUITE: referring or calvin)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
suite=${1:-referring}
chains=${2:-200}
seed=${3:-1}
work=$root/build/demo
demo=$root/resources/demo
out=$work/benchmark/$suite
deer=$root/build/dev/bin/deer
mkdir -p "$out"
export LP_NUM_THREADS=0

kept() { printf '%s/docs/benchmark/%s/%s.json' "$root" "$suite" "$1"; }
has() { "$root/packaging/demo_model/kept.py" has "$(kept "$1")" "$demo/model" "$chains" "$seed"; }
row() { # row NAME POLICY-OPTION...
  has "$1" && return
  local file=$out/$1.json
  "$deer" eval "$demo/model" --tasks "$suite" --chains "$chains" --seed "$seed" --json "$file" "${@:2}"
  "$root/packaging/demo_model/kept.py" put "$file" "$(kept "$1")"
}
solved() { # solved NAME SET DEPTH OPTION...
  "$deer" solve "$2" --average-depth "$3" --json "$out/$1.thresholds" > "$out/$1.log"
  row "$1" --thresholds "$out/$1.thresholds" "${@:4}"
}

row full --exit 11
for layer in 1 3 5 7 9; do row "exit_$layer" --exit "$layer"; done

# As in make.sh, for those who did not make the model.
played=$work/played
[[ -s $played/recording.json ]] || "$deer" demos "$played" --tasks calvin,referring --episodes 300 --split validation \
  --seed 32 --noise-chance 0 --model "$demo/model"
similar=$work/feature_similarity.safetensors
[[ -s $similar ]] || "$deer" calibrate "$demo/model" "$played" --split validation --samples 4000 --seed 1 \
  --criterion feature_similarity --out "$similar"
for depth in 3 4 6 2.5; do
  solved "dynamic_$depth" "$demo/calibration.safetensors" "$depth"
  solved "gate_$depth" "$demo/gate_calibration.safetensors" "$depth" --gate "$demo/model/gate.safetensors"
done
for depth in 4 3; do solved "similarity_$depth" "$similar" "$depth" --criterion feature_similarity; done
for steps in 20 60; do row "time_$steps" --criterion time_step --steps-per-exit "$steps"; done

# Thresholds solved offline, in closed loop.
has tuned_4 && exit
tuned=$out/tuned_4.thresholds
[[ -s $tuned ]] || "$deer" tune "$demo/model" --thresholds "$out/dynamic_4.thresholds" --out "$tuned" --evaluations 14 \
  --random 6 --chains 16 --eval-seed 100 --tasks "$suite"
row tuned_4 --thresholds "$tuned"
