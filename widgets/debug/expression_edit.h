// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

class QLabel;
class QLineEdit;

namespace deer {

class Debugger;

/// An example to begin with: "depth at least 10", `depth >= 10`.
struct ExpressionTemplate {
  QString name;
  QString text;
};

/// Where a person writes an expression over a frame's values: names are completed, templates help to begin, and what is
/// wrong is said below, in place. Only a good one is given out.
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
  void enter();
  void restyle();
  void set_error(const QString& error);

  Debugger* debugger_;
  QLineEdit* line_;
  QLabel* error_;
};

/// Every name that expressions know, with its meaning, for a tool tip.
QString expression_help();

}  // namespace deer
