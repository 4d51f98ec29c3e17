// SPDX-License-Identifier: GPL-3.0-or-later
// From recordings to a model folder, as `deer train` does it.
#include <QTest>
#include <array>
#include <chrono>

#include "core/base/error.h"
#include "core/model/text/tokenizer_prompt.h"
#include "core/train/run/training_run.h"
#include "tests/core/train/data/drawn_recording.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;
using namespace deer::test;

namespace {

Json small_run() {
  return Json::parse(R"({
    "output": "run", "seed": 3, "workers": 2, "log_every": 1, "validate_every": 2, "validation_windows": 4,
    "tensorboard": true, "reference_checkpoint": true,
    "data": {"sources": ["data"], "window": 4, "validation_share": 0.3, "token_variants": 2, "static_shift": 2,
             "gripper_shift": 1, "phrasings": {"open_drawer": ["pull the handle"]}},
    "model": {"config": {
      "name": "small", "early_exit_layer": 3, "exit_interval": 2,
      "vision": {"image_size": 32, "patch_size": 8, "width": 16, "layers": 1, "heads": 2},
      "perceiver": {"dim": 16, "depth": 1, "dim_head": 8, "heads": 2, "num_latents": 4, "ff_mult": 2},
      "cross_attention": {"every_n_layers": 2, "dim_head": 8, "heads": 2, "ff_mult": 2},
      "llm": {"model_type": "mosaic_gpt", "d_model": 16, "n_heads": 2, "mlp_ratio": 2, "alibi": true,
              "attn_qk_ln": true},
      "head": {"lstm_hidden_size": 12, "lstm_num_layers": 1, "lstm_layernorm": true, "mlp_layernorm": true,
               "mlp_hidden_dims": [8], "mlp_num_hidden_layers": 1, "dropout_mode": "layerwise", "exit_dropout": 0.1}}},
    "stages": [
      {"stage": "vision", "steps": 2, "frames_per_step": 8, "frames_per_pass": 4},
      {"stage": "joint", "steps": 3, "batch": 4, "windows_per_part": 2, "learning_rate": 0.001, "train_decoder": true},
      {"stage": "exit", "steps": 2, "batch": 4, "windows_per_part": 2, "learning_rate": 0.001}
    ]})");
}

struct Outcome {
  int vision_steps = 0, steps = 0;
  std::vector<std::string> notes;
};

Outcome run(const fs::path& file, std::stop_token stop = {}, decltype(TrainConfig::experts) experts = {}) {
  Outcome out;
  RunCallbacks callbacks;
  callbacks.note = [&](const std::string& line) { out.notes.push_back(line); };
  callbacks.vision.progress = [&](const VisionProgress&) { ++out.vision_steps; };
  callbacks.training.progress = [&](const TrainingProgress&) { ++out.steps; };
  auto config = read_train_config(file);
  config.experts = std::move(experts);
  run_training(config, DataParallel::from_environment(), callbacks, std::move(stop));
  return out;
}

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {(std::istreambuf_iterator<char>(in)), {}};
}

}  // namespace

class TrainingRunTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { record_drawings(folder_ / "data/training", {.segments = 6, .frames = 8, .seed = 2}); }
  void recordings_become_a_model();
  void a_model_is_trained_further_from_images();
  void blocks_are_located_before_acting();
  void mistakes_are_named();

 private:
  TemporaryFolder folder_;
};

void TrainingRunTest::recordings_become_a_model() {
  const auto file = folder_.write("train.json", small_run().dump());
  const auto first = run(file);
  QCOMPARE(first.vision_steps, 2);
  QCOMPARE(first.steps, 5);
  const auto output = folder_ / "run";

  LoadOptions load;
  load.device = "cpu";
  load.dtype = "float32";
  const auto loaded = load_model(open_model_files(output), load);
  QCOMPARE(loaded.model->exit_layers(), (std::vector<int>{1, 3}));
  QVERIFY(loaded.unused.empty());
  // The tower is the trained one, the prompts are words of its vocabulary.
  const auto tower = load_vision_tower(output / "vision/vision.safetensors");
  const auto archive = TensorArchive::open(output / "model.safetensors");
  for (const auto& [name, tensor] : tower.tensors) QVERIFY(at::equal(archive->read(name), tensor));
  const PromptEncoder prompts(Tokenizer::load(output / "tokenizer.json"));
  QCOMPARE(prompts.encode("pull the handle").size(), std::size_t{3 + 3});
  QVERIFY(TensorArchive::open(output / "model.pth")->contains("module.perceiver.latents"));
  QVERIFY(std::any_of(fs::directory_iterator(output), fs::directory_iterator(), [](const auto& entry) {
    return entry.path().filename().string().starts_with("events.out.tfevents.");
  }));

  // All of it is done: nothing is trained again.
  const auto before = content(output / "model.safetensors");
  const auto second = run(file);
  QCOMPARE(second.steps, 0);
  QCOMPARE(second.notes, first.notes);
  QVERIFY(content(output / "model.safetensors") == before);
}

