// SPDX-License-Identifier: GPL-3.0-or-later
#include <QtTest>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "core/base/error.h"
#include "core/base/json_file.h"
#include "core/base/mapped_file.h"
#include "core/model/image_preprocess.h"
#include "tests/support/suite.h"

using deer::Image;
using deer::Json;
namespace fs = std::filesystem;

namespace {

const fs::path kData = DEER_TEST_DATA;

// The tests' own reader, so that they do not lean on the code under test next door.
class Tensors {
 public:
  explicit Tensors(const fs::path& path) : file_(deer::MappedFile::open(path)) {
    std::uint64_t size = 0;
    std::memcpy(&size, file_->range(0, 8, "header size").data(), 8);
    const auto header = file_->range(8, size, "header");
    header_ = Json::parse(reinterpret_cast<const char*>(header.data()),
                          reinterpret_cast<const char*>(header.data()) + header.size());
    data_ = 8 + size;
  }

  std::vector<std::size_t> shape(const std::string& name) const { return header_.at(name).at("shape"); }

  template <typename T>
  std::vector<T> values(const std::string& name) const {
    const std::vector<std::uint64_t> offsets = header_.at(name).at("data_offsets");
    const auto bytes = file_->range(data_ + offsets[0], offsets[1] - offsets[0], "tensor");
    std::vector<T> out(bytes.size() / sizeof(T));
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
  }

  Image image(const std::string& name) const {
    const auto sides = shape(name);
    return {static_cast<int>(sides[1]), static_cast<int>(sides[0]), values<std::uint8_t>(name)};
  }

 private:
  std::shared_ptr<const deer::MappedFile> file_;
  Json header_;
  std::uint64_t data_ = 0;
};

// Largest difference, and the largest difference of the bytes behind the values.
void compare(const float* got, const float* expected, std::size_t pixels, const Image& crop) {
  constexpr float mean[] = {0.48145466f, 0.4578275f, 0.40821073f};
  constexpr float deviation[] = {0.26862954f, 0.26130258f, 0.27577711f};
  float largest = 0;
  std::size_t wrong_bytes = 0;
  for (std::size_t i = 0; i < 3 * pixels; ++i) {
    const auto channel = i / pixels;
    largest = std::max(largest, std::abs(got[i] - expected[i]));
    const auto byte = std::lround((expected[i] * deviation[channel] + mean[channel]) * 255.0f);
    wrong_bytes += byte != crop.rgb[3 * (i % pixels) + channel];
  }
  QCOMPARE(wrong_bytes, std::size_t{0});
  QVERIFY2(largest <= 1e-6f, qPrintable(QString::number(static_cast<double>(largest))));
}

// See tests/data/images_pillow/make_cases.py.
Image made_up_image(int width, int height, bool contrast) {
  Image image{width, height, {}};
  image.rgb.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  auto state = static_cast<std::uint32_t>(width * 65536 + height);
  for (auto& value : image.rgb) {
    state = state * 1664525u + 1013904223u;
    const auto byte = static_cast<std::uint8_t>(state >> 24);
    value = !contrast ? byte : (byte & 128) != 0 ? 255 : 0;
  }
  return image;
}

std::string checksum(const std::vector<std::uint8_t>& bytes) {
  std::uint64_t value = 0xCBF29CE484222325u;
  for (const auto byte : bytes) value = (value ^ byte) * 0x100000001B3u;
  return QString("%1").arg(value, 16, 16, QChar('0')).toStdString();
}

}  // namespace

class ImagePreprocessTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void golden_images();
  void golden_episode();
  void pillow_sizes_data();
  void pillow_sizes();
  void only_the_crop_is_computed();
  void bad_images_are_refused();
  void camera_frame();
};

void ImagePreprocessTest::golden_images() {
  const Tensors golden(kData / "reference/preprocess/images.safetensors");
  const Json list = deer::read_json(kData / "reference/preprocess/images.json");
  QVERIFY(list.size() >= 6);
  for (const Json& item : list) {
    const auto name = "image" + item["index"].dump();
    const auto result = deer::preprocess_image(golden.image(name + ".rgb"));
    const auto expected = golden.values<float>(name + ".output");
    QCOMPARE(result.planes.size(), expected.size());
    compare(result.planes.data(), expected.data(), 224 * 224, result.crop);
  }
}

