// SPDX-License-Identifier: GPL-3.0-or-later
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <QTest>
#include <cmath>
#include <filesystem>
#include <set>

#include "core/base/error.h"
#include "core/budget/budget_solver.h"
#include "core/exits/criterion.h"
#include "core/exits/replayer.h"
#include "core/exits/rollout.h"
#include "core/model/model_loader.h"
#include "core/train/gate/gate_figures.h"
#include "core/train/gate/gate_training.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;

namespace {

constexpr std::int64_t kExitCount = 4;
constexpr std::int64_t kWidth = 10;
constexpr std::int64_t kStateSize = 6;

// Frames whose distances are known: three numbers of the feature and one of the state decide, each deeper exit is
// closer, and what neighbouring exits say of each other is chance.
GateSamples made_samples(std::int64_t episodes, std::int64_t frames, std::uint64_t seed) {
  auto random = at::make_generator<at::CPUGeneratorImpl>(seed);
  const auto normal = [&](std::vector<std::int64_t> shape) { return at::randn(shape, random); };
  GateSamples out;
  for (int exit = 0; exit < kExitCount; ++exit) out.exit_layers.push_back(2 * exit + 1);
  const auto count = episodes * frames;
  out.features = normal({count, kExitCount - 1, kWidth}) * 3 + 5;
  out.feature_distances = at::rand({count, kExitCount}, random) * 0.1;
  constexpr std::int64_t kHistories = 2;
  out.frame = at::arange(count).repeat_interleave(kHistories);
  out.episode = at::arange(episodes).repeat_interleave(frames * kHistories);
  out.state = at::tanh(normal({count * kHistories, kStateSize}));
  out.action_deltas = at::rand({count * kHistories, kExitCount}, random) * 0.1;
  const auto feature = (out.features.index_select(0, out.frame) - 5) / 3;
  const auto hardness = feature.select(2, 0) + 0.5 * feature.select(2, 1) - 0.5 * feature.select(2, 2) +
                        out.state.select(1, 3).unsqueeze(1);
  const auto scale = at::tensor(std::vector<float>{0.08F, 0.04F, 0.02F});
  const auto noise = 0.1 * normal({count * kHistories, kExitCount - 1});
  const auto distance = scale * at::exp(0.8 * hardness + noise);
  out.distances = at::cat({distance, at::zeros({count * kHistories, 1})}, 1);
  return out;
}

GateTrainingOptions quick() {
  GateTrainingOptions out;
  out.width = 24;
  out.epochs = 12;
  out.learning_rate = 2e-3;
  out.weight_decay = 0.05;
  out.seed = 5;
  return out;
}

std::filesystem::path tiny() { return std::filesystem::path(DEER_TEST_DATA) / "reference" / "tiny_mpt1b"; }

struct Recorded {
  std::unique_ptr<MultiExitModel> model;
  std::vector<FrameRecordPtr> records;
};

// Episodes of the tiny model, in probe mode.
Recorded recorded(const std::vector<int>& lengths) {
  Recorded out;
  out.model = load_model(open_model_files(tiny())).model;
  const auto& config = out.model->config();
  const auto ids = at::tensor(std::vector<std::int64_t>{config.tokens.image, 5, 9, 12, 3, config.tokens.end_of_chunk,
                                                        config.tokens.end_of_text},
                              at::kLong)
                       .unsqueeze(0);
  const auto text = out.model->prepare_text(ids, at::ones_like(ids));
  at::manual_seed(11);
  auto drift = at::randn({1, 2 * config.perceiver.latents, config.perceiver.dim});
  Rollout rollout(*out.model);
  for (const int length : lengths) {
    rollout.reset();
    for (int i = 0; i < length; ++i) {
      drift = 0.8 * drift + 0.6 * at::randn_like(drift);
      DecoderPass pass(*out.model, text, drift);
      DecoderFeatures features(pass);
      auto record = rollout.step(features, RunMode::probe, i);
      record.frame = static_cast<std::int64_t>(out.records.size());
      out.records.push_back(std::make_shared<const FrameRecord>(std::move(record)));
    }
  }
  return out;
}

}  // namespace

class GateTrainingTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { at::set_num_threads(1); }
  void figures_are_those_of_textbooks();
  void maps_increase();
  void episodes_are_not_split();
  void training_finds_what_decides();
  void the_same_seed_gives_the_same_gate();
  void training_can_be_cancelled();
  void thresholds_meet_a_budget();
  void samples_are_what_the_head_says();
  void samples_need_features();
  void a_trained_gate_replays_exactly();
};

void GateTrainingTest::figures_are_those_of_textbooks() {
  const std::vector<float> a{1, 2, 3, 4, 5};
  QCOMPARE(spearman(a, a), 1.0);
  QCOMPARE(spearman(a, std::vector<float>{5, 4, 3, 2, 1}), -1.0);
  QCOMPARE(spearman(a, std::vector<float>{10, 20, 40, 30, 50}), 0.9);
  // Ties share their mean rank: Pearson's correlation of (1, 2.5, 2.5, 4) with (1, 2, 3, 4).
  QCOMPARE(spearman(std::vector<float>{0, 7, 7, 9}, std::vector<float>{1, 2, 3, 4}), 4.5 / std::sqrt(4.5 * 5));
  QVERIFY(std::isnan(spearman(a, std::vector<float>{1, 1, 1, 1, 1})));
  QVERIFY(std::isnan(spearman(a, std::vector<float>{1, 2})));
  QCOMPARE(area_under_curve(a, {false, false, false, true, true}), 1.0);
  QCOMPARE(area_under_curve(a, {true, false, false, false, true}), 0.5);
  QCOMPARE(area_under_curve(std::vector<float>{1, 1, 1, 1}, {true, false, false, true}), 0.5);
  QCOMPARE(area_under_curve(std::vector<float>{1, 3, 2, 4}, {false, false, true, true}), 0.75);
  QVERIFY(std::isnan(area_under_curve(a, {false, false, false, false, false})));
  QCOMPARE(calibration_error(a, a), 0.0);
  std::vector<float> predicted(100), actual(100);
  for (std::size_t i = 0; i < 100; ++i) {
    predicted[i] = static_cast<float>(i);
    actual[i] = static_cast<float>(i) + (i < 50 ? 2.0F : -4.0F);
  }
  QVERIFY(std::abs(calibration_error(predicted, actual) - 3) < 1e-9);
}

void GateTrainingTest::maps_increase() {
  std::vector<std::pair<double, double>> pairs;
  for (int i = 0; i < 2000; ++i) {
    const double x = 0.001 * (i + 1);
    // Three times as much, and a dip that is no trend.
    pairs.emplace_back(x, 3 * x * (i % 2 == 0 ? 0.5 : 1.5) - (i > 900 && i < 1100 ? 0.6 : 0));
  }
  const auto map = increasing_map(pairs);
  QVERIFY(map.size() > 10);
  for (std::size_t i = 1; i < map.size(); ++i) {
    QVERIFY(map[i].first > map[i - 1].first && map[i].second > map[i - 1].second);
  }
  QVERIFY(std::abs(map.front().second / map.front().first - 3) < 0.1F);
  QVERIFY(std::abs(map.back().second / map.back().first - 3) < 0.1F);
  QCOMPARE(increasing_map({}).size(), std::size_t{1});
  QCOMPARE(increasing_map({{0.0, 0.0}, {0.0, 0.0}}).size(), std::size_t{1});
  QCOMPARE(increasing_map({{0.5, 0.25}}), (std::vector<std::pair<float, float>>{{0.5F, 0.25F}}));
}

