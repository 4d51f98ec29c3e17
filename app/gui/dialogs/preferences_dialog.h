// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>

#include "sessions/store/session_store.h"

class QCheckBox;
class QComboBox;
class QSpinBox;

namespace deer {

/// Edits a copy of the preferences; read preferences() after accepted().
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

}  // namespace deer
