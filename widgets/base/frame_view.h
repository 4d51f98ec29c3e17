// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

#include "core/exits/frame_record.h"
#include "sessions/session/session.h"
#include "widgets/base/empty_state.h"

class QStackedLayout;
class QTimer;

namespace deer {

/// Base of the views that show the result of one frame: the hovered one, otherwise the current one.
/// Follows the session, combines changes into one refresh per iteration of the event loop, and shows an empty state
/// that names what is missing (model, episode, run) and offers it.
class FrameView : public QWidget {
  Q_OBJECT

 public:
  /// `session` must outlive the view. `purpose` completes "Open a model to see …".
  FrameView(Session* session, const QString& purpose, QWidget* parent);

  Session* session() const { return session_; }
  qint64 shown_frame() const;
  bool is_empty() const;
  EmptyState* empty_state() const { return empty_; }

 Q_SIGNALS:
  void open_model_requested();
  void open_dataset_requested();

 protected:
  /// The widget shown while there is a record. Call once, from the constructor.
  void set_content(QWidget* content);
  /// Called when anything the view may show has changed; `record` is never null.
  virtual void show_record(const FrameRecordPtr& record) = 0;
  void refresh_later();
  void showEvent(QShowEvent* event) override;

 private:
  void refresh();
  void show_empty();

  enum class Offer { none, model, dataset, run };

  Session* session_;
  QString purpose_;
  QStackedLayout* stack_;
  EmptyState* empty_;
  QTimer* pending_;
  Offer offer_ = Offer::none;
};

}  // namespace deer
