// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <fstream>

#include "core/base/error.h"
#include "core/model/weights/tensor_archive.h"
#include "tests/support/make_zip.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;
using namespace deer::test;

namespace {

const fs::path kReference = fs::path(DEER_TEST_DATA) / "reference";

std::string message_of(const fs::path& file) {
  try {
    const auto archive = TensorArchive::open(file);
    for (const auto& [name, entry] : archive->entries()) (void)archive->read(name).sum();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

Bytes safetensors(std::uint64_t header_size, const std::string& header, std::size_t data) {
  Bytes out;
  put(out, header_size);
  put(out, bytes_of(header));
  out.resize(out.size() + data);
  return out;
}

Bytes safetensors(const std::string& header, std::size_t data) { return safetensors(header.size(), header, data); }

// Opcodes of a torch.save pickle, protocol 2, as little of it as the tests need.
std::string text(const std::string& s) {
  std::string out = "X";
  for (int i = 0; i < 4; ++i) out += static_cast<char>((s.size() >> (8 * i)) & 0xFF);
  return out + s;
}
std::string tensor_pickle(const std::string& name, int elements, int rows, int stride, int offset) {
  const auto small = [](int n) { return std::string("K") + static_cast<char>(n); };
  return std::string("\x80\x02}", 3) + text(name) + "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") +
         "ctorch\nFloatStorage\n" + text("0") + text("cpu") + small(elements) + "tQ" + small(offset) + "(" +
         small(rows) + "t(" + small(stride) + "t\x89}tRs.";
}
Bytes torch_file(const std::string& pickle, std::size_t data_bytes) {
  return make_zip({{"archive/data.pkl", bytes_of(pickle)}, {"archive/data/0", Bytes(data_bytes)}});
}

}  // namespace

class TensorArchiveTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void reads_what_it_wrote();
  void reads_a_training_checkpoint();
  void reads_a_torchscript_archive();
  void reads_shards();
  void refuses_bad_safetensors_data();
  void refuses_bad_safetensors();
  void refuses_bad_torch_files();
  void survives_every_truncation();
  void refuses_bad_indices();
  void reads_numpy_scalars();
  void takes_wrappers_off();
  void names_what_was_downloaded_wrongly();

 private:
  TemporaryFolder folder_;
};

void TensorArchiveTest::reads_what_it_wrote() {
  const std::map<std::string, at::Tensor> tensors = {{"a", at::randn({3, 4})},
                                                     {"b", at::arange(5, at::kLong)},
                                                     {"c", at::randn({2}).to(at::kHalf)},
                                                     {"d", at::randn({2, 2}).to(at::kBFloat16)},
                                                     {"empty", at::empty({0, 3})},
                                                     {"scalar", at::tensor(2.5F)},
                                                     {"u8", at::ones({3}, at::kByte)}};
  const auto file = folder_.path() / "all.safetensors";
  write_safetensors(file, tensors, {{"made", "here"}});
  const auto archive = TensorArchive::open(file);
  QCOMPARE(archive->entries().size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    const auto read = archive->read(name);
    QCOMPARE(read.scalar_type(), tensor.scalar_type());
    QVERIFY2(at::equal(read, tensor), name.c_str());
  }
  QCOMPARE(archive->fields().at("made").get<std::string>(), std::string("here"));
  QVERIFY_THROWS_EXCEPTION(FileError, archive->read("z"));
}

void TensorArchiveTest::reads_a_training_checkpoint() {
  const auto archive = TensorArchive::open(kReference / "tiny_mpt7b" / "model.pth");
  QCOMPARE(archive->fields().at("early_exit_layer").get<int>(), 7);
  QCOMPARE(archive->fields().at("dropout_mode").get<std::string>(), std::string("layerwise"));
  QCOMPARE(archive->fields().at("lstm_layernorm").get<bool>(), true);
  QVERIFY(archive->contains("values"));
  const Json keys = read_json(kReference / "tiny_mpt7b" / "checkpoint_keys.json");
  for (const auto& [name, shape] : keys.at("model_state_dict").items()) {
    QVERIFY2(archive->contains(name), name.c_str());
    QCOMPARE(archive->entries().at(name).shape, shape.get<std::vector<std::int64_t>>());
    QVERIFY(at::isfinite(archive->read(name)).all().item<bool>());
  }
}

void TensorArchiveTest::reads_a_torchscript_archive() {
  const auto archive = TensorArchive::open(kReference / "clip_archive" / "ViT-tiny-14.pt");
  const Json info = read_json(kReference / "clip_archive" / "info.json");
  for (const auto& [name, dtype] : info.at("dtypes").items()) {
    if (dtype == "int64" && !archive->contains(name)) {
      QVERIFY2(archive->fields().contains(name), name.c_str());
      continue;
    }
    QVERIFY2(archive->contains(name), name.c_str());
    const auto expected = dtype == "float16" ? at::kHalf : dtype == "float32" ? at::kFloat : at::kLong;
    QCOMPARE(archive->entries().at(name).dtype, expected);
  }
}

