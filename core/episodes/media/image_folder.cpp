// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/episodes/media/media_files.h"
#include "core/episodes/media/thumbnail.h"
#include "core/episodes/recorded_source.h"
#include "core/episodes/single_episode.h"

namespace deer {
namespace {

// libjpeg silently fills the missing part of a truncated file with grey: check for the end marker.
bool is_cut_jpeg(std::span<const std::byte> bytes) {
  constexpr std::array kStart{std::byte{0xFF}, std::byte{0xD8}};
  constexpr std::array kEnd{std::byte{0xFF}, std::byte{0xD9}};
  if (bytes.size() < 2 || !std::equal(kStart.begin(), kStart.end(), bytes.begin())) return false;
  return std::find_end(bytes.begin(), bytes.end(), kEnd.begin(), kEnd.end()) == bytes.end();
}

ImagePtr read_image(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  if (is_cut_jpeg(file->bytes())) throw FileError(path, "is cut short: the JPEG has no end marker");
  try {
    return decode_picture(file->bytes());
  } catch (const Error& error) {
    throw FileError(path, error.what());
  }
}

class ImageReader final : public FrameReader {
 public:
  ImageReader(std::vector<std::filesystem::path> statics, std::vector<std::filesystem::path> grippers,
              std::int64_t length, double frames_per_second)
      : statics_(std::move(statics)),
        grippers_(std::move(grippers)),
        length_(length),
        frames_per_second_(frames_per_second) {}

  std::int64_t length() const override { return length_; }

  Observation load(std::int64_t index, const std::stop_token& stop) override {
    if (stop.stop_requested()) throw Cancelled();
    const auto at = static_cast<std::size_t>(index);
    auto out = load_state(index, stop);
    out.rgb_static = read_image(statics_[at]);
    if (!grippers_.empty()) out.rgb_gripper = read_image(grippers_[at]);
    return out;
  }
  Observation load_state(std::int64_t index, const std::stop_token&) override {
    Observation out;
    out.frame_id = index;
    out.timestamp_s = static_cast<double>(index) / frames_per_second_;
    return out;
  }

 private:
  const std::vector<std::filesystem::path> statics_, grippers_;
  const std::int64_t length_;
  const double frames_per_second_;
};

bool is_folder(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

std::vector<std::filesystem::path> images_of(const std::filesystem::path& path, std::vector<std::string>& warnings) {
  if (!is_folder(path)) {
    if (!looks_like_image(path)) throw FileError(path, "is neither an image nor a folder of images");
    return {path};
  }
  std::vector<std::filesystem::path> unread;
  auto images = list_images(path, &unread);
  if (images.empty()) throw FileError(path, std::string("contains no images (") + kImageFormats + ")");
  if (!unread.empty()) {
    const auto more =
        unread.size() > 1 ? " and " + std::to_string(unread.size() - 1) + " more are left out" : " is left out";
    const auto first = std::min_element(unread.begin(), unread.end())->filename().string();
    warnings.push_back(FileError(path, first + more + ": only " + kImageFormats + " images are read").what());
  }
  return images;
}

}  // namespace

std::shared_ptr<const EpisodeCollection> open_images(const std::filesystem::path& path,
                                                     const OpenSourceOptions& options) {
  const bool split = is_folder(path / "static");
  auto gripper = options.gripper;
  if (gripper.empty() && split && is_folder(path / "gripper")) gripper = path / "gripper";
  std::vector<std::string> warnings;
  const auto statics = images_of(split ? path / "static" : path, warnings);
  std::vector<std::filesystem::path> grippers;
  if (!gripper.empty()) grippers = images_of(gripper, warnings);
  auto length = statics.size();
  if (!grippers.empty() && grippers.size() != length) {
    warnings.push_back(FileError(path, std::to_string(length) + " static and " + std::to_string(grippers.size()) +
                                           " gripper images; only the pairs are shown")
                           .what());
    length = std::min(length, grippers.size());
  }
  const auto folder = path.filename().empty() ? path.parent_path() : path;
  const auto instruction =
      find_instruction(options, is_folder(path) ? path : std::filesystem::path(), folder.parent_path(), warnings);
  const auto count = static_cast<std::int64_t>(length);
  SourceInfo info;
  info.title = printable(folder.filename().string(), 300);
  info.path = path;
  info.kind = "images";
  info.has_gripper_camera = !grippers.empty();
  EpisodeEntry entry;
  entry.title = instruction.empty() ? info.title : instruction;
  entry.last_frame_id = count - 1;
  const auto opener = [=, cache = options.cache]() -> FrameSourcePtr {
    auto reader = std::make_unique<ImageReader>(statics, grippers, count, info.frames_per_second);
    reader->load(0, {});
    std::vector<InstructionSpan> spans;
    if (!instruction.empty()) spans.push_back({0, count - 1, instruction, {}});
    return std::make_shared<RecordedSource>(info, std::move(spans), std::move(reader), cache);
  };
  return std::make_shared<SingleEpisode>(info.kind, path, std::move(entry), std::move(warnings), opener);
}

}  // namespace deer
