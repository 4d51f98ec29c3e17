// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractItemModelTester>
#include <QComboBox>
#include <QElapsedTimer>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTableView>
#include <QTest>
#include <QTreeView>
#include <QUndoStack>

#include "sessions/session/policy_undo.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"
#include "tests/widgets/support/scene.h"
#include "widgets/actions/action_model.h"
#include "widgets/base/form_field.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"
#include "widgets/episodes/episode_browser.h"
#include "widgets/episodes/episode_model.h"
#include "widgets/exits/exit_histogram.h"
#include "widgets/exits/threshold_editor.h"
#include "widgets/exits/threshold_model.h"

namespace deer {

using test::Scene;

namespace {

template <typename T>
T* named(QWidget* parent, const QString& name) {
  for (T* child : parent->findChildren<T*>()) {
    if (child->accessibleName() == name) return child;
  }
  return nullptr;
}

int leaves(const QAbstractItemModel* model) {
  int count = 0;
  for (int split = 0; split < model->rowCount(); ++split) count += model->rowCount(model->index(split, 0));
  return count;
}

}  // namespace

class PanelsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase();
  void cleanup();
  void an_entry_changes_the_policy();
  void a_bad_entry_is_refused();
  void undo_and_reset();
  void controls_write_the_policy();
  void the_histogram_counts_frames();
  void shares_stand_clear_of_the_estimate();
  void browser_lists_and_opens();
  void browser_searches();
  void twenty_thousand_episodes();
  void models_are_sound();
  void values_can_be_selected();

 private:
  test::LogGuard log_;
};

void PanelsTest::initTestCase() {
  Theme::instance().set_mode(Theme::Mode::light);
  Theme::instance().apply();
}

void PanelsTest::cleanup() { QCOMPARE(log_.unexpected(), QStringList()); }

void PanelsTest::an_entry_changes_the_policy() {
  Scene scene;
  const auto session = scene.session();
  ThresholdEditor editor(session.get());
  editor.resize(380, 640);
  editor.show();
  QVERIFY(test::open_all(session.get()));
  auto* table = named<QTableView>(&editor, "Thresholds");
  const QModelIndex cell = editor.model()->index(1, ThresholdModel::kThreshold);
  QCOMPARE(cell.data().toString(), QString("0.0300"));
  // By keyboard, as a person does it.
  table->setFocus();
  table->setCurrentIndex(cell);
  QTest::keyClick(table, Qt::Key_F2);
  auto* line = table->findChild<QLineEdit*>();
  QVERIFY(line);
  QCOMPARE(line->text(), QString("0.03"));
  line->selectAll();
  QTest::keyClicks(line, "always");
  QTest::keyClick(line, Qt::Key_Return);
  QTRY_COMPARE(session->policy().thresholds[1], kAlwaysLeave);
  QCOMPARE(cell.data().toString(), QString("always"));
  QCOMPARE(session->policy().thresholds[0], 0.035);
  QTRY_VERIFY(session->records_current());
  for (qint64 frame = 0; frame < scene.frames; ++frame) QVERIFY(session->record(frame)->exit_index <= 1);
}

void PanelsTest::a_bad_entry_is_refused() {
  Scene scene;
  const auto session = scene.session();
  ThresholdEditor editor(session.get());
  editor.show();
  QVERIFY(test::open_all(session.get()));
  const ExitPolicy before = session->policy();
  const QModelIndex cell = editor.model()->index(0, ThresholdModel::kThreshold);
  QVERIFY(!editor.model()->setData(cell, "lots", Qt::EditRole));
  QVERIFY2(editor.message().contains("lots") && editor.message().contains("always"), qPrintable(editor.message()));
  QCOMPARE(session->policy(), before);
  QCOMPARE(PolicyUndo::of(session.get())->count(), 0);
  QVERIFY(editor.model()->setData(cell, "0.5", Qt::EditRole));
  QVERIFY(editor.message().isEmpty());
  QVERIFY(!editor.model()->setData(editor.model()->index(0, ThresholdModel::kDepth), "3", Qt::EditRole));
}

