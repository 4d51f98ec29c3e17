// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <random>

#include "core/episodes/hdf5/hdf5_file.h"
#include "core/episodes/open/open_source.h"
#include "core/hdf5/h5.h"
#include "core/hdf5/trial_read.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;
using namespace std::string_literals;

namespace {

using Shape = std::vector<hsize_t>;

// Files as h5py writes them.
class Writer {
 public:
  explicit Writer(const std::filesystem::path& path)
      : file_(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) {
    if (!file_) throw std::runtime_error("cannot create " + path.string());
  }
  hid_t file() const { return file_.get(); }

  void group(const std::string& name) {
    h5::Id made(H5Gcreate2(file(), name.c_str(), with_groups().get(), H5P_DEFAULT, H5P_DEFAULT));
  }

  template <typename T>
  void add(const std::string& name, const Shape& shape, hid_t stored, hid_t memory, const std::vector<T>& values,
           bool compressed = false) {
    const h5::Id space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr));
    const h5::Id how(H5Pcreate(H5P_DATASET_CREATE));
    if (compressed) {
      auto chunk = shape;
      chunk[0] = 1;
      H5Pset_chunk(how.get(), static_cast<int>(chunk.size()), chunk.data());
      H5Pset_shuffle(how.get());
      H5Pset_deflate(how.get(), 4);
    }
    const h5::Id made(
        H5Dcreate2(file(), name.c_str(), stored, space.get(), with_groups().get(), how.get(), H5P_DEFAULT));
    if (!made || H5Dwrite(made.get(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) {
      throw std::runtime_error("cannot write " + name);
    }
  }
  // values[row][i] = 100 * row + i
  void numbers(const std::string& name, const Shape& shape, bool compressed = false) {
    hsize_t width = 1;
    for (std::size_t i = 1; i < shape.size(); ++i) width *= shape[i];
    std::vector<double> values;
    for (hsize_t row = 0; row < shape[0]; ++row) {
      for (hsize_t i = 0; i < width; ++i) values.push_back(static_cast<double>(100 * row + i));
    }
    add(name, shape, H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, values, compressed);
  }
  // Pixel (x, y) of frame t is (t, y, x).
  void pictures(const std::string& name, hsize_t frames, hsize_t height, hsize_t width, bool channels_first = false) {
    std::vector<std::uint8_t> values;
    const auto value = [](hsize_t t, hsize_t y, hsize_t x, hsize_t c) {
      return static_cast<std::uint8_t>(c == 0 ? t : c == 1 ? y : x);
    };
    for (hsize_t t = 0; t < frames; ++t) {
      if (channels_first) {
        for (hsize_t c = 0; c < 3; ++c)
          for (hsize_t y = 0; y < height; ++y)
            for (hsize_t x = 0; x < width; ++x) values.push_back(value(t, y, x, c));
      } else {
        for (hsize_t y = 0; y < height; ++y)
          for (hsize_t x = 0; x < width; ++x)
            for (hsize_t c = 0; c < 3; ++c) values.push_back(value(t, y, x, c));
      }
    }
    add(name, channels_first ? Shape{frames, 3, height, width} : Shape{frames, height, width, 3}, H5T_STD_U8LE,
        H5T_NATIVE_UINT8, values, true);
  }
  void attribute(const std::string& object, const std::string& name, const std::string& text) {
    const h5::Id type(H5Tcopy(H5T_C_S1));
    H5Tset_size(type.get(), H5T_VARIABLE);
    H5Tset_cset(type.get(), H5T_CSET_UTF8);
    const h5::Id space(H5Screate(H5S_SCALAR));
    const h5::Id made(H5Acreate_by_name(file(), object.c_str(), name.c_str(), type.get(), space.get(), H5P_DEFAULT,
                                        H5P_DEFAULT, H5P_DEFAULT));
    const char* const value = text.c_str();
    if (!made || H5Awrite(made.get(), type.get(), &value) < 0) throw std::runtime_error("cannot write " + name);
  }

 private:
  static h5::Id with_groups() {
    h5::Id out(H5Pcreate(H5P_LINK_CREATE));
    H5Pset_create_intermediate_group(out.get(), 1);
    return out;
  }
  std::unique_lock<std::recursive_mutex> held_ = h5::lock();
  h5::Id file_;
};

constexpr const char* kController =
    R"({"env_name": "Lift", "env_kwargs": {"robots": ["Panda"], "control_freq": 20, "controller_configs":
    {"type": "OSC_POSE", "input_max": 1, "output_max": [0.05, 0.05, 0.05, 0.5, 0.5, 0.5], "control_delta": true}}})";

}  // namespace

