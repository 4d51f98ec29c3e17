// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/architecture/source_tree.h"

#include <QDir>
#include <QDirIterator>
#include <QFile>
#include <QRegularExpression>
#include <QSet>
#include <algorithm>
#include <functional>

namespace deer::test {
namespace {

QStringList matches(const QString& text, const QRegularExpression& pattern) {
  QStringList out;
  for (auto it = pattern.globalMatch(text); it.hasNext();) out << it.next().captured(1);
  return out;
}

}  // namespace

SourceTree SourceTree::read(const QString& root, const QStringList& folders) {
  SourceTree out;
  const QDir top(root);
  for (const auto& folder : folders) {
    QDirIterator it(top.filePath(folder), {"*.h", "*.cpp"}, QDir::Files, QDirIterator::Subdirectories);
    while (it.hasNext()) {
      QFile file(it.next());
      if (file.open(QIODevice::ReadOnly)) {
        out.files.insert(top.relativeFilePath(file.fileName()), QString::fromUtf8(file.readAll()));
      }
    }
  }
  return out;
}

QStringList SourceTree::folders() const {
  QStringList out;
  for (auto it = files.begin(); it != files.end(); ++it) out << folder_of(it.key());
  out.removeDuplicates();
  out.sort();
  return out;
}

QStringList SourceTree::includes(const QString& file) const {
  static const QRegularExpression pattern(R"re(^\s*#\s*include\s+"([^"]+)")re", QRegularExpression::MultilineOption);
  return matches(files.value(file), pattern);
}

QStringList SourceTree::library_includes(const QString& file) const {
  static const QRegularExpression pattern(R"re(^\s*#\s*include\s+<([^>]+)>)re", QRegularExpression::MultilineOption);
  return matches(files.value(file), pattern);
}

QString folder_of(const QString& file) { return file.section(u'/', 0, -2); }

QString component_of(const QString& file) {
  static const QRegularExpression ending(R"re((_private)?\.(h|cpp)$)re");
  return QString(file).remove(ending);
}

QString code_only(const QString& text) {
  QString out;
  out.reserve(text.size());
  enum class In { code, line_comment, comment, string, character, directive } in = In::code;
  for (qsizetype i = 0; i < text.size(); ++i) {
    const QChar c = text[i];
    const QChar next = i + 1 < text.size() ? text[i + 1] : QChar();
    if (c == u'\n') {
      if (in == In::line_comment || (in == In::directive && text[std::max<qsizetype>(i - 1, 0)] != u'\\')) {
        in = In::code;
      }
      out += c;
      continue;
    }
    switch (in) {
      case In::code:
        if (c == u'/' && next == u'/') {
          in = In::line_comment;
        } else if (c == u'/' && next == u'*') {
          in = In::comment;
          ++i;
        } else if (c == u'R' && next == u'"') {  // a raw string; its end is looked for here
          const auto open = text.indexOf(u'(', i);
          const auto close = text.indexOf(u')' + text.mid(i + 2, open - i - 2) + u'"', open);
          if (open < 0 || close < 0) return out;
          out += QStringLiteral("\"\"") + QString(text.mid(i, close - i).count(u'\n'), u'\n');
          i = text.indexOf(u'"', close);
        } else if (c == u'"') {
          in = In::string;
          out += QStringLiteral("\"\"");
        } else if (c == u'\'' && !(i > 0 && text[i - 1].isDigit())) {
          in = In::character;
          out += QStringLiteral("' '");
        } else if (c == u'#' && out.section(u'\n', -1).trimmed().isEmpty()) {
          in = In::directive;
        } else {
          out += c;
        }
        break;
      case In::comment:
        if (c == u'*' && next == u'/') {
          in = In::code;
          ++i;
        }
        break;
      case In::string:
      case In::character:
        if (c == u'\\') {
          ++i;
        } else if (c == (in == In::string ? u'"' : u'\'')) {
          in = In::code;
        }
        break;
      default:
        break;
    }
  }
  return out;
}

QList<QStringList> circles(const QMap<QString, QStringList>& arrows) {
  // Tarjan: nodes of one strongly connected component are popped together.
  QMap<QString, int> index;
  QMap<QString, int> lowest;
  QStringList stack;
  QSet<QString> on_stack;
  QList<QStringList> out;
  const std::function<void(const QString&)> visit = [&](const QString& node) {
    const int own = static_cast<int>(index.size());
    index[node] = lowest[node] = own;
    stack << node;
    on_stack << node;
    for (const auto& to : arrows.value(node)) {
      if (!index.contains(to)) {
        visit(to);
        lowest[node] = std::min(lowest[node], lowest[to]);
      } else if (on_stack.contains(to)) {
        lowest[node] = std::min(lowest[node], index[to]);
      }
    }
    if (lowest[node] != own) return;
    QStringList group;
    do {
      group << stack.takeLast();
      on_stack.remove(group.last());
    } while (group.last() != node);
    if (group.size() > 1) {
      group.sort();
      out << group;
    }
  };
  for (auto it = arrows.begin(); it != arrows.end(); ++it) {
    if (!index.contains(it.key())) visit(it.key());
  }
  return out;
}

}  // namespace deer::test