void PanelsTest::undo_and_reset() {
  Scene scene;
  const auto session = scene.session();
  ThresholdEditor editor(session.get());
  editor.show();
  QVERIFY(test::open_all(session.get()));
  const ExitPolicy first = session->policy();
  QVERIFY(editor.model()->setData(editor.model()->index(0, ThresholdModel::kThreshold), "0.5", Qt::EditRole));
  QVERIFY(editor.model()->setData(editor.model()->index(2, ThresholdModel::kThreshold), "never", Qt::EditRole));
  const ExitPolicy third = session->policy();
  QCOMPARE(PolicyUndo::of(session.get())->count(), 2);
  PolicyUndo::of(session.get())->undo();
  QCOMPARE(session->policy().thresholds[2], 0.02);
  PolicyUndo::of(session.get())->undo();
  QCOMPARE(session->policy(), first);
  PolicyUndo::of(session.get())->redo();
  PolicyUndo::of(session.get())->redo();
  QCOMPARE(session->policy(), third);
  editor.reset_to_suggested();
  QCOMPARE(session->policy().thresholds, Scene::thresholds());
  PolicyUndo::of(session.get())->undo();
  QCOMPARE(session->policy(), third);
  // A change made elsewhere can be undone here.
  ExitPolicy other = third;
  other.thresholds[4] = 0.25;
  session->set_policy(other);
  PolicyUndo::of(session.get())->undo();
  QCOMPARE(session->policy(), third);
}

void PanelsTest::controls_write_the_policy() {
  Scene scene;
  const auto session = scene.session();
  ThresholdEditor editor(session.get());
  editor.resize(380, 640);
  editor.show();
  QVERIFY(test::open_all(session.get()));
  const auto choose = [&editor](const QString& control, const QString& item) {
    auto* combo = named<QComboBox>(&editor, control);
    const int place = combo ? combo->findText(item) : -1;
    if (place >= 0) combo->setCurrentIndex(place);
    return place >= 0;
  };
  QVERIFY(choose("Deepest", "Exit 3 · depth 6"));
  QCOMPARE(session->policy().max_layer, std::optional<int>(6));
  QVERIFY(choose("Delta", "Cosine"));
  QCOMPARE(session->policy().delta_type, DeltaType::cosine);
  auto* stage = named<QSpinBox>(&editor, "Decide every");
  stage->setValue(3);
  stage->setValue(5);
  QCOMPARE(session->policy().steps_per_stage, 5);
  QCOMPARE(PolicyUndo::of(session.get())->count(), 3);  // both steps of the spin box are one
  QVERIFY(choose("Criterion", "Fixed exit"));
  QVERIFY(!named<QComboBox>(&editor, "Deepest")->isVisible());
  QVERIFY(!named<QTableView>(&editor, "Thresholds")->isEnabled());
  QVERIFY(choose("Exit", "Exit 2 · depth 4"));
  QCOMPARE(session->policy().fixed_layer, std::optional<int>(3));
  QTRY_COMPARE(editor.result_text(), QString("exact, 120 frames"));
}

void PanelsTest::the_histogram_counts_frames() {
  Scene scene;
  const auto session = scene.session();
  ThresholdEditor editor(session.get());
  editor.resize(380, 640);
  editor.show();
  QVERIFY(test::open_all(session.get()));
  auto* histogram = editor.findChild<ExitHistogram*>();
  const auto expected = [&] {
    std::vector<qint64> counts(6, 0);
    for (qint64 frame = 0; frame < scene.frames; ++frame)
      ++counts[std::size_t(Scene::exit_taken(frame, session->policy()))];
    return counts;
  };
  QTRY_COMPARE(histogram->counts(), expected());
  QTRY_COMPARE(editor.result_text(), QString("exact, 120 frames"));
  const auto before = expected();
  QVERIFY(editor.model()->setData(editor.model()->index(0, ThresholdModel::kThreshold), "0.1", Qt::EditRole));
  QVERIFY(expected() != before);
  QTRY_COMPARE(histogram->counts(), expected());
  const QImage image = histogram->grab().toImage();
  const QRect bar = histogram->bar(0);
  QVERIFY(bar.height() > 4);
  QCOMPARE(image.pixelColor(bar.center() * histogram->devicePixelRatioF()), Theme::instance().exit_color(0, 6));
}

