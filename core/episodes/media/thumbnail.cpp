// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/media/thumbnail.h"

#include <algorithm>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "core/base/error.h"
#include "core/base/lfs_pointer.h"
#include "core/episodes/media/opencv_image.h"

namespace deer {

std::vector<std::uint8_t> jpeg_thumbnail(const Image& image, int width) {
  if (image.empty() || width < 1) throw Error("an empty image has no thumbnail");
  // OpenCV takes no pointer to const; nothing is written there.
  const cv::Mat rgb(image.height, image.width, CV_8UC3, const_cast<std::uint8_t*>(image.rgb.data()));
  cv::Mat small;
  cv::cvtColor(rgb, small, cv::COLOR_RGB2BGR);
  if (image.width > width) {
    const int height = std::max(1, image.height * width / image.width);
    cv::resize(small, small, {width, height}, 0, 0, cv::INTER_AREA);
  }
  std::vector<std::uint8_t> out;
  if (!cv::imencode(".jpg", small, out, {cv::IMWRITE_JPEG_QUALITY, 80})) throw Error("a thumbnail cannot be encoded");
  return out;
}

ImagePtr decode_picture(std::span<const std::byte> bytes) {
  constexpr std::size_t kMost = std::size_t{512} << 20;
  if (bytes.empty()) throw Error("is empty, expected an image");
  if (bytes.size() > kMost) throw Error("is too large for an image");
  try {
    // OpenCV wants a writable matrix but only reads from it.
    auto* data = const_cast<std::byte*>(bytes.data());
    const cv::Mat encoded(1, static_cast<int>(bytes.size()), CV_8U, data);
    const auto decoded = cv::imdecode(encoded, cv::IMREAD_COLOR);
    if (decoded.empty()) {
      const auto problem = problem_of_download(bytes);
      throw Error(problem.empty() ? "cannot be decoded as an image (damaged or cut short?)" : problem);
    }
    return image_from_bgr(decoded);
  } catch (const cv::Exception& error) {
    throw Error("cannot be decoded as an image: " + printable(error.err));
  }
}

}  // namespace deer
