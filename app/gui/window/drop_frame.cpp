// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/window/drop_frame.h"

#include <QDragEnterEvent>
#include <QMimeData>
#include <QPainter>
#include <QUrl>

#include "widgets/base/theme.h"

namespace deer {
namespace {

QStringList local_files(const QMimeData& data) {
  QStringList paths;
  for (const auto& url : data.urls()) {
    if (url.isLocalFile()) paths << url.toLocalFile();
  }
  return paths;
}

}  // namespace

DropFrame::DropFrame(QWidget* window) : QWidget(window) {
  setAttribute(Qt::WA_TransparentForMouseEvents);
  hide();
  window->setAcceptDrops(true);
  window->installEventFilter(this);
}

bool DropFrame::eventFilter(QObject* watched, QEvent* event) {
  switch (event->type()) {
    case QEvent::DragEnter: {
      auto* const enter = static_cast<QDragEnterEvent*>(event);
      if (local_files(*enter->mimeData()).isEmpty()) break;
      enter->acceptProposedAction();
      show_over_window();
      return true;
    }
    case QEvent::DragLeave:
      hide();
      break;
    case QEvent::Drop: {
      auto* const drop = static_cast<QDropEvent*>(event);
      hide();
      drop->acceptProposedAction();
      Q_EMIT dropped(local_files(*drop->mimeData()));
      return true;
    }
    default:
      break;
  }
  return QWidget::eventFilter(watched, event);
}

void DropFrame::show_over_window() {
  setGeometry(parentWidget()->rect());
  show();
  raise();
}

void DropFrame::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setPen(QPen(Theme::instance().colors().accent, 6));
  painter.drawRect(rect());
}

}  // namespace deer
