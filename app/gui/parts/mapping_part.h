// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QPointer>
#include <functional>

#include "app/gui/dialogs/mapping_dialog.h"
#include "sessions/session/session.h"
#include "sessions/store/mapping_store.h"
#include "sessions/threads/newest_task.h"
#include "sessions/threads/task_queue.h"

namespace deer {

class CommandTable;

/// The mapping of the open dataset as a part of the window: its dialog, its files, and what is remembered.
class MappingPart : public QObject {
  Q_OBJECT

 public:
  /// Choices are remembered in `store`. `window` owns it, and the dialog appears over it.
  MappingPart(Session* session, MappingStore store, QWidget* window);

  void add_commands(CommandTable* commands, const QString& menu);
  bool can_choose() const;
  void choose();  ///< shows the dialog
  MappingDialog* dialog() const { return dialog_; }

  /// How a file is chosen to be opened or, if `save`, written; a test can answer instead of a dialog. Empty: cancelled.
  void set_file_chooser(std::function<QString(bool save)> chooser) { choose_file_ = std::move(chooser); }
  /// Opens the dataset once more for its first frame, on another thread.
  void set_opener(SourceOpener opener) { opener_ = std::move(opener); }

 Q_SIGNALS:
  void problem(const deer::Problem& problem);
  void note(const deer::Problem& problem);

 private:
  void load_first_frame();
  void open_file();
  void save_file();
  void apply(const Mapping& mapping);
  void reopen(const std::filesystem::path& map);

  Session* session_;
  MappingStore store_;
  QWidget* window_;
  SourceOpener opener_;
  std::function<QString(bool)> choose_file_;
  QPointer<MappingDialog> dialog_;
  TaskQueue files_;
  NewestTask first_frame_;  // last: it uses the others
};

}  // namespace deer
