// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/bars/live_bar.h"

#include <QCheckBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>

#include "app/gui/dialogs/instruction_box.h"
#include "sessions/session/live_session.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {

LiveBar::LiveBar(Session* session, QWidget* parent)
    : QWidget(parent),
      session_(session),
      state_(new QLabel),
      rate_(new QLabel),
      instruction_(new InstructionBox),
      start_(new QPushButton),
      stop_(new QPushButton(tr("Stop"))),
      newest_(new QPushButton(tr("Newest"))),
      every_exit_(new QCheckBox(tr("Every exit"))) {
  setAccessibleName(tr("Live run"));
  // A tool bar would give them the role of buttons.
  for (auto* const label : {state_, rate_}) label->setForegroundRole(QPalette::WindowText);
  state_->setAccessibleName(tr("State of the live run"));
  rate_->setAccessibleName(tr("Frames per second"));
  rate_->setAlignment(Qt::AlignTrailing | Qt::AlignVCenter);
  rate_->setToolTip(tr("Frames per second, over the last second"));
  instruction_->setAccessibleName(tr("New instruction"));
  instruction_->setMinimumWidth(120);  // the row fits into a small window
  instruction_->lineEdit()->setPlaceholderText(tr("New instruction"));
  instruction_->setToolTip(tr("What the model should do next (Ctrl+I). The policy's history is reset."));
  start_->setAccessibleName(tr("Start or pause the live run"));
  stop_->setAccessibleName(tr("Stop the live run"));
  stop_->setToolTip(tr("End the live run and keep its frames (Shift+F6)"));
  newest_->setAccessibleName(tr("Show the newest frame"));
  newest_->setToolTip(tr("Show the newest frame and follow the live run (End)"));
  every_exit_->setAccessibleName(every_exit_->text());
  every_exit_->setToolTip(
      tr("Evaluate every exit of each frame, so that other thresholds can be tried on it afterwards. Off: the model "
         "stops at the exit the policy takes, which is faster."));

  auto* const row = new QHBoxLayout(this);
  row->setContentsMargins(spacing::kTiny, 0, spacing::kTiny, 0);
  row->setSpacing(spacing::kSmall);
  row->addWidget(state_);
  row->addWidget(rate_);
  row->addSpacing(spacing::kSmall);
  row->addWidget(instruction_, 1);
  row->addWidget(every_exit_);
  row->addWidget(newest_);
  row->addWidget(start_);
  row->addWidget(stop_);

  connect(instruction_, &InstructionBox::entered, this, [this] {
    session_->live()->instruct(instruction_->instruction());
    instruction_->clearEditText();
    instruction_->setCurrentIndex(-1);
    // Space plays again.
    instruction_->lineEdit()->clearFocus();
    instruction_->clearFocus();
  });
  connect(every_exit_, &QCheckBox::toggled, this,
          [this](bool every) { session_->live()->set_mode(every ? RunMode::probe : RunMode::policy); });
  connect(start_, &QPushButton::clicked, this, [this] {
    session_->activity() == Session::Activity::live ? session_->live()->pause() : session_->run_episode();
  });
  connect(stop_, &QPushButton::clicked, session_->live(), &LiveSession::end);
  connect(newest_, &QPushButton::clicked, this, &LiveBar::newest_requested);
  connect(session_, &Session::activity_changed, this, &LiveBar::refresh);
  connect(session_, &Session::episode_changed, this, &LiveBar::refresh);
  connect(session_, &Session::model_changed, this, &LiveBar::refresh);
  connect(session_, &Session::current_frame_changed, this, &LiveBar::refresh);
  connect(&Theme::instance(), &Theme::changed, this, &LiveBar::restyle);
  restyle();
}

void LiveBar::edit_instruction() {
  instruction_->setFocus(Qt::ShortcutFocusReason);
  instruction_->lineEdit()->selectAll();
}

QString LiveBar::state_text() const { return state_->text(); }
QString LiveBar::rate_text() const { return rate_->text(); }

void LiveBar::refresh() {
  const bool live = session_->live()->is_open();
  setVisible(live);
  if (!live) return;
  const bool runs = session_->activity() == Session::Activity::live;
  const bool ended = session_->live()->ended();
  const bool needs_model = !session_->model() && session_->live()->takes_commands();
  state_->setText(ended ? tr("Ended") : runs ? tr("Live") : tr("Paused"));
  auto palette = Theme::instance().palette();
  const auto& colors = Theme::instance().colors();
  palette.setColor(QPalette::WindowText, runs ? colors.text : colors.muted_text);
  state_->setPalette(palette);
  const double rate = session_->live()->rate_hz();
  rate_->setText(runs && rate > 0 ? tr("%1 Hz").arg(format_fixed(rate, 1)) : QString());
  instruction_->setEnabled(!ended && session_->model());
  every_exit_->setChecked(session_->live()->mode() == RunMode::probe);
  every_exit_->setEnabled(session_->model() && !ended);
  newest_->setEnabled(!session_->live()->following());
  start_->setText(runs ? tr("Pause") : tr("Start"));
  start_->setToolTip(runs ? tr("Pause live run (F6)") : tr("Resume live run (F5)"));
  start_->setEnabled(!ended && !needs_model);
  stop_->setEnabled(!ended);
}

void LiveBar::restyle() {
  const auto& theme = Theme::instance();
  auto bold = theme.body_font();
  bold.setBold(true);
  state_->setFont(bold);
  rate_->setFont(Theme::number_font(theme.body_font()));
  // As wide as the widest text, so that neighbours do not move.
  const QFontMetrics words(bold);
  int widest = 0;
  for (const auto& text : {tr("Live"), tr("Paused"), tr("Ended")}) {
    widest = std::max(widest, words.horizontalAdvance(text));
  }
  state_->setMinimumWidth(widest);
  rate_->setMinimumWidth(QFontMetrics(rate_->font()).horizontalAdvance(tr("%1 Hz").arg(QStringLiteral("00.0"))));
  refresh();
}

}  // namespace deer
