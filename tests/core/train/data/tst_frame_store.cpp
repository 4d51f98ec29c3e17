// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cstring>
#include <fstream>

#include "core/episodes/calvin/calvin_dataset.h"
#include "core/episodes/calvin/calvin_frame.h"
#include "core/model/image_preprocess.h"
#include "core/train/base/seeded_random.h"
#include "core/train/data/frame_store_build.h"
#include "core/train/method/random_shift.h"
#include "core/train/run/word_tokenizer.h"
#include "core/train/windows/calvin_windows.h"
#include "tests/core/train/data/drawn_recording.h"
#include "tests/support/suite.h"

namespace fs = std::filesystem;
using namespace deer;
using namespace deer::test;

namespace {

const fs::path kMini = fs::path(DEER_TEST_DATA) / "calvin_mini";

FrameStoreOptions size_of(std::int64_t image_size) {
  FrameStoreOptions options;
  options.image_size = image_size;
  options.workers = 2;
  return options;
}

// What the store should hold for a recorded picture.
at::Tensor planes_of(const Image& image, int size) {
  const Image crop = resize_and_crop(image, size);
  auto rows = at::empty({size, size, 3}, at::kByte);
  std::memcpy(rows.data_ptr(), crop.rgb.data(), crop.rgb.size());
  return rows.permute({2, 0, 1}).contiguous();
}

PromptEncoder prompts(const TemporaryFolder& folder, const std::vector<std::string>& instructions) {
  const auto path = folder / "tokenizer.json";
  write_word_tokenizer(path, instructions);
  return PromptEncoder(Tokenizer::load(path));
}

void truncate(const fs::path& path, std::uintmax_t size) { fs::resize_file(path, size); }

}  // namespace

class TestFrameStore : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void equalsDirectReading();
  void joinsSources();
  void isMadeAnewWhenSourcesChange();
  void goesOnAfterAStop();
  void refusesBrokenSources();
  void refusesBrokenStores();
  void readsImagesAsThePolicyDoes();
  void shiftsLikeTheReference();
  void windowsStayInsideTheirAnnotation();
  void windowsSplitAndBalance();
  void windowsDrawPhrasingsBySeed();
  void windowsShiftImagesBySeed();
  void wordTokenizer();
  void randomNumbersAreAFunctionOfTheSeed();
};

void TestFrameStore::equalsDirectReading() {
  const TemporaryFolder folder;
  const auto store = make_frame_store(folder / "store", {kMini}, size_of(48));
  const auto dataset = CalvinDataset::open(kMini, CacheOptions{});
  std::int64_t frame = 0;
  std::size_t spans = 0;
  for (const auto& split : dataset->splits()) {
    std::map<std::int64_t, std::int64_t> place;
    for (const auto& segment : split.segments) {
      for (auto id = segment.first; id <= segment.last; ++id, ++frame) {
        place[id] = frame;
        const auto direct = read_calvin_frame(calvin_frame_path(split.path, id));
        QVERIFY(at::equal(store->static_images()[frame], planes_of(*direct.rgb_static, 48)));
        QVERIFY(at::equal(store->gripper_images()[frame], planes_of(*direct.rgb_gripper, 48)));
        const auto number = [&](const at::Tensor& row, std::int64_t i) { return row[frame][i].item<float>(); };
        for (std::int64_t i = 0; i < 15; ++i) {
          QCOMPARE(number(store->robot_obs(), i), float((*direct.robot_obs)[std::size_t(i)]));
        }
        for (std::int64_t i = 0; i < 24; ++i) {
          QCOMPARE(number(store->scene_obs(), i), float((*direct.scene_obs)[std::size_t(i)]));
        }
        for (std::int64_t i = 0; i < 7; ++i) {
          QCOMPARE(number(store->rel_actions(), i), float((*direct.rel_action)[std::size_t(i)]));
        }
      }
    }
    for (const auto& annotation : split.annotations) {
      const auto& span = store->spans().at(spans++);
      QCOMPARE(span.first, place.at(annotation.frames.first));
      QCOMPARE(span.last, place.at(annotation.frames.last));
      QCOMPARE(span.instruction, annotation.instruction);
      QCOMPARE(span.task, annotation.task);
      QCOMPARE(span.split, split.name);
    }
  }
  QVERIFY(frame > 20);
  QCOMPARE(store->size(), frame);
  QCOMPARE(store->spans().size(), spans);
  QCOMPARE(FrameStore::open(folder / "store")->id(), store->id());
}

