// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <array>
#include <cmath>
#include <map>

#include "core/base/mapped_file.h"
#include "core/budget/cost_model.h"
#include "core/model/model_loader.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;

namespace {

const std::filesystem::path kReference = DEER_TEST_DATA "/reference";

// The 3B model as published before it is cut: MPT-1b with 24 layers.
ModelConfig published_3b() {
  ModelConfig out;
  out.decoder.layers = 24;
  return out;
}

ModelConfig published_9b() {
  ModelConfig out;
  out.decoder.family = DecoderFamily::mpt_7b;
  out.decoder.d_model = 4096;
  out.decoder.heads = 32;
  out.decoder.layers = 32;
  out.decoder.qk_layernorm = false;
  out.cross_attention.every_n_layers = 4;
  return out;
}

using Shape = std::vector<double>;

// Names and shapes of the tensors that a model's file really holds.
std::map<std::string, Shape> shapes_of(const std::filesystem::path& model) {
  const auto file = MappedFile::open(model / "model.safetensors");
  std::uint64_t size = 0;
  for (int i = 0; i < 8; ++i) size |= std::to_integer<std::uint64_t>(file->bytes()[i]) << (8 * i);
  const auto header = file->range(8, size, "header");
  const auto json = Json::parse(std::string(reinterpret_cast<const char*>(header.data()), header.size()));
  std::map<std::string, Shape> out;
  for (const auto& [name, entry] : json.items()) {
    if (name != "__metadata__") out[name] = entry["shape"].get<Shape>();
  }
  return out;
}

double product(const Shape& shape) {
  double out = 1;
  for (const double extent : shape) out *= extent;
  return out;
}

// Sum over the weight matrices under `prefix` of their sizes times the rows they are applied to.
double applied(const std::map<std::string, Shape>& shapes, const std::string& prefix,
               const std::function<double(const std::string&)>& rows) {
  double out = 0;
  for (const auto& [name, shape] : shapes) {
    const bool matrix = shape.size() == 2 || shape.size() == 4;
    if (name.starts_with(prefix) && matrix) out += product(shape) * rows(name.substr(prefix.size()));
  }
  return out;
}

// In the file, but not in the policy: CLIP's text tower and own embedding, and the decoder's final norm.
bool is_clip_embedding(const std::string& name) {
  return name.ends_with("visual.proj") || name.find("visual.ln_post") != std::string::npos;
}
bool is_used(const std::string& name) {
  const bool text = name.starts_with("vision_encoder.") && !name.starts_with("vision_encoder.visual.");
  return !text && !is_clip_embedding(name) && !name.ends_with(".ln_f.weight") && !name.ends_with(".norm_f.weight");
}

bool close(double found, double expected) { return std::abs(found - expected) <= 1e-9 * std::abs(expected); }

}  // namespace

