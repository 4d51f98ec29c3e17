// SPDX-License-Identifier: GPL-3.0-or-later
// A study's numbers against hand-made traces.
#include <QTest>
#include <cmath>

#include "core/base/error.h"
#include "core/debug/expression.h"
#include "core/episodes/open/open_source.h"
#include "core/study/depth_around_events.h"
#include "core/study/replay_engine.h"
#include "core/study/study_builder.h"
#include "core/study/task_names.h"
#include "tests/core/study/small_trace.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using test::SmallFrame;

namespace {

bool close(double a, double b, double within = 1e-6) {
  if (std::abs(a - b) <= within) return true;
  qWarning("%.9g and %.9g", a, b);
  return false;
}

std::size_t place_of(AlignedEvent event) { return static_cast<std::size_t>(event); }

/// Opens, grasps at frame 3, releases at frame 5; depths 2 2 4 6 6 4.
std::vector<SmallFrame> grasp_and_release() {
  return {{0, true}, {0, true}, {1, true}, {2, false}, {2, false}, {1, true}};
}

}  // namespace

class StudyTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void an_episode_s_figures();
  void depth_around_events();
  void depth_by_need();
  void events_stay_in_their_episode();
  void frames_that_match();
  void an_invalid_filter();
  void flips_against_a_baseline();
  void groups_by_task();
  void frames_without_the_deepest_exit_have_no_error();
  void a_growing_trace_is_taken_up();
  void cancel_leaves_whole_episodes();
  void traces_of_two_models_are_refused();
  void an_episode_in_two_traces_counts_once();
  void means_and_margins();
  void policies_from_files();
  void tasks_come_from_the_data();

 private:
  std::filesystem::path write(const char* name, const std::vector<std::vector<SmallFrame>>& episodes,
                              const TraceMetadata& metadata = test::small_metadata()) {
    const auto file = folder_ / name;
    const auto writer = TraceWriter::create(file, metadata);
    for (std::size_t i = 0; i < episodes.size(); ++i) {
      test::write_episode(*writer, episodes[i], static_cast<std::int32_t>(i),
                          {{0, i % 2 == 0 ? "open it" : "close it"}});
    }
    writer->close();
    return file;
  }
  static Study study_of(const std::filesystem::path& file, StudyOptions options = {}) {
    StudyBuilder builder(std::move(options));
    builder.add(file);
    return builder.study();
  }

  test::TemporaryFolder folder_;
};

void StudyTest::an_episode_s_figures() {
  // Half a step of x is 10 mm: positions are scaled by 20 mm.
  const auto file = write("figures.h5", {{{0, true, 0.5F}, {1, true, 0, false}, {2, true}, {0, true, 0.25F}}});
  const auto study = study_of(file);
  QCOMPARE(study.episodes.size(), std::size_t{1});
  const auto& episode = study.episodes[0];
  const auto& s = episode.summary;
  QCOMPARE(s.frames, std::int64_t{4});
  QCOMPARE(s.frames_by_exit, (std::vector<std::int64_t>{2, 1, 1}));
  QVERIFY(close(s.depth.mean(), (2 + 4 + 6 + 2) / 4.0));
  QVERIFY(close(s.depth.peak, 6));
  QCOMPARE(study.cost_unit, std::string("layers"));  // the model is nowhere
  QVERIFY(close(saving_times(s), 4 * 6 / 14.0));
  const double scale = ActionLayout::deer()->dimensions()[0].scale;
  QVERIFY(close(mean_of_all(s.distance_to_deepest, 4), scale * 0.75 / 4, 1e-4));
  QCOMPARE(s.gripper_differs_from_deepest, std::int64_t{1});
  QCOMPARE(episode.instruction, std::string("open it"));
  QCOMPARE(episode.source, std::string("data"));
  QCOMPARE(episode.task, std::string());
  QVERIFY(!episode.flips);
  QCOMPARE(study.total.frames, std::int64_t{4});
  QVERIFY(close(study.total.depth.mean(), 3.5));
}

