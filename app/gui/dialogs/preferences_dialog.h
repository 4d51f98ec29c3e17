// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>

#include "sessions/store/session_store.h"

class QCheckBox;
class QComboBox;
class QDialogButtonBox;
class QLineEdit;
class QSpinBox;

namespace deer {

/// Takes the icons off: words are enough.
void make_plain(QDialogButtonBox* buttons);

/// Edits a copy of the preferences; accepted() says that preferences() is wanted.
class PreferencesDialog : public QDialog {
  Q_OBJECT

 public:
  explicit PreferencesDialog(const Preferences& preferences, QWidget* parent = nullptr);

  Preferences preferences() const;

 private:
  QComboBox* theme_;
  QComboBox* device_;
  QComboBox* dtype_;
  QSpinBox* cache_;
  QComboBox* speed_;
  QCheckBox* restore_;
};

/// Asks for a video (or image folder) of the static camera, one of the gripper camera, and the instruction.
class OpenVideoDialog : public QDialog {
  Q_OBJECT

 public:
  explicit OpenVideoDialog(QWidget* parent = nullptr);

  QString video() const;
  QString gripper() const;
  QString instruction() const;

 private:
  QLineEdit* video_;
  QLineEdit* gripper_;
  QLineEdit* instruction_;
};

}  // namespace deer