class TestHdf5 : public QObject {
  Q_OBJECT

 private:
  TemporaryFolder folder_;

 private Q_SLOTS:
  void robomimic() {
    const auto path = folder_ / "image.hdf5";
    {
      Writer file(path);
      for (const int demo : {0, 2, 10}) {
        const auto at = "/data/demo_" + std::to_string(demo);
        const hsize_t frames = 3 + static_cast<hsize_t>(demo);
        file.numbers(at + "/actions", {frames, 7}, true);
        file.numbers(at + "/obs/robot0_eef_pos", {frames, 3});
        file.numbers(at + "/obs/robot0_gripper_qpos", {frames, 2});
        file.pictures(at + "/obs/agentview_image", frames, 12, 16);
        file.pictures(at + "/obs/robot0_eye_in_hand_image", frames, 8, 8);
        file.pictures(at + "/next_obs/agentview_image", frames, 12, 16);
        file.numbers(at + "/rewards", {frames});
        file.numbers(at + "/odd", {frames + 5, 2});
      }
      file.attribute("/data", "env_args", kController);
      file.attribute("/data/demo_2", "ep_meta", R"({"lang": "open the drawer"})");
    }
    const auto data = open_source(path);
    QCOMPARE(data->kind(), "robomimic HDF5"s);
    QCOMPARE(data->episodes().size(), std::size_t{3});
    QCOMPARE(data->episodes()[2].title, "demo_10"s);
    QCOMPARE(data->episodes()[2].length(), 13);
    QCOMPARE(data->episodes()[1].title, "demo_2: open the drawer"s);
    QCOMPARE(data->warnings().size(), std::size_t{1});
    QVERIFY(data->warnings()[0].find("not shown: odd (float32 [8, 2])") != std::string::npos);
    const auto* description = data->description();
    QCOMPARE(description->schema.robot, "Panda"s);
    QCOMPARE(description->mapping.static_camera, "agentview_image"s);
    QCOMPARE(description->mapping.gripper_camera, "robot0_eye_in_hand_image"s);
    QCOMPARE(description->mapping.state.size(), std::size_t{5});
    const auto source = data->open(1);
    QCOMPARE(source->info().frames_per_second, 20.0);
    const auto seen = source->read(2);
    QCOMPARE(seen->instruction, "open the drawer"s);
    QCOMPARE(seen->rgb_static->width, 16);
    const auto pixel = static_cast<std::size_t>(3 * (5 * 16 + 7));
    QCOMPARE(seen->rgb_static->rgb[pixel], 2);      // frame
    QCOMPARE(seen->rgb_static->rgb[pixel + 1], 5);  // row: upright as stored
    QCOMPARE(seen->rgb_static->rgb[pixel + 2], 7);
    QCOMPARE(seen->rgb_gripper->height, 8);
    QCOMPARE((*seen->rel_action)[0], 200 * 2.5);
    QCOMPARE((*seen->rel_action)[6], -206.0);
    QCOMPARE(seen->state[4], 201.0);
    QCOMPARE(seen->timestamp_s, 0.1);
  }

  void libero_is_turned_upright() {
    const auto path = folder_ / "libero_demo.hdf5";
    {
      Writer file(path);
      file.numbers("/data/demo_0/actions", {4, 7});
      file.pictures("/data/demo_0/obs/agentview_rgb", 4, 12, 16);
      file.pictures("/data/demo_0/obs/eye_in_hand_rgb", 4, 12, 16);
      file.numbers("/data/demo_0/obs/ee_states", {4, 6});
      file.attribute("/data", "problem_info", R"({"language_instruction": "put the bowl on the plate"})");
      file.attribute("/data", "macros_image_convention", "opengl");
    }
    const auto data = open_source(path);
    QCOMPARE(data->kind(), "LIBERO HDF5"s);
    QCOMPARE(data->episodes()[0].title, "demo_0: put the bowl on the plate"s);
    QVERIFY(data->warnings()[0].find("stores its pictures upside down (agentview_rgb, eye_in_hand_rgb)") !=
            std::string::npos);
    const auto seen = data->open(0)->read(1);
    QCOMPARE(seen->rgb_static->rgb[1], 11);  // the last row came first
    QCOMPARE(seen->instruction, "put the bowl on the plate"s);
    QCOMPARE(seen->state.size(), std::size_t{6});
    QVERIFY(!seen->rel_action && seen->other_action.size() == 7);  // nothing says what the numbers move
  }

