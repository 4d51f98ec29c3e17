// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>
#include <numeric>

#include "core/base/error.h"
#include "core/exits/engine.h"
#include "core/exits/patch_attention.h"
#include "core/model/model_loader.h"
#include "tests/core/exits/random_picture.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;

namespace {

const fs::path kReference = fs::path(DEER_TEST_DATA) / "reference";
const fs::path kDemo = fs::path(DEER_TEST_DATA) / "random_demo" / "model";

FrameInput input(int frame) {
  return {frame, test::random_picture(320, 200, static_cast<unsigned>(2 * frame)),
          test::random_picture(84, 84, static_cast<unsigned>(2 * frame + 1)), "open the drawer"};
}

double sum(const std::vector<float>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

bool same(const AttentionMap& a, const AttentionMap& b, float tolerance = 0) {
  for (std::size_t view = 0; view < 2; ++view) {
    const auto& left = a.views[view].weights;
    const auto& right = b.views[view].weights;
    if (left.size() != right.size()) return false;
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (!(std::abs(left[i] - right[i]) <= tolerance)) return false;
    }
  }
  return a.exit_layer == b.exit_layer;
}

}  // namespace

class TestAttentionMap : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void equals_the_product_of_the_weights() {
    const auto model = load_model(open_model_files(kReference / "tiny_mpt1b")).model;
    const auto in = TensorArchive::open(kReference / "tiny_mpt1b" / "inputs.safetensors");
    const auto text = model->prepare_text(in->read("input_ids"), in->read("attention_mask"));
    const auto tokens =
        model->vision().forward(at::stack({in->read("rgb_static")[3], in->read("rgb_gripper")[3]})).tokens;
    const auto map = patch_attention(*model, tokens, text, 3);
    QCOMPARE(map.cross_layer, 3);
    QCOMPARE(map.rows, 4);
    QCOMPARE(map.columns, 4);
    QCOMPARE(map.tokens, 11);

