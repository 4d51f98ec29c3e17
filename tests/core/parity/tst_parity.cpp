// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTemporaryDir>
#include <QTest>
#include <filesystem>
#include <fstream>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/model/weights/tensor_archive.h"
#include "core/parity/parity.h"
#include "tests/support/suite.h"

namespace fs = std::filesystem;
using namespace deer;

namespace {

const fs::path kReference = fs::path(DEER_TEST_DATA) / "reference";
// Made by tests/data/variants/make_variants.py, an implementation in PyTorch that shares no line with ours.
const fs::path kVariants = fs::path(DEER_TEST_DATA) / "variants";

struct Outcome {
  bool passed = false;
  int made = 0;
  QStringList failed;
};

Outcome run(const fs::path& folder) {
  Outcome out;
  out.passed = run_parity(folder, {}, [&](const Comparison& comparison) {
    ++out.made;
    if (!comparison.passed) {
      out.failed << QString::fromStdString(comparison.name) + ": " + QString::fromStdString(comparison.problem) +
                        QString(" abs %1").arg(comparison.largest_absolute);
    }
  });
  return out;
}

// A copy of a golden folder in which one tensor file was changed.
fs::path changed_copy(const QTemporaryDir& dir, const char* folder, const char* file,
                      const std::function<void(std::map<std::string, at::Tensor>&)>& change) {
  const auto copy = fs::path(dir.path().toStdString()) / folder;
  fs::copy(kReference / folder, copy, fs::copy_options::recursive);
  std::map<std::string, at::Tensor> tensors;
  {
    const auto archive = TensorArchive::open(copy / file);
    for (const auto& [name, entry] : archive->entries()) tensors[name] = archive->read(name).clone();
  }
  change(tensors);
  write_safetensors(copy / file, tensors);
  return copy;
}

}  // namespace

// Everything that can be compared with the reference's numbers, at the tolerances of comparer.h:
// 1e-4 in float32, 1e-3 for commands in half precision, equality for decisions, ids, bytes and thresholds.
class ParityTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void golden_data();
  void golden();
  void a_changed_golden_number_fails();
  void a_changed_decision_fails();
  void a_changed_weight_fails();
  void a_changed_gradient_fails();
  void unknown_golden_tensors_fail();
  void golden_infinities_fail();
  void missing_golden_tensors_fail();
  void folders_without_golden_data_are_errors();
};

void ParityTest::golden_data() {
  QTest::addColumn<QString>("folder");
  QTest::addColumn<int>("at_least");
  for (const char* name :
       {"average_wo_last", "last_three_layers", "layerwise_plain", "wo_last_dropout", "wo_last_norm"}) {
    QTest::newRow(name) << QString::fromStdString((kVariants / name).string()) << 130;
  }
  QTest::newRow("tiny_mpt1b") << "tiny_mpt1b" << 160;
  QTest::newRow("tiny_mpt7b") << "tiny_mpt7b" << 170;
  QTest::newRow("clip_archive") << "clip_archive" << 2;
  QTest::newRow("preprocess") << "preprocess" << 16;
  QTest::newRow("text") << "text" << 150;
  QTest::newRow("thresholds") << "thresholds" << 94;
  QTest::newRow("training of MPT-1b") << "training/mpt1b" << 100;
  QTest::newRow("training of MPT-7b") << "training/mpt7b" << 100;
}

void ParityTest::golden() {
  QFETCH(const QString, folder);
  QFETCH(const int, at_least);
  const auto outcome = run(kReference / folder.toStdString());
  QVERIFY2(outcome.passed, qPrintable(outcome.failed.join('\n')));
  QVERIFY2(outcome.made >= at_least, qPrintable(QString("only %1 comparisons").arg(outcome.made)));
}

void ParityTest::a_changed_golden_number_fails() {
  QTemporaryDir dir;
  const auto outcome = run(changed_copy(dir, "clip_archive", "golden.safetensors",
                                        [](auto& tensors) { tensors["tokens"].view(-1)[7] += 2e-3; }));
  QVERIFY(!outcome.passed);
  QCOMPARE(outcome.failed.size(), 1);
  QVERIFY(outcome.failed.front().startsWith("tokens"));
}

