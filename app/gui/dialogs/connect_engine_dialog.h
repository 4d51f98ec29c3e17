// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>
#include <functional>
#include <stop_token>
#include <vector>

#include "app/gui/start/engines.h"
#include "sessions/threads/newest_task.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;

namespace deer {

/// Asks for the address of a model on another computer, and how to be let in. "Check" asks the server for its model.
class ConnectEngineDialog : public QDialog {
  Q_OBJECT

 public:
  /// Called on another thread; throws what is wrong.
  using Check = std::function<EngineCheck(const EngineAddress& engine, std::stop_token stop)>;

  /// The newest of `recent` is filled in; choosing another address fills in its files.
  ConnectEngineDialog(const std::vector<EngineAddress>& recent, Check check, QWidget* parent = nullptr);

  EngineAddress engine() const;

 private:
  void fill_in(const EngineAddress& engine);
  void change();
  void ask();
  void show_answer(const EngineCheck& found);
  void show_text(const QString& text, bool is_problem);

  std::vector<EngineAddress> recent_;
  Check check_;
  QComboBox* address_;
  QLineEdit* token_file_;
  QLineEdit* tls_ca_;
  QLabel* model_;
  QLabel* exits_;
  QLabel* device_;
  QLabel* fingerprint_;
  QLabel* note_;
  QPushButton* ask_;
  QPushButton* connect_;
  quint64 number_ = 0;  ///< of the newest check
  NewestTask task_;     ///< last: it uses the others
};

}  // namespace deer