void PanelsTest::shares_stand_clear_of_the_estimate() {
  ExitHistogram histogram;
  histogram.resize(240, histogram.sizeHint().height());
  histogram.set_counts({40, 20, 40}, true);
  // A little higher than the bar, much higher, lower.
  for (const auto& shares : {std::vector{0.45, 0.22, 0.33}, {0.1, 0.8, 0.1}, {0.5, 0.1, 0.4}}) {
    histogram.set_estimate(shares);
    for (int exit = 0; exit < 3; ++exit) {
      const QRect label = histogram.label(exit), outline = histogram.outline(exit);
      QVERIFY(histogram.rect().contains(label));
      QVERIFY(label.bottom() < histogram.bar(exit).top());
      QVERIFY2(outline.top() <= label.top() || outline.top() > label.bottom(), qPrintable(QString::number(exit)));
    }
  }
}

void PanelsTest::browser_lists_and_opens() {
  Scene scene;
  const auto session = scene.session();
  EpisodeBrowser browser(session.get());
  browser.resize(300, 400);
  browser.show();
  QSignalSpy asked(&browser, &EpisodeBrowser::open_dataset_requested);
  QPushButton* open = nullptr;
  for (auto* button : browser.findChildren<QPushButton*>()) {
    if (button->isVisible()) open = button;
  }
  QVERIFY(open);
  QTest::mouseClick(open, Qt::LeftButton);
  QCOMPARE(asked.count(), 1);
  QVERIFY(test::open_episode(session.get()));
  const QAbstractItemModel* model = browser.tree()->model();
  QTRY_COMPARE(model->rowCount(), 2);
  QCOMPARE(model->index(0, 0).data().toString(), QString("training"));
  QCOMPARE(model->index(1, 0).data().toString(), QString("validation"));
  const QModelIndex third = model->index(0, 0, model->index(1, 0));
  QCOMPARE(third.data().toString(), QString("turn on the LED"));
  browser.tree()->setFocus();
  browser.tree()->setCurrentIndex(third);
  QTest::keyClick(browser.tree(), Qt::Key_Return);
  QTRY_COMPARE(session->episode_index(), std::optional<std::size_t>(2));
  const QModelIndex second = model->index(1, 0, model->index(0, 0));
  const QPoint at = browser.tree()->visualRect(second).center();
  QTest::mouseClick(browser.tree()->viewport(), Qt::LeftButton, {}, at);
  QTRY_COMPARE(session->episode_index(), std::optional<std::size_t>(1));
  // A run leaves its mean depth in the list.
  const auto depth = second.siblingAtColumn(EpisodeModel::kDepth);
  QCOMPARE(depth.data().toString(), QString());
  session->open_model("scene");
  session->run_episode();
  QTRY_VERIFY(session->activity() == Session::Activity::idle && session->evaluated_count() == session->frame_count());
  double sum = 0;
  for (qint64 frame = 0; frame < session->frame_count(); ++frame) sum += session->record(frame)->depth();
  QTRY_COMPARE(depth.data().toString(), format_fixed(sum / double(session->frame_count()), 1));
}

void PanelsTest::browser_searches() {
  Scene scene;
  const auto session = scene.session();
  EpisodeBrowser browser(session.get());
  browser.resize(300, 400);
  browser.show();
  QVERIFY(test::open_episode(session.get()));
  const QAbstractItemModel* model = browser.tree()->model();
  QTRY_COMPARE(leaves(model), 4);
  QTest::keyClicks(browser.search(), "block LIFT");
  QTRY_COMPARE(leaves(model), 1);
  QCOMPARE(model->index(0, 0, model->index(0, 0)).data().toString(), QString("lift the red block from the table"));
  browser.search()->setText("358682");  // first frame of the third
  QTRY_COMPARE(leaves(model), 1);
  browser.search()->setText("no such thing");
  QTRY_COMPARE(leaves(model), 0);
  QTRY_VERIFY(!browser.tree()->isVisible());
  browser.search()->clear();
  QTRY_COMPARE(leaves(model), 4);
}

