// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/study/dataset_run.h"

#include <QCoreApplication>
#include <QDir>
#include <QFileInfo>

#include "core/base/number_text.h"
#include "sessions/base/paths.h"

namespace deer {
namespace {

constexpr int kPatienceMs = 20'000;  // a frame of the largest model takes seconds
constexpr qsizetype kLongestMessage = 2000;

QStringList policy_arguments(const ExitPolicy& policy) {
  QStringList out{QStringLiteral("--criterion"), QString::fromUtf8(to_string(policy.criterion).data()),
                  QStringLiteral("--delta-type"), QString::fromUtf8(to_string(policy.delta_type).data())};
  if (!policy.thresholds.empty()) {
    QStringList numbers;
    for (const double one : policy.thresholds) numbers << QString::fromStdString(shortest_text(one));
    // A first number below 0 would look like an option.
    out << QStringLiteral("--thresholds=") + numbers.join(u',');
  }
  const auto number = [&](const char* name, int value) { out << QString::fromLatin1(name) << QString::number(value); };
  if (policy.criterion == Criterion::fixed_exit && policy.fixed_layer) {
    out.removeIf([](const QString& one) { return one.startsWith(QStringLiteral("--thresholds=")); });
    number("--exit", *policy.fixed_layer);
  }
  if (policy.max_layer) number("--max-layer", *policy.max_layer);
  number("--steps-per-stage", policy.steps_per_stage);
  number("--steps-per-exit", policy.steps_per_exit);
  number("--executions", policy.executions);
  number("--refresh-every", policy.refresh_every);
  if (policy.use_own_head) out << QStringLiteral("--own-head");
  if (policy.action_ensemble) out << QStringLiteral("--ensemble");
  if (!policy.leq) out << QStringLiteral("--leave-above");
  return out;
}

}  // namespace

DatasetRun::DatasetRun(QObject* parent)
    : QObject(parent), program_(QDir(QCoreApplication::applicationDirPath()).filePath(QStringLiteral("deer"))) {
  process_.setStandardOutputFile(QProcess::nullDevice());
  patience_.setSingleShot(true);
  patience_.setInterval(kPatienceMs);
  connect(&patience_, &QTimer::timeout, &process_, &QProcess::kill);
  connect(&process_, &QProcess::stateChanged, this, &DatasetRun::running_changed);
  connect(&process_, &QProcess::errorOccurred, this, [this](QProcess::ProcessError error) {
    if (error == QProcess::FailedToStart)
      Q_EMIT failed(tr("%1 cannot be started: %2").arg(program_, process_.errorString()));
  });
  connect(&process_, &QProcess::finished, this, [this](int code, QProcess::ExitStatus status) {
    patience_.stop();
    const auto lines = QString::fromUtf8(process_.readAllStandardError()).split(u'\n', Qt::SkipEmptyParts);
    if (cancelled_ || (status == QProcess::NormalExit && code == 0)) {
      Q_EMIT finished();
    } else if (lines.isEmpty()) {
      Q_EMIT failed(tr("%1 ended unexpectedly.").arg(program_));
    } else {
      Q_EMIT failed(lines.last().left(kLongestMessage));
    }
  });
}

DatasetRun::~DatasetRun() {
  process_.disconnect(this);
  if (!running()) return;
  // A killed run leaves a valid trace.
  process_.kill();
  process_.waitForFinished(kPatienceMs);
}

bool DatasetRun::available() const { return QFileInfo(program_).isExecutable(); }

QStringList DatasetRun::arguments(const Request& request) {
  QStringList out{
      QStringLiteral("trace"),    to_qstring(request.model),
      to_qstring(request.source), QStringLiteral("--out"),
      to_qstring(request.out),    request.replace ? QStringLiteral("--overwrite") : QStringLiteral("--resume")};
  if (!request.map.empty()) out << QStringLiteral("--map") << to_qstring(request.map);
  out << policy_arguments(request.policy);
  const auto& engine = request.engine;
  out << QStringLiteral("--device") << QString::fromStdString(engine.device) << QStringLiteral("--dtype")
      << QString::fromStdString(engine.dtype);
  if (engine.max_layer) out << QStringLiteral("--load-layers") << QString::number(*engine.max_layer);
  if (!engine.tokenizer.empty()) out << QStringLiteral("--tokenizer") << to_qstring(engine.tokenizer);
  return out;
}

void DatasetRun::start(const Request& request) {
  if (running()) return;
  cancelled_ = false;
  process_.start(program_, arguments(request));
}

void DatasetRun::cancel() {
  if (!running()) return;
  cancelled_ = true;
  process_.terminate();
  patience_.start();
}

}  // namespace deer