void TestFrameStore::joinsSources() {
  const TemporaryFolder folder;
  record_drawings(folder / "a" / "training", {.segments = 2, .frames = 10, .seed = 1});
  record_drawings(folder / "b" / "training", {.segments = 1, .frames = 10, .seed = 2});
  const auto both = make_frame_store(folder / "both", {folder / "a", folder / "b" / "training"}, size_of(16));
  const auto second = make_frame_store(folder / "second", {folder / "b"}, size_of(16));
  QCOMPARE(both->size(), 30);
  QCOMPARE(both->stretches().size(), std::size_t{3});
  QVERIFY(at::equal(both->static_images().narrow(0, 20, 10), second->static_images()));
  QCOMPARE(both->spans().back().first, second->spans().back().first + 20);
}

void TestFrameStore::isMadeAnewWhenSourcesChange() {
  const TemporaryFolder folder;
  const auto split = folder / "training";
  record_drawings(split, {.segments = 2, .frames = 10, .seed = 1});
  const auto first = make_frame_store(folder / "store", {split}, size_of(16));
  bool worked = false;
  auto watched = size_of(16);
  watched.progress = [&](std::int64_t, std::int64_t) { worked = true; };
  QCOMPARE(make_frame_store(folder / "store", {split}, watched)->id(), first->id());
  QVERIFY(!worked);
  watched.image_size = 24;
  QVERIFY(make_frame_store(folder / "store", {split}, watched)->id() != first->id());
  QVERIFY(worked);
  QCOMPARE(FrameStore::open(folder / "store")->image_size(), 24);
  // The old store's tensors stay as they were.
  QCOMPARE(first->image_size(), 16);
  QVERIFY(first->static_images().sum().item<std::int64_t>() > 0);

  const auto before = FrameStore::open(folder / "store")->id();
  record_drawings(split, {.segments = 2, .frames = 10, .seed = 9});
  QVERIFY(make_frame_store(folder / "store", {split}, watched)->id() != before);
}