void PanelsTest::twenty_thousand_episodes() {
  Scene scene;
  scene.episodes = 20'000;
  const auto session = scene.session();
  EpisodeBrowser browser(session.get());
  browser.resize(300, 400);
  browser.show();
  QVERIFY(test::open_episode(session.get()));
  QTRY_COMPARE(leaves(browser.tree()->model()), 20'000);
  QElapsedTimer clock;
  clock.start();
  browser.search()->setText("pink left");
  QTRY_COMPARE(leaves(browser.tree()->model()), 5'000);
  qInfo("search over 20,000 episodes: %lld ms, 60 of them waiting for more letters", clock.elapsed());
  QVERIFY(clock.elapsed() < 2'000);
}

void PanelsTest::models_are_sound() {
  Scene scene;
  const auto collection = scene.source_opener()("scene", {});
  EpisodeModel episodes;
  QAbstractItemModelTester episode_tester(&episodes, QAbstractItemModelTester::FailureReportingMode::QtTest);
  episodes.set_collection(collection.get());
  episodes.set_open_episode(2);
  QCOMPARE(episodes.index_of(3).data().toString(), QString("push the pink block to the left"));
  episodes.set_collection(nullptr);
  QCOMPARE(episodes.rowCount(), 0);

  ThresholdModel thresholds;
  QAbstractItemModelTester threshold_tester(&thresholds, QAbstractItemModelTester::FailureReportingMode::QtTest);
  ExitPolicy policy;
  policy.thresholds = {0.1};  // fewer than exits
  thresholds.set({1, 3, 5}, {}, policy);
  QCOMPARE(thresholds.index(2, ThresholdModel::kThreshold).data().toString(), QString(QChar(0x2013)));
  thresholds.set({}, {}, {});

  ActionModel actions;
  QAbstractItemModelTester action_tester(&actions, QAbstractItemModelTester::FailureReportingMode::QtTest);
  actions.set({1, 3}, nullptr, {});
  QCOMPARE(actions.index(0, 0).data().toString(), QString(QChar(0x2013)));
  actions.set({1, 3}, std::make_shared<FrameRecord>(), {});
  QCOMPARE(actions.index(0, actions.error_column()).data().toString(), QString(QChar(0x2013)));
}

void PanelsTest::values_can_be_selected() {
  QWidget page;
  auto* const form = new QFormLayout(&page);
  auto* const value = add_form_field(form, QStringLiteral("move"), QStringLiteral("How far."));
  auto* const other = new QLineEdit;
  form->addRow(other);
  value->setText(QStringLiteral("12.5 mm and some more words that need a second line in so narrow a place"));
  page.resize(300, 160);
  page.show();
  page.activateWindow();
  QVERIFY(QTest::qWaitForWindowActive(&page));
  const auto before = value->grab().toImage();
  QCOMPARE(value->cursor().shape(), Qt::IBeamCursor);
  QTest::mousePress(value, Qt::LeftButton, {}, QPoint(2, 8));
  QTest::mouseMove(value, QPoint(60, 8));
  QTest::mouseRelease(value, Qt::LeftButton, {}, QPoint(60, 8));
  QVERIFY2(value->selectedText().startsWith(QStringLiteral("12.5")), qPrintable(value->selectedText()));
  QVERIFY(value->grab().toImage() != before);
  // Once a person goes elsewhere it is an ordinary label again.
  other->setFocus();
  QVERIFY(!value->hasSelectedText());
  QCOMPARE(value->textInteractionFlags(), Qt::NoTextInteraction);
  QCOMPARE(value->grab().toImage(), before);
}

}  // namespace deer

DEER_SUITE(deer::PanelsTest)
#include "tst_panels.moc"
