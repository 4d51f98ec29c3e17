// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/screenshot.h"

#include <QPixmap>
#include <QVariant>
#include <QWidget>
#include <algorithm>
#include <cstdio>

namespace deer {
namespace {

constexpr int kLookEveryMs = 50;
constexpr int kSettledLooks = 8;  // views gather changes and draw a little later

}  // namespace

Screenshot::Screenshot(const LaunchOptions& options, Session* session, QWidget* window)
    : QObject(window), options_(options), session_(session), window_(window) {
  connect(session_, &Session::problem, this, [this](const Problem& problem) {
    if (problem_.isEmpty()) problem_ = problem.title + QStringLiteral(": ") + problem.details.section(u'\n', 0, 0);
  });
  connect(session_, &Session::episode_changed, this, [this] {
    if (options_.frame >= 0) session_->set_current_frame(options_.frame);
  });
  connect(&timer_, &QTimer::timeout, this, &Screenshot::look);
  timer_.start(kLookEveryMs);
}

bool Screenshot::settled() const {
  if (session_->activity() == Session::Activity::live) {
    return session_->frame_count() > std::max<qint64>(options_.frame, 0);
  }
  if (session_->activity() != Session::Activity::idle) return false;
  if (!problem_.isEmpty()) return true;
  const bool wants_model = options_.demo || !options_.model.isEmpty();
  const bool wants_episode = options_.demo || !options_.episode.isEmpty() || !options_.world.isEmpty();
  if (wants_model && !session_->model()) return false;
  if (wants_episode && !session_->episode()) return false;
  if (options_.run && session_->evaluated_count() < session_->frame_count()) return false;
  // Views that draw in the background say when they are through.
  for (const auto* const view : window_->findChildren<QWidget*>()) {
    const auto through = view->isVisible() ? view->property("settled") : QVariant();
    if (through.isValid() && !through.toBool()) return false;
  }
  const auto frame = session_->current_frame();
  return frame < 0 || session_->observation(frame) || !session_->frame_problem(frame).isEmpty();
}

void Screenshot::look() {
  settled_looks_ = settled() ? settled_looks_ + 1 : 0;
  if (settled_looks_ >= kSettledLooks) take();
}

void Screenshot::take() {
  timer_.stop();
  const auto frame_problem = session_->frame_problem(session_->current_frame());
  if (problem_.isEmpty() && !frame_problem.isEmpty()) problem_ = frame_problem;
  if (!window_->grab().save(options_.screenshot, "PNG")) {
    problem_ = tr("%1: cannot write the picture").arg(options_.screenshot);
  }
  if (!problem_.isEmpty()) std::fprintf(stderr, "deerscope: %s\n", qUtf8Printable(problem_));
  Q_EMIT finished(problem_.isEmpty() ? 0 : 1);
}

}  // namespace deer
