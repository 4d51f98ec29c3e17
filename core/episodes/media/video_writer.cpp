// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/media/video_writer.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>
#include <system_error>
#include <utility>

#include "core/base/error.h"
#include "core/base/number_text.h"

namespace deer {
namespace {

constexpr int kLeastSide = 16, kMostSide = 8192;
constexpr std::int64_t kLookAtDiskEvery = 16;        // pictures
constexpr std::uintmax_t kLeastSpace = 4ULL << 20U;  // bytes: the index at the end has to fit too

int fourcc(VideoCodec codec) {
  return codec == VideoCodec::h264 ? cv::VideoWriter::fourcc('a', 'v', 'c', '1')
                                   : cv::VideoWriter::fourcc('m', 'p', '4', 'v');
}

void check(const VideoFormat& format) {
  for (const int side : {format.width, format.height}) {
    if (side < kLeastSide || side > kMostSide || side % 2 != 0) {
      throw Error("a video of " + std::to_string(format.width) + " x " + std::to_string(format.height) +
                  " pixels is not supported: both must be even, from 16 to 8192");
    }
  }
  const double rate = format.frames_per_second;
  if (!(rate > 0 && rate <= 1000)) {
    throw Error("a video of " + general_text(rate, 6) + " frames per second is not supported: the maximum is 1000");
  }
}

}  // namespace

class VideoWriter::Private {
 public:
  std::filesystem::path path, part;
  VideoFormat format;
  cv::VideoWriter writer;
  cv::Mat bgr;
  VideoCodec codec{};
  std::int64_t written = 0;
  bool kept = false;

  ~Private() {
    if (kept) return;
    close();
    std::error_code none;
    std::filesystem::remove(part, none);
  }

  // FFmpeg gives no useful message if a file cannot be created; the system does.
  void make_file() const {
    errno = 0;
    std::ofstream file(part, std::ios::binary);
    if (!file) throw FileError(path, std::string("cannot be written: ") + std::strerror(errno ? errno : EIO));
  }

  void open() {
    for (const auto one : format.codecs) {
      try {
        if (writer.open(part.string(), cv::CAP_FFMPEG, fourcc(one), format.frames_per_second,
                        {format.width, format.height})) {
          codec = one;
          return;
        }
      } catch (const cv::Exception&) {
        // Try the next codec.
      }
    }
    throw FileError(path, "OpenCV has no encoder for MP4 video (needs H.264 or MPEG-4 from FFmpeg)");
  }

  void close() noexcept {
    try {
      writer.release();
    } catch (const cv::Exception&) {
      // Success is checked when the file is read back.
    }
  }

  bool disk_is_full() const {
    std::error_code error;
    const auto space = std::filesystem::space(part.parent_path(), error);
    return !error && space.available < kLeastSpace;
  }

  // The encoder does not report whether its writes succeeded.
  void read_back() const {
    std::int64_t found = 0;
    try {
      cv::VideoCapture file;
      if (file.open(part.string(), cv::CAP_FFMPEG) && file.get(cv::CAP_PROP_FRAME_WIDTH) == format.width &&
          file.get(cv::CAP_PROP_FRAME_HEIGHT) == format.height) {
        found = std::llround(file.get(cv::CAP_PROP_FRAME_COUNT));
      }
    } catch (const cv::Exception&) {
      found = 0;
    }
    if (found == written) return;
    throw FileError(path, "cannot be completed: " + std::to_string(found) + " of " + std::to_string(written) +
                              " frames are in the file (is the disk full?)");
  }
};

VideoWriter::VideoWriter(std::filesystem::path path, const VideoFormat& format) : d_(std::make_unique<Private>()) {
  check(format);
  d_->path = std::move(path);
  d_->part = std::filesystem::absolute(unfinished(d_->path));
  d_->format = format;
  std::error_code none;
  if (std::filesystem::is_directory(d_->path, none)) {
    d_->kept = true;
    throw FileError(d_->path, "is a folder, expected a file");
  }
  d_->make_file();
  d_->open();
}

VideoWriter::~VideoWriter() = default;

std::filesystem::path VideoWriter::unfinished(const std::filesystem::path& path) {
  auto out = path;
  return out += ".part.mp4";  // FFmpeg derives the container from the extension
}

void VideoWriter::write(const Image& picture) {
  auto& d = *d_;
  if (picture.width != d.format.width || picture.height != d.format.height ||
      picture.rgb.size() != static_cast<std::size_t>(picture.width) * static_cast<std::size_t>(picture.height) * 3) {
    throw Error("an image of " + std::to_string(picture.width) + " x " + std::to_string(picture.height) +
                " pixels does not fit a video of " + std::to_string(d.format.width) + " x " +
                std::to_string(d.format.height));
  }
  if (d.written % kLookAtDiskEvery == 0 && d.disk_is_full()) throw FileError(d.path, "the disk is full");
  try {
    const cv::Mat rgb(picture.height, picture.width, CV_8UC3, const_cast<std::uint8_t*>(picture.rgb.data()));
    cv::cvtColor(rgb, d.bgr, cv::COLOR_RGB2BGR);
    d.writer.write(d.bgr);
  } catch (const cv::Exception& error) {
    throw FileError(d.path, "frame " + std::to_string(d.written) + " cannot be encoded: " + printable(error.err));
  }
  ++d.written;
}

void VideoWriter::finish() {
  auto& d = *d_;
  d.close();
  d.read_back();
  std::error_code error;
  std::filesystem::rename(d.part, d.path, error);
  if (error) throw FileError(d.path, "cannot be replaced: " + error.message());
  d.kept = true;
}

std::int64_t VideoWriter::written() const { return d_->written; }
VideoCodec VideoWriter::codec() const { return d_->codec; }

}  // namespace deer
