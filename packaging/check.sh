#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What a release must pass, part by part. Each part leaves PART.log and PART.result in build/check; a part that passed
# at this commit is not run again, so an interrupted check resumes. Ends with a table of all parts.
# Usage: packaging/check.sh [--again] [PART...]      (no part: all; --again: also those that passed)
#        packaging/check.sh --list
# DEER_FUZZ_SECONDS: for each fuzz target (60). DEER_FAULT_TRIES: for each fault (100). Needs packaging/setup.sh --checks.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=$root/build/check
cd "$root"

parts=(readers asan tsan tidy clazy fuzz faults locale headless options package tarball fresh)
declare -A about=(
  [readers]="five seconds of each fuzz target, and the readers' tests under the sanitizers"
  [asan]="every test under the address and undefined-behaviour sanitizers"
  [tsan]="tests of core and sessions under the thread sanitizer"
  [tidy]="clang-tidy over core, sessions, widgets and app"
  [clazy]="clazy's level 0 and 1 over sessions, widgets and app"
  [fuzz]="every fuzz target"
  [faults]="kills, full disks and vanishing files at random moments"
  [locale]="tests in a locale with decimal commas"
  [headless]="core and deer with LibTorch alone"
  [options]="a build with each optional part left out"
  [package]="the Debian package: lintian, install, run, remove"
  [tarball]="the archive for other Linuxes: made, and run in fresh roots of two releases"
  [fresh]="README's two commands in a fresh root"
)

say() { printf 'check: %s\n' "$*"; }

needs() { # needs PROGRAM PACKAGE
  command -v "$1" >/dev/null || {
    say "$1 is missing: packaging/setup.sh --checks installs the package $2"
    return 1
  }
}

build() { # build PRESET [CMAKE-OPTION...]
  cmake --preset "$1" -DDEER_WERROR=ON "${@:2}" --log-level=WARNING
  cmake --build --preset "$1" --parallel "${DEER_JOBS:-$(nproc)}"
}

compile_commands() { cmake --preset dev -DDEER_UNITY=OFF -B build/check/tidy -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
  -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON --log-level=WARNING; }

sources() { # sources FOLDER...: those that the build compiles
  python3 - "$@" <<'PY'
import json, sys
for entry in json.load(open("build/check/tidy/compile_commands.json")):
    name = entry["file"]
    if any(f"/{folder}/" in name for folder in sys.argv[1:]) and "/build/" not in name and "/tests/" not in name:
        print(name)
PY
}

# What of the sanitizers fits into CI. One build for both: that of the fuzz targets has the sanitizers.
check_readers() {
  needs clang++ clang
  cmake --preset fuzz -DDEER_WERROR=ON -DDEER_TESTS=ON --log-level=WARNING
  local targets
  targets=$(cmake --build build/fuzz --target help | sed -n 's/^\(fuzz_[a-z0-9_]*\): phony$/\1/p')
  # shellcheck disable=SC2086
  cmake --build build/fuzz --parallel "${DEER_JOBS:-$(nproc)}" --target $targets tst_core_base tst_core_episodes
  DEER_FUZZ_SEED=1 tests/fuzz/run.sh build/fuzz 5
  ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
    ctest --test-dir build/fuzz --output-on-failure --no-tests=error -L '^core/(base|episodes)$'
}

check_asan() {
  build asan
  # LibTorch, Mesa and Qt keep memory until the end of the program.
  ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
    ctest --test-dir build/asan --output-on-failure --no-tests=error --timeout 3600
}

check_tsan() {
  build tsan
  TSAN_OPTIONS="suppressions=$root/tests/support/tsan.supp halt_on_error=1" \
    ctest --test-dir build/tsan --output-on-failure --no-tests=error --timeout 3600 -L '^(core|sessions)'
}

check_tidy() {
  needs run-clang-tidy clang-tidy
  compile_commands
  cmake --build build/check/tidy --target help | sed -n 's/: .*//p' | grep -E '_(autogen|messages)$' |
    xargs -r cmake --build build/check/tidy --target
  sources core sessions widgets app | xargs run-clang-tidy -quiet -p build/check/tidy -warnings-as-errors='*'
}

