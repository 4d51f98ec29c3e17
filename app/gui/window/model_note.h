// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QLabel>

#include "sessions/session/session.h"

namespace deer {

/// What the open model says of itself, such as "random weights". Hidden for a model without a note.
class ModelNote : public QLabel {
  Q_OBJECT

 public:
  explicit ModelNote(Session* session, QWidget* parent = nullptr);

 private:
  void refresh();

  Session* session_;
};

}  // namespace deer
