// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/commands/calibration_collector.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <string>

#include "core/base/error.h"
#include "core/train/run/data_parallel.h"

namespace deer::cli {

CalibrationCollector::CalibrationCollector(int samples, int window)
    : samples_(samples),
      each_(samples_of_window(window)),
      done_(static_cast<std::size_t>((samples + each_ - 1) / each_), false) {}

void CalibrationCollector::take(const Json& entry) {
  const auto window = entry.at("window").get<std::int64_t>();
  if (window < 0 || window >= windows() || has(window)) return;
  if (entry.contains("skipped")) {
    broken_.add(entry["skipped"].get<std::string>());
  } else {
    broken_.add_good();
  }
  const auto layers = entry.at("exit_layers").get<std::vector<int>>();
  if (set_.exit_layers.empty()) begin(layers);
  if (layers != set_.exit_layers) throw Error("the processes loaded models with different exits");
  fill(entry.at("values"), window, set_.values);
  fill(entry.at("errors"), window, set_.errors);
  if (entry.contains("recorded")) {
    if (set_.recorded_errors.empty()) set_.recorded_errors.assign(layers.size(), blank());
    fill(entry.at("recorded"), window, set_.recorded_errors);
  }
  done_[static_cast<std::size_t>(window)] = true;
  ++count_;
}

void CalibrationCollector::gather(const DataParallel& processes) {
  if (processes.size() == 1) return;
  auto layers = at::zeros({256});
  for (std::size_t i = 0; i < set_.exit_layers.size() && i < 256; ++i) {
    layers[static_cast<std::int64_t>(i)] = set_.exit_layers[i] + 1;
  }
  auto everywhere = layers;
  auto owners = at::full({1}, set_.exit_layers.empty() ? 0.0F : 1.0F);
  processes.sum(everywhere);
  processes.sum(owners);
  auto recorded = at::full({1}, set_.recorded_errors.empty() ? 0.0F : 1.0F);
  processes.sum(recorded);
  std::vector<int> exits;
  for (std::int64_t i = 0; i < 256; ++i) {
    const float sum = everywhere[i].item<float>();
    if (sum > 0) exits.push_back(static_cast<int>(std::lround(sum / owners.item<float>())) - 1);
  }
  if (set_.exit_layers.empty()) begin(exits);
  if (exits != set_.exit_layers) throw Error("the processes loaded models with different exits");
  if (set_.recorded_errors.empty() && recorded.item<float>() > 0) {
    set_.recorded_errors.assign(exits.size(), blank());
  }
  for (auto* rows : {&set_.values, &set_.errors, &set_.recorded_errors}) {
    for (auto& row : *rows) add_up(row, processes);
  }
  done_.assign(done_.size(), true);
  count_ = windows();
}

std::vector<float> CalibrationCollector::blank() const {
  return std::vector<float>(static_cast<std::size_t>(samples_), std::numeric_limits<float>::quiet_NaN());
}

void CalibrationCollector::begin(const std::vector<int>& layers) {
  set_.exit_layers = layers;
  set_.values.assign(layers.size(), blank());
  set_.errors.assign(layers.size(), blank());
}

void CalibrationCollector::fill(const Json& rows, std::int64_t window, std::vector<std::vector<float>>& to) const {
  if (rows.size() != to.size()) throw Error("a calibration window has the wrong number of exits");
  for (std::size_t exit = 0; exit < to.size(); ++exit) {
    if (rows[exit].size() != static_cast<std::size_t>(each_)) throw Error("a calibration window is incomplete");
    for (int i = 0; i < each_; ++i) {
      const auto place = window * each_ + i;
      if (place >= samples_) break;
      const auto& number = rows[exit][static_cast<std::size_t>(i)];
      if (!number.is_null()) to[exit][static_cast<std::size_t>(place)] = number.get<float>();
    }
  }
}

// Values and a mask of valid values are summed separately: NaN would spread through the sum.
void CalibrationCollector::add_up(std::vector<float>& row, const DataParallel& processes) const {
  auto numbers = at::zeros({2, static_cast<std::int64_t>(row.size())});
  float* to = numbers.data_ptr<float>();
  for (std::size_t i = 0; i < row.size(); ++i) {
    const bool mine = static_cast<std::int64_t>(i) / each_ % processes.size() == processes.rank();
    if (!mine || std::isnan(row[i])) continue;
    to[i] = row[i];
    to[row.size() + i] = 1;
  }
  processes.sum(numbers);
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[i] = to[row.size() + i] > 0 ? to[i] : std::numeric_limits<float>::quiet_NaN();
  }
}

}  // namespace deer::cli
