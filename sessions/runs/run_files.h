// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QStringList>
#include <filesystem>
#include <vector>

#include "sessions/runs/kept_run.h"

namespace deer {

/// Kept runs in a folder: for each a JSON file with its facts and, unless it is the user's own trace, a trace with its
/// records. Other programs may use the folder at the same time. May be used from any thread; reads and writes the disk.
class RunFiles {
 public:
  explicit RunFiles(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// The facts of all, oldest first. A file that cannot be read is left out, and `problems` says why.
  std::vector<KeptRun> read(QStringList* problems) const;
  /// Throws FileError.
  void write(const KeptRun& run) const;
  /// The facts and the records. Throws FileError; nothing of the run stays then.
  void write(const KeptRun& run, const std::vector<FrameRecordPtr>& records) const;
  /// Throws FileError.
  KeptRecords read_records(const KeptRun& run) const;
  void remove(const QString& id) const;

 private:
  std::filesystem::path facts_of(const QString& id) const;
  std::filesystem::path records_of(const QString& id) const;

  std::filesystem::path folder_;
};

}  // namespace deer
