// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>

class QLineEdit;

namespace deer {

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
