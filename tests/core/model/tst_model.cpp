// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <fstream>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/model/model_loader.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;
using namespace deer::test;

namespace {

const fs::path kTiny = fs::path(DEER_TEST_DATA) / "reference" / "tiny_mpt1b";

class MapSource final : public WeightSource {
 public:
  std::map<std::string, at::Tensor> tensors;
  std::optional<at::Tensor> find(const std::string& name) const override {
    const auto it = tensors.find(name);
    return it == tensors.end() ? std::nullopt : std::optional(it->second);
  }
  std::optional<std::vector<std::int64_t>> shape(const std::string& name) const override {
    const auto tensor = find(name);
    return tensor ? std::optional(tensor->sizes().vec()) : std::nullopt;
  }
  std::set<std::string> names() const override {
    std::set<std::string> out;
    for (const auto& [name, tensor] : tensors) out.insert(name);
    return out;
  }
  const fs::path& path() const override { return path_; }

 private:
  fs::path path_ = "memory";
};

// Runs `action` and returns the message of the deer::Error it throws.
template <typename Action>
QString message_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return QString::fromStdString(error.what());
  }
  return {};
}

}  // namespace

class ModelTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void exit_lists();
  void alibi_slopes_of_both_families();
  void config_round_trip();
  void convert_gives_the_same_model();
  void a_cut_model_never_reads_deeper_layers();
  void misfits_are_listed_by_name();
  void refused_options_data();
  void refused_options();
  void sizes_from_anywhere_are_bounded();
  void long_tensor_names_are_harmless();
  void model_folders_that_are_none();
  void head_names_of_every_variant_data();
  void head_names_of_every_variant();
  void lstm_without_norm_equals_the_library();
  void a_window_equals_its_steps();
  void average_pooling();
  void padding_is_masked();
  void tokens_before_the_image_do_not_see_it();
  void bfloat16_is_close_to_float32();
  void loading_can_be_cancelled();
  void devices_and_dtypes_are_named();
};

void ModelTest::exit_lists() {
  QCOMPARE(exit_layers(2, 12), (std::vector<int>{1, 3, 5, 7, 9, 11}));
  QCOMPARE(exit_layers(2, 5), (std::vector<int>{1, 3, 4}));
  QCOMPARE(exit_layers(3, 9), (std::vector<int>{2, 5, 8}));
  QCOMPARE(exit_layers(1, 3), (std::vector<int>{0, 1, 2}));
  QCOMPARE(exit_layers(8, 4), (std::vector<int>{3}));
}

void ModelTest::alibi_slopes_of_both_families() {
  const auto eight = alibi_slopes(DecoderFamily::mpt_7b, 8, 8);
  QCOMPARE(eight.front(), 0.5);
  QCOMPARE(eight.back(), 1.0 / 256);
  // Six heads: of the slopes for eight, those at odd places, then those at even ones.
  QCOMPARE(alibi_slopes(DecoderFamily::mpt_7b, 6, 8),
           (std::vector<double>{eight[1], eight[3], eight[5], eight[7], eight[0], eight[2]}));
  const auto plain = alibi_slopes(DecoderFamily::mpt_1b, 6, 8);
  for (int h = 0; h < 6; ++h) QCOMPARE(plain[static_cast<std::size_t>(h)], std::exp2(-8.0 * (h + 1) / 6));
}

void ModelTest::config_round_trip() {
  TemporaryFolder folder;
  for (const char* family : {"tiny_mpt1b", "tiny_mpt7b"}) {
    const auto config = read_model_config(fs::path(DEER_TEST_DATA) / "reference" / family / "config.json");
    write_file_atomically(folder.path() / "config.json", to_json(config).dump());
    QVERIFY(to_json(read_model_config(folder.path() / "config.json")) == to_json(config));
  }
}

void ModelTest::convert_gives_the_same_model() {
  TemporaryFolder folder;
  convert_model(open_published_model(kTiny), folder.path() / "out");
  const auto converted = TensorArchive::open(folder.path() / "out");
  const auto golden = TensorArchive::open(kTiny / "model.safetensors");
  for (const auto& [name, entry] : converted->entries())
    QVERIFY2(at::equal(converted->read(name), golden->read(name)), name.c_str());
  const auto loaded = load_model(open_model_files(folder.path() / "out"));
  QCOMPARE(loaded.model->exit_layers(), (std::vector<int>{1, 3, 5}));
  QVERIFY(loaded.unused.empty());
}