void TestFrameStore::goesOnAfterAStop() {
  const TemporaryFolder folder;
  const auto split = folder / "training";
  record_drawings(split, {.segments = 3, .frames = 300, .seed = 4});
  const auto whole = make_frame_store(folder / "whole", {split}, size_of(8));

  // One chunk is written, the second meets a broken frame.
  const auto victim = calvin_frame_path(split, 700);
  const auto times = fs::last_write_time(victim);
  std::ifstream in(victim, std::ios::binary);
  const std::string content((std::istreambuf_iterator<char>(in)), {});
  {
    std::fstream out(victim, std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(60);
    out << std::string(60, 'x');
  }
  fs::last_write_time(victim, times);
  auto options = size_of(8);
  options.workers = 1;
  DEER_VERIFY_ERROR(make_frame_store(folder / "store", {split}, options), victim.filename().string());
  DEER_VERIFY_ERROR(FrameStore::open(folder / "store"), "frames.json");
  std::ofstream(victim, std::ios::binary) << content;
  fs::last_write_time(victim, times);
  // Were the finished chunks read again, this would fail.
  const auto early = calvin_frame_path(split, 3);
  const auto early_times = fs::last_write_time(early);
  std::ifstream early_in(early, std::ios::binary);
  const std::string early_content((std::istreambuf_iterator<char>(early_in)), {});
  std::ofstream(early, std::ios::binary) << std::string(early_content.size(), 'x');
  fs::last_write_time(early, early_times);
  std::int64_t at_first = -1;
  options.progress = [&](std::int64_t done, std::int64_t) { at_first = at_first < 0 ? done : at_first; };
  const auto store = make_frame_store(folder / "store", {split}, options);
  QVERIFY(at_first >= 256);
  QVERIFY(at::equal(store->static_images(), whole->static_images()));
  QVERIFY(at::equal(store->robot_obs(), whole->robot_obs()));
  QVERIFY(!fs::exists(folder / "store" / "frames.bin.part"));

  std::stop_source stop;
  stop.request_stop();
  options.stop = stop.get_token();
  options.image_size = 12;
  QVERIFY_THROWS_EXCEPTION(Cancelled, make_frame_store(folder / "store", {split}, options));
  // The old store is there until the new one is whole.
  QCOMPARE(FrameStore::open(folder / "store")->id(), store->id());
}

void TestFrameStore::refusesBrokenSources() {
  const TemporaryFolder folder;
  const auto split = folder / "training";
  record_drawings(split, {.segments = 1, .frames = 10, .seed = 4});
  DEER_VERIFY_ERROR(make_frame_store(folder / "s", {}, size_of(8)), "at least one dataset");
  DEER_VERIFY_ERROR(make_frame_store(folder / "s", {split}, size_of(0)), "image size 0");
  DEER_VERIFY_ERROR(make_frame_store(folder / "s", {folder / "nothing"}, size_of(8)), "nothing");
  fs::remove(calvin_frame_path(split, 4));
  DEER_VERIFY_ERROR(make_frame_store(folder / "s", {split}, size_of(8)), "episode_0000004.npz");
}

void TestFrameStore::refusesBrokenStores() {
  const TemporaryFolder folder;
  const auto split = folder / "training";
  const auto path = folder / "s";
  record_drawings(split, {.segments = 1, .frames = 10, .seed = 4});
  DEER_VERIFY_ERROR(FrameStore::open(path), "frames.json");
  make_frame_store(path, {split}, size_of(8));
  const auto whole = fs::file_size(path / "frames.bin");
  for (const std::uintmax_t size :
       {std::uintmax_t{0}, std::uintmax_t{20}, std::uintmax_t{5000}, whole - 1, whole + 1}) {
    truncate(path / "frames.bin", size);
    DEER_VERIFY_ERROR(FrameStore::open(path), "frames.bin");
  }
  // A broken store is made anew.
  QCOMPARE(make_frame_store(path, {split}, size_of(8))->size(), 10);

  make_frame_store(folder / "other", {split}, size_of(12));
  fs::copy_file(folder / "other" / "frames.json", path / "frames.json", fs::copy_options::overwrite_existing);
  DEER_VERIFY_ERROR(FrameStore::open(path), "does not belong to");
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::ifstream in(folder / "other" / "frames.json");
    std::string text((std::istreambuf_iterator<char>(in)), {});
    const auto at = text.find(from);
    if (at == std::string::npos) throw std::runtime_error("no " + from);
    folder.write("other/frames.json", text.replace(at, from.size(), to));
  };
  replaced("\"last\": 9", "\"last\": 10");
  DEER_VERIFY_ERROR(FrameStore::open(folder / "other"), "last");
  replaced("\"version\": 2", "\"version\": 3");
  DEER_VERIFY_ERROR(FrameStore::open(folder / "other"), "version");
  folder.write("other/frames.json", "{\"version\": 2, ");
  DEER_VERIFY_ERROR(FrameStore::open(folder / "other"), "frames.json");
}

void TestFrameStore::readsImagesAsThePolicyDoes() {
  const TemporaryFolder folder;
  const auto split = folder / "training";
  record_drawings(split, {.segments = 1, .frames = 6, .seed = 3});
  const auto store = make_frame_store(folder / "s", {split}, size_of(20));
  const std::vector<std::int64_t> frames{4, 0, 4};
  const auto images = read_images(store->static_images(), frames);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto direct = read_calvin_frame(calvin_frame_path(split, frames[i]));
    const auto planes = preprocess_image(*direct.rgb_static, 20).planes;
    const auto expected = at::from_blob(const_cast<float*>(planes.data()), {3, 20, 20});
    QVERIFY(at::equal(images[std::int64_t(i)], expected));
  }
  const std::vector<ColourChange> none(3);
  QVERIFY(at::allclose(read_images(store->static_images(), frames, {}, none), images, 0, 1e-6));
  const std::vector<ColourChange> grey(3, {.gain = {0, 0, 0}, .offset = {0.5f, 0.5f, 0.5f}});
  QCOMPARE(read_images(store->static_images(), frames, {}, grey).std(false).item<float>() < 0.2, true);
  const std::vector<std::int64_t> wrong{6};
  DEER_VERIFY_ERROR(read_images(store->static_images(), wrong), "frame 6");
}