  void each_file_of_a_folder_has_its_instruction() {
    const auto folder = folder_ / "libero_goal";
    std::filesystem::create_directories(folder);
    for (const std::string task : {"open the drawer", "push the plate"}) {
      Writer file(folder / (task + "_demo.hdf5"));
      file.numbers("/data/demo_0/actions", {4, 7});
      file.numbers("/data/demo_1/actions", {3, 7});
      file.attribute("/data", "problem_info", "{\"language_instruction\": \"" + task + "\"}");
    }
    const auto data = open_source(folder);
    QCOMPARE(data->episodes().size(), std::size_t{4});
    QCOMPARE(data->episodes()[1].title, "demo_1: open the drawer"s);
    QCOMPARE(data->episodes()[2].title, "demo_0: push the plate"s);
    QCOMPARE(data->open(2)->read(0)->instruction, "push the plate"s);
  }

  void states_without_pictures() {
    const auto path = folder_ / "lift.hdf5";
    {
      Writer file(path);
      file.numbers("/data/demo_1/actions", {5, 7});
      file.numbers("/data/demo_1/states", {5, 32});
      file.attribute("/data", "env_info", R"({"robots": "Panda", "controller_configs": {"type": "JOINT_VELOCITY"}})");
    }
    const auto data = open_source(path);
    QCOMPARE(data->kind(), "robosuite HDF5"s);
    const auto source = data->open(0);
    QVERIFY(!source->info().has_static_camera && !source->info().has_gripper_camera);
    const auto seen = source->read(4);
    QVERIFY(!seen->rgb_static && seen->pictures.empty());
    QCOMPARE(seen->state[31], 431.0);
    QCOMPARE(seen->other_action[6], 406.0);
  }

  void maniskill() {
    const auto path = folder_ / "trajectory.rgb.pd_joint_pos.h5";
    {
      Writer file(path);
      file.numbers("/traj_0/actions", {6, 8});
      file.numbers("/traj_0/obs/agent/qpos", {7, 9});  // one more than actions
      file.pictures("/traj_0/obs/sensor_data/base_camera/rgb", 7, 16, 16);
      file.numbers("/traj_1/actions", {2, 8});
      file.numbers("/traj_1/obs/agent/qpos", {3, 9});
    }
    folder_.write("trajectory.rgb.pd_joint_pos.json", R"({"env_info": {"env_id": "PickCube-v1"}})");
    const auto data = open_source(path);
    QCOMPARE(data->kind(), "ManiSkill HDF5"s);
    QCOMPARE(data->episodes().size(), std::size_t{2});
    QCOMPARE(data->episodes()[0].length(), 6);
    QCOMPARE(data->episodes()[0].title, "traj_0: PickCube-v1"s);
    const auto seen = data->open(0)->read(5);
    QCOMPARE(seen->rgb_static->rgb[0], 5);
    QCOMPARE(seen->state[8], 508.0);
    const auto second = data->open(1)->read(0);
    QVERIFY(!second->rgb_static);  // this one has no pictures
    QCOMPARE(second->state.size(), std::size_t{9});
  }

