// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/json_file.h"
#include "sessions/debug/debug_state.h"

namespace deer {

Json to_json(const DebugState& state);
/// Throws FileError naming the field.
DebugState debug_state_from_json(const JsonFields& fields);

}  // namespace deer