void ParityTest::a_changed_decision_fails() {
  QTemporaryDir dir;
  const fs::path folder = fs::path(dir.path().toStdString()) / "model";
  fs::copy(kReference / "tiny_mpt1b", folder, fs::copy_options::recursive);
  Json runs = read_json(folder / "dynamic.json");
  runs[0]["exit_layer_per_step"][2] = 5;
  write_file_atomically(folder / "dynamic.json", runs.dump());
  const auto outcome = run(folder);
  QVERIFY(!outcome.passed);
  QCOMPARE(outcome.failed.size(), 1);
  QVERIFY(outcome.failed.front().contains("exit_layer_per_step"));
}

void ParityTest::a_changed_weight_fails() {
  QTemporaryDir dir;
  const auto outcome = run(changed_copy(dir, "tiny_mpt7b", "model.safetensors", [](auto& tensors) {
    tensors["lang_encoder.transformer.blocks.3.decoder_layer.ffn.up_proj.weight"][0] += 0.5;
  }));
  QVERIFY(!outcome.passed);
  QVERIFY(!outcome.failed.filter("weights.published_pieces").isEmpty());
  QVERIFY(!outcome.failed.filter("hidden.layer3").isEmpty());
  // The layers before it are untouched.
  QVERIFY(outcome.failed.filter("hidden.layer2").isEmpty());
}

void ParityTest::a_changed_gradient_fails() {
  QTemporaryDir dir;
  fs::copy(kReference / "tiny_mpt1b", fs::path(dir.path().toStdString()) / "tiny_mpt1b", fs::copy_options::recursive);
  fs::create_directories(fs::path(dir.path().toStdString()) / "training");
  const auto outcome = run(changed_copy(dir, "training/mpt1b", "exit_step.safetensors", [](auto& tensors) {
    auto& gradient = tensors["grad.module.extra_exit.gripper.mlp.1.bias"];
    gradient += gradient.abs().max() * 1e-3;
  }));
  QVERIFY(!outcome.passed);
  QCOMPARE(outcome.failed.size(), 1);
  QVERIFY(outcome.failed.front().startsWith("exit.grad.module.extra_exit.gripper.mlp.1.bias"));
}

void ParityTest::unknown_golden_tensors_fail() {
  QTemporaryDir dir;
  const auto outcome = run(changed_copy(dir, "clip_archive", "golden.safetensors",
                                        [](auto& tensors) { tensors["attention"] = at::zeros({2}); }));
  QVERIFY(!outcome.passed);
  QVERIFY(outcome.failed.front().startsWith("attention"));
}

void ParityTest::golden_infinities_fail() {
  QTemporaryDir dir;
  const auto outcome = run(changed_copy(dir, "clip_archive", "golden.safetensors", [](auto& tensors) {
    tensors["tokens"].fill_(std::numeric_limits<float>::infinity());
  }));
  QVERIFY(!outcome.passed);
}

void ParityTest::missing_golden_tensors_fail() {
  QTemporaryDir dir;
  const auto outcome = run(changed_copy(dir, "tiny_mpt7b", "outputs.safetensors", [](auto& tensors) {
    std::erase_if(tensors, [](const auto& item) { return item.first.starts_with("dynamic.mean."); });
  }));
  QVERIFY(!outcome.passed);
  QCOMPARE(outcome.failed.filter("dynamic.mean.").size(), 3);
}

void ParityTest::folders_without_golden_data_are_errors() {
  QTemporaryDir dir;
  QVERIFY_THROWS_EXCEPTION(FileError, run(dir.path().toStdString()));
  QVERIFY_THROWS_EXCEPTION(FileError, run(fs::path(dir.path().toStdString()) / "missing"));
}

DEER_SUITE(ParityTest)
#include "tst_parity.moc"
