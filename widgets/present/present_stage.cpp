// SPDX-License-Identifier: GPL-3.0-or-later
// Layout and painting of the stage.
#include <QPainter>
#include <QStyle>
#include <algorithm>
#include <cmath>

#include "widgets/base/theme.h"
#include "widgets/present/present_view.h"

namespace deer {
namespace {

constexpr double kLeastPoints = 28;  // of numbers and their labels
constexpr double kInstructionPoints = 14, kSmallPoints = 11;
constexpr int kLeastPixels = 8;         // in windows too small for the normal sizes
constexpr int kInstructionLines = 3;    // of the instruction, when it replaces a number
constexpr qint64 kRoomForGrowth = 300;  // frames; doubled as needed

QFont sized(int pixels, bool strong) {
  auto font = Theme::number_font(Theme::instance().body_font());
  font.setPixelSize(pixels);
  if (strong) font.setWeight(QFont::DemiBold);
  return font;
}

// With one pixel for rounding at each edge.
int line_height(int pixels) { return QFontMetrics(sized(pixels, false)).height() + 2; }
// For numbers, which have no descenders.
int number_height(int pixels) { return QFontMetrics(sized(pixels, true)).ascent(); }

}  // namespace

int PresentView::pixels(double points) const { return static_cast<int>(std::ceil(points * logicalDpiY() / 72)); }

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

QSize PresentView::block_size(const Block& block, int number_px, int word_px, int room) const {
  if (block.number.isEmpty()) return {room, kInstructionLines * line_height(word_px)};
  const QFontMetrics number(sized(number_px, true)), words(sized(word_px, false));
  int width = std::max(number.horizontalAdvance(block.number), number.horizontalAdvance(block.widest));
  width = std::max(width, words.horizontalAdvance(block.words));
  for (const auto& other : block.other_words) width = std::max(width, words.horizontalAdvance(other));
  return {width + 1, number_height(number_px) + line_height(word_px)};
}

// Stacks the numbers as large as possible. False if they would be smaller than `least_ratio` times their labels, or the
// labels smaller than `least_px`.
bool PresentView::place_blocks(Layout& layout, const QRect& area, double least_ratio, int least_px) const {
  const auto all = blocks();
  const auto count = static_cast<int>(all.size());
  const auto height_of = [&](int number_px, int word_px) {
    int height = 0;
    for (const auto& block : all) {
      const auto size = block_size(block, number_px, word_px, area.width());
      if (size.width() > area.width()) return area.height() + 1;
      height += size.height();
    }
    return height;
  };
  const auto fits = [&](int number_px, int word_px) {
    return height_of(number_px, word_px) + (count - 1) * word_px / 2 <= area.height();
  };
  const int stage = stage_side();
  int word = std::max(least_px, stage * 46 / 1000);
  while (word > least_px && !fits(static_cast<int>(word * least_ratio), word)) --word;
  int number = static_cast<int>(word * least_ratio);
  if (!fits(number, word)) return false;
  while (number < stage * 21 / 100 && fits(number + 2, word)) number += 2;

  layout.number_px = number;
  layout.word_px = word;
  const int rest = area.height() - height_of(number, word);
  const int between = std::min(rest / count, 2 * word);
  int y = area.top() + (rest - between * (count - 1)) / 2;
  layout.blocks.clear();
  for (const auto& block : all) {
    const int height = block_size(block, number, word, area.width()).height();
    layout.blocks.emplace_back(area.left(), y, area.width(), height);
    y += height + between;
  }
  return true;
}

// The image beside the numbers, or above them.
bool PresentView::place_picture(Layout& layout, const QRect& body, bool above, double share, double least_ratio,
                                int least_px) const {
  const int gap = body.left();
  const QSize room(above ? body.width() : static_cast<int>(body.width() * share),
                   above ? static_cast<int>(body.height() * share) : body.height());
  const auto picture = QSizeF(aspect_, 1).scaled(room, Qt::KeepAspectRatio).toSize();
  auto area = body;
  above ? area.setTop(body.top() + picture.height() + gap) : area.setLeft(body.left() + picture.width() + 2 * gap);
  if (!place_blocks(layout, area, least_ratio, least_px)) return false;
  const QPoint middle((body.width() - picture.width()) / 2, (body.height() - picture.height()) / 2);
  layout.picture = QRect(body.topLeft() + (above ? QPoint(middle.x(), 0) : QPoint(0, middle.y())), picture);
  return true;
}

int PresentView::stage_side() const { return std::min(width() * 10 / 16, height()); }

void PresentView::make_layout() {
  const int stage = stage_side();
  const int margin = std::max<int>(spacing::kMedium, stage * 3 / 100);
  Layout layout;
  // Everything shrinks in windows that are too small.
  const auto wanted = [&](double points, int thousandths) {
    return std::clamp(std::max(pixels(points), stage * thousandths / 1000), kLeastPixels,
                      std::max(kLeastPixels, stage * 5 / 100));
  };
  layout.small_px = wanted(kSmallPoints, 18);
  layout.instruction_px = wanted(kInstructionPoints, 26);
  const int row = line_height(layout.small_px) * 5 / 4;
  const int bar = std::max(3 * spacing::kSmall, stage * 9 / 100);
  int bottom = height() - margin / 2;
  const QRect lowest(margin, bottom - row, width() - 2 * margin, row);
  layout.legend = layout.line = lowest;
  bottom -= row + spacing::kSmall;
  layout.bar = QRect(margin, bottom - bar, lowest.width(), bar);
  bottom -= bar + margin / 2;
  if (frame_.tasks && !frame_.instruction.isEmpty()) {
    const int height = line_height(layout.instruction_px);
    layout.instruction = QRect(margin, bottom - height, lowest.width(), height);
    bottom -= height + margin / 2;
  }
  const QRect body(margin, margin, lowest.width(), std::max(bottom - margin, 1));

  const bool above = width() < height();
  const auto place = [&](double ratio, int least_px) {
    for (const double share : {0.62, 0.54, 0.46, 0.38, 0.3}) {
      if (place_picture(layout, body, above, share, ratio, least_px)) return true;
    }
    return false;
  };
  bool placed = place(1.6, pixels(kLeastPoints)) || place(1, pixels(kLeastPoints));
  for (int px = pixels(kLeastPoints) - 1; !placed && px >= kLeastPixels; --px) placed = place(1, px);

  for (auto* const one : {&layout.picture, &layout.legend, &layout.line, &layout.instruction}) {
    *one = QStyle::visualRect(layoutDirection(), rect(), *one);
  }
  for (auto& one : layout.blocks) one = QStyle::visualRect(layoutDirection(), rect(), one);
  layout_ = std::move(layout);
}

void PresentView::note_text(const QRect& used, const QRect& area) {
  layout_.texts.push_back(used);
  layout_.cut = layout_.cut || used.width() > area.width() || used.height() > area.height();
}

void PresentView::draw_text(QPainter& painter, const QRect& area, int flags, const QString& text) {
  if (text.isEmpty()) return;
  QRect used;
  painter.drawText(area, flags, text, &used);
  note_text(used, area);
}

void PresentView::paintEvent(QPaintEvent*) {
  if (const auto key = layout_key(); key != laid_out_for_) {
    make_layout();
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
    painter.setFont(sized(layout_.instruction_px, false));
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
    painter.setFont(sized(layout_.instruction_px, false));
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

void PresentView::paint_block(QPainter& painter, const Block& block, const QRect& at) {
  const auto& colors = Theme::instance().colors();
  const auto words = sized(layout_.word_px, false);
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
  const auto large = sized(layout_.number_px, block.strong);
  const int high = number_height(layout_.number_px);
  const bool leading = layoutDirection() == Qt::LeftToRight;
  const int side = Qt::AlignAbsolute | Qt::TextSingleLine | (leading ? Qt::AlignLeft : Qt::AlignRight);
  const int width = QFontMetrics(large).horizontalAdvance(block.number);
  const QRect number(leading ? at.left() : at.right() + 1 - width, at.top(), width, high);
  painter.setFont(large);
  painter.setPen(block.color);
  painter.drawText(QPoint(number.left(), at.top() + high), block.number);
  note_text(number, at);
  painter.setFont(words);
  painter.setPen(colors.muted_text);
  draw_text(painter, QRect(at.left(), at.top() + high, at.width(), line_height(layout_.word_px)),
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
  painter.setFont(sized(layout_.small_px, false));
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
  painter.setFont(sized(layout_.small_px, false));
  painter.setPen(frame_.problem.isEmpty() ? colors.muted_text : colors.error);
  draw_text(painter, layout_.line, Qt::AlignLeft | Qt::AlignVCenter | Qt::TextSingleLine,
            painter.fontMetrics().elidedText(text, Qt::ElideRight, layout_.line.width()));
}

}  // namespace deer
