// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/present/present_layout.h"

#include <QFontMetrics>
#include <QStyle>
#include <algorithm>
#include <cmath>

#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr double kLeastPoints = 28;  // of numbers and their labels
constexpr double kInstructionPoints = 14, kSmallPoints = 11;
constexpr int kLeastPixels = 8;       // in windows too small for the normal sizes
constexpr int kInstructionLines = 3;  // of the instruction, when it replaces a number

// Reference length for sizes.
int stage_side(const QSize& size) { return std::min(size.width() * 10 / 16, size.height()); }

QSize block_size(const PresentBlock& block, int number_px, int word_px, int room) {
  if (block.number.isEmpty()) return {room, kInstructionLines * stage_line_height(word_px)};
  const QFontMetrics number(stage_font(number_px, true)), words(stage_font(word_px, false));
  int width = std::max(number.horizontalAdvance(block.number), number.horizontalAdvance(block.widest));
  width = std::max(width, words.horizontalAdvance(block.words));
  for (const auto& other : block.other_words) width = std::max(width, words.horizontalAdvance(other));
  return {width + 1, stage_number_height(number_px) + stage_line_height(word_px)};
}

// Stacks the numbers as large as possible. False if they would be smaller than `least_ratio` times their labels, or the
// labels smaller than `least_px`.
bool place_blocks(PresentLayout& layout, const PresentLayout::Request& request, const QRect& area, double least_ratio,
                  int least_px) {
  const auto& all = request.blocks;
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
  const int stage = stage_side(request.size);
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
bool place_picture(PresentLayout& layout, const PresentLayout::Request& request, const QRect& body, bool above,
                   double share, double least_ratio, int least_px) {
  const int gap = body.left();
  const QSize room(above ? body.width() : static_cast<int>(body.width() * share),
                   above ? static_cast<int>(body.height() * share) : body.height());
  const auto picture = QSizeF(request.aspect, 1).scaled(room, Qt::KeepAspectRatio).toSize();
  auto area = body;
  above ? area.setTop(body.top() + picture.height() + gap) : area.setLeft(body.left() + picture.width() + 2 * gap);
  if (!place_blocks(layout, request, area, least_ratio, least_px)) return false;
  const QPoint middle((body.width() - picture.width()) / 2, (body.height() - picture.height()) / 2);
  layout.picture = QRect(body.topLeft() + (above ? QPoint(middle.x(), 0) : QPoint(0, middle.y())), picture);
  return true;
}

}  // namespace

QFont stage_font(int pixels, bool strong) {
  auto font = Theme::number_font(Theme::instance().body_font());
  font.setPixelSize(pixels);
  if (strong) font.setWeight(QFont::DemiBold);
  return font;
}

int stage_line_height(int pixels) { return QFontMetrics(stage_font(pixels, false)).height() + 2; }
int stage_number_height(int pixels) { return QFontMetrics(stage_font(pixels, true)).ascent(); }

PresentLayout PresentLayout::of(const Request& request) {
  const int width = request.size.width();
  const int height = request.size.height();
  const int stage = stage_side(request.size);
  const auto pixels = [&](double points) { return static_cast<int>(std::ceil(points * request.dpi / 72)); };
  const int margin = std::max<int>(spacing::kMedium, stage * 3 / 100);
  PresentLayout layout;
  const auto wanted = [&](double points, int thousandths) {
    return std::clamp(std::max(pixels(points), stage * thousandths / 1000), kLeastPixels,
                      std::max(kLeastPixels, stage * 5 / 100));
  };
  layout.small_px = wanted(kSmallPoints, 18);
  layout.instruction_px = wanted(kInstructionPoints, 26);
  const int row = stage_line_height(layout.small_px) * 5 / 4;
  const int bar = std::max(3 * spacing::kSmall, stage * 9 / 100);
  int bottom = height - margin / 2;
  const QRect lowest(margin, bottom - row, width - 2 * margin, row);
  layout.legend = layout.line = lowest;
  bottom -= row + spacing::kSmall;
  layout.bar = QRect(margin, bottom - bar, lowest.width(), bar);
  bottom -= bar + margin / 2;
  if (request.instruction) {
    const int row_height = stage_line_height(layout.instruction_px);
    layout.instruction = QRect(margin, bottom - row_height, lowest.width(), row_height);
    bottom -= row_height + margin / 2;
  }
  const QRect body(margin, margin, lowest.width(), std::max(bottom - margin, 1));

  const bool above = width < height;
  const auto place = [&](double ratio, int least_px) {
    for (const double share : {0.62, 0.54, 0.46, 0.38, 0.3}) {
      if (place_picture(layout, request, body, above, share, ratio, least_px)) return true;
    }
    return false;
  };
  bool placed = place(1.6, pixels(kLeastPoints)) || place(1, pixels(kLeastPoints));
  for (int px = pixels(kLeastPoints) - 1; !placed && px >= kLeastPixels; --px) placed = place(1, px);

  const QRect all(QPoint(), request.size);
  for (auto* const one : {&layout.picture, &layout.legend, &layout.line, &layout.instruction}) {
    *one = QStyle::visualRect(request.direction, all, *one);
  }
  for (auto& one : layout.blocks) one = QStyle::visualRect(request.direction, all, one);
  return layout;
}

void PresentLayout::note_text(const QRect& used, const QRect& area) {
  texts.push_back(used);
  cut = cut || used.width() > area.width() || used.height() > area.height();
}

}  // namespace deer
