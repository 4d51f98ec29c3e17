#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs a command on a virtual screen of its own. Usage: with_display.sh COMMAND [ARGUMENT...]
set -euo pipefail
export LIBGL_ALWAYS_SOFTWARE=1 QT_QPA_PLATFORM=xcb QT_SCALE_FACTOR="${QT_SCALE_FACTOR:-1}"
exec xvfb-run --auto-servernum --server-args="-screen 0 1600x1000x24" "$@"
