// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/base/number_format.h"

#include <QCoreApplication>
#include <QLocale>
#include <algorithm>
#include <cmath>

#include "core/exits/exit_policy.h"

namespace deer {
namespace {

constexpr QChar kMinus(0x2212);
constexpr QChar kNarrowSpace(0x202f);  // does not break

QString words(const char* text) { return QCoreApplication::translate("deer::number_format", text); }

/// `digits` is an unsigned decimal number with a point.
QString grouped(QString digits) {
  qsizetype end = digits.indexOf(QLatin1Char('.'));
  if (end < 0) end = digits.size();
  for (qsizetype place = end - 3; place > 0; place -= 3) digits.insert(place, kNarrowSpace);
  return digits;
}

QString finite_fixed(double value, int decimals) {
  const QString digits = QString::number(std::abs(value), 'f', decimals);
  const bool zero = std::none_of(digits.begin(), digits.end(), [](QChar c) { return c >= u'1' && c <= u'9'; });
  return (value < 0 && !zero ? QString(kMinus) : QString()) + grouped(digits);
}

}  // namespace

QString format_fixed(double value, int decimals) {
  if (std::isnan(value)) return words(QT_TRANSLATE_NOOP("deer::number_format", "not evaluated"));
  if (std::isinf(value)) return words(QT_TRANSLATE_NOOP("deer::number_format", "no limit"));
  return finite_fixed(value, decimals);
}

QString format_number(double value, int significant) {
  if (std::isnan(value)) return words(QT_TRANSLATE_NOOP("deer::number_format", "not evaluated"));
  if (std::isinf(value)) return words(QT_TRANSLATE_NOOP("deer::number_format", "no limit"));
  if (value == 0) return QStringLiteral("0");
  // Uses scientific notation first, so that 0.9996 is rounded before its decimals are counted.
  const QString rounded = QString::number(std::abs(value), 'e', significant - 1);
  const int exponent = rounded.mid(rounded.indexOf(QLatin1Char('e')) + 1).toInt();
  constexpr int kMostDecimals = 9;
  const int decimals = std::clamp(significant - 1 - exponent, 0, kMostDecimals);
  const QString text = finite_fixed(std::copysign(rounded.toDouble(), value), decimals);
  const bool nothing = std::none_of(text.begin(), text.end(), [](QChar c) { return c >= u'1' && c <= u'9'; });
  return nothing ? QStringLiteral("0") : text;
}

QString format_quantity(double value, const QString& unit, int significant) {
  const QString number = format_number(value, significant);
  return std::isfinite(value) && !unit.isEmpty() ? number + QChar(0x00a0) + unit : number;
}

QString format_count(qint64 value) {
  QString digits = QString::number(value);
  const bool negative = digits.startsWith(QLatin1Char('-'));
  if (negative) digits.remove(0, 1);
  return (negative ? QString(kMinus) : QString()) + grouped(digits);
}

QString format_bytes(double bytes) {
  if (bytes >= 1e9) return format_quantity(bytes / 1e9, QStringLiteral("GB"));
  if (bytes >= 1e6) return format_quantity(bytes / 1e6, QStringLiteral("MB"));
  return format_quantity(bytes / 1e3, QStringLiteral("kB"));
}

QString format_threshold(double threshold) {
  if (threshold >= kAlwaysLeave) return words(QT_TRANSLATE_NOOP("deer::number_format", "always"));
  if (threshold <= kNeverLeave) return words(QT_TRANSLATE_NOOP("deer::number_format", "never"));
  return format_number(threshold);
}

QString format_short(double value, int significant) {
  return std::isfinite(value) ? format_number(value, significant) : QString(QChar(0x2013));
}

bool parse_threshold(const QString& text, double* threshold) {
  QString clean = text.trimmed().toLower();
  const auto is = [&clean](const char* word) { return clean == QLatin1String(word) || clean == words(word).toLower(); };
  if (is("always")) {
    *threshold = kAlwaysLeave;
    return true;
  }
  if (is("never")) {
    *threshold = kNeverLeave;
    return true;
  }
  clean.replace(kMinus, QLatin1Char('-'));
  clean.remove(kNarrowSpace);
  bool ok = false;
  double value = QLocale::c().toDouble(clean, &ok);
  if (!ok) value = QLocale().toDouble(clean, &ok);
  if (!ok || !std::isfinite(value)) return false;
  *threshold = std::clamp(value, kNeverLeave, kAlwaysLeave);
  return true;
}

QString format_time(double seconds) {
  const auto tenths = static_cast<qint64>(std::max(0.0, std::floor(seconds * 10 + 1e-6)));
  return QStringLiteral("%1:%2.%3")
      .arg(tenths / 600, 2, 10, QLatin1Char('0'))
      .arg(tenths / 10 % 60, 2, 10, QLatin1Char('0'))
      .arg(tenths % 10);
}

QString exit_name(int exit_index, int layer) {
  if (exit_index >= 0) {
    return QCoreApplication::translate("deer::number_format", "exit %1").arg(exit_index + 1);
  }
  return QCoreApplication::translate("deer::number_format", "layer %1").arg(layer + 1);
}

}  // namespace deer
