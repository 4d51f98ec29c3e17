// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "core/exits/engine.h"

namespace deer {

/// Finished runs in a folder, a trace each, so that they are there after a restart. Those used longest ago are removed
/// when all take more than `room`. Other programs may use the folder at the same time. May be used from any thread.
class SavedRuns {
 public:
  static constexpr std::uintmax_t kRoom = std::uintmax_t{2} << 30;  ///< bytes

  explicit SavedRuns(std::filesystem::path folder, std::uintmax_t room = kRoom)
      : folder_(std::move(folder)), room_(room) {}

  /// `key` names the model, as it was loaded, and the episode. Throws FileError; a run saved before then stays.
  void save(const QString& key, const ModelSummary& model, const std::vector<FrameRecordPtr>& records) const;

  /// The run of this model over `frames` frames; empty if there is none that can be read. One that is damaged is
  /// removed, and `damage` says what is wrong with it.
  std::vector<FrameRecordPtr> load(const QString& key, const ModelSummary& model, std::size_t frames,
                                   QString* damage = nullptr) const;

  std::filesystem::path file_of(const QString& key) const;

 private:
  void make_room() const;

  std::filesystem::path folder_;
  std::uintmax_t room_;
};

}  // namespace deer
