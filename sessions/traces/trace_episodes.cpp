// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/traces/trace_episodes.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "core/base/error.h"
#include "core/episodes/media/thumbnail.h"
#include "core/episodes/open/open_source.h"
#include "core/trace/trace_reader.h"
#include "sessions/traces/recorded_run.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

constexpr double kFramesPerSecond = 30;  // where the data do not tell

/// Data that traces refer to, each opened once.
class ReferredData {
 public:
  /// `beside`: the trace's folder.
  explicit ReferredData(fs::path beside) : beside_(std::move(beside)) {}

  /// Null if they are not there or cannot be opened.
  FrameSourcePtr episode(const std::string& path, std::int32_t index) {
    const std::lock_guard lock(mutex_);
    if (path.empty() || index < 0) return nullptr;
    try {
      auto& data = opened_[path];
      if (!data && is_data(path)) data = open_source(path);
      const auto name = fs::path(path).filename();
      if (!data && name.has_stem() && name != "." && name != ".." && is_data(beside_ / name)) {
        data = open_source(beside_ / name);  // moved together with the trace
      }
      if (!data || static_cast<std::size_t>(index) >= data->episodes().size()) return nullptr;
      return data->open(static_cast<std::size_t>(index));
    } catch (const std::exception&) {
      return nullptr;
    }
  }

 private:
  // A name in a file may be that of anything: what is neither file nor folder is not touched.
  static bool is_data(const fs::path& path) { return fs::is_regular_file(path) || fs::is_directory(path); }

  const fs::path beside_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const EpisodeCollection>> opened_;
};

/// Frames [first, first + count) of a trace.
struct Place {
  std::int64_t first = 0;
  std::int64_t count = 0;
};

class TraceEpisode final : public FrameSource, public RecordedRun {
 public:
  TraceEpisode(std::shared_ptr<const TraceReader> trace, Place place, std::string title,
               const std::vector<TraceSpan>& spans, FrameSourcePtr seen_in)
      : trace_(std::move(trace)), place_(place), seen_in_(std::move(seen_in)) {
    info_.title = std::move(title);
    info_.path = trace_->path();
    info_.kind = "trace";
    info_.frames_per_second = seen_in_ ? seen_in_->info().frames_per_second : kFramesPerSecond;
    info_.has_gripper_camera = seen_in_ && seen_in_->info().has_gripper_camera;
    for (const auto& span : spans) {
      if (span.first < place_.first || span.first >= place_.first + place_.count) continue;
      if (source_.empty()) source_ = span.source;
      const auto begin = span.first - place_.first;
      if (begin == 0) {
        first_frame_ = span.first_frame;
        source_episode_ = span.episode;
      }
      if (!span.instruction.empty()) spans_.push_back({begin, begin + span.count - 1, span.instruction, {}});
    }
  }

  const SourceInfo& info() const override { return info_; }
  std::optional<std::int64_t> length() const override { return place_.count; }
  const std::vector<InstructionSpan>& instructions() const override { return spans_; }
  ObservationPtr next(std::stop_token) override { throw Error("a recorded source is read by index"); }
  void prefetch(std::int64_t index) override {
    if (seen_in_) seen_in_->prefetch(first_frame_ + index);
  }

  ObservationPtr read(std::int64_t index) override {
    check(index, 1);
    const auto kept = trace_->details(place_.first + index, 1, true).front();
    auto out = std::make_shared<Observation>();
    if (const auto seen = original(index, kept.frame_id, &FrameSource::read)) *out = *seen;
    place(index, kept, *out);
    if (!out->rgb_static && !kept.thumbnail.empty()) {
      try {
        out->rgb_static = decode_picture(std::as_bytes(std::span(kept.thumbnail)));
      } catch (const Error& error) {
        throw FileError(trace_->path(), "the thumbnail of frame " + std::to_string(index) + " " + error.what());
      }
    }
    return out;
  }

  ObservationPtr read_state(std::int64_t index) override {
    check(index, 1);
    const auto kept = trace_->details(place_.first + index, 1, false).front();
    auto out = std::make_shared<Observation>();
    if (const auto seen = original(index, kept.frame_id, &FrameSource::read_state)) *out = *seen;
    place(index, kept, *out);
    return out;
  }

  const TraceMetadata& metadata() const override { return trace_->metadata(); }
  std::int64_t frames() const override { return place_.count; }
  const std::string& source() const override { return source_; }
  std::int32_t source_episode() const override { return source_episode_; }
  std::int64_t first_frame() const override { return first_frame_; }

