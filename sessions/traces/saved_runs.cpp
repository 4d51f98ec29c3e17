// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/traces/saved_runs.h"

#include <unistd.h>

#include <QCryptographicHash>
#include <algorithm>
#include <system_error>

#include "core/base/error.h"
#include "core/trace/describe_model.h"
#include "core/trace/trace_reader.h"
#include "core/trace/trace_writer.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEnding = ".h5";

// A trace that is written next to its place and put there when it is whole.
class PartFile {
 public:
  explicit PartFile(fs::path file) : file_(std::move(file)), part_(file_) {
    part_ += ".part" + std::to_string(::getpid());
  }
  ~PartFile() {
    std::error_code ignored;
    fs::remove(part_, ignored);
  }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  const fs::path& path() const { return part_; }
  void publish() const {
    std::error_code error;
    fs::rename(part_, file_, error);
    if (error) throw FileError(file_, "cannot be written: " + error.message());
  }

 private:
  fs::path file_, part_;
};

}  // namespace

fs::path SavedRuns::file_of(const QString& key) const {
  const auto name = QCryptographicHash::hash(key.toUtf8(), QCryptographicHash::Sha1).toHex().toStdString();
  return folder_ / (name + kEnding);
}

void SavedRuns::save(const QString& key, const ModelSummary& model, const std::vector<FrameRecordPtr>& records) const {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) throw FileError(folder_, "cannot be made: " + error.message());
  const PartFile file(file_of(key));
  const auto writer = TraceWriter::create(file.path(), describe_model(model));
  for (const auto& record : records) writer->append(*record);
  writer->close();
  file.publish();
  make_room();
}

std::vector<FrameRecordPtr> SavedRuns::load(const QString& key, const ModelSummary& model, std::size_t frames,
                                            QString* damage) const {
  const auto file = file_of(key);
  std::error_code error;
  if (!fs::exists(file, error)) return {};
  try {
    const auto reader = TraceReader::open(file);
    const auto& m = reader->metadata();
    const auto count = static_cast<std::int64_t>(frames);
    if (reader->frames() != count || m.exit_layers != model.exit_layers || m.d_model != model.d_model) return {};
    auto records = reader->records(0, count);
    fs::last_write_time(file, fs::file_time_type::clock::now(), error);
    return records;
  } catch (const Error& failure) {
    if (damage) *damage = QString::fromUtf8(failure.what());
    fs::remove(file, error);  // damaged: the run is made anew
    return {};
  }
}

void SavedRuns::make_room() const {
  struct Saved {
    fs::path path;
    fs::file_time_type used;
    std::uintmax_t bytes = 0;
  };
  std::vector<Saved> all;
  std::uintmax_t bytes = 0;
  std::error_code error;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    std::error_code unreadable;
    Saved one{it->path(), it->last_write_time(unreadable), it->file_size(unreadable)};
    if (unreadable || one.path.extension() != kEnding) continue;
    bytes += one.bytes;
    all.push_back(std::move(one));
  }
  std::ranges::sort(all, {}, &Saved::used);
  for (const auto& one : all) {
    if (bytes <= room_) return;
    bytes -= one.bytes;
    fs::remove(one.path, error);
  }
}

}  // namespace deer
