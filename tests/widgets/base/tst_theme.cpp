// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <array>
#include <cmath>
#include <limits>

#include "core/exits/exit_policy.h"
#include "tests/support/suite.h"
#include "widgets/base/color_maps.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

double distance(const QColor& a, const QColor& b) {
  const Oklab x = to_oklab(a), y = to_oklab(b);
  return std::hypot(x.lightness - y.lightness, x.a - y.a, x.b - y.b);
}

/// Viénot, Brettel and Mollon 1999: how a person without M cones sees it.
QColor deuteranopia(const QColor& color) {
  const auto linear = [](double v) { return std::pow(v, 2.2); };
  const double r = linear(color.redF()), g = linear(color.greenF()), b = linear(color.blueF());
  const double red = 0.29275 * r + 0.70725 * g, blue = -0.02234 * r + 0.02234 * g + b;
  const auto channel = [](double v) { return int(std::lround(255 * std::pow(std::clamp(v, 0.0, 1.0), 1 / 2.2))); };
  return {channel(red), channel(red), channel(blue)};
}

}  // namespace

class ThemeTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void contrast_is_wcag();
  void text_is_readable_data();
  void text_is_readable();
  void exits_stand_out_data();
  void exits_stand_out();
  void modes_differ();
  void following_changes();
  void heat_is_even();
  void numbers_data();
  void numbers();
  void thresholds();
  void bad_thresholds_data();
  void bad_thresholds();
  void digits_are_equally_wide();
};

void ThemeTest::contrast_is_wcag() {
  QCOMPARE(Theme::contrast(Qt::black, Qt::white), 21.0);
  QCOMPARE(Theme::contrast(Qt::red, Qt::red), 1.0);
  // A published pair: #767676 on white is 4.54.
  QVERIFY(std::abs(Theme::contrast(QColor(0x76, 0x76, 0x76), Qt::white) - 4.54) < 0.01);
}

void ThemeTest::text_is_readable_data() {
  QTest::addColumn<Theme::Mode>("mode");
  QTest::newRow("light") << Theme::Mode::light;
  QTest::newRow("dark") << Theme::Mode::dark;
}

void ThemeTest::text_is_readable() {
  QFETCH(Theme::Mode, mode);
  Theme& theme = Theme::instance();
  theme.set_mode(mode);
  const ThemeColors& c = theme.colors();
  for (const QColor& behind : {c.background, c.surface}) {
    for (const QColor& text : {c.text, c.muted_text, c.warning, c.error, c.accent}) {
      QVERIFY2(Theme::contrast(text, behind) >= 4.5, qPrintable(text.name() + " on " + behind.name()));
    }
    QVERIFY(Theme::contrast(c.recorded, behind) >= 3);
  }
  QVERIFY(Theme::contrast(c.text, c.selection) >= 4.5);
  const QPalette p = theme.palette();
  const std::array<std::pair<QPalette::ColorRole, QPalette::ColorRole>, 6> pairs{{
      {QPalette::WindowText, QPalette::Window},
      {QPalette::Text, QPalette::Base},
      {QPalette::Text, QPalette::AlternateBase},
      {QPalette::ButtonText, QPalette::Button},
      {QPalette::HighlightedText, QPalette::Highlight},
      {QPalette::ToolTipText, QPalette::ToolTipBase},
  }};
  for (const auto& [text, behind] : pairs) {
    const double contrast = Theme::contrast(p.color(text), p.color(behind));
    QVERIFY2(contrast >= 4.5, qPrintable(QString::number(contrast)));
  }
}

void ThemeTest::exits_stand_out_data() {
  QTest::addColumn<Theme::Mode>("mode");
  QTest::addColumn<int>("count");
  for (const int count : {1, 2, 3, 6, 12}) {
    QTest::addRow("light %d", count) << Theme::Mode::light << count;
    QTest::addRow("dark %d", count) << Theme::Mode::dark << count;
  }
}

void ThemeTest::exits_stand_out() {
  QFETCH(Theme::Mode, mode);
  QFETCH(int, count);
  Theme& theme = Theme::instance();
  theme.set_mode(mode);
  for (int exit = 0; exit < count; ++exit) {
    const QColor color = theme.exit_color(exit, count);
    for (const QColor& behind : {theme.colors().background, theme.colors().surface}) {
      QVERIFY2(Theme::contrast(color, behind) >= 3, qPrintable(color.name() + " on " + behind.name()));
    }
    QVERIFY2(Theme::contrast(Theme::text_on(color), color) >= 4.5, qPrintable(color.name()));
    if (exit == 0) continue;
    const QColor before = theme.exit_color(exit - 1, count);
    // 0.02 in Oklab is about one just noticeable difference.
    const double least = count <= 6 ? 0.05 : 0.025;
    QVERIFY2(distance(color, before) >= least, qPrintable(QString::number(distance(color, before))));
    const double seen = distance(deuteranopia(color), deuteranopia(before));
    QVERIFY2(seen >= least * 0.8, qPrintable(QString::number(seen)));
    // Deeper is farther from the background, in both themes.
    QVERIFY(Theme::contrast(color, theme.colors().background) > Theme::contrast(before, theme.colors().background));
  }
  QCOMPARE(theme.exit_color(-1, count), theme.colors().muted_text);
  QCOMPARE(theme.exit_color(count, count), theme.colors().muted_text);
}

void ThemeTest::modes_differ() {
  Theme& theme = Theme::instance();
  theme.set_mode(Theme::Mode::light);
  const ThemeColors light = theme.colors();
  QVERIFY(!theme.is_dark());
  theme.set_mode(Theme::Mode::dark);
  QVERIFY(theme.is_dark());
  QVERIFY(relative_luminance(light.background) > relative_luminance(theme.colors().background));
}