void GateTrainingTest::episodes_are_not_split() {
  const auto samples = made_samples(30, 5, 1);
  const auto split = split_by_episode(samples.episode, 3);
  std::set<std::int64_t> seen;
  std::int64_t count = 0;
  for (const auto& part : {split.training, split.validation, split.calibration, split.test}) {
    QVERIFY(part.size(0) > 0);
    count += part.size(0);
    std::set<std::int64_t> own;
    const auto numbers = samples.episode.index_select(0, part);
    for (std::int64_t i = 0; i < part.size(0); ++i) own.insert(numbers[i].item<std::int64_t>());
    for (const auto episode : own) QVERIFY(seen.insert(episode).second);
  }
  QCOMPARE(count, samples.samples());
  QCOMPARE(split.episodes[0], 21);
  QCOMPARE(split.episodes[3], 3);
  QVERIFY(split_by_episode(samples.episode, 3).test.equal(split.test));
  QVERIFY(!split_by_episode(samples.episode, 4).test.equal(split.test));
  DEER_VERIFY_ERROR(split_by_episode(made_samples(3, 5, 1).episode, 0), "at least four episodes");
}

void GateTrainingTest::training_finds_what_decides() {
  const auto samples = made_samples(120, 12, 2);
  const auto split = split_by_episode(samples.episode, 2);
  const auto trained = train_gate(samples, split, quick());
  QVERIFY(trained.best_epoch > 0);
  QVERIFY(trained.validation_loss[static_cast<std::size_t>(trained.best_epoch)] < 0.2 * trained.validation_loss[0]);
  const LearnedGate gate(trained.weights);
  const auto figures = gate_figures(samples, split.test, predict(gate, samples, split.test));
  QCOMPARE(figures.size(), std::size_t(kExitCount - 1));
  for (const auto& one : figures) {
    QVERIFY2(one.gate.spearman > 0.9, qPrintable(QString::number(one.gate.spearman)));
    QVERIFY(one.gate.auc > 0.95);
    // Chance says nothing.
    QVERIFY(std::abs(one.action_delta.spearman) < 0.25 && std::abs(one.feature_similarity.spearman) < 0.25);
    // Calibrated: what it predicts is what comes, on average and in each part of the range.
    QVERIFY(std::abs(one.mean_predicted / one.mean_distance - 1) < 0.15);
    QVERIFY2(one.calibration_error < 0.2 * one.mean_distance,
             qPrintable(QString::number(one.calibration_error / one.mean_distance)));
  }
  const auto mean = mean_of(figures);
  QCOMPARE(mean.samples, 3 * split.test.size(0));
  QVERIFY(to_json(mean).at("gate").at("spearman").get<double>() > 0.9);
}

void GateTrainingTest::the_same_seed_gives_the_same_gate() {
  const auto samples = made_samples(20, 6, 3);
  const auto split = split_by_episode(samples.episode, 0);
  auto options = quick();
  options.epochs = 3;
  const auto one = LearnedGate(train_gate(samples, split, options).weights).fingerprint();
  QCOMPARE(LearnedGate(train_gate(samples, split, options).weights).fingerprint(), one);
  options.seed = 6;
  QVERIFY(LearnedGate(train_gate(samples, split, options).weights).fingerprint() != one);
}

void GateTrainingTest::training_can_be_cancelled() {
  const auto samples = made_samples(20, 6, 3);
  const auto split = split_by_episode(samples.episode, 0);
  auto options = quick();
  std::stop_source stop;
  options.stop = stop.get_token();
  int epochs = 0;
  options.progress = [&](int epoch, double, double) {
    epochs = epoch;
    if (epoch == 2) stop.request_stop();
  };
  QVERIFY_THROWS_EXCEPTION(Cancelled, train_gate(samples, split, options));
  QCOMPARE(epochs, 2);
}

