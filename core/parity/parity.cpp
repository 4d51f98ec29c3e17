// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/parity/parity.h"

#include <c10/util/Exception.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/parity/comparer.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

bool compare_kinds(const fs::path& folder, const ParityOptions& options, Comparer& comparer) {
  const bool found[] = {compare_model(folder, options, comparer), compare_clip(folder, options, comparer),
                        compare_images(folder, comparer),         compare_text(folder, comparer),
                        compare_thresholds(folder, comparer),     compare_training(folder, options, comparer)};
  return std::any_of(std::begin(found), std::end(found), [](bool f) { return f; });
}

// Golden tensors with the wrong shape cause errors in LibTorch.
bool compare_folder(const fs::path& folder, const ParityOptions& options, Comparer& comparer) {
  try {
    return compare_kinds(folder, options, comparer);
  } catch (const c10::Error& error) {
    throw FileError(folder, "cannot be compared: " + printable(error.what_without_backtrace(), 300));
  } catch (const FileError&) {
    throw;
  } catch (const Error& error) {
    throw FileError(folder, error.what());
  }
}

}  // namespace

bool run_parity(const fs::path& folder, const ParityOptions& options,
                const std::function<void(const Comparison&)>& report) {
  std::error_code error;
  if (!fs::is_directory(folder, error))
    throw FileError(folder, fs::exists(folder, error) ? "is not a folder" : "does not exist");
  Comparer comparer(report);
  if (compare_folder(folder, options, comparer)) {
    if (comparer.empty()) throw FileError(folder, "contains golden files with nothing to compare");
    return comparer.all_passed();
  }

  std::vector<fs::path> inside;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_directory(error)) inside.push_back(entry.path());
  }
  if (error) throw FileError(folder, "cannot be listed: " + error.message());
  std::sort(inside.begin(), inside.end());
  for (const auto& sub : inside) {
    const auto name = sub.filename().string() + "/";
    Comparer part([&](const Comparison& comparison) {
      auto shown = comparison;
      shown.name = name + comparison.name;
      comparer.forward(shown);
    });
    compare_folder(sub, options, part);
  }
  if (comparer.empty()) {
    throw FileError(folder,
                    "contains no golden data: expected outputs.safetensors, golden.safetensors, images.safetensors, "
                    "prompts.json, cases.json or steps.json, here or one level down");
  }
  return comparer.all_passed();
}

}  // namespace deer