void StudyTest::depth_around_events() {
  const auto study = study_of(write("events.h5", {grasp_and_release()}));
  const auto& grasp = study.aligned[place_of(AlignedEvent::grasp)];
  QCOMPARE(grasp.events, std::int64_t{1});
  const auto at = [&](const AlignedDepth& aligned, int offset) {
    return aligned.depth[static_cast<std::size_t>(offset + kAlignedReach)];
  };
  const std::vector<double> around{2, 2, 4, 6, 6, 4};
  for (int offset = -3; offset <= 2; ++offset) {
    QCOMPARE(at(grasp, offset).count, std::int64_t{1});
    QVERIFY(close(at(grasp, offset).mean, around[static_cast<std::size_t>(offset + 3)]));
  }
  QCOMPARE(at(grasp, -4).count, std::int64_t{0});
  QCOMPARE(at(grasp, 3).count, std::int64_t{0});
  const auto& release = study.aligned[place_of(AlignedEvent::release)];
  QCOMPARE(release.events, std::int64_t{1});
  QVERIFY(close(at(release, 0).mean, 4));
  QVERIFY(close(at(release, -5).mean, 2));
  QCOMPARE(study.aligned[place_of(AlignedEvent::instruction_change)].events, std::int64_t{0});

  // Long before and after: no more than 15 frames on either side.
  std::array<AlignedDepth, kAlignedEvents> out;
  DepthAroundEvents around_events(out);
  for (int i = 0; i < 60; ++i) around_events.add(i, {i == 30, false, i == 35});
  for (int offset = -kAlignedReach; offset <= kAlignedReach; ++offset) {
    QVERIFY(close(at(out[0], offset).mean, 30 + offset));
    QVERIFY(close(at(out[2], offset).mean, 35 + offset));
  }
}

void StudyTest::depth_by_need() {
  const auto frame = [](float off, int exit) { return SmallFrame{.exit = exit, .off = off}; };
  const auto file = write("need.h5", {{frame(0.5F, 2), frame(0, 0), frame(-0.6F, 2), frame(0.2F, 1), frame(0.01F, 0),
                                       frame(0.3F, 1), frame(0.25F, 1)},
                                      {frame(0, 0), frame(0.1F, 0), frame(0.2F, 1)},
                                      {frame(0, 2), frame(0.1F, 2)}});
  const auto& need = study_of(file).by_need;
  // Two of seven frames and one of three; two frames are too few.
  QCOMPARE(need.nearest.count, std::int64_t{2});
  QVERIFY(close(need.nearest.mean, 2));
  QCOMPARE(need.farthest.count, std::int64_t{2});
  QVERIFY(close(need.farthest.mean, (6 + 4) / 2.0));
}

void StudyTest::events_stay_in_their_episode() {
  const auto file = folder_ / "instructions.h5";
  const auto writer = TraceWriter::create(file, test::small_metadata());
  test::write_episode(*writer, {{0}, {0}, {2}, {2}}, 0, {{0, "open it"}, {2, "close it"}});
  // It begins closed: no grasp, since nothing came before it.
  test::write_episode(*writer, {{1, false}, {1, false}}, 1, {{0, "push it"}});
  writer->close();
  const auto study = study_of(file);
  QCOMPARE(study.episodes.size(), std::size_t{2});
  QCOMPARE(study.episodes[0].instructions, 2);
  const auto& change = study.aligned[place_of(AlignedEvent::instruction_change)];
  QCOMPARE(change.events, std::int64_t{1});
  QVERIFY(close(change.depth[kAlignedReach - 1].mean, 2));
  QVERIFY(close(change.depth[kAlignedReach].mean, 6));
  QCOMPARE(change.depth[kAlignedReach + 2].count, std::int64_t{0});
  QCOMPARE(study.aligned[place_of(AlignedEvent::grasp)].events, std::int64_t{0});
}

void StudyTest::frames_that_match() {
  const auto file = write("matches.h5", {grasp_and_release(), grasp_and_release()});
  const auto study = study_of(file, {.where = "depth >= 4 and gripper_flip"});
  QCOMPARE(study.match_count, std::int64_t{4});
  QCOMPARE(study.matches, (std::vector<StudyMatch>{{0, 3, 3, 6}, {0, 5, 5, 4}, {1, 3, 3, 6}, {1, 5, 5, 4}}));
  const auto few = study_of(file, {.where = "depth >= 4 and gripper_flip", .most_matches = 3});
  QCOMPARE(few.match_count, std::int64_t{4});
  QCOMPARE(few.matches.size(), std::size_t{3});
}

void StudyTest::an_invalid_filter() {
  const auto file = write("invalid.h5", {{{0}}});
  QVERIFY_THROWS_EXCEPTION(ExpressionError, study_of(file, {.where = "dept >= 4"}));
}

void StudyTest::flips_against_a_baseline() {
  const auto file = write("flips.h5", {{{0}, {1}, {2}}, {{2}, {2}}});
  // Everything at the deepest exit: frames that were taken earlier flip.
  const auto deepest =
      folder_.write("deepest.json", R"({"criterion": "action_delta", "thresholds": [-1e8, -1e8, 1e8]})");
  const auto study = study_of(file, {.baseline = deepest});
  QCOMPARE(study.episodes[0].flips, std::optional<std::int64_t>(2));
  QCOMPARE(study.episodes[1].flips, std::optional<std::int64_t>(0));
  QVERIFY(!study.baseline_exact);  // no model, so from recorded actions
  QVERIFY(!study.baseline_note.empty());
  const auto same = folder_.write("same.json", R"({"thresholds": [0.1, 0.1, 1e8]})");
  for (const auto& episode : study_of(file, {.baseline = same}).episodes) {
    QCOMPARE(episode.flips, std::optional<std::int64_t>(0));
  }
  QVERIFY_THROWS_EXCEPTION(FileError, study_of(file, {.baseline = folder_ / "none.json"}));
}

