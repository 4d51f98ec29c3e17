// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/parts/present_part.h"

#include <QApplication>
#include <QDockWidget>
#include <QEvent>
#include <utility>

#include "app/gui/commands/command_table.h"
#include "sessions/analysis/run_summary.h"
#include "sessions/session/live_session.h"
#include "widgets/present/present_feed.h"
#include "widgets/present/present_view.h"

namespace deer {
namespace {

class Stage final : public VideoSubject {
 public:
  Stage(Session* session, RunSummary* summary) : session_(session), summary_(summary) {}

  QString name() const override { return PresentPart::tr("The presentation"); }
  QString file_name() const override { return QStringLiteral("presentation"); }
  QList<QSize> sizes() const override { return {{1920, 1080}, {1280, 720}, {3840, 2160}}; }

  void begin(const QSize& pixels) override {
    view_ = std::make_unique<PresentView>();
    view_->resize(pixels);
    feed_ = std::make_unique<PresentFeed>(session_, summary_, view_.get());
  }
  bool ready(qint64 frame) override { return feed_->shows(frame); }
  QImage picture() override {
    // One pixel of the widget is one of the video, whatever the screen's scale.
    QImage out(view_->size(), QImage::Format_RGB888);
    view_->render(&out);
    return out;
  }
  void end() override {
    feed_.reset();
    view_.reset();
  }

 private:
  Session* session_;
  RunSummary* summary_;
  std::unique_ptr<PresentView> view_;
  std::unique_ptr<PresentFeed> feed_;
};

}  // namespace

PresentPart::PresentPart(Session* session, QWidget* window)
    : QObject(window), session_(session), window_(window), summary_(new RunSummary(session, this)) {
  // Other focused widgets are hidden; they would swallow keys.
  connect(qApp, &QApplication::focusChanged, this, [this](QWidget*, QWidget* now) {
    if (view_ && now && now != view_ && now->window() == window_) view_->setFocus(Qt::OtherFocusReason);
  });
}

void PresentPart::enter(bool full_screen) {
  if (active()) return;
  focus_before_ = window_->focusWidget();
  fills_screen_ = full_screen && !window_->isFullScreen();
  for (auto* const dock : window_->findChildren<QDockWidget*>()) {
    if (!dock->isFloating() || !dock->isVisible()) continue;
    hidden_ << dock;
    dock->hide();
  }
  // An audience is shown what the model really computes.
  mode_before_ = session_->live()->mode();
  if (session_->live()->is_open()) session_->live()->set_mode(RunMode::policy);
  view_ = new PresentView(window_);
  feed_ = new PresentFeed(session_, summary_, view_, view_);
  connect(view_, &PresentView::leave_requested, this, &PresentPart::leave, Qt::QueuedConnection);
  connect(view_, &PresentView::painted, session_->live(), &LiveSession::picture_shown);
  window_->installEventFilter(this);
  view_->setGeometry(window_->rect());
  view_->show();
  view_->raise();
  view_->setFocus(Qt::OtherFocusReason);
  view_->show_hint(tr("Space plays, arrows step, Esc closes"));
  if (fills_screen_) window_->setWindowState(window_->windowState() | Qt::WindowFullScreen);
  Q_EMIT active_changed(true);
}

void PresentPart::leave() {
  if (!active()) return;
  window_->removeEventFilter(this);
  session_->live()->set_mode(mode_before_);
  auto* const view = std::exchange(view_, nullptr);
  feed_ = nullptr;
  view->hide();
  view->deleteLater();
  if (fills_screen_) window_->setWindowState(window_->windowState() & ~Qt::WindowFullScreen);
  for (const auto& dock : std::exchange(hidden_, {})) {
    if (dock) dock->show();
  }
  if (focus_before_) focus_before_->setFocus(Qt::OtherFocusReason);
  Q_EMIT active_changed(false);
}

bool PresentPart::eventFilter(QObject* watched, QEvent* event) {
  if (watched == window_ && view_) {
    if (event->type() == QEvent::Resize) view_->setGeometry(window_->rect());
    // Panels shown by a shortcut stay below.
    if (event->type() == QEvent::ChildAdded || event->type() == QEvent::LayoutRequest) view_->raise();
    // The saved window state must not be that of the stage.
    if (event->type() == QEvent::Close) leave();
  }
  return QObject::eventFilter(watched, event);
}

void PresentPart::add_commands(CommandTable* commands, const QString& menu) {
  commands->add(menu, {{.id = "view.present",
                        .text = tr("Pr&esent"),
                        .tip = tr("Show the picture, depth, saving and success full screen, for an audience."),
                        .shortcuts = {QKeySequence(tr("Shift+F5"))},
                        .run = [this] { active() ? leave() : enter(); },
                        .checked = [this] { return active(); }}});
  connect(this, &PresentPart::active_changed, commands, &CommandTable::update);
}

std::unique_ptr<VideoSubject> PresentPart::video_subject() { return std::make_unique<Stage>(session_, summary_); }

}  // namespace deer
