// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QLabel>

#include "sessions/session/session.h"

namespace deer {

/// What the open model says of itself, such as "random weights", and what of it does not fit the open episode. Hidden
/// if there is neither.
class ModelNote : public QLabel {
  Q_OBJECT

 public:
  explicit ModelNote(Session* session, QWidget* parent = nullptr);

 private:
  void refresh();
  QString unfit() const;  ///< one sentence; empty: the model fits

  Session* session_;
};

}  // namespace deer
