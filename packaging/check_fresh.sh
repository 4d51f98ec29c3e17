#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs README's two commands on a clone of HEAD in a fresh root.
# Usage: packaging/check_fresh.sh [SUITE]      (bookworm; needs root, debootstrap and a Debian mirror)
# DEER_MIRROR: the mirror, if it is not the one of this machine's sources.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$here/packaging/fresh_root.sh"
suite=${1:-bookworm}

say() { printf 'fresh: %s\n' "$*"; }

say "a fresh $suite"
make_root "$suite"
git clone -q --no-hardlinks "$here" "$root/root/deerscope"
# Where pip looks for packages, if this machine has its own place.
for file in /etc/pip.conf /root/.config/pip/pip.conf; do
  [[ -f $file ]] && install -D "$file" "$root$file"
done
mount -t devtmpfs devtmpfs "$root/dev" 2>/dev/null || mount --bind /dev "$root/dev"
trap 'umount "$root/dev" 2>/dev/null || true; remove_root' EXIT

for command in packaging/demo.sh packaging/test.sh; do
  say "$command"
  inside bash -c "cd /root/deerscope && PIP_INDEX_URL='${PIP_INDEX_URL:-}' $command"
done
say 'passed'
