#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs README's two commands on a clone of HEAD in a fresh root.
# Usage: packaging/check_fresh.sh [SUITE]      (bookworm; needs root, debootstrap and a Debian mirror)
# DEER_MIRROR: the mirror, if it is not the one of this machine's sources.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=packaging/fresh_root.sh
source "$here/packaging/fresh_root.sh"
suite=${1:-bookworm}

say() { printf 'fresh: %s\n' "$*"; }

say "a fresh $suite"
make_root "$suite"
git clone -q --no-hardlinks "$here" "$root/root/deerscope"
# Where this machine's pip looks for packages.
for file in /etc/pip.conf /root/.config/pip/pip.conf; do
  [[ -f $file ]] && install -D "$file" "$root$file"
done

for command in packaging/demo.sh packaging/test.sh; do
  say "$command"
  inside bash -c "cd /root/deerscope && $command"
done
say 'passed'
