// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

class QLabel;
class QLineEdit;

namespace deer {

class ActionLayout;
class Debugger;

/// An example expression: "depth at least 10", `depth >= 10`.
struct ExpressionTemplate {
  QString name;
  QString text;
};

/// Input for an expression over a frame's values: completes names, offers examples, and shows errors below the field.
/// Only valid expressions are emitted.
class ExpressionEdit : public QWidget {
  Q_OBJECT

 public:
  ExpressionEdit(Debugger* debugger, const QString& name, const QString& placeholder,
                 const QList<ExpressionTemplate>& templates, QWidget* parent = nullptr);

  QLineEdit* line() const { return line_; }
  QString error() const;

 Q_SIGNALS:
  void entered(const QString& text);

 private:
  void name_values();
  void enter();
  void restyle();
  void set_error(const QString& error);

  Debugger* debugger_;
  QLineEdit* line_;
  QLabel* error_;
  QStringList words_;  ///< of the completer
};

/// All names for expressions with their meanings, for a tooltip.
QString expression_help(const ActionLayout& layout);

}  // namespace deer
