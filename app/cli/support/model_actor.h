// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "app/cli/support/policy_options.h"
#include "core/budget/cost_model.h"
#include "core/sim/chain_runner.h"

namespace deer::cli {

/// A model that acts on the table from camera images, in policy mode: it really stops early.
class ModelActor final : public TableActor {
 public:
  /// Loads the model. Throws Error.
  ModelActor(const std::filesystem::path& model, const EngineOptions& engine, const PolicyOptions& policy);

  void begin(const Task& task, const std::string& instruction, const TableState& start) override;
  std::array<double, 7> act(PlayTable& table, SubtaskResult& account) override;

  /// The model and its policy, for the results.
  Json description() const;

 private:
  std::unique_ptr<Engine> engine_;
  CostModel cost_;
  std::string instruction_;
  std::int64_t frame_ = 0;
};

}  // namespace deer::cli
