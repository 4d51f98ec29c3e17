#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs the fuzz targets of a build folder one after the other, from seeds out of tests/data and make_seeds.py.
#   tests/fuzz/run.sh BUILD_FOLDER [SECONDS_EACH] [TARGET...]
# DEER_FUZZ_RUNS: ends a target after so many executions, if that is sooner. DEER_FUZZ_SEED: the same inputs each time.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=$here/../data/calvin_mini
build=$(cd "$1" && pwd)
seconds=${2:-60}
[ $# -gt 2 ] && shift 2 || set --
[ $# -gt 0 ] || set -- $(cd "$build/bin" && ls -d fuzz_* | grep -v '\.' | sed 's/^fuzz_//')
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

made_trace() { # made_trace FILE EPISODES...
  demo=$here/../data/random_demo
  file=$1
  shift
  "$build/bin/deer" trace "$demo/model" "$demo/episodes" --frames 2 "$@" --out "$file" --overwrite >/dev/null
}

seeds() {
  case $1 in
    zip|npz) cp "$data/training/episode_0358482.npz" "$data/other_protocol_2/episode_0000010.npz" "$2" ;;
    pickle) for f in "$data"/*/lang_annotations/auto_lang_ann.npy; do
              tail -c +129 "$f" > "$2/$(basename "$(dirname "$(dirname "$f")")")"; done ;;
    npy) cp "$data/training/ep_start_end_ids.npy" "$data/training/ep_lens.npy" "$2" ;;
    annotations) for f in "$data"/*/lang_annotations/auto_lang_ann.npy; do
              cp "$f" "$2/$(basename "$(dirname "$(dirname "$f")")")"; done ;;
    statistics) cp "$data/training/statistics.yaml" "$data/training/.hydra/merged_config.yaml" "$2" ;;
    urdf) cp "$here/../../resources/panda/panda.urdf" "$2" ;;
    tensors) for f in clip_archive/golden.safetensors tiny_mpt1b/clip.pt clip_archive/ViT-tiny-14.pt; do
               cp "$here/../data/reference/$f" "$2/$(basename "$f")"; done ;;
    tokenizer) cp "$here/../../tests/data/random_demo/model/tokenizer.json" "$2" ;;
    model_config) cp "$here/../data/reference/tiny_mpt1b/config.json" "$2"
                  cp "$here/../../tests/data/random_demo/model/config.json" "$2/demo.json" ;;
    # Without the program, what is kept of these two is enough.
    trace) if [ -x "$build/bin/deer" ]; then made_trace "$2/two_frames.h5" --index 0; fi ;;
    gate) if [ -x "$build/bin/deer" ]; then
            made_trace "$2/../gate_trace.h5" --index 0,1,3,4
            "$build/bin/deer" gate "$2/../gate_trace.h5" --width 2 --epochs 1 --out "$2/small.safetensors" >/dev/null
          fi ;;
    json) printf '{"a": [1, 2.5, "x"], "b": {"c": null}, "d": 18446744073709551615}' > "$2/small.json" ;;
  esac
  python=${PYTHON:-/usr/bin/python3}  # that of the packages numpy and h5py
  if [ -x "$python" ]; then "$python" "$here/make_seeds.py" "$1" "$2"; fi
  if [ -d "$here/seeds/$1" ]; then cp "$here/seeds/$1"/* "$2"; fi
  find "$2" -type f -exec chmod u+w {} +
}

for target in "$@"; do
  corpus=$build/fuzz/$target
  mkdir -p "$corpus"
  seeds "$target" "$corpus"
  echo "== $target, $seconds s"
  # Libraries that lose memory over a file that they refuse: urdfdom the links of one without a root, HDF5 1.10 some
  # hundred bytes where a checksum is wrong.
  leaks=1; case $target in urdf|trace) leaks=0 ;; esac
  ASAN_OPTIONS=detect_leaks=$leaks "$build/bin/fuzz_$target" -max_total_time="$seconds" \
    -runs="${DEER_FUZZ_RUNS:--1}" -seed="${DEER_FUZZ_SEED:-0}" -rss_limit_mb=3072 -timeout=20 -print_final_stats=1 \
    -artifact_prefix="$build/fuzz/$target-" "$corpus" 2>"$build/fuzz/$target.log" || {
    grep -m1 -E 'ERROR|runtime error|SUMMARY' "$build/fuzz/$target.log" || tail -n 3 "$build/fuzz/$target.log"
    echo "$target failed: see $build/fuzz/$target.log"
    exit 1
  }
  grep -E 'number_of_executed_units|peak_rss_mb' "$build/fuzz/$target.log"
done