  void aloha_folder_with_encoded_pictures() {
    const auto folder = folder_ / "aloha";
    std::filesystem::create_directories(folder);
    cv::Mat picture(24, 32, CV_8UC3, cv::Scalar(0, 0, 200));
    std::vector<std::uint8_t> jpeg;
    QVERIFY(cv::imencode(".jpg", picture, jpeg));
    jpeg.resize(jpeg.size() + 100);  // padded to the longest
    for (const int episode : {0, 1, 10}) {
      Writer file(folder / ("episode_" + std::to_string(episode) + ".hdf5"));
      const hsize_t frames = 2;
      file.numbers("/action", {frames, 14});
      file.numbers("/observations/qpos", {frames, 14});
      file.numbers("/observations/qvel", {frames, 14});
      auto rows = jpeg;
      rows.insert(rows.end(), jpeg.begin(), jpeg.end());
      file.add("/observations/images/cam_high", {frames, jpeg.size()}, H5T_STD_U8LE, H5T_NATIVE_UINT8, rows);
      file.pictures("/observations/images/cam_left_wrist", frames, 8, 12, true);
    }
    folder_.write("aloha/episode_11.hdf5", "no HDF5");
    folder_.write("aloha/episode_12.hdf5", "version https://git-lfs.github.com/spec/v1\n");
    const auto data = open_source(folder);
    QCOMPARE(data->kind(), "ALOHA HDF5"s);
    QCOMPARE(data->episodes().size(), std::size_t{3});
    QCOMPARE(data->episodes()[2].title, "episode_10"s);
    QVERIFY(data->warnings()[0].find("episode_11.hdf5: is not an HDF5 file") != std::string::npos);
    QVERIFY(data->warnings()[1].find("episode_12.hdf5: is a git-LFS pointer") != std::string::npos);
    const auto seen = data->open(2)->read(1);
    QCOMPARE(seen->rgb_static->width, 32);
    QVERIFY(seen->rgb_static->rgb[0] > 180 && seen->rgb_static->rgb[2] < 40);
    QCOMPARE(seen->rgb_gripper->width, 12);
    QCOMPARE(seen->rgb_gripper->rgb[3 * 12 + 1], 1);  // second row
    QCOMPARE(seen->other_action.size(), std::size_t{14});
    QCOMPARE(seen->state[13], 113.0);
    QCOMPARE(data->open(0)->info().frames_per_second, 50.0);
  }

  void others_are_named() {
    {
      Writer file(folder_ / "other.h5");
      file.numbers("/weights/dense", {3, 3});
    }
    DEER_VERIFY_ERROR(open_source(folder_ / "other.h5"),
                      "holds neither a trace nor episodes: its root has weights; expected data/demo_*/actions");
    {
      Writer file(folder_ / "empty.h5");
      file.numbers("/data/demo_0/actions", {0, 7});
    }
    const auto none = error_of([&] { open_source(folder_ / "empty.h5"); });
    QVERIFY2(none.ends_with("empty.h5: is a dataset (robosuite HDF5) without an episode that can be opened: "
                            "1 episode cannot be opened: '/data/demo_0' has no frames"),
             none.c_str());
    QCOMPARE(none.find("empty.h5"), none.rfind("empty.h5"));
    DEER_VERIFY_ERROR(open_source(folder_.write("zero.hdf5", "")),
                      "is an empty file, expected a video, an image, a CALVIN "
                      "frame or an HDF5 file");
    folder_.write("store/.zgroup", "{}");
    DEER_VERIFY_ERROR(open_source(folder_ / "store"), "is a Zarr store; Deerscope opens CALVIN, LeRobot, RLDS");
    DEER_VERIFY_ERROR(open_source(folder_.write("a.mcap", "\x89MCAP0\r\n")), "is an MCAP recording; Deerscope opens");
    DEER_VERIFY_ERROR(open_source(folder_.write("a.bag", "#ROSBAG V2.0\n")), "is a ROS bag; ");
    DEER_VERIFY_ERROR(open_source(folder_.write("a.parquet", "PAR1xxxx")), "open the folder of its dataset");
    DEER_VERIFY_ERROR(open_source(folder_.write("a.tfrecord-00000-of-00001", "xxxxxxxx")), "open its folder");
    DEER_VERIFY_ERROR(open_source(folder_.write("a.mp4", "version https://git-lfs.github.com/spec/v1\n")),
                      "is a git-LFS pointer: the file itself was not downloaded (git lfs pull)");
  }

