// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "core/base/json_file.h"
#include "core/base/number_text.h"
#include "core/base/pickle.h"
#include "tests/support/comma_locale.h"
#include "tests/support/suite.h"

using namespace deer;
using namespace deer::test;

namespace {

constexpr double kNumbers[] = {0.0,    -0.0,  1.0,     0.1,    0.0241, -1e8,    123456.789, 1e-5,
                               5e-324, 1e300, 2.0 / 3, 1e15,   -2.5,   99999.5, 0.00012345, 1234567890123.0,
                               1e6,    1e22,  -3e-9,   1024.0, 0.3};

std::string printed(const char* format, int precision, double value) {
  std::array<char, 512> text{};
  std::snprintf(text.data(), text.size(), format, precision, value);
  return text.data();
}

}  // namespace

class TestNumberText : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void writes_what_printf_writes_with_a_point() {
    std::setlocale(LC_NUMERIC, "C");
    for (const double value : kNumbers) {
      for (const int precision : {1, 4, 6, 9, 17}) {
        QCOMPARE(general_text(value, precision), printed("%.*g", precision, value));
        QCOMPARE(fixed_text(value, precision), printed("%.*f", precision, value));
      }
      QCOMPARE(parse_number(shortest_text(value)), std::optional(value));
    }
    QCOMPARE(shortest_text(0.1), std::string("0.1"));
  }

  void reads_whole_numbers_only() {
    QCOMPARE(parse_number("1e3"), std::optional(1000.0));
    QCOMPARE(parse_number("+2.5"), std::optional(2.5));
    QCOMPARE(parse_number("inf"), std::optional(std::numeric_limits<double>::infinity()));
    QVERIFY(std::isnan(parse_number("nan").value_or(0)));
    for (const char* text : {"", "+", "+-1", "1,5", "1.5x", " 1", "1 ", "1e999", "always", "0x10"}) {
      QVERIFY2(!parse_number(text), text);
    }
  }

  void counts_with_the_right_plural() {
    QCOMPARE(counted(0, "episode"), std::string("0 episodes"));
    QCOMPARE(counted(1, "episode"), std::string("1 episode"));
    QCOMPARE(counted(12, "frame"), std::string("12 frames"));
  }

  void a_comma_locale_changes_nothing() {
    const CommaLocale comma;
    QVERIFY2(comma.is_active(), "localedef could not make de_DE.UTF-8: install the package locales");
    QCOMPARE(printed("%.*f", 1, 0.5), std::string("0,5"));
    QCOMPARE(general_text(0.0241, 9), std::string("0.0241"));
    QCOMPARE(fixed_text(1e8, 1), std::string("100000000.0"));
    QCOMPARE(shortest_text(-2.5), std::string("-2.5"));
    QCOMPARE(parse_number("0.5"), std::optional(0.5));
    QVERIFY(!parse_number("0,5"));
    QCOMPARE(parse_json("[0.25, 1e-3]", "x").dump(), std::string("[0.25,0.001]"));
    const std::string pickle = "F1.5\n.";
    QCOMPARE(PickleDocument(std::as_bytes(std::span(pickle)), "x", {}).root().real, 1.5);
  }
};

DEER_SUITE(TestNumberText)
#include "tst_number_text.moc"