void TensorArchiveTest::reads_shards() {
  const auto archive = TensorArchive::open(kReference / "tiny_mpt7b" / "mpt");
  QVERIFY(archive->contains("transformer.blocks.8.ffn.up_proj.weight"));
  QCOMPARE(archive->read("transformer.blocks.8.ffn.up_proj.weight").sizes().vec(),
           (std::vector<std::int64_t>{144, 36}));
}

void TensorArchiveTest::refuses_bad_safetensors_data() {
  QTest::addColumn<QByteArray>("content");
  QTest::addColumn<QString>("says");
  const auto row = [](const char* name, const Bytes& bytes, const char* says) {
    QTest::newRow(name) << QByteArray(reinterpret_cast<const char*>(bytes.data()), static_cast<qsizetype>(bytes.size()))
                        << says;
  };
  row("header of 2^60 bytes", safetensors(std::uint64_t{1} << 60, "{}", 0), "more than the");
  row("header longer than the file", safetensors(5000, "{}", 0), "cut short");
  row("not JSON", safetensors("{\"a\":", 0), "not valid JSON");
  row("an array", safetensors("{\"a\":[1]}", 0), "expected an object");
  row("unknown dtype", safetensors(R"({"a":{"dtype":"F8","shape":[1],"data_offsets":[0,1]}})", 1), "'a.dtype'");
  row("shape larger than data", safetensors(R"({"a":{"dtype":"F32","shape":[9],"data_offsets":[0,4]}})", 4),
      "'a.shape'");
  row("shape that overflows",
      safetensors(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 0), "'a.shape'");
  row("negative size", safetensors(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4), "'a.shape'");
  row("offsets beyond the file", safetensors(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 4),
      "'a.data_offsets'");
  row("offsets backwards", safetensors(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4),
      "'a.data_offsets'");
  row("a hole", safetensors(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8), "begins at byte 4");
  row("an overlap",
      safetensors(
          R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
          4),
      "begins at byte 0");
  row("data left over", safetensors(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 8), "fill 4");
  row("a name twice",
      safetensors(
          R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
          1),
      "appears twice");
  row("nested too deeply", safetensors("{\"a\":" + std::string(5000, '[') + std::string(5000, ']') + "}", 0),
      "nested more than 16 deep");
  row("empty", {}, "is empty");
}

void TensorArchiveTest::refuses_bad_safetensors() {
  QFETCH(const QByteArray, content);
  QFETCH(const QString, says);
  const auto file = folder_.path() / "bad.safetensors";
  std::ofstream(file, std::ios::binary).write(content.data(), content.size());
  const auto message = QString::fromStdString(message_of(file));
  QVERIFY2(message.contains("bad.safetensors"), qPrintable(message));
  QVERIFY2(message.contains(says), qPrintable(message));
  QVERIFY(!message.contains('\n'));
}