void GateTrainingTest::thresholds_meet_a_budget() {
  const auto samples = made_samples(120, 12, 2);
  const auto split = split_by_episode(samples.episode, 2);
  const LearnedGate gate(train_gate(samples, split, quick()).weights);
  const auto set_of = [&](Criterion criterion, const at::Tensor& part) {
    CalibrationSet out;
    out.exit_layers = samples.exit_layers;
    out.values = criterion_values(criterion, samples, part, predict(gate, samples, part));
    out.errors = distances_of(samples, part);
    return out;
  };
  for (const auto method : {ThresholdMethod::exponential, ThresholdMethod::optimal}) {
    for (const double depth : {3.0, 4.5}) {
      BudgetRequest request;
      request.average_depth = depth;
      request.method = method;
      double errors[2] = {};
      for (const auto criterion : {Criterion::learned_gate, Criterion::action_delta}) {
        const auto solution = solve_budget(PreparedCalibration(set_of(criterion, split.calibration)),
                                           exit_costs(samples.exit_layers), request);
        QVERIFY(solution.feasible);
        QVERIFY(solution.depth.mean <= depth + 1e-9 && solution.depth.mean > depth - 0.3);
        const auto unseen = evaluate_thresholds(PreparedCalibration(set_of(criterion, split.test)),
                                                exit_costs(samples.exit_layers), solution.thresholds);
        QVERIFY(std::abs(unseen.depth.mean - depth) < 0.6);
        errors[criterion == Criterion::learned_gate ? 0 : 1] = unseen.mean_error;
      }
      // It knows which frames need depth.
      QVERIFY(errors[0] < 0.8 * errors[1]);
    }
  }
}

void GateTrainingTest::samples_are_what_the_head_says() {
  const std::vector<int> lengths{7, 1, 4};
  const auto run = recorded(lengths);
  GateSamplerOptions options;
  options.histories = 8;
  options.seed = 3;
  const auto frames = ReplayFrames::of(run.records);
  GateSampler sampler(*run.model, options);
  sampler.add(frames, std::vector<std::int64_t>{10, 20, 30});
  const auto samples = sampler.take();
  const auto exits = static_cast<std::int64_t>(run.model->exit_layers().size());
  QCOMPARE(samples.samples(), 8 * 12);
  QCOMPARE(samples.features.size(0), 12);
  QCOMPARE(samples.features.size(1), exits - 1);
  QCOMPARE(samples.distances.size(1), exits);
  std::map<std::int64_t, std::int64_t> by_episode;
  for (std::int64_t i = 0; i < samples.samples(); ++i) ++by_episode[samples.episode[i].item<std::int64_t>()];
  QCOMPARE(by_episode, (std::map<std::int64_t, std::int64_t>{{10, 56}, {20, 8}, {30, 32}}));
  // Whatever the history, a sample is what Rollout says with that state.
  const auto& head = *run.model->shared_head();
  const auto layers = static_cast<std::int64_t>(head.lstm().size());
  int fresh = 0;
  std::set<std::vector<float>> states;
  for (std::int64_t i = 0; i < samples.samples(); ++i) {
    const auto state = samples.state[i].contiguous();
    states.insert({state.data_ptr<float>(), state.data_ptr<float>() + state.numel()});
    // c of a later frame is not stored: only first frames can be computed again from h alone.
    if (state.abs().max().item<float>() > 0) continue;
    ++fresh;
    QCOMPARE(state.numel(), layers * head.config().hidden_size);
    const auto feature = samples.features[samples.frame[i].item<std::int64_t>()][0];
    const FrameRecord* record = nullptr;
    for (const auto& one : run.records) {
      if (one->step == 0 && std::equal(one->exits[0].feature.begin(), one->exits[0].feature.end(),
                                       feature.contiguous().data_ptr<float>())) {
        record = one.get();
      }
    }
    QVERIFY(record != nullptr);
    for (std::int64_t e = 0; e < exits; ++e) {
      const auto& probe = record->exits[static_cast<std::size_t>(e)];
      const auto& before = e == 0 ? record->predecessor : record->exits[static_cast<std::size_t>(e - 1)];
      const auto near = [](float a, float b) { return std::abs(a - b) < 1e-5F; };
      QVERIFY(near(samples.distances[i][e].item<float>(),
                   action_delta(DeltaType::l2, probe.arm(), record->exits.back().arm())));
      QVERIFY(near(samples.action_deltas[i][e].item<float>(), action_delta(DeltaType::l2, probe.arm(), before.arm())));
    }
  }
  QCOMPARE(fresh, 3 * 8);
  // Histories differ: the states of one frame are many.
  QVERIFY2(states.size() > 25, qPrintable(QString::number(states.size())));
  // The same again, episode by episode, and thinned out.
  GateSampler again(*run.model, options);
  again.add(frames, std::vector<std::int64_t>{10, 20, 30});
  QVERIFY(again.take().state.equal(samples.state));
  options.stride = 3;
  GateSampler thin(*run.model, options);
  thin.add(frames, std::vector<std::int64_t>{10, 20, 30});
  const auto few = thin.take();
  QVERIFY(few.samples() < samples.samples() / 2 && few.samples() > 0);
  DEER_VERIFY_ERROR(thin.add(frames, std::vector<std::int64_t>{1}), "has 3 episodes, but 1 are numbered");
  DEER_VERIFY_ERROR(thin.take(), "no frames");
}

