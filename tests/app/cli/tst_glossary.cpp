// SPDX-License-Identifier: GPL-3.0-or-later
// The words of docs/glossary.md: its last column must not occur in any text of the program, its help or its pages.
#include <QDirIterator>
#include <QFile>
#include <QProcess>
#include <QRegularExpression>
#include <QTest>
#include <vector>

#include "tests/support/suite.h"

namespace {

struct Rule {
  QString phrase;
  QString word;  ///< to use instead
  QRegularExpression pattern;
};

struct Text {
  QString place;
  QString content;
};

QString read(const QString& path) {
  QFile file(path);
  return file.open(QFile::ReadOnly) ? QString::fromUtf8(file.readAll()) : QString();
}

QString source(const QString& path) { return QStringLiteral(DEER_SOURCE_DIR "/") + path; }

/// A pattern of one phrase, without the options: whole words, any blanks between them.
QString expression_of(const QString& phrase) {
  auto text = QRegularExpression::escape(phrase).replace(QStringLiteral("\\ "), QStringLiteral("\\s+"));
  if (phrase.front().isLetterOrNumber()) text.prepend(QStringLiteral("(?<!\\w)"));
  if (phrase.back().isLetterOrNumber()) text.append(QStringLiteral("(?!\\w)"));
  return text;
}

QRegularExpression whole(const QString& expression) {
  return QRegularExpression(expression, QRegularExpression::CaseInsensitiveOption);
}

/// Rows "| word | meaning | phrase; phrase |" of the glossary's tables.
std::vector<Rule> rules_of(const QString& glossary) {
  std::vector<Rule> rules;
  for (const auto& line : glossary.split(u'\n')) {
    const auto cells = line.split(u'|');
    if (cells.size() != 5 || cells[1].trimmed() == QStringLiteral("word") || cells[1].startsWith(u'-')) continue;
    for (const auto& phrase : cells[3].split(u';', Qt::SkipEmptyParts)) {
      const auto clean = phrase.trimmed();
      if (!clean.isEmpty()) rules.push_back({clean, cells[1].trimmed(), whole(expression_of(clean))});
    }
  }
  return rules;
}

/// The string literals of C++ source, neighbouring ones joined.
QStringList literals_of(const QString& code) {
  static const QRegularExpression token(
      QStringLiteral(
          "//[^\n]*|/\\*.*?\\*/|R\"\\((.*?)\\)\"|\"((?:[^\"\\\\\n]|\\\\.)*)\"|'(?:[^'\\\\\n]|\\\\.)+'|\\w+|\\S"),
      QRegularExpression::DotMatchesEverythingOption);
  QStringList out;
  bool joins = false;
  for (auto it = token.globalMatch(code); it.hasNext();) {
    const auto match = it.next();
    if (match.captured().startsWith(QStringLiteral("//")) || match.captured().startsWith(QStringLiteral("/*")))
      continue;
    const bool raw = match.hasCaptured(1);
    if (!raw && !match.hasCaptured(2)) {
      joins = false;
      continue;
    }
    auto text = match.captured(raw ? 1 : 2);
    if (!raw) text.replace(QStringLiteral("\\n"), QStringLiteral(" ")).remove(u'&');
    if (joins) {
      out.last() += text;
    } else {
      out << text;
    }
    joins = true;
  }
  return out;
}

QStringList broken_by(const std::vector<Rule>& rules, const Text& text) {
  QStringList out;
  for (const auto& rule : rules) {
    const auto match = rule.pattern.match(text.content);
    if (!match.hasMatch()) continue;
    const auto begin = std::max<qsizetype>(0, match.capturedStart() - 40);
    out << QStringLiteral("%1: \"…%2…\" has \"%3\": write \"%4\"")
               .arg(text.place, text.content.mid(begin, match.capturedLength() + 80).simplified(), rule.phrase,
                    rule.word);
  }
  return out;
}

QString help_of(const QStringList& arguments) {
  QProcess process;
  process.start(QStringLiteral(DEER_PROGRAM), arguments + QStringList{QStringLiteral("--help")});
  process.waitForFinished(60'000);
  return QString::fromUtf8(process.readAllStandardOutput());
}

}  // namespace

class GlossaryTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase();
  void phrases_are_found();
  void the_program_s_texts_follow_it();
  void every_help_follows_it();
  void every_page_follows_it();

