// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QImage>
#include <QSet>
#include <QStringList>
#include <QWidget>
#include <vector>

#include "core/episodes/frame_source.h"
#include "sessions/session/session.h"

class QToolButton;

namespace deer {

class EmptyState;

/// The pictures of all cameras of the hovered or current frame, any number of them; a menu chooses which are shown.
class CameraWall : public QWidget {
  Q_OBJECT

 public:
  /// `session` must outlive the view.
  explicit CameraWall(Session* session, QWidget* parent = nullptr);

  /// Of the open episode, in its order.
  const QStringList& cameras() const { return cameras_; }
  QStringList shown() const;
  void set_shown(const QString& camera, bool shown);
  /// Where a camera's picture is; empty if it has none, or is not shown.
  QRect picture_rect(const QString& camera) const;

  QSize sizeHint() const override { return {480, 280}; }
  QSize minimumSizeHint() const override { return {160, 120}; }

 Q_SIGNALS:
  void open_dataset_requested();

 protected:
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void showEvent(QShowEvent* event) override;

 private:
  void start_anew();
  void refresh();
  void fill_menu();
  QRect room() const;                ///< for the pictures
  std::vector<QRect> tiles() const;  ///< of the shown cameras, in order
  QRect fitted(const QRect& tile, std::size_t camera) const;

  Session* session_;
  QToolButton* choose_;
  EmptyState* empty_;
  QStringList cameras_;
  QSet<QString> hidden_;          ///< by name, for all datasets
  std::vector<QImage> pictures_;  ///< as cameras_; null: missing
  std::vector<ImagePtr> sources_;
  qint64 frame_ = -1;
};

}  // namespace deer
