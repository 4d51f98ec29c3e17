// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <set>
#include <string>

#include "core/model/weights/tensor_archive.h"
#include "core/parity/comparison.h"

namespace deer {

inline constexpr double kTolerance = 1e-4;         // float32 arithmetic in another order
inline constexpr double kCommandTolerance = 1e-3;  // commands are rounded to half precision

/// Makes comparisons and records whether all passed and which golden tensors were used.
class Comparer {
 public:
  explicit Comparer(std::function<void(const Comparison&)> report) : report_(std::move(report)) {}

  /// Element by element: NaN must meet NaN, shapes must be equal.
  void tensors(const std::string& name, const at::Tensor& ours, const at::Tensor& golden, double tolerance);

  /// The same with a golden tensor of an archive, which counts as used.
  void golden(const TensorArchive& archive, const std::string& name, const at::Tensor& ours, double tolerance,
              const std::string& shown = {});

  /// The same, with the tolerance relative to the largest golden number: for gradients, which are small.
  void golden_relative(const TensorArchive& archive, const std::string& name, const at::Tensor& ours, double tolerance,
                       const std::string& shown = {});

  void condition(const std::string& name, bool passed, const std::string& problem, std::int64_t count = 1);

  /// Fails for each of `names` that `archive` lacks.
  void all_present(const TensorArchive& archive, const std::vector<std::string>& names);

  /// Reports something that could not be compared, and why.
  void not_compared(const std::string& name, const std::string& why);

  /// Fails for each tensor of `archive` that was never compared, except those in `inputs`.
  void nothing_left_out(const TensorArchive& archive, const std::set<std::string>& inputs = {});

  /// Adds a comparison made by another comparer.
  void forward(const Comparison& comparison) { add(comparison); }

  bool all_passed() const { return passed_; }
  bool empty() const { return made_ == 0; }

 private:
  void add(Comparison comparison);

  std::function<void(const Comparison&)> report_;
  std::set<std::pair<std::filesystem::path, std::string>> used_;
  bool passed_ = true;
  std::int64_t made_ = 0;
};

// One for each kind of golden folder. Each returns false if the folder is not of its kind.
bool compare_model(const std::filesystem::path& folder, const ParityOptions& options, Comparer& comparer);
bool compare_clip(const std::filesystem::path& folder, const ParityOptions& options, Comparer& comparer);
bool compare_images(const std::filesystem::path& folder, Comparer& comparer);
bool compare_text(const std::filesystem::path& folder, Comparer& comparer);
bool compare_thresholds(const std::filesystem::path& folder, Comparer& comparer);
bool compare_training(const std::filesystem::path& folder, const ParityOptions& options, Comparer& comparer);

}  // namespace deer
