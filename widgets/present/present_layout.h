// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QColor>
#include <QFont>
#include <QRect>
#include <QString>
#include <QStringList>
#include <vector>

namespace deer {

/// A number in large type with its label below.
struct PresentBlock {
  QString number;  ///< empty: only words, wrapped
  QString widest;  ///< width reserved for the number, so that the layout is stable
  QString words;
  QStringList other_words;  ///< other texts that may appear there
  QColor color;             ///< of the number
  bool strong = false;      ///< emphasised
};

/// Where everything on the stage is, in widget coordinates, and how large its type is.
struct PresentLayout {
  struct Request {
    QSize size;  ///< of the widget
    int dpi = 96;
    Qt::LayoutDirection direction = Qt::LeftToRight;
    double aspect = 1;  ///< width / height of the image
    std::vector<PresentBlock> blocks;
    bool instruction = false;  ///< a row of its own for the instruction
  };
  /// As large as fits. Everything shrinks in windows that are too small.
  static PresentLayout of(const Request& request);

  /// Remembers a text that was painted at `used`, for which `area` was meant.
  void note_text(const QRect& used, const QRect& area);

  QRect picture, bar, legend, instruction, line;
  std::vector<QRect> blocks;
  std::vector<QRect> texts;  ///< of every text that was painted
  bool cut = false;          ///< a text was larger than its area
  int number_px = 0, word_px = 0, small_px = 0, instruction_px = 0;
};

/// The font of the stage at a size, and the heights of its lines.
QFont stage_font(int pixels, bool strong);
int stage_line_height(int pixels);    ///< with one pixel for rounding at each edge
int stage_number_height(int pixels);  ///< for numbers, which have no descenders

}  // namespace deer
