// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/bars/status_line.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QToolButton>
#include <algorithm>

#include "sessions/analysis/process_memory.h"
#include "sessions/base/paths.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

QLabel* add_label(QHBoxLayout* layout, const QString& name) {
  auto* const label = new QLabel;
  label->setAccessibleName(name);
  label->setFont(Theme::number_font(Theme::instance().label_font()));
  label->setTextFormat(Qt::PlainText);
  layout->addWidget(label);
  return label;
}

QString ms(double value) { return format_fixed(value, value < 100 ? 1 : 0); }

}  // namespace

ActivityLine::ActivityLine(Session* session, QWidget* parent) : QWidget(parent), session_(session) {
  auto* const layout = new QHBoxLayout(this);
  layout->setContentsMargins(spacing::kSmall, 0, 0, 0);
  layout->setSpacing(spacing::kSmall);
  text_ = add_label(layout, tr("Current operation"));
  text_->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  layout->setStretchFactor(text_, 1);
  bar_ = new QProgressBar;
  bar_->setAccessibleName(tr("Progress"));
  bar_->setTextVisible(false);
  bar_->setFixedSize(96, 8);
  layout->addWidget(bar_);
  cancel_ = new QToolButton;
  cancel_->setText(tr("Cancel"));
  cancel_->setAccessibleName(tr("Cancel current operation"));
  cancel_->setToolTip(tr("Cancel current operation (Esc)"));
  cancel_->setFocusPolicy(Qt::TabFocus);
  cancel_->setFont(Theme::instance().label_font());
  layout->addWidget(cancel_);
  connect(cancel_, &QToolButton::clicked, this, &ActivityLine::cancel_requested);
  connect(session_, &Session::activity_changed, this, &ActivityLine::refresh);
  connect(session_, &Session::episode_changed, this, &ActivityLine::refresh);
  refresh();
}

QString ActivityLine::text() const { return text_->text(); }

void ActivityLine::refresh() {
  const bool idle = session_->activity() == Session::Activity::idle;
  // A live run has its own controls, and nothing to wait for.
  const bool waits = !idle && session_->activity() != Session::Activity::live;
  bar_->setVisible(waits);
  cancel_->setVisible(waits);
  if (!idle) {
    text_->setText(session_->progress().text);
    const double progress = session_->progress().fraction;
    bar_->setRange(0, progress < 0 ? 0 : 1000);
    if (progress >= 0) bar_->setValue(int(progress * 1000));
    return;
  }
  const auto frames = session_->frame_count();
  const auto done = session_->evaluated_count();
  if (frames == 0) {
    text_->setText(tr("Ready"));
  } else if (done == 0 && frames == 1) {
    text_->setText(tr("1 frame, not evaluated"));
  } else if (done == 0) {
    text_->setText(tr("%1 frames, none evaluated").arg(format_count(frames)));
  } else if (done < frames) {
    text_->setText(tr("%1 of %2 frames evaluated").arg(format_count(done), format_count(frames)));
  } else {
    text_->setText(tr("All %1 frames evaluated").arg(format_count(frames)));
  }
}

FactsLine::FactsLine(Session* session, QWidget* parent) : QWidget(parent), session_(session) {
  auto* const layout = new QHBoxLayout(this);
  layout->setContentsMargins(0, 0, spacing::kSmall, 0);
  layout->setSpacing(spacing::kLarge);
  times_ = add_label(layout, tr("Time of the current frame"));
  times_->setAlignment(Qt::AlignTrailing | Qt::AlignVCenter);
  model_ = add_label(layout, tr("Model"));
  device_ = add_label(layout, tr("Device and number format"));
  memory_ = add_label(layout, tr("Memory in use"));
  memory_->setToolTip(tr("Memory used by Deerscope"));
  connect(session_, &Session::model_changed, this, &FactsLine::show_model);
  connect(session_, &Session::current_frame_changed, this, &FactsLine::show_times);
  connect(session_, &Session::episode_changed, this, &FactsLine::show_times);
  connect(session_, &Session::records_changed, this, [this](qint64 first, qint64 last) {
    if (session_->current_frame() >= first && session_->current_frame() <= last) show_times();
  });
  connect(&timer_, &QTimer::timeout, this, &FactsLine::show_memory);
  timer_.start(1000);
  show_model();
  show_times();
  show_memory();
}

QString FactsLine::text() const {
  return QStringList{times_->text(), model_->text(), device_->text(), memory_->text()}.join(u' ');
}

void FactsLine::show_model() {
  const auto* const model = session_->model();
  device_->setVisible(model);
  if (!model) return model_->setText(tr("No model"));
  const auto name = QString::fromStdString(model->name);
  model_->setText(tr("%1 (%2 exits)").arg(name.left(32)).arg(model->exit_layers.size()));
  model_->setToolTip(tr("%1\n%2, %3 layers in memory, width %4\n%5 parameters, %6 of weights\nloaded in %7")
                         .arg(to_qstring(model->path), QString::fromStdString(model->family))
                         .arg(model->layers)
                         .arg(model->d_model)
                         .arg(format_count(model->parameters), format_bytes(double(model->weight_bytes)),
                              format_quantity(model->load_ms / 1000, tr("s"))));
  device_->setText(QString::fromStdString(model->device + " · " + model->dtype));
}

void FactsLine::show_times() {
  const auto record = session_->record(session_->current_frame());
  times_->setVisible(record != nullptr);
  if (!record) return;
  const auto& t = record->times;
  // A replay runs the action head alone.
  const bool replayed = t.vision_ms <= 0 && t.llm_ms <= 0;
  const auto text = replayed
                        ? tr("replayed: head %1 ms").arg(ms(t.head_ms))
                        : tr("frame %1 ms: vision %2, LLM %3, head %4")
                              .arg(ms(t.total_ms()), ms(t.vision_ms + t.resampler_ms), ms(t.llm_ms), ms(t.head_ms));
  // It only grows: a label of fixed size does not lay out the window anew with every frame.
  if (const int wide = times_->fontMetrics().horizontalAdvance(text) + 1;
      times_->minimumWidth() != times_->maximumWidth() || wide > times_->width()) {
    times_->setFixedSize(std::max(wide, times_->minimumWidth()), times_->fontMetrics().height());
  }
  times_->setText(text);
  times_->setToolTip(tr("Preprocessing %1 ms, vision %2 ms, resampler %3 ms, language model %4 ms, action head %5 ms")
                         .arg(ms(t.preprocess_ms), ms(t.vision_ms), ms(t.resampler_ms), ms(t.llm_ms), ms(t.head_ms)));
}

void FactsLine::show_memory() {
  const auto bytes = resident_bytes();
  memory_->setVisible(bytes > 0);
  if (bytes > 0) memory_->setText(tr("RAM %1").arg(format_bytes(double(bytes))));
}

}  // namespace deer
