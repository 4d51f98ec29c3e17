// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>

#include "core/train/run/train_config.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;

namespace {

Json good() {
  return Json::parse(R"({
    "output": "run", "seed": 7, "dtype": "bfloat16", "workers": 2, "log_every": 10,
    "data": {"sources": ["data", "/else/where"], "window": 8, "task_weight": {"open_drawer": 2},
             "phrasings": {"open_drawer": ["pull the drawer"]}, "token_variants": 3, "static_shift": 5},
    "model": {"config": {"name": "x"}, "gate": 0.25},
    "stages": [
      {"stage": "vision", "steps": 11, "brightness": 0.5},
      {"stage": "joint", "steps": 100, "batch": 48, "learning_rate": 0.002, "exit_lr_scale": 1, "schedule": "cosine",
       "warmup_steps": 10, "train_decoder": true, "average_decay": 0.99, "scale_learning_rate": true},
      {"stage": "exit", "epochs": 2.5, "padding_in_pooling": true}
    ]})");
}

struct Fault {
  const char* name;
  const char* pointer;
  Json value;
  const char* message;
};

}  // namespace

class TrainConfigTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void fields_arrive();
  void errors_name_the_field();
};

void TrainConfigTest::fields_arrive() {
  const TemporaryFolder folder;
  const auto config = read_train_config(folder.write("sub/train.json", good().dump()));
  QCOMPARE(config.output, folder / "sub/run");
  QCOMPARE(config.store, folder / "sub/run/frames");
  QCOMPARE(config.sources, (std::vector<std::filesystem::path>{folder / "sub/data", "/else/where"}));
  QCOMPARE(config.windows.window, std::int64_t{8});
  QCOMPARE(config.windows.task_weight.at("open_drawer"), 2.0);
  QCOMPARE(config.windows.phrasings.at("open_drawer").front(), std::string("pull the drawer"));
  QCOMPARE(config.token_variants, 3);
  QCOMPARE(config.token_static_shift, 5);
  QCOMPARE(config.init.gate, 0.25);
  QCOMPARE(config.init.seed, std::uint64_t{7});
  QVERIFY(config.vision.has_value());
  QCOMPARE(config.vision->steps, std::int64_t{11});
  QCOMPARE(config.vision->brightness, 0.5);
  QVERIFY(config.vision->bfloat16);
  QCOMPARE(config.training.stages.size(), std::size_t{2});
  const auto& joint = config.training.stages[0];
  QCOMPARE(joint.name, std::string("joint"));
  QCOMPARE(joint.groups.learning_rate, 0.002);  // 48 windows are the reference's batch of 6 on 8 processes
  QCOMPARE(joint.groups.head_scale, 1.0);
  QVERIFY(joint.schedule == Schedule::cosine);
  QVERIFY(joint.train_decoder && joint.train_resampler);
  QVERIFY(joint.padding == PaddingInPooling::excluded);
  QVERIFY(config.training.stages[1].padding == PaddingInPooling::included);
  QCOMPARE(config.training.stages[1].epochs, 2.5);
  QVERIFY(config.training.dtype == at::kBFloat16);
}

void TrainConfigTest::errors_name_the_field() {
  const TemporaryFolder folder;
  const Fault faults[] = {
      {"no output", "/output", nullptr, "'output' is missing"},
      {"unknown field", "/sead", 1, "'sead' is 1"},
      {"unknown data field", "/data/sorces", 1, "'data.sorces'"},
      {"negative seed", "/seed", -1, "'seed' is -1"},
      {"dtype", "/dtype", "float16", "'dtype' is \"float16\""},
      {"window", "/data/window", 1, "'data.window' is 1"},
      {"sources", "/data/sources", "data", "'data.sources'"},
      {"a source that is no text", "/data/sources/0", 3, "'data.sources'"},
      {"weight", "/data/task_weight/open_drawer", -2, "'data.task_weight.open_drawer' is -2"},
      {"phrasing", "/data/phrasings/open_drawer", "pull", "'data.phrasings.open_drawer'"},
      {"both models", "/model/start", "m", "'model.start'"},
      {"gate", "/model/gate", "big", "'model.gate' is \"big\""},
      {"no stages", "/stages", Json::array(), "'stages'"},
      {"kind", "/stages/1/stage", "jiont", "'stages[1].stage' is \"jiont\""},
      {"late vision", "/stages/2/stage", "vision", "'stages[2].stage'"},
      {"vision field", "/stages/0/batch", 3, "'stages[0].batch'"},
      {"schedule", "/stages/1/schedule", "step", "'stages[1].schedule'"},
      {"schedule's end", "/stages/1/schedule_steps", 0, "'stages[1].schedule_steps' is 0"},
      {"steps and epochs", "/stages/1/epochs", 3, "'stages[1].steps'"},
      {"infinite rate", "/stages/1/learning_rate", 1e300, "'stages[1].learning_rate'"},
      {"decay", "/stages/1/average_decay", 1, "'stages[1].average_decay' is 1"},
      {"same name", "/stages/2/name", "joint", "'stages[2].name'"},
      {"comma", "/stages/2/name", "a,b", "'stages[2].name'"},
  };
  for (const auto& fault : faults) {
    Json json = good();
    json[Json::json_pointer(fault.pointer)] = fault.value;
    const auto file = folder.write("train.json", json.dump());
    const auto message = error_of([&] { read_train_config(file); });
    QVERIFY2(message.find(fault.message) != std::string::npos && message.find("train.json") != std::string::npos,
             (std::string(fault.name) + ": " + message).c_str());
  }
  DEER_VERIFY_ERROR(read_train_config(folder.write("train.json", "[]")), "expected an object");
}

DEER_SUITE(TrainConfigTest)
#include "tst_train_config.moc"
