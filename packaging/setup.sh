#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Installs what Deerscope needs to build, run and be tested, on Debian 12 and Ubuntu 24.04.
# Usage: packaging/setup.sh [--list | --fuzz | --checks]
#   --list    prints the packages and installs nothing
#   --fuzz    installs what the fuzz targets need, too
#   --checks  installs what packaging/check.sh needs, too
# Apache Arrow, which reads LeRobot datasets, is in neither distribution: the wheel of pyarrow holds its libraries and
# headers, and goes into build/arrow. DEER_ARROW=off leaves it out; without it only LeRobot datasets do not open.
# Does nothing if everything is installed. A LibTorch in CMAKE_PREFIX_PATH replaces the distribution's. If the
# distribution has none (Ubuntu 24.04), the official CPU build is downloaded into build/libtorch; DEER_LIBTORCH_URL
# selects another archive.
# If there is an NVIDIA GPU and no LibTorch was chosen, one for CUDA is taken: that of python3's PyTorch if it has CUDA,
# otherwise PyTorch's wheel goes into build/torch. DEER_CUDA=off keeps the distribution's.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
libtorch=$root/build/libtorch
libtorch_url=${DEER_LIBTORCH_URL:-https://download.pytorch.org/libtorch/cpu/libtorch-cxx11-abi-shared-with-deps-2.5.1%2Bcpu.zip}
fetch_libtorch=false
torch=$root/build/torch
torch_version=2.9.1   # built for CUDA 12, which needs a driver of
oldest_driver=525     # this version or newer
arrow=$root/build/arrow
arrow_version=26.0.1

packages=(
  build-essential cmake ninja-build ccache
  libtorch-dev libopenblas0-pthread
  nlohmann-json3-dev libcli11-dev libutf8proc-dev zlib1g-dev
  libgloo-dev libhdf5-dev libmujoco-dev libegl-dev
  libprotobuf-dev libgrpc++-dev protobuf-compiler protobuf-compiler-grpc python3-pip
  pkg-config libavformat-dev libopencv-dev libyaml-cpp-dev liburdfdom-dev liborocos-kdl-dev libeigen3-dev
  qt6-base-dev qt6-svg-dev libqcustomplot-dev libmuparser-dev libgl1-mesa-dri fonts-dejavu-core
  libvtk9-dev libassimp-dev
  qt6-tools-dev qt6-l10n-tools
  xvfb xauth locales
  python3-numpy python3-h5py python3-pytest python3-grpcio python3-protobuf
)

for_fuzz=(clang libclang-rt-dev)
for_checks=("${for_fuzz[@]}" clang-tidy clazy debootstrap help2man lintian patchelf)

say() { printf 'setup: %s\n' "$*"; }
fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

own_libtorch() {
  local folders folder
  IFS=':;' read -ra folders <<<"${CMAKE_PREFIX_PATH:-}:$torch/torch:$libtorch"
  for folder in "${folders[@]}"; do
    if [[ -n $folder && -e $folder/share/cmake/Torch/TorchConfig.cmake ]]; then
      printf '%s\n' "$folder"
      return 0
    fi
  done
  return 1
}

# Runs a command as root.
as_root() {
  if ((EUID == 0)); then
    "$@"
  else
    sudo "$@"
  fi
}

require_root_or_sudo() {
  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    fail "$1 needs root, and there is no sudo. Ask an administrator to run:" "  $2"
  fi
}

is_installed() { [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

is_available() { [[ $(LC_ALL=C apt-cache policy "$1" 2>/dev/null) =~ Candidate:\ [^\(] ]]; }

install_missing() {
  local missing=() unavailable=() package
  for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then
    say "all ${#packages[@]} packages are installed"
    return
  fi
  say "missing: ${missing[*]}"
  require_root_or_sudo "installing them" "apt-get update && apt-get install --no-install-recommends ${missing[*]}"
  as_root apt-get -o Acquire::Retries=3 -qq update ||
    fail "apt-get update failed: is the network up, and is /etc/apt/sources.list right?"
  if [[ " ${missing[*]} " == *" libtorch-dev "* ]] && ! is_available libtorch-dev; then
    say "this distribution has no libtorch-dev: $libtorch_url takes its place"
    fetch_libtorch=true
    mapfile -t missing < <(printf '%s\n' "${missing[@]}" ca-certificates curl unzip | grep -vx libtorch-dev)
  fi
  for package in "${missing[@]}"; do
    is_available "$package" || unavailable+=("$package")
  done
  if ((${#unavailable[@]} > 0)); then
    fail "not offered by this distribution: ${unavailable[*]}" \
      "On Ubuntu they are in \"universe\" (add-apt-repository universe). Debian 12 and Ubuntu 24.04 are supported."
  fi
  say "installing (this can be a download of several hundred megabytes)"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 -qq \
    install --yes --no-install-recommends "${missing[@]}" ||
    fail "apt-get could not install: ${missing[*]}"
  say "installed ${#missing[@]} packages"
}

# Downloads LibTorch into build/libtorch, completely or not at all.
download_libtorch() {
  local part=$libtorch.part$$
  local by_hand=("Take LibTorch from https://pytorch.org/get-started/locally/ (C++, cxx11 ABI) or build it, then" \
    "  export CMAKE_PREFIX_PATH=/path/to/libtorch" "and start again.")
  if [[ -z ${DEER_LIBTORCH_URL:-} && $(uname -m) != x86_64 ]]; then
    fail "there is no LibTorch to download for $(uname -m)." "${by_hand[@]}"
  fi
  mkdir -p "$part"
  # shellcheck disable=SC2064
  trap "rm -rf '$part'" EXIT
  say "downloading LibTorch into build/libtorch (about 200 megabytes)"
  curl --fail --location --silent --show-error --retry 3 --output "$part/libtorch.zip" "$libtorch_url" ||
    fail "cannot download $libtorch_url" "${by_hand[@]}"
  unzip -q "$part/libtorch.zip" -d "$part" || fail "$libtorch_url is not a complete zip archive." "${by_hand[@]}"
  [[ -e $part/libtorch/share/cmake/Torch/TorchConfig.cmake ]] ||
    fail "$libtorch_url holds no LibTorch (libtorch/share/cmake/Torch/TorchConfig.cmake)." "${by_hand[@]}"
  rm -rf "$libtorch"
  mv "$part/libtorch" "$libtorch"
}

# A LibTorch for CUDA in build/torch, completely or not at all, if there is a GPU whose driver can use it.
choose_cuda_torch() {
  local driver prefix part=$torch.part$$
  if [[ ${DEER_CUDA:-} == off ]] || own_libtorch >/dev/null; then return; fi
  driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1) || true
  if [[ ! $driver =~ ^[0-9]+\. ]]; then return; fi
  if ((${driver%%.*} < oldest_driver)); then
    say "the NVIDIA driver $driver is too old for CUDA 12, which needs $oldest_driver: models will run on the CPU"
    return
  fi
  mkdir -p "$part"
  if prefix=$(python3 -c 'import os, torch; assert torch.version.cuda; print(os.path.dirname(torch.__file__))' \
    2>/dev/null); then
    say "there is a GPU (driver $driver): LibTorch is python3's PyTorch, $prefix"
    ln -s "$prefix" "$part/torch"
  else
    say "there is a GPU (driver $driver): downloading PyTorch $torch_version for CUDA into build/torch (3 gigabytes)"
    if ! python3 -m pip install --quiet --disable-pip-version-check --only-binary=:all: --target "$part" \
      "torch==$torch_version"; then
      say "PyTorch cannot be downloaded: models will run on the CPU"
      rm -rf "$part"
      return
    fi
  fi
  rm -rf "$torch"
  mv "$part" "$torch"
}

# Puts Apache Arrow into build/arrow, completely or not at all. What does not work is said, and the build goes on.
fetch_arrow() {
  local part=$arrow.part$$ wheel library
  if [[ ${DEER_ARROW:-} == off ]]; then return; fi
  if [[ -e $arrow/version && $(<"$arrow/version") == "$arrow_version" ]]; then
    say "Apache Arrow $arrow_version is in build/arrow"
    return
  fi
  say "downloading pyarrow $arrow_version for Apache Arrow into build/arrow (about 50 megabytes)"
  mkdir -p "$part"
  if ! python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --implementation cp --python-version 3.11 --platform "manylinux_2_28_$(uname -m)" \
    --dest "$part" "pyarrow==$arrow_version"; then
    say "pyarrow cannot be downloaded: LeRobot datasets will not open, all else works"
    rm -rf "$part"
    return
  fi
  wheel=$(echo "$part"/pyarrow-*.whl)
  python3 -m zipfile -e "$wheel" "$part/wheel" || fail "$wheel is not a complete zip archive."
  mkdir -p "$part/arrow/lib" "$part/arrow/include"
  mv "$part/wheel/pyarrow/include/arrow" "$part/wheel/pyarrow/include/parquet" "$part/arrow/include"
  for library in arrow parquet; do
    mv "$part"/wheel/pyarrow/lib$library.so.* "$part/arrow/lib"
    (cd "$part/arrow/lib" && ln -s lib$library.so.* lib$library.so)
  done
  printf '%s\n' "$arrow_version" >"$part/arrow/version"
  rm -rf "$arrow"
  mv "$part/arrow" "$arrow"
  rm -rf "$part"
}

# The reference BLAS is about fifty times slower than OpenBLAS; any other choice is kept.
choose_blas() {
  local triplet library current wanted
  triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -dumpmachine)
  for library in blas lapack; do
    current=$(readlink -f "/usr/lib/$triplet/lib$library.so.3" || true)
    wanted=/usr/lib/$triplet/openblas-pthread/lib$library.so.3
    if [[ $current == */"$library"/lib"$library".so.3* && -e $wanted ]]; then
      require_root_or_sudo "choosing OpenBLAS" "update-alternatives --set lib$library.so.3-$triplet $wanted"
      as_root update-alternatives --quiet --set "lib$library.so.3-$triplet" "$wanted"
      current=$(readlink -f "/usr/lib/$triplet/lib$library.so.3")
      say "$library was the slow reference library, now $current"
    else
      say "$library is ${current:-missing}"
    fi
  done
}

main() {
  local folder
  if folder=$(own_libtorch); then
    say "LibTorch is $folder"
    mapfile -t packages < <(printf '%s\n' "${packages[@]}" | grep -vx libtorch-dev)
  fi
  case ${1:-} in
    --list)
      printf '%s\n' "${packages[@]}"
      return
      ;;
    --fuzz) packages+=("${for_fuzz[@]}") ;;
    --checks) packages+=("${for_checks[@]}") ;;
    '') ;;
    *) fail "unknown argument '$1'; usage: packaging/setup.sh [--list | --fuzz | --checks]" ;;
  esac
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    fail "there is no apt-get here: only Debian 12 and Ubuntu 24.04 are set up by this script." \
      "Elsewhere install what these packages hold: ${packages[*]}"
  fi
  install_missing
  choose_cuda_torch
  if [[ $fetch_libtorch == true ]] && ! own_libtorch >/dev/null; then download_libtorch; fi
  fetch_arrow
  choose_blas
}

main "$@"
