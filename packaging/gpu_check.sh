#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What only a GPU can show, in about ten minutes on a machine with an NVIDIA GPU and PyTorch: builds deer without GUI
# against that PyTorch's LibTorch, compares it with the golden numbers on the GPU, the memory model with the allocator,
# and times by exit with eager PyTorch of the same sizes. Every part leaves a log in build/gpu; the result is one JSON
# file. Exits with 1 if a part failed.
# Usage: packaging/gpu_check.sh [--dry-run] [OUT.json]      (build/gpu/check.json)
#   --dry-run  the same on the CPU and with small sizes, which checks the script itself
# Needs cmake, g++, zlib, nlohmann-json, CLI11 and utf8proc (CMAKE_PREFIX_PATH names other places of libraries), and a
# python3 with PyTorch; DEER_PYTHON names another one, DEER_GPU_CONFIG a config.json of other sizes than DeeR-3B's.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${DEER_PYTHON:-python3}
build=$root/build/gpu
device=cuda
dtype=bfloat16
repeats=30
if [[ ${1:-} == --dry-run ]]; then
  device=cpu
  dtype=float32
  repeats=3
  shift
fi
out=$(realpath -m "${1:-$build/check.json}")
parts=$build/parts
rm -rf "$parts"
mkdir -p "$parts"
cd "$root" || exit

fail() {
  printf 'gpu check: %s\n' "$@" >&2
  exit 1
}

# part NAME COMMAND...: standard output goes to NAME.out, everything else to NAME.log.
part() {
  local name=$1 began=$SECONDS result=passed
  shift
  printf 'gpu check: %s … ' "$name"
  "$@" >"$parts/$name.out" 2>"$parts/$name.log" || result=failed
  printf '%s\n%s\n' "$result" "$((SECONDS - began))" >"$parts/$name.result"
  printf '%s, %s s\n' "$result" "$((SECONDS - began))"
  [[ $result == passed ]] || tail -n 3 "$parts/$name.log" >&2
  [[ $result == passed ]]
}

prefix=$("$python" -c 'import torch; print(torch.utils.cmake_prefix_path)') ||
  fail "$python has no PyTorch" "DEER_PYTHON=/path/to/python3 names one that has"
if [[ $device == cuda ]]; then
  "$python" -c 'import torch; raise SystemExit(not torch.cuda.is_available())' ||
    fail "PyTorch sees no GPU (nvidia-smi says whether the driver does)" "--dry-run checks this script without one"
fi

build_it() {
  cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DDEER_GUI=OFF -DDEER_DATA=OFF -DDEER_TESTS=OFF -DDEER_SERVE=OFF \
    -DDEER_BENCH=ON -DCMAKE_PREFIX_PATH="$prefix${CMAKE_PREFIX_PATH:+;${CMAKE_PREFIX_PATH//:/;}}" --log-level=WARNING &&
    cmake --build "$build" --parallel "$(nproc)" --target deer random_model device_memory
}

make_model() {
  local model=$build/model
  [[ -s $model/config.json ]] && return
  if [[ $device == cpu && -z ${DEER_GPU_CONFIG:-} ]]; then
    "$build/bin/random_model" "$model" resources/demo/model/config.json
  else
    "$build/bin/random_model" "$model" ${DEER_GPU_CONFIG:+"$DEER_GPU_CONFIG"}
  fi
}

parity() { # parity DTYPE
  local folder failed=0
  for folder in tests/data/reference/tiny_mpt1b tests/data/reference/tiny_mpt7b; do
    "$build/bin/deer" parity "$folder" --device "$device" --dtype "$1" --quiet || failed=1
  done
  return "$failed"
}

# Only float32 is expected to agree; of bfloat16 the largest difference is told.
parity_bfloat16() { parity bfloat16 || true; }

part build build_it || fail "the log is $parts/build.log"
part model make_model || fail "the log is $parts/model.log"
failed=0
part info "$build/bin/deer" info --json || failed=1
part parity parity float32 || failed=1
part parity_bfloat16 parity_bfloat16 || failed=1
part memory "$build/bin/device_memory" "$build/model" "$device" "$dtype" || failed=1
part times "$build/bin/deer" bench "$build/model" --device "$device" --dtype "$dtype" --repeats "$repeats" \
  --out "$parts/times.json" || failed=1
part peer "$python" tests/bench/bench_peer.py "$build/model/config.json" --device "$device" --dtype "$dtype" \
  --repeats "$repeats" --json "$parts/peer.json" || failed=1

"$python" - "$parts" "$out" <<'PY' || failed=1
import json, pathlib, sys

parts, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
result = {"parts": {}}
for file in sorted(parts.glob("*.result")):
    state, seconds = file.read_text().split()
    result["parts"][file.stem] = {"state": state, "seconds": int(seconds)}

def content(name):
    file = parts / name
    return json.loads(file.read_text()) if file.exists() and file.stat().st_size else None

result["machine"] = content("info.out")
result["parity"] = {name: (parts / f"{name}.out").read_text().splitlines() for name in ("parity", "parity_bfloat16")}
result["memory"] = content("memory.out")
result["times"], result["peer"] = content("times.json"), content("peer.json")
ratios = []
if result["times"] and result["peer"]:
    ours = {one["layer"]: one["total"]["median_ms"] for one in result["times"]["exits"]}
    for one in result["peer"]["exits"]:
        if one["layer"] in ours:
            ratios.append({"layer": one["layer"], "deer_ms": ours[one["layer"]], "eager_ms": one["median_ms"],
                           "times_faster": one["median_ms"] / ours[one["layer"]]})
result["by_exit"] = ratios
out.write_text(json.dumps(result, indent=1) + "\n")
for one in ratios:
    print("exit after layer {layer:2}: deer {deer_ms:.2f} ms, eager PyTorch {eager_ms:.2f} ms, {times_faster:.1f} times "
          "faster".format(**one))
PY
printf 'gpu check: %s\n' "$out"
exit "$failed"