void ModelTest::a_cut_model_never_reads_deeper_layers() {
  // The layers beyond the budget are missing from the file: nobody must ask for them.
  auto files = open_model_files(kTiny);
  auto source = std::make_shared<MapSource>();
  for (const auto& name : files.weights->names()) {
    const bool deep = name.find("blocks.4.") != std::string::npos || name.find("blocks.5.") != std::string::npos;
    if (!deep) source->tensors[name] = files.weights->find(name)->clone();
  }
  // Nor for the head of the last layer: the exit that is the last one now keeps its own.
  std::erase_if(source->tensors, [](const auto& item) { return item.first.starts_with("lm_head."); });
  files.weights = source;
  LoadOptions options;
  options.max_layer = 4;
  const auto loaded = load_model(files, options);
  QCOMPARE(loaded.model->layers(), 4);
  QCOMPARE(loaded.model->exit_layers(), (std::vector<int>{1, 3}));
  const auto whole = load_model(open_model_files(kTiny));
  const auto feature = at::randn({1, 32});
  QVERIFY(at::equal(loaded.model->head_of_layer(3)->step(feature, {}).arm,
                    whole.model->head_of_layer(3)->step(feature, {}).arm));
  QVERIFY(loaded.unused.empty());
  options.max_layer = 1;
  QVERIFY(message_of([&] { load_model(files, options); }).contains("allows no exit"));
}

void ModelTest::misfits_are_listed_by_name() {
  auto files = open_model_files(kTiny);
  auto source = std::make_shared<MapSource>();
  for (const auto& name : files.weights->names()) source->tensors[name] = *files.weights->find(name);
  source->tensors.erase("perceiver.latents");
  source->tensors["extra_exit.actions.mlp.1.weight"] = at::zeros({3, 3});
  source->tensors["unheard.of"] = at::zeros({1});
  files.weights = source;
  const auto message = message_of([&] { load_model(files); });
  QVERIFY2(message.contains("1 missing: perceiver.latents"), qPrintable(message));
  QVERIFY2(message.contains("extra_exit.actions.mlp.1.weight is [3, 3], expected [40, 24]"), qPrintable(message));
  QVERIFY2(message.contains("unheard.of"), qPrintable(message));
  // Weights of the other family.
  files = open_model_files(kTiny);
  files.weights = open_model_files(fs::path(DEER_TEST_DATA) / "reference" / "tiny_mpt7b").weights;
  QVERIFY(message_of([&] { load_model(files); }).contains("missing"));
}

void ModelTest::refused_options_data() {
  QTest::addColumn<QString>("pointer");
  QTest::addColumn<QString>("value");
  QTest::addColumn<QString>("says");
  const auto row = [](const char* pointer, const char* value, const char* says) {
    QTest::newRow(pointer) << pointer << value << says;
  };
  row("/use_state", "true", "use_state");
  row("/sep_resampler", "true", "sep_resampler");
  row("/residual", "true", "residual");
  row("/share_exit", "true", "share_exit");
  row("/use_gripper", "false", "use_gripper");
  row("/head/decoder_type", "\"gpt\"", "decoder_type");
  row("/head/type", "\"gaussian\"", "head.type");
  row("/head/mlp_num_hidden_layers", "9", "mlp_num_hidden_layers");
  row("/llm/model_type", "\"llama\"", "model_type");
  row("/llm/alibi", "false", "alibi");
  row("/llm/d_model", "33", "n_heads");
  row("/llm/d_model", "-4", "d_model");
  row("/llm/d_model", "\"wide\"", "d_model");
  row("/vision/patch_size", "15", "patch_size");
  row("/vision/heads", "0", "heads");
  row("/tokenizer/image", "512", "tokenizer.image");
  row("/early_exit_layer", "100000", "early_exit_layer");
  row("/exit_interval", "0", "exit_interval");
  row("/perceiver", "null", "perceiver");
}

void ModelTest::refused_options() {
  QFETCH(const QString, pointer);
  QFETCH(const QString, value);
  QFETCH(const QString, says);
  TemporaryFolder folder;
  Json config = read_json(kTiny / "config.json");
  config[Json::json_pointer(pointer.toStdString())] = Json::parse(value.toStdString());
  write_file_atomically(folder.path() / "config.json", config.dump());
  const auto message = message_of([&] { read_model_config(folder.path() / "config.json"); });
  QVERIFY2(message.contains(says) && message.contains("config.json"), qPrintable(message));
}