void TrainingRunTest::a_model_is_trained_further_from_images() {
  auto json = small_run();
  json["output"] = "further";
  json["model"] = {{"start", "run"}};
  json["data"]["token_variants"] = 0;
  json["stages"] = Json::array({{{"stage", "exit"}, {"epochs", 1}, {"batch", 8}, {"learning_rate", 0.01}}});
  const auto outcome = run(folder_.write("further.json", json.dump()));
  QVERIFY(outcome.steps > 0);
  QVERIFY(!fs::exists(folder_ / "further/tokens.bin"));
  const auto old_weights = TensorArchive::open(folder_ / "run/model.safetensors");
  const auto new_weights = TensorArchive::open(folder_ / "further/model.safetensors");
  QCOMPARE(old_weights->entries().size(), new_weights->entries().size());
  for (const auto& [name, entry] : old_weights->entries()) {
    const bool same = at::equal(old_weights->read(name), new_weights->read(name));
    QVERIFY2(same != is_head_parameter(name), name.c_str());
  }
}

// Stages "latents" and "locate": one latent a block, then where the meant block is.
void TrainingRunTest::blocks_are_located_before_acting() {
  record_drawings(folder_ / "blocks/training", {.segments = 6, .frames = 8, .seed = 5, .many_blocks = true});
  using Rows = CalvinWindowsOptions::Experts::Rows;
  const auto experts = [](const std::set<std::string>&) {
    CalvinWindowsOptions::Experts out;
    out.relabel = [](Rows robot, Rows scene, Rows blocks, const std::string&, std::uint64_t) {
      const auto steps = scene.size() / 24;
      CalvinWindowsOptions::Relabelled label{"open the drawer", std::vector<float>(7 * steps, 0.5F), {}};
      label.meant_block = {static_cast<double>(blocks[0] - robot[0]), static_cast<double>(blocks[1] - robot[1]),
                           static_cast<double>(blocks[2] - robot[2])};
      return std::optional(label);
    };
    out.tasks_about_blocks = [](Rows robot, Rows, Rows) {
      if (robot[0] > 0.1F) return std::vector<std::string>{};  // in some frames no block can be meant
      return std::vector<std::string>{"open_drawer"};
    };
    return out;
  };
  auto json = small_run();
  json["output"] = "located";
  json["data"]["sources"] = Json::array({"blocks"});
  json["data"]["relabel_share"] = 0.5;
  json["model"]["config"]["perceiver"]["num_latents"] = 18;
  json["stages"].insert(json["stages"].begin() + 1, Json{{"stage", "latents"}, {"steps", 3}, {"frames_per_step", 8}});
  auto locate = json["stages"][2];
  locate["name"] = "references";
  locate["locate"] = true;
  json["stages"].insert(json["stages"].begin() + 2, locate);
  const auto file = folder_.write("located.json", json.dump());
  const auto outcome = run(file, {}, experts);
  QCOMPARE(outcome.steps, 8);  // of three stages
  const auto told = [&](const std::string& text) {
    return std::any_of(outcome.notes.begin(), outcome.notes.end(),
                       [&](const std::string& note) { return note.find(text) != std::string::npos; });
  };
  QVERIFY(told("latents 3/3: loss"));
  QVERIFY(content(folder_ / "located/vision/validation.csv").find("static patches,blocks,") != std::string::npos);
  QVERIFY(told("blocks to locate: "));
  const auto latents = TensorArchive::open(folder_ / "located/vision/latents.safetensors");
  const auto tower = load_vision_tower(folder_ / "located/vision/vision.safetensors");
  QVERIFY(tower.resampler.empty() && latents->contains("perceiver.latents"));
  const auto before = content(folder_ / "located/model.safetensors");
  QCOMPARE(run(file, {}, experts).steps, 0);
  QVERIFY(content(folder_ / "located/model.safetensors") == before);
  // What a finished stage trained cannot change.
  auto other = json;
  other["stages"][2]["train_resampler"] = false;
  DEER_VERIFY_ERROR(run(folder_.write("other.json", other.dump()), {}, experts), "train_resampler' was true");
  other["stages"][2].erase("train_resampler");
  other["stages"][2].erase("locate");
  DEER_VERIFY_ERROR(run(folder_.write("other.json", other.dump()), {}, experts), "locate' was true");

  json["output"] = "few";
  json["model"]["config"]["perceiver"]["num_latents"] = 4;
  DEER_VERIFY_ERROR(run(folder_.write("few.json", json.dump()), {}, experts), "has 4 latents");
  json["stages"].erase(1);
  DEER_VERIFY_ERROR(run(folder_.write("few.json", json.dump())), "no simulated world");
  json["stages"].push_back(Json{{"stage", "latents"}, {"steps", 3}});
  DEER_VERIFY_ERROR(run(folder_.write("few.json", json.dump()), {}, experts), "'latents' after a stage 'vision'");
}

void TrainingRunTest::mistakes_are_named() {
  auto json = small_run();
  json["output"] = "wrong";
  json["stages"].erase(0);
  DEER_VERIFY_ERROR(run(folder_.write("wrong.json", json.dump())), "vision");
  json = small_run();
  json["output"] = "wrong";
  json["model"]["config"]["perceiver"]["dim"] = 17;
  DEER_VERIFY_ERROR(run(folder_.write("wrong.json", json.dump())), "perceiver.dim");
  json = small_run();
  json["output"] = "wrong";
  json["data"]["sources"] = Json::array({"nowhere"});
  DEER_VERIFY_ERROR(run(folder_.write("wrong.json", json.dump())), "nowhere");
  std::stop_source stop;
  stop.request_stop();
  json = small_run();
  json["output"] = "stopped";
  const auto file = folder_.write("stopped.json", json.dump());
  QVERIFY_THROWS_EXCEPTION(Cancelled, run(file, stop.get_token()));
}

DEER_SUITE(TrainingRunTest)
#include "tst_training_run.moc"
