// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>

#include "core/base/json_file.h"
#include "core/exits/exit_policy.h"

namespace deer {

/// A policy as stored in files. Thresholds are numbers; forced exits a list of [frame, layer].
Json policy_to_json(const ExitPolicy& policy);

/// The reverse; missing fields get their defaults. Throws FileError naming `file` and the field.
ExitPolicy policy_from_json(const std::filesystem::path& file, const Json& json);

}  // namespace deer