check_clazy() {
  needs clazy-standalone clazy
  compile_commands
  local found=0 file
  while read -r file; do
    clazy-standalone -p build/check/tidy --checks=level0,level1 --only-qt "$file" || found=1
  done < <(sources sessions widgets app)
  return "$found"
}

check_fuzz() {
  needs clang++ clang
  build fuzz
  tests/fuzz/run.sh build/fuzz "${DEER_FUZZ_SECONDS:-60}"
}

check_faults() {
  build dev
  tests/faults/faults.py build/dev/bin --tries "${DEER_FAULT_TRIES:-100}" --json "$out/faults.json"
}

check_locale() {
  build dev
  locale -a | grep -q '^de_DE.utf8$' || {
    say "the locale de_DE.UTF-8 is missing: localedef -i de_DE -f UTF-8 de_DE.UTF-8"
    return 1
  }
  LC_ALL=de_DE.UTF-8 ctest --test-dir build/dev --output-on-failure --no-tests=error
}

check_headless() {
  build headless
  build/headless/bin/deer parity tests/data/reference
}

check_options() {
  local option
  for option in DEER_GUI DEER_TRACE DEER_SIM DEER_VTK DEER_SERVE DEER_ARROW; do
    say "without $option"
    cmake --preset dev -B "build/check/$option" "-D$option=OFF" -DDEER_TESTS=OFF -DDEER_WERROR=ON --log-level=WARNING
    cmake --build "build/check/$option" --parallel "${DEER_JOBS:-$(nproc)}"
    "build/check/$option/bin/deer" parity tests/data/reference
    rm -rf "build/check/$option"
  done
}

check_package() {
  needs lintian lintian
  build release
  (cd build/release && cpack -G DEB)
  local package
  package=$(ls -t build/release/*.deb | head -1)
  lintian --fail-on error "$package"
  packaging/check_package.sh "$package"
}

check_tarball() {
  needs patchelf patchelf
  needs debootstrap debootstrap
  build release
  packaging/tarball.sh build/release
  local suite
  for suite in bookworm trixie; do packaging/check_tarball.sh build/release/deerscope-*.tar.xz "$suite"; done
}

check_fresh() {
  needs debootstrap debootstrap
  packaging/check_fresh.sh
}

commit() { git rev-parse HEAD; }

run_part() {
  local part=$1 began=$SECONDS passed=passed
  say "$part: ${about[$part]}"
  # A process of its own, since bash does not end a function in a condition at its first failure.
  "$root/packaging/check.sh" --here "$part" >"$out/$part.log" 2>&1 || passed=failed
  printf '%s %s %s\n' "$passed" "$(commit)" "$((SECONDS - began))" >"$out/$part.result"
  say "$part: $passed in $((SECONDS - began)) s ($out/$part.log)"
}

again=false
chosen=()
for word in "$@"; do
  case $word in
    --again) again=true ;;
    --here) # one part, without a log: what run_part starts
      "check_$2"
      exit
      ;;
    --list)
      for part in "${parts[@]}"; do printf '%-10s %s\n' "$part" "${about[$part]}"; done
      exit 0
      ;;
    *)
      [[ -n ${about[$word]:-} ]] || {
        printf 'check: %s is no part; see --list\n' "$word" >&2
        exit 2
      }
      chosen+=("$word")
      ;;
  esac
done
((${#chosen[@]} > 0)) || chosen=("${parts[@]}")

mkdir -p "$out"
for part in "${chosen[@]}"; do
  if ! $again && [[ -f $out/$part.result && $(<"$out/$part.result") == "passed $(commit) "* ]]; then
    say "$part: passed before at this commit"
    continue
  fi
  run_part "$part"
done

failed=0
printf '\n%-10s %-8s %8s  %s\n' part result seconds commit
for part in "${parts[@]}"; do
  result='not_run - -'
  [[ -f $out/$part.result ]] && result=$(<"$out/$part.result")
  read -r state at seconds <<<"$result"
  printf '%-10s %-8s %8s  %.12s\n' "$part" "$state" "$seconds" "$at"
  [[ " ${chosen[*]} " == *" $part "* && $state != passed ]] && failed=1
done
exit "$failed"