void TestFrameStore::shiftsLikeTheReference() {
  const TemporaryFolder folder;
  const auto split = folder / "training";
  record_drawings(split, {.segments = 1, .frames = 4, .seed = 3});
  const auto store = make_frame_store(folder / "s", {split}, size_of(32));
  const std::vector<std::int64_t> frames{0, 1, 2, 3};
  const int padding = 5;
  const std::vector<PixelShift> shifts{{5, -4}, {-4, 5}, {0, 0}, {3, 1}};
  auto numbers = at::empty({4, 2});
  for (std::size_t i = 0; i < shifts.size(); ++i) {
    numbers[std::int64_t(i)][0] = shifts[i].x + padding;
    numbers[std::int64_t(i)][1] = shifts[i].y + padding;
  }
  const auto reference = shift_images(read_images(store->static_images(), frames), numbers, padding);
  const auto ours = read_images(store->static_images(), frames, shifts);
  QVERIFY((reference - ours).abs().max().item<float>() < 1e-3);
  // Far shifts leave nothing but the edge.
  const std::vector<PixelShift> far(4, {100, 0});
  const auto edge = read_images(store->static_images(), frames, far);
  QVERIFY(at::equal(edge.select(3, 0), edge.select(3, 31)));

  std::set<std::pair<int, int>> seen;
  for (std::uint64_t i = 0; i < 400; ++i) {
    const auto shift = random_shift(1, i, 0, 2);
    QVERIFY(shift.x >= -1 && shift.x <= 2 && shift.y >= -1 && shift.y <= 2);
    seen.emplace(shift.x, shift.y);
  }
  QCOMPARE(seen.size(), std::size_t{16});
}

void TestFrameStore::windowsStayInsideTheirAnnotation() {
  const TemporaryFolder folder;
  const auto split = folder / "training";
  record_drawings(split, {.segments = 6, .frames = 30, .seed = 5, .shortest_span = 8});
  const auto store = make_frame_store(folder / "s", {split}, size_of(16));
  CalvinWindowsOptions options;
  options.part = CalvinWindowsOptions::Part::all;
  options.augment = false;
  const CalvinWindows windows(store, nullptr, prompts(folder, {"open the drawer", "push the red block left"}), options);
  std::int64_t expected = 0, skipped = 0;
  for (const auto& span : store->spans()) {
    expected += std::max<std::int64_t>(0, span.length() - 11);
    skipped += span.length() < 12;
  }
  QVERIFY(skipped > 0);
  QCOMPARE(windows.size(), expected);
  QCOMPARE(windows.skipped_spans(), skipped);
  std::set<std::int64_t> firsts;
  for (std::int64_t i = 0; i < windows.size(); ++i) {
    const auto& place = windows.place(i);
    const auto& span = store->spans()[std::size_t(place.span)];
    QVERIFY(place.first >= span.first && place.first + 11 <= span.last);
    firsts.insert(place.first);
  }
  QCOMPARE(std::int64_t(firsts.size()), windows.size());

  const std::vector<std::int64_t> some{windows.size() - 1, 0};
  const auto batch = windows.batch(some, 7);
  QCOMPARE(batch.rgb_static.sizes().vec(), (std::vector<std::int64_t>{2, 12, 3, 16, 16}));
  QVERIFY(!batch.static_tokens.defined());
  for (std::size_t row = 0; row < some.size(); ++row) {
    const auto& place = windows.place(some[row]);
    std::vector<std::int64_t> frames;
    for (std::int64_t step = 0; step < 12; ++step) frames.push_back(place.first + step);
    const auto at_row = std::int64_t(row);
    QVERIFY(at::equal(batch.rgb_static[at_row], read_images(store->static_images(), frames)));
    QVERIFY(at::equal(batch.rgb_gripper[at_row], read_images(store->gripper_images(), frames)));
    QVERIFY(at::equal(batch.actions[at_row], store->rel_actions().narrow(0, place.first, 12)));
  }
  DEER_VERIFY_ERROR(windows.batch(std::vector<std::int64_t>{windows.size()}, 0), "window");
  options.window = 31;
  DEER_VERIFY_ERROR(CalvinWindows(store, nullptr, prompts(folder, {"a"}), options), "31 steps");
}

