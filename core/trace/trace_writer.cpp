// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/trace/trace_writer.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/trace/trace_file.h"

namespace deer {

using namespace trace_format;

namespace {

using Clock = std::chrono::steady_clock;

// Where the parts of an action go.
struct ActionColumns {
  Column arm, probability, logit, action;
};
constexpr ActionColumns kFrameAction{Column::arm, Column::gripper_probability, Column::gripper_logit, Column::action};
constexpr ActionColumns kProbeAction{Column::probe_arm, Column::probe_gripper_probability, Column::probe_gripper_logit,
                                     Column::probe_action};

// Rows of all columns waiting to be written.
class Rows {
 public:
  explicit Rows(std::size_t slots) : features_(slots) {}

  template <typename T>
  void add(Column column, const T& value) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    auto& buffer = columns_[static_cast<std::size_t>(column)];
    buffer.insert(buffer.end(), bytes, bytes + sizeof value);
  }

  /// `count` numbers; what is missing is written as 0.
  template <typename T>
  void add_numbers(Column column, std::span<const T> values, std::size_t count) {
    auto& buffer = columns_[static_cast<std::size_t>(column)];
    const auto bytes = std::as_bytes(values.first(std::min(values.size(), count)));
    const auto end = buffer.size() + count * sizeof(T);
    buffer.insert(buffer.end(), bytes.begin(), bytes.end());
    buffer.resize(end);
  }

  /// An action, in the columns that its layout has.
  void add_action(const ActionLayout& layout, const ActionValues& action, float logit, ActionColumns columns) {
    const std::span<const float> values(action.begin(), action.end());
    if (!layout.is_deer()) return add_numbers(columns.action, values, layout.size());
    add_numbers(columns.arm, values.first(std::min<std::size_t>(6, values.size())), 6);
    add(columns.probability, action.data()[6]);
    add(columns.logit, logit);
  }

  void add_probe(const ActionLayout& layout, const ExitProbe& probe, std::uint8_t status, std::size_t slot) {
    add(Column::probe_status, status);
    add(Column::probe_layer, std::int32_t{probe.layer});
    add_action(layout, probe.action, probe.gripper_logit, kProbeAction);
    add(Column::probe_delta, probe.delta);
    add(Column::probe_threshold, probe.threshold);
    if (!probe.feature.empty()) {
      features_[slot].rows.push_back(count_);
      features_[slot].values.insert(features_[slot].values.end(), probe.feature.begin(), probe.feature.end());
      bytes_ += probe.feature.size() * sizeof(float);
    }
  }

  void end_row(std::size_t more_bytes) {
    ++count_;
    bytes_ += 1024 + more_bytes;
  }

  std::int64_t count() const { return count_; }
  std::size_t bytes() const { return bytes_; }

  void write_to(TraceFile& file) const {
    const auto first = file.frames();
    for (std::size_t i = 0; i < kColumns; ++i) {
      const auto column = static_cast<Column>(i);
      if (column == Column::probe_feature || !is_present(column, file.metadata())) continue;
      file.write(column, first, count_, columns_[i].data());
    }
    if (!is_present(Column::probe_feature, file.metadata())) return;
    file.grow(Column::probe_feature, first + count_);
    const auto width = static_cast<std::size_t>(file.metadata().d_model);
    for (std::size_t slot = 0; slot < features_.size(); ++slot) {
      const auto& rows = features_[slot].rows;
      for (std::size_t begin = 0; begin < rows.size();) {
        std::size_t end = begin + 1;
        while (end < rows.size() && rows[end] == rows[end - 1] + 1) ++end;
        file.write_features(slot, first + rows[begin], static_cast<std::int64_t>(end - begin),
                            features_[slot].values.data() + begin * width);
        begin = end;
      }
    }
  }

  void clear() {
    for (auto& column : columns_) column.clear();
    for (auto& slot : features_) slot = {};
    count_ = 0;
    bytes_ = 0;
  }

 private:
  struct Features {
    std::vector<std::int64_t> rows;  // counted from the first waiting row
    std::vector<float> values;
  };
  std::array<std::vector<std::byte>, kColumns> columns_;
  std::vector<Features> features_;
  std::int64_t count_ = 0;
  std::size_t bytes_ = 0;
};

class Writer final : public TraceWriter {
 public:
  Writer(TraceFile file, WriteLock lock, const TraceWriterOptions& options)
      : lock_(std::move(lock)), file_(std::move(file)), options_(options), rows_(slots(file_.metadata())) {
    for (const auto& text : file_.texts()) remember(text);
    thumbnail_end_ = file_.thumbnail_size();
    thread_ = std::jthread([this](const std::stop_token& stop) { flush_in_time(stop); });
  }

