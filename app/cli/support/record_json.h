// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/json_file.h"
#include "core/episodes/frame_source.h"
#include "core/exits/frame_record.h"

namespace deer::cli {

/// One line of `deer run`: a record without its pooled features. Numbers that were not evaluated are null.
/// Fields are described in docs/formats.md.
Json to_json(const FrameRecord& record, const Observation& observation, const std::string& instruction);

}  // namespace deer::cli
