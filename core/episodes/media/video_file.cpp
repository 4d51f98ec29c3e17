// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/media/video_file.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <utility>

#include "core/base/error.h"
#include "core/episodes/media/media_files.h"
#include "core/episodes/media/opencv_image.h"
#include "core/episodes/recorded_source.h"
#include "core/episodes/single_episode.h"

namespace deer {
namespace {

// Silences FFmpeg's own messages about damaged files; ours are sufficient. Set before main, since the environment must
// not change once there are threads.
[[maybe_unused]] const int kQuiet = ::setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);

// Decoding forward is faster than seeking within about one group of pictures.
constexpr std::int64_t kForward = 48;

}  // namespace

VideoFile::VideoFile(const std::filesystem::path& path) : path_(path) {
  reopen();
  const double rate = capture_.get(cv::CAP_PROP_FPS);
  if (std::isfinite(rate) && rate > 0 && rate < 10'000) frames_per_second_ = rate;
  if (!grab()) throw FileError(path_, "no frame of the video can be decoded (damaged?)");
  index_ = read_video_index(path_);
  seekable_ = index_.timed && index_.frames() > 1;
  // The second frame tells whether the decoder's time stamps are those of the index, and which frame is the first that
  // can be decoded. (The first one's may be wrong: OpenCV takes 0 for no time stamp.)
  if (seekable_) {
    seekable_ = grab() && place() && grabbed_ > 0;
    if (seekable_) index_.begin_with(grabbed_ - 1);
    grabbed_ = 1;
    if (!seekable_) reopen();
  }
  length_ = index_.frames();
}

double VideoFile::last_time_s() const {
  return index_.timed ? index_.times_ms.back() / 1000 : static_cast<double>(length_ - 1) / frames_per_second_;
}

std::int64_t VideoFile::frame_at(double time_s) const {
  if (index_.timed) return index_.nearest(1000 * time_s);
  return std::clamp<std::int64_t>(std::llround(time_s * frames_per_second_), 0, length_ - 1);
}

void VideoFile::reopen() {
  try {
    if (!capture_.open(path_.string(), cv::CAP_FFMPEG))
      throw FileError(path_, "cannot be opened as a video (damaged?)");
  } catch (const cv::Exception& error) {
    throw FileError(path_, "cannot be opened as a video: " + printable(error.err));
  }
  grabbed_ = -1;
}

bool VideoFile::grab() {
  if (!capture_.grab()) return false;
  ++grabbed_;
  return true;
}

// Finds out by its time stamp which frame was grabbed.
bool VideoFile::place() {
  const double time_ms = capture_.get(cv::CAP_PROP_POS_MSEC) - index_.start_ms;
  const auto frame = index_.nearest(time_ms);
  constexpr double kRounding = 0.6;  // ms: some containers keep whole milliseconds
  if (std::abs(index_.times_ms[static_cast<std::size_t>(frame)] - time_ms) > kRounding) return false;
  grabbed_ = frame;
  return true;
}

// Goes to the frame or to one before it.
bool VideoFile::seek(std::int64_t index) {
  const double time_s = index_.times_ms[static_cast<std::size_t>(index)] / 1000;
  for (std::int64_t back = 2; back <= 256; back *= 4) {
    const auto wanted = std::max(0.0, std::floor(time_s * frames_per_second_) - static_cast<double>(back));
    if (!capture_.set(cv::CAP_PROP_POS_FRAMES, wanted) || !capture_.grab() || !place()) return false;
    if (grabbed_ <= index) return true;
  }
  return false;
}

void VideoFile::go_to(std::int64_t index, const std::stop_token& stop) {
  if (grabbed_ == index) return;
  const bool jump = index < grabbed_ || index > grabbed_ + kForward;
  if (jump && seekable_ && index > kForward && !seek(index)) {
    seekable_ = false;
    reopen();
  }
  if (index < grabbed_) reopen();
  while (grabbed_ < index) {
    if (stop.stop_requested()) throw Cancelled();
    if (!grab()) {
      const auto last = grabbed_;
      reopen();
      throw FileError(path_, "the video ends after frame " + std::to_string(last) + ", frame " + std::to_string(index) +
                                 " of " + std::to_string(length_) + " was expected (cut short?)");
    }
    const auto counted = grabbed_;
    if (!seekable_ || (place() && grabbed_ >= counted)) continue;
    // A time stamp that the index does not have, or that came before: only counting is left.
    seekable_ = false;
    grabbed_ = counted;
  }
  if (grabbed_ != index) throw FileError(path_, "frame " + std::to_string(index) + " cannot be decoded");
}

ImagePtr VideoFile::frame(std::int64_t index, const std::stop_token& stop) {
  const std::scoped_lock lock(mutex_);
  try {
    go_to(index, stop);
    cv::Mat picture;
    if (!capture_.retrieve(picture) || picture.empty() || picture.type() != CV_8UC3) {
      throw FileError(path_, "frame " + std::to_string(index) + " cannot be decoded");
    }
    return image_from_bgr(picture);
  } catch (const cv::Exception& error) {
    throw FileError(path_, "frame " + std::to_string(index) + " cannot be decoded: " + printable(error.err));
  }
}

namespace {

class VideoReader final : public FrameReader {
 public:
  VideoReader(const std::filesystem::path& video, const std::filesystem::path& gripper) : static_(video) {
    if (!gripper.empty()) gripper_ = std::make_unique<VideoFile>(gripper);
  }

  std::int64_t length() const override {
    return gripper_ ? std::min(static_.length(), gripper_->length()) : static_.length();
  }

  Observation load(std::int64_t index, const std::stop_token& stop) override {
    auto out = load_state(index, stop);
    out.rgb_static = static_.frame(index, stop);
    if (gripper_) out.rgb_gripper = gripper_->frame(index, stop);
    return out;
  }
  Observation load_state(std::int64_t index, const std::stop_token&) override {
    Observation out;
    out.frame_id = index;
    out.timestamp_s = static_cast<double>(index) / static_.frames_per_second();
    return out;
  }

  const VideoFile& static_video() const { return static_; }
  const VideoFile* gripper_video() const { return gripper_.get(); }

 private:
  VideoFile static_;
  std::unique_ptr<VideoFile> gripper_;
};

}  // namespace

std::shared_ptr<const EpisodeCollection> open_video(const std::filesystem::path& path,
                                                    const OpenSourceOptions& options) {
  for (const auto& file : {path, options.gripper}) {
    if (!file.empty() && !looks_like_video(file)) throw FileError(file, "is not a supported video");
  }
  const VideoReader probe(path, options.gripper);
  std::vector<std::string> warnings;
  const auto& video = probe.static_video();
  if (const auto* gripper = probe.gripper_video()) {
    const auto differ = [&](const std::string& what) { warnings.push_back(FileError(options.gripper, what).what()); };
    if (gripper->length() != video.length()) {
      differ("has " + std::to_string(gripper->length()) + " frames, the static camera's video " +
             std::to_string(video.length()) + "; only the pairs are shown");
    }
    if (std::abs(gripper->frames_per_second() - video.frames_per_second()) > 0.01) {
      differ("has a different frame rate than the static camera's video; frames are paired by number");
    }
  }
  const auto instruction = find_instruction(options, {}, path.parent_path(), warnings);
  SourceInfo info;
  info.title = printable(path.filename().string(), 300);
  info.path = path;
  info.kind = "video";
  info.frames_per_second = video.frames_per_second();
  info.has_gripper_camera = !options.gripper.empty();
  const auto count = probe.length();
  EpisodeEntry entry;
  entry.title = instruction.empty() ? info.title : instruction;
  entry.last_frame_id = count - 1;
  const auto opener = [=]() -> FrameSourcePtr {
    auto reader = std::make_unique<VideoReader>(path, options.gripper);
    std::vector<InstructionSpan> spans;
    if (!instruction.empty()) spans.push_back({0, reader->length() - 1, instruction, {}});
    return std::make_shared<RecordedSource>(info, std::move(spans), std::move(reader), options.cache);
  };
  return std::make_shared<SingleEpisode>(info.kind, path, std::move(entry), std::move(warnings), opener);
}

}  // namespace deer
