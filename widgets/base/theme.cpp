// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/base/theme.h"

#include <QAbstractButton>
#include <QAbstractItemView>
#include <QApplication>
#include <QEvent>
#include <QFontDatabase>
#include <QFontMetricsF>
#include <QHeaderView>
#include <QProxyStyle>
#include <QStyleFactory>
#include <algorithm>
#include <utility>
#include <vector>

#include "core/study/exit_colors.h"
#include "widgets/base/color_maps.h"

namespace deer {
namespace {

const ThemeColors kLight = {
    .background = QColor(0xf7f7f5),
    .surface = QColor(0xffffff),
    .text = QColor(0x1c1e21),
    .muted_text = QColor(0x5c6067),
    .hairline = QColor(0xd5d7da),
    .accent = QColor(0xc2410c),
    .warning = QColor(0x7a5c00),
    .error = QColor(0xb00020),
    .recorded = QColor(0x3f434a),
    .selection = QColor(0xfbe3d3),
    .not_evaluated = QColor(0xa3a7ad),
};

const ThemeColors kDark = {
    .background = QColor(0x16181b),
    .surface = QColor(0x1f2226),
    .text = QColor(0xe9eaec),
    .muted_text = QColor(0xa3a8b0),
    .hairline = QColor(0x383c42),
    .accent = QColor(0xff9e57),
    .warning = QColor(0xe8c547),
    .error = QColor(0xff8089),
    .recorded = QColor(0xd2d5da),
    .selection = QColor(0x4a2f1d),
    .not_evaluated = QColor(0x6b727d),
};

constexpr std::size_t kMostFonts = 32;
constexpr int kHeatShades = 256;

bool system_is_dark() {
  const QPalette palette = QApplication::palette();
  return palette.color(QPalette::WindowText).lightness() > palette.color(QPalette::Window).lightness();
}

/// Fusion, but for pictures in selected rows: a tint would give a swatch the colour of another exit.
class PlainStyle : public QProxyStyle {
 public:
  using QProxyStyle::QProxyStyle;

  QPixmap generatedIconPixmap(QIcon::Mode mode, const QPixmap& pixmap, const QStyleOption* option) const override {
    return mode == QIcon::Selected ? pixmap : QProxyStyle::generatedIconPixmap(mode, pixmap, option);
  }
};

QFont sized(qreal points) {
  QFont font = QFontDatabase::systemFont(QFontDatabase::GeneralFont);
  font.setPointSizeF(points);
  return font;
}

bool digits_equally_wide(const QFont& font) {
  const QFontMetricsF metrics(font);
  const qreal width = metrics.horizontalAdvance(QLatin1Char('0'));
  for (char digit = '1'; digit <= '9'; ++digit) {
    if (std::abs(metrics.horizontalAdvance(QLatin1Char(digit)) - width) > 0.01) return false;
  }
  return true;
}

QFont find_number_font(const QFont& base) {
  if (digits_equally_wide(base)) return base;
  for (const auto* family : {"Noto Sans", "DejaVu Sans", "Liberation Sans"}) {
    QFont font = base;
    font.setFamily(QString::fromLatin1(family));
    if (digits_equally_wide(font)) return font;
  }
  QFont font = QFontDatabase::systemFont(QFontDatabase::FixedFont);
  font.setPointSizeF(base.pointSizeF());
  return font;
}

}  // namespace

Theme& Theme::instance() {
  static Theme theme;
  return theme;
}

Theme::Theme() : colors_(kLight) {}

void Theme::set_mode(Mode mode) {
  mode_ = mode;
  if (applied_) {
    update_colors();
  } else {
    dark_ = mode == Mode::dark;
    colors_ = dark_ ? kDark : kLight;
    Q_EMIT changed();
  }
}

void Theme::apply() {
  if (!applied_) {
    applied_ = true;
    if (QStyle* fusion = QStyleFactory::create(QStringLiteral("Fusion")))
      QApplication::setStyle(new PlainStyle(fusion));
    qApp->installEventFilter(this);
  }
  QApplication::setFont(body_font());
  QApplication::setFont(label_font(), "QTabBar");  // panels share a place as tabs
  update_colors();
}

void Theme::update_colors() {
  applying_ = true;
  QApplication::setPalette(QPalette());  // reset to the system's, to read its current value
  dark_ = mode_ == Mode::dark || (mode_ == Mode::system && system_is_dark());
  colors_ = dark_ ? kDark : kLight;
  QApplication::setPalette(palette());
  applying_ = false;
  Q_EMIT changed();
}

bool Theme::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::ThemeChange && !applying_ && mode_ == Mode::system) update_colors();
  return QObject::eventFilter(watched, event);
}

