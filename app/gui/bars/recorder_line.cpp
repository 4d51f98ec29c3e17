// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/bars/recorder_line.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QToolButton>

#include "sessions/base/paths.h"
#include "sessions/recording/recorder.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {

RecorderLine::RecorderLine(Recorder* recorder, QWidget* parent)
    : QWidget(parent), recorder_(recorder), mark_(new QLabel), text_(new QLabel), stop_(new QToolButton) {
  setAccessibleName(tr("Recording"));
  mark_->setAccessibleName(tr("Recording mark"));
  text_->setAccessibleName(tr("State of the recording"));
  text_->setTextFormat(Qt::PlainText);
  stop_->setFocusPolicy(Qt::TabFocus);
  auto* const row = new QHBoxLayout(this);
  row->setContentsMargins(0, 0, spacing::kSmall, 0);
  row->setSpacing(spacing::kTiny);
  row->addWidget(mark_);
  row->addWidget(text_);
  row->addWidget(stop_);
  connect(stop_, &QToolButton::clicked, this,
          [this] { recorder_->saving() ? recorder_->cancel_saving() : recorder_->stop(); });
  connect(recorder_, &Recorder::changed, this, &RecorderLine::refresh);
  connect(recorder_, &Recorder::finished, this, [this](const std::filesystem::path& file, qint64 frames) {
    last_ = tr("%1: %2 frames").arg(to_qstring(file.filename()), format_count(frames));
    setToolTip(to_qstring(file));
    refresh();
  });
  connect(&Theme::instance(), &Theme::changed, this, &RecorderLine::restyle);
  restyle();
}

QString RecorderLine::text() const { return text_->text(); }

void RecorderLine::refresh() {
  const bool recording = recorder_->recording();
  const bool saving = recorder_->saving();
  const auto waiting = recorder_->waiting();
  QString text = last_;
  if (saving) {
    text = tr("Saving %1 of %2 frames").arg(format_count(recorder_->saved()), format_count(recorder_->to_save()));
  } else if (recorder_->closing()) {
    text = tr("Writing the last %1 frames").arg(format_count(waiting));
  } else if (recording && recorder_->frames() == 0 && waiting == 0) {
    text = tr("Recording starts with the next run");
  } else if (recording) {
    // A few frames always wait; a number that flickers is no help.
    constexpr qint64 kFew = 100;
    text = tr("Recording: %1 frames").arg(format_count(recorder_->frames()));
    if (waiting > kFew) text += tr(", %1 waiting").arg(format_count(waiting));
  }
  if (recording) setToolTip(to_qstring(recorder_->file()));
  mark_->setVisible(recording);
  text_->setText(text);
  stop_->setVisible(recording || saving);
  const auto what = saving ? tr("Cancel saving the trace") : tr("Stop recording");
  stop_->setText(saving ? tr("Cancel") : tr("Stop"));
  stop_->setAccessibleName(what);
  stop_->setToolTip(what);
  setVisible(!text.isEmpty());
}

void RecorderLine::restyle() {
  const auto& theme = Theme::instance();
  text_->setFont(Theme::number_font(theme.label_font()));
  stop_->setFont(theme.label_font());
  mark_->setText(QStringLiteral("●"));
  auto palette = mark_->palette();
  palette.setColor(QPalette::WindowText, theme.colors().error);
  mark_->setPalette(palette);
  refresh();
}

}  // namespace deer
