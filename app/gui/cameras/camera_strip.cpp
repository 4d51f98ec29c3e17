// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/cameras/camera_strip.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>

#include "app/gui/cameras/camera_text.h"
#include "sessions/base/paths.h"
#include "sessions/recording/live_recording.h"
#include "sessions/session/live_session.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

void paint_text(QLabel* label, const QColor& color) {
  auto palette = label->palette();
  palette.setColor(QPalette::WindowText, color);
  label->setPalette(palette);
}

QColor state_color(CameraState state) {
  const auto& colors = Theme::instance().colors();
  switch (state) {
    case CameraState::live:
      return colors.text;
    case CameraState::stalled:
    case CameraState::reconnecting:
      return colors.warning;
    case CameraState::failed:
      return colors.error;
    case CameraState::connecting:
    case CameraState::ended:
      break;
  }
  return colors.muted_text;
}

}  // namespace

CameraStrip::CameraStrip(Session* session, LiveRecording* recording, QWidget* parent)
    : QWidget(parent),
      session_(session),
      recording_(recording),
      rows_{},
      skew_(new QLabel),
      latency_(new QLabel),
      recorded_(new QLabel),
      record_(new QPushButton(tr("Record…"))) {
  setAccessibleName(tr("Cameras"));
  auto* const layout = new QHBoxLayout(this);
  layout->setContentsMargins(spacing::kTiny, 0, spacing::kTiny, spacing::kTiny);
  layout->setSpacing(spacing::kSmall);
  const QString titles[2] = {tr("Static camera"), tr("Gripper camera")};
  const auto label = [&](const QString& name, const QString& tip) {
    auto* const out = new QLabel;
    out->setAccessibleName(name);
    out->setToolTip(tip);
    out->setTextFormat(Qt::PlainText);
    out->setForegroundRole(QPalette::WindowText);  // in a tool bar it would be that of buttons
    layout->addWidget(out);
    return out;
  };
  for (int i = 0; i < 2; ++i) {
    auto& row = rows_[i];
    row.name = label(titles[i], {});
    row.name->setText(i == 0 ? tr("static") : tr("gripper"));
    row.state = label(tr("%1: state").arg(titles[i]), {});
    row.rate = label(tr("%1: pictures per second").arg(titles[i]), tr("New pictures in the last second"));
    row.drops = label(tr("%1: dropped pictures").arg(titles[i]), tr("Frames dropped because the model was busy"));
    layout->addSpacing(spacing::kLarge);
  }
  skew_ = label(tr("Skew of the pair"), {});
  layout->addSpacing(spacing::kLarge);
  latency_ =
      label(tr("Latency from capture to screen"), tr("Time from capture to display, over the last 300 frames shown"));
  layout->addStretch(1);
  recorded_ = label(tr("Recording"), {});
  record_->setAccessibleName(tr("Record or stop recording"));

  connect(record_, &QPushButton::clicked, this, &CameraStrip::record_requested);
  connect(session_->live(), &LiveSession::report_changed, this, &CameraStrip::refresh);
  connect(session_, &Session::episode_changed, this, &CameraStrip::refresh);
  connect(session_, &Session::activity_changed, this, [this] {
    if (isVisibleTo(parentWidget()) == !session_->live()->is_open() || session_->live()->ended()) refresh();
  });
  connect(recording_, &LiveRecording::changed, this, &CameraStrip::refresh);
  connect(&Theme::instance(), &Theme::changed, this, &CameraStrip::restyle);
  restyle();
}

QString CameraStrip::camera_text(int camera) const {
  const auto& row = rows_[camera];
  if (row.name->isHidden()) return {};
  QStringList parts{row.state->text(), row.rate->text(), row.drops->text()};
  parts.removeAll(QString());
  return parts.join(QStringLiteral("  "));
}

QString CameraStrip::latency_text() const { return latency_->text(); }
QString CameraStrip::recording_text() const { return recorded_->text(); }