  void what_lies_elsewhere_is_not_followed() {
    const auto path = folder_ / "links.h5";
    {
      Writer file(path);
      file.numbers("/data/demo_0/actions", {2, 7});
      file.group("/data/demo_0/obs");
      H5Lcreate_external("other.h5", "/weights/dense", file.file(), "/data/demo_0/obs/state", H5P_DEFAULT, H5P_DEFAULT);
      H5Lcreate_soft("/data/demo_0/obs", file.file(), "/data/demo_0/obs/again", H5P_DEFAULT, H5P_DEFAULT);
      const hsize_t size = 2;
      const h5::Id space(H5Screate_simple(1, &size, nullptr));
      const h5::Id how(H5Pcreate(H5P_DATASET_CREATE));
      H5Pset_external(how.get(), "/etc/passwd", 0, 16);
      const h5::Id made(H5Dcreate2(file.file(), "/data/demo_0/raw", H5T_IEEE_F64LE, space.get(), H5P_DEFAULT, how.get(),
                                   H5P_DEFAULT));
      QVERIFY(made);
    }
    const Hdf5File file(path);
    QVERIFY(!file.array("/data/demo_0/obs/state"));
    QVERIFY(!file.is_group("/data/demo_0/obs/again"));
    DEER_VERIFY_ERROR(file.array("/data/demo_0/raw"), "'/data/demo_0/raw' lies in other files, which are not read");
    // The others are shown.
    const auto data = open_source(path);
    QCOMPARE(data->open(0)->read(1)->other_action[6], 106.0);
    QVERIFY(data->warnings()[0].find("'/data/demo_0/raw' lies in other files, which are not read; it is not shown") !=
            std::string::npos);
  }

  void names_may_be_no_text() {
    const auto path = folder_ / "names.h5";
    {
      Writer file(path);
      file.numbers("/data/demo_\xff/actions", {2, 7});
      file.numbers("/data/demo_\xff/obs/eef\xfe_pos", {2, 3});
    }
    const auto data = open_source(path);
    QCOMPARE(data->episodes()[0].title, "demo_\uFFFD"s);
    QCOMPARE(data->description()->schema.series[1].name, "eef\uFFFD_pos"s);
    QCOMPARE(data->open(0)->read(1)->other_action[0], 100.0);
    QVERIFY(!mapping_to_json(data->description()->mapping).dump().empty());
  }

  void unknown_filters_and_sizes_are_refused() {
    const auto path = folder_ / "chunks.h5";
    {
      Writer file(path);
      const std::array<hsize_t, 2> size{1 << 20, 1 << 10};
      const h5::Id space(H5Screate_simple(2, size.data(), nullptr));
      const h5::Id how(H5Pcreate(H5P_DATASET_CREATE));
      H5Pset_chunk(how.get(), 2, std::array<hsize_t, 2>{1 << 19, 1 << 9}.data());
      const h5::Id made(
          H5Dcreate2(file.file(), "/large", H5T_IEEE_F64LE, space.get(), H5P_DEFAULT, how.get(), H5P_DEFAULT));
      QVERIFY(made);
      file.numbers("/small", {3, 2});
    }
    const Hdf5File file(path);
    DEER_VERIFY_ERROR(file.numbers("/large", 0, 1), "has chunks of more than 256 MiB");
    DEER_VERIFY_ERROR(file.numbers("/small", 2, 2), "is float32 [3, 2], expected 4 rows");
    DEER_VERIFY_ERROR(file.bytes("/small", 0, 100), "holds no bytes");
    DEER_VERIFY_ERROR(file.children("/", 1), "has 2 members, expected at most 1");
    QCOMPARE(file.numbers("/small", 1, 2), (std::vector<double>{100, 101, 200, 201}));
  }

  void a_crash_while_reading_is_an_error() {
    const auto path = folder_.write("crash.h5", "");
    DEER_VERIFY_ERROR(trial_read(path, [](const char*) { std::raise(SIGSEGV); }),
                      "crash.h5: is damaged: libhdf5 crashes on it (Segmentation fault)");
    DEER_VERIFY_ERROR(trial_read(path, [](const char*) { std::abort(); }), "libhdf5 crashes on it (Aborted)");
    DEER_VERIFY_ERROR(trial_read(path, [](const char*) { std::raise(SIGXCPU); }), "takes too long to read");
    trial_read(path, [](const char*) {});
    trial_read(path);  // refused without a crash: the caller says so
  }

