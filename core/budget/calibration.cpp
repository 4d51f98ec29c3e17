// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/budget/calibration.h"

#include <ATen/ATen.h>

#include <cmath>

#include "core/base/error.h"
#include "core/model/tensor_archive.h"

namespace deer {

std::vector<float> CalibrationSet::flat() const {
  std::vector<float> out;
  out.reserve(static_cast<std::size_t>(exits() * samples()));
  for (const auto& row : values) out.insert(out.end(), row.begin(), row.end());
  return out;
}

void add_window(const Engine& engine, std::span<const FrameRecordPtr> records, std::span<const int> history,
                std::size_t first, const ExitPolicy& criterion, CalibrationSet& set, std::stop_token stop) {
  const auto& exits = engine.summary().exit_layers;
  if (records.size() != history.size() || first >= records.size()) {
    throw Error("a calibration window has " + std::to_string(records.size()) + " frames and a history of " +
                std::to_string(history.size()) + ", expected the same number, more than " + std::to_string(first));
  }
  if (set.exit_layers.empty()) set.exit_layers = exits;
  if (set.exit_layers != exits) throw Error("the calibration set was begun with a model that has other exits");
  set.values.resize(exits.size());

  ExitPolicy policy;
  policy.criterion = criterion.criterion;
  policy.delta_type = criterion.delta_type;
  policy.thresholds.assign(exits.size(), kAlwaysLeave);
  std::vector<FrameRecordPtr> window;
  for (std::size_t i = 0; i < records.size(); ++i) {
    // The window is an episode of its own: its first frame finds no memory.
    auto record = *records[i];
    record.frame = static_cast<std::int64_t>(i);
    record.step = static_cast<int>(i);
    window.push_back(std::make_shared<const FrameRecord>(std::move(record)));
    const int index = history[i];
    if (index < 0 || static_cast<std::size_t>(index) >= exits.size()) {
      throw Error("a calibration history names exit " + std::to_string(index) + ", the model has " +
                  std::to_string(exits.size()));
    }
    policy.forced_layers[static_cast<std::int64_t>(i)] = exits[static_cast<std::size_t>(index)];
  }
  const auto replayed = engine.replay(window, policy, std::move(stop));
  for (std::size_t step = first; step < records.size(); ++step) {
    for (std::size_t exit = 0; exit < exits.size(); ++exit) {
      const ExitProbe* probe = replayed[step]->probe_at(exits[exit]);
      if (probe == nullptr || !std::isfinite(probe->delta)) {
        throw Error("frame " + std::to_string(records[step]->frame) + " gives no value at exit layer " +
                    std::to_string(exits[exit]) + ": record it in probe mode");
      }
      set.values[exit].push_back(probe->delta);
    }
  }
}

void write_calibration(const std::filesystem::path& file, const CalibrationSet& set) {
  auto flat = set.flat();
  std::vector<std::int64_t> layers(set.exit_layers.begin(), set.exit_layers.end());
  std::map<std::string, at::Tensor> tensors;
  tensors["values"] = at::tensor(flat, at::kFloat).view({set.exits(), set.samples()});
  tensors["exit_layers"] = at::tensor(layers, at::kLong);
  write_safetensors(file, tensors, set.provenance);
}

CalibrationSet read_calibration(const std::filesystem::path& file) {
  const auto archive = TensorArchive::open(file);
  if (!archive->contains("values")) throw FileError(file, "has no tensor 'values': it is no calibration set");
  const auto values = archive->read("values").to(at::kFloat).contiguous();
  if (values.dim() != 2 || values.size(0) < 1 || values.size(1) < 1) {
    throw FileError(
        file, "'values' has " + std::to_string(values.dim()) + " dimensions or no numbers, expected [exits, samples]");
  }
  CalibrationSet set;
  const float* data = values.data_ptr<float>();
  for (std::int64_t exit = 0; exit < values.size(0); ++exit, data += values.size(1)) {
    set.values.emplace_back(data, data + values.size(1));
    for (const float value : set.values.back()) {
      if (!(value >= 0)) throw FileError(file, "'values' holds a number that is no difference (negative or NaN)");
    }
  }
  if (archive->contains("exit_layers")) {
    const auto layers = archive->read("exit_layers").to(at::kLong).contiguous();
    if (layers.dim() != 1 || layers.size(0) != values.size(0)) {
      throw FileError(file, "'exit_layers' does not name one layer for each of the " + std::to_string(values.size(0)) +
                                " rows of 'values'");
    }
    const auto* layer = layers.data_ptr<std::int64_t>();
    set.exit_layers.assign(layer, layer + layers.size(0));
  }
  for (const auto& [key, value] : archive->fields().items()) {
    if (value.is_string()) set.provenance[key] = value.get<std::string>();
  }
  return set;
}

}  // namespace deer