void TestFrameStore::windowsSplitAndBalance() {
  const TemporaryFolder folder;
  record_drawings(folder / "training", {.segments = 24, .frames = 24, .seed = 5});
  const auto store = make_frame_store(folder / "s", {folder / "training"}, size_of(8));
  const auto encoder = prompts(folder, {"a"});
  CalvinWindowsOptions options;
  options.validation_share = 0.25;
  const CalvinWindows training(store, nullptr, encoder, options);
  options.part = CalvinWindowsOptions::Part::validation;
  const CalvinWindows validation(store, nullptr, encoder, options);
  const auto spans_of = [](const CalvinWindows& windows) {
    std::set<std::int64_t> out;
    for (std::int64_t i = 0; i < windows.size(); ++i) out.insert(windows.place(i).span);
    return out;
  };
  const auto a = spans_of(training), b = spans_of(validation);
  QCOMPARE(a.size() + b.size(), store->spans().size());
  for (const auto span : b) QVERIFY(!a.contains(span));
  QCOMPARE(validation.windows_by_task().size(), training.windows_by_task().size());

  options.part = CalvinWindowsOptions::Part::training;
  options.balance_tasks = true;
  const auto balanced = CalvinWindows(store, nullptr, encoder, options).windows_by_task();
  std::int64_t least = 1 << 20, most = 0;
  for (const auto& [task, count] : balanced) {
    least = std::min(least, count);
    most = std::max(most, count);
  }
  QVERIFY(most - least <= 1);
  options.balance_tasks = false;
  options.task_weight = {{"open_drawer", 0}, {"push_red_block_left", 2}};
  const auto plain = training.windows_by_task();
  const auto weighted = CalvinWindows(store, nullptr, encoder, options).windows_by_task();
  QVERIFY(!weighted.contains("open_drawer"));
  const auto ratio = [](const auto& counts) {
    return double(counts.at("push_red_block_left")) / double(counts.at("turn_on_led"));
  };
  QVERIFY(std::abs(ratio(weighted) / ratio(plain) - 2) < 0.05);
  options.task_weight = {{"open_drawer", -1}};
  DEER_VERIFY_ERROR(CalvinWindows(store, nullptr, encoder, options), "open_drawer");

  // Named splits decide where there are any.
  record_drawings(folder / "validation", {.segments = 3, .frames = 24, .seed = 6});
  const auto named = make_frame_store(folder / "n", {folder.path()}, size_of(8));
  options.task_weight.clear();
  options.part = CalvinWindowsOptions::Part::validation;
  const CalvinWindows held_out(named, nullptr, encoder, options);
  for (const auto span : spans_of(held_out))
    QCOMPARE(named->spans()[std::size_t(span)].split, std::string("validation"));
  QCOMPARE(spans_of(held_out).size(), std::size_t{3});
}

void TestFrameStore::windowsDrawPhrasingsBySeed() {
  const TemporaryFolder folder;
  record_drawings(folder / "training", {.segments = 3, .frames = 20, .seed = 5});
  const auto store = make_frame_store(folder / "s", {folder / "training"}, size_of(8));
  CalvinWindowsOptions options;
  options.part = CalvinWindowsOptions::Part::all;
  options.phrasings = {{"open_drawer", {"pull the handle", "drawer out please now"}}};
  std::vector<std::string> texts{"pull the handle", "drawer out please now"};
  for (const auto& span : store->spans()) texts.push_back(span.instruction);
  const auto encoder = prompts(folder, texts);
  const CalvinWindows windows(store, nullptr, encoder, options);
  std::int64_t drawer = -1;
  for (std::int64_t i = 0; i < windows.size() && drawer < 0; ++i) {
    if (store->spans()[std::size_t(windows.place(i).span)].task == "open_drawer") drawer = i;
  }
  const std::vector<std::int64_t> same(40, drawer);
  const auto batch = windows.batch(same, 3);
  std::set<std::int64_t> lengths;
  for (std::int64_t row = 0; row < 40; ++row) lengths.insert(batch.attention_mask[row].sum().item<std::int64_t>());
  // <image> and the two closing tokens, and 3 or 4 words.
  QCOMPARE(lengths, (std::set<std::int64_t>{6, 7}));
  QCOMPARE(batch.input_ids.size(1), 7);
  const auto pads = batch.input_ids.eq(encoder.ids().padding).to(at::kLong);
  QVERIFY(at::equal(pads, 1 - batch.attention_mask));
  QVERIFY(at::equal(windows.batch(same, 3).input_ids, batch.input_ids));
  QVERIFY(!at::equal(windows.batch(same, 4).input_ids, batch.input_ids));

  options.augment = false;
  const auto plain = CalvinWindows(store, nullptr, encoder, options).batch(same, 3);
  const auto expected = encoder.encode(store->spans()[std::size_t(windows.place(drawer).span)].instruction);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    QCOMPARE(plain.input_ids[0][std::int64_t(i)].item<std::int64_t>(), expected[i]);
  }
}

