// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <random>

#include "core/base/error.h"
#include "core/budget/average_budget.h"
#include "core/budget/calibration.h"
#include "core/episodes/open_source.h"
#include "core/model/tensor_archive.h"
#include "core/train/multi_exit_loss.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;

namespace {

const std::filesystem::path kModel = DEER_SOURCE_DIR "/resources/demo/model";
const std::filesystem::path kData = DEER_TEST_DATA "/calvin_mini";

std::vector<FrameRecordPtr> probe_records(Engine& engine, std::size_t count) {
  const auto data = open_source(kData);
  const auto source = data->open(0);
  std::vector<FrameRecordPtr> records;
  for (std::size_t i = 0; i < count; ++i) {
    const auto seen = source->read(static_cast<std::int64_t>(i));
    records.push_back(engine.step(
        {static_cast<std::int64_t>(i), seen->rgb_static, seen->rgb_gripper, "open the drawer"}, RunMode::probe));
  }
  return records;
}

CalibrationValues view(const std::vector<float>& values, std::int64_t exits) {
  return {values, exits, static_cast<std::int64_t>(values.size()) / exits};
}

}  // namespace

class TestCalibration : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    engine_ = Engine::load(kModel, options());
    records_ = probe_records(*engine_, 12);
  }

  void values_are_those_of_the_training_code() {
    const std::size_t window = records_.size();
    const auto& exits = engine_->summary().exit_layers;
    std::mt19937 random(3);
    std::vector<int> history;
    for (std::size_t i = 0; i < window; ++i) history.push_back(static_cast<int>(random() % exits.size()));

    CalibrationSet set;
    add_window(*engine_, std::span(records_).first(window - 1), std::span(history).first(window - 1), window / 2 - 1,
               {}, set);
    QCOMPARE(set.samples(), static_cast<std::int64_t>(window / 2));

    // The same from the goldens' implementation (core/train), fed with the same features.
    WindowFeatures features;
    auto layers = exits;
    layers.insert(layers.begin(), 0);
    for (const int layer : layers) {
      std::vector<at::Tensor> rows;
      for (const auto& record : records_) {
        const ExitProbe* probe = layer == 0 ? &record->predecessor : record->probe_at(layer);
        rows.push_back(at::tensor(probe->feature, at::kFloat));
      }
      features.by_layer[layer] = at::stack(rows).unsqueeze(0);
    }
    const auto files = open_model_files(kModel);
    const TrainableModel model(files, at::kCPU);
    const auto indices = at::tensor(std::vector<std::int64_t>(history.begin(), history.end()), at::kLong).unsqueeze(0);
    const auto expected = calibration_values(model, features, indices);
    const auto flat = set.flat();
    const auto found = at::tensor(flat, at::kFloat).view({set.exits(), set.samples()});
    QVERIFY(expected.sizes() == found.sizes());
    QVERIFY2(at::allclose(found, expected, 1e-5, 1e-6), "calibration values differ");
    QVERIFY(found.min().item<float>() > 0);
  }

  void the_history_matters() {
    CalibrationSet shallow;
    CalibrationSet deep;
    const std::vector<int> first(records_.size(), 0);
    const std::vector<int> last(records_.size(), static_cast<int>(engine_->summary().exit_layers.size()) - 1);
    add_window(*engine_, records_, first, 5, {}, shallow);
    add_window(*engine_, records_, last, 5, {}, deep);
    QVERIFY(shallow.flat() != deep.flat());
  }

  void forced_layers_are_taken() {
    ExitPolicy policy = engine_->policy();
    const auto& exits = engine_->summary().exit_layers;
    policy.thresholds.assign(exits.size(), kNeverLeave);
    policy.forced_layers = {{2, exits[0]}, {5, exits[1]}, {7, 0}};
    const auto replayed = engine_->replay(records_, policy);
    for (const auto& record : replayed) {
      const auto forced = policy.forced_layers.find(record->frame);
      QCOMPARE(record->exit_layer, forced == policy.forced_layers.end() ? exits.back() : forced->second);
      QCOMPARE(record->reason == ExitReason::forced, forced != policy.forced_layers.end());
    }
    // The replay is what the whole model does.
    auto engine = Engine::load(kModel, options());
    engine->set_policy(policy);
    const auto data = open_source(kData);
    const auto source = data->open(0);
    for (std::size_t i = 0; i < records_.size(); ++i) {
      const auto seen = source->read(static_cast<std::int64_t>(i));
      const auto record = engine->step(
          {static_cast<std::int64_t>(i), seen->rgb_static, seen->rgb_gripper, "open the drawer"}, RunMode::policy);
      QCOMPARE(record->exit_layer, replayed[i]->exit_layer);
      for (std::size_t k = 0; k < 6; ++k) QVERIFY(std::abs(record->arm[k] - replayed[i]->arm[k]) < 1e-5F);
    }
    policy.forced_layers = {{0, 99}};
    QVERIFY_THROWS_EXCEPTION(Error, engine->set_policy(policy));
  }

  void files_keep_everything() {
    const TemporaryFolder folder;
    CalibrationSet set;
    set.exit_layers = {1, 3};
    set.values = {{0.5F, 0.25F, 0.125F}, {1, 2, 3}};
    set.provenance = {{"model", "m"}, {"seed", "7"}};
    const auto file = folder.path() / "values.safetensors";
    write_calibration(file, set);
    const auto back = read_calibration(file);
    QVERIFY(back.exit_layers == set.exit_layers);
    QVERIFY(back.values == set.values);
    QVERIFY(back.provenance == set.provenance);
  }

  void reads_the_references_checkpoints() {
    const auto with = read_calibration(DEER_TEST_DATA "/reference/tiny_mpt7b/model.pth");
    QVERIFY(with.exits() > 1);
    QVERIFY(with.exit_layers.empty());
    QVERIFY_THROWS_EXCEPTION(FileError, read_calibration(DEER_TEST_DATA "/reference/tiny_mpt1b/model.pth"));
  }

  void broken_files_are_refused() {
    const TemporaryFolder folder;
    const auto file = folder.path() / "broken.safetensors";
    write_safetensors(file, {{"values", at::tensor({1.0F, 2.0F})}});
    QVERIFY_THROWS_EXCEPTION(FileError, read_calibration(file));
    write_safetensors(file, {{"values", at::full({2, 2}, -1.0F)}});
    QVERIFY_THROWS_EXCEPTION(FileError, read_calibration(file));
    write_safetensors(file, {{"values", at::ones({2, 2})}, {"exit_layers", at::tensor(std::vector<std::int64_t>{1})}});
    QVERIFY_THROWS_EXCEPTION(FileError, read_calibration(file));
  }

  void misfits_are_refused() {
    CalibrationSet set;
    const std::vector<int> history(records_.size(), 0);
    QVERIFY_THROWS_EXCEPTION(Error, add_window(*engine_, records_, std::span(history).first(3), 1, {}, set));
    QVERIFY_THROWS_EXCEPTION(Error, add_window(*engine_, records_, history, records_.size(), {}, set));
    const std::vector<int> wrong(records_.size(), 17);
    QVERIFY_THROWS_EXCEPTION(Error, add_window(*engine_, records_, wrong, 2, {}, set));
  }

  void average_is_met_from_below() {
    std::mt19937 random(5);
    std::gamma_distribution<float> draw(2, 0.02F);
    constexpr std::int64_t kExits = 6;
    std::vector<float> values(kExits * 2000);
    for (float& value : values) value = draw(random);
    const std::vector<double> costs = {2, 4, 6, 8, 10, 12};
    for (const auto family : {ExitDistribution::exponential, ExitDistribution::gaussian, ExitDistribution::gamma}) {
      double before = 0;
      for (const double average : {4.0, 5.0, 6.5, 8.0, 9.5}) {
        const auto solution = solve_for_average(view(values, kExits), costs, average, family);
        QVERIFY(solution.mean_cost <= average);
        QVERIFY2(solution.mean_cost > average - 0.05, qPrintable(QString::number(solution.mean_cost)));
        QVERIFY(solution.mean_cost > before);
        before = solution.mean_cost;
        double mean = 0;
        for (std::size_t i = 0; i < costs.size(); ++i)
          mean += static_cast<double>(solution.counts[i]) * costs[i] / 2000;
        QVERIFY(std::abs(mean - solution.mean_cost) < 1e-9);
      }
      const auto all = solve_for_average(view(values, kExits), costs, 1e9, family);
      QCOMPARE(all.mean_cost, all.largest_mean);
      QVERIFY_THROWS_EXCEPTION(Error, solve_for_average(view(values, kExits), costs, 1.9, family));
    }
  }

 private:
  // In float32 whatever this machine prefers: numbers are compared.
  static EngineOptions options() {
    EngineOptions out;
    out.device = "cpu";
    out.dtype = "float32";
    return out;
  }
  std::unique_ptr<Engine> engine_;
  std::vector<FrameRecordPtr> records_;
};

QTEST_GUILESS_MAIN(TestCalibration)
#include "tst_calibration.moc"
