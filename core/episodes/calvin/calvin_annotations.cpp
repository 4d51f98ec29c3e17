// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/calvin/calvin_annotations.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/base/number_text.h"
#include "core/base/utf8.h"
#include "core/episodes/numpy/numpy_pickle.h"

namespace deer {
namespace {

// File names have seven digits for the frame number; twelve are beyond any recording.
constexpr std::int64_t kMaxFrameId = 999'999'999'999;
constexpr std::size_t kMaxText = 2000;                 // bytes of one instruction or task id
constexpr std::size_t kMaxAllText = 64 * 1024 * 1024;  // a pickle may repeat a long text cheaply

bool is_stretch(const FrameIds& frames) {
  return 0 <= frames.first && frames.first <= frames.last && frames.last <= kMaxFrameId;
}

std::string describe(const FrameIds& frames) {
  return "frames " + std::to_string(frames.first) + " to " + std::to_string(frames.last);
}

// One line for all skipped entries: the first of them and their number.
class Skipped {
 public:
  Skipped(const std::filesystem::path& file, std::vector<std::string>& warnings) : file_(file), warnings_(warnings) {}
  ~Skipped() {
    if (count_ == 0) return;
    const auto more = count_ > 1 ? " (and " + std::to_string(count_ - 1) + " more)" : std::string();
    warnings_.push_back(FileError(file_, first_ + more).what());
  }
  Skipped(const Skipped&) = delete;
  Skipped& operator=(const Skipped&) = delete;

  void add(const std::string& problem) {
    if (count_++ == 0) first_ = problem;
  }

 private:
  const std::filesystem::path& file_;
  std::vector<std::string>& warnings_;
  std::string first_;
  std::size_t count_ = 0;
};

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& field, const std::string& expected) {
  throw FileError(file, "'" + field + "' is missing or has the wrong type, expected " + expected);
}

const PickleNode& dictionary(const PickleNode& parent, const char* key, const std::filesystem::path& file) {
  const auto* node = NumpyPickle::entry(parent, key);
  if (node == nullptr || (node->entries.empty() && !node->is(PickleNode::Kind::dict))) fail(file, key, "a dictionary");
  return *node;
}

std::vector<std::string> texts(const PickleNode& parent, const char* key, const std::string& field,
                               const std::filesystem::path& file) {
  const auto* node = NumpyPickle::entry(parent, key);
  const std::string expected = "a list of text";
  if (node == nullptr) fail(file, field, expected);
  std::vector<std::string> out;
  std::size_t total = 0;
  const auto add = [&](std::string text) {
    total += text.size();
    if (text.size() > kMaxText || total > kMaxAllText) {
      throw FileError(file, "'" + field + "' contains a text that is too long for an instruction");
    }
    out.push_back(printable(valid_utf8(text), kMaxText));
  };
  if (const auto items = NumpyPickle::sequence(*node)) {
    for (const auto* item : *items) {
      auto text = NumpyPickle::text(*item);
      if (!text) fail(file, field, expected);
      add(std::move(*text));
    }
    return out;
  }
  const auto array = NumpyPickle::array(*node);
  if (!array || (array->type().kind != 'U' && array->type().kind != 'S')) fail(file, field, expected);
  if (array->type().size > 8 * kMaxText || array->count() > 10'000'000) fail(file, field, expected);
  for (std::size_t i = 0; i < array->count(); ++i) add(array->text(i));
  return out;
}

// A pair of frame ids: tuple, list, or array of two integers.
std::optional<FrameIds> pair(const PickleNode& node) {
  if (const auto items = NumpyPickle::sequence(node)) {
    if (items->size() != 2) return std::nullopt;
    const auto first = NumpyPickle::integer(*(*items)[0]);
    const auto last = NumpyPickle::integer(*(*items)[1]);
    return first && last ? std::optional(FrameIds{*first, *last}) : std::nullopt;
  }
  const auto array = NumpyPickle::array(node);
  if (!array || array->count() != 2 || array->type().kind == 'f' || !array->type().is_number()) return std::nullopt;
  return FrameIds{array->integer(0), array->integer(1)};
}

std::vector<FrameIds> frame_pairs(const NpyArray& array, const std::filesystem::path& file, std::string_view name) {
  const auto& shape = array.shape();
  const bool one_pair = shape.size() == 1 && shape[0] == 2;
  if ((!one_pair && (shape.size() != 2 || shape[1] != 2)) || !array.type().is_number()) {
    throw FileError(file, std::string(name) + " is " + array.describe() + ", expected int64 [n, 2]");
  }
  const auto id = [&](std::size_t i) {
    if (array.type().kind != 'f') return array.integer(i);
    const double value = array.number(i);
    if (std::floor(value) != value || std::abs(value) > 1e15) {
      throw FileError(file, std::string(name) + " holds " + general_text(value, 9) + ", expected whole numbers");
    }
    return static_cast<std::int64_t>(value);
  };
  std::vector<FrameIds> out(array.count() / 2);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = {id(2 * i), id(2 * i + 1)};
  return out;
}

std::vector<FrameIds> index_pairs(const PickleNode& info, const std::filesystem::path& file) {
  const auto* node = NumpyPickle::entry(info, "indx");
  const std::string expected = "a list of pairs of frame ids";
  if (node == nullptr) fail(file, "info.indx", expected);
  if (const auto array = NumpyPickle::array(*node)) return frame_pairs(*array, file, "'info.indx'");
  // An object array of shape (n, 2) is stored flat: two numbers per row.
  const auto items = NumpyPickle::sequence(*node);
  if (!items) fail(file, "info.indx", expected);
  std::vector<FrameIds> out;
  const bool flat = !items->empty() && items->size() % 2 == 0 && NumpyPickle::integer(*items->front());
  if (flat) {
    for (std::size_t i = 0; i < items->size(); i += 2) {
      const auto first = NumpyPickle::integer(*(*items)[i]);
      const auto last = NumpyPickle::integer(*(*items)[i + 1]);
      if (!first || !last) fail(file, "info.indx", expected);
      out.push_back({*first, *last});
    }
    return out;
  }
  for (const auto* item : *items) {
    const auto frames = pair(*item);
    if (!frames) fail(file, "info.indx", expected);
    out.push_back(*frames);
  }
  return out;
}

}  // namespace

