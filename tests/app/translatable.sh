#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Fails if lupdate finds texts that it cannot take out of the sources. Usage: translatable.sh LUPDATE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" -locations none app/gui widgets sessions -I . -ts "$work/deerscope_xx.ts" >"$work/log" 2>&1
if grep -E 'lacks Q_OBJECT|cannot be|Discarding|tr\(\)' "$work/log"; then exit 1; fi
texts=$(grep -c '<source>' "$work/deerscope_xx.ts")
printf '%s texts\n' "$texts"
((texts > 1000))
