// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <map>

#include "core/model/weights.h"

namespace deer {

/// Source of a network's weights from tensors in memory. The map must outlive it.
class MapWeights final : public WeightSource {
 public:
  /// `path` is used in messages.
  MapWeights(const std::map<std::string, at::Tensor>& tensors, std::filesystem::path path)
      : tensors_(tensors), path_(std::move(path)) {}

  std::optional<at::Tensor> find(const std::string& name) const override {
    const auto found = tensors_.find(name);
    return found == tensors_.end() ? std::nullopt : std::optional(found->second);
  }
  std::optional<std::vector<std::int64_t>> shape(const std::string& name) const override {
    const auto tensor = find(name);
    return tensor ? std::optional(tensor->sizes().vec()) : std::nullopt;
  }
  std::set<std::string> names() const override {
    std::set<std::string> out;
    for (const auto& [name, tensor] : tensors_) out.insert(name);
    return out;
  }
  const std::filesystem::path& path() const override { return path_; }

 private:
  const std::map<std::string, at::Tensor>& tensors_;
  std::filesystem::path path_;
};

}  // namespace deer
