// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "core/base/json_file.h"
#include "core/exits/engine.h"
#include "core/exits/policy_summary.h"

namespace deer::cli {

/// What a policy did over some frames.
struct Summaries {
  PolicySummary llm;    ///< costs of the language model alone
  PolicySummary whole;  ///< of the whole step
};

/// Gathers both frame by frame.
class SummaryBuilder {
 public:
  SummaryBuilder(const ModelSummary& model, double close_share);
  void add(const FrameRecord& record, const std::optional<std::array<double, 7>>& recorded);
  Summaries summaries() const { return {llm_.summary(), whole_.summary()}; }

 private:
  PolicySummaryBuilder llm_;
  PolicySummaryBuilder whole_;
};

struct ReplayedTrace {
  std::filesystem::path file;
  bool exact = true;
  Summaries summaries;
};

void print_summary(const Summaries& summaries);
/// A line a trace.
void print_table(const std::vector<ReplayedTrace>& traces);

Json to_json(const Summaries& summaries);
Json to_json(const ReplayedTrace& trace);

}  // namespace deer::cli
