// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/debug/expression.h"

#include <muParser.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>

namespace deer {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

double percent(double value) { return value / 100; }
double negation(double value) { return value == 0 || std::isnan(value) ? 1 : 0; }

/// The text for the parser, with every character at its original position: operator words become symbols. Refuses what
/// the parser would interpret differently: assignments and strings.
std::string prepared(const std::string& text) {
  if (text.size() > Expression::kLongest) {
    throw ExpressionError("longer than " + std::to_string(Expression::kLongest) + " characters",
                          static_cast<int>(Expression::kLongest));
  }
  const auto blank = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  if (std::all_of(text.begin(), text.end(), blank)) throw ExpressionError("the expression is empty", 0);
  std::string out = text;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const char c = out[i];
    const auto fail = [&](const std::string& what) { throw ExpressionError(what, static_cast<int>(i)); };
    if (static_cast<unsigned char>(c) < 0x20 && !blank(c)) fail("unexpected control character");
    if (static_cast<unsigned char>(c) >= 0x7f) fail("only ASCII letters, digits and symbols are allowed");
    if (c == '"' || c == '\'') fail("strings are not supported");
    if (c == '=') {
      const bool with_next = i + 1 < out.size() && out[i + 1] == '=';
      const bool with_last = i > 0 && (out[i - 1] == '<' || out[i - 1] == '>' || out[i - 1] == '!');
      if (!with_next && !with_last) fail("'=' cannot assign: compare with '=='");
      if (with_next && !with_last) ++i;
      continue;
    }
    if (!is_word(c)) continue;
    std::size_t end = i;
    while (end < out.size() && is_word(out[end])) ++end;
    const auto word = out.substr(i, end - i);
    if (word == "and") out.replace(i, 3, "&& ");
    if (word == "or") out.replace(i, 2, "||");
    if (word == "not") out.replace(i, 3, "!  ");
    i = end - 1;
  }
  return out;
}

/// `given` is the text as passed to the parser.
ExpressionError explained(const mu::ParserError& error, const std::string& text, const std::string& given) {
  const auto length = static_cast<int>(text.size());
  const auto& token = error.GetToken();
  int position = std::clamp(error.GetPos(), 0, length);
  // The parser points past some tokens.
  if (!token.empty()) {
    const auto found = given.rfind(token, static_cast<std::size_t>(position));
    if (found != std::string::npos) position = static_cast<int>(found);
  }
  // As the user wrote it.
  auto end = static_cast<std::size_t>(position);
  while (end < text.size() && is_word(text[end])) ++end;
  const auto word = text.substr(static_cast<std::size_t>(position), end - static_cast<std::size_t>(position));
  const auto named = [&](const char* what) { return "'" + printable(word.empty() ? token : word) + "' " + what; };
  switch (error.GetCode()) {
    case mu::ecUNASSIGNABLE_TOKEN:
      return {named("is unknown"), position};
    case mu::ecUNEXPECTED_EOF:
      return {"the expression is incomplete", length};
    case mu::ecMISSING_PARENS:
      return {"missing ')'", length};
    case mu::ecUNEXPECTED_PARENS:
      return {"unexpected parenthesis", position};
    case mu::ecUNEXPECTED_OPERATOR:
    case mu::ecUNEXPECTED_VAL:
    case mu::ecUNEXPECTED_VAR:
    case mu::ecUNEXPECTED_FUN:
    case mu::ecUNEXPECTED_ARG:
    case mu::ecUNEXPECTED_ARG_SEP:
    case mu::ecUNEXPECTED_CONDITIONAL:
      return {token.empty() ? std::string("unexpected token") : named("is unexpected here"), position};
    case mu::ecTOO_MANY_PARAMS:
      return {named("has too many arguments"), position};
    case mu::ecTOO_FEW_PARAMS:
      return {named("has too few arguments"), position};
    case mu::ecMISSING_ELSE_CLAUSE:
      return {"'?' without ':'", length};
    default:
      return {printable(error.GetMsg()), position};
  }
}

}  // namespace

struct Expression::Parser {
  std::shared_ptr<Variables> variables;
  mu::Parser parser;
};

Expression::Expression(std::string text, std::shared_ptr<Variables> variables)
    : text_(std::move(text)), parser_(std::make_unique<Parser>()) {
  parser_->variables = std::move(variables);
  auto& parser = parser_->parser;
  const auto given = prepared(text_);
  try {
    parser.DefineInfixOprt("!", negation, mu::prLOGIC);  // binds less than a comparison
    parser.DefinePostfixOprt("%", percent);
    const auto& names = parser_->variables->names();
    const auto values = parser_->variables->values();
    for (std::size_t i = 0; i < names.size(); ++i) parser.DefineVar(names[i], &values[i]);
    parser.SetExpr(given);
    parser.Eval();
    if (parser.GetNumResults() != 1) throw ExpressionError("',' is only allowed between function arguments", 0);
  } catch (const mu::ParserError& error) {
    throw explained(error, text_, given);
  }
}

Expression::~Expression() = default;
Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;

double Expression::value() const {
  try {
    return parser_->parser.Eval();
  } catch (const mu::ParserError&) {
    return std::numeric_limits<double>::quiet_NaN();  // undefined for these values
  }
}

bool Expression::holds() const {
  const double result = value();
  return result != 0 && !std::isnan(result);
}

}  // namespace deer
