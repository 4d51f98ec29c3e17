// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/analysis/stage_bars.h"

#include <QHelpEvent>
#include <QPainter>
#include <QStyle>
#include <QToolTip>
#include <algorithm>
#include <array>
#include <cmath>

#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

struct Stage {
  QString name;
  QString explanation;
  double ms;
};

QString vision_text(const StageTimes& times) {
  const auto text = StageBars::tr("The image encoder, run once per camera.");
  if (times.reused_pictures == 0) return text;
  return text + u'\n' +
         (times.reused_pictures > 1
              ? StageBars::tr("Here both pictures were those of the previous frame: not run again.")
              : StageBars::tr("Here one picture was that of the previous frame: not run again."));
}

std::array<Stage, 5> stages_of(const StageTimes& times) {
  return {{
      {StageBars::tr("preprocess"), StageBars::tr("Scaling and cropping the images."), times.preprocess_ms},
      {StageBars::tr("vision"), vision_text(times), times.vision_ms},
      {StageBars::tr("resampler"), StageBars::tr("The Perceiver that condenses each image."), times.resampler_ms},
      {StageBars::tr("LLM"), StageBars::tr("The language model’s layers, which early exit reduces."), times.llm_ms},
      {StageBars::tr("head"), StageBars::tr("The action head, run at each evaluated exit."), times.head_ms},
  }};
}

/// A replay runs the head alone: the other stages have no time.
QString time_text(double ms) {
  if (ms <= 0) return QStringLiteral("–");
  return format_fixed(ms, ms >= 1 ? 1 : 2) + QChar(0x00a0) + StageBars::tr("ms");
}

}  // namespace

StageBars::StageBars(QWidget* parent) : QWidget(parent) {
  setAccessibleName(tr("Time by stage"));
  setFont(Theme::number_font(Theme::instance().body_font()));
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  connect(&Theme::instance(), &Theme::changed, this, qOverload<>(&QWidget::update));
}

void StageBars::set_times(const StageTimes& times) {
  times_ = times;
  QStringList lines;
  for (const Stage& stage : stages_of(times)) lines << stage.name + QLatin1Char(' ') + time_text(stage.ms);
  setAccessibleDescription(lines.join(QLatin1Char('\n')));
  update();
}

int StageBars::row_height() const { return fontMetrics().height() + spacing::kTiny; }
QSize StageBars::sizeHint() const { return {260, 6 * row_height()}; }
QSize StageBars::minimumSizeHint() const { return {160, 6 * row_height()}; }

void StageBars::paintEvent(QPaintEvent*) {
  const ThemeColors& colors = Theme::instance().colors();
  QPainter painter(this);
  painter.setLayoutDirection(Qt::LeftToRight);  // number before unit; positions are mirrored explicitly
  const QFontMetrics metrics = fontMetrics();
  const auto stages = stages_of(times_);
  int name_width = metrics.horizontalAdvance(tr("total"));
  double largest = 0;
  for (const Stage& stage : stages) {
    name_width = std::max(name_width, metrics.horizontalAdvance(stage.name));
    largest = std::max(largest, stage.ms);
  }
  name_width += spacing::kSmall;
  const int value_width = metrics.horizontalAdvance(QStringLiteral("1 000.0 ms")) + spacing::kTiny;
  const int bar_width = std::max(0, width() - name_width - value_width - spacing::kSmall);
  const auto place = [this](int x, int row, int wide) {
    return QStyle::visualRect(layoutDirection(), rect(), QRect(x, row * row_height(), wide, row_height()));
  };
  const auto start = QStyle::visualAlignment(layoutDirection(), Qt::AlignLeft) | Qt::AlignVCenter;
  const auto end = QStyle::visualAlignment(layoutDirection(), Qt::AlignRight) | Qt::AlignVCenter;
  for (int row = 0; row < static_cast<int>(stages.size()); ++row) {
    const Stage& stage = stages[static_cast<std::size_t>(row)];
    painter.setPen(colors.muted_text);
    painter.drawText(place(0, row, name_width), start, stage.name);
    const double share = largest > 0 ? stage.ms / largest : 0;
    const QRect bar = place(name_width, row, static_cast<int>(std::lround(share * bar_width)));
    painter.fillRect(bar.adjusted(0, spacing::kTiny, 0, -spacing::kTiny), colors.muted_text);
    painter.setPen(stage.ms > 0 ? colors.text : colors.muted_text);
    painter.drawText(place(width() - value_width, row, value_width), end, time_text(stage.ms));
  }
  const int last = static_cast<int>(stages.size());
  painter.setPen(colors.hairline);
  painter.drawLine(0, last * row_height(), width(), last * row_height());
  painter.setPen(colors.text);
  painter.drawText(place(0, last, name_width), start, tr("total"));
  const bool complete = std::all_of(stages.begin(), stages.end(), [](const Stage& stage) { return stage.ms > 0; });
  painter.setPen(complete ? colors.text : colors.muted_text);
  painter.drawText(place(name_width, last, width() - name_width), end,
                   complete ? time_text(times_.total_ms()) : tr("not measured: replayed"));
}

bool StageBars::event(QEvent* event) {
  if (event->type() == QEvent::ToolTip) {
    auto* help = static_cast<QHelpEvent*>(event);
    const int row = help->pos().y() / row_height();
    const auto stages = stages_of(times_);
    if (row >= 0 && row < static_cast<int>(stages.size())) {
      const Stage& stage = stages[static_cast<std::size_t>(row)];
      QToolTip::showText(help->globalPos(), stage.name + QLatin1String(": ") + stage.explanation, this);
    } else {
      QToolTip::hideText();
    }
    return true;
  }
  return QWidget::event(event);
}

}  // namespace deer
