// SPDX-License-Identifier: GPL-3.0-or-later
// What the program says: that every word can be translated, and that the guide names what is there.
#include <QAbstractButton>
#include <QApplication>
#include <QComboBox>
#include <QDockWidget>
#include <QFile>
#include <QGroupBox>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QMenuBar>
#include <QPushButton>
#include <QRegularExpression>
#include <QScrollBar>
#include <QSignalSpy>
#include <QTableView>
#include <QTextBlock>
#include <QTextBrowser>
#include <QTranslator>

#include "app/gui/dialogs/guide_dialog.h"
#include "app/gui/start/translations.h"
#include "tests/app/window/window_fixture.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "widgets/base/theme.h"
#include "widgets/dataset/dataset_view.h"

namespace deer::test {
namespace {

/// Puts every text that asks for a translation between brackets.
class Brackets : public QTranslator {
 public:
  bool isEmpty() const override { return false; }
  QString translate(const char* context, const char* source, const char*, int) const override {
    const auto text = QString::fromUtf8(source);
    // Names of keys go through tr() too; a key in brackets would be none.
    static const QRegularExpression keys(QStringLiteral(
        "^((Ctrl|Shift|Alt|Meta)\\+)*([^ ]|F\\d+|Space|Left|Right|Up|Down|Home|End|Esc|Backspace|Del)$"));
    if (qstrcmp(context, "QShortcut") == 0 || keys.match(text).hasMatch()) return text;
    return QStringLiteral("⟦") + text + QStringLiteral("⟧");
  }
};

/// Words that are the same in every language, or come from the data.
bool is_no_text(const QString& text) {
  static const QRegularExpression units(QStringLiteral("\\b(GB|MB|ms|mm|GFLOPs|MFLOPs|px)\\b"));
  static const QRegularExpression word(QStringLiteral("[A-Za-z]{2,}"));
  if (!word.match(QString(text).remove(units)).hasMatch()) return true;
  static const QStringList same{"Deerscope", "float32", "bfloat16", "float16", "CALVIN"};
  // The fake model's and the fake episode's own.
  static const QStringList data{"deer-nano",     "open the drawer", "push the red block to the left",
                                "fake episode",  "validation",      "/models/",
                                "cpu · float32", "/data/",          "lang_annotations: one entry"};
  if (same.contains(text) || text.contains(u"Ctrl+") || text.contains(u"Shift+") || text.contains(u"Alt+")) return true;
  return std::any_of(data.begin(), data.end(), [&](const QString& part) { return text.contains(part); });
}

class Walk {
 public:
  void add(const QString& what, const QString& text) {
    ++seen_;
    if (text.contains(u'⟦') || is_no_text(text)) return;
    const auto line = what + QStringLiteral(": ") + text;
    if (!found_.contains(line)) found_ << line;
  }

  void add_model(const QString& what, const QAbstractItemModel* model) {
    for (int column = 0; column < model->columnCount(); ++column) {
      add(what + " header", model->headerData(column, Qt::Horizontal).toString());
      add(what + " header tip", model->headerData(column, Qt::Horizontal, Qt::ToolTipRole).toString());
    }
    for (int row = 0; row < std::min(model->rowCount(), 12); ++row) {
      add(what + " row", model->headerData(row, Qt::Vertical).toString());
      for (int column = 0; column < model->columnCount(); ++column) {
        add(what + " cell", model->index(row, column).data().toString());
        add(what + " cell tip", model->index(row, column).data(Qt::ToolTipRole).toString());
      }
    }
  }

  void add_widgets(const QWidget* top) {
    for (const auto* const widget : top->findChildren<QWidget*>()) {
      const auto what = QString::fromLatin1(widget->metaObject()->className());
      if (what.startsWith("QDockWidgetTitle") || what.startsWith("QLineEditIcon")) continue;
      add(what + " name", widget->accessibleName());
      add(what + " tip", widget->toolTip());
      add(what + " title", widget->windowTitle());
      if (const auto* const label = qobject_cast<const QLabel*>(widget)) {
        static const QRegularExpression tags(QStringLiteral("<[^>]*>"));
        add(what, label->text().remove(tags));
      }
      if (const auto* const one = qobject_cast<const QAbstractButton*>(widget)) add(what, one->text());
      if (const auto* const one = qobject_cast<const QLineEdit*>(widget)) add(what, one->placeholderText());
      if (const auto* const one = qobject_cast<const QGroupBox*>(widget)) add(what, one->title());
      // Instructions are what the model was taught, in its language.
      const auto* const one = qobject_cast<const QComboBox*>(widget);
      if (one && !what.endsWith("InstructionBox")) {
        for (int i = 0; i < one->count(); ++i) add(what, one->itemText(i));
      }
      const auto* const table = qobject_cast<const QTableView*>(widget);
      // What the dataset says is not the program's.
      bool of_dataset = false;
      for (const auto* ancestor = widget; ancestor && !of_dataset; ancestor = ancestor->parentWidget()) {
        of_dataset = qobject_cast<const DatasetView*>(ancestor) != nullptr;
      }
      if (table && table->model() && !of_dataset) add_model(table->accessibleName(), table->model());
    }
  }