  std::vector<FrameRecordPtr> records(std::int64_t first, std::int64_t count, bool features) const override {
    check(first, count);
    auto out = trace_->records(place_.first + first, count, features);
    for (std::size_t i = 0; i < out.size(); ++i) {
      auto numbered = std::make_shared<FrameRecord>(*out[i]);
      numbered->frame = first + static_cast<std::int64_t>(i);
      out[i] = std::move(numbered);
    }
    return out;
  }
  std::vector<std::int32_t> steps() const override { return trace_->steps(place_.first, place_.count); }
  std::vector<RunMode> modes() const override { return trace_->modes(place_.first, place_.count); }

 private:
  void place(std::int64_t index, const TraceFrame& kept, Observation& out) const {
    out.frame = index;
    out.frame_id = kept.frame_id;
    out.timestamp_s = static_cast<double>(index) / info_.frames_per_second;
    out.instruction = kept.instruction;
    keep_action(kept, out);
  }

  void keep_action(const TraceFrame& kept, Observation& out) const {
    const auto& action = kept.recorded_action;
    if (!metadata().layout->is_deer()) {
      out.rel_action.reset();
      out.other_action = action;
    } else if (!action.empty()) {
      std::copy_n(action.begin(), 7, out.rel_action.emplace().begin());
    }
  }

  void check(std::int64_t first, std::int64_t count) const {
    if (first < 0 || count < 0 || first > place_.count - count) {
      throw Error("frame " + std::to_string(first) + " does not exist: the episode has " +
                  std::to_string(place_.count) + " frames");
    }
  }

  /// What the model saw, if it is still there.
  ObservationPtr original(std::int64_t index, std::int64_t frame_id,
                          ObservationPtr (FrameSource::*read)(std::int64_t)) const {
    const auto frame = first_frame_ + index;
    if (!seen_in_ || frame < 0 || frame >= seen_in_->length().value_or(0)) return nullptr;
    try {
      auto seen = (seen_in_.get()->*read)(frame);
      return seen->frame_id == frame_id ? seen : nullptr;
    } catch (const std::exception&) {
      return nullptr;
    }
  }

  std::shared_ptr<const TraceReader> trace_;
  Place place_;
  FrameSourcePtr seen_in_;
  std::int64_t first_frame_ = 0;  // in seen_in_
  std::int32_t source_episode_ = -1;
  std::string source_;
  SourceInfo info_;
  std::vector<InstructionSpan> spans_;
};

class TraceEpisodes final : public EpisodeCollection {
 public:
  explicit TraceEpisodes(const fs::path& file) : trace_(TraceReader::open(file)), spans_(trace_->spans()) {
    if (spans_.empty()) throw FileError(file, "holds no frames");
    for (const auto& span : spans_) {
      if (span.starts_episode) {
        places_.push_back({span.first, 0});
        EpisodeEntry entry;
        entry.title = span.instruction;
        entry.first_frame_id = span.first;
        entries_.push_back(std::move(entry));
      }
      places_.back().count += span.count;
      entries_.back().last_frame_id = span.first + span.count - 1;
    }
  }

  std::string kind() const override { return "trace"; }
  const fs::path& path() const override { return trace_->path(); }
  const std::vector<EpisodeEntry>& episodes() const override { return entries_; }
  const std::vector<std::string>& warnings() const override { return warnings_; }

  FrameSourcePtr open(std::size_t index) const override {
    if (index >= places_.size()) {
      throw Error("episode " + std::to_string(index) + " does not exist: the trace has " +
                  std::to_string(places_.size()));
    }
    const auto place = places_[index];
    const auto span = std::lower_bound(spans_.begin(), spans_.end(), place.first,
                                       [](const TraceSpan& s, std::int64_t first) { return s.first < first; });
    auto title = trace_->path().filename().string();
    if (places_.size() > 1) title += ", episode " + std::to_string(index + 1);
    return std::make_shared<TraceEpisode>(trace_, place, std::move(title), spans_,
                                          referred_->episode(span->source, span->episode));
  }

 private:
  std::shared_ptr<const TraceReader> trace_;
  std::vector<TraceSpan> spans_;
  std::vector<Place> places_;
  std::vector<EpisodeEntry> entries_;
  std::vector<std::string> warnings_;
  std::unique_ptr<ReferredData> referred_ = std::make_unique<ReferredData>(trace_->path().parent_path());
};

}  // namespace

std::shared_ptr<const EpisodeCollection> open_trace(const fs::path& file) {
  return std::make_shared<TraceEpisodes>(file);
}

std::shared_ptr<const EpisodeCollection> open_recording(const fs::path& path, const OpenSourceOptions& options) {
  std::error_code error;
  if (fs::is_regular_file(path, error) && TraceReader::looks_like_trace(path)) return open_trace(path);
  return open_source(path, options);
}

}  // namespace deer
