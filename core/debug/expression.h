// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"

namespace deer {

/// An invalid expression, with the position of the error.
class ExpressionError : public Error {
 public:
  ExpressionError(const std::string& what, int position) : Error(what), position_(position) {}
  /// Characters from the start of the text; its length if the text is incomplete.
  int position() const { return position_; }

 private:
  int position_;
};

/// Names and current values that expressions read. NaN means unknown.
class Variables {
 public:
  explicit Variables(std::vector<std::string> names) : names_(std::move(names)), values_(names_.size()) {}
  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;

  const std::vector<std::string>& names() const { return names_; }
  std::span<double> values() { return values_; }

 private:
  std::vector<std::string> names_;
  std::vector<double> values_;
};

/// A formula over named values: comparisons, `and`, `or`, `not` (or && || !), + - * / ^, parentheses, `a ? b : c`,
/// per cent (5% is 0.05), and functions such as abs, min, max, sqrt. A comparison with an unknown value is
/// false. Signs and `not` cannot follow each other without a parenthesis. No side effects. Not thread-safe, also not
/// for two expressions that share their variables.
class Expression {
 public:
  static constexpr std::size_t kLongest = 500;

  /// Throws ExpressionError.
  Expression(std::string text, std::shared_ptr<Variables> variables);
  ~Expression();
  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;

  const std::string& text() const { return text_; }
  double value() const;  ///< with the current variables; NaN if unknown
  bool holds() const;    ///< the value is known and not 0

 private:
  struct Parser;
  std::string text_;
  std::unique_ptr<Parser> parser_;
};

}  // namespace deer
