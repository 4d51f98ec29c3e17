// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>

#include "core/base/error.h"
#include "core/model/attention_rollout.h"
#include "core/model/model_loader.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;

namespace {

// The raw tensors of a reference model, beside the network that was built from them.
struct Reference {
  explicit Reference(const char* family, const char* dtype = "float32")
      : folder(fs::path(DEER_TEST_DATA) / "reference" / family),
        weights(TensorArchive::open(folder / "model.safetensors")),
        inputs(TensorArchive::open(folder / "inputs.safetensors")),
        outputs(TensorArchive::open(folder / "outputs.safetensors")) {
    LoadOptions options;
    options.dtype = dtype;
    model = load_model(open_model_files(folder), options).model;
    text = model->prepare_text(inputs->read("input_ids"), inputs->read("attention_mask"));
  }

  at::Tensor w(const std::string& name) const { return weights->read(name).to(at::kDouble); }
  at::Tensor golden(const std::string& name) const { return outputs->read(name).to(at::kDouble); }
  at::Tensor tokens() const {
    return at::stack({outputs->read("vision.static.tokens"), outputs->read("vision.gripper.tokens")});
  }
  at::Tensor media() const {
    return at::cat({outputs->read("perceiver.static"), outputs->read("perceiver.gripper")}, 0).unsqueeze(0);
  }

  fs::path folder;
  std::shared_ptr<const TensorArchive> weights, inputs, outputs;
  std::unique_ptr<MultiExitModel> model;
  PreparedText text;
};

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

// Written out, in double precision, without the network's own helpers. x is [length, width].
at::Tensor normalised(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const auto mean = x.mean(1, true);
  const auto deviation = (x - mean).pow(2).mean(1, true).add(1e-5).sqrt();
  return (x - mean) / deviation * weight + bias;
}

// What heads' weights [heads, queries, keys] make of values [keys, heads * 64].
at::Tensor mixed(const at::Tensor& weights, const at::Tensor& values) {
  const auto width = values.size(1) / weights.size(0);
  std::vector<at::Tensor> heads;
  for (std::int64_t h = 0; h < weights.size(0); ++h) {
    heads.push_back(at::mm(weights[h].to(at::kDouble), values.narrow(1, h * width, width)));
  }
  return at::cat(heads, 1);
}

at::Tensor softmax_by_hand(const at::Tensor& q, const at::Tensor& k, std::int64_t heads) {
  const auto width = q.size(1) / heads;
  std::vector<at::Tensor> out;
  for (std::int64_t h = 0; h < heads; ++h) {
    auto scores = at::mm(q.narrow(1, h * width, width), k.narrow(1, h * width, width).t()) / std::sqrt(double(width));
    scores = (scores - scores.amax(1, true)).exp();
    out.push_back(scores / scores.sum(1, true));
  }
  return at::stack(out);
}

void add_families() {
  QTest::addColumn<QString>("family");
  QTest::newRow("MPT-1b") << "tiny_mpt1b";
  QTest::newRow("MPT-7b") << "tiny_mpt7b";
}

}  // namespace