std::vector<FrameIds> read_play_segments(const std::filesystem::path& path, std::vector<std::string>& warnings) {
  const auto rows = frame_pairs(NpyArray::open(path), path, "array");
  Skipped skipped(path, warnings);
  std::vector<FrameIds> out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (is_stretch(rows[i])) {
      out.push_back(rows[i]);
    } else {
      skipped.add("row " + std::to_string(i) + " has " + describe(rows[i]) + "; it was skipped");
    }
  }
  return out;
}

std::vector<CalvinAnnotation> read_annotations(const std::filesystem::path& path, std::vector<std::string>& warnings) {
  return parse_annotations(MappedFile::open(path)->bytes(), path, warnings);
}

std::vector<CalvinAnnotation> parse_annotations(std::span<const std::byte> bytes, const std::filesystem::path& path,
                                                std::vector<std::string>& warnings) {
  const auto pickle = NumpyPickle::from_npy(bytes, path);
  const PickleNode* root = &pickle.root();
  if (const auto items = NumpyPickle::sequence(*root); items && items->size() == 1) root = items->front();
  if (!root->is(PickleNode::Kind::dict)) throw FileError(path, "does not hold a dictionary of annotations");

  const PickleNode& language = dictionary(*root, "language", path);
  auto instructions = texts(language, "ann", "language.ann", path);
  std::vector<std::string> tasks(instructions.size());
  if (NumpyPickle::entry(language, "task") != nullptr) tasks = texts(language, "task", "language.task", path);
  const auto frames = index_pairs(dictionary(*root, "info", path), path);
  if (instructions.size() != frames.size() || tasks.size() != frames.size()) {
    throw FileError(path, "'language.ann' has " + std::to_string(instructions.size()) + " entries, 'language.task' " +
                              std::to_string(tasks.size()) + " and 'info.indx' " + std::to_string(frames.size()) +
                              ", expected as many of each");
  }
  Skipped skipped(path, warnings);
  std::vector<CalvinAnnotation> out;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (is_stretch(frames[i])) {
      out.push_back({frames[i], std::move(instructions[i]), std::move(tasks[i])});
    } else {
      skipped.add("annotation " + std::to_string(i) + " has " + describe(frames[i]) + "; it was skipped");
    }
  }
  return out;
}

void clip_annotations(std::vector<CalvinAnnotation>& annotations, std::span<const FrameIds> segments,
                      const std::filesystem::path& path, const std::function<bool(std::int64_t)>& has_frame,
                      std::vector<std::string>& warnings) {
  if (segments.empty()) return;
  std::vector<FrameIds> sorted(segments.begin(), segments.end());
  std::sort(sorted.begin(), sorted.end(), [](const FrameIds& a, const FrameIds& b) { return a.first < b.first; });
  const auto last_before = [&](std::int64_t id) {
    return std::upper_bound(sorted.begin(), sorted.end(), id,
                            [](std::int64_t value, const FrameIds& frames) { return value < frames.first; });
  };
  Skipped skipped(path, warnings);
  std::erase_if(annotations, [&](CalvinAnnotation& annotation) {
    auto& frames = annotation.frames;
    const auto after = last_before(frames.first);
    const bool inside = after != sorted.begin() && std::prev(after)->last >= frames.first;
    if (inside && std::prev(after)->last >= frames.last) return false;
    const auto name = "'" + annotation.instruction + "' has " + describe(frames);
    if (has_frame(frames.last) && has_frame(frames.first)) return false;  // the index of segments is incomplete
    if (!inside || !has_frame(frames.first)) {
      skipped.add(name + ", which do not exist; it was skipped");
      return true;
    }
    frames.last = std::prev(after)->last;
    skipped.add(name + ", but the recording ends at frame " + std::to_string(frames.last) + "; it was shortened");
    return false;
  });
}

std::vector<InstructionSpan> instruction_spans(const FrameIds& segment, std::span<const CalvinAnnotation> annotations) {
  std::vector<const CalvinAnnotation*> inside;
  for (const auto& annotation : annotations) {
    const auto& frames = annotation.frames;
    if (frames.first <= segment.last && frames.last >= segment.first) inside.push_back(&annotation);
  }
  std::stable_sort(inside.begin(), inside.end(), [](const CalvinAnnotation* a, const CalvinAnnotation* b) {
    return std::tuple(a->frames.first, -a->frames.last) < std::tuple(b->frames.first, -b->frames.last);
  });
  std::vector<InstructionSpan> spans;
  std::int64_t free_from = segment.first;
  for (const auto* annotation : inside) {
    const auto first = std::max(annotation->frames.first, free_from);
    const auto last = std::min(annotation->frames.last, segment.last);
    if (first > last) continue;
    spans.push_back({first - segment.first, last - segment.first, annotation->instruction, annotation->task});
    free_from = last + 1;
  }
  return spans;
}

}  // namespace deer
