#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Measures the demo model in closed loop: full depth, each exit, thresholds for several average depths, solved and
# tuned, and the other criteria. Results go to build/demo/benchmark/*.json; existing rows are not measured again.
# table.py makes docs/benchmark.md's table and plot of them (needs python3-matplotlib).
# Usage: packaging/demo_model/benchmark.sh [CHAINS [SEED]]      (200, 1)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
chains=${1:-200}
seed=${2:-1}
demo=$root/resources/demo
out=$root/build/demo/benchmark
deer=$root/build/dev/bin/deer
tasks=$(<"$root/packaging/demo_model/tasks.txt")
mkdir -p "$out"
export LP_NUM_THREADS=0

row() { # row NAME POLICY-OPTION...
  local file=$out/$1.json
  shift
  [[ -s $file ]] || "$deer" eval "$demo/model" --tasks "$tasks" --chains "$chains" --seed "$seed" --json "$file" "$@"
}

budget() { # budget DEPTH
  "$deer" solve "$demo/calibration.safetensors" --average-depth "$1" --json "$out/thresholds_$1.txt" > "$out/solve_$1.log"
  row "dynamic_$1" --thresholds "$out/thresholds_$1.txt"
}

row full --exit 11
for depth in 2.5 3 4 6; do budget "$depth"; done
for layer in 1 3 5 7 9; do row "exit_$layer" --exit "$layer"; done

# make.sh leaves the model's own recordings there.
similar=$out/feature_similarity.safetensors
[[ -s $similar ]] || "$deer" calibrate "$demo/model" "$root/build/demo/own" --split validation --samples 4000 --seed 1 \
  --criterion feature_similarity --out "$similar"
for depth in 4 3; do
  "$deer" solve "$similar" --average-depth "$depth" --json "$out/similar_$depth.txt" > "$out/similar_$depth.log"
  row "similarity_$depth" --criterion feature_similarity --thresholds "$out/similar_$depth.txt"
done
for steps in 20 60; do row "time_$steps" --criterion time_step --steps-per-exit "$steps"; done

experts=$root/build/demo/experts.safetensors
"$deer" solve "$experts" --average-depth 3 --json "$out/experts_3.txt" > "$out/experts_3.log"
row experts_3 --thresholds "$out/experts_3.txt"

# Thresholds solved offline, in closed loop.
tuned=$out/tuned_4.txt
"$deer" tune "$demo/model" --thresholds "$out/thresholds_4.txt" --out "$tuned" --evaluations 14 --random 6 --chains 16 \
  --eval-seed 100 --tasks "$tasks"
row tuned_4 --thresholds "$tuned"