  ~Writer() override {
    try {
      close();
    } catch (...) {  // NOLINT(bugprone-empty-catch): close() is for those who want to know
    }
  }

  const TraceMetadata& metadata() const override { return file_.metadata(); }

  void append(const FrameRecord& record, const TraceFrame& frame) override {
    const auto by_slot = check(record);
    const auto width = file_.metadata().layout->width();
    if (!frame.recorded_action.empty() && frame.recorded_action.size() != width) {
      file_.fail("frame " + std::to_string(record.frame) + " has a recorded action of " +
                 std::to_string(frame.recorded_action.size()) + " numbers, expected " + std::to_string(width));
    }
    const std::scoped_lock held(mutex_);
    refuse_if_over();
    add(record, by_slot, frame);
    if (rows_.count() == 1) {
      oldest_ = Clock::now();
      waiting_.notify_one();
    }
    if (rows_.bytes() >= options_.buffer_bytes) write();
  }

  std::int64_t frames() const override {
    const std::scoped_lock held(mutex_);
    return file_.frames() + rows_.count();
  }

  void flush() override {
    const std::scoped_lock held(mutex_);
    refuse_if_over();
    write();
  }

  void close() override {
    thread_ = {};
    const std::scoped_lock held(mutex_);
    if (closed_) return;
    closed_ = true;
    if (failure_) {
      file_.close();
      lock_ = {};
      std::rethrow_exception(failure_);
    }
    write();
    file_.close();
    lock_ = {};
  }

 private:
  using BySlot = std::vector<const ExitProbe*>;

  // Slot of each probe. Throws if there is none.
  BySlot check(const FrameRecord& record) const {
    const auto& m = file_.metadata();
    BySlot out(slots(m), nullptr);
    const auto where = "frame " + std::to_string(record.frame);
    int before = -1;
    for (const auto& probe : record.exits) {
      const auto place = std::find(m.exit_layers.begin(), m.exit_layers.end(), probe.layer);
      const auto slot =
          place != m.exit_layers.end() ? static_cast<std::size_t>(place - m.exit_layers.begin()) : out.size() - 1;
      if (probe.layer <= before || probe.layer >= m.layers || out[slot] != nullptr) {
        file_.fail(where + " has a probe of layer " + std::to_string(probe.layer) + " that does not match the trace");
      }
      before = probe.layer;
      out[slot] = &probe;
    }
    if (record.has_predecessor()) out[out.size() - 2] = &record.predecessor;
    if (record.layout != m.layout && *record.layout != *m.layout) {
      file_.fail(where + " has actions of another layout than the trace");
    }
    const auto check_size = [&](const ActionValues& action, const char* what) {
      if (action.size() != m.layout->size()) {
        file_.fail(where + " has " + what + " of " + std::to_string(action.size()) + " numbers, expected " +
                   std::to_string(m.layout->size()));
      }
    };
    check_size(record.action, "an action");
    check_size(record.command, "a command");
    for (const auto* probe : out) {
      if (probe != nullptr) check_size(probe->action, "an exit's action");
    }
    for (const auto* probe : out) {
      if (probe != nullptr && !probe->feature.empty() && probe->feature.size() != static_cast<std::size_t>(m.d_model)) {
        file_.fail(where + " has a feature of " + std::to_string(probe->feature.size()) + " numbers, expected " +
                   std::to_string(m.d_model));
      }
    }
    if (record.exit_index < -1 || record.exit_index >= static_cast<int>(m.exit_layers.size()) ||
        record.exit_layer < 0 || record.exit_layer >= m.layers) {
      file_.fail(where + " exited after layer " + std::to_string(record.exit_layer) + " at exit " +
                 std::to_string(record.exit_index) + ", which the trace's model does not have");
    }
    return out;
  }

