// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QProcess>
#include <QStringList>
#include <QTimer>
#include <filesystem>

#include "core/exits/engine.h"

namespace deer {

/// Runs a model over all episodes of a dataset in another process, `deer trace`, which writes a trace that can be read
/// while it grows and that a later run resumes. GUI thread only; no call waits but the destructor, for a moment.
class DatasetRun : public QObject {
  Q_OBJECT

 public:
  struct Request {
    std::filesystem::path model = {};
    std::filesystem::path source = {};
    std::filesystem::path map = {};  ///< a Mapping as JSON; empty: guessed
    std::filesystem::path out = {};
    ExitPolicy policy = {};  ///< of a new trace; forced exits are left out
    EngineOptions engine = {};
    bool replace = false;  ///< an existing trace; otherwise it is resumed, and must be of the same policy
  };

  explicit DatasetRun(QObject* parent = nullptr);
  ~DatasetRun() override;

  /// The program `deer`; next to this one unless a test says otherwise.
  void set_program(const QString& path) { program_ = path; }
  const QString& program() const { return program_; }
  /// Whether the program is there to be started.
  bool available() const;

  /// Not while it is running. If the process cannot be started, failed() follows.
  void start(const Request& request);
  /// Ends the process after the frame under way; the trace stays valid.
  void cancel();
  bool running() const { return process_.state() != QProcess::NotRunning; }
  bool cancelled() const { return cancelled_; }

  /// The arguments of `deer` for a request.
  static QStringList arguments(const Request& request);

 Q_SIGNALS:
  void running_changed();
  void finished();                      ///< the whole dataset was run, or it was cancelled
  void failed(const QString& message);  ///< what the program said last

 private:
  QString program_;
  QProcess process_;
  QTimer patience_;  ///< until a process that was asked to end is killed
  bool cancelled_ = false;
};

}  // namespace deer
