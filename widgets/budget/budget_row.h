// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>
#include <functional>
#include <optional>
#include <vector>

class QComboBox;
class QLabel;
class QSlider;

namespace deer {

/// One limit of a budget: a name, a slider, the limit and what the solution comes to. The slider's right end is "no
/// limit". It is either continuous between two values or has a stop at each of a few.
class BudgetRow : public QWidget {
  Q_OBJECT

 public:
  BudgetRow(const QString& name, const QString& tip, QWidget* parent = nullptr);

  /// Units to choose among, in place of the name's own; unit() is the index chosen.
  void set_units(const QStringList& units);
  int unit() const;
  void set_unit(int index);

  /// Any value from `least` to `most`; a span of nothing disables the slider.
  void set_range(double least, double most);
  /// One of `values`, increasing.
  void set_stops(std::vector<double> values);
  /// Nothing to choose: the sentence says why.
  void set_unknown(const QString& why);

  /// No value: no limit.
  void set_value(std::optional<double> value);
  std::optional<double> value() const;

  /// Shown in muted ink beside what is asked; `warns` where it could not be met.
  void set_result(const QString& text, bool warns);
  /// How a value is written, with its unit.
  void set_formatter(std::function<QString(double)> formatter);

  QSlider* slider() const { return slider_; }
  bool slider_down() const;  ///< a drag is under way
  QString asked_text() const;
  QString result_text() const;

 Q_SIGNALS:
  void drag_started();
  void value_changed();
  void unit_changed(int index);

 private:
  void show_asked();
  void restyle();
  double at(int position) const;
  int position_of(double value) const;

  QLabel* name_;
  QComboBox* units_;
  QSlider* slider_;
  QLabel* asked_;
  QLabel* result_;
  std::function<QString(double)> formatter_;
  std::vector<double> stops_;
  double least_ = 0;
  double most_ = 0;
  std::optional<double> exact_;  ///< what was set, which may lie between two positions
  bool warns_ = false;
  QString unknown_;
};

}  // namespace deer
