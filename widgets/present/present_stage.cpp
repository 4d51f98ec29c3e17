// SPDX-License-Identifier: GPL-3.0-or-later
// Painting of the stage.
#include <QPainter>
#include <QStyle>
#include <algorithm>
#include <cmath>

#include "widgets/base/theme.h"
#include "widgets/present/present_view.h"

namespace deer {
namespace {

constexpr qint64 kRoomForGrowth = 300;  // frames; doubled as needed

}  // namespace

// Inputs of the layout.
QString PresentView::layout_key() const {
  QStringList parts{QStringLiteral("%1x%2@%3").arg(width()).arg(height()).arg(logicalDpiY()),
                    QString::number(aspect_),
                    QString::number(layers_),
                    QString::number(exit_depths_.size()),
                    frame_.tasks ? QStringLiteral("tasks") : frame_.instruction,
                    frame_.instruction.isEmpty() ? QString() : QStringLiteral("instruction"),
                    QString::number(static_cast<int>(layoutDirection()))};
  for (const auto& block : blocks()) {
    parts << QString::number(std::max(block.number.size(), block.widest.size()));
  }
  return parts.join(u'|');
}

void PresentView::draw_text(QPainter& painter, const QRect& area, int flags, const QString& text) {
  if (text.isEmpty()) return;
  QRect used;
  painter.drawText(area, flags, text, &used);
  layout_.note_text(used, area);
}

void PresentView::paintEvent(QPaintEvent*) {
  if (const auto key = layout_key(); key != laid_out_for_) {
    layout_ = PresentLayout::of(
        {size(), logicalDpiY(), layoutDirection(), aspect_, blocks(), frame_.tasks && !frame_.instruction.isEmpty()});
    laid_out_for_ = key;
  }
  layout_.texts.clear();
  layout_.cut = false;
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.fillRect(rect(), stage_color());
  paint_picture(painter);
  const auto all = blocks();
  for (std::size_t i = 0; i < layout_.blocks.size(); ++i) paint_block(painter, all[i], layout_.blocks[i]);
  if (frame_.tasks) {
    painter.setFont(stage_font(layout_.instruction_px, false));
    painter.setPen(Theme::instance().colors().muted_text);
    draw_text(painter, layout_.instruction, Qt::AlignLeft | Qt::AlignVCenter | Qt::TextSingleLine,
              painter.fontMetrics().elidedText(frame_.instruction, Qt::ElideRight, layout_.instruction.width()));
  }
  paint_bar(painter);
  paint_legend(painter);
  paint_line(painter);
  if (!frame_.picture.isNull()) Q_EMIT painted(frame_.frame);
}

void PresentView::paint_picture(QPainter& painter) {
  const auto& target = layout_.picture;
  if (target.width() < 2 || target.height() < 2) return;
  const auto& colors = Theme::instance().colors();
  if (frame_.picture.isNull()) {
    painter.fillRect(target, Theme::mix(stage_color(), colors.text, 0.06));
    painter.setPen(colors.muted_text);
    painter.setFont(stage_font(layout_.instruction_px, false));
    draw_text(painter, target.adjusted(spacing::kMedium, spacing::kMedium, -spacing::kMedium, -spacing::kMedium),
              Qt::AlignCenter | Qt::TextWordWrap, frame_.note);
    return;
  }
  const auto pixels = target.size() * painter.device()->devicePixelRatioF();
  if (pixels.width() < frame_.picture.width()) {
    // QPainter's smooth scaling skips pixels when shrinking.
    painter.drawImage(target, frame_.picture.scaled(pixels, Qt::IgnoreAspectRatio, Qt::SmoothTransformation));
    return;
  }
  painter.setRenderHint(QPainter::SmoothPixmapTransform);
  painter.drawImage(target, frame_.picture);
}

void PresentView::paint_block(QPainter& painter, const PresentBlock& block, const QRect& at) {
  const auto& colors = Theme::instance().colors();
  const auto words = stage_font(layout_.word_px, false);
  if (block.number.isEmpty()) {
    // Always fits: uses smaller type first and drops words last.
    auto font = words;
    auto text = block.words;
    const auto fits = [&] {
      const auto used = QFontMetrics(font).boundingRect(QRect(0, 0, at.width(), 1 << 20), Qt::TextWordWrap, text);
      return used.width() <= at.width() && used.height() <= at.height();
    };
    while (!fits() && font.pixelSize() > layout_.instruction_px) font.setPixelSize(font.pixelSize() - 1);
    while (!fits() && text.size() > 2) text = text.left(text.size() * 9 / 10 - 1).trimmed() + QChar(0x2026);
    painter.setFont(font);
    painter.setPen(colors.text);
    return draw_text(painter, at, Qt::AlignLeft | Qt::AlignVCenter | Qt::TextWordWrap, text);
  }
  const auto large = stage_font(layout_.number_px, block.strong);
  const int high = stage_number_height(layout_.number_px);
  const bool leading = layoutDirection() == Qt::LeftToRight;
  const int side = Qt::AlignAbsolute | Qt::TextSingleLine | (leading ? Qt::AlignLeft : Qt::AlignRight);
  const int width = QFontMetrics(large).horizontalAdvance(block.number);
  const QRect number(leading ? at.left() : at.right() + 1 - width, at.top(), width, high);
  painter.setFont(large);
  painter.setPen(block.color);
  painter.drawText(QPoint(number.left(), at.top() + high), block.number);
  layout_.note_text(number, at);
  painter.setFont(words);
  painter.setPen(colors.muted_text);
  draw_text(painter, QRect(at.left(), at.top() + high, at.width(), stage_line_height(layout_.word_px)),
            side | Qt::AlignBottom, block.words);
}

void PresentView::paint_bar(QPainter& painter) const {
  const auto& bar = layout_.bar;
  const auto& colors = Theme::instance().colors();
  painter.fillRect(bar, Theme::mix(stage_color(), colors.text, 0.1));
  auto total = static_cast<qint64>(depths_.size());
  if (growing_) {
    qint64 room = kRoomForGrowth;
    while (room < total) room *= 2;
    total = room;
  }
  const int most = std::max(layers_, 1);
  const qint64 end = std::min(frame_.frame + 1, static_cast<qint64>(depths_.size()));
  if (total <= 0 || end <= 0) return;
  painter.setRenderHint(QPainter::Antialiasing, false);
  const bool leading = layoutDirection() == Qt::LeftToRight;
  const auto fill = [&](int from, int to, int depth) {
    const int high = std::max(1, static_cast<int>(std::lround(static_cast<double>(bar.height()) * depth / most)));
    const int left = leading ? bar.left() + from : bar.right() + 1 - to;
    painter.fillRect(left, bar.bottom() + 1 - std::min(high, bar.height()), to - from, std::min(high, bar.height()),
                     color_of_depth(depth));
  };
  const auto place = [&](qint64 frame) { return static_cast<int>(frame * bar.width() / total); };
  const bool gaps = bar.width() / total >= 6;
  // Where frames share a column of pixels, show the deepest and the shallowest.
  for (qint64 first = 0; first < end;) {
    const int left = place(first);
    int deepest = 0, shallowest = 0;
    qint64 next = first;
    do {
      const int depth = depths_[static_cast<std::size_t>(next++)];
      if (depth == 0) continue;
      deepest = std::max(deepest, depth);
      shallowest = shallowest == 0 ? depth : std::min(shallowest, depth);
    } while (next < end && place(next) == left);
    const int right = std::max(place(next), left + 1) - (gaps ? 1 : 0);
    if (deepest > 0) fill(left, right, deepest);
    if (shallowest > 0 && shallowest < deepest) fill(left, right, shallowest);
    first = next;
  }
  painter.setRenderHint(QPainter::Antialiasing);
}

void PresentView::paint_legend(QPainter& painter) {
  if (exit_depths_.empty()) return;
  const auto& theme = Theme::instance();
  painter.setFont(stage_font(layout_.small_px, false));
  const auto metrics = painter.fontMetrics();
  const auto name = tr("depth");
  const int chip = metrics.horizontalAdvance(QString::number(exit_depths_.back())) + 2 * spacing::kTiny;
  const int step = chip + spacing::kTiny / 2;
  // If not all exits fit, label every second one and so on, and always the deepest.
  const int room = layout_.legend.width() * 2 / 3 - metrics.horizontalAdvance(name) - spacing::kSmall;
  const int count = static_cast<int>(exit_depths_.size());
  int stride = 1;
  while (stride < count && (count + stride - 1) / stride * step > room) ++stride;
  const int shown = (count + stride - 1) / stride;
  const int all = metrics.horizontalAdvance(name) + spacing::kSmall + shown * step;
  const bool leading = layoutDirection() == Qt::LeftToRight;
  const auto& row = layout_.legend;
  int x = leading ? row.right() + 1 - all : row.left();
  layout_.line =
      QStyle::visualRect(layoutDirection(), rect(),
                         QRect(layout_.bar.left(), row.top(), row.width() - all - 2 * spacing::kHuge, row.height()));
  const auto put_name = [&] {
    painter.setPen(theme.colors().muted_text);
    draw_text(painter, QRect(x, row.top(), metrics.horizontalAdvance(name) + 1, row.height()),
              Qt::AlignAbsolute | Qt::AlignLeft | Qt::AlignVCenter | Qt::TextSingleLine, name);
    x += metrics.horizontalAdvance(name) + spacing::kSmall;
  };
  if (leading) put_name();
  for (int i = 0; i < shown; ++i) {
    const int at = leading ? i : shown - 1 - i;
    const int exit = count - 1 - (shown - 1 - at) * stride;
    const auto color = theme.exit_color(exit, count);
    const QRect box(x, row.top() + 1, chip, row.height() - 2);
    painter.setPen(Qt::NoPen);
    painter.setBrush(color);
    painter.drawRoundedRect(box, 3, 3);
    painter.setPen(Theme::text_on(color));
    draw_text(painter, box, Qt::AlignCenter | Qt::TextSingleLine,
              QString::number(exit_depths_[static_cast<std::size_t>(exit)]));
    x += step;
  }
  if (!leading) {
    x += spacing::kSmall;
    put_name();
  }
}

void PresentView::paint_line(QPainter& painter) {
  const auto& colors = Theme::instance().colors();
  const auto& text = frame_.problem.isEmpty() ? hint_ : frame_.problem;
  painter.setFont(stage_font(layout_.small_px, false));
  painter.setPen(frame_.problem.isEmpty() ? colors.muted_text : colors.error);
  draw_text(painter, layout_.line, Qt::AlignLeft | Qt::AlignVCenter | Qt::TextSingleLine,
            painter.fontMetrics().elidedText(text, Qt::ElideRight, layout_.line.width()));
}

}  // namespace deer
