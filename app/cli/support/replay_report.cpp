// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/support/replay_report.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "core/base/error.h"
#include "core/budget/cost_model.h"
#include "core/budget/saving.h"

namespace deer::cli {
namespace {

FrameCosts costs(const ModelSummary& summary, bool whole, const ExitPolicy& policy = {}) {
  if (!summary.config) return {};
  const auto model = std::make_shared<CostModel>(*summary.config);
  model->set_gate(gate_cost(policy));
  const int deepest = summary.exit_layers.back();
  if (whole) {
    return {[model](const FrameRecord& r) { return model->step(r).total(); },
            [model, deepest](const FrameRecord& r) { return model->total_gflops(deepest, r.prompt_tokens); }};
  }
  return {[model](const FrameRecord& r) { return model->step(r).llm; },
          [model, deepest](const FrameRecord& r) { return model->llm_gflops(deepest, r.prompt_tokens); }};
}

void print_numbers(const char* what, const RunningFigure& numbers) {
  if (numbers.count == 0) return;
  std::printf("%-28s mean %.5g, largest %.5g (%lld frames)\n", what, numbers.mean(), numbers.peak,
              static_cast<long long>(numbers.count));
}

/// A number in `format`, or a dash of the same width.
std::string cell(const char* format, bool known, double value) {
  std::array<char, 32> text{};
  const int length = std::snprintf(text.data(), text.size(), format, value);
  if (known) return text.data();
  return std::string(static_cast<std::size_t>(std::clamp(length, 1, 31) - 1), ' ') + "-";
}

}  // namespace

SummaryBuilder::SummaryBuilder(const ModelSummary& model, double close_share, const ExitPolicy& policy)
    : llm_(model.exit_layers, costs(model, false), close_share),
      whole_(model.exit_layers, costs(model, true, policy), close_share) {}

void SummaryBuilder::add(const FrameRecord& record, std::span<const double> recorded) {
  llm_.add(record, recorded);
  whole_.add(record, recorded);
}

void print_summary(const Summaries& summaries) {
  const auto& s = summaries.llm;
  const auto& total = summaries.whole;
  std::printf("%lld frames\n", static_cast<long long>(s.frames));
  for (std::size_t i = 0; i < s.exit_layers.size(); ++i) {
    std::printf("exits after layer %-10d %lld\n", s.exit_layers[i], static_cast<long long>(s.frames_by_exit[i]));
  }
  if (s.frames_elsewhere > 0) {
    std::printf("exits after other layers     %lld\n", static_cast<long long>(s.frames_elsewhere));
  }
  print_numbers("depth, layers", s.depth);
  print_numbers("LLM, GFLOPs", s.cost);
  print_numbers("whole step, GFLOPs", total.cost);
  if (s.full_cost.count > 0) {
    std::printf("saving                       %.2f× less LLM compute than full depth, %.2f× less in the whole step\n",
                times_less(s.saving()), times_less(total.saving()));
  }
  print_numbers("error to the deepest exit", s.error_to_deepest);
  print_numbers("error to recorded action", s.error_to_recorded);
  std::printf("gripper differs              %lld from the deepest exit, %lld from the recording\n",
              static_cast<long long>(s.gripper_differs_from_deepest),
              static_cast<long long>(s.gripper_differs_from_recorded));
  std::printf("close to a threshold         %lld frames, within %g %%\n", static_cast<long long>(s.close_count),
              100 * s.close_share);
}

void print_table(const std::vector<ReplayedTrace>& traces) {
  std::size_t wide = 5;
  for (const auto& one : traces) wide = std::max(wide, one.file.string().size());
  const auto name_width = static_cast<int>(wide);
  std::printf("%-*s %8s %7s %10s %10s %7s %10s %11s %17s %6s\n", name_width, "", "", "mean", "mean LLM", "largest", "",
              "error to", "error to", "gripper differs", "close");
  std::printf("%-*s %8s %7s %10s %10s %7s %10s %11s %8s %8s %6s\n", name_width, "trace", "frames", "depth", "GFLOPs",
              "GFLOPs", "saved", "deepest", "recorded", "deepest", "recorded", "");
  for (const auto& [file, exact, summaries] : traces) {
    const auto& s = summaries.llm;
    const bool costs = s.cost.count > 0;
    std::printf("%-*s %8lld %s %s %s %s %s %s %8lld %8lld %6lld\n", name_width, printable(file.string()).c_str(),
                static_cast<long long>(s.frames), cell("%7.2f", true, s.depth.mean()).c_str(),
                cell("%10.4g", costs, s.cost.mean()).c_str(), cell("%10.4g", costs, s.cost.peak).c_str(),
                cell("%5.1f %%", s.full_cost.count > 0, 100 * s.saving()).c_str(),
                cell("%10.4g", s.error_to_deepest.count > 0, s.error_to_deepest.mean()).c_str(),
                cell("%11.4g", s.error_to_recorded.count > 0, s.error_to_recorded.mean()).c_str(),
                static_cast<long long>(s.gripper_differs_from_deepest),
                static_cast<long long>(s.gripper_differs_from_recorded), static_cast<long long>(s.close_count));
  }
  std::printf("\n%zu traces\n", traces.size());
}

Json to_json(const Summaries& summaries) {
  return {{"summary", deer::to_json(summaries.llm)},
          {"whole_step",
           {{"cost_unit", "GFLOPs of a whole step, multiply-add = 1"},
            {"mean", summaries.whole.cost.mean()},
            {"peak", summaries.whole.cost.peak},
            {"saving", summaries.whole.saving()}}}};
}

Json to_json(const ReplayedTrace& trace) {
  auto out = to_json(trace.summaries);
  out["trace"] = trace.file.filename().string();
  out["exact"] = trace.exact;
  return out;
}

}  // namespace deer::cli
