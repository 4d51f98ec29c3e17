// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <opencv2/imgcodecs.hpp>

#include "core/base/mapped_file.h"
#include "core/episodes/open/open_source.h"
#include "core/episodes/rlds/rlds_dataset.h"
#include "core/episodes/rlds/tf_example.h"
#include "tests/core/episodes/rlds/make_records.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;
using namespace std::string_literals;

namespace {

// As TensorFlow Datasets writes it, without the descriptions.
constexpr const char* kFeatures = R"({
 "pythonClassName": "tensorflow_datasets.core.features.features_dict.FeaturesDict",
 "featuresDict": {"features": {
  "episode_metadata": {"featuresDict": {"features": {"file_path": {"text": {}}}}},
  "steps": {"sequence": {"length": "-1", "feature": {"featuresDict": {"features": {
   "action": {"tensor": {"shape": {"dimensions": ["7"]}, "dtype": "float32", "encoding": "none"}},
   "is_first": {"tensor": {"shape": {}, "dtype": "bool", "encoding": "none"}},
   "reward": {"tensor": {"shape": {}, "dtype": "float32", "encoding": "none"}},
   "language_instruction": {"text": {}},
   "language_embedding": {"tensor": {"shape": {"dimensions": ["4"]}, "dtype": "float32", "encoding": "none"}},
   "points": {"tensor": {"shape": {"dimensions": ["-1", "3"]}, "dtype": "float32", "encoding": "none"}},
   "observation": {"featuresDict": {"features": {
    "image": {"image": {"shape": {"dimensions": ["24", "32", "3"]}, "dtype": "uint8", "encodingFormat": "jpeg"}},
    "wrist_image": {"image": {"shape": {"dimensions": ["24", "32", "3"]}, "dtype": "uint8", "encodingFormat": "png"}},
    "state": {"tensor": {"shape": {"dimensions": ["2", "3"]}, "dtype": "float64", "encoding": "none"}},
    "gripper": {"tensor": {"shape": {"dimensions": ["1"]}, "dtype": "int32", "encoding": "none"}}
   }}}
  }}}}}
 }}})";

std::string encoded(const char* extension, int value) {
  const cv::Mat picture(24, 32, CV_8UC3, cv::Scalar(value, 0, 0));
  std::vector<std::uint8_t> out;
  if (!cv::imencode(extension, picture, out)) throw std::runtime_error("cannot encode");
  return {out.begin(), out.end()};
}

std::map<std::string, std::string> steps(int count, const std::string& instruction) {
  std::vector<float> actions, states, rewards, embedding;
  std::vector<std::int64_t> grippers, first;
  std::vector<std::string> images, wrists, texts;
  for (int i = 0; i < count; ++i) {
    for (int k = 0; k < 7; ++k) actions.push_back(static_cast<float>(10 * i + k));
    for (int k = 0; k < 6; ++k) states.push_back(static_cast<float>(100 * i + k));
    embedding.insert(embedding.end(), 4, 0);
    rewards.push_back(i + 1 == count ? 1 : 0);
    grippers.push_back(-i);
    first.push_back(i == 0 ? 1 : 0);
    images.push_back(encoded(".jpg", 20 * i));
    wrists.push_back(i == 1 ? "" : encoded(".png", 7 * i));
    texts.push_back(i < 3 ? instruction : "then close it");
  }
  return {{"steps/action", float_list(actions)},
          {"steps/observation/state", float_list(states)},
          {"steps/observation/gripper", integer_list(grippers)},
          {"steps/observation/image", bytes_list(images)},
          {"steps/observation/wrist_image", bytes_list(wrists)},
          {"steps/reward", float_list(rewards)},
          {"steps/is_first", integer_list(first)},
          {"steps/language_instruction", bytes_list(texts)},
          {"steps/language_embedding", float_list(embedding)},
          {"episode_metadata/file_path", bytes_list({"x"})}};
}

std::string record(int count, const std::string& instruction) { return tf_record(example(steps(count, instruction))); }

class Dataset {
 public:
  TemporaryFolder folder;