void CameraStrip::show_camera(const Row& row, const CameraReport* report) {
  for (auto* const label : {row.name, row.state, row.rate, row.drops}) label->setVisible(report != nullptr);
  if (report == nullptr) return;
  row.name->setToolTip(QString::fromStdString(report->source));
  row.state->setText(session_->live()->ended() ? tr("ended") : camera_state_text(*report));
  QStringList why;
  for (const auto& text : {report->problem, report->note}) {
    if (!text.empty()) why << QString::fromStdString(text);
  }
  if (report->reconnects > 0) why << tr("reconnected %1 times").arg(report->reconnects);
  row.state->setToolTip(why.join(u'\n'));
  row.state->setAccessibleDescription(why.join(QStringLiteral("; ")));
  paint_text(row.state, session_->live()->ended() ? Theme::instance().colors().muted_text : state_color(report->state));
  const bool runs = report->state == CameraState::live && !session_->live()->ended();
  row.rate->setText(runs ? tr("%1 Hz").arg(format_fixed(report->frames_per_second, 1)) : QString());
  row.drops->setText(tr("%1 dropped").arg(format_count(report->dropped)));
  const auto& colors = Theme::instance().colors();
  for (auto* const label : {row.name, row.rate}) paint_text(label, colors.text);
  paint_text(row.drops, report->dropped > 0 ? colors.text : colors.muted_text);
}

void CameraStrip::show_recording() {
  const auto& status = recording_->status();
  const auto& colors = Theme::instance().colors();
  const bool recording = recording_->recording();
  record_->setText(recording ? tr("Stop recording") : tr("Record…"));
  record_->setEnabled(recording || (session_->live()->is_open() && !session_->live()->ended()));
  record_->setToolTip(recording ? tr("Finish writing and close the dataset (Ctrl+Shift+R)")
                                : tr("Record live frames to a CALVIN dataset (Ctrl+Shift+R)"));
  QString text;
  if (!status.folder.empty() && (recording || !status.finished)) {
    text = recording ? tr("recording: %1 frames").arg(format_count(status.written))
                     : tr("finishing: %1 frames left").arg(format_count(status.waiting));
    if (recording && status.waiting > 0) text += tr(", %1 waiting").arg(format_bytes(double(status.waiting_bytes)));
  } else if (!status.folder.empty()) {
    text = tr("recorded %1 frames").arg(format_count(status.written));
  }
  if (status.left_out > 0) text += tr(", %1 skipped: the disk is too slow").arg(format_count(status.left_out));
  recorded_->setText(text);
  recorded_->setToolTip(to_qstring(status.folder));
  paint_text(recorded_, status.left_out > 0 || !status.problem.empty() ? colors.warning
                        : recording                                    ? colors.text
                                                                       : colors.muted_text);
}

void CameraStrip::refresh() {
  const auto& report = session_->live()->report();
  const bool recorded = !recording_->status().folder.empty() && !recording_->status().finished;
  record_->setVisible(recorded || session_->live()->is_open());
  const bool says_something = !report.cameras.empty() || !recording_->status().folder.empty();
  setVisible(recorded || (session_->live()->is_open() && says_something));
  show_recording();
  if (isHidden()) return;
  for (std::size_t i = 0; i < 2; ++i) {
    show_camera(rows_[i], i < report.cameras.size() ? &report.cameras[i] : nullptr);
  }
  skew_->setVisible(report.skew_ms.has_value());
  latency_->setVisible(!report.cameras.empty());
  if (report.skew_ms) {
    skew_->setText(tr("skew %1 ms").arg(format_fixed(*report.skew_ms, 0)));
    skew_->setToolTip(tr("Time between the two pictures of the newest pair; maximum so far %1")
                          .arg(format_quantity(report.largest_skew_ms, tr("ms"))));
  }
  const auto latency = session_->live()->latency();
  latency_->setText(latency.count == 0 ? tr("latency not measured")
                                       : tr("latency %1 ms, 95th percentile %2 ms")
                                             .arg(format_fixed(latency.median_ms, 0), format_fixed(latency.p95_ms, 0)));
  const auto& colors = Theme::instance().colors();
  for (auto* const label : {skew_, latency_}) paint_text(label, colors.text);
}

void CameraStrip::restyle() {
  const auto& theme = Theme::instance();
  const auto numbers = Theme::number_font(theme.body_font());
  auto bold = theme.body_font();
  bold.setBold(true);
  const QFontMetrics metrics(numbers);
  for (const auto& row : rows_) {
    row.name->setFont(bold);
    row.state->setFont(numbers);
    row.rate->setFont(numbers);
    row.drops->setFont(numbers);
    // Fixed widths, so that neighbours do not move as digits change.
    row.rate->setMinimumWidth(metrics.horizontalAdvance(tr("%1 Hz").arg(QStringLiteral("00.0"))));
    row.drops->setMinimumWidth(metrics.horizontalAdvance(tr("%1 dropped").arg(QStringLiteral("000"))));
  }
  for (auto* const label : {skew_, latency_, recorded_}) label->setFont(numbers);
  refresh();
}

}  // namespace deer
