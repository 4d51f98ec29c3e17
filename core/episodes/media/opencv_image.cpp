// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/media/opencv_image.h"

#include <opencv2/imgproc.hpp>

namespace deer {

ImagePtr image_from_bgr(const cv::Mat& bgr) {
  auto image = std::make_shared<Image>();
  image->width = bgr.cols;
  image->height = bgr.rows;
  image->rgb.resize(bgr.total() * 3);
  cv::Mat rgb(bgr.rows, bgr.cols, CV_8UC3, image->rgb.data());
  cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
  return image;
}

}  // namespace deer
