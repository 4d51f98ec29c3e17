#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Installs a Debian package of Deerscope in a fresh root, runs it there and removes it again.
# Usage: packaging/check_package.sh PACKAGE.deb [SUITE]      (bookworm; needs root, debootstrap and a Debian mirror)
# DEER_MIRROR: the mirror, if it is not the one of this machine's sources.
set -euo pipefail
package=$(realpath "$1")
suite=${2:-bookworm}
# shellcheck source=packaging/fresh_root.sh
source "$(dirname "${BASH_SOURCE[0]}")/fresh_root.sh"

say() { printf 'package: %s\n' "$*"; }

say "a fresh $suite"
make_root "$suite"
cp "$package" "$root/deerscope.deb"

say 'install'
inside apt-get install -q -y --no-install-recommends /deerscope.deb xvfb xauth libgl1-mesa-dri >/dev/null
inside dpkg --status deerscope | grep -E '^(Version|Installed-Size):'
# shellcheck disable=SC2016
before=$(inside dpkg --listfiles deerscope | sort)

say 'run'
inside deer info /usr/share/deerscope/demo/model
inside deer run /usr/share/deerscope/demo/model /usr/share/deerscope/demo/episodes --table | tail -n 1
inside env LIBGL_ALWAYS_SOFTWARE=1 xvfb-run -a -s '-screen 0 1600x1000x24' timeout 300 deerscope \
  --model /usr/share/deerscope/demo/model --episode /usr/share/deerscope/demo/episodes --run --screenshot /root/shot.png
[[ -s $root/root/shot.png ]]

say 'remove'
inside apt-get purge -q -y deerscope >/dev/null
left=$(while read -r file; do [[ -f $root$file ]] && printf '%s\n' "$file"; done <<<"$before" || true)
[[ -z $left ]] || {
  say "files are left behind: $left"
  exit 1
}
say 'passed'
