// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QColor>
#include <QFont>
#include <QObject>
#include <QPalette>
#include <array>
#include <vector>

class QAbstractItemView;

namespace deer {

/// Distances in device-independent pixels: steps of 4.
namespace spacing {
inline constexpr int kTiny = 4;
inline constexpr int kSmall = 8;
inline constexpr int kMedium = 12;
inline constexpr int kLarge = 16;
inline constexpr int kHuge = 24;
}  // namespace spacing

/// Colours by meaning. Text colours have a contrast of at least 4.5:1 with background and
/// surface, marks (recorded, accent, warning, error) at least 3:1.
struct ThemeColors {
  QColor background;  ///< behind everything
  QColor surface;     ///< tables, inputs, tooltips
  QColor text;
  QColor muted_text;  ///< labels, units
  QColor hairline;    ///< separators, grid lines
  QColor accent;      ///< cursor, selection, thresholds
  QColor warning;
  QColor error;
  QColor recorded;       ///< recorded data, next to predictions
  QColor selection;      ///< behind selected rows; text keeps its colour on it
  QColor not_evaluated;  ///< hatching of frames and exits without a result
};

/// All colours and fonts. GUI thread only.
class Theme : public QObject {
  Q_OBJECT

 public:
  enum class Mode { system, light, dark };
  Q_ENUM(Mode)

  static Theme& instance();

  Mode mode() const { return mode_; }
  void set_mode(Mode mode);
  bool is_dark() const { return dark_; }
  const ThemeColors& colors() const { return colors_; }
  QPalette palette() const;

  /// Sets the Fusion style, this palette and the body font for the application, and follows the system. Call once after
  /// QApplication is created; set_mode() takes effect at once from then on.
  void apply();

  /// Colour of exit `index` (zero-based, shallow first) of `count`: viridis, cut to keep 3:1 with the
  /// background. Muted for an index outside [0, count), as for a layer that is not an exit.
  QColor exit_color(int index, int count) const;

  static constexpr int kRunColors = 6;
  /// Colour of a kept run, at least 3:1 with the background: none is an exit's, nor the accent. The first is neutral
  /// ink.
  QColor run_color(int index) const;

  /// Subdued one-hue map for magnitudes, perceptually uniform; `t` is clamped to [0, 1].
  QColor heat_color(double t) const;

  /// Black or white ink, whichever reads better on `fill`.
  static QColor text_on(const QColor& fill);
  /// WCAG 2 contrast ratio, 1 to 21. Both colours opaque.
  static double contrast(const QColor& a, const QColor& b);
  /// `amount` of `over` mixed into `base`, opaque.
  static QColor mix(const QColor& base, const QColor& over, double amount);

  QFont label_font() const;  ///< 9 pt
  QFont body_font() const;   ///< 10 pt
  QFont title_font() const;  ///< 13 pt
  /// `base` if its digits have equal widths, otherwise a font of the same size with such digits.
  static QFont number_font(const QFont& base);

  /// Common style of lists and tables: subtle selection, no frame. Follows later theme changes.
  void style_view(QAbstractItemView* view);

 Q_SIGNALS:
  void changed();

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  Theme();
  void update_colors();

  Mode mode_ = Mode::system;
  bool dark_ = false;
  mutable std::array<std::vector<QColor>, 2> heat_;  // light, dark
  bool applied_ = false;
  bool applying_ = false;
  ThemeColors colors_;
};

}  // namespace deer
