// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/media/picture_file.h"

#include <cstdint>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "core/base/error.h"

namespace deer {

std::string png_file(const Image& image) {
  if (image.empty()) throw Error("an empty image cannot be written");
  // OpenCV takes no pointer to const; nothing is written there.
  const cv::Mat rgb(image.height, image.width, CV_8UC3, const_cast<std::uint8_t*>(image.rgb.data()));
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  std::vector<std::uint8_t> out;
  if (!cv::imencode(".png", bgr, out)) throw Error("an image cannot be written as PNG");
  return {out.begin(), out.end()};
}

}  // namespace deer