class TestCostModel : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void the_papers_figures() {
    const CostModel model(published_3b());
    // "31.2 GFLOPs" for 24 layers; prompts of CALVIN's instructions are 13 to 14 tokens long on average.
    QVERIFY(model.llm_gflops(23, 13) < 31.2);
    QVERIFY(model.llm_gflops(23, 14) > 31.2);
    // 1.3 a layer, rounded as the paper does.
    QCOMPARE(std::round(model.llm_gflops(23, 14) / 24 * 10) / 10, 1.3);
    // By hand for 10 tokens: decoder block 12 d^2 a token and 2 * 10 * 10 * d; cross-attention 2 * 512 d + 8 d^2 a
    // token, keys and values of 128 latents of 1024 numbers, and 2 * 10 * 128 * 512.
    const double d = 2048;
    const double block = 10 * 12 * d * d + 2 * 10 * 10 * d;
    const double across = 10 * (2 * 512 * d + 8 * d * d) + 128 * 1024 * 1024.0 + 2 * 10 * 128 * 512;
    QVERIFY(close(model.layer_gflops(0, 10), (block + across) * 1e-9));
    QVERIFY(close(model.llm_gflops(11, 10), 12 * (block + across) * 1e-9));
  }

  void the_9b_family_attends_every_fourth_layer() {
    const CostModel model(published_9b());
    QCOMPARE(model.cross_attention_gflops(0, 12), 0.0);
    QCOMPARE(model.cross_attention_gflops(2, 12), 0.0);
    QVERIFY(model.cross_attention_gflops(3, 12) > 0);
    const double plain = model.layer_gflops(0, 12);
    QVERIFY(close(model.llm_gflops(31, 12), 32 * plain + 8 * model.cross_attention_gflops(3, 12)));
    // 12 d^2 and two norms a layer; 2 * 512 (d + 1024) + 8 d^2, two norms with bias and two gates where it attends.
    const std::int64_t d = 4096;
    QCOMPARE(model.parameters(31).layers,
             32 * (12 * d * d + 2 * d) + 8 * (2 * 512 * (d + 1024) + 8 * d * d + 4 * d + 2));
    QCOMPARE(model.parameters(31).embedding, 50280 * d);
  }

  void clip_costs_what_others_report() {
    // open_clip lists 162.0 GFLOPs (two a multiply-add) for the whole ViT-L/14 image tower at 224 pixels.
    const CostModel model(published_3b(), FlopConvention::multiply_add_is_two);
    QVERIFY(std::abs(model.vision_gflops() - 162.0) < 1.0);
    const auto numbers = static_cast<double>(model.parameters(0).vision);
    QVERIFY(std::abs(numbers / 1e6 - 303.2) < 0.2);  // 304.0 million with ln_post and the projection
  }

  void conventions_differ_by_two() {
    const CostModel one(published_3b());
    const CostModel two(published_3b(), FlopConvention::multiply_add_is_two);
    QVERIFY(close(two.llm_gflops(5, 13), 2 * one.llm_gflops(5, 13)));
    QVERIFY(close(two.total_gflops(5, 13, 4), 2 * one.total_gflops(5, 13, 4)));
  }

  void tiny_models_by_brute_force_data() {
    QTest::addColumn<QString>("name");
    QTest::newRow("mpt1b") << "tiny_mpt1b";
    QTest::newRow("mpt7b") << "tiny_mpt7b";
  }
  void tiny_models_by_brute_force() {
    QFETCH(QString, name);
    const auto folder = kReference / name.toStdString();
    const auto config = read_model_config(folder / "config.json");
    const auto shapes = shapes_of(folder);
    const CostModel model(config);
    constexpr int kTokens = 9;

    const double patches = shapes.at("vision_encoder.visual.positional_embedding")[0] - 1;
    const double width = shapes.at("vision_encoder.visual.positional_embedding")[1];
    double vision = applied(shapes, "vision_encoder.visual.", [&](const std::string& matrix) {
      if (matrix == "positional_embedding" || matrix == "proj") return 0.0;
      return matrix == "conv1.weight" ? patches : patches + 1;
    });
    vision += static_cast<double>(config.vision.layers) * 2 * (patches + 1) * (patches + 1) * width;
    QVERIFY(close(model.vision_gflops(), vision * 1e-9));

    const double latents = shapes.at("perceiver.latents")[0];
    const double inner = shapes.at("perceiver.layers.0.0.to_q.weight")[0];
    double resampler = applied(shapes, "perceiver.", [&](const std::string& matrix) {
      if (matrix == "latents") return 0.0;
      return matrix.ends_with("to_kv.weight") ? patches + latents : latents;
    });
    resampler += static_cast<double>(config.perceiver.depth) * 2 * latents * (patches + latents) * inner;
    QVERIFY(close(model.resampler_gflops(), resampler * 1e-9));

    double llm = 0;
    for (int layer = 0; layer < config.decoder.layers; ++layer) {
      const auto block = "lang_encoder.transformer.blocks." + std::to_string(layer) + ".";
      llm += applied(shapes, block, [&](const std::string& matrix) {
        return matrix.ends_with("to_kv.weight") ? 2 * latents : kTokens;
      });
      const auto across = shapes.find(block + "gated_cross_attn_layer.attn.to_q.weight");
      if (across != shapes.end()) llm += 2 * kTokens * 2 * latents * across->second[0];
      llm += 2.0 * kTokens * kTokens * static_cast<double>(config.decoder.d_model);
      QVERIFY2(close(model.llm_gflops(layer, kTokens), llm * 1e-9), qPrintable(QString::number(layer)));
    }
    const double head = applied(shapes, "extra_exit.", [](const std::string&) { return 1.0; });
    QVERIFY(close(model.head_gflops(), head * 1e-9));

    double numbers = 0;
    for (const auto& [tensor, shape] : shapes) {
      if (is_used(tensor)) numbers += product(shape);
    }
    const int deepest = static_cast<int>(config.decoder.layers) - 1;
    QCOMPARE(model.parameters(deepest).total(), static_cast<std::int64_t>(numbers));
  }

  void cut_models_weigh_what_is_loaded() {
    const auto files = open_model_files(kReference / "tiny_mpt1b");
    const CostModel model(files.config);
    double surplus = 0;
    for (const auto& [tensor, shape] : shapes_of(kReference / "tiny_mpt1b")) {
      if (is_clip_embedding(tensor)) surplus += product(shape);
    }
    for (const int layers : {2, 4, 6}) {
      for (const auto& [dtype, size] : {std::pair{"float32", 4}, std::pair{"bfloat16", 2}}) {
        LoadOptions options;
        options.device = "cpu";
        options.dtype = dtype;
        options.max_layer = layers;
        const auto loaded = load_model(files, options);
        const auto expected = model.parameters(layers - 1);
        QCOMPARE(loaded.parameters, expected.total() + static_cast<std::int64_t>(surplus));
        QCOMPARE(loaded.weight_bytes, expected.bytes(size) + size * static_cast<std::int64_t>(surplus));
      }
    }
  }

  void counts_the_heads_runs_of_a_record() {
    FrameRecord record;
    record.exit_layer = 3;
    record.prompt_tokens = 13;
    record.reason = ExitReason::within_threshold;
    record.exits.resize(3);
    record.exits[0].evaluated_by_policy = record.exits[1].evaluated_by_policy = true;
    record.predecessor.feature = {1.0F};
    record.predecessor.action = ActionValues(std::array<float, 7>{});
    // The layer before the first exit, two exits, and once more to keep the state; the third exit was
    // only seen by a probe run.
    QCOMPARE(head_runs(record), 4);
    record.predecessor.feature.clear();  // a replay keeps no features
    QCOMPARE(head_runs(record), 4);
    const CostModel model(published_3b());
    QVERIFY(close(model.step(record).total(), model.total_gflops(3, 13, 4)));
    QVERIFY(close(model.step(record).llm, 4 * model.layer_gflops(0, 13)));
    // A gate: once a frame, and at the two exits; the deepest is not predicted.
    CostModel gated(published_3b());
    gated.set_gate({4e6, 1e6, 2});
    QVERIFY(close(gated.step(record).gate, 6e-3));
    QVERIFY(close(gated.step(record).total(), model.step(record).total() + 6e-3));
    QVERIFY(close(gated.step(record).llm, model.step(record).llm));
    QVERIFY(close(gated.gate_gflops(1), 5e-3) && close(gated.gate_gflops(3), 6e-3));
    record.reason = ExitReason::fixed;
    QCOMPARE(gated.step(record).gate, 0.0);
    QCOMPARE(head_runs(record), 1);
    record.reason = ExitReason::repeated;
    QCOMPARE(head_runs(record), 0);
    QCOMPARE(model.step(record).total(), 0.0);
    record.reason = ExitReason::held;
    record.prompt_tokens = 0;
    DEER_VERIFY_ERROR(model.step(record), "prompt length");
    DEER_VERIFY_ERROR(model.llm_gflops(24, 13), "layer 24 does not exist");
    DEER_VERIFY_ERROR(model.parameters(-1), "layer -1 does not exist");
  }
};

DEER_SUITE(TestCostModel)
#include "tst_cost_model.moc"