 private:
  void verify(const std::vector<Text>& texts) const {
    QStringList phrases, broken;
    for (const auto& rule : rules_) phrases << expression_of(rule.phrase);
    const auto any = whole(phrases.join(u'|'));
    for (const auto& text : texts) {
      if (any.match(text.content).hasMatch()) broken << broken_by(rules_, text);
    }
    for (const auto& line : broken) qWarning("%s", qPrintable(line));
    QVERIFY2(broken.isEmpty(), "texts differ from docs/glossary.md: see the lines above");
  }

  std::vector<Rule> rules_;
};

void GlossaryTest::initTestCase() {
  rules_ = rules_of(read(source(QStringLiteral("docs/glossary.md"))));
  QVERIFY2(rules_.size() > 60, qPrintable(QString::number(rules_.size())));
}

void GlossaryTest::phrases_are_found() {
  const auto rules =
      rules_of(QStringLiteral("| word | meaning | not |\n|---|---|---|\n"
                              "| apply | Make active | put in force; in force |\n| trace | A file | |\n"));
  QCOMPARE(rules.size(), std::size_t{2});
  const auto found = [&](const char* text) {
    return broken_by(rules, {QStringLiteral("here"), QString::fromUtf8(text)}).join(u'\n');
  };
  QVERIFY(found("The thresholds In\n  force.").contains(QStringLiteral("has \"in force\": write \"apply\"")));
  QVERIFY(found("put in force").startsWith(QStringLiteral("here: ")));
  QCOMPARE(found("in forceful words, main force"), QString());
  const auto code = QStringLiteral("a(\"put in \"  // \"no text\"\n  \"force\", \"other\"); '\"'; b(R\"(raw)\");");
  QCOMPARE(literals_of(code), (QStringList{"put in force", "other", "raw"}));
}

void GlossaryTest::the_program_s_texts_follow_it() {
  std::vector<Text> texts;
  for (const auto* const folder : {"app", "core", "sessions", "widgets"}) {
    QDirIterator it(source(QString::fromLatin1(folder)), {"*.cpp", "*.h"}, QDir::Files, QDirIterator::Subdirectories);
    while (it.hasNext()) {
      const auto path = it.next();
      const auto place = path.mid(source(QString()).size());
      for (const auto& text : literals_of(read(path))) {
        if (text.contains(u' ')) texts.push_back({place, text});
      }
    }
  }
  QVERIFY(texts.size() > 2000);
  verify(texts);
}

void GlossaryTest::every_help_follows_it() {
  const auto overview = help_of({});
  std::vector<Text> texts{{QStringLiteral("deer --help"), overview}};
  static const QRegularExpression command(QStringLiteral("^  ([a-z]+)  "), QRegularExpression::MultilineOption);
  const auto list = overview.mid(
      overview.indexOf(QRegularExpression(QStringLiteral("subcommands"), QRegularExpression::CaseInsensitiveOption)));
  for (auto it = command.globalMatch(list); it.hasNext();) {
    const auto name = it.next().captured(1);
    texts.push_back({QStringLiteral("deer %1 --help").arg(name), help_of({name})});
    QVERIFY2(texts.back().content.contains(QStringLiteral("--help")), qPrintable(name));
  }
  QVERIFY2(texts.size() > 8, qPrintable(overview));
  verify(texts);
}

void GlossaryTest::every_page_follows_it() {
  std::vector<Text> texts;
  for (const auto* const page : {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "resources/demo/README.md"}) {
    const auto name = QString::fromLatin1(page);
    texts.push_back({name, read(source(name))});
  }
  QDirIterator it(source(QStringLiteral("docs")), {"*.md"}, QDir::Files);
  while (it.hasNext()) {
    const auto path = it.next();
    // The glossary itself lists the phrases.
    if (!path.endsWith(QStringLiteral("/glossary.md")))
      texts.push_back({path.mid(source(QString()).size()), read(path)});
  }
  QVERIFY(texts.size() > 15);
  for (const auto& text : texts) QVERIFY2(!text.content.isEmpty(), qPrintable(text.place));
  verify(texts);
}

DEER_SUITE(GlossaryTest)
#include "tst_glossary.moc"