    std::vector<at::Tensor> layers;
    const auto latents = model->resampler().forward(tokens, &layers);
    DecoderPass pass(*model, text, MultiExitModel::join_media(latents.narrow(0, 0, 1), latents.narrow(0, 1, 1)));
    const auto cross = pass.cross_attention_weights(3)[0].to(at::kDouble).mean(1);  // [heads, 128]
    double learnt = 0;
    for (int head = 0; head < map.heads; ++head) {
      std::vector<std::vector<double>> expected(2, std::vector<double>(16, 0.0));
      for (int camera = 0; camera < 2; ++camera) {
        auto shares = at::zeros({64, 16}, at::kDouble);
        for (const auto& layer : layers) {
          const auto mean = layer[camera].to(at::kDouble).mean(0);
          shares = 0.5 * shares + 0.5 * (mean.narrow(1, 0, 16) + at::mm(mean.narrow(1, 16, 64), shares));
        }
        for (int l = 0; l < 64; ++l) {
          for (int p = 0; p < 16; ++p) {
            expected[std::size_t(camera)][std::size_t(p)] +=
                cross[head][64 * camera + l].item<double>() * shares[l][p].item<double>();
          }
        }
      }
      double total = 0;
      for (const auto& camera : expected) total += std::accumulate(camera.begin(), camera.end(), 0.0);
      learnt += (1 - total) / map.heads;
      QVERIFY(std::abs(sum(map.weights(0, head)) + sum(map.weights(1, head)) - 1) < 1e-5);
      for (std::size_t camera = 0; camera < 2; ++camera) {
        const auto found = map.weights(camera, head);
        for (std::size_t p = 0; p < 16; ++p) QVERIFY(std::abs(double(found[p]) - expected[camera][p] / total) < 1e-6);
      }
    }
    QVERIFY(std::abs(learnt - double(map.learnt_share)) < 1e-5);
    QVERIFY(learnt > 0 && learnt < 1);
    // The mean over heads is one.
    for (std::size_t p = 0; p < 16; ++p) {
      double mean = 0;
      for (int head = 0; head < map.heads; ++head) mean += double(map.weights(1, head)[p]) / map.heads;
      QVERIFY(std::abs(mean - double(map.weights(1, -1)[p])) < 1e-6);
    }
  }

  void the_last_cross_attention_up_to_the_exit_counts() {
    const auto model = load_model(open_model_files(kReference / "tiny_mpt7b")).model;  // before layers 3 and 7
    const auto in = TensorArchive::open(kReference / "tiny_mpt7b" / "inputs.safetensors");
    const auto text = model->prepare_text(in->read("input_ids"), in->read("attention_mask"));
    const auto tokens =
        model->vision().forward(at::stack({in->read("rgb_static")[0], in->read("rgb_gripper")[0]})).tokens;
    DEER_VERIFY_ERROR(patch_attention(*model, tokens, text, 1), "has no attention to the images");
    DEER_VERIFY_ERROR(patch_attention(*model, tokens, text, 2), "no exit after layer 2");
    QCOMPARE(patch_attention(*model, tokens, text, 3).cross_layer, 3);
    QCOMPARE(patch_attention(*model, tokens, text, 5).cross_layer, 3);
    QCOMPARE(patch_attention(*model, tokens, text, 7).cross_layer, 7);
    QVERIFY(same(patch_attention(*model, tokens, text, 3), [&] {
      auto deeper = patch_attention(*model, tokens, text, 5);
      deeper.exit_layer = 3;
      return deeper;
    }()));
  }

  void padding_and_text_before_the_image_do_not_count() {
    const auto model = load_model(open_model_files(kReference / "tiny_mpt1b")).model;
    const auto in = TensorArchive::open(kReference / "tiny_mpt1b" / "inputs.safetensors");
    const auto tokens =
        model->vision().forward(at::stack({in->read("rgb_static")[0], in->read("rgb_gripper")[0]})).tokens;
    const auto ids = at::tensor({510, 7, 8, 509, 0}, at::kLong).unsqueeze(0);
    const auto padded = at::tensor({510, 7, 8, 509, 0, 511, 511}, at::kLong).unsqueeze(0);
    const auto mask = at::tensor({1, 1, 1, 1, 1, 0, 0}, at::kLong).unsqueeze(0);
    const auto plain = patch_attention(*model, tokens, model->prepare_text(ids, at::ones_like(ids)), 3);
    const auto with_padding = patch_attention(*model, tokens, model->prepare_text(padded, mask), 3);
    QCOMPARE(with_padding.tokens, 5);
    QVERIFY(same(plain, with_padding, 1e-5F));
    const auto late = at::tensor({7, 8, 510, 509, 0}, at::kLong).unsqueeze(0);
    const auto after = patch_attention(*model, tokens, model->prepare_text(late, at::ones_like(late)), 3);
    QCOMPARE(after.tokens, 3);
    QVERIFY(std::abs(sum(after.weights(0, -1)) + sum(after.weights(1, -1)) - 1) < 1e-5);
  }

  void asking_does_not_touch_the_rollout() {
    const auto engine = Engine::load(kDemo);
    const auto quiet = Engine::load(kDemo);
    for (int i = 0; i < 4; ++i) {
      const auto record = engine->step(input(i), RunMode::probe);
      const auto expected = quiet->step(input(i), RunMode::probe);
      QCOMPARE(record->command, expected->command);
      QCOMPARE(record->exits.back().feature, expected->exits.back().feature);
      auto other = input(17);
      other.instruction = "close the drawer";
      engine->attend(other, 5);
      engine->attend(input(i), 1);
    }
  }

  void knows_the_frame_of_the_last_step() {
    const auto engine = Engine::load(kDemo);
    const auto frame = input(2);
    const auto fresh = engine->attend(frame, 3);
    engine->step(frame, RunMode::probe);
    QVERIFY(same(fresh, engine->attend(frame, 3)));
    QVERIFY(!same(fresh, engine->attend(frame, 5)));
    auto equal_pictures = input(2);  // other objects: vision runs again, with the same result
    QVERIFY(same(fresh, engine->attend(equal_pictures, 3)));
    QVERIFY(!same(fresh, engine->attend(input(3), 3)));
    QCOMPARE(fresh.frame, 2);
    QCOMPARE(fresh.exit_layer, 3);
  }

  void says_which_part_of_a_picture_the_patches_tile() {
    const auto engine = Engine::load(kDemo);
    const auto map = engine->attend(input(0), 1);  // 320 x 200, cut at whole pixels of the shrunk picture, and 84 x 84
    const auto& wide = map.views[0].grid;
    const auto& square = map.views[1].grid;
    QVERIFY(std::abs(wide.width - 200) < 4 && std::abs(wide.height - 200) < 1e-9);
    QVERIFY(std::abs(wide.x - 60) < 4 && wide.y == 0);
    QVERIFY(std::abs(square.width - 84) < 1e-9 && square.x == 0 && square.y == 0);
  }

  void bad_input_is_named_and_cancelling_works() {
    const auto engine = Engine::load(kDemo);
    auto bad = input(1);
    bad.rgb_gripper = nullptr;
    DEER_VERIFY_ERROR(engine->attend(bad, 1), "no gripper camera image");
    bad = input(1);
    bad.rgb_static = std::make_shared<Image>();
    DEER_VERIFY_ERROR(engine->attend(bad, 1), "0 x 0");
    DEER_VERIFY_ERROR(engine->attend(input(1), 2), "no exit after layer 2");
    std::stop_source stop;
    stop.request_stop();
    QVERIFY_THROWS_EXCEPTION(Cancelled, engine->attend(input(1), 1, stop.get_token()));
  }
};

DEER_SUITE(TestAttentionMap)
#include "tst_attention_map.moc"
