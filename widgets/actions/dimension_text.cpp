// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/actions/dimension_text.h"

#include <QCoreApplication>
#include <QStringList>
#include <cmath>

#include "widgets/base/number_format.h"

namespace deer {

QString dimension_name(const ActionDimension& dimension) {
  const auto& deer = ActionLayout::deer()->dimensions();
  for (std::size_t i = 0; i < deer.size(); ++i) {
    if (deer[i].name != dimension.name) continue;
    static const char* const kNames[] = {
        QT_TRANSLATE_NOOP("DimensionText", "x"),      QT_TRANSLATE_NOOP("DimensionText", "y"),
        QT_TRANSLATE_NOOP("DimensionText", "z"),      QT_TRANSLATE_NOOP("DimensionText", "turn x"),
        QT_TRANSLATE_NOOP("DimensionText", "turn y"), QT_TRANSLATE_NOOP("DimensionText", "turn z"),
        QT_TRANSLATE_NOOP("DimensionText", "gripper")};
    return QCoreApplication::translate("DimensionText", kNames[i]);
  }
  return QString::fromStdString(dimension.name);
}

QString dimension_label(const ActionDimension& dimension) {
  const auto name = dimension_name(dimension);
  return dimension.unit.empty() ? name : QStringLiteral("%1, %2").arg(name, QString::fromStdString(dimension.unit));
}

int dimension_decimals(const ActionDimension& dimension) {
  if (dimension.unit == "%") return 0;
  if (dimension.unit == "mm") return 1;
  return dimension.unit == "°" ? 2 : 3;
}

QString dimension_text(const ActionDimension& dimension, double value) {
  if (std::isnan(value)) return QString(QChar(0x2013));
  return format_fixed(value * dimension.scale, dimension_decimals(dimension));
}

QString action_lines(const ActionLayout& layout, const ActionValues& action) {
  QStringList out;
  for (std::size_t i = 0; i < layout.width() && i < action.size(); ++i) {
    const auto& one = layout.dimensions()[i];
    auto line = dimension_name(one) + QChar(u' ') + dimension_text(one, static_cast<double>(action[i]));
    if (!one.unit.empty()) line += QChar(0x00a0) + QString::fromStdString(one.unit);
    out << line;
  }
  return out.join(u'\n');
}

QString deer_axes_text(std::span<const float, 6> arm, std::size_t first) {
  QStringList out;
  for (std::size_t i = first; i < first + 3; ++i) {
    const QString axis = QString(QChar(u'x' + static_cast<char16_t>(i - first))) + QChar(0x00a0);
    out << axis + dimension_text(ActionLayout::deer()->dimensions()[i], static_cast<double>(arm[i]));
  }
  return out.join(QStringLiteral("  "));
}

}  // namespace deer
