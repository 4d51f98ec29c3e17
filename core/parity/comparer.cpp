// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/parity/comparer.h"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace deer {
namespace {

std::string shape_text(const at::Tensor& tensor) {
  std::ostringstream out;
  out << tensor.sizes();
  return out.str();
}

}  // namespace

void Comparer::add(Comparison comparison) {
  passed_ = passed_ && comparison.passed;
  ++made_;
  report_(comparison);
}

void Comparer::tensors(const std::string& name, const at::Tensor& ours, const at::Tensor& golden, double tolerance) {
  Comparison out;
  out.name = name;
  out.count = golden.numel();
  out.tolerance = tolerance;
  if (!ours.defined() || ours.sizes() != golden.sizes()) {
    out.problem =
        "ours is " + (ours.defined() ? shape_text(ours) : std::string("missing")) + ", golden is " + shape_text(golden);
    add(std::move(out));
    return;
  }
  const auto a = ours.to(at::kCPU, at::kDouble).contiguous();
  const auto b = golden.to(at::kCPU, at::kDouble).contiguous();
  const auto* x = a.data_ptr<double>();
  const auto* y = b.data_ptr<double>();
  out.passed = true;
  double scale = 0;
  for (std::int64_t i = 0; i < out.count; ++i) {
    if (std::isnan(x[i]) != std::isnan(y[i])) {
      out.passed = false;
      out.problem = "element " + std::to_string(i) + (std::isnan(x[i]) ? " was not evaluated" : " was evaluated") +
                    ", unlike the golden one";
      continue;
    }
    if (std::isnan(x[i])) continue;
    // Equal values, infinities included, have no error.
    const double error = x[i] == y[i] ? 0.0 : std::abs(x[i] - y[i]);
    out.largest_absolute = std::max(out.largest_absolute, error);
    scale = std::max(scale, std::abs(y[i]));
    if (!std::isfinite(error) || error > tolerance * std::max(1.0, std::abs(y[i]))) out.passed = false;
  }
  out.largest_relative = scale > 0 ? out.largest_absolute / scale : 0.0;
  add(std::move(out));
}

void Comparer::golden(const TensorArchive& archive, const std::string& name, const at::Tensor& ours, double tolerance,
                      const std::string& shown) {
  used_.insert({archive.path(), name});
  tensors(shown.empty() ? name : shown, ours, archive.read(name), tolerance);
}

void Comparer::golden_relative(const TensorArchive& archive, const std::string& name, const at::Tensor& ours,
                               double tolerance, const std::string& shown) {
  used_.insert({archive.path(), name});
  const auto golden = archive.read(name).to(at::kDouble);
  const double largest = golden.numel() > 0 ? golden.abs().max().item<double>() : 0.0;
  const double scale = largest > 0 ? largest : 1.0;
  tensors(shown.empty() ? name : shown, ours.to(at::kDouble) / scale, golden / scale, tolerance);
}

void Comparer::condition(const std::string& name, bool passed, const std::string& problem, std::int64_t count) {
  Comparison out;
  out.name = name;
  out.count = count;
  out.passed = passed;
  if (!passed) out.problem = problem;
  add(std::move(out));
}

void Comparer::all_present(const TensorArchive& archive, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    if (!archive.contains(name)) condition(name, false, "the golden data lacks this tensor");
  }
}

void Comparer::not_compared(const std::string& name, const std::string& why) {
  Comparison out;
  out.name = name;
  out.passed = true;
  out.problem = "not compared: " + why;
  report_(out);
}

void Comparer::nothing_left_out(const TensorArchive& archive, const std::set<std::string>& inputs) {
  for (const auto& [name, entry] : archive.entries()) {
    if (inputs.contains(name) || used_.contains({archive.path(), name})) continue;
    condition(name, false, "this golden tensor was not compared: unknown name");
  }
}

}  // namespace deer