  // Each is opened as far as it can be, or an error; none ends the program.
  void any_bytes_may_be_wrong() {
    const auto path = folder_ / "changed.h5";
    {
      Writer writer(path);
      writer.group("data");
      writer.group("data/demo_0");
      writer.group("data/demo_0/obs");
      writer.numbers("data/demo_0/actions", {3, 7}, true);
      writer.numbers("data/demo_0/obs/robot0_eef_pos", {3, 3});
      writer.pictures("data/demo_0/obs/agentview_image", 3, 8, 8);
    }
    std::ifstream in(path, std::ios::binary);
    const std::string good((std::istreambuf_iterator<char>(in)), {});
    QVERIFY(open_source(path)->open(0)->length() == 3);
    std::mt19937 random(7);
    int refused = 0;
    for (int i = 0; i < 200; ++i) {
      auto bytes = good;
      for (int k = 0; k < 1 + i % 4; ++k) {
        bytes[8 + random() % (bytes.size() - 8)] = static_cast<char>(i % 2 == 0 ? random() : 0xff);
      }
      const auto changed = folder_.write("changed.h5", bytes);
      const auto problem = error_of([&] {
        const auto episode = open_source(changed)->open(0);
        for (std::int64_t frame = 0; frame < std::min<std::int64_t>(episode->length().value_or(0), 3); ++frame)
          episode->read(frame);
      });
      refused += problem.empty() ? 0 : 1;
    }
    QVERIFY(refused > 20);
  }

  // libhdf5 takes kilobytes for every chunk that one read touches.
  void rows_in_many_chunks() {
    const auto path = folder_ / "chunks.h5";
    constexpr hsize_t kRows = 40'000, kClaimed = 10'000'000;
    {
      Writer file(path);
      file.numbers("/many", {kRows, 2}, true);
      const auto claim = [&](const char* name, const Shape& shape, const Shape& chunk) {
        const h5::Id space(H5Screate_simple(2, shape.data(), nullptr));
        const h5::Id how(H5Pcreate(H5P_DATASET_CREATE));
        H5Pset_chunk(how.get(), 2, chunk.data());
        const h5::Id made(
            H5Dcreate2(file.file(), name, H5T_IEEE_F32LE, space.get(), H5P_DEFAULT, how.get(), H5P_DEFAULT));
        QVERIFY(bool(made));
      };
      claim("/claimed", {kClaimed, 7}, {1, 7});
      claim("/unwritten", {100, 7}, {1, 7});
      claim("/crumbs", {10, 100'000}, {1, 1});
    }
    const Hdf5File file(path);
    const auto all = file.numbers("/many", 0, kRows);
    QCOMPARE(all.size(), std::size_t{2 * kRows});
    for (const hsize_t row : {hsize_t{0}, hsize_t{16'383}, hsize_t{16'384}, hsize_t{16'385}, kRows - 1}) {
      QCOMPARE(all[2 * row + 1], static_cast<double>(100 * row + 1));
    }
    QCOMPARE(file.numbers("/many", 20'000, 20'000).back(), all.back());
    DEER_VERIFY_ERROR(file.numbers("/claimed", 0, kClaimed),
                      "'/claimed' is float32 [10000000, 7], but holds only 0 chunks of data");
    QCOMPARE(file.numbers("/claimed", 5, 2), std::vector<double>(14, 0.0));
    QCOMPARE(file.numbers("/unwritten", 0, 100).size(), std::size_t{700});
    DEER_VERIFY_ERROR(file.numbers("/crumbs", 0, 1), "'/crumbs' has too many chunks in a row");
  }

  void damaged_files_are_errors() {
    const auto path = folder_ / "whole.h5";
    {
      Writer file(path);
      file.numbers("/data/demo_0/actions", {40, 7}, true);
      file.pictures("/data/demo_0/obs/agentview_image", 40, 16, 16);
    }
    std::ifstream in(path, std::ios::binary);
    const std::string whole((std::istreambuf_iterator<char>(in)), {});
    for (std::size_t length = 0; length < whole.size(); length += 997) {
      const auto cut = folder_.write("cut.h5", std::string_view(whole).substr(0, length));
      QVERIFY2(!error_of([&] { open_source(cut)->open(0)->read(0); }).empty(), std::to_string(length).c_str());
    }
  }
};

DEER_SUITE(TestHdf5)
#include "tst_hdf5.moc"
