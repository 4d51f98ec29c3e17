#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Sets the machine up, builds everything and runs every test.
# Usage: packaging/test.sh [CTEST ARGUMENT...], for example packaging/test.sh -R model
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

"$root/packaging/build.sh"
exec ctest --test-dir "$root/build/dev" --output-on-failure --no-tests=error "$@"
