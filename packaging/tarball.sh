#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes an archive that runs on any Linux desktop with the C library of the building machine or a newer one (Debian 12:
# glibc 2.36): unpack it anywhere and start bin/deerscope. It carries all libraries but those that belong to the system:
# the C and C++ runtime, the graphics driver's, X11's and the fonts'.
# Usage: packaging/tarball.sh [BUILD [OUT]]      (build/release, build/release; needs patchelf and xz)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(realpath "${1:-$root/build/release}")
out=$(realpath "${2:-$build}")

say() { printf 'tarball: %s\n' "$*"; }
command -v patchelf >/dev/null || {
  say 'patchelf is missing: install the package patchelf'
  exit 1
}

version=$(sed -n 's/^CMAKE_PROJECT_VERSION:STATIC=//p' "$build/CMakeCache.txt")
name=deerscope-$version-linux-$(uname -m)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
tree=$stage/$name
libraries=$tree/lib/deerscope
plugins=$libraries/plugins

cmake --install "$build" --prefix "$tree" --strip >/dev/null
mkdir -p "$plugins"

# As in AppImage's list of libraries that every desktop has and that must fit its driver and configuration.
system='^(ld-linux.*|lib(anl|BrokenLocale|c|dl|m|mvec|nss_.*|pthread|resolv|rt|thread_db|util|stdc\+\+|gcc_s|GL|EGL|GLX|GLdispatch|OpenGL|GLU|drm|glapi|gbm|xcb|xcb-dri[23]|X11|X11-xcb|asound|fontconfig|freetype|harfbuzz|thai|fribidi|expat|gpg-error|ICE|SM|usb-1\.0|uuid|z|com_err|gmp))\.so'

take() { # take FILE...: copies their libraries, and those of these
  local -A found=()
  local soname path open=("$@") file
  while read -r soname path; do found[$soname]=$path; done < <(ldd "$@" | awk '$2 == "=>" { print $1, $3 }')
  while ((${#open[@]} > 0)); do
    file=${open[0]}
    open=("${open[@]:1}")
    while read -r soname; do
      [[ $soname =~ $system || -e $libraries/$soname ]] && continue
      path=${found[$soname]:-}
      [[ -e $path ]] || {
        say "$soname, which $(basename "$file") needs, was not found"
        exit 1
      }
      cp -L "$path" "$libraries/$soname"
      chmod u+w,a-x "$libraries/$soname"
      open+=("$libraries/$soname")
    done < <(patchelf --print-needed "$file")
  done
}

say 'libraries'
mapfile -t programs < <(find "$tree/bin" -type f -executable)
take "${programs[@]}"

# Qt loads these while it runs.
qt=$(sed -n 's/^Qt6Core_DIR:PATH=//p' "$build/CMakeCache.txt")
if [[ -n $qt ]]; then
  qt_plugins=$(realpath "$qt/../../qt6/plugins")
  for folder in platforms imageformats iconengines platforminputcontexts xcbglintegrations; do
    mkdir -p "$plugins/$folder"
    for plugin in "$qt_plugins/$folder"/*.so; do
      case $(basename "$plugin") in
        # Screens without a desktop.
        libq*eglfs*.so | libqlinuxfb.so | libqvnc.so | libqvkkhrdisplay.so | libqminimalegl.so) continue ;;
      esac
      cp -L "$plugin" "$plugins/$folder/"
    done
  done
  mapfile -t plugin_files < <(find "$plugins" -name '*.so')
  take "${plugin_files[@]}"
  printf '[Paths]\nPrefix = ..\nPlugins = lib/deerscope/plugins\n' >"$tree/bin/qt.conf"
fi

say 'paths'
# shellcheck disable=SC2016
{
  for file in "$libraries"/*.so*; do patchelf --set-rpath '$ORIGIN' "$file"; done
  find "$plugins" -name '*.so' -exec patchelf --set-rpath '$ORIGIN/../..' {} +
  for file in "${programs[@]}"; do patchelf --set-rpath '$ORIGIN/../lib/deerscope' "$file"; done
}

say 'archive'
mkdir -p "$out"
tar -C "$stage" --owner=0 --group=0 --sort=name -cf - "$name" | xz -T0 -3 >"$out/$name.tar.xz"
say "$(du -sh "$tree" | cut -f1) unpacked, $(find "$libraries" -name '*.so*' | wc -l) libraries"
say "made $out/$name.tar.xz ($(du -h "$out/$name.tar.xz" | cut -f1))"