void ModelTest::sizes_from_anywhere_are_bounded() {
  const auto good = read_model_config(kTiny / "config.json");
  const auto refused = [&](auto change) {
    auto config = good;
    change(config);
    return !message_of([&] { config.check("pieces"); }).isEmpty();
  };
  QVERIFY(!refused([](ModelConfig&) {}));
  QVERIFY(refused([](ModelConfig& c) { c.vision.patch_size = 0; }));
  QVERIFY(refused([](ModelConfig& c) { c.vision.layers = 1'000'000'000'000; }));
  QVERIFY(refused([](ModelConfig& c) { c.perceiver.depth = 1'000'000'000'000; }));
  QVERIFY(refused([](ModelConfig& c) { c.decoder.layers = -99; }));
  QVERIFY(refused([](ModelConfig& c) { c.decoder.layers = 1'000'000'000'000'000; }));
  QVERIFY(refused([](ModelConfig& c) { c.head.lstm_layers = -1; }));
  QVERIFY(refused([](ModelConfig& c) { c.head.mlp_hidden.clear(); }));
  QVERIFY(refused([](ModelConfig& c) { c.exit_interval = 0; }));
}

void ModelTest::long_tensor_names_are_harmless() {
  auto files = open_model_files(kTiny);
  auto source = std::make_shared<MapSource>();
  for (const auto& name : files.weights->names()) source->tensors[name] = *files.weights->find(name);
  source->tensors["lang_encoder.transformer.blocks.1." + std::string(400'000, 'a')] = at::zeros({1});
  files.weights = source;
  QCOMPARE(load_model(files).unused.size(), std::size_t{1});
}

void ModelTest::model_folders_that_are_none() {
  TemporaryFolder folder;
  QVERIFY(message_of([&] { open_model_files(folder.path()); }).contains("it is empty"));
  QVERIFY(message_of([&] { open_model_files(folder.path() / "none"); }).contains("does not exist"));
  std::ofstream(folder.path() / "model.safetensors") << "x";
  QVERIFY(message_of([&] { open_model_files(folder.path()); }).contains("no config.json"));
}

void ModelTest::head_names_of_every_variant_data() {
  QTest::addColumn<int>("mode");
  QTest::addColumn<bool>("norm");
  QTest::addColumn<double>("dropout");
  QTest::addColumn<int>("hidden");
  QTest::addColumn<QStringList>("linear");  // places of the linear layers, the output last
  QTest::addColumn<QStringList>("norms");
  const auto row = [](const char* name, DropoutMode mode, bool norm, double dropout, int hidden, QStringList linear,
                      QStringList norms) {
    QTest::newRow(name) << static_cast<int>(mode) << norm << dropout << hidden << linear << norms;
  };
  // Reference document, section 1.4.
  row("layerwise, norm, 2", DropoutMode::layerwise, true, 0.4, 2, {"1", "5", "9"}, {"2", "6"});
  row("layerwise, no norm, 3", DropoutMode::layerwise, false, 0.4, 3, {"1", "5", "9", "13"}, {});
  row("layerwise, norm, 1", DropoutMode::layerwise, true, 0, 1, {"1", "5"}, {"2"});
  row("last, norm, 3", DropoutMode::last, true, 0.4, 3, {"0", "3", "6", "10"}, {"1", "4", "7"});
  row("last, no norm, 2", DropoutMode::last, false, 0, 2, {"0", "3", "7"}, {});
  row("wo_last, norm", DropoutMode::wo_last, true, 0.4, 3, {"1", "5", "9", "12"}, {"2", "6", "10"});
  row("wo_last, no norm, dropout", DropoutMode::wo_last, false, 0.4, 3, {"1", "4", "7", "9"}, {});
  row("wo_last, no norm, no dropout", DropoutMode::wo_last, false, 0, 3, {"0", "2", "4", "6"}, {});
}

void ModelTest::head_names_of_every_variant() {
  QFETCH(const int, mode);
  QFETCH(const bool, norm);
  QFETCH(const double, dropout);
  QFETCH(const int, hidden);
  QFETCH(const QStringList, linear);
  QFETCH(const QStringList, norms);
  ActionHeadConfig config;
  config.hidden_size = 8;
  config.lstm_layers = 2;
  config.lstm_layernorm = norm;
  config.mlp_layernorm = norm;
  config.mlp_hidden.assign(static_cast<std::size_t>(hidden), 6);
  config.dropout_mode = static_cast<DropoutMode>(mode);
  config.exit_dropout = dropout;

  MapSource source;
  const auto add = [&](const std::string& name, std::vector<std::int64_t> shape) {
    source.tensors["h." + name] = at::randn(shape) * 0.3;
  };
  for (int l = 0; l < 2; ++l) {
    const auto base = norm ? "rnn.layers." + std::to_string(3 * l) + "." : std::string("rnn.");
    const auto suffix = norm ? std::string("_l0") : "_l" + std::to_string(l);
    add(base + "weight_ih" + suffix, {32, l == 0 ? 5 : 8});
    add(base + "weight_hh" + suffix, {32, 8});
    add(base + "bias_ih" + suffix, {32});
    add(base + "bias_hh" + suffix, {32});
    if (norm) {
      add("rnn.layers." + std::to_string(3 * l + 1) + ".weight", {8});
      add("rnn.layers." + std::to_string(3 * l + 1) + ".bias", {8});
    }
  }
  for (const auto& [mlp, outputs] : {std::pair{"actions.mlp.", 6}, std::pair{"gripper.mlp.", 1}}) {
    for (qsizetype i = 0; i < linear.size(); ++i) {
      const auto name = mlp + linear[i].toStdString();
      const std::int64_t out = i + 1 == linear.size() ? outputs : 6;
      add(name + ".weight", {out, i == 0 ? 8 : 6});
      add(name + ".bias", {out});
    }
    for (const auto& place : norms) {
      add(mlp + place.toStdString() + ".weight", {6});
      add(mlp + place.toStdString() + ".bias", {6});
    }
  }
  WeightBinder binder(source, at::kCPU, at::kFloat);
  const ActionHead head(config, 5, binder, "h.");
  binder.finish();
  QVERIFY(binder.unused().empty());
  const auto out = head.step(at::randn({1, 5}), {});
  QCOMPARE(out.arm.sizes().vec(), (std::vector<std::int64_t>{1, 6}));
  QVERIFY(out.arm.abs().max().item<float>() < 1.0F);
}

void ModelTest::lstm_without_norm_equals_the_library() {
  ActionHeadConfig config;
  config.hidden_size = 7;
  config.lstm_layers = 3;
  config.mlp_hidden = {4, 4, 4};
  MapSource source;
  std::vector<at::Tensor> flat;
  for (int l = 0; l < 3; ++l) {
    for (const auto& [name, shape] : std::vector<std::pair<std::string, std::vector<std::int64_t>>>{
             {"weight_ih", {28, l == 0 ? 5 : 7}}, {"weight_hh", {28, 7}}, {"bias_ih", {28}}, {"bias_hh", {28}}}) {
      flat.push_back(at::randn(shape) * 0.5);
      source.tensors["rnn." + name + "_l" + std::to_string(l)] = flat.back();
    }
  }
  for (const auto& [mlp, outputs] : {std::pair{"actions.mlp.", 6}, std::pair{"gripper.mlp.", 1}}) {
    for (int i = 0; i < 4; ++i) {
      const std::int64_t width = i == 3 ? outputs : 4;
      source.tensors[mlp + std::to_string(2 * i) + ".weight"] = at::randn({width, i == 0 ? 7 : 4});
      source.tensors[mlp + std::to_string(2 * i) + ".bias"] = at::randn({width});
    }
  }
  WeightBinder binder(source, at::kCPU, at::kFloat);
  const ActionHead head(config, 5, binder, "");
  binder.finish();
  const auto features = at::randn({2, 6, 5});
  const auto ours = head.window(features);
  const auto zeros = at::zeros({3, 2, 7});
  const auto [output, h, c] = at::lstm(features, {zeros, zeros}, flat, true, 3, 0.0, false, false, true);
  QVERIFY(at::allclose(ours.state.h, h, 1e-5, 1e-6));
  QVERIFY(at::allclose(ours.state.c, c, 1e-5, 1e-6));
}

void ModelTest::a_window_equals_its_steps() {
  const auto loaded = load_model(open_model_files(kTiny));
  const auto& head = *loaded.model->shared_head();
  const auto features = at::randn({2, 5, 32});
  const auto window = head.window(features);
  RecurrentState state;
  for (std::int64_t t = 0; t < 5; ++t) {
    auto step = head.step(features.select(1, t), state);
    QVERIFY(at::allclose(step.arm, window.arm.select(1, t), 1e-5, 1e-6));
    state = std::move(step.state);
  }
  QVERIFY(at::allclose(state.c, window.state.c, 1e-5, 1e-6));
}

void ModelTest::average_pooling() {
  const auto hidden = at::randn({2, 4, 3});
  QVERIFY(at::equal(pool_tokens(hidden, Pooling::average), hidden.mean(1)));
  QVERIFY(at::equal(pool_tokens(hidden, Pooling::max), std::get<0>(hidden.max(1))));
}

void ModelTest::padding_is_masked() {
  const auto loaded = load_model(open_model_files(kTiny));
  const auto& model = *loaded.model;
  const auto media = at::randn({1, 128, 24});
  const auto ids = at::tensor({510, 7, 8, 509, 0}, at::kLong).unsqueeze(0);
  const auto padded = at::tensor({510, 7, 8, 509, 0, 511, 511}, at::kLong).unsqueeze(0);
  const auto mask = at::tensor({1, 1, 1, 1, 1, 0, 0}, at::kLong).unsqueeze(0);
  const auto plain_text = model.prepare_text(ids, at::ones_like(ids));
  const auto padded_text = model.prepare_text(padded, mask);
  DecoderPass plain(model, plain_text, media);
  DecoderPass with_padding(model, padded_text, media);
  QVERIFY(at::allclose(plain.hidden(5), with_padding.hidden(5).narrow(1, 0, 5), 1e-4, 1e-5));
}

void ModelTest::tokens_before_the_image_do_not_see_it() {
  const auto loaded = load_model(open_model_files(kTiny));
  const auto& model = *loaded.model;
  const auto ids = at::tensor({7, 8, 510, 9}, at::kLong).unsqueeze(0);
  const auto text = model.prepare_text(ids, at::ones_like(ids));
  DecoderPass a(model, text, at::randn({1, 128, 24}));
  DecoderPass b(model, text, at::randn({1, 128, 24}));
  QVERIFY(at::allclose(a.hidden(3).narrow(1, 0, 2), b.hidden(3).narrow(1, 0, 2), 1e-5, 1e-6));
  QVERIFY(!at::allclose(a.hidden(3).narrow(1, 2, 2), b.hidden(3).narrow(1, 2, 2), 1e-3, 1e-3));
  const auto outside = at::tensor({510, 512}, at::kLong).unsqueeze(0);
  QVERIFY(message_of([&] { model.prepare_text(outside, at::ones_like(outside)); }).contains("512"));
}

void ModelTest::bfloat16_is_close_to_float32() {
  const auto files = open_model_files(kTiny);
  LoadOptions narrow;
  narrow.dtype = "bfloat16";
  const auto wide = load_model(files);
  const auto half = load_model(files, narrow);
  QCOMPARE(half.model->dtype(), at::kBFloat16);
  const auto ids = at::tensor({510, 7, 8, 509, 0}, at::kLong).unsqueeze(0);
  const auto media = at::randn({1, 128, 24});
  const auto wide_text = wide.model->prepare_text(ids, at::ones_like(ids));
  const auto half_text = half.model->prepare_text(ids, at::ones_like(ids));
  DecoderPass a(*wide.model, wide_text, media);
  DecoderPass b(*half.model, half_text, media.to(at::kBFloat16));
  const auto reference = a.pooled(5);
  const auto error = (reference - b.pooled(5)).abs().max().item<float>() / reference.abs().max().item<float>();
  QVERIFY2(error < 0.05F, qPrintable(QString::number(error)));
  QVERIFY(error > 0.0F);
}

void ModelTest::loading_can_be_cancelled() {
  std::stop_source stop;
  LoadOptions options;
  options.stop = stop.get_token();
  options.progress = [&](std::int64_t done, std::int64_t total) {
    QVERIFY(done <= total);
    if (done > total / 2) stop.request_stop();
  };
  QVERIFY_THROWS_EXCEPTION(Cancelled, load_model(open_model_files(kTiny), options));
}

void ModelTest::devices_and_dtypes_are_named() {
  LoadOptions options;
  options.device = "tpu";
  QVERIFY(message_of([&] { load_model(open_model_files(kTiny), options); }).contains("'tpu' is unknown"));
  options.device = "cpu";
  options.dtype = "int4";
  QVERIFY(message_of([&] { load_model(open_model_files(kTiny), options); }).contains("'int4' is unknown"));
}

DEER_SUITE(ModelTest)
#include "tst_model.moc"