void ImagePreprocessTest::golden_episode() {
  const Tensors inputs(kData / "reference/tiny_mpt1b/inputs.safetensors");
  for (const std::string camera : {"static", "gripper"}) {
    const auto raw_shape = inputs.shape("raw_" + camera);
    const auto raw = inputs.values<std::uint8_t>("raw_" + camera);
    const auto size = inputs.shape("rgb_" + camera)[2];
    const auto expected = inputs.values<float>("rgb_" + camera);
    const auto frame_bytes = raw_shape[1] * raw_shape[2] * 3;
    QCOMPARE(raw_shape[0], std::size_t{6});
    for (std::size_t frame = 0; frame < raw_shape[0]; ++frame) {
      Image image{static_cast<int>(raw_shape[2]), static_cast<int>(raw_shape[1]), {}};
      image.rgb.assign(raw.data() + frame * frame_bytes, raw.data() + (frame + 1) * frame_bytes);
      const auto result = deer::preprocess_image(image, static_cast<int>(size));
      compare(result.planes.data(), expected.data() + frame * 3 * size * size, size * size, result.crop);
    }
  }
}

void ImagePreprocessTest::pillow_sizes_data() {
  QTest::addColumn<int>("width");
  QTest::addColumn<int>("height");
  QTest::addColumn<int>("size");
  QTest::addColumn<bool>("contrast");
  QTest::addColumn<QString>("fnv1a");
  const Json file = deer::read_json(kData / "images_pillow/cases.json");
  for (const Json& item : file["cases"]) {
    const int width = item["width"];
    const int height = item["height"];
    const int size = item["size"];
    QTest::addRow("%d x %d to %d", width, height, size) << width << height << size << item["contrast"].get<bool>()
                                                        << QString::fromStdString(item["fnv1a"].get<std::string>());
  }
}

void ImagePreprocessTest::pillow_sizes() {
  QFETCH(int, width);
  QFETCH(int, height);
  QFETCH(int, size);
  QFETCH(bool, contrast);
  QFETCH(QString, fnv1a);
  const auto crop = deer::resize_and_crop(made_up_image(width, height, contrast), size);
  QCOMPARE(crop.width, size);
  QCOMPARE(crop.height, size);
  QCOMPARE(QString::fromStdString(checksum(crop.rgb)), fnv1a);
}

void ImagePreprocessTest::only_the_crop_is_computed() {
  // Resized as a whole this would be 4096 x 4,096,000,000 pixels.
  const Image tall = made_up_image(1, 1'000'000, false);
  QElapsedTimer timer;
  timer.start();
  const auto crop = deer::resize_and_crop(tall, 4096);
  QCOMPARE(crop.rgb.size(), std::size_t{4096} * 4096 * 3);
  QVERIFY(timer.elapsed() < 60'000);
}

void ImagePreprocessTest::bad_images_are_refused() {
  const Image good = made_up_image(2, 2, false);
  QVERIFY_THROWS_EXCEPTION(deer::Error, deer::preprocess_image(Image{}));
  QVERIFY_THROWS_EXCEPTION(deer::Error, deer::preprocess_image(Image{2, 2, std::vector<std::uint8_t>(11)}));
  QVERIFY_THROWS_EXCEPTION(deer::Error, deer::preprocess_image(Image{-2, -2, std::vector<std::uint8_t>(12)}));
  constexpr int kHuge = std::numeric_limits<int>::max();
  QVERIFY_THROWS_EXCEPTION(deer::Error, deer::preprocess_image(Image{kHuge, kHuge, std::vector<std::uint8_t>(12)}));
  QVERIFY_THROWS_EXCEPTION(deer::Error, deer::preprocess_image(good, 0));
  QVERIFY_THROWS_EXCEPTION(deer::Error, deer::preprocess_image(good, 5000));
  QCOMPARE(deer::preprocess_image(good, 1).planes.size(), std::size_t{3});
}

void ImagePreprocessTest::camera_frame() {
  const Image frame = made_up_image(200, 200, false);
  std::vector<float> planes;
  QBENCHMARK { planes = deer::preprocess_image(frame).planes; }
  QCOMPARE(planes.size(), std::size_t{3} * 224 * 224);
}

DEER_SUITE(ImagePreprocessTest)
#include "tst_image_preprocess.moc"
