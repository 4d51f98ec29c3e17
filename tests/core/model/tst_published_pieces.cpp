// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cstring>
#include <fstream>

#include "core/base/error.h"
#include "core/model/model_loader.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;
using namespace deer::test;

namespace {

const fs::path kTiny = fs::path(DEER_TEST_DATA) / "reference" / "tiny_mpt1b";

}  // namespace

// Models as they are published, downloaded and kept by others.
class PublishedPiecesTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void checkpoint_names();
  void sizes_come_from_the_pieces();
  void pieces_are_known_by_content();
  void lost_options_are_inferred();
  void other_policies_are_named();
  void unused_tensors_need_no_memory();
};

void PublishedPiecesTest::checkpoint_names() {
  const auto name = parse_checkpoint_name(
      "RobotFlamingoDBG/"
      "stg=post_4+5_layer_11_multie_intv=2_extrae_nodth_reg_aug_10_4_traj_cons_ws_12_mpt_dolly_3b_7.pth");
  QCOMPARE(name.llm_name, std::string("mpt_dolly_3b"));
  QCOMPARE(name.rgb_pad, 10);
  QCOMPARE(name.gripper_pad, 4);
  QCOMPARE(name.window_size, 12);
  QVERIFY(name.unsupported.empty());
  QCOMPARE(parse_checkpoint_name("x_state_mpt_9b.pth").unsupported, (std::vector<std::string>{"state"}));
  QCOMPARE(parse_checkpoint_name("x_5_step_mpt_3b.pth").unsupported, (std::vector<std::string>{"5_step"}));
  QVERIFY(parse_checkpoint_name("my_state_folder/a_mpt_3b.pth").unsupported.empty());
}

void PublishedPiecesTest::sizes_come_from_the_pieces() {
  const auto told = read_model_config(kTiny / "config.json");
  const auto derived = config_from_pieces(*find_published_pieces(kTiny));
  QCOMPARE(derived.decoder.layers, told.decoder.layers);
  QCOMPARE(derived.exit_layers(), told.exit_layers());
  QCOMPARE(derived.head.mlp_hidden, told.head.mlp_hidden);
  QCOMPARE(derived.head.hidden_size, told.head.hidden_size);
  QCOMPARE(derived.vision.image_size, told.vision.image_size);
  QCOMPARE(derived.vision.mlp_width, told.vision.mlp_width);
  QCOMPARE(derived.perceiver.depth, told.perceiver.depth);
  QCOMPARE(derived.tokens.image, told.tokens.image);
  QCOMPARE(derived.llm_name, std::string("mpt_dolly_3b"));  // from the name at saving: the file is called model.pth
}

// The published files under the names that they have on their servers, and in a Hugging Face cache.
void PublishedPiecesTest::pieces_are_known_by_content() {
  const auto told = read_model_config(kTiny / "config.json");
  const auto copy = [](const fs::path& from, const fs::path& to) {
    fs::create_directories(to.parent_path());
    fs::copy(from, to, fs::copy_options::recursive);
  };
  TemporaryFolder folder;
  const auto downloads = folder.path() / "downloads";
  copy(kTiny / "clip.pt", downloads / "ViT-H-14.pt");
  copy(kTiny / "mpt", downloads / "mpt-1b-redpajama-200b-dolly");
  copy(kTiny / "openflamingo.pt", downloads / "OpenFlamingo-3B-vitl-mpt1b-langinstruct" / "checkpoint.pt");
  copy(kTiny / "model.pth", downloads / "stg=post_mpt_dolly_3b_9.pth");
  folder.write("downloads/notes.pt", std::string_view("no weights"));
  auto files = open_model_files(downloads);
  QVERIFY(to_json(files.config) == to_json(config_from_pieces(*find_published_pieces(kTiny))));
  QVERIFY(files.note.empty());
  // The later epoch, and which it was.
  copy(kTiny / "model.pth", downloads / "stg=post_mpt_dolly_3b_10.pth");
  files = open_model_files(downloads);
  QCOMPARE(files.note, std::string("checkpoint stg=post_mpt_dolly_3b_10.pth, not stg=post_mpt_dolly_3b_9.pth (deer "
                                   "convert --checkpoint takes another)"));
  const auto golden = TensorArchive::open(kTiny / "model.safetensors");
  const auto loaded = files.weights->find("perceiver.latents");
  QVERIFY(loaded && at::equal(*loaded, golden->read("perceiver.latents")));

  const auto cache = folder.path() / "cache";
  copy(downloads / "ViT-H-14.pt", cache / "models--openai--clip/blobs/aaa");
  fs::create_directories(cache / "models--openai--clip/snapshots/0123abc");
  fs::create_symlink("../../blobs/aaa", cache / "models--openai--clip/snapshots/0123abc/model.pt");
  copy(kTiny / "mpt", cache / "models--mosaicml--mpt/snapshots/0456def");
  folder.write("cache/models--mosaicml--mpt/snapshots/0456def/tokenizer.json", std::string_view("{}"));
  copy(kTiny / "openflamingo.pt", cache / "models--openflamingo--x/snapshots/1/checkpoint.pt");
  copy(kTiny / "model.pth", cache / "models--deer--y/snapshots/2/deer.pth");
  files = open_model_files(cache);
  QCOMPARE(files.config.decoder.layers, told.decoder.layers);
  QVERIFY(files.tokenizer == cache / "models--mosaicml--mpt/snapshots/0456def/tokenizer.json");
  fs::remove(cache / "models--deer--y/snapshots/2/deer.pth");
  DEER_VERIFY_ERROR(open_model_files(cache), "deer convert OUT --clip FILE --llm FOLDER --flamingo FILE");
}