class TestAttention : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void resampler_weights_are_the_models_own_data() { add_families(); }
  void resampler_weights_are_the_models_own() {
    QFETCH(const QString, family);
    const Reference r(qPrintable(family));
    std::vector<at::Tensor> layers;
    const auto tokens = r.tokens();
    const auto observed = r.model->resampler().forward(tokens, &layers);
    QVERIFY2(at::equal(observed, r.model->resampler().forward(tokens)), "watching changed the result");
    const auto& config = r.model->config().perceiver;
    QCOMPARE(layers.size(), std::size_t(config.depth));

    for (const std::int64_t camera : {0, 1}) {
      const auto media_tokens = tokens[camera].to(at::kDouble);
      auto latents = r.w("perceiver.latents");
      for (std::int64_t i = 0; i < config.depth; ++i) {
        const auto name = "perceiver.layers." + std::to_string(i);
        const auto media =
            normalised(media_tokens, r.w(name + ".0.norm_media.weight"), r.w(name + ".0.norm_media.bias"));
        const auto queries =
            normalised(latents, r.w(name + ".0.norm_latents.weight"), r.w(name + ".0.norm_latents.bias"));
        const auto kv = at::mm(at::cat({media, queries}, 0), r.w(name + ".0.to_kv.weight").t()).chunk(2, 1);
        const auto weights = layers[std::size_t(i)][camera];
        QVERIFY(largest_difference(weights.sum(2), at::ones({config.heads, config.latents})) < 1e-5);
        const auto expected = softmax_by_hand(at::mm(queries, r.w(name + ".0.to_q.weight").t()), kv[0], config.heads);
        QVERIFY(largest_difference(weights, expected) < 1e-5);
        // Going on with the weights that were watched has to end where the authors' code does.
        latents = latents + at::mm(mixed(weights, kv[1]), r.w(name + ".0.to_out.weight").t());
        const auto inner = normalised(latents, r.w(name + ".1.0.weight"), r.w(name + ".1.0.bias"));
        latents =
            latents + at::mm(at::gelu(at::mm(inner, r.w(name + ".1.1.weight").t())), r.w(name + ".1.3.weight").t());
      }
      latents = normalised(latents, r.w("perceiver.norm.weight"), r.w("perceiver.norm.bias"));
      QVERIFY(largest_difference(latents, r.golden(camera == 0 ? "perceiver.static" : "perceiver.gripper")) < 1e-4);
    }
  }

  void cross_attention_weights_are_the_models_own_data() { add_families(); }
  void cross_attention_weights_are_the_models_own() {
    QFETCH(const QString, family);
    const Reference r(qPrintable(family));
    const auto& config = r.model->config();
    const auto heads = config.cross_attention.heads;
    DecoderPass watched(*r.model, r.text, r.media());
    DecoderPass plain(*r.model, r.text, r.media());
    int found = 0;
    for (int layer = 0; layer < r.model->layers(); ++layer) {
      if (!config.cross_attention.before_layer(layer)) {
        DEER_VERIFY_ERROR(watched.cross_attention_weights(layer), "has no cross-attention");
        continue;
      }
      ++found;
      const auto weights = watched.cross_attention_weights(layer)[0];
      QCOMPARE(watched.layers_run(), layer);
      QCOMPARE(weights.sizes().vec(),
               (std::vector<std::int64_t>{heads, r.text.input_ids.size(1), 2 * config.perceiver.latents}));
      QVERIFY(largest_difference(weights.sum(2), at::ones_like(weights.select(2, 0))) < 1e-5);

      const auto name = "lang_encoder.transformer.blocks." + std::to_string(layer) + ".gated_cross_attn_layer.";
      const auto text = r.golden(layer == 0 ? "text.embedding" : "hidden.layer" + std::to_string(layer - 1));
      const auto media = r.media()[0].to(at::kDouble);
      const auto q = at::mm(normalised(text, r.w(name + "attn.norm.weight"), r.w(name + "attn.norm.bias")),
                            r.w(name + "attn.to_q.weight").t());
      const auto kv = at::mm(media, r.w(name + "attn.to_kv.weight").t()).chunk(2, 1);
      QVERIFY(largest_difference(weights, softmax_by_hand(q, kv[0], heads)) < 1e-4);
      // The gated block made with them is the authors'.
      const auto x =
          text + at::mm(mixed(weights, kv[1]), r.w(name + "attn.to_out.weight").t()) * r.w(name + "attn_gate").tanh();
      const auto inner = normalised(x, r.w(name + "ff.0.weight"), r.w(name + "ff.0.bias"));
      const auto out =
          x + at::mm(at::gelu(at::mm(inner, r.w(name + "ff.1.weight").t())), r.w(name + "ff.3.weight").t()) *
                  r.w(name + "ff_gate").tanh();
      QVERIFY(largest_difference(out, r.golden("cross_attention.layer" + std::to_string(layer))) < 1e-4);
    }
    QVERIFY(found > 0);
    QVERIFY2(at::equal(watched.hidden(r.model->layers() - 1), plain.hidden(r.model->layers() - 1)),
             "watching changed the result");
    DEER_VERIFY_ERROR(watched.cross_attention_weights(-1), "has no cross-attention");
    DEER_VERIFY_ERROR(watched.cross_attention_weights(r.model->layers()), "has no cross-attention");
  }

  void tokens_before_the_image_attend_to_nothing() {
    const Reference r("tiny_mpt1b");
    const auto ids = at::tensor({7, 8, 510, 9, 10}, at::kLong).unsqueeze(0);
    const auto text = r.model->prepare_text(ids, at::ones_like(ids));
    DecoderPass pass(*r.model, text, r.media());
    const auto weights = pass.cross_attention_weights(2);
    const auto sums = weights.sum(3);
    QCOMPARE(weights.narrow(2, 0, 2).abs().max().item<float>(), 0.0F);
    QVERIFY(largest_difference(sums.narrow(2, 2, 3), at::ones_like(sums.narrow(2, 2, 3))) < 1e-5);
    // A second <image> hides both: the network then spreads evenly.
    const auto twice = at::tensor({510, 7, 510, 9}, at::kLong).unsqueeze(0);
    const auto hidden = r.model->prepare_text(twice, at::ones_like(twice));
    DecoderPass second(*r.model, hidden, r.media());
    const auto spread = second.cross_attention_weights(0).narrow(2, 3, 1);
    QVERIFY(largest_difference(spread, at::full_like(spread, 1.0 / double(spread.size(3)))) < 1e-6);
  }

  void half_precision_gives_whole_rows() {
    const Reference r("tiny_mpt1b", "bfloat16");
    std::vector<at::Tensor> layers;
    r.model->resampler().forward(r.tokens().to(at::kBFloat16), &layers);
    for (const auto& layer : layers) {
      QCOMPARE(layer.scalar_type(), at::kFloat);
      QVERIFY(largest_difference(layer.sum(3), at::ones_like(layer.select(3, 0))) < 1e-5);
    }
    DecoderPass pass(*r.model, r.text, r.media().to(at::kBFloat16));
    const auto weights = pass.cross_attention_weights(3);
    QVERIFY(largest_difference(weights.sum(3), at::ones_like(weights.select(3, 0))) < 1e-5);
  }

  void rollout_is_the_product_that_is_documented() {
    const auto heads = 3, latents = 4, patches = 5;
    std::vector<at::Tensor> layers;
    for (int i = 0; i < 3; ++i)
      layers.push_back(at::softmax(at::randn({2, heads, latents, patches + latents}) * 2, -1));
    const auto traced = trace_latents(layers);
    for (int n = 0; n < 2; ++n) {
      // Share of patch p (and, last, of the learnt latents) in latent l, by loops.
      std::vector<std::vector<double>> share(latents, std::vector<double>(patches + 1, 0.0));
      for (auto& row : share) row.back() = 1;
      for (const auto& layer : layers) {
        const auto mean = layer[n].to(at::kDouble).mean(0);
        auto next = share;
        for (int l = 0; l < latents; ++l) {
          for (int p = 0; p <= patches; ++p) {
            double sum = p < patches ? mean[l][p].item<double>() : 0;
            for (int k = 0; k < latents; ++k)
              sum += mean[l][patches + k].item<double>() * share[std::size_t(k)][std::size_t(p)];
            next[std::size_t(l)][std::size_t(p)] = (share[std::size_t(l)][std::size_t(p)] + sum) / 2;
          }
        }
        share = next;
      }
      for (int l = 0; l < latents; ++l) {
        for (int p = 0; p < patches; ++p) {
          QVERIFY(std::abs(traced.patches[n][l][p].item<double>() - share[std::size_t(l)][std::size_t(p)]) < 1e-6);
        }
        QVERIFY(std::abs(traced.learnt[n][l].item<double>() - share[std::size_t(l)].back()) < 1e-6);
      }
    }
    QVERIFY(largest_difference(traced.patches.sum(2) + traced.learnt, at::ones({2, latents})) < 1e-5);

    // One text token looks at one latent of the gripper camera alone: its row comes out, in the second half.
    auto cross = at::zeros({1, 2, 3, 2 * latents});
    cross[0][0][1][latents + 2] = 1;
    cross[0][1].fill_(1.0 / (2 * latents));
    const auto only_second = at::tensor({0, 1, 0}, at::kLong).to(at::kBool).unsqueeze(0);
    const auto back = trace_cross_attention(cross, only_second, traced);
    QCOMPARE(back.patches.sizes().vec(), (std::vector<std::int64_t>{1, 2, 2 * patches}));
    QVERIFY(largest_difference(back.patches[0][0].narrow(0, patches, patches), traced.patches[1][2]) < 1e-6);
    QCOMPARE(back.patches[0][0].narrow(0, 0, patches).abs().max().item<float>(), 0.0F);
    QVERIFY(largest_difference(back.patches[0][1].narrow(0, 0, patches), traced.patches[0].mean(0) / 2) < 1e-6);
    QVERIFY(largest_difference(back.patches.sum(2) + back.learnt, at::ones({1, 2})) < 1e-5);
    // The mean over two tokens of which one sees nothing is half.
    const auto both = at::tensor({1, 1, 0}, at::kLong).to(at::kBool).unsqueeze(0);
    QVERIFY(largest_difference(trace_cross_attention(cross, both, traced).patches[0][0], back.patches[0][0] / 2) <
            1e-6);
  }
};

DEER_SUITE(TestAttention)
#include "tst_attention.moc"