void StudyTest::groups_by_task() {
  const auto study = study_of(write("groups.h5", {{{0}, {0}}, {{2}, {2}}, {{1}, {1}}}));
  const auto tasks = by_task(study.episodes);
  QCOMPARE(tasks.size(), std::size_t{2});
  QCOMPARE(tasks[0].name, std::string("close it"));  // deepest first
  QCOMPARE(tasks[0].episodes, std::int64_t{1});
  QVERIFY(close(tasks[0].depth.mean, 6));
  QVERIFY(std::isnan(tasks[0].depth.margin()));
  QCOMPARE(tasks[1].episodes, std::int64_t{2});
  QVERIFY(close(tasks[1].depth.mean, 3));
  // Episodes of 2 and 4 layers: deviation sqrt(2), over sqrt(2) episodes, times t of one degree of freedom.
  QVERIFY(close(tasks[1].depth.margin(), 12.706, 1e-3));
  QCOMPARE(tasks[1].frames_by_exit, (std::vector<std::int64_t>{2, 2, 0}));
  QVERIFY(close(saving_times(tasks[1].cost, tasks[1].full_cost), 24.0 / 12));
}

void StudyTest::frames_without_the_deepest_exit_have_no_error() {
  const auto file = folder_ / "policy_mode.h5";
  const auto m = test::small_metadata();
  const auto writer = TraceWriter::create(file, m);
  for (int i = 0; i < 2; ++i) {
    auto record = test::small_record(m, i, {i == 0 ? 2 : 0, true, 0.5F});
    record.mode = RunMode::policy;
    record.exits.resize(static_cast<std::size_t>(record.exit_index) + 1);
    writer->append(record);
  }
  writer->close();
  const auto study = study_of(file);
  QCOMPARE(study.episodes[0].summary.error_to_deepest.count, std::int64_t{1});
  QVERIFY(std::isnan(mean_of_all(study.episodes[0].summary.error_to_deepest, study.episodes[0].frames())));
}

void StudyTest::a_growing_trace_is_taken_up() {
  const auto file = folder_ / "growing.h5";
  const auto writer = TraceWriter::create(file, test::small_metadata());
  StudyBuilder builder({});
  test::write_episode(*writer, grasp_and_release(), 0, {{0, "open it"}});
  test::write_episode(*writer, {{1}, {1}}, 1, {{0, "close it"}});
  writer->flush();
  builder.add(file, false);
  QCOMPARE(builder.study().episodes.size(), std::size_t{1});  // the second may not be complete
  builder.add(file, false);
  QCOMPARE(builder.study().episodes.size(), std::size_t{1});
  test::write_episode(*writer, {{2}}, 2, {{0, "open it"}});
  writer->close();
  builder.add(file, true);
  builder.add(file, true);
  const auto whole = study_of(file);
  QCOMPARE(builder.study().episodes.size(), std::size_t{3});
  QCOMPARE(builder.study().traces.size(), std::size_t{1});
  QCOMPARE(builder.study().total.frames, whole.total.frames);
  QCOMPARE(builder.study().episodes[1].summary.frames, std::int64_t{2});
  QCOMPARE(builder.study().aligned[0].events, whole.aligned[0].events);
}

void StudyTest::cancel_leaves_whole_episodes() {
  const auto file = write("cancel.h5", {{{0}, {0}}, {{1}, {1}}, {{2}, {2}}});
  StudyBuilder builder({});
  std::stop_source stop;
  const auto once = [&](std::int64_t done, std::int64_t) {
    if (done >= 4) stop.request_stop();
  };
  QVERIFY_THROWS_EXCEPTION(Cancelled, builder.add(file, true, once, stop.get_token()));
  QCOMPARE(builder.study().episodes.size(), std::size_t{2});
  builder.add(file);
  QCOMPARE(builder.study().episodes.size(), std::size_t{3});
  QCOMPARE(builder.study().total.frames, std::int64_t{6});
}