void GateTrainingTest::samples_need_features() {
  const auto run = recorded({2});
  auto record = *run.records[1];
  record.exits[1].feature.clear();
  const std::vector<FrameRecordPtr> records{run.records[0], std::make_shared<const FrameRecord>(record)};
  GateSampler sampler(*run.model, {});
  DEER_VERIFY_ERROR(sampler.add(ReplayFrames::of(records), std::vector<std::int64_t>{0}),
                    "without the feature of layer");
  record.exits[1].feature.assign(5, 0);
  const std::vector<FrameRecordPtr> narrow{run.records[0], std::make_shared<const FrameRecord>(record)};
  DEER_VERIFY_ERROR(sampler.add(ReplayFrames::of(narrow), std::vector<std::int64_t>{0}), "a feature of 5 numbers");
}

void GateTrainingTest::a_trained_gate_replays_exactly() {
  const auto run = recorded({12, 9, 8, 10, 6});
  GateSampler sampler(*run.model, {});
  const auto frames = ReplayFrames::of(run.records);
  sampler.add(frames, std::vector<std::int64_t>{0, 1, 2, 3, 4});
  const auto samples = sampler.take();
  auto options = quick();
  options.epochs = 2;
  const auto gate =
      std::make_shared<const LearnedGate>(train_gate(samples, split_by_episode(samples.episode, 0), options).weights);
  ExitPolicy policy;
  policy.criterion = Criterion::learned_gate;
  policy.gate = {"", gate->fingerprint(), gate};
  policy.thresholds.assign(run.model->exit_layers().size(),
                           static_cast<double>(samples.distances.narrow(1, 0, 2).median().item<float>()));
  std::vector<int> layers(run.records.size(), -1);
  replay_many(*run.model, frames, std::span(&policy, 1),
              [&](std::size_t, std::int64_t place, const FrameRecordPtr& record) {
                layers[static_cast<std::size_t>(place)] = record->exit_layer;
              },
              {});
  Rollout rollout(*run.model);
  rollout.set_policy(policy);
  std::set<int> different;
  for (std::size_t i = 0; i < run.records.size(); ++i) {
    if (run.records[i]->step == 0) rollout.reset();
    RecordedFeatures features(*run.records[i], at::kCPU);
    QCOMPARE(layers[i], rollout.step(features, RunMode::probe, static_cast<std::int64_t>(i)).exit_layer);
    different.insert(layers[i]);
  }
  QVERIFY(different.size() > 1);
}

DEER_SUITE(GateTrainingTest)
#include "tst_gate_training.moc"