void TestFrameStore::windowsShiftImagesBySeed() {
  const TemporaryFolder folder;
  record_drawings(folder / "training", {.segments = 2, .frames = 20, .seed = 5});
  const auto store = make_frame_store(folder / "s", {folder / "training"}, size_of(24));
  CalvinWindowsOptions options;
  options.part = CalvinWindowsOptions::Part::all;
  options.static_shift = 3;
  options.gripper_shift = 0;
  const CalvinWindows windows(store, nullptr, prompts(folder, {"a"}), options);
  const std::vector<std::int64_t> some{2};
  const auto batch = windows.batch(some, 1);
  QVERIFY(at::equal(windows.batch(some, 1).rgb_static, batch.rgb_static));
  QVERIFY(!at::equal(windows.batch(some, 2).rgb_static, batch.rgb_static));
  const auto first = windows.place(2).first;
  for (std::int64_t step = 0; step < 12; ++step) {
    const std::vector<std::int64_t> frame{first + step};
    QVERIFY(at::equal(batch.rgb_gripper[0][step], read_images(store->gripper_images(), frame)[0]));
    bool found = false;
    for (int x = -2; x <= 3; ++x) {
      for (int y = -2; y <= 3; ++y) {
        const std::vector<PixelShift> shift{{x, y}};
        found |= at::equal(batch.rgb_static[0][step], read_images(store->static_images(), frame, shift)[0]);
      }
    }
    QVERIFY(found);
  }
}

void TestFrameStore::wordTokenizer() {
  const TemporaryFolder folder;
  const std::vector<std::string> instructions{"open the drawer", "push the red block, don't stop", " the drawer "};
  const auto path = folder / "tokenizer.json";
  const auto sizes = write_word_tokenizer(path, instructions);
  const PromptEncoder encoder(Tokenizer::load(path));
  // <image>, the words, <|endofchunk|>, <|endoftext|>
  QCOMPARE(encoder.encode("open the drawer").size(), std::size_t{6});
  QCOMPARE(encoder.encode("the red drawer").size(), std::size_t{6});
  QCOMPARE(encoder.encode("push the red block, don't stop").size(), std::size_t{11});
  // A new word goes byte by byte, with its blank.
  QCOMPARE(encoder.encode("open the door").size(), std::size_t{2 + 5 + 3});
  QCOMPARE(sizes.ids.end_of_text, 0);
  QCOMPARE(sizes.ids.end_of_chunk, sizes.length - 3);
  QCOMPARE(sizes.ids.image, sizes.length - 2);
  QCOMPARE(sizes.ids.pad, sizes.length - 1);
  QCOMPARE(encoder.ids().image, sizes.ids.image);
  QCOMPARE(encoder.encode("open").front(), sizes.ids.image);
  // Words: open the drawer push red block , don 't stop; twice but for 't.
  QCOMPARE(sizes.length, 1 + 256 + 2 * 8 + 1 + 1 + 3);
  auto turned = instructions;
  std::reverse(turned.begin(), turned.end());
  QCOMPARE(word_tokenizer(turned), word_tokenizer(instructions));
  DEER_VERIFY_ERROR(word_tokenizer(std::vector<std::string>{"\xff"}), "UTF-8");
}

void TestFrameStore::randomNumbersAreAFunctionOfTheSeed() {
  SeededRandom a{1, 2}, b{1, 2}, c{2, 1}, d{1};
  const auto first = a.next();
  QCOMPARE(b.next(), first);
  QVERIFY(c.next() != first);
  QVERIFY(d.next() != first);
  auto order = SeededRandom{5}.permutation(100);
  QVERIFY(!std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (std::int64_t i = 0; i < 100; ++i) QCOMPARE(order[std::size_t(i)], i);
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const double x = a.uniform();
    QVERIFY(x >= 0 && x < 1);
    sum += x;
  }
  QVERIFY(std::abs(sum / 10000 - 0.5) < 0.02);
}

DEER_SUITE(TestFrameStore)
#include "tst_frame_store.moc"