void ThemeTest::following_changes() {
  Theme& theme = Theme::instance();
  theme.set_mode(Theme::Mode::light);
  int changes = 0;
  const auto connection = QObject::connect(&theme, &Theme::changed, &theme, [&changes] { ++changes; });
  theme.apply();
  QCOMPARE(changes, 1);
  QCOMPARE(QApplication::palette().color(QPalette::Window), theme.colors().background);
  theme.set_mode(Theme::Mode::dark);
  QCOMPARE(changes, 2);
  QCOMPARE(QApplication::palette().color(QPalette::Window), theme.colors().background);
  QObject::disconnect(connection);
}

void ThemeTest::heat_is_even() {
  for (const Theme::Mode mode : {Theme::Mode::light, Theme::Mode::dark}) {
    Theme::instance().set_mode(mode);
    double least = 1, most = 0;
    for (int i = 0; i < 16; ++i) {
      const double step =
          distance(Theme::instance().heat_color(i / 16.0), Theme::instance().heat_color((i + 1) / 16.0));
      least = std::min(least, step);
      most = std::max(most, step);
    }
    QVERIFY2(most < 1.4 * least, qPrintable(QString("%1 %2").arg(least).arg(most)));
    QCOMPARE(Theme::instance().heat_color(-3), Theme::instance().heat_color(0));
    QCOMPARE(Theme::instance().heat_color(7), Theme::instance().heat_color(1));
  }
}

void ThemeTest::numbers_data() {
  QTest::addColumn<double>("value");
  QTest::addColumn<QString>("text");
  const QString minus(QChar(0x2212)), gap(QChar(0x202f));
  QTest::newRow("zero") << 0.0 << "0";
  QTest::newRow("negative zero") << -0.0 << "0";
  QTest::newRow("small") << 0.042371 << "0.0424";
  QTest::newRow("carries") << 0.99961 << "1.00";
  QTest::newRow("negative") << -1.5 << minus + "1.50";
  QTest::newRow("hundreds") << 123.4 << "123";
  QTest::newRow("thousands") << 12345.0 << "12" + gap + "300";
  QTest::newRow("a million") << 1e6 << "1" + gap + "000" + gap + "000";
  QTest::newRow("tiny, no exponent") << 0.0000012345 << "0.00000123";
  QTest::newRow("rounds to nothing") << -1e-15 << "0";
  QTest::newRow("not a number") << kNan << "not evaluated";
  QTest::newRow("infinite") << kInf << "no limit";
}

void ThemeTest::numbers() {
  QFETCH(double, value);
  QFETCH(QString, text);
  QCOMPARE(format_number(value), text);
  QVERIFY(!format_number(value).contains('e') || std::isnan(value));
  QCOMPARE(format_fixed(-0.004, 2), "0.00");
  QCOMPARE(format_fixed(-0.006, 2), QString(QChar(0x2212)) + "0.01");
  QCOMPARE(format_count(-1234567), QString::fromUtf8("\u22121\u202f234\u202f567"));
  QCOMPARE(format_short(kNan), QString(QChar(0x2013)));
  QCOMPARE(format_quantity(2.5, "mm"), QString("2.50%1mm").arg(QChar(0x00a0)));
  QCOMPARE(format_quantity(kNan, "mm"), "not evaluated");
  QCOMPARE(format_time(2.4), "00:02.4");
  QCOMPARE(format_time(3725.99), "62:05.9");
  QCOMPARE(exit_name(2, 5), "exit 3");
  QCOMPARE(exit_name(-1, 4), "layer 5");
}

void ThemeTest::thresholds() {
  QCOMPARE(format_threshold(kAlwaysLeave), "always");
  QCOMPARE(format_threshold(kNeverLeave), "never");
  QCOMPARE(format_threshold(2e9), "always");
  QCOMPARE(format_threshold(0.0824), "0.0824");
  QCOMPARE(format_threshold(kNan), "not evaluated");
  for (const auto& [text, expected] : std::vector<std::pair<QString, double>>{{"always", kAlwaysLeave},
                                                                              {" Never ", kNeverLeave},
                                                                              {"0.05", 0.05},
                                                                              {"5e-2", 0.05},
                                                                              {QString(QChar(0x2212)) + "1", -1.0},
                                                                              {"1e30", kAlwaysLeave}}) {
    double value = 0;
    QVERIFY2(parse_threshold(text, &value), qPrintable(text));
    QCOMPARE(value, expected);
  }
}

void ThemeTest::bad_thresholds_data() {
  QTest::addColumn<QString>("text");
  for (const char* text : {"", "  ", "abc", "0.1x", "nan", "inf", "1e999", "--1", "1 2 3 x"})
    QTest::newRow(text) << text;
}

void ThemeTest::bad_thresholds() {
  QFETCH(QString, text);
  double value = 7;
  QVERIFY(!parse_threshold(text, &value));
  QCOMPARE(value, 7.0);
}

void ThemeTest::digits_are_equally_wide() {
  for (const QFont& base : {Theme::instance().label_font(), Theme::instance().body_font()}) {
    const QFontMetricsF metrics(Theme::number_font(base));
    for (char digit = '1'; digit <= '9'; ++digit) {
      QCOMPARE(metrics.horizontalAdvance(QLatin1Char(digit)), metrics.horizontalAdvance(QLatin1Char('0')));
    }
  }
}

}  // namespace deer

DEER_SUITE(deer::ThemeTest)
#include "tst_theme.moc"