  void add_menus(const QList<QAction*>& actions) {
    for (const auto* const action : actions) {
      add("action", action->text());
      add("action tip", action->statusTip());
      if (action->menu()) add_menus(action->menu()->actions());
    }
  }

  const QStringList& found() const { return found_; }
  int seen() const { return seen_; }

 private:
  QStringList found_;
  int seen_ = 0;
};

QString guide_text() {
  QFile file(QStringLiteral(DEER_SOURCE_DIR "/docs/guide.md"));
  return file.open(QFile::ReadOnly) ? QString::fromUtf8(file.readAll()) : QString();
}

/// "File → Open model…", as the guide writes it, of every command.
QHash<QString, const Command*> menu_places(const CommandTable& commands) {
  QHash<QString, const Command*> places;
  for (const auto& command : commands.commands()) {
    const auto text = QString(command.text).remove(u'&');
    places.insert(menu_path(command).replace(QStringLiteral(" › "), QStringLiteral(" → ")) + " → " + text, &command);
  }
  return places;
}

}  // namespace

class WordsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { guard_ = std::make_unique<LogGuard>(); }
  void cleanup() {
    QCOMPARE(guard_->unexpected(), QStringList());
    guard_.reset();
  }

  void every_word_can_be_translated();
  void no_translation_leaves_english_and_plain_numbers();
  void the_guide_names_what_is_there();
  void the_guide_has_its_pictures();
  void the_guide_opens_in_the_program();

 private:
  std::unique_ptr<LogGuard> guard_;
};

void WordsTest::every_word_can_be_translated() {
  Brackets brackets;
  QVERIFY(QCoreApplication::installTranslator(&brackets));
  Walk walk;
  {
    WindowFixture f({1600, 1000});
    walk.add_widgets(f.window.get());  // the page at the start
    QVERIFY(f.open_and_run());
    f.session.set_current_frame(5);
    for (const auto* const id :
         {"view.layout_debug", "view.layout_compare", "compare.keep", "view.layout_budgets", "view.layout_inspect"}) {
      QVERIFY(f.window->commands()->trigger(QString::fromLatin1(id)));
      f.settle();
    }
    walk.add_widgets(f.window.get());
    walk.add_menus(f.window->menuBar()->actions());
    for (const auto* const id : {"edit.preferences", "file.open_cameras", "help.keys", "help.about", "view.layout_save",
                                 "view.layout_manage"}) {
      QVERIFY(f.window->commands()->trigger(QString::fromLatin1(id)));
      for (auto* const dialog : f.window->findChildren<QDialog*>()) {
        walk.add("dialog", dialog->windowTitle());
        walk.add_widgets(dialog);
      }
    }
  }
  QCoreApplication::removeTranslator(&brackets);
  QVERIFY2(walk.seen() > 500, qPrintable(QString::number(walk.seen())));
  QVERIFY2(walk.found().isEmpty(), qPrintable("\n" + walk.found().join(u'\n')));
}

void WordsTest::no_translation_leaves_english_and_plain_numbers() {
  const auto before = QLocale();
  QVERIFY(!install_translations(qApp, QLocale(QLocale::Icelandic)));
  QCOMPARE(QLocale().toString(1.5), QStringLiteral("1.5"));
  WindowFixture f;
  QVERIFY(f.open());
  QCOMPARE(f.window->commands()->action("file.open_model")->text(), QStringLiteral("Open &model…"));
  QLocale::setDefault(before);
}

