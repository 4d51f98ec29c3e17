// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/video/window_subject.h"

#include <QCoreApplication>
#include <QVariant>
#include <algorithm>

#include "app/gui/video/widget_picture.h"
#include "sessions/frames/episode_frames.h"

namespace deer {
namespace {

// Views gather changes, and plots draw a turn of the event loop later.
constexpr int kLooks = 4;

}  // namespace

QString WindowSubject::name() const { return QCoreApplication::translate("deer::VideoPart", "The whole window"); }

QList<QSize> WindowSubject::sizes() const {
  const auto all = window_->size() * window_->devicePixelRatioF();
  return {even(all), even(all / 2)};
}

void WindowSubject::begin(const QSize& pixels) {
  pixels_ = pixels;
  frame_ = -1;
}

bool WindowSubject::all_settled() const {
  // Views that draw in the background say when they have finished.
  const auto views = window_->findChildren<QWidget*>();
  return std::all_of(views.begin(), views.end(), [](const QWidget* view) {
    const auto settled = view->isVisible() ? view->property("settled") : QVariant();
    return !settled.isValid() || settled.toBool();
  });
}

bool WindowSubject::ready(qint64 frame) {
  if (frame != frame_) looks_ = 0;
  frame_ = frame;
  const bool read = session_->frames()->observation(frame) || !session_->frames()->problem(frame).isEmpty();
  if (!read || ++looks_ < kLooks) return false;
  return all_settled();
}

QImage WindowSubject::picture() { return picture_of(window_, pixels_); }

}  // namespace deer
