// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>
#include <QComboBox>
#include <QFile>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QXmlStreamReader>
#include <cmath>

#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "tests/widgets/support/scene.h"
#include "widgets/analysis/similarity_view.h"
#include "widgets/base/series_plot.h"
#include "widgets/base/theme.h"
#include "widgets/exports/view_exports.h"
#include "widgets/exports/view_values.h"

namespace deer {

using test::Scene;

class FiguresTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { Theme::instance().apply(); }
  void cleanup() {
    Theme::instance().set_mode(Theme::Mode::light);
    QCOMPARE(log_.unexpected(), QStringList());
  }

  void are_light_and_have_no_controls();
  void light_ones_change_nothing();

 private:
  struct Content {
    QString text;
    QStringList colours;
    int pictures = 0;
  };
  static Content content_of(const QString& file);

  Scene scene_;
  test::LogGuard log_;
};

FiguresTest::Content FiguresTest::content_of(const QString& file) {
  Content out;
  QFile svg(file);
  if (!svg.open(QFile::ReadOnly)) return out;
  QXmlStreamReader xml(&svg);
  while (!xml.atEnd()) {
    xml.readNext();
    if (xml.isCharacters()) out.text += xml.text();
    if (!xml.isStartElement()) continue;
    if (xml.name() == u"image") ++out.pictures;
    for (const char* name : {"fill", "stroke"}) {
      const auto value = xml.attributes().value(QLatin1String(name)).toString();
      if (value.startsWith('#')) out.colours << value;
    }
  }
  return out;
}

void FiguresTest::are_light_and_have_no_controls() {
  const QTemporaryDir folder;
  const auto session = scene_.session();
  Theme::instance().set_mode(Theme::Mode::dark);
  QWidget window;
  ViewExports exports(&window);
  auto* const view = new SimilarityView(session.get(), &window);
  view->resize(700, 300);
  window.resize(700, 300);
  exports.add(view, "similarity", [view] { return similarity_values(*view); });
  window.show();
  QVERIFY(test::open_all(session.get()));
  QTRY_VERIFY(std::abs(view->plot()->value(0, 119) - Scene::similarity(0, 5)) < 1e-5);
  QTRY_VERIFY(view->plot()->xAxis->range().upper > 100);
  view->plot()->replot();  // rather than later
  auto* const box = view->findChild<QComboBox*>();
  QVERIFY(box && box->isVisible());
  const QString chosen = box->currentText();
  const QString dark = Theme::instance().colors().text.name();

  QSignalSpy saved(&exports, &ViewExports::saved);
  const auto wait = [&](int count) { return QTest::qWaitFor([&] { return saved.count() == count; }); };
  exports.save_picture(view, folder.filePath("as_seen.svg"));
  QVERIFY(wait(1));
  exports.set_file_chooser([&](const QString&, const QString& name, const QString&) {
    return name == "similarity.pdf" ? folder.filePath("figure.svg") : QString();
  });
  exports.ask_figure(view);
  QVERIFY(wait(2));

  const auto as_seen = content_of(folder.filePath("as_seen.svg"));
  QVERIFY(as_seen.text.contains(chosen));
  QVERIFY(as_seen.colours.contains(dark));
  const auto figure = content_of(folder.filePath("figure.svg"));
  QVERIFY(!figure.text.contains(chosen));
  QVERIFY(figure.text.contains("cosine to the deepest exit"));
  QVERIFY2(!figure.colours.contains(dark), qPrintable(dark));
  QCOMPARE(figure.pictures, 0);

  // The window is as before.
  QVERIFY(Theme::instance().is_dark());
  QVERIFY(box->isVisible());
  QCoreApplication::processEvents();
  view->plot()->replot();
  exports.save_picture(view, folder.filePath("afterwards.svg"));
  QVERIFY(wait(3));
  const auto afterwards = content_of(folder.filePath("afterwards.svg"));
  QCOMPARE(afterwards.text.simplified().split(' '), as_seen.text.simplified().split(' '));
  QCOMPARE(afterwards.colours, as_seen.colours);
}

void FiguresTest::light_ones_change_nothing() {
  const QTemporaryDir folder;
  const auto session = scene_.session();
  QWidget window;
  ViewExports exports(&window);
  auto* const view = new SimilarityView(session.get(), &window);
  view->resize(700, 300);
  exports.add(view, "similarity");
  window.show();
  QVERIFY(test::open_all(session.get()));
  auto* const box = view->findChild<QComboBox*>();
  window.activateWindow();
  QVERIFY(QTest::qWaitForWindowActive(&window));
  box->setFocus();
  QTRY_COMPARE(QApplication::focusWidget(), box);
  QSignalSpy changed(&Theme::instance(), &Theme::changed);
  QSignalSpy saved(&exports, &ViewExports::saved);
  exports.save_figure(view, folder.filePath("figure.pdf"));
  QTRY_COMPARE(saved.count(), 1);
  QCOMPARE(changed.count(), 0);
  QCOMPARE(QApplication::focusWidget(), box);
}

}  // namespace deer

DEER_SUITE(deer::FiguresTest)
#include "tst_figures.moc"
