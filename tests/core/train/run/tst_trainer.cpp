// SPDX-License-Identifier: GPL-3.0-or-later
// The training loop: resuming, stopping, logs, several processes. Run with "--rank FOLDER" the program is one
// of those processes.
#include <sys/wait.h>
#include <unistd.h>

#include <QProcess>
#include <QScopeGuard>
#include <QTest>
#include <csignal>
#include <thread>

#include "core/base/error.h"
#include "tests/core/train/run/toy_training.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;
using namespace deer::test;

namespace {

void train(const fs::path& folder, const TrainingOptions& options, const TrainingCallbacks& callbacks = {},
           std::stop_token stop = {}, const DataParallel& processes = {}) {
  auto model = toy_model();
  const ToyWindows training(20);
  const ToyWindows validation(8);
  train_model(model, training, &validation, folder, options, processes, callbacks, std::move(stop));
}

ParameterMap result(const fs::path& folder) {
  ParameterMap out;
  const auto archive = TensorArchive::open(folder / "model.safetensors");
  for (const auto& [name, entry] : archive->entries()) out[name] = archive->read(name).clone();
  return out;
}

std::vector<std::string> lines(const fs::path& file) {
  std::ifstream in(file);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

// Dropout on, so that its choices are seen to resume as well.
TrainingOptions with_single_steps() {
  auto options = toy_options();
  options.save_every_steps = 1;
  return options;
}

// Two steps, then a stop, which the first process asks for; the first step of a warm-up changes nothing yet.
void train_two_steps(const fs::path& folder, const DataParallel& processes) {
  std::stop_source source;
  TrainingCallbacks callbacks;
  callbacks.progress = [&](const TrainingProgress&) { source.request_stop(); };
  try {
    train(folder, toy_options(), callbacks, source.get_token(), processes);
  } catch (const Cancelled&) {
  }
}

int run_rank(const fs::path& folder) {
  try {
    const auto processes = DataParallel::from_environment();
    train_two_steps(folder / "stopped", processes);
    train(folder / "whole", toy_options(), {}, {}, processes);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

}  // namespace

class TrainerTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void it_learns();
  void a_stopped_run_ends_like_an_undisturbed_one();
  void a_killed_run_ends_like_an_undisturbed_one();
  void other_settings_are_refused();
  void the_result_is_a_model();
  void logs_have_a_row_for_each_step();
  void a_stage_can_end_before_its_schedule();
  void bfloat16_stays_close();
  void broken_sources_and_options_are_errors();
  void two_processes_equal_one();
  void environment_errors_name_the_variable();
};

void TrainerTest::it_learns() {
  const TemporaryFolder folder;
  auto options = toy_options();
  options.stages.resize(1);
  options.stages[0].steps = 150;
  options.stages[0].groups.learning_rate = 1e-2;
  options.log_every = 150;
  options.validate_every = 149;
  std::vector<double> losses;
  TrainingCallbacks callbacks;
  callbacks.validation = [&](const TrainingValidation& v) { losses.push_back(v.loss.total); };
  callbacks.progress = [&](const TrainingProgress& p) {
    QCOMPARE(p.step, std::int64_t{150});
    QVERIFY(p.frames_per_s > 0 && p.seconds_left == 0);
    QCOMPARE(p.epoch, 45.0);
  };
  auto model = toy_model();
  const ToyWindows windows(20);
  const auto before = model.parameters().at("vision_encoder.visual.class_embedding").clone();
  train_model(model, windows, &windows, folder.path(), options, {}, callbacks);
  QCOMPARE(losses.size(), std::size_t{2});
  // Four outputs that know nothing have a Huber loss of about 0.15 each.
  QVERIFY2(losses.back() < 0.25, qPrintable(QString::number(losses.back())));
  QVERIFY(at::equal(before, model.parameters().at("vision_encoder.visual.class_embedding")));
}

void TrainerTest::a_stopped_run_ends_like_an_undisturbed_one() {
  const TemporaryFolder folder;
  train(folder / "straight", toy_options());
  const auto expected = result(folder / "straight");
  for (const int when : {1, 5, 7, 8, 10}) {  // in both stages, and between them
    const auto place = folder / std::to_string(when);
    std::stop_source source;
    int steps = 0;
    TrainingCallbacks callbacks;
    callbacks.progress = [&](const TrainingProgress&) {
      if (++steps == when) source.request_stop();
    };
    QVERIFY_THROWS_EXCEPTION(Cancelled, train(place, toy_options(), callbacks, source.get_token()));
    train(place, toy_options());
    QCOMPARE(largest_difference(expected, result(place)), 0.0);
    QCOMPARE(lines(place / "log.csv").size(), std::size_t{12});
  }
}

void TrainerTest::a_killed_run_ends_like_an_undisturbed_one() {
  const TemporaryFolder folder;
  train(folder / "straight", with_single_steps());
  const auto expected = result(folder / "straight");
  // Without a chance to clean up, somewhere in the middle.
  const auto place = folder / "killed";
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    TrainingCallbacks callbacks;
    int saved = 0;
    callbacks.saved = [&](const std::string&, std::int64_t) {
      if (++saved == 4) ::kill(::getpid(), SIGKILL);
    };
    try {
      train(place, with_single_steps(), callbacks);
    } catch (...) {
    }
    std::_Exit(0);
  }
  int status = 0;
  QCOMPARE(::waitpid(child, &status, 0), child);
  QVERIFY(WIFSIGNALED(status));
  QCOMPARE(load_training_state(place)->step, std::int64_t{4});
  train(place, with_single_steps());
  QCOMPARE(largest_difference(expected, result(place)), 0.0);
  // A run that is done stays as it is.
  const auto time = fs::last_write_time(place / "model.safetensors");
  train(place, with_single_steps());
  QVERIFY(fs::last_write_time(place / "model.safetensors") == time);
}

void TrainerTest::other_settings_are_refused() {
  const TemporaryFolder folder;
  auto options = toy_options();
  train(folder.path(), options);
  options.stages[0].groups.learning_rate *= 2;
  DEER_VERIFY_ERROR(train(folder.path(), options), "stages[0].learning_rate");
  options = toy_options();
  options.seed = 6;
  DEER_VERIFY_ERROR(train(folder.path(), options), "'seed'");
  // A stage more is no other run.
  options = toy_options();
  auto more = options.stages[1];
  more.name = "more";
  options.stages.push_back(more);
  train(folder.path(), options);
  QCOMPARE(load_training_state(folder.path())->stage, std::int64_t{3});
}

void TrainerTest::the_result_is_a_model() {
  const TemporaryFolder folder;
  train(folder.path(), toy_options());
  LoadOptions load;
  load.device = "cpu";
  load.dtype = "float32";
  const auto loaded = load_model(open_model_files(folder.path()), load);
  QCOMPARE(loaded.model->exit_layers(), (std::vector<int>{1, 3}));
  QVERIFY(largest_difference(toy_model().parameters(), result(folder.path())) > 1e-3);
  fs::resize_file(folder / "state.safetensors", 1000);
  QVERIFY_THROWS_EXCEPTION(FileError, train(folder.path(), toy_options()));
}

void TrainerTest::logs_have_a_row_for_each_step() {
  const TemporaryFolder folder;
  train(folder.path(), toy_options());
  const auto log = lines(folder / "log.csv");
  QCOMPARE(log.front(),
           std::string("stage,step,epoch,seconds,frames_per_s,learning_rate,gradient_norm,loss,arm_exit_1,arm_exit_3,"
                       "arm_shared_1,arm_shared_2,gripper_exit_1,gripper_exit_3,gripper_shared_1,gripper_shared_2"));
  QCOMPARE(log.size(), std::size_t{1 + 7 + 4});
  QVERIFY(log[1].starts_with("joint,1,0.3,"));
  QVERIFY(log.back().starts_with("exit,4,1.2,"));
  const auto validation = lines(folder / "validation.csv");
  QCOMPARE(validation.size(), std::size_t{1 + 3 + 2});  // joint 3, 6, 7; exit 3, 4
}

void TrainerTest::a_stage_can_end_before_its_schedule() {
  const TemporaryFolder folder;
  auto options = toy_options();
  options.stages.resize(1);
  train(folder / "whole", options);
  options.stages[0].steps = 4;
  options.stages[0].schedule_steps = 7;
  train(folder / "part", options);
  // Learning rate, gradient and losses; not the times before them.
  const auto results = [](const std::string& row) {
    std::size_t at = 0;
    for (int comma = 0; comma < 5; ++comma) at = row.find(',', at) + 1;
    return row.substr(at);
  };
  const auto whole = lines(folder / "whole/log.csv"), part = lines(folder / "part/log.csv");
  QCOMPARE(part.size(), std::size_t{1 + 4});
  for (std::size_t row = 1; row < part.size(); ++row) QCOMPARE(results(part[row]), results(whole[row]));
}

void TrainerTest::bfloat16_stays_close() {
  const TemporaryFolder folder;
  auto options = toy_options();
  std::vector<double> losses;
  TrainingCallbacks callbacks;
  callbacks.validation = [&](const TrainingValidation& v) { losses.push_back(v.loss.total); };
  train(folder / "float32", options, callbacks);
  options.dtype = at::kBFloat16;
  train(folder / "bfloat16", options, callbacks);
  const auto half = losses.size() / 2;
  for (std::size_t i = 0; i < half; ++i) {
    QVERIFY(std::abs(losses[i] - losses[i + half]) < 0.02 * losses[i]);
    QVERIFY(losses[i] != losses[i + half]);
  }
}

void TrainerTest::broken_sources_and_options_are_errors() {
  class Broken final : public WindowSource {
   public:
    std::int64_t size() const override { return 10; }
    WindowBatch batch(std::span<const std::int64_t>, std::uint64_t) const override { throw Error("disk is gone"); }
  };
  const TemporaryFolder folder;
  auto model = toy_model();
  DEER_VERIFY_ERROR(train_model(model, Broken(), nullptr, folder.path(), toy_options(), {}), "disk is gone");
  auto options = toy_options();
  options.stages[0].steps = 0;
  DEER_VERIFY_ERROR(train(folder.path(), options), "either steps or epochs");
  options = toy_options();
  options.stages[0].schedule_steps = 6;
  DEER_VERIFY_ERROR(train(folder.path(), options), "schedule_steps must be at least steps (7)");
  options = toy_options();
  options.stages[0].groups.learning_rate = 1e30;
  options.stages[0].warmup_steps = 0;
  DEER_VERIFY_ERROR(train(folder / "wild", options), "not finite");
}

// The same batches on one process and on two: the same gradients, which AdamW's moments hold. (Parameters
// differ more: where a gradient is all rounding, AdamW still takes a whole step.)
void TrainerTest::two_processes_equal_one() {
  const TemporaryFolder folder;
  train_two_steps(folder / "one/stopped", {});
  train(folder / "one/whole", toy_options());
  const int port = 20000 + static_cast<int>(::getpid() % 20000);
  std::vector<std::unique_ptr<QProcess>> ranks;
  for (int rank = 0; rank < 2; ++rank) {
    auto environment = QProcessEnvironment::systemEnvironment();
    environment.insert("WORLD_SIZE", "2");
    environment.insert("RANK", QString::number(rank));
    environment.insert("MASTER_ADDR", "127.0.0.1");
    environment.insert("MASTER_PORT", QString::number(port));
    ranks.push_back(std::make_unique<QProcess>());
    ranks.back()->setProcessEnvironment(environment);
    ranks.back()->setProcessChannelMode(QProcess::ForwardedChannels);
    ranks.back()->start(QCoreApplication::applicationFilePath(),
                        {"--rank", QString::fromStdString((folder / "two").string())});
  }
  for (auto& rank : ranks) {
    QVERIFY(rank->waitForFinished(120'000));
    QCOMPARE(rank->exitStatus(), QProcess::NormalExit);
    QCOMPARE(rank->exitCode(), 0);
  }
  const auto one = *load_training_state(folder / "one/stopped");
  const auto two = *load_training_state(folder / "two/stopped");
  QCOMPARE(one.step, std::int64_t{2});
  QCOMPARE(two.step, std::int64_t{2});
  QCOMPARE(one.optimizer.size(), two.optimizer.size());
  // Against the norm of the whole gradient: rounding decides more than that in the smallest parts of it.
  double whole = 0;
  double largest = 0;
  for (const auto& [name, moment] : one.optimizer) {
    if (!name.starts_with("exp_avg.")) continue;
    whole += std::pow(moment.norm().item<double>(), 2);
    largest = std::max(largest, (moment - two.optimizer.at(name)).norm().item<double>());
  }
  QVERIFY2(largest < 1e-5 * std::sqrt(whole), qPrintable(QString::number(largest / std::sqrt(whole))));
  const auto last_loss = [&](const char* run) {
    const auto row = lines(folder / run / "whole" / "validation.csv").back();
    return QString::fromStdString(row).split(',').at(2).toDouble();
  };
  QVERIFY(std::abs(last_loss("one") - last_loss("two")) < 0.01 * last_loss("one"));
}

void TrainerTest::environment_errors_name_the_variable() {
  const auto restore = qScopeGuard([] {
    for (const char* name : {"WORLD_SIZE", "RANK"}) qunsetenv(name);
  });
  qunsetenv("WORLD_SIZE");
  QCOMPARE(DataParallel::from_environment().size(), 1);
  qputenv("WORLD_SIZE", "two");
  DEER_VERIFY_ERROR(DataParallel::from_environment(), "WORLD_SIZE");
  qputenv("WORLD_SIZE", "2");
  qputenv("RANK", "2");
  DEER_VERIFY_ERROR(DataParallel::from_environment(), "RANK");
}

static const deer::test::RegisterHelperProcess rank("--rank", [](int argc, char** argv) {
  return argc == 3 ? run_rank(argv[2]) : 1;
});

DEER_SUITE(TrainerTest)
#include "tst_trainer.moc"
