// SPDX-License-Identifier: GPL-3.0-or-later
// Frames with the place of a block in place of windows with actions.
#include <QTest>
#include <cmath>

#include "core/base/error.h"
#include "core/train/data/frame_store_build.h"
#include "core/train/run/word_tokenizer.h"
#include "core/train/windows/calvin_windows.h"
#include "tests/core/train/data/drawn_recording.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;

namespace {

using Rows = CalvinWindowsOptions::Experts::Rows;

// A rare task begins only with a hand that is nearly closed, and the block tells which task was asked for.
CalvinWindowsOptions::Experts two_tasks(float rare_below) {
  CalvinWindowsOptions::Experts out;
  out.tasks_about_blocks = [=](Rows robot, Rows, Rows) {
    std::vector<std::string> tasks = {"common"};
    if (robot[6] < rare_below) tasks.push_back("rare");
    return tasks;
  };
  out.relabel = [](Rows, Rows, Rows, const std::string& task, std::uint64_t) {
    CalvinWindowsOptions::Relabelled label{"take it", {}, {}};
    label.meant_block = {task == "rare" ? 0.2 : 0.1, 0, 0, 0.5};
    return std::optional(label);
  };
  return out;
}

}  // namespace

class LocatedBlocksTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase();
  void a_frame_comes_once_for_each_task();
  void tasks_are_balanced_and_weighted();
  void the_block_is_the_action();
  void impossible_ones_are_refused();

 private:
  CalvinWindows windows(const CalvinWindowsOptions& options) const {
    return {store_, nullptr, PromptEncoder(Tokenizer::load(folder_ / "tokenizer.json")), options};
  }
  CalvinWindowsOptions options() const {
    CalvinWindowsOptions out;
    out.part = CalvinWindowsOptions::Part::all;
    out.window = 1;
    out.locate = true;
    out.static_shift = out.gripper_shift = 0;
    out.experts = two_tasks(rare_below_);
    return out;
  }

  TemporaryFolder folder_;
  std::shared_ptr<const FrameStore> store_;
  float rare_below_ = 0;
  std::int64_t frames_ = 0, rare_ = 0;
};

void LocatedBlocksTest::initTestCase() {
  record_drawings(folder_ / "data/training", {.segments = 6, .frames = 8, .seed = 2, .shortest_span = 3, .many_blocks = true});
  FrameStoreOptions store;
  store.image_size = 32;
  store_ = make_frame_store(folder_ / "frames", {folder_ / "data"}, store);
  write_word_tokenizer(folder_ / "tokenizer.json", std::vector<std::string>{"take it"});
  const auto opening = store_->robot_obs().select(1, 6).contiguous();
  std::vector<float> sorted(opening.data_ptr<float>(), opening.data_ptr<float>() + opening.numel());
  std::ranges::sort(sorted);
  rare_below_ = sorted[sorted.size() / 5];
  frames_ = store_->size();
  rare_ = std::ranges::count_if(sorted, [&](float value) { return value < rare_below_; });
  QVERIFY(rare_ > 2 && rare_ < frames_ / 3);
}

void LocatedBlocksTest::a_frame_comes_once_for_each_task() {
  const auto all = windows(options());
  QCOMPARE(all.size(), frames_ + rare_);
  QCOMPARE(all.located_tasks(), (std::vector<std::string>{"common", "rare"}));
  QCOMPARE(all.windows_by_task(), (std::map<std::string, std::int64_t>{{"common", frames_}, {"rare", rare_}}));
}

void LocatedBlocksTest::tasks_are_balanced_and_weighted() {
  auto chosen = options();
  chosen.balance_tasks = true;
  auto counts = windows(chosen).windows_by_task();
  QVERIFY(std::abs(counts["rare"] - counts["common"]) <= 2);
  chosen.task_weight = {{"rare", 3}};
  counts = windows(chosen).windows_by_task();
  QVERIFY(std::abs(counts["rare"] - 3 * counts["common"]) <= 6);

  const auto annotated = [&](const CalvinWindows& from) {
    std::int64_t out = 0;
    for (std::int64_t i = 0; i < from.size(); ++i) {
      const auto frame = from.place(i).first;
      const auto has = [&](const FrameSpan& span) { return frame >= span.first && frame <= span.last; };
      if (std::ranges::any_of(store_->spans(), has)) ++out;
    }
    return out;
  };
  QVERIFY(annotated(windows(chosen)) > 0);
  chosen.task_weight = {{CalvinWindowsOptions::kAnnotated, 0}};
  QVERIFY(windows(chosen).size() > 0);
  QCOMPARE(annotated(windows(chosen)), std::int64_t{0});
  chosen.task_weight = {{"rare", -1}};
  DEER_VERIFY_ERROR(windows(chosen), "weight of task rare is -1");
}

void LocatedBlocksTest::the_block_is_the_action() {
  const auto all = windows(options());
  std::vector<std::int64_t> each;
  for (std::int64_t i = 0; i < all.size(); ++i) each.push_back(i);
  const auto actions = all.batch(each, 4).actions;
  for (std::int64_t i = 0; i < all.size(); ++i) {
    const bool rare = all.located_tasks()[static_cast<std::size_t>(all.place(i).task)] == "rare";
    const auto row = actions[i][0];
    QCOMPARE(row[0].item<float>(), static_cast<float>(CalvinWindowsOptions::kLocateScale * (rare ? 0.2 : 0.1)));
    QCOMPARE(row[1].item<float>(), 0.F);
    QCOMPARE(row[5].item<float>(), static_cast<float>(0.5 / (M_PI / 4)));
    QCOMPARE(std::abs(row[6].item<float>()), 1.F);
  }
}

void LocatedBlocksTest::impossible_ones_are_refused() {
  auto none = options();
  none.experts.tasks_about_blocks = [](Rows, Rows, Rows) { return std::vector<std::string>{}; };
  DEER_VERIFY_ERROR(windows(none), "no frame in which a block could be meant");
  none = options();
  none.experts = {};
  DEER_VERIFY_ERROR(windows(none), "experts are needed");
  // An expert that breaks its word.
  auto broken = options();
  broken.experts.relabel = [](Rows, Rows, Rows, const std::string&, std::uint64_t) {
    return std::optional<CalvinWindowsOptions::Relabelled>();
  };
  DEER_VERIFY_ERROR(windows(broken).batch(std::vector<std::int64_t>{0}, 1), "has no block for task common");
}

DEER_SUITE(LocatedBlocksTest)
#include "tst_located_blocks.moc"