void TensorArchiveTest::refuses_bad_torch_files() {
  const auto file = folder_.path() / "bad.pth";
  const auto says = [&](const Bytes& bytes) {
    std::ofstream(file, std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return QString::fromStdString(message_of(file));
  };
  QCOMPARE(says(torch_file(tensor_pickle("w", 4, 4, 1, 0), 16)), QString());  // the good one
  QVERIFY(says(torch_file(tensor_pickle("w", 4, 5, 1, 0), 16)).contains("beyond its storage"));
  QVERIFY(says(torch_file(tensor_pickle("w", 4, 4, 2, 0), 16)).contains("beyond its storage"));
  QVERIFY(says(torch_file(tensor_pickle("w", 4, 4, 1, 1), 16)).contains("beyond its storage"));
  QVERIFY(says(torch_file(tensor_pickle("w", 100, 100, 1, 0), 16)).contains("needs 100 numbers"));
  QVERIFY(says(make_zip({{"archive/data.pkl", bytes_of(tensor_pickle("w", 4, 4, 1, 0))}})).contains("is missing"));
  QVERIFY(says(make_zip({{"readme.txt", bytes_of("x")}})).contains("without data.pkl"));
  QVERIFY(says(torch_file("\x80\x02}.", 0)).contains("holds no tensors"));
  QVERIFY(says(torch_file("cos\nsystem\n(X\x02\x00\x00\x00lstR.", 0)).contains("os.system"));
  const std::string code(
      "\x80\x02"
      "cos\nsystem\n(X\x02\0\0\0lstR.",
      25);
  QVERIFY(says(torch_file(code, 0)).contains("not plain data"));
  QVERIFY(says(bytes_of("hello, world")).contains("neither safetensors nor"));
  QVERIFY(says(bytes_of("\x80\x02\x8a\x0alFast")).contains("before 1.6"));
}

void TensorArchiveTest::survives_every_truncation() {
  const auto small = folder_.path() / "small.safetensors";
  write_safetensors(small, {{"a", at::randn({2, 3})}, {"b", at::ones({4}, at::kByte)}});
  std::ifstream in(small, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  const auto pth = torch_file(tensor_pickle("w", 4, 4, 1, 0), 16);
  const auto cut = folder_.path() / "cut.bin";
  for (const std::string& content : {whole, std::string(reinterpret_cast<const char*>(pth.data()), pth.size())}) {
    for (std::size_t size = 0; size < content.size(); ++size) {
      std::ofstream(cut, std::ios::binary | std::ios::trunc).write(content.data(), static_cast<std::streamsize>(size));
      QVERIFY2(!message_of(cut).empty(), qPrintable(QString("cut at %1 was accepted").arg(size)));
    }
  }
}

// {"w": tensor, "epoch": numpy.int64(7), "rate": numpy.float32(0.5)}, in protocol 2 as numpy pickles its scalars.
void TensorArchiveTest::reads_numpy_scalars() {
  const auto scalar = [](const std::string& name, const char* dtype, const std::string& data) {
    return text(name) + "cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(" + text(dtype) + "\x89\x88tR" + data + "tR";
  };
  const auto as_latin1 = [](const std::string& utf8) {
    return "c_codecs\nencode\n(" + text(utf8) + text("latin1") + "tR";
  };
  const std::string raw_half = std::string("\x00\x00\x00\x3F", 4);
  auto pickle = tensor_pickle("w", 4, 4, 1, 0);
  pickle.pop_back();  // STOP
  pickle = pickle + "(" + scalar("epoch", "i8", as_latin1(std::string("\x07\0\0\0\0\0\0\0", 8))) +
           scalar("rate", "f4", "C\x04" + raw_half) + scalar("odd", "f4", "C\x02\x01\x02") + "u.";
  const auto archive = TensorArchive::open(folder_.write("scalars.pth", torch_file(pickle, 16)));
  QCOMPARE(archive->fields().at("epoch").get<int>(), 7);
  QCOMPARE(archive->fields().at("rate").get<double>(), 0.5);
  QVERIFY(!archive->fields().contains("odd"));
  QVERIFY(archive->contains("w"));
}

void TensorArchiveTest::takes_wrappers_off() {
  const auto file = folder_.path() / "wrapped.safetensors";
  write_safetensors(file, {{"_orig_mod.module.a", at::full({1}, 1)},
                           {"module._orig_mod.b.c", at::full({1}, 2)},
                           {"b._orig_mod.d", at::full({1}, 3)},
                           {"module.e", at::full({1}, 4)}});
  const auto archive = with_training_names(TensorArchive::open(file));
  float value = 0;
  for (const char* name : {"module.a", "module.b.c", "module.b.d", "module.e"}) {
    QCOMPARE(archive->read(name).item<float>(), ++value);
  }
  QCOMPARE(archive->entries().size(), std::size_t{4});
  write_safetensors(file, {{"module.a", at::ones({1})}, {"a", at::ones({1})}});
  DEER_VERIFY_ERROR(with_training_names(TensorArchive::open(file)),
                    "tensors 'a' and 'module.a' are the same but for PyTorch's wrappers");
}

void TensorArchiveTest::names_what_was_downloaded_wrongly() {
  DEER_VERIFY_ERROR(TensorArchive::open(folder_.write(
                        "a.safetensors", std::string_view("version https://git-lfs.github.com/spec/v1\n"))),
                    "a.safetensors: is a git-LFS pointer");
  DEER_VERIFY_ERROR(
      TensorArchive::open(folder_.write("b.pth", std::string_view("\n<!DOCTYPE HTML><html>Sign in</html>"))),
      "b.pth: is a web page (HTML): the download did not work");
}

void TensorArchiveTest::refuses_bad_indices() {
  const auto index = folder_.path() / "model.safetensors.index.json";
  const auto says = [&](const char* json) {
    std::ofstream(index, std::ios::trunc) << json;
    return QString::fromStdString(message_of(index));
  };
  QVERIFY(says("{}").contains("'weight_map' is missing"));
  QVERIFY(says(R"({"weight_map":{"a":"../secret.safetensors"}})").contains("file name in the same folder"));
  QVERIFY(says(R"({"weight_map":{"a":3}})").contains("not a file name"));
  QVERIFY(says(R"({"weight_map":{"a":"model.safetensors.index.json"}})").contains("neither safetensors nor"));
  QVERIFY(says(R"({"weight_map":{"a":"."}})").contains("is a folder"));
  QVERIFY(says(R"({"weight_map":{"a":"none.safetensors"}})").contains("none.safetensors"));
  write_safetensors(folder_.path() / "part.safetensors", {{"b", at::ones({1})}});
  QVERIFY(says(R"({"weight_map":{"a":"part.safetensors"}})").contains("the index names it"));
}

DEER_SUITE(TensorArchiveTest)
#include "tst_tensor_archive.moc"