void StudyTest::traces_of_two_models_are_refused() {
  auto other = test::small_metadata();
  other.model_hash = "def";
  StudyBuilder builder({});
  builder.add(write("one.h5", {{{0}}}));
  QVERIFY_THROWS_EXCEPTION(FileError, builder.add(write("two.h5", {{{0}}}, other)));
  QCOMPARE(builder.study().episodes.size(), std::size_t{1});
  const auto empty = folder_ / "empty.h5";
  TraceWriter::create(empty, test::small_metadata())->close();
  QVERIFY_THROWS_EXCEPTION(FileError, builder.add(empty));
}

void StudyTest::an_episode_in_two_traces_counts_once() {
  const std::vector<SmallFrame> episode{{0}, {1}, {2}};
  auto other_policy = test::small_metadata();
  other_policy.policy["thresholds"] = {0.2, 0.2, kAlwaysLeave};
  StudyBuilder builder({});
  builder.add(write("first.h5", {episode, episode}));
  builder.add(write("again.h5", {episode, episode, episode}));
  QCOMPARE(builder.study().episodes.size(), std::size_t{3});
  QCOMPARE(builder.study().repeated, std::int64_t{2});
  QCOMPARE(builder.study().total.frames, std::int64_t{9});
  builder.add(write("other.h5", {episode}, other_policy));  // another policy: another run
  builder.add(write("shorter.h5", {{{0}, {1}}}));           // stopped earlier
  QCOMPARE(builder.study().episodes.size(), std::size_t{5});
  QCOMPARE(builder.study().repeated, std::int64_t{2});
}

void StudyTest::means_and_margins() {
  SpreadFigure all, first, second;
  for (const double value : {1e9 + 1, 1e9 + 2, 1e9 + 3, 1e9 + 6}) all.add(value);
  first.add(1e9 + 1);
  for (const double value : {1e9 + 2, 1e9 + 3, 1e9 + 6}) second.add(value);
  first.add(second);
  QVERIFY(close(all.mean, 1e9 + 3));
  QVERIFY(close(first.mean, all.mean));
  QVERIFY(close(first.squares, 14, 1e-5));
  QVERIFY(close(all.squares, 14, 1e-5));
  QVERIFY(close(all.margin(), 3.182 * std::sqrt(14.0 / 3 / 4), 1e-4));
  // Tables of Student's t: 40, 120 and infinitely many degrees of freedom.
  QVERIFY(close(student_t(40), 2.021, 0.005));
  QVERIFY(close(student_t(120), 1.980, 0.005));
  QVERIFY(close(student_t(1'000'000), 1.960, 0.005));
  QVERIFY(std::isnan(student_t(0)));
}

void StudyTest::policies_from_files() {
  ModelSummary model;
  model.exit_layers = {1, 3, 5};
  model.layers = 6;
  const auto read = [&](const char* text) { return read_policy(folder_.write("policy.json", text), model, {}); };
  const auto whole = read(R"({"criterion": "fixed_exit", "fixed_layer": 3, "steps_per_stage": 2,
                              "forced_layers": [[4, 1]]})");
  QCOMPARE(whole.criterion, Criterion::fixed_exit);
  QCOMPARE(whole.fixed_layer, std::optional<int>(3));
  QVERIFY(whole.forced_layers.empty());
  QCOMPARE(read(R"({"policy": {"thresholds": [0.5, 0.4, 0.3], "leave_above": true}})").leq, false);
  const auto solved = read(R"({"thresholds": [0.5, 1e8], "exit_layers": [1, 3], "criterion": "action_delta"})");
  QCOMPARE(solved.max_layer, std::optional<int>(4));
  QCOMPARE(read("0.1, 0.2, always").thresholds, (std::vector<double>{0.1, 0.2, kAlwaysLeave}));
  QVERIFY_THROWS_EXCEPTION(FileError, read(R"({"thresholds": [1, 2, 3, 4]})"));
  QVERIFY_THROWS_EXCEPTION(FileError, read("{"));
}

void StudyTest::tasks_come_from_the_data() {
  const std::string source = DEER_TEST_DATA "/random_demo/episodes";
  const auto entries = open_source(source)->episodes();
  TaskNames tasks;
  int named = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto number = static_cast<std::int32_t>(i);
    QCOMPARE(tasks.task(source, number, entries[i].first_frame_id), entries[i].task);
    QCOMPARE(tasks.task(source, number, entries[i].first_frame_id + 1), std::string());  // other data by now
    if (!entries[i].task.empty()) ++named;
  }
  QVERIFY(named > 0);
  QCOMPARE(tasks.task(source, static_cast<std::int32_t>(entries.size()), 0), std::string());
  QCOMPARE(tasks.task(source, -1, 0), std::string());
  QCOMPARE(tasks.task((folder_ / "gone").string(), 0, 0), std::string());
}

DEER_SUITE(StudyTest)
#include "tst_study.moc"