// A state dict that was saved alone, under another name: the names of its tensors tell its options.
void PublishedPiecesTest::lost_options_are_inferred() {
  TemporaryFolder folder;
  for (const char* family : {"tiny_mpt1b", "tiny_mpt7b"}) {
    const auto from = kTiny.parent_path() / family;
    const auto told = read_model_config(from / "config.json");
    const auto bare = folder.path() / family;
    fs::create_directories(bare);
    for (const char* piece : {"clip.pt", "openflamingo.pt"}) fs::copy(from / piece, bare / piece);
    fs::copy(from / "mpt", bare / "mpt", fs::copy_options::recursive);
    const auto checkpoint = TensorArchive::open(from / "model.pth");
    std::map<std::string, at::Tensor> tensors;
    for (const auto& [name, entry] : checkpoint->entries()) {
      if (name.starts_with("module.")) tensors[name.substr(7)] = checkpoint->read(name);
    }
    write_safetensors(bare / "weights.safetensors", tensors);
    const auto files = open_model_files(bare);
    QVERIFY2(files.note.find("the checkpoint holds no options; from its tensors: ") == 0, files.note.c_str());
    QCOMPARE(files.config.exit_layers(), told.exit_layers());
    QCOMPARE(files.config.decoder.layers, told.decoder.layers);
    QVERIFY(files.config.head.dropout_mode == told.head.dropout_mode);
    QCOMPARE(files.config.head.lstm_layers, told.head.lstm_layers);
    QCOMPARE(files.config.head.lstm_layernorm, told.head.lstm_layernorm);
    QCOMPARE(files.config.head.mlp_layernorm, told.head.mlp_layernorm);
    QCOMPARE(files.config.head.mlp_hidden, told.head.mlp_hidden);
    QVERIFY(load_model(files).unused.empty());
  }
}

void PublishedPiecesTest::other_policies_are_named() {
  TemporaryFolder folder;
  const auto file = folder.write("config.json", std::string_view(R"({"model_type": "openvla", "vision_config": {}})"));
  DEER_VERIFY_ERROR(read_model_config(file), "this is the configuration of a model of type 'openvla'; Deerscope runs");
  folder.write("config.json", std::string_view(R"({"type": "act", "n_obs_steps": 1})"));
  DEER_VERIFY_ERROR(read_model_config(file), "a model of type 'act'");
}

// 32 GB that the network does not use, as a sparse file.
void PublishedPiecesTest::unused_tensors_need_no_memory() {
  TemporaryFolder folder;
  fs::copy(kTiny / "config.json", folder.path() / "config.json");
  std::ifstream in(kTiny / "model.safetensors", std::ios::binary);
  std::string whole((std::istreambuf_iterator<char>(in)), {});
  std::uint64_t size = 0;
  std::memcpy(&size, whole.data(), sizeof size);
  auto header = Json::parse(whole.substr(8, size));
  const auto data = whole.size() - 8 - size;
  constexpr std::uint64_t kExtra = std::uint64_t{32} << 30;
  header["extra"] = {{"dtype", "F32"}, {"shape", {8, 1024, 1024, 1024}}, {"data_offsets", {data, data + kExtra}}};
  auto text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  const auto file = folder.path() / "model.safetensors";
  {
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(&length), sizeof length);
    out << text << whole.substr(8 + size);
  }
  fs::resize_file(file, 8 + length + data + kExtra);
  LoadOptions options;
  options.device = "cpu";
  const auto loaded = load_model(open_model_files(folder.path()), options);
  QCOMPARE(loaded.unused, std::vector<std::string>{"extra"});
  QVERIFY(loaded.model->dtype() == at::kFloat);
}

DEER_SUITE(PublishedPiecesTest)
#include "tst_published_pieces.moc"