  Dataset() {
    folder.write("tiny/1.0.0/features.json", kFeatures);
    info(R"("2", "1")");
    folder.write("tiny/1.0.0/tiny-train.tfrecord-00000-of-00002", record(5, "open it") + record(2, "push"));
    folder.write("tiny/1.0.0/tiny-train.tfrecord-00001-of-00002", record(3, "pull"));
    folder.write("tiny/1.0.0/tiny-val.tfrecord-00000-of-00001", record(3, ""));
  }
  void info(const std::string& train) {
    folder.write("tiny/1.0.0/dataset_info.json",
                 R"({"name": "tiny", "fileFormat": "tfrecord", "splits": [{"name": "train", "shardLengths": [)" +
                     train + R"(]}, {"name": "val", "shardLengths": ["1"]}]})");
  }
  auto open() const { return open_source(folder / "tiny"); }
};

}  // namespace

class TestRlds : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void checksum_is_tensorflows() {
    // The head of a TFRecord file that TensorFlow wrote: a length of 24 bytes and its masked checksum.
    const std::array<std::uint8_t, 8> length{24, 0, 0, 0, 0, 0, 0, 0};
    QCOMPARE(masked_crc32c(std::as_bytes(std::span(length))), 0x224B7FA3U);
  }

  void opens() {
    const Dataset tiny;
    const auto data = tiny.open();
    QCOMPARE(data->kind(), "RLDS"s);
    QCOMPARE(data->episodes().size(), std::size_t{4});
    QCOMPARE(data->episodes()[0].title, "episode 0: open it"s);
    QCOMPARE(data->episodes()[0].split, "train"s);
    QCOMPARE(data->episodes()[0].length(), 5);
    QCOMPARE(data->episodes()[2].title, "episode 2: pull"s);
    QCOMPARE(data->episodes()[3].title, "episode 0"s);
    QCOMPARE(data->episodes()[3].split, "val"s);
    QCOMPARE(data->warnings().size(), std::size_t{1});
    QVERIFY(data->warnings()[0].find("these are not shown: steps/points") != std::string::npos);
    const auto& schema = data->description()->schema;
    QCOMPARE(schema.cameras.size(), std::size_t{2});
    QCOMPARE(schema.series.size(), std::size_t{4});

    const auto source = data->open(0);
    QCOMPARE(source->instructions().size(), std::size_t{2});
    QCOMPARE(source->instructions()[1].first, 3);
    auto seen = source->read(4);
    QCOMPARE(seen->instruction, "then close it"s);
    QCOMPARE(seen->other_action[6], 46.0);
    QCOMPARE(seen->state, (std::vector<double>{400, 401, 402, 403, 404, 405}));
    QVERIFY(std::abs(seen->rgb_static->rgb[2] - 80) < 4);
    QCOMPARE(seen->rgb_gripper->rgb[2], 28);
    seen = source->read(1);
    QVERIFY(!seen->rgb_gripper && seen->rgb_static);  // an empty picture
    QCOMPARE(open_source(tiny.folder / "tiny/1.0.0")->episodes().size(), std::size_t{4});
  }

  void a_map_chooses_other_columns() {
    const Dataset tiny;
    OpenSourceOptions options;
    options.map = tiny.folder.write("map.json", R"({"state": ["gripper", "reward"], "static_camera": "wrist_image"})");
    const auto seen = open_source(tiny.folder / "tiny", options)->open(0)->read(4);
    QCOMPARE(seen->state, (std::vector<double>{-4, 1}));
    QCOMPARE(seen->rgb_static->rgb[2], 28);
  }

  void missing_files_are_named() {
    Dataset tiny;
    std::filesystem::remove(tiny.folder / "tiny/1.0.0/tiny-train.tfrecord-00000-of-00002");
    auto data = tiny.open();
    QCOMPARE(data->episodes().size(), std::size_t{2});
    QVERIFY(data->warnings()[1].find("has 1 of 2 TFRecord files of its split 'train'") != std::string::npos);
    tiny.folder.write("tiny/1.0.0/tiny-train.tfrecord-00000-of-00002",
                      "version https://git-lfs.github.com/spec/v1\noid x\n");
    data = tiny.open();
    QVERIFY(data->warnings()[1].find("is a git-LFS pointer") != std::string::npos);
    tiny.folder.write("tiny/1.0.0/tiny-train.tfrecord-00000-of-00002", record(2, "push"));
    data = tiny.open();
    QVERIFY(data->warnings()[1].find("has 1 records, dataset_info.json says 2") != std::string::npos);
  }

  void damage_is_found() {
    Dataset tiny;
    const auto whole = record(3, "push");
    const auto path = tiny.folder / "tiny/1.0.0/tiny-train.tfrecord-00001-of-00002";
    const auto message = [&](const std::string& bytes) {
      tiny.folder.write("tiny/1.0.0/tiny-train.tfrecord-00001-of-00002", bytes);
      std::string all;
      const auto data = tiny.open();
      for (const auto& warning : data->warnings()) all += warning + "\n";
      return all;
    };
    auto bytes = whole;
    bytes[0] ^= 1;
    QVERIFY(message(bytes).find("record 0 has a length with a wrong checksum") != std::string::npos);
    bytes = whole;
    bytes[200] ^= 1;
    QVERIFY(message(bytes).find("has a wrong checksum (damaged?)") != std::string::npos);
    QVERIFY(message(whole.substr(0, whole.size() - 9)).find("record 0 is cut short") != std::string::npos);
    const auto cut = record(2, "push") + record(3, "pull").substr(0, 60);
    QVERIFY(message(cut).find("record 1 is cut short; the record before it is used") != std::string::npos);
    QCOMPARE(tiny.open()->open(2)->length().value(), 2);
    QVERIFY(message("\x1f\x8b" + whole).find("is compressed with gzip") != std::string::npos);
    QVERIFY(message(tf_record("nonsense")).find("is no tf.train.Example") != std::string::npos);
    auto features = steps(3, "push");
    features["steps/reward"] = float_list({1, 2});
    QVERIFY(message(tf_record(example(features))).find("has 2 steps of 'reward'") != std::string::npos ||
            message(tf_record(example(features))).find("steps of 'steps/reward'") != std::string::npos);
    features = steps(3, "push");
    features["steps/action"] = float_list({1, 2});
    QVERIFY(message(tf_record(example(features))).find("has 2 numbers of 'steps/action', expected a multiple of 7") !=
            std::string::npos);
    features = steps(3, "push");
    features["steps/observation/image"] = bytes_list({"a", "b", "c"});
    message(tf_record(example(features)));
    const auto data = tiny.open();
    DEER_VERIFY_ERROR(data->open(2)->read(0), "the picture 'image' of step 0 cannot be decoded as an image");
  }

  void examples_are_read_where_they_lie() {
    const auto bytes = example({{"a", bytes_list({"one", ""})},
                                {"f", float_list({1.5F, -2})},
                                {"i", integer_list({-1, 300})},
                                {"unpacked", field(2, "\x0d\x00\x00\x80\x3f"s)}});
    const TfExample read(std::as_bytes(std::span(bytes)));
    QCOMPARE(as_text(read.bytes("a")[0]), std::string_view("one"));
    QVERIFY(read.bytes("a")[1].empty());
    QCOMPARE(read.numbers("f"), (std::vector<double>{1.5, -2}));
    QCOMPARE(read.numbers("i"), (std::vector<double>{-1, 300}));
    QCOMPARE(read.numbers("unpacked"), (std::vector<double>{1}));
    DEER_VERIFY_ERROR(read.numbers("a"), "holds bytes as 'a', expected numbers");
    DEER_VERIFY_ERROR(read.bytes("f"), "holds numbers as 'f', expected bytes");
    DEER_VERIFY_ERROR(read.numbers("none"), "has no 'none'");
    for (std::size_t length = 1; length < bytes.size(); ++length) {
      const auto cut = std::as_bytes(std::span(bytes)).first(length);
      QVERIFY(error_of([&] { TfExample(cut).numbers("f"); }) != "");
    }
  }

  void features_without_steps_are_refused() {
    Dataset tiny;
    tiny.folder.write("tiny/1.0.0/features.json", R"({"featuresDict": {"features": {"image": {"image": {}}}}})");
    DEER_VERIFY_ERROR(tiny.open(), "features.json: has no 'steps'");
    tiny.folder.write("tiny/1.0.0/features.json", kFeatures);
    tiny.folder.write("tiny/1.0.0/dataset_info.json", R"({"name": "tiny", "fileFormat": "riegeli"})");
    DEER_VERIFY_ERROR(tiny.open(), "'fileFormat' is \"riegeli\", expected tfrecord");
  }
};

DEER_SUITE(TestRlds)
#include "tst_rlds.moc"
