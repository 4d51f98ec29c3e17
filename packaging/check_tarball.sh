#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Unpacks an archive of packaging/tarball.sh in a fresh root that has only what every desktop has, and runs it there.
# Usage: packaging/check_tarball.sh ARCHIVE [SUITE]      (bookworm, trixie; needs root, debootstrap and a mirror)
# DEER_MIRROR: the mirror, if it is not the one of this machine's sources.
set -euo pipefail
archive=$(realpath "$1")
suite=${2:-bookworm}
# shellcheck source=packaging/fresh_root.sh
source "$(dirname "${BASH_SOURCE[0]}")/fresh_root.sh"

say() { printf 'tarball: %s\n' "$*"; }

say "a fresh $suite"
make_root "$suite"
desktop=(xvfb xauth libgl1 libegl1 libopengl0 libgl1-mesa-dri libx11-6 libx11-xcb1 libxcb1 libxcb-dri2-0 libxcb-dri3-0
  libfontconfig1 libfreetype6 libharfbuzz0b libthai0 libfribidi0 libexpat1 libsm6 libice6 libusb-1.0-0 libuuid1
  libcom-err2 libgpg-error0 libgmp10 zlib1g libstdc++6 fonts-dejavu-core)
# Newer releases name it after its new interface.
inside apt-cache show libasound2t64 >/dev/null 2>&1 && desktop+=(libasound2t64) || desktop+=(libasound2)
inside apt-get install -q -y --no-install-recommends "${desktop[@]}" >/dev/null
mkdir "$root/opt/unpacked"
xz -dc "$archive" | tar -C "$root/opt/unpacked" -xf - --strip-components=1

say 'libraries'
# shellcheck disable=SC2016
missing=$(inside bash -c 'for file in /opt/unpacked/bin/deer* $(find /opt/unpacked/lib -name "*.so*"); do
  ldd "$file" 2>/dev/null | sed -n "s|^\s*\(.*\) => not found|\1, for $file|p"; done')
[[ -z $missing ]] || {
  say "missing: $missing"
  exit 1
}

say 'run'
demo=/opt/unpacked/share/deerscope/demo
inside /opt/unpacked/bin/deer info "$demo/model"
inside /opt/unpacked/bin/deer run "$demo/model" "$demo/episodes" --table | tail -n 1
inside env LIBGL_ALWAYS_SOFTWARE=1 xvfb-run -a -s '-screen 0 1600x1000x24' timeout 300 /opt/unpacked/bin/deerscope \
  --model "$demo/model" --episode "$demo/episodes" --run --screenshot /root/shot.png
[[ -s $root/root/shot.png ]]
cp "$root/root/shot.png" "$(dirname "$archive")/$suite.png"
say "passed; screenshot: $(dirname "$archive")/$suite.png"