QPalette Theme::palette() const {
  const ThemeColors& c = colors_;
  QPalette p;
  p.setColor(QPalette::Window, c.background);
  p.setColor(QPalette::WindowText, c.text);
  // Inputs must be visible on a dark background.
  p.setColor(QPalette::Base, dark_ ? mix(c.surface, c.text, 0.1) : c.surface);
  p.setColor(QPalette::AlternateBase, mix(c.surface, c.text, 0.03));
  p.setColor(QPalette::Text, c.text);
  p.setColor(QPalette::PlaceholderText, c.muted_text);
  p.setColor(QPalette::Button, dark_ ? mix(c.surface, c.text, 0.06) : mix(c.background, c.surface, 0.5));
  p.setColor(QPalette::ButtonText, c.text);
  p.setColor(QPalette::BrightText, c.error);
  p.setColor(QPalette::ToolTipBase, c.surface);
  p.setColor(QPalette::ToolTipText, c.text);
  p.setColor(QPalette::Highlight, c.accent);
  p.setColor(QPalette::HighlightedText, text_on(c.accent));
  p.setColor(QPalette::Link, c.accent);
  p.setColor(QPalette::LinkVisited, c.accent);
  p.setColor(QPalette::Light, mix(c.background, c.surface, 0.8));
  p.setColor(QPalette::Midlight, mix(c.background, c.hairline, 0.3));
  p.setColor(QPalette::Mid, mix(c.hairline, c.text, 0.15));
  p.setColor(QPalette::Dark, mix(c.hairline, c.text, 0.35));
  p.setColor(QPalette::Shadow, mix(c.text, c.background, 0.2));
  const QColor faint = mix(c.muted_text, c.background, 0.35);
  for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText}) {
    p.setColor(QPalette::Disabled, role, faint);
  }
  p.setColor(QPalette::Disabled, QPalette::Highlight, c.hairline);
  p.setColor(QPalette::Disabled, QPalette::HighlightedText, faint);
  return p;
}

QColor Theme::exit_color(int index, int count) const {
  if (index < 0 || index >= count) return colors_.muted_text;
  const auto [red, green, blue] = exit_rgb(index, count, dark_);
  return {red, green, blue};
}

QColor Theme::run_color(int index) const {
  static constexpr std::array<std::array<QRgb, kRunColors>, 2> kColors = {
      {{0x1c1e21, 0xb4156b, 0x7a4a00, 0x1d63c4, 0x6b7078, 0x8a1c1c},
       {0xe9eaec, 0xff7ac0, 0xd6a56a, 0x74b2ff, 0x9aa0a8, 0xff8f8f}}};
  return QColor(kColors[dark_ ? 1 : 0][static_cast<std::size_t>(((index % kRunColors) + kRunColors) % kRunColors)]);
}

QColor Theme::heat_color(double t) const {
  // Cached: needed for every cell of every matrix, and converting from OKLab costs more than painting.
  auto& shades = heat_[dark_ ? 1 : 0];
  if (shades.empty()) {
    const QColor low = mix(colors_.surface, colors_.text, dark_ ? 0.06 : 0.05);
    const QColor high = dark_ ? QColor(0xc9dcf5) : QColor(0x12304f);
    for (int i = 0; i < kHeatShades; ++i) shades.push_back(mix_oklab(low, high, i / (kHeatShades - 1.0)));
  }
  return shades[static_cast<std::size_t>(std::lround((t > 0 ? std::min(t, 1.0) : 0.0) * (kHeatShades - 1)))];
}

QColor Theme::text_on(const QColor& fill) {
  // Pure black and white: the better one always reaches 4.5:1.
  const QColor ink(Qt::black), paper(Qt::white);
  return contrast(fill, ink) >= contrast(fill, paper) ? ink : paper;
}

double Theme::contrast(const QColor& a, const QColor& b) {
  const double first = relative_luminance(a), second = relative_luminance(b);
  return (std::max(first, second) + 0.05) / (std::min(first, second) + 0.05);
}

QColor Theme::mix(const QColor& base, const QColor& over, double amount) {
  const auto channel = [amount](int from, int to) {
    return static_cast<int>(std::lround(std::lerp(from, to, amount)));
  };
  return {channel(base.red(), over.red()), channel(base.green(), over.green()), channel(base.blue(), over.blue())};
}

QFont Theme::label_font() const { return sized(9); }
QFont Theme::body_font() const { return sized(10); }
QFont Theme::title_font() const { return sized(13); }

QFont Theme::number_font(const QFont& base) {
  // Cached: needed for every cell of every table, and font metrics do not change.
  static std::vector<std::pair<QFont, QFont>> known;
  const auto place = std::find_if(known.begin(), known.end(), [&](const auto& one) { return one.first == base; });
  if (place != known.end()) return place->second;
  const auto font = find_number_font(base);
  if (known.size() >= kMostFonts) known.clear();
  known.emplace_back(base, font);
  return font;
}

void Theme::style_view(QAbstractItemView* view) {
  view->setFrameShape(QFrame::NoFrame);
  const auto restyle = [this, view] {
    QPalette p = palette();
    p.setColor(QPalette::Highlight, colors_.selection);
    p.setColor(QPalette::HighlightedText, colors_.text);
    view->setPalette(p);
    // Uses the window's background, but not as Base: check boxes are drawn with that.
    view->viewport()->setBackgroundRole(QPalette::Window);
    // The corner between two headers is a button that ignores the palette.
    for (auto* corner : view->findChildren<QAbstractButton*>(QString(), Qt::FindDirectChildrenOnly)) {
      corner->setStyleSheet(QStringLiteral("QTableCornerButton::section { background: %1; border: none; }")
                                .arg(colors_.background.name()));
    }
    for (auto* header : view->findChildren<QHeaderView*>()) {
      header->setStyleSheet(QStringLiteral("QHeaderView { background: %1; border: none; }"
                                           "QHeaderView::section { background: %1; color: %2; border: none;"
                                           " padding: 2px 4px; }"
                                           "QHeaderView::section:horizontal { border-bottom: 1px solid %3; }")
                                .arg(colors_.background.name(), colors_.muted_text.name(), colors_.hairline.name()));
    }
  };
  restyle();
  connect(this, &Theme::changed, view, restyle);
}

}  // namespace deer
