// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <utility>

#include "core/base/error.h"
#include "core/episodes/frame_source.h"

namespace deer {

/// A live source whose frames another program sends, with their instructions.
class FedSource : public FrameSource {
 public:
  explicit FedSource(SourceInfo info) : info_(std::move(info)) {}

  const SourceInfo& info() const override { return info_; }
  std::optional<std::int64_t> length() const override { return std::nullopt; }
  const std::vector<InstructionSpan>& instructions() const override { return no_instructions_; }
  /// Throws Error: it is live.
  ObservationPtr read(std::int64_t) override { throw Error("'" + info_.title + "' is live: its frames come in order"); }

 private:
  const SourceInfo info_;
  const std::vector<InstructionSpan> no_instructions_;
};

}  // namespace deer