void WordsTest::the_guide_names_what_is_there() {
  WindowFixture f;
  const auto text = guide_text();
  QVERIFY(text.size() > 2000);
  const auto& commands = *f.window->commands();
  const auto places = menu_places(commands);
  // *Menu → Command*, and the key in bold that may follow in parentheses.
  static const QRegularExpression place(
      QStringLiteral("(?<!\\*)\\*([^*\n]+ → [^*\n]+)\\*(?: \\(\\*\\*([^*]+)\\*\\*\\))?"));
  int found = 0;
  for (auto it = place.globalMatch(text); it.hasNext();) {
    const auto match = it.next();
    const auto* const command = places.value(match.captured(1));
    const bool group = std::any_of(places.keyBegin(), places.keyEnd(),
                                   [&](const QString& known) { return known.startsWith(match.captured(1) + " → "); });
    QVERIFY2(command || group, qPrintable("no such place in the menus: " + match.captured(1)));
    ++found;
    if (match.captured(2).isEmpty()) continue;
    QVERIFY2(command, qPrintable(match.captured(1)));
    QVERIFY2(shortcut_text(*command).split(QStringLiteral(", ")).contains(match.captured(2)),
             qPrintable(match.captured(1) + " has not the key " + match.captured(2)));
  }
  QVERIFY(found > 30);
  // Keys stand in bold, and nothing else does.
  QSet<QString> keys;
  for (const auto& command : commands.commands()) {
    for (const auto& key : command.shortcuts) keys << key.toString(QKeySequence::NativeText);
  }
  static const QRegularExpression bold(QStringLiteral("\\*\\*([^*]+)\\*\\*"));
  for (auto it = bold.globalMatch(text); it.hasNext();) {
    const auto key = it.next().captured(1);
    QVERIFY2(keys.contains(key), qPrintable("no command has the key " + key));
  }
}

void WordsTest::the_guide_has_its_pictures() {
  static const QRegularExpression picture(QStringLiteral("!\\[([^\\]]*)\\]\\(([^)]+)\\)"));
  qint64 bytes = 0;
  int count = 0;
  const auto text = guide_text();
  for (auto it = picture.globalMatch(text); it.hasNext(); ++count) {
    const auto match = it.next();
    QVERIFY2(!match.captured(1).isEmpty(), "a picture has no description");
    const auto path = QStringLiteral(DEER_SOURCE_DIR "/docs/") + match.captured(2);
    QVERIFY2(!QImage(path).isNull(), qPrintable(path));
    bytes += QFile(path).size();
  }
  QVERIFY(count >= 8);
  QVERIFY2(bytes < 2'000'000, qPrintable(QString::number(bytes)));
}

void WordsTest::the_guide_opens_in_the_program() {
  WindowFixture f;
  QVERIFY(f.window->commands()->trigger("help.guide"));
  auto* const dialog = f.window->findChild<GuideDialog*>();
  QVERIFY(dialog && dialog->isVisible());
  QVERIFY(QTest::qWaitFor([&] { return dialog->contents()->count() > 0; }, kPatienceMs));
  QCOMPARE(dialog->contents()->item(0)->text(), QStringLiteral("User guide"));
  QCOMPARE(dialog->contents()->count(), guide_text().count(QStringLiteral("\n## ")) + 1);
  QVERIFY(!dialog->browser()->toPlainText().contains("SPDX"));
  // The last section comes into sight when it is chosen.
  const auto top = dialog->browser()->grab().toImage();
  dialog->contents()->setCurrentRow(dialog->contents()->count() - 1);
  QVERIFY(dialog->browser()->grab().toImage() != top);
  // Pictures are there: somewhere on the way down there is more than text and ground.
  const auto resource =
      dialog->browser()->document()->resource(QTextDocument::ImageResource, QUrl(QStringLiteral("guide/demo.png")));
  QVERIFY(resource.value<QImage>().width() > 400);

  // Links lead to a heading of another page or of the same one, and there is a way back.
  auto* const bar = dialog->browser()->verticalScrollBar();
  bar->setValue(300);
  QSignalSpy loaded(dialog, &GuideDialog::loaded);
  const auto follow = [&](const char* link) {
    Q_EMIT dialog->browser()->anchorClicked(QUrl(QString::fromLatin1(link)));
    return QTest::qWaitFor([&] { return !loaded.isEmpty(); }, kPatienceMs);
  };
  QVERIFY(follow("formats.md#writing-lerobot-datasets"));
  QCOMPARE(loaded.takeFirst().first().toString(), QStringLiteral("formats.md"));
  const auto seen = dialog->browser()->cursorForPosition({20, 6}).block().text();
  QVERIFY2(seen.contains("Writing LeRobot datasets"), qPrintable(seen));
  QVERIFY(follow("#thresholds"));
  QCOMPARE(loaded.takeFirst().first().toString(), QStringLiteral("formats.md"));
  auto* const back = dialog->findChild<QPushButton*>();
  for (const char* page : {"formats.md", "guide.md"}) {
    QTest::mouseClick(back, Qt::LeftButton);
    QVERIFY(QTest::qWaitFor([&] { return !loaded.isEmpty(); }, kPatienceMs));
    QCOMPARE(loaded.takeFirst().first().toString(), QString::fromLatin1(page));
  }
  QVERIFY(!back->isEnabled());
  QCOMPARE(bar->value(), 300);
  dialog->close();
}

}  // namespace deer::test

DEER_SUITE(deer::test::WordsTest)

#include "tst_words.moc"
