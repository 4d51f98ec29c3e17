// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <fstream>

#include "core/budget/exit_costs.h"
#include "core/exits/engine.h"
#include "core/model/device.h"
#include "core/model/model_loader.h"
#include "core/train/method/model_init.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;

namespace {

const std::filesystem::path kDemo = DEER_SOURCE_DIR "/tests/data/random_demo/model";

// Large enough for its memory to stand out from a process's own: 26 million numbers.
std::filesystem::path make_model(const TemporaryFolder& folder) {
  Json json = read_json(kDemo / "config.json");
  json["vision"]["image_size"] = 224;
  json["vision"]["width"] = 256;
  json["vision"]["heads"] = 4;
  json["perceiver"]["dim"] = 256;
  json["llm"]["d_model"] = 384;
  json["llm"]["n_heads"] = 6;
  const auto path = folder / "model";
  folder.write("model/config.json", json.dump());
  const auto config = read_model_config(path / "config.json");
  write_safetensors(path / "model.safetensors", initial_parameters(config, {}));
  std::filesystem::copy(kDemo / "tokenizer.json", path / "tokenizer.json");
  return path;
}

ImagePtr picture(int size) {
  auto image = std::make_shared<Image>();
  image->width = image->height = size;
  image->rgb.assign(static_cast<std::size_t>(3 * size * size), 77);
  return image;
}

// From now on the peak is that of what follows.
void forget_peak() { std::ofstream("/proc/self/clear_refs") << 5; }

}  // namespace

class TestMemoryModel : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void agrees_with_resident_memory() {
    const TemporaryFolder folder;
    const auto path = make_model(folder);
    const auto config = read_model_config(path / "config.json");
    const CostModel cost(config);
    EngineOptions options;
    options.device = "cpu";
    options.dtype = "float32";
    // The libraries' own buffers are there already when the first large model comes.
    { Engine::load(kDemo, options)->step({0, picture(200), picture(84), "open the drawer"}, RunMode::probe); }
    const MemoryModel model(cost, 4, MemoryModel::Device::cpu, 9);
    for (const int layers : {2, 4, 6}) {
      options.max_layer = layers;
      forget_peak();
      const auto before = resident_memory_bytes();
      const auto engine = Engine::load(path, options);
      for (int i = 0; i < 2; ++i) engine->step({i, picture(200), picture(84), "open the drawer"}, RunMode::policy);
      const auto taken = peak_resident_memory_bytes() - before;
      const auto use = model.use(layers - 1);
      qInfo("%d layers: %.1f MB taken; predicted weights %.1f, activations %.1f, workspace %.1f", layers,
            1e-6 * static_cast<double>(taken), 1e-6 * static_cast<double>(use.weights),
            1e-6 * static_cast<double>(use.activations), 1e-6 * static_cast<double>(use.workspace));
      QVERIFY(taken > use.weights * 9 / 10);
      QVERIFY(taken < use.total());
    }
  }

  void grows_with_depth_and_type() {
    const auto config = read_model_config(kDemo / "config.json");
    const CostModel cost(config);
    const MemoryModel wide(cost, 4, MemoryModel::Device::cpu);
    const MemoryModel narrow(cost, 2, MemoryModel::Device::cuda);
    std::int64_t before = 0;
    for (const int layer : {1, 3, 5}) {
      const auto use = wide.use(layer);
      QCOMPARE(use.weights, cost.parameters(layer).bytes(4));
      QVERIFY(use.total() > before && use.activations > 0);
      QVERIFY(narrow.use(layer).weights < use.weights);
      QVERIFY(narrow.use(layer).activations < use.activations);
      before = use.total();
    }
    DEER_VERIFY_ERROR(wide.use(6), "layer 6 does not exist");
    DEER_VERIFY_ERROR(MemoryModel(cost, 0, MemoryModel::Device::cpu), "bytes");
  }

  void costs_of_every_exit() {
    const auto config = read_model_config(kDemo / "config.json");
    const CostModel cost(config);
    const auto exits = config.exit_layers();
    const auto costs = exit_costs(exits, cost, MemoryModel(cost, 4, MemoryModel::Device::cpu), 13);
    QCOMPARE(costs.size(), exits.size());
    for (std::size_t i = 0; i < exits.size(); ++i) {
      QCOMPARE(costs.llm_gflops[i], cost.llm_gflops(exits[i], 13));
      // A probe of each exit so far, of the layer before the first, and the run that is kept.
      QCOMPARE(costs.total_gflops[i], cost.total_gflops(exits[i], 13, static_cast<int>(i) + 3));
    }
    StageTimings timings;
    timings.exits = {{1, {}, {}, {5, 5, 5}}, {3, {}, {}, {4, 4, 4}}, {5, {}, {}, {9, 9, 9}}};
    auto measured = costs;
    add_milliseconds(measured, timings);
    QCOMPARE(measured.milliseconds, (std::vector<double>{5, 5, 9}));
    timings.exits.pop_back();
    DEER_VERIFY_ERROR(add_milliseconds(measured, timings), "exit layer 5");
  }
};

DEER_SUITE(TestMemoryModel)
#include "tst_memory_model.moc"