  void add(const FrameRecord& record, const BySlot& by_slot, const TraceFrame& frame) {
    rows_.add(Column::frame, std::int64_t{record.frame});
    rows_.add(Column::step, std::int32_t{record.step});
    rows_.add(Column::mode, code_of(record.mode));
    rows_.add(Column::reason, code_of(record.reason));
    rows_.add(Column::prompt_tokens, std::int32_t{record.prompt_tokens});
    rows_.add(Column::exit_layer, std::int32_t{record.exit_layer});
    rows_.add(Column::exit_index, std::int32_t{record.exit_index});
    const auto& layout = *file_.metadata().layout;
    rows_.add_action(layout, record.action, record.gripper_logit, kFrameAction);
    rows_.add_numbers(Column::command, std::span<const float>(record.command.begin(), record.command.end()),
                      layout.size());
    const auto& t = record.times;
    rows_.add(Column::times_ms,
              std::array<double, 5>{t.preprocess_ms, t.vision_ms, t.resampler_ms, t.llm_ms, t.head_ms});
    rows_.add(Column::source, text_number(frame.source));
    rows_.add(Column::episode, frame.episode);
    rows_.add(Column::frame_id, frame.frame_id);
    rows_.add(Column::instruction, text_number(frame.instruction));
    const std::vector<double> none(layout.width(), std::numeric_limits<double>::quiet_NaN());
    const auto& recorded = frame.recorded_action.empty() ? none : frame.recorded_action;
    rows_.add_numbers(Column::recorded_action, std::span<const double>(recorded), layout.width());
    thumbnails_.insert(thumbnails_.end(), frame.thumbnail.begin(), frame.thumbnail.end());
    thumbnail_end_ += frame.thumbnail.size();
    rows_.add(Column::thumbnail_end, std::uint64_t{thumbnail_end_});
    for (std::size_t slot = 0; slot < by_slot.size(); ++slot) {
      const auto* probe = by_slot[slot];
      if (probe == nullptr) {
        rows_.add_probe(layout, ExitProbe{}, 0, slot);
        continue;
      }
      const auto status =
          kPresent | (probe->evaluated_by_policy ? kByPolicy : 0) | (probe->feature.empty() ? 0 : kHasFeature);
      rows_.add_probe(layout, *probe, static_cast<std::uint8_t>(status), slot);
    }
    rows_.end_row(frame.thumbnail.size() + 4 * layout.size() * (by_slot.size() + 2));
  }

  std::int32_t text_number(const std::string& text) {
    if (text.empty()) return -1;
    const auto known = text_numbers_.find(text);
    if (known != text_numbers_.end()) return known->second;
    new_texts_.push_back(text);
    return remember(text);
  }

  std::int32_t remember(const std::string& text) {
    const auto number = text_count_++;
    text_numbers_.try_emplace(text, number);
    return number;
  }

  void refuse_if_over() const {
    if (closed_) file_.fail("the trace is closed");
    if (failure_) std::rethrow_exception(failure_);
  }

  void write() {
    if (rows_.count() == 0) return;
    const auto hdf5 = h5::lock();
    try {
      for (const auto& text : new_texts_) file_.add_text(text);
      file_.add_thumbnails(thumbnails_);
      rows_.write_to(file_);
      file_.commit(file_.frames() + rows_.count());
    } catch (...) {
      failure_ = std::current_exception();
      throw;
    }
    new_texts_.clear();
    thumbnails_.clear();
    rows_.clear();
  }

  void flush_in_time(const std::stop_token& stop) {
    std::unique_lock held(mutex_);
    while (!stop.stop_requested() && !failure_) {
      if (!waiting_.wait(held, stop, [this] { return rows_.count() > 0; })) return;
      if (waiting_.wait_until(held, stop, oldest_ + options_.flush_every, [] { return false; }) ||
          stop.stop_requested()) {
        return;
      }
      if (Clock::now() < oldest_ + options_.flush_every) continue;
      try {
        write();
      } catch (...) {  // NOLINT(bugprone-empty-catch): failure_ has it, for the next call; also too little memory
      }
    }
  }

  WriteLock lock_;
  TraceFile file_;
  const TraceWriterOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable_any waiting_;
  Rows rows_;
  std::vector<std::uint8_t> thumbnails_;  // waiting
  std::uint64_t thumbnail_end_ = 0;
  std::vector<std::string> new_texts_;
  std::unordered_map<std::string, std::int32_t> text_numbers_;
  std::int32_t text_count_ = 0;
  Clock::time_point oldest_;
  std::exception_ptr failure_;
  bool closed_ = false;
  std::jthread thread_;  // last member: uses all of the above
};

}  // namespace

std::unique_ptr<TraceWriter> TraceWriter::create(const std::filesystem::path& file, const TraceMetadata& metadata,
                                                 const TraceWriterOptions& options) {
  WriteLock lock(file);
  return std::make_unique<Writer>(TraceFile::create(file, metadata), std::move(lock), options);
}

std::unique_ptr<TraceWriter> TraceWriter::append_to(const std::filesystem::path& file,
                                                    const TraceWriterOptions& options,
                                                    std::optional<std::int64_t> keep) {
  WriteLock lock(file);
  auto trace = TraceFile::open(file, true);
  if (keep) trace.drop_after(*keep);
  return std::make_unique<Writer>(std::move(trace), std::move(lock), options);
}

}  // namespace deer
