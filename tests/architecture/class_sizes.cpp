// SPDX-License-Identifier: GPL-3.0-or-later
#include <QRegularExpression>

#include "tests/architecture/rules.h"

namespace deer::test {
namespace {

/// The place behind the bracket that closes the one at `at`.
qsizetype behind_bracket(const QString& code, qsizetype at) {
  const QChar open = code[at];
  const QChar close = open == u'{' ? u'}' : open == u'(' ? u')' : u'>';
  int depth = 0;
  for (; at < code.size(); ++at) {
    if (code[at] == open) ++depth;
    if (code[at] == close && --depth == 0) return at + 1;
  }
  return code.size();
}

/// `declaration` without what stands in angle brackets and behind "=" or "{": initial values and bodies.
QString head_of(const QString& declaration) {
  QString out;
  for (qsizetype i = 0; i < declaration.size(); ++i) {
    const QChar c = declaration[i];
    if (c == u'<') {
      i = behind_bracket(declaration, i) - 1;
    } else if (c == u'(') {
      // A method, whatever its parameters hold.
      out += QStringLiteral("()");
      i = behind_bracket(declaration, i) - 1;
    } else if (c == u'=' || c == u'{') {
      break;
    } else {
      out += c;
    }
  }
  return out.simplified();
}

class Parser {
 public:
  Parser(QString file, const QString& text) : file_(std::move(file)), text_(text), code_(code_only(text)) {}

  QList<ClassSize> parse() {
    scan(0, code_.size(), {});
    return std::move(found_);
  }

 private:
  /// Looks for classes between `from` and `to`, in namespaces too.
  void scan(qsizetype from, qsizetype to, const QString& outer) {
    static const QRegularExpression start(
        R"re((?<!enum )\b(?:class|struct)\s+([\w:]+)(?:\s+final)?\s*(?::[^:;{}()][^;{}()]*)?\{)re");
    while (from < to) {
      const auto match = start.match(code_, from);
      if (!match.hasMatch() || match.capturedStart() >= to) return;
      const auto open = match.capturedEnd() - 1;
      const auto end = behind_bracket(code_, open);
      add(outer + match.captured(1), match.capturedStart(), open + 1, end - 1);
      from = end;
    }
  }

  void add(const QString& name, qsizetype start, qsizetype from, qsizetype to) {
    const auto place = found_.size();
    found_ << ClassSize{name, file_, 0, 0, is_excused(start)};
    const auto inner = name + QStringLiteral("::");
    QString declaration;
    auto begin = from;  // of the declaration
    for (auto i = from; i < to; ++i) {
      const QChar c = code_[i];
      if (c == u'(') {
        const auto end = behind_bracket(code_, i);
        declaration += code_.mid(i, end - i);
        i = end - 1;
      } else if (c == u'{') {
        const auto end = behind_bracket(code_, i);
        static const QRegularExpression type(R"re(^\s*(?:template\s*<[^{]*>\s*)?(class|struct|union|enum)\b)re");
        const auto nested = type.match(without_labels(declaration));
        if (nested.hasMatch()) {
          if (nested.captured(1) != u"enum") scan(begin, end, inner);
          declaration = QStringLiteral("type ");  // a member may follow: struct { … } name;
        } else if (head_of(declaration).contains(u'(') && !is_value(declaration)) {
          count(place, declaration);  // a method with its body
          declaration.clear();
          begin = end;
        } else {
          declaration += QStringLiteral("{}");
        }
        i = end - 1;
      } else if (c == u';') {
        count(place, declaration);
        declaration.clear();
        begin = i + 1;
      } else {
        declaration += c;
      }
    }
  }

  /// Whether the brace that follows belongs to a value: `int x = f({1})`, or a constructor's member.
  static bool is_value(const QString& declaration) {
    static const QRegularExpression behind_colon(R"re(\)\s*(?:noexcept\s*)?:[^:].*\w\s*$)re",
                                                 QRegularExpression::DotMatchesEverythingOption);
    return behind_colon.match(declaration).hasMatch();
  }

  static QString without_labels(QString text) {
    static const QRegularExpression label(R"re(\b(?:public|private|protected|Q_SIGNALS)\s*(?:Q_SLOTS)?\s*:(?!:))re");
    static const QRegularExpression macro(R"re(\bQ_(?:OBJECT|GADGET)\b|\bQ_[A-Z_]+\s*\([^)]*\))re");
    return text.remove(label).remove(macro).trimmed();
  }

  void count(qsizetype place, const QString& raw) {
    const auto text = without_labels(raw);
    static const QRegularExpression skipped(
        R"re(^(?:using|typedef|friend|static_assert|enum|class|struct|union)\b[^()]*$|^friend\b|^static_assert\b)re");
    static const QRegularExpression deleted(R"re(=\s*(?:delete|default)\s*$)re");
    auto& size = found_[place];
    if (text.isEmpty() || text == u"type" || skipped.match(text).hasMatch() || deleted.match(text).hasMatch()) return;
    const auto head = head_of(text);
    if (head.contains(u'(') || head.contains(QStringLiteral("operator"))) {
      ++size.methods;
    } else if (!head.startsWith(QStringLiteral("static "))) {
      static const QRegularExpression values(R"re(\{[^}]*\}|<[^;]*>)re");
      size.data_members += 1 + static_cast<int>(QString(text).remove(values).section(u'(', 0, 0).count(u','));
    }
  }

  /// A comment right above the class says why it is large.
  bool is_excused(qsizetype start) const {
    const auto lines = text_.split(u'\n');
    auto line = code_.left(start).count(u'\n');
    while (--line >= 0) {
      const auto text = lines[line].trimmed();
      if (!text.startsWith(QStringLiteral("//"))) return false;
      if (const auto at = text.indexOf(QStringLiteral("Large class: ")); at >= 0) return at + 13 < text.size();
    }
    return false;
  }

  QString file_;
  const QString& text_;
  QString code_;
  QList<ClassSize> found_;
};

}  // namespace

QList<ClassSize> class_sizes(const QString& file, const QString& text) { return Parser(file, text).parse(); }

}  // namespace deer::test
