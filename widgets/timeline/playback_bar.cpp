// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/timeline/playback_bar.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QLocale>
#include <QSignalBlocker>
#include <QToolButton>
#include <array>
#include <cmath>

#include "sessions/session/live_session.h"
#include "widgets/base/glyphs.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr std::array<double, 5> kSpeeds{0.25, 0.5, 1, 2, 4};

}  // namespace

PlaybackBar::PlaybackBar(Session* session, QWidget* parent)
    : QWidget(parent), session_(session), speed_(new QComboBox), counter_(new QLabel) {
  setAccessibleName(tr("Playback"));
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(spacing::kSmall, spacing::kTiny, spacing::kSmall, spacing::kTiny);
  row->setSpacing(spacing::kTiny);
  const auto button = [row](const QString& name) {
    auto* tool = new QToolButton;
    tool->setAutoRaise(true);
    tool->setAccessibleName(name);
    tool->setToolTip(name);
    tool->setIconSize({16, 16});
    tool->setFocusPolicy(Qt::StrongFocus);
    row->addWidget(tool);
    return tool;
  };
  first_ = button(tr("First frame"));
  back_ = button(tr("Previous frame"));
  play_ = button(tr("Play"));
  forward_ = button(tr("Next frame"));
  last_ = button(tr("Last frame"));
  back_->setAutoRepeat(true);
  forward_->setAutoRepeat(true);
  row->addSpacing(spacing::kSmall);
  row->addWidget(speed_);
  loop_ = button(tr("Loop"));
  loop_->setCheckable(true);
  loop_->setToolTip(tr("Repeat from the start"));
  row->addSpacing(spacing::kSmall);
  row->addWidget(counter_);
  row->addStretch(1);

  speed_->setAccessibleName(tr("Speed"));
  speed_->setToolTip(tr("Playback speed"));
  for (const double speed : kSpeeds) speed_->addItem(QLocale().toString(speed) + QChar(0x00d7), speed);
  set_speed(1);
  counter_->setAccessibleName(tr("Frame counter"));
  counter_->setFont(Theme::number_font(Theme::instance().body_font()));

  connect(first_, &QToolButton::clicked, this, &PlaybackBar::first_requested);
  connect(last_, &QToolButton::clicked, this, &PlaybackBar::last_requested);
  connect(back_, &QToolButton::clicked, this, [this] { Q_EMIT step_requested(-1); });
  connect(forward_, &QToolButton::clicked, this, [this] { Q_EMIT step_requested(1); });
  connect(play_, &QToolButton::clicked, this, [this] {
    set_playing(!playing_);
    Q_EMIT play_toggled(playing_);
  });
  connect(speed_, &QComboBox::currentIndexChanged, this, [this] { Q_EMIT speed_changed(speed()); });
  connect(loop_, &QToolButton::toggled, this, &PlaybackBar::loop_toggled);
  connect(session, &Session::current_frame_changed, this, &PlaybackBar::update_counter);
  connect(session, &Session::episode_changed, this, &PlaybackBar::update_counter);
  connect(session->live(), &LiveSession::frames_added, this, &PlaybackBar::update_counter);
  connect(&Theme::instance(), &Theme::changed, this, &PlaybackBar::update_icons);
  update_icons();
  update_counter();
}

double PlaybackBar::speed() const { return speed_->currentData().toDouble(); }
bool PlaybackBar::loop() const { return loop_->isChecked(); }
QString PlaybackBar::counter_text() const { return counter_->text(); }

void PlaybackBar::set_playing(bool playing) {
  if (playing == playing_) return;
  playing_ = playing;
  play_->setAccessibleName(playing ? tr("Pause") : tr("Play"));
  play_->setToolTip(play_->accessibleName());
  update_icons();
}

void PlaybackBar::set_speed(double speed) {
  const QSignalBlocker quiet(speed_);
  int nearest = 0;
  for (int i = 1; i < static_cast<int>(kSpeeds.size()); ++i) {
    const auto distance = [speed](int place) {
      return std::abs(std::log2(std::max(speed, 1e-3) / kSpeeds[static_cast<std::size_t>(place)]));
    };
    if (distance(i) < distance(nearest)) nearest = i;
  }
  speed_->setCurrentIndex(nearest);
}

void PlaybackBar::set_loop(bool loop) {
  const QSignalBlocker quiet(loop_);
  loop_->setChecked(loop);
  update_icons();
}

void PlaybackBar::update_counter() {
  const qint64 count = session_->frame_count(), frame = session_->current_frame();
  const bool any = count > 0 && frame >= 0;
  for (QWidget* control : std::initializer_list<QWidget*>{first_, back_, play_, forward_, last_, speed_, loop_}) {
    control->setEnabled(any);
  }
  const FrameSource* episode = session_->episode();
  if (!any || !episode) {
    counter_->setText(tr("no episode"));
    counter_->setMinimumWidth(0);
    return;
  }
  const double rate = episode->info().frames_per_second > 0 ? episode->info().frames_per_second : 30;
  const auto text = [&](qint64 at) {
    return tr("frame %1 of 0–%2 · %3")
        .arg(format_count(at), format_count(count - 1), format_time(static_cast<double>(at) / rate));
  };
  counter_->setText(text(frame));
  // The last frame's text is the widest, so neighbours do not move while playing.
  counter_->setMinimumWidth(counter_->fontMetrics().horizontalAdvance(text(count - 1)));
}

void PlaybackBar::update_icons() {
  const QColor ink = Theme::instance().colors().text;
  first_->setIcon(glyph_icon(Glyph::first, ink));
  back_->setIcon(glyph_icon(Glyph::back, ink));
  play_->setIcon(glyph_icon(playing_ ? Glyph::pause : Glyph::play, ink));
  forward_->setIcon(glyph_icon(Glyph::forward, ink));
  last_->setIcon(glyph_icon(Glyph::last, ink));
  loop_->setIcon(glyph_icon(Glyph::loop, ink));
}

}  // namespace deer
